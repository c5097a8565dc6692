//! libiscsi's own test program, each test in a process of its own: a hang or a crash of one cannot hide the others.
//!
//! `target/live/iscsi-test-cu.csv` has a line for each test and each unit it ran on, `iscsi-test-cu.txt` the summary and
//! `iscsi-test-cu.log` everything that was said. The program counts a test that it skipped as passed; here it is a skip.

use crate::evidence::{EXCUSED, Excuse};
use crate::harness::{Scratch, Serve, TARGET, folder};
use crate::tool::{Ran, run, run_for};
use crate::verdict::{Verdict, judge};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

/// The longest test of 1.19 takes three seconds.
const TEST_MAX: Duration = Duration::from_secs(60);

/// One test on one unit.
#[derive(Debug)]
struct Line {
    family: String,
    test: String,
    unit: &'static str,
    gated: bool,
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

/// The families that must not fail.
fn is_gated(family: &str) -> bool {
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

/// A unit to run on, and which families.
struct Plan {
    unit: &'static str,
    backing: Backing,
    /// Further lines for the unit in the configuration.
    lun: &'static str,
    /// Further lines before the target.
    offer: &'static str,
    families: fn(&str) -> bool,
}

/// What is behind the unit.
#[derive(Clone, Copy)]
enum Backing {
    Memory,
    File,
}

/// The usual unit; one of another kind; one that may only be read; a target that insists on header digests, which the
/// program then uses; and the usual unit for all families that are not gated.
const PLANS: [Plan; 5] = [
    Plan { unit: "mem-512", backing: Backing::Memory, lun: "", offer: "", families: is_gated },
    Plan {
        unit: "file-4096",
        backing: Backing::File,
        lun: "block_size = 4096",
        offer: "",
        families: is_gated,
    },
    Plan {
        unit: "read-only",
        backing: Backing::Memory,
        lun: "read_only = true",
        offer: "",
        families: |family| family.starts_with("Read"),
    },
    Plan {
        unit: "digests",
        backing: Backing::Memory,
        lun: "",
        offer: "[offer]\nheader_digest = \"required\"",
        families: is_gated,
    },
    Plan {
        unit: "mem-512",
        backing: Backing::Memory,
        lun: "",
        offer: "",
        families: |family| !is_gated(family),
    },
];

impl Plan {
    /// The configuration of the server, with the file if there is one.
    fn config(&self, file: &str) -> String {
        let Self { lun, offer, .. } = self;
        let backing = match self.backing {
            Backing::Memory => "memory = \"128M\"".to_owned(),
            Backing::File => format!("file = {file:?}"),
        };
        format!("{offer}\n[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\n{backing}\n{lun}\n")
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
    let args = [&["-oL", "-eL", "iscsi-test-cu", "-V", "-d", "-t", name][..], paths].concat();
    run_for(TEST_MAX, "stdbuf", &args)
}

fn run_plan(ordinal: usize, plan: &Plan, tests: &[(String, String, String)]) -> Vec<Line> {
    let name = format!("suite-{ordinal}");
    let file = Scratch::with(&name, b"");
    if let Backing::File = plan.backing {
        fs::File::options().write(true).open(file.path()).and_then(|f| f.set_len(128 << 20)).expect("a file");
    }
    let mut serve = Serve::config(&name, &plan.config(file.path()), &[]);
    let url = serve.url(0);
    let mut out = Vec::new();
    for (family, test, name) in tests.iter().filter(|(family, ..)| (plan.families)(family)) {
        // A second path enables the tests that want two nexuses; with it, the clean-up of some others crashes.
        let paths = if is_gated(family) { &[&*url][..] } else { &[&*url, &*url] };
        let ran = run_test(name, paths);
        let (verdict, reason) = judge(&ran);
        out.push(Line {
            family: family.clone(),
            test: test.clone(),
            unit: plan.unit,
            gated: is_gated(family),
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
    let mut csv = String::from("suite_version,family,test,unit,gated,result,seconds,reason\n");
    let mut log = String::new();
    for line in lines {
        let Line { family, test, unit, gated, verdict, took, reason, said } = line;
        let reason = reason.replace('"', "'");
        let gated = if *gated { "gated" } else { "not gated" };
        let seconds = took.as_secs_f32();
        let _ = writeln!(csv, "{version},{family},{test},{unit},{gated},{verdict},{seconds:.2},\"{reason}\"");
        let _ = writeln!(log, "##### {family}.{test} on {unit}: {verdict}\n{said}");
    }
    let mut text = format!("iscsi-test-cu of libiscsi-bin {version}\n");
    for (gated, name) in [(true, "gated"), (false, "not gated")] {
        let mut count = BTreeMap::<Verdict, usize>::new();
        for line in lines.iter().filter(|line| line.gated == gated) {
            *count.entry(line.verdict).or_default() += 1;
        }
        let of = |verdict| count.get(&verdict).copied().unwrap_or(0);
        let [pass, fail, skip] = [Verdict::Pass, Verdict::Fail, Verdict::Skip].map(of);
        let [timeout, crash, error] = [Verdict::Timeout, Verdict::Crash, Verdict::Error].map(of);
        let _ = writeln!(
            text,
            "{name}: {pass} passed, {fail} failed, {skip} skipped, {timeout} timed out, {crash} crashed, {error} not run"
        );
    }
    let mut others = BTreeMap::<String, Vec<String>>::new();
    for line in lines.iter().filter(|line| line.verdict != Verdict::Pass) {
        let excused = EXCUSED.iter().find(|excuse| excuse.test == line.name());
        let why = excused.map_or(String::new(), |excuse| format!(" (excused: {})", excuse.clause));
        let gated = if line.gated { "gated" } else { "not gated" };
        let what = format!("{gated}, {}, {}{why}: {}", line.unit, line.verdict, line.reason);
        others.entry(what).or_default().push(line.name());
    }
    for (what, tests) in others {
        let _ = writeln!(text, "  {what}\n      {}", tests.join(" "));
    }
    for (name, text) in [("csv", &csv), ("log", &log), ("txt", &text)] {
        fs::write(folder().join(format!("iscsi-test-cu.{name}")), text).expect("a report");
    }
    text
}

/// What the gate has to say about one line.
fn complaint(line: &Line, excuses: &[Excuse]) -> Option<String> {
    let excuse = excuses.iter().find(|excuse| excuse.test == line.name());
    let what = match (line.verdict, excuse) {
        (Verdict::Pass | Verdict::Skip, None) | (Verdict::Fail, Some(_)) => return None,
        (Verdict::Pass, Some(_)) => "is excused, but passes: the excuse is stale",
        (Verdict::Skip, Some(_)) => "is excused, but skipped",
        (_, _) => "does not pass",
    };
    line.gated.then(|| format!("{} on {} {what}: {} {}", line.name(), line.unit, line.verdict, line.reason))
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
    let complaints: Vec<_> = lines.iter().filter_map(|line| complaint(line, EXCUSED)).collect();
    assert!(complaints.is_empty(), "{summary}\n{}", complaints.join("\n"));
    for family in
        ["iSCSIResiduals", "iSCSITMF", "iSCSIcmdsn", "Read10", "Write16", "ReadCapacity16", "ModeSense6"]
    {
        let passed = |line: &Line| line.family == family && line.verdict == Verdict::Pass;
        assert!(lines.iter().any(passed), "no test of {family} passed");
    }
}

#[test]
fn the_gate_lets_through_what_passes_and_nothing_stale() {
    let excuses = [Excuse { test: "Read10.Odd", clause: "", expects: "", says: "", pdus: &[] }];
    let line = |test: &str, gated, verdict| Line {
        family: "Read10".into(),
        test: test.into(),
        unit: "mem",
        gated,
        verdict,
        took: Duration::ZERO,
        reason: String::new(),
        said: String::new(),
    };
    for (test, gated, verdict, lets) in [
        ("Simple", true, Verdict::Pass, true),
        ("Simple", true, Verdict::Skip, true),
        ("Simple", true, Verdict::Fail, false),
        ("Simple", false, Verdict::Fail, true),
        ("Simple", true, Verdict::Timeout, false),
        ("Simple", true, Verdict::Crash, false),
        ("Simple", true, Verdict::Error, false),
        ("Odd", true, Verdict::Fail, true),
        ("Odd", true, Verdict::Pass, false),
        ("Odd", true, Verdict::Skip, false),
        ("Odd", true, Verdict::Timeout, false),
    ] {
        let complaint = complaint(&line(test, gated, verdict), &excuses);
        assert_eq!(complaint.is_none(), lets, "{test} {gated} {verdict}: {complaint:?}");
    }
}
