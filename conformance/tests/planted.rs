//! Can a probe event be wrong quietly? Errors planted in each member of each probe, shown to the two judges: the wire oracle,
//! which derives every event from the bytes and must catch all, and the judge of `trace live --check` and `trace check`,
//! which knows events only. What it cannot see is in the table, so that nobody thinks it can.

use conformance::runner::{Backend, Options, Verdict, definitions, run};
use conformance::scenario::{cases, parse_text};
use conformance::trace::{Judge, ProbeRecord, Record, RecordKind};
use initiator_sim::codec::{Digests, encode};
use initiator_sim::net::Dir;
use initiator_sim::oracle::{Oracles, Violation, WirePdu};
use initiator_sim::world;
use initiator_sim::world::tap::Tap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use target_core::config::Config;
use target_core::probe::Probe;

/// A session in which every probe fires, data comes in several PDUs, and something follows each event.
const SESSION: &str = r#"
title: t
needs: [simulator]
target: {luns: [{lun: 0}, {lun: 5}]}
steps:
  - login: {on: c1, keys: {InitialR2T: "No", ImmediateData: "Yes", MaxRecvDataSegmentLength: 512, FirstBurstLength: 1024, MaxBurstLength: 1024}}
  - scsi: {on: c1, lun: 5, op: tur, expect: {status: {in: [GOOD, CHECK_CONDITION]}}}
  - scsi: {on: c1, lun: 5, op: tur, expect: {status: {in: [GOOD, CHECK_CONDITION]}}}
  - scsi: {on: c1, lun: 5, op: write10, lba: 0, blocks: 6, data: "pat(1,3072)"}
  - scsi: {on: c1, lun: 5, op: read10, lba: 0, blocks: 6}
  - nop: {on: c1, data: hello}
  - tmf: {on: c1, function: ABORT_TASK, fields: {LUN: 5, RefTaskTag: 0x7777, RefCmdSN: $c1.CmdSN-1}, expect: {Response: {in: [FUNCTION_COMPLETE, TASK_DOES_NOT_EXIST]}}}
  - target: {storage: {lun: 5, stall: true}}
  - send: {on: c1, pdu: ScsiCommand, LUN: 5, cdb: {read10: {lba: 0, blocks: 1}}, as: waits}
  - clock: {advance: 1s}
  - tmf: {on: c1, function: ABORT_TASK, lun: 5, task: waits, expect: {Response: FUNCTION_COMPLETE}}
  - target: {storage: {lun: 5, resume: true}}
  - text: {on: c1, keys: {MaxRecvDataSegmentLength: 512}}
  - target: {admin: {request_logout: c1, seconds: 3}}
  - expect: {on: c1, pdu: AsyncMessage, AsyncEvent: REQUEST_LOGOUT}
  - nop: {on: c1, data: again}
  - logout: {on: c1}
"#;

const MEMBERS: [&str; 15] = [
    "ci_local",
    "ci_remote",
    "ci_protocol",
    "ii_target",
    "ii_initiator",
    "ii_lun",
    "ii_itt",
    "ii_ttt",
    "ii_cmdsn",
    "ii_statsn",
    "ii_datasn",
    "ii_datalen",
    "ii_flags",
    "ic_len",
    "ic_cdb",
];

fn session() -> Vec<Record> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scenario = parse_text(&root, "t/planted", "planted", SESSION.to_owned())
        .unwrap_or_else(|error| panic!("{}", error.message));
    let options = Options { backend: Backend::Simulator, seed: None, twice: false, moments: false };
    let report = run(&scenario, &cases(&scenario).expect("one case")[0], &options);
    assert!(matches!(report.verdict, Verdict::Passed), "{:?}", report.verdict);
    report.records
}

