//! libiscsi's own test program, each test in a process of its own: a hang or a crash of one cannot hide the others.
//!
//! `target/live/iscsi-test-cu.csv` has a line for each test and each unit it ran on, `iscsi-test-cu.txt` the summary and
//! `iscsi-test-cu.log` everything that was said. The program counts a test that it skipped as passed; here it is a skip.

use crate::evidence::{EXCUSED, Excuse};
use crate::harness::{Scratch, Serve, TARGET, folder};
use crate::tool::{Ran, run, run_for};
use crate::verdict::{Verdict, judge};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

/// The longest test of 1.19 sleeps a minute between two looks at a unit that is being sanitized.
const TEST_MAX: Duration = Duration::from_secs(120);

/// One test on one unit.
#[derive(Debug)]
struct Line {
    family: String,
    test: String,
    unit: &'static str,
    verdict: Verdict,
    took: Duration,
    reason: String,
    said: String,
}

impl Line {
    fn name(&self) -> String {
        format!("{}.{}", self.family, self.test)
    }
}

/// The families that run on units of several kinds: what every initiator does.
fn is_usual(family: &str) -> bool {
    const FAMILIES: [&str; 11] = [
        "Write10",
        "Write12",
        "Write16",
        "WriteSame10",
        "WriteSame16",
        "Unmap",
        "GetLBAStatus",
        "Inquiry",
        "TestUnitReady",
        "ReportLUNs",
        "ModeSense6",
    ];
    family.starts_with("iSCSI") || family.starts_with("Read") || FAMILIES.contains(&family)
}

/// The families about a medium that can be taken out.
fn is_about_media(family: &str) -> bool {
    matches!(family, "NoMedia" | "StartStopUnit" | "PreventAllow")
}

/// Tests that want a unit of fewer than 256 blocks: COMPARE AND WRITE of 256, which others ask for, has no CDB.
fn wants_few_blocks(test: &str) -> bool {
    matches!(test, "CompareAndWrite.Simple" | "CompareAndWrite.Miscompare")
}

/// Tests of what larger physical blocks, atomic writes or a small medium make possible.
fn wants_physical_blocks(family: &str, test: &str) -> bool {
    matches!(family, "WriteSame10" | "WriteSame16" | "WriteAtomic16")
        || test == "CompareAndWrite.InvalidDataOutSize"
}

/// A unit to run on, and which tests.
struct Plan {
    unit: &'static str,
    /// Lines of the configuration for the unit; `FILE` stands for a file of 128 MiB.
    lun: &'static str,
    /// Further lines before the target.
    offer: &'static str,
    /// By one portal or by two.
    paths: usize,
    /// By family, and by both names.
    chooses: fn(&str, &str) -> bool,
}

const MEMORY: Plan = Plan {
    unit: "memory",
    lun: "memory = \"128M\"",
    offer: "",
    paths: 1,
    chooses: |family, _| is_usual(family),
};

/// The usual unit; one of another kind; one that may only be read; a target that insists on header digests, which the
/// program then uses; the usual unit through two portals; and one for each thing that the others have not.
const PLANS: [Plan; 11] = [
    MEMORY,
    Plan { unit: "file-4096", lun: "file = FILE\nblock_size = 4096", ..MEMORY },
    Plan {
        unit: "read-only",
        lun: "memory = \"128M\"\nread_only = true",
        chooses: |family, _| family.starts_with("Read"),
        ..MEMORY
    },
    Plan { unit: "digests", offer: "[offer]\nheader_digest = \"required\"", ..MEMORY },
    Plan {
        unit: "two-portals",
        paths: 2,
        chooses: |family, test| {
            !is_usual(family)
                && !is_about_media(family)
                && !wants_few_blocks(test)
                && !wants_physical_blocks(family, test)
                && !matches!(family, "MultipathIO" | "Sanitize")
        },
        ..MEMORY
    },
    // It counts on zeros where it has not written any.
    Plan { unit: "two-portals-new", paths: 2, chooses: |family, _| family == "MultipathIO", ..MEMORY },
    Plan {
        unit: "few-blocks",
        lun: "memory = \"100K\"",
        chooses: |_, test| wants_few_blocks(test),
        ..MEMORY
    },
    Plan {
        unit: "physical-4096",
        lun: "memory = \"8M\"\nphysical_block_size = 4096\natomic_blocks = 256\natomic_alignment = 2\natomic_granularity = 2",
        chooses: wants_physical_blocks,
        ..MEMORY
    },
    Plan {
        unit: "removable",
        lun: "memory = \"64M\"\nremovable = true",
        paths: 2,
        chooses: |family, _| is_about_media(family),
        ..MEMORY
    },
    Plan {
        unit: "sanitized",
        lun: "memory = \"8M\"",
        chooses: |family, test| family == "Sanitize" && test != "Sanitize.Reset",
        ..MEMORY
    },
    // It must still be at it four seconds later; then the program sleeps for a minute, in which it answers no ping.
    Plan {
        unit: "sanitized-slowly",
        offer: "[timers]\nnop_interval = 0",
        lun: "file = FILE\ndelay_ms = 100",
        chooses: |_, test| test == "Sanitize.Reset",
        ..MEMORY
    },
];

