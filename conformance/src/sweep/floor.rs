//! What must a sweep of a known range go on to touch? A list of marks, one a line, that may grow but not shrink unnoticed.

use super::tally::Tally;

/// The marks of a floor file: lines that are neither empty nor comments.
pub fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What the floor has and the sweep has not.
pub fn missing(floor: &str, tally: &Tally) -> Vec<String> {
    marks(floor).filter(|mark| !tally.marks.contains_key(*mark)).map(str::to_owned).collect()
}

/// A floor file with everything that the sweep has touched in at least `least` runs: what only a few runs touch would come and go
/// with every change of the drawing.
pub fn write(tally: &Tally, command: &str, least: u64) -> String {
    let mut out = format!(
        "# What `{command}` must go on to touch; each of these was hit by at least {least} runs.\n# Written by --write-floor. A mark that is gone is a question: was a path lost, or is it no longer drawn?\n"
    );
    for (mark, _) in tally.marks.iter().filter(|(_, count)| **count >= least) {
        out.push_str(mark);
        out.push('\n');
    }
    out
}