/// The event with one member wrong, in each of several ways.
fn plants(event: &ProbeRecord, member: &str) -> Vec<ProbeRecord> {
    let texts = |text: &str, address: bool| -> Vec<String> {
        let other = if address { "192.0.2.250".to_owned() } else { format!("{text}x") };
        [other, String::new()].into_iter().filter(|other| other != text).collect()
    };
    let numbers = |number: u32| [number.wrapping_add(1), number.wrapping_sub(1), number ^ 0x5a5a_0000];
    let with = |change: &dyn Fn(&mut ProbeRecord)| {
        let mut event = event.clone();
        change(&mut event);
        event
    };
    let words = |set: &dyn Fn(&mut ProbeRecord, u32), number| -> Vec<ProbeRecord> {
        numbers(number).into_iter().map(|number| with(&|event| set(event, number))).collect()
    };
    let strings = |set: &dyn Fn(&mut ProbeRecord, String), list: Vec<String>| -> Vec<ProbeRecord> {
        list.into_iter().map(|text| with(&|event| set(event, text.clone()))).collect()
    };
    match member {
        "ci_local" => strings(&|event, text| event.ci_local = text, texts(&event.ci_local, true)),
        "ci_remote" => strings(&|event, text| event.ci_remote = text, texts(&event.ci_remote, true)),
        "ci_protocol" => strings(&|event, text| event.ci_protocol = text, vec!["ipv6".into(), String::new()]),
        "ii_target" => strings(&|event, text| event.ii_target = text, texts(&event.ii_target, false)),
        "ii_initiator" => {
            strings(&|event, text| event.ii_initiator = text, texts(&event.ii_initiator, false))
        }
        "ii_lun" => {
            [event.ii_lun + 1, 1 << 40].into_iter().map(|lun| with(&|event| event.ii_lun = lun)).collect()
        }
        "ii_itt" => words(&|event, number| event.ii_itt = number, event.ii_itt),
        "ii_ttt" => words(&|event, number| event.ii_ttt = number, event.ii_ttt),
        "ii_cmdsn" => words(&|event, number| event.ii_cmdsn = number, event.ii_cmdsn),
        "ii_statsn" => words(&|event, number| event.ii_statsn = number, event.ii_statsn),
        "ii_datasn" => words(&|event, number| event.ii_datasn = number, event.ii_datasn),
        "ii_datalen" => words(&|event, number| event.ii_datalen = number, event.ii_datalen),
        "ii_flags" => (0..8).map(|bit| with(&|event| event.ii_flags ^= 1 << bit)).collect(),
        "ic_len" => match event.ic_len {
            Some(len) => {
                [len + 1, len - 1, 0].into_iter().map(|len| with(&|event| event.ic_len = Some(len))).collect()
            }
            None => vec![with(&|event| event.ic_len = Some(16))],
        },
        "ic_cdb" => match &event.ic_cdb {
            Some(cdb) => (0..cdb.len())
                .map(|at| with(&|event| event.ic_cdb.iter_mut().for_each(|cdb| cdb[at] ^= 1)))
                .collect(),
            None => vec![with(&|event| event.ic_cdb = Some(vec![0; 16]))],
        },
        other => panic!("no member {other}"),
    }
}

/// What the wire oracle says of these PDUs and events.
fn wire_findings(records: &[Record]) -> Vec<Violation> {
    let mut oracles = Oracles::new(&Config::default(), Some(definitions().expect("right")));
    let ends = ["192.0.2.1:3260", "192.0.2.100:49152"].map(|end| end.parse().expect("an address"));
    oracles.opened(0, ends[0], ends[1]);
    let mut tap = Tap::default();
    // Events fire between PDUs, before the next one from the same side: nothing is missing until then.
    let mut events = records.iter().filter_map(|record| match &record.what {
        RecordKind::Probe(event) => Some((record.time_ns, event)),
        _ => None,
    });
    for record in records {
        let RecordKind::Pdu { from_target, pdu } = &record.what else { continue };
        let dir = if *from_target { Dir::In } else { Dir::Out };
        let (at, conn) = (record.time_ns, record.conn);
        tap.push(dir, &encode(pdu, Digests::NONE));
        while tap
            .next(dir, |track, view, quality| {
                oracles.pdu(track, &WirePdu { at, conn, dir, view: *view, quality })
            })
            .0
        {}
        if let Some((at, event)) = events.next() {
            oracles.probe(&of_world(at, event));
        }
        oracles.after_event(at, true, &|_| false);
    }
    let mut found = Vec::new();
    oracles.take_violations(&mut found);
    found.retain(|violation| violation.rule == "probe");
    found
}

/// The simulator's form of an event. It has the CDB alone; a length that is not the CDB's is a CDB of that length.
fn of_world(at: u64, event: &ProbeRecord) -> world::ProbeRecord {
    let cdb = match (&event.ic_cdb, event.ic_len) {
        (Some(cdb), Some(len)) => {
            let mut cdb = cdb.clone();
            cdb.resize(len as usize, 0);
            Some(cdb)
        }
        (cdb, len) => cdb.clone().or(len.map(|len| vec![0; len as usize])),
    };
    world::ProbeRecord {
        at,
        conn: 0,
        probe: event.probe,
        local: event.ci_local.as_str().into(),
        remote: event.ci_remote.as_str().into(),
        protocol: event.ci_protocol.as_str().into(),
        target: event.ii_target.as_str().into(),
        initiator: event.ii_initiator.as_str().into(),
        lun: event.ii_lun,
        itt: event.ii_itt,
        ttt: event.ii_ttt,
        cmd_sn: event.ii_cmdsn,
        stat_sn: event.ii_statsn,
        data_sn: event.ii_datasn,
        data_len: event.ii_datalen,
        flags: event.ii_flags,
        cdb,
    }
}

