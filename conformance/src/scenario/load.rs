//! Which scenarios are there? The tree below `scenarios/`, in the order of the names.

use super::model::{Scenario, Source};
use super::read::{Checked, Library, file};
use crate::yaml::ReadError;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What scenario files end in.
pub const ENDING: &str = ".scn.yaml";

/// Why a scenario could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// `file:line:column: what`, or `file: what`.
    pub message: String,
}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> Self {
        Self { message: error.to_string() }
    }
}

/// The names and files of all scenarios of a root.
#[derive(Clone, Debug)]
pub struct Collection {
    root: PathBuf,
    files: Vec<(String, PathBuf)>,
    library: Arc<Folder>,
}

impl Collection {
    /// Looks for files; reads none.
    pub fn find(root: &Path) -> std::io::Result<Self> {
        let mut files = Vec::new();
        find(&root.join("scenarios"), &mut files)?;
        let base = root.join("scenarios");
        let mut files: Vec<_> = files
            .into_iter()
            .filter_map(|path| Some((name_of(path.strip_prefix(&base).ok()?), path)))
            .collect();
        files.sort();
        Ok(Self { root: root.to_path_buf(), files, library: Arc::new(Folder::below(root)) })
    }

    /// Names (`topic/name`), sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(name, _)| name.as_str())
    }

    /// Reads one.
    pub fn load(&self, name: &str) -> Result<Scenario, LoadError> {
        let at = self.files.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok();
        match at.and_then(|at| self.files.get(at)) {
            Some((_, path)) => load_with(&self.root, path, &self.library),
            None => Err(LoadError { message: format!("there is no scenario {name}") }),
        }
    }
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.to_string_lossy().ends_with(ENDING) {
            files.push(path);
        }
    }
    Ok(())
}

/// The path without the ending, with slashes.
fn name_of(path: &Path) -> String {
    let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/").trim_end_matches(ENDING).to_owned()
}

/// Reads one file, wherever it is; `extends` and `use` look in the root's `scenarios/`.
pub fn load(root: &Path, path: &Path) -> Result<Scenario, LoadError> {
    load_with(root, path, &Folder::below(root))
}

fn load_with(root: &Path, path: &Path, library: &Folder) -> Result<Scenario, LoadError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| LoadError { message: format!("{}: {error}", path.display()) })?;
    let shown = path.strip_prefix(root).unwrap_or(path);
    let name = path.strip_prefix(root.join("scenarios")).map_or_else(|_| name_of(shown), name_of);
    let source = Source { name: shown.to_string_lossy().into_owned(), text };
    Ok(file::scenario(&name, source, library)?)
}

/// Reads a text as if it stood in `file`.
pub fn parse_text(root: &Path, name: &str, file: &str, text: String) -> Result<Scenario, LoadError> {
    let source = Source { name: file.to_owned(), text };
    Ok(file::scenario(name, source, &Folder::below(root))?)
}

/// The library files of a root, each read once.
#[derive(Debug)]
struct Folder {
    scenarios: PathBuf,
    read: Mutex<BTreeMap<String, Arc<Checked>>>,
}

impl Folder {
    fn below(root: &Path) -> Self {
        Self { scenarios: root.join("scenarios"), read: Mutex::default() }
    }
}

