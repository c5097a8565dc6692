//! What must a sweep of a known range go on to touch? A list of marks, one a line, that may grow but not shrink unnoticed.

use super::tally::Tally;

/// The marks of a floor file: lines that are neither empty nor comments.
pub fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What the floor has and the sweep has not.
pub fn missing(floor: &str, tally: &Tally) -> Vec<String> {
    let hit = |mark: &str| match mark.strip_prefix("operation ") {
        Some(name) => tally.operations.contains_key(name),
        None => tally.marks.contains_key(mark),
    };
    marks(floor).filter(|mark| !hit(mark)).map(str::to_owned).collect()
}

/// A floor file with everything that the sweep has touched in at least `least` runs: what only a few runs touch would come and go
/// with every change of the drawing.
pub fn write(tally: &Tally, command: &str, least: u64) -> String {
    let mut out = format!(
        "# What `{command}` must go on to touch; each of these was hit by at least {least} runs.\n# Written by --write-floor. A mark that is gone is a question: was a path lost, or is it no longer drawn?\n"
    );
    let operations = tally.operations.iter().map(|(name, count)| (format!("operation {name}"), count));
    let marks = tally.marks.iter().map(|(mark, count)| (mark.clone(), count));
    for (mark, _) in marks.chain(operations).filter(|(_, count)| **count >= least) {
        out.push_str(&mark);
        out.push('\n');
    }
    out
}