impl Plan {
    /// The configuration of the server, with the file if there is one.
    fn config(&self, file: &str) -> String {
        let Self { lun, offer, .. } = self;
        let lun = lun.replace("FILE", &format!("{file:?}"));
        format!("{offer}\n[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\n{lun}\n")
    }
}

/// Every FAMILY.TEST with the name to run it by, once: the lists of the program overlap.
fn tests() -> Vec<(String, String, String)> {
    let list = run("iscsi-test-cu", &["--list"]).ok();
    let mut seen = BTreeMap::new();
    let mut out = Vec::new();
    for line in list.text.lines() {
        let [suite, family, test] = line.trim().split('.').collect::<Vec<_>>()[..] else { continue };
        if suite != "LINUX" && seen.insert((family, test), ()).is_none() {
            out.push((family.to_owned(), test.to_owned(), line.trim().to_owned()));
        }
    }
    assert!(out.len() > 200, "iscsi-test-cu lists {} tests", out.len());
    out
}

/// Runs one test on these paths to one unit; line-buffered, so that what it said before it was killed is there.
pub fn run_test(name: &str, paths: &[&str]) -> Ran {
    let args = [&["-oL", "-eL", "iscsi-test-cu", "-V", "-d", "-S", "-t", name][..], paths].concat();
    run_for(TEST_MAX, "stdbuf", &args)
}

fn run_plan(ordinal: usize, plan: &Plan, tests: &[(String, String, String)]) -> Vec<Line> {
    let name = format!("suite-{ordinal}");
    let file = Scratch::with(&name, b"");
    if plan.lun.contains("FILE") {
        fs::File::options().write(true).open(file.path()).and_then(|f| f.set_len(128 << 20)).expect("a file");
    }
    let more = if plan.paths > 1 { &["--listen", "127.0.0.1:0"][..] } else { &[] };
    let mut serve = Serve::config(&name, &plan.config(file.path()), more);
    let mut urls = vec![serve.url(0)];
    urls.extend((1..plan.paths).map(|_| format!("iscsi://{}/{TARGET}/0", serve.next_address())));
    let paths: Vec<_> = urls.iter().map(String::as_str).collect();
    let mut out = Vec::new();
    for (family, test, name) in tests {
        if !(plan.chooses)(family, &format!("{family}.{test}")) {
            continue;
        }
        let ran = run_test(name, &paths);
        let (verdict, reason) = judge(&ran);
        out.push(Line {
            family: family.clone(),
            test: test.clone(),
            unit: plan.unit,
            verdict,
            took: ran.took,
            reason,
            said: ran.text,
        });
        assert!(serve.is_running(), "serve ended during {name} on {}: {}", plan.unit, serve.log());
    }
    serve.stop();
    out
}

fn suite_version() -> String {
    run("dpkg-query", &["-W", "-f", "${Version}", "libiscsi-bin"]).ok().text.trim().to_owned()
}

/// Writes the three files.
fn report(version: &str, lines: &[Line]) -> String {
    let mut csv = String::from("suite_version,family,test,unit,result,seconds,reason\n");
    let mut log = String::new();
    let mut best = BTreeMap::<String, Verdict>::new();
    for line in lines {
        let Line { family, test, unit, verdict, took, reason, said } = line;
        let reason = reason.replace('"', "'");
        let seconds = took.as_secs_f32();
        let _ = writeln!(csv, "{version},{family},{test},{unit},{verdict},{seconds:.2},\"{reason}\"");
        let _ = writeln!(log, "##### {family}.{test} on {unit}: {verdict}\n{said}");
        let best = best.entry(line.name()).or_insert(*verdict);
        *best = (*best).min(*verdict);
    }
    let mut text = format!("iscsi-test-cu of libiscsi-bin {version}\n");
    let of = |verdict| best.values().filter(|known| **known == verdict).count();
    let [pass, fail, skip] = [Verdict::Pass, Verdict::Fail, Verdict::Skip].map(of);
    let _ = writeln!(
        text,
        "{} tests, each by its best result on {} units: {pass} passed, {fail} failed, {skip} skipped, {} neither",
        best.len(),
        PLANS.len(),
        best.len() - pass - fail - skip
    );
    let mut others = BTreeMap::<String, Vec<String>>::new();
    for line in lines.iter().filter(|line| line.verdict != Verdict::Pass) {
        let excused = EXCUSED.iter().find(|excuse| excuse.test == line.name());
        let passes = best.get(&line.name()) == Some(&Verdict::Pass);
        let why = match excused {
            Some(excuse) => format!("no correct target can pass it: {}", excuse.clause),
            None if passes => "it passes on another unit".to_owned(),
            None => "NOBODY KNOWS WHY".to_owned(),
        };
        let what = format!("{}, {}: {}\n      {why}", line.unit, line.verdict, line.reason);
        others.entry(what).or_default().push(line.name());
    }
    for (what, tests) in others {
        let _ = writeln!(text, "  {}\n      on {what}", tests.join(" "));
    }
    for (name, text) in [("csv", &csv), ("log", &log), ("txt", &text)] {
        fs::write(folder().join(format!("iscsi-test-cu.{name}")), text).expect("a report");
    }
    text
}

