//! The scenarios against somebody else's target: whatever it does, all must come to an end and be told.
//! (Against our own server they must pass, which is tested without packages in `tcp.rs`.)

use crate::harness::{Scratch, folder};
use crate::peer::{self, Tgt};
use crate::serve::program;
use crate::tool::{Ran, run_for};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Far more than all scenarios take; one that waits for ever must not do so in CI.
const SUITE_MAX: Duration = Duration::from_secs(300);

/// `iscsi-lab run` with these arguments; what it said stays in `target/live/NAME.txt`.
fn scenarios(name: &str, args: &[&str]) -> Ran {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let root = root.to_str().expect("a plain path");
    let all = [&["--root", root, "run"], args].concat();
    let ran = run_for(SUITE_MAX, program(), &all);
    fs::write(folder().join(format!("{name}.txt")), &ran.text).expect("a report");
    ran
}

/// Passed, failed, skipped, from the last line.
#[track_caller]
fn totals(ran: &Ran) -> [usize; 3] {
    let line = ran.text.lines().last().unwrap_or_default();
    let words: Vec<_> = line.split([' ', ',']).collect();
    let before = |word: &str| {
        let at = words.iter().position(|found| *found == word)?;
        words.get(at.checked_sub(1)?)?.parse().ok()
    };
    match (before("passed"), before("failed"), before("skipped")) {
        (Some(passed), Some(failed), Some(skipped)) => [passed, failed, skipped],
        _ => panic!("no summary after {:?}:\n{}", ran.took, ran.text),
    }
}

#[test]
#[ignore = "needs tgt: run by CI"]
fn the_suite_comes_to_an_end_against_tgt() {
    let disk = Scratch::with("tgt-disk", &vec![0; 64 << 20]);
    let tgt = Tgt::start(disk.path());
    let address = tgt.address.to_string();
    let ran = scenarios("scenarios-tgt", &["--addr", &address, "--target", peer::TARGET]);
    let [passed, failed, skipped] = totals(&ran);
    println!("tgt: {passed} passed, {failed} failed, {skipped} skipped after {:?}", ran.took);
    assert!(matches!(ran.code(), Some(0 | 1)), "{:?}: {}", ran.status, ran.text);
    assert!(passed > 0, "{}", ran.text);
}
