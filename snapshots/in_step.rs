//! Does every scenario have its golden trace, and every golden trace its scenario?
//!
//! A test of the package `conformance` that lives here because cargo-insta looks for snapshots only below packages and the
//! files of their targets: without it `cargo insta review` would not see this folder.

use conformance::golden::unpaired;
use std::path::Path;

#[test]
fn scenarios_and_snapshots_are_in_step() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let unpaired = unpaired(root).expect("readable folders");
    let none = |what: &str, found: &[String]| assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
    none("scenarios without a golden trace", &unpaired.scenarios);
    none("golden traces without a scenario", &unpaired.snapshots);
}