/// What the gate has to say: a test that is not excused passes on one unit at least, and fails on none.
fn complaints(lines: &[Line], excuses: &[Excuse]) -> Vec<String> {
    let passed: BTreeSet<_> =
        lines.iter().filter(|line| line.verdict == Verdict::Pass).map(Line::name).collect();
    let mut out = Vec::new();
    for line in lines {
        let excused = excuses.iter().any(|excuse| excuse.test == line.name());
        let what = match line.verdict {
            Verdict::Pass if excused => "is excused, but passes: the excuse is stale",
            Verdict::Fail if excused => continue,
            Verdict::Pass => continue,
            Verdict::Skip if passed.contains(&line.name()) => continue,
            Verdict::Skip if excused => "is excused, but skipped",
            Verdict::Skip => "is skipped on every unit",
            _ => "does not pass",
        };
        out.push(format!("{} on {} {what}: {} {}", line.name(), line.unit, line.verdict, line.reason));
    }
    out
}

#[test]
#[ignore = "needs libiscsi-bin: run by CI"]
fn iscsi_test_cu_finds_nothing_wrong() {
    let tests = tests();
    let tests = tests.as_slice();
    let lines: Vec<Line> = std::thread::scope(|scope| {
        let running: Vec<_> = PLANS
            .iter()
            .enumerate()
            .map(|(ordinal, plan)| scope.spawn(move || run_plan(ordinal, plan, tests)))
            .collect();
        running.into_iter().flat_map(|plan| plan.join().expect("the plan ran")).collect()
    });
    let summary = report(&suite_version(), &lines);
    println!("{summary}");
    let complaints = complaints(&lines, EXCUSED);
    assert!(complaints.is_empty(), "{summary}\n{}", complaints.join("\n"));
    let ran: BTreeSet<_> = lines.iter().map(Line::name).collect();
    let left: Vec<_> = tests
        .iter()
        .map(|(family, test, _)| format!("{family}.{test}"))
        .filter(|name| !ran.contains(name))
        .collect();
    assert!(left.is_empty(), "no unit has: {}", left.join(" "));
}

#[test]
fn the_gate_lets_through_what_passes_and_nothing_stale() {
    use Verdict::{Crash, Error, Fail, Pass, Skip, Timeout};
    let excuses = [Excuse { test: "Read10.Odd", lun: "", clause: "", expects: "", says: &[], pdus: &[] }];
    let line = |test: &str, verdict| Line {
        family: "Read10".into(),
        test: test.into(),
        unit: "mem",
        verdict,
        took: Duration::ZERO,
        reason: String::new(),
        said: String::new(),
    };
    for (test, verdicts, lets) in [
        ("Simple", &[Pass][..], true),
        ("Simple", &[Pass, Pass], true),
        ("Simple", &[Skip, Pass], true),
        ("Simple", &[Skip, Skip], false),
        ("Simple", &[Fail, Pass], false),
        ("Simple", &[Timeout], false),
        ("Simple", &[Crash, Pass], false),
        ("Simple", &[Error], false),
        ("Odd", &[Fail], true),
        ("Odd", &[Fail, Pass], false),
        ("Odd", &[Skip], false),
        ("Odd", &[Timeout], false),
    ] {
        let lines: Vec<_> = verdicts.iter().map(|verdict| line(test, *verdict)).collect();
        let complaints = complaints(&lines, &excuses);
        assert_eq!(complaints.is_empty(), lets, "{test} {verdicts:?}: {complaints:?}");
    }
}
