//! How do tests run the binary of this build?

use std::path::Path;
use std::process::{Command, Output};

/// Runs it in a folder, to its end.
pub fn lab(at: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iscsi-lab"))
        .args(args)
        .current_dir(at)
        // Golden traces of scenarios that a test wrote are accepted in CI too.
        .env_remove("CI")
        .output()
        .expect("the binary runs")
}
