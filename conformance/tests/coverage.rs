//! Does the table of clauses fit the scenarios, the sources and itself? And is every SCSI command in a scenario?

#[path = "common/lab.rs"]
mod lab;

use conformance::coverage::{self, Coverage, Force, State};
use conformance::runner::suite::{Filter, run_all, select};
use conformance::runner::{Backend, Options};
use conformance::scenario::{Collection, Level};
use conformance::trace::{Record, RecordKind};
use initiator_sim::codec::Kind;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use target_core::scsi::CommandInfo;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn real() -> Coverage {
    coverage::read(&root()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn nothing_refers_to_nothing_and_no_exception_is_stale() {
    let problems: Vec<_> = real().problems.into_iter().map(|problem| problem.text).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The RFCs are not part of the tree. What can be seen without them: the ordinals of a section have no holes, and there are as
/// many as were counted in the texts.
#[test]
fn every_clause_has_its_row() {
    let mut sections: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut documents: BTreeMap<String, usize> = BTreeMap::new();
    for judged in real().clauses {
        let id = judged.clause.id.clone();
        let (section, ordinal) = id.rsplit_once('-').expect("an ordinal");
        sections.entry(section.to_owned()).or_default().push(ordinal.parse().expect("a number"));
        *documents.entry(id.split('/').next().expect("a document").to_owned()).or_default() += 1;
    }
    for (section, ordinals) in sections {
        assert!(ordinals.iter().copied().eq(1..=ordinals.len()), "{section}: {ordinals:?}");
    }
    assert_eq!(documents, BTreeMap::from([("rfc7143".to_owned(), 700), ("rfc7144".to_owned(), 28)]));
}

/// What SCSI asks for has documents of its own, probes have their definitions, and robustness has no sentence to go by.
#[test]
fn every_other_scenario_names_a_clause() {
    let collection = Collection::find(&root()).expect("scenarios/ can be read");
    let judged = collection.names().filter(|name| !name.starts_with("scsi/") && !name.starts_with("probes/"));
    let nameless = judged.filter(|name| {
        let scenario = collection.load(name).expect("valid");
        scenario.req.is_empty() && scenario.level != Level::Robust
    });
    assert_eq!(nameless.collect::<Vec<_>>(), Vec::<&str>::new());
}

/// Of what a target has to do, only what cannot be seen, or belongs to SRP, Kerberos or IPsec, may go without a check; of what
/// it should or may do, also advice that is not followed and permissions that are not used.
#[test]
fn reasons_are_sentences_and_good_enough() {
    for judged in real().clauses {
        if let State::Excepted(kind, reason) = &judged.state {
            let id = &judged.clause.id;
            assert!(reason.len() > 20 && reason.trim_end().ends_with('.'), "{id}: {reason}");
            let left_out = ["SRP", "Kerberos", "IPsec"].iter().any(|option| reason.contains(option));
            let has_to = judged.clause.level.force() == Force::Must;
            assert!(!has_to || *kind != coverage::Kind::Option || left_out, "{id}: {reason}");
        }
    }
}

/// What the target has to do, shows on the wire and is checked, is cited where the target does it. That the cited clauses are
/// there, `nothing_refers_to_nothing_and_no_exception_is_stale` sees.
#[test]
fn the_target_cites_what_it_has_to_meet() {
    let coverage = real();
    let missing: Vec<_> =
        coverage.uncited().map(|judged| format!("{}: {}", judged.clause.id, judged.clause.gist)).collect();
    assert!(missing.is_empty(), "cite these where the target meets them:\n{}", missing.join("\n"));
}

/// A root of the test's own, with one clause and one scenario.
fn small(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("coverage").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(path.join("scenarios/nop")).expect("a folder");
    let write = |file: &str, text: &str| std::fs::write(path.join(file), text).expect("a file");
    write("scenarios/clauses.tsv", "rfc7143/1-1\ttarget\tmust\twire\tAnswers pings\t-\n");
    write("scenarios/exceptions.yaml", "[]\n");
    write(
        "scenarios/nop/ping.scn.yaml",
        "title: A ping\nreq: [rfc7143/1-1]\nsteps:\n  - login: {on: c1}\n  - nop: {data: x}\n",
    );
    path
}

fn lab(root: &Path, args: &[&str]) -> (i32, String) {
    let output = lab::lab(root, args);
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().expect("an exit code"), text)
}

#[test]
fn the_command_reports_and_exits_as_it_says() {
    let root = small("command");
    let (exit, text) = lab(&root, &["coverage", "--fail-under", "must=100"]);
    assert_eq!(exit, 1, "without a golden trace it proves nothing: {text}");
    assert!(text.contains("does not count: nop/ping: it has no golden trace"), "{text}");
    assert!(text.contains("below the floor: must: 0 of 1 covered"), "{text}");
    assert_eq!(lab(&root, &["accept"]).0, 0);
    let (exit, text) =
        lab(&root, &["coverage", "--fail-under", "must=100", "--html", "page.html", "--verbose"]);
    assert_eq!(exit, 0, "{text}");
    assert!(text.contains("rfc7143/1-1 target must [covered] Answers pings: nop/ping"), "{text}");
    assert!(std::fs::read_to_string(root.join("page.html")).expect("a page").contains("nop/ping"));
    let (exit, text) = lab(&root, &["coverage", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((exit, &document["clauses"][0]["by"][0]), (0, &serde_json::json!("nop/ping")));
    assert_eq!(lab(&root, &["coverage", "--spec", "rfc1"]).0, 7);
    assert_eq!(lab(&root, &["coverage", "--fail-under", "all=1"]).0, 2);
    let exceptions = root.join("scenarios/exceptions.yaml");
    let stale = "- {clauses: [rfc7143/1-1], kind: option, reason: Once it was so.}\n";
    std::fs::write(&exceptions, stale).expect("a file");
    assert_eq!(lab(&root, &["coverage"]).0, 3);
    std::fs::write(&exceptions, "- {clauses: [rfc7143/1-2], kind: option, reason: x}\n").expect("a file");
    assert_eq!(lab(&root, &["coverage"]).0, 2);
    std::fs::remove_file(exceptions).expect("removed");
    let (exit, text) = lab(&root, &["coverage"]);
    assert!(exit == 2 && text.contains("scenarios/exceptions.yaml: "), "{text}");
}

/// The command that a CDB is, by opcode and service action.
fn command_of(cdb: &[u8]) -> Option<CommandInfo> {
    let action = match cdb {
        [0x7f, .., high, low] if cdb.len() == 10 => u16::from_be_bytes([*high, *low]),
        [_, byte, ..] => u16::from(byte & 0x1f),
        _ => return None,
    };
    target_core::scsi::commands()
        .find(|known| known.opcode == cdb[0] && known.action.is_none_or(|known| known == action))
}

/// Each command that the target took in these records, with its status.
fn answered(records: &[Record]) -> Vec<(&'static str, u32)> {
    let mut open = BTreeMap::new();
    let mut out = Vec::new();
    for record in records {
        match &record.what {
            RecordKind::Probe(event) => {
                let Some(cdb) = &event.ic_cdb else { continue };
                let cdb = if cdb.first() == Some(&0x7f) { cdb.get(..10).unwrap_or(cdb) } else { cdb };
                open.insert((record.conn, event.ii_itt), command_of(cdb).map(|command| command.name));
            }
            RecordKind::Pdu { from_target: true, pdu }
                if pdu.kind() == Some(Kind::ScsiResponse)
                    || (pdu.kind() == Some(Kind::DataIn) && pdu.flag("S")) =>
            {
                let command = open.remove(&(record.conn, pdu.word("ITT")));
                out.extend(command.flatten().map(|name| (name, pdu.word("Status"))));
            }
            _ => {}
        }
    }
    out
}

/// There is one list of commands, and scenarios must not lag behind it: each is executed in one and refused in one.
#[test]
fn every_command_is_executed_and_refused_in_a_scenario() {
    const CHECK_CONDITION: u32 = 0x02;
    const CONDITION_MET: u32 = 0x04;
    let collection = Collection::find(&root()).expect("scenarios/ can be read");
    let selected = select(&collection, &Filter::default()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let options = Options { backend: Backend::Simulator, seed: None, twice: false, moments: false };
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let ran = run_all(&root(), selected, &options, jobs, &|_| {});
    let seen: BTreeSet<_> =
        ran.iter().flat_map(|ran| &ran.reports).flat_map(|report| answered(&report.records)).collect();
    let lacks =
        |name: &'static str, statuses: &[u32]| !statuses.iter().any(|status| seen.contains(&(name, *status)));
    let mut missing = Vec::new();
    for command in target_core::scsi::commands() {
        if lacks(command.name, &[0, CONDITION_MET]) {
            missing.push(format!("{} is executed by no scenario", command.name));
        }
        if lacks(command.name, &[CHECK_CONDITION]) {
            missing.push(format!("{} is refused by no scenario", command.name));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
