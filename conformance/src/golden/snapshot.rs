//! Where is a golden trace kept? In insta's file format: a short YAML head, then the text.
//!
//! Equality is insta's: white space at the end and the kind of line ends do not count.

use super::divergence;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// The test that compares all golden traces, which is where insta says that they come from.
pub const SOURCE: &str = "conformance/tests/golden.rs";

/// How a text compares with its golden file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The same.
    Same,
    /// There is no file.
    Missing,
    /// Not the same.
    Differs {
        /// The first line, from 1, that is not the same; one beyond the shorter text if that is a beginning of the other.
        first_divergence_line: usize,
        /// That place with ten lines around it: `-` is in the file, `+` is new; [`coloured`](super::coloured) paints it.
        diff: String,
    },
}

/// A golden file that cannot be read or written.
#[derive(Debug)]
pub struct GoldenError {
    /// The file.
    pub path: PathBuf,
    /// What was being done.
    doing: &'static str,
    error: io::Error,
}

impl fmt::Display for GoldenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: cannot {}: {}", self.path.display(), self.doing, self.error)
    }
}

impl std::error::Error for GoldenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Compares `text` with the golden file at `path`.
///
/// # Errors
/// There is a file but it cannot be read, or it is no snapshot.
pub fn check(path: &Path, text: &str) -> Result<Outcome, GoldenError> {
    let Some(golden) = read(path)? else { return Ok(Outcome::Missing) };
    let new = normal(text);
    let (old, new): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), new.lines().collect());
    Ok(match divergence(&old, &new) {
        None => Outcome::Same,
        Some(found) => Outcome::Differs { first_divergence_line: found.line, diff: found.text },
    })
}

/// The text in the golden file at `path`, without white space at its end; `None` if there is no file.
///
/// # Errors
/// As [`check`].
pub fn read(path: &Path) -> Result<Option<String>, GoldenError> {
    let fail = |error| GoldenError { path: path.to_owned(), doing: "read it", error };
    match fs::read_to_string(path) {
        Ok(file) => match split_head(&file) {
            Some((_, text)) => Ok(Some(normal(text))),
            None => Err(fail(io::Error::new(
                io::ErrorKind::InvalidData,
                "no snapshot: a head between two lines ---",
            ))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fail(error)),
    }
}

/// Head and text of a snapshot file.
pub(super) fn split_head(file: &str) -> Option<(&str, &str)> {
    let (first, rest) = file.split_once('\n')?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let next = at + line.len();
        if line.trim_end() == "---" && first.trim_end() == "---" {
            return Some((rest.get(..at)?, rest.get(next..)?));
        }
        at = next;
    }
    None
}

/// Makes `text` the golden file at `path`, and drops what insta keeps for review beside it. The old file stays until
/// the new one is complete.
///
/// # Errors
/// A folder or file cannot be made or written; the old file is then as it was.
pub fn write(path: &Path, text: &str, source: &str) -> Result<(), GoldenError> {
    let fail = |doing: &'static str| move |error| GoldenError { path: path.to_owned(), doing, error };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail("make its folder"))?;
    // Runs beside each other write different files first; the last rename wins.
    static ORDINAL: AtomicU32 = AtomicU32::new(0);
    let ordinal = ORDINAL.fetch_add(1, Ordering::Relaxed);
    let draft = path.with_extension(format!("snap.tmp-{}-{ordinal}", std::process::id()));
    let written = File::create(&draft).and_then(|mut file| {
        file.write_all(file_text(text, source).as_bytes())?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&draft, path));
    if let Err(error) = done {
        // What could not be completed is of no use to anybody.
        let _ = fs::remove_file(&draft);
        return Err(fail("write it (what was there before is unchanged)")(error));
    }
    match fs::remove_file(path.with_extension("snap.new")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(fail("remove insta's pending file beside it")(error))
        }
        _ => Ok(()),
    }
}

/// The file as insta would write it. A source that YAML could take for something else is quoted, as insta does.
fn file_text(text: &str, source: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let quoted = !source.chars().all(plain) || !source.starts_with(|c: char| c.is_ascii_alphabetic());
    let source = if quoted { serde_json::Value::from(source).to_string() } else { source.to_owned() };
    format!("---\nsource: {source}\n---\n{}\n", normal(text))
}

/// What counts of a text.
fn normal(text: &str) -> String {
    text.trim_end().replace("\r\n", "\n")
}
