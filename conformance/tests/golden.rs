//! Does every scenario run as its golden trace says? And are the files insta's own, so that `cargo insta test` and `cargo insta review` work on them?
//!
//! insta takes its mode from the environment when it is first used, so what it says is asked of another process: this very
//! binary, told by variables to run one assertion.

use conformance::golden::{self, Outcome, SOURCE};
use conformance::runner::suite::{Filter, golden_text, run_all, select};
use conformance::runner::{Backend, Options};
use conformance::scenario::Collection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the asked process finds its snapshot, and its text.
const FOLDER: &str = "ISCSI_LAB_TEST_SNAPSHOTS";
const TEXT: &str = "ISCSI_LAB_TEST_TEXT";

/// Text with everything that a snapshot could stumble over.
const ODD: &str = "  0.000000000 c1 -> NopOut {A=\"b\", ---}\n---\n\nsource: \\n é\t'\n0.1 c1 <- x\n";

/// What insta says of a golden trace.
fn assert_golden(folder: &Path, stem: &str, text: &str) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(stem, text));
}

/// The other process' part; does nothing in this one.
#[test]
fn asked_of_insta() {
    if let (Some(folder), Ok(text)) = (std::env::var_os(FOLDER), std::env::var(TEXT)) {
        assert_golden(Path::new(&folder), "some.name", &text);
    }
}

/// Asserts `text` with insta in this mode.
fn insta_says(folder: &Path, mode: &str, text: &str) -> Output {
    Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "asked_of_insta"])
        .env(FOLDER, folder)
        .env(TEXT, text)
        .env("INSTA_UPDATE", mode)
        .env_remove("INSTA_FORCE_PASS")
        .output()
        .expect("it runs")
}

/// An empty folder of the test's own, and the snapshot in it.
fn folder(name: &str) -> (PathBuf, PathBuf) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    let file = path.join("some.name.snap");
    (path, file)
}

#[test]
fn insta_reads_what_we_write() {
    let (folder, file) = folder("ours");
    golden::write(&file, ODD, SOURCE).expect("written");
    let same = insta_says(&folder, "no", ODD);
    assert!(same.status.success(), "{same:?}");
    let other = insta_says(&folder, "no", &ODD.replace('é', "e"));
    assert!(!other.status.success(), "insta compared nothing: {other:?}");
    let left = std::fs::read_dir(&folder).expect("readable").count();
    assert_eq!(left, 1, "with INSTA_UPDATE=no nothing is written");
}

#[test]
fn we_read_what_insta_writes_and_write_the_same_bytes() {
    let (folder, file) = folder("instas");
    let written = insta_says(&folder, "always", ODD);
    assert!(written.status.success(), "{written:?}");
    assert_eq!(golden::check(&file, ODD).expect("a snapshot"), Outcome::Same);
    let differs = golden::check(&file, &ODD.replace("0.1 c1", "0.2 c1")).expect("a snapshot");
    assert!(matches!(differs, Outcome::Differs { first_divergence_line: 5, .. }), "{differs:?}");
    let theirs = std::fs::read_to_string(&file).expect("readable");
    golden::write(&file, ODD, SOURCE).expect("written");
    assert_eq!(theirs, std::fs::read_to_string(&file).expect("readable"));
}

#[test]
fn what_waits_for_review_is_dropped_when_it_is_accepted() {
    let (folder, file) = folder("pending");
    let refused = insta_says(&folder, "new", ODD);
    assert!(!refused.status.success());
    let pending = folder.join("some.name.snap.new");
    assert!(pending.exists(), "insta keeps the new text beside the snapshot's place: {refused:?}");
    assert_eq!(golden::check(&file, ODD).expect("no file is no error"), Outcome::Missing);
    golden::write(&file, ODD, SOURCE).expect("written");
    assert!(!pending.exists());
}

/// The same comparison as `iscsi-lab run`. After a change that is meant, `cargo insta review` shows what is new, or
/// `iscsi-lab accept` takes it.
#[test]
fn every_scenario_runs_as_its_golden_trace_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace");
    let collection = Collection::find(root).expect("scenarios/ can be read");
    let selected = select(&collection, &Filter::default()).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let options = Options { backend: Backend::Simulator, seed: None, twice: true, moments: false };
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let ran = run_all(root, selected, &options, jobs, &|_| {});
    let mut wrong = Vec::new();
    for one in &ran {
        let name = &one.selected.scenario.name;
        if let Some((case, failure)) =
            one.failures().into_iter().find(|(_, failure)| failure.site != "golden")
        {
            wrong.push(format!("{case}: {failure}"));
            continue;
        }
        let (topic, stem) = name.rsplit_once('/').expect("scenarios are in folders");
        let text = golden_text(&one.selected.scenario, &one.reports);
        let compare = || assert_golden(&root.join("snapshots").join(topic), stem, &text);
        if catch_unwind(AssertUnwindSafe(compare)).is_err() {
            wrong.push(format!("{name}: the golden trace differs"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