impl Library for Folder {
    fn file(&self, file: &str) -> Result<Arc<Checked>, String> {
        // A scenario may come from a report: it reads nothing but library files.
        let plain = file.strip_prefix("lib/").is_some_and(|rest| {
            rest.ends_with(".yaml")
                && rest.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c))
                && !rest.contains("..")
        });
        if !plain {
            return Err(format!("`{file}` is no library file; write lib/NAME.yaml"));
        }
        let known = self.read.lock().ok().and_then(|read| read.get(file).cloned());
        if let Some(known) = known {
            return Ok(known);
        }
        let text = std::fs::read_to_string(self.scenarios.join(file))
            .map_err(|error| format!("scenarios/{file}: {error}"))?;
        let checked = Arc::new(file::library(Source { name: format!("scenarios/{file}"), text })?);
        if let Ok(mut read) = self.read.lock() {
            read.insert(file.to_owned(), Arc::clone(&checked));
        }
        Ok(checked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<Scenario, String> {
        parse_text(Path::new("."), "t/x", "x.scn.yaml", text.to_owned()).map_err(|error| error.message)
    }

    #[test]
    fn mistakes_are_told_with_place_and_suggestion() {
        let cases = [
            (
                "title: t\nsteps:\n  - exepct: {pdu: R2T}\n",
                "x.scn.yaml:3:5: unknown step `exepct`, did you mean `expect`?",
            ),
            ("titel: t\nsteps: []\n", "x.scn.yaml:1:1: unknown key `titel`, did you mean `title`?"),
            ("title: t\nsteps: 5\n", "x.scn.yaml:2:8: expected a list, found a whole number"),
            ("title: t\n", "x.scn.yaml:1:1: `steps` is missing in this scenario"),
            (
                "title: t\nsteps:\n  - send: {pdu: NopOut, CmdSn: 1}\n",
                "x.scn.yaml:3:25: unknown key `CmdSn`, did you mean `CmdSN`?",
            ),
            (
                "title: t\nsteps:\n  - scsi: {op: read10, block: 1}\n",
                "x.scn.yaml:3:24: unknown key `block`, did you mean `blocks`?",
            ),
            ("title: t\nsteps:\n  - expect_none: {for: 30}\n", "x.scn.yaml:3:24: `30` is no time"),
            ("title: t\nsteps:\n  - nop: {}\n    nop2: {}\n", "x.scn.yaml:4:5: a step has exactly one key"),
            (
                "title: t\nsteps:\n  - nop: {id: a}\n  - nop: {id: a}\n",
                "x.scn.yaml:4:5: there are two steps with the id `a`",
            ),
            (
                "title: t\nsteps: []\nfaults: [{at: {step: nop-1}, do: {drop: true}}]\n",
                "x.scn.yaml:3:15: unknown step `nop-1`",
            ),
            ("title: t\nextends: ../etc\nsteps: []\n", "x.scn.yaml:2:10: `../etc` is no library file"),
            (
                "title: t\nneeds: [chapp]\nsteps: []\n",
                "x.scn.yaml:2:9: unknown word `chapp`, did you mean `chap`?",
            ),
            (
                "title: t\nsteps:\n  - expect: {pdu: R2T, TTT: {gee: 1}}\n",
                "x.scn.yaml:3:30: unknown matcher `gee`, did you mean `ge`?",
            ),
        ];
        for (text, want) in cases {
            let got = read(text).expect_err(text);
            assert!(got.starts_with(want), "\nwant {want}\ngot  {got}");
        }
    }

    #[test]
    fn steps_have_stable_ids() {
        let text = "title: t\nsteps:\n  - nop: {}\n  - repeat: {times: 2, steps: [{nop: {}}]}\n  - nop: {id: last}\n";
        let scenario = read(text).expect("valid");
        let mut ids = Vec::new();
        crate::scenario::walk(&scenario.steps, &mut |step| ids.push(step.id.clone()));
        assert_eq!(ids, ["nop-1", "repeat-1", "nop-2", "last"]);
        assert_eq!(scenario.steps[1].at.show(), "x.scn.yaml:4");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"(title: t\n|steps:\n|  - |send: |expect: |\{|\}|\[|\]|pdu: |NopOut|, |on: c1|\$x|"|'|: |\n|matrix: |1|-|faults: |at: |do: ){0,24}"#) {
            let _ = read(&text);
        }

        #[test]
        fn no_unicode_makes_it_panic(text in "(?s)title: .{0,40}\nsteps:.{0,80}") {
            let _ = read(&text);
        }
    }
}