fn judged(records: &[Record]) -> Vec<String> {
    let mut judge = Judge::new().expect("the definitions are right");
    records.iter().flat_map(|record| judge.record(record)).map(|finding| finding.to_string()).collect()
}

/// How many of some errors were caught: `all`, `some` or none of them.
#[derive(Clone, Copy, Default)]
struct Caught {
    planted: usize,
    found: usize,
}

impl Caught {
    fn count(&mut self, found: bool) {
        self.planted += 1;
        self.found += usize::from(found);
    }

    const fn word(self) -> &'static str {
        match self.found {
            0 => "-",
            n if n == self.planted => "all",
            _ => "some",
        }
    }
}

/// For each probe, what becomes of the events of `records` if each of them in turn is replaced by those that `wrong` gives, one after the
/// other.
fn caught(
    records: &[Record],
    wrong: &dyn Fn(&Record) -> Vec<Vec<Record>>,
    finds: &dyn Fn(&[Record]) -> bool,
) -> Vec<Caught> {
    let mut out = vec![Caught::default(); Probe::ALL.len()];
    for at in 0..records.len() {
        let RecordKind::Probe(event) = &records[at].what else { continue };
        for wrong in wrong(&records[at]) {
            let changed = [&records[..at], &wrong, &records[at + 1..]].concat();
            out[event.probe as usize].count(finds(&changed));
        }
    }
    for (probe, caught) in Probe::ALL.iter().zip(&out) {
        assert!(caught.planted > 0, "{} never fires", probe.name());
    }
    out
}

/// A column for each member.
fn columns(records: &[Record], finds: &dyn Fn(&[Record]) -> bool) -> Vec<(&'static str, Vec<Caught>)> {
    let column = |member: &'static str| {
        let wrong = |record: &Record| {
            let RecordKind::Probe(event) = &record.what else { return Vec::new() };
            let with = |event| vec![Record { what: RecordKind::Probe(event), ..record.clone() }];
            plants(event, member).into_iter().map(with).collect()
        };
        (member, caught(records, &wrong, finds))
    };
    MEMBERS.into_iter().map(column).collect()
}

/// What the two judges catch, for people.
fn document() -> String {
    let records = session();
    let judge = |records: &[Record]| !judged(records).is_empty();
    let mut columns = columns(&records, &judge);
    columns.push(("missing", caught(&records, &|_| vec![Vec::new()], &judge)));
    columns.push(("twice", caught(&records, &|record| vec![vec![record.clone(); 2]], &judge)));
    let mut out = String::from(BEFORE);
    let names = columns.iter().map(|(name, _)| format!(" `{}` |", name.trim_start_matches("ii_")));
    let _ = writeln!(out, "| |{}", names.collect::<String>());
    let _ = writeln!(out, "|---|{}", "---|".repeat(columns.len()));
    for probe in Probe::ALL {
        let words = columns.iter().map(|(_, column)| format!(" {} |", column[probe as usize].word()));
        let _ = writeln!(out, "| {} |{}", probe.name(), words.collect::<String>());
    }
    out
}

const BEFORE: &str = "\
# Which errors in probe events are caught

Generated by `UPDATE_EXPECT=1 cargo test -p conformance --test planted`, which fails without that when this is not what it finds.

Errors were planted in a session in which every probe fires: in each member of each event, in several ways (one more, one less, other
bits, another text, none), one error at a time.

**The wire oracle** of the simulator derives every event from the bytes that went over the wire. It caught every planted error in every
member of all sixteen probes.

**`trace live --check` and `trace check`** know events only. What they caught is in the table: `all` of the errors, `some` of them (not
in each event, or not each value), or none (`-`), since no other event tells of it, such as the length of a text. The last two columns
are whole events that are missing or are there twice. `ii_` is left out of the names.

";

fn caught_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("probes/CAUGHT.md")
}

#[test]
fn the_wire_oracle_catches_every_planted_error() {
    let records = session();
    assert_eq!(wire_findings(&records), []);
    for (member, column) in columns(&records, &|records| !wire_findings(records).is_empty()) {
        for (probe, caught) in Probe::ALL.iter().zip(column) {
            assert_eq!(caught.word(), "all", "{member} of {}", probe.name());
        }
    }
}

#[test]
fn the_judge_of_events_catches_what_the_document_says() {
    assert_eq!(judged(&session()), [""; 0]);
    let (path, wanted) = (caught_file(), document());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &wanted).expect("writable");
    }
    let there = std::fs::read_to_string(&path).expect("conformance/probes/CAUGHT.md");
    assert_eq!(there, wanted, "UPDATE_EXPECT=1 cargo test -p conformance --test planted");
}
