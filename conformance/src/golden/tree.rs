//! Does every scenario have its golden file, and every golden file its scenario?

use super::SOURCE;
use super::snapshot::split_head;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How the name of a scenario file ends.
const SCENARIO: &str = ".scn.yaml";
/// How the name of a golden file ends.
const SNAPSHOT: &str = ".snap";

/// The golden file of a scenario (`topic/name`).
pub fn snapshot_path(root: &Path, name: &str) -> PathBuf {
    root.join("snapshots").join(format!("{name}{SNAPSHOT}"))
}

/// What has no counterpart, as `topic/name`, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unpaired {
    /// Scenarios that have no golden file.
    pub scenarios: Vec<String>,
    /// Golden files that no scenario refers to. Snapshots of other tests, as their heads tell, do not count.
    pub snapshots: Vec<String>,
}

/// Walks `scenarios/` and `snapshots/` below `root`. What is in `scenarios/lib/` is used by scenarios and is none.
///
/// # Errors
/// A folder or a golden file cannot be read.
pub fn unpaired(root: &Path) -> io::Result<Unpaired> {
    let scenarios = names(&root.join("scenarios"), SCENARIO)?;
    let scenarios: BTreeSet<String> =
        scenarios.into_iter().filter(|name| !name.starts_with("lib/")).collect();
    let snapshots = root.join("snapshots");
    let snapshots = if snapshots.exists() { names(&snapshots, SNAPSHOT)? } else { BTreeSet::new() };
    let mut stale = Vec::new();
    for name in snapshots.difference(&scenarios) {
        let file = fs::read(snapshot_path(root, name))?;
        if !made_elsewhere(&String::from_utf8_lossy(&file)) {
            stale.push(name.clone());
        }
    }
    Ok(Unpaired { scenarios: scenarios.difference(&snapshots).cloned().collect(), snapshots: stale })
}

/// True if the head names another test than the one for golden traces.
fn made_elsewhere(file: &str) -> bool {
    let head = split_head(file).map(|(head, _)| head).unwrap_or_default();
    head.lines().any(|line| line.strip_prefix("source:").is_some_and(|source| source.trim() != SOURCE))
}

/// The files below `folder` with this ending, without it, with `/` between the parts.
fn names(folder: &Path, ending: &str) -> io::Result<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    let mut folders = vec![(folder.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                folders.push((entry.path(), format!("{prefix}{name}/")));
            } else if let Some(stem) = name.strip_suffix(ending) {
                out.insert(format!("{prefix}{stem}"));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::{tests::Folder, write};

    #[test]
    fn both_directions_and_the_two_exceptions() {
        let folder = Folder::new("tree");
        let scenario = |name: &str| {
            let path = folder.path().join("scenarios").join(format!("{name}.scn.yaml"));
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, "title: x\n").expect("a file");
        };
        let snapshot = |name: &str, source: &str| {
            write(&snapshot_path(folder.path(), name), "text", source).expect("a snapshot");
        };
        scenario("a/paired");
        scenario("a/b/new");
        scenario("lib/one-session");
        snapshot("a/paired", SOURCE);
        snapshot("a/gone", SOURCE);
        snapshot("states/connection", "target-core/tests/states.rs");
        let found = unpaired(folder.path()).expect("readable");
        assert_eq!(found.scenarios, ["a/b/new"]);
        assert_eq!(found.snapshots, ["a/gone"]);
        fs::remove_dir_all(folder.path().join("snapshots")).expect("removed");
        assert_eq!(unpaired(folder.path()).expect("readable").scenarios.len(), 2);
        assert!(unpaired(&folder.path().join("nowhere")).is_err());
    }
}
