//! Where do two texts part, and what is around that place?

use similar::{ChangeTag, TextDiff};
use std::fmt::Write;

/// Lines shown before and after.
const AROUND: usize = 10;
/// Lines of the two texts that are set against each other from the first difference on.
const AHEAD: usize = 40;

/// The first place where two texts are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The line, from 1; one beyond the shorter text if that is a beginning of the other.
    pub line: usize,
    /// The place with ten lines around it; each line with a sign (`-` only in the first, `+` only in the second) and its
    /// number.
    pub text: String,
}

/// Compares two texts given as lines; `None` if they are the same.
pub fn divergence(first: &[&str], second: &[&str]) -> Option<Divergence> {
    let same = first.iter().zip(second).take_while(|(a, b)| a == b).count();
    if same == first.len() && same == second.len() {
        return None;
    }
    let from = same.saturating_sub(AROUND);
    let window = |lines: &[&'_ str]| -> Vec<String> {
        lines.iter().skip(from).take(same - from + AHEAD).map(|line| format!("{line}\n")).collect()
    };
    let (old, new) = (window(first), window(second));
    let (old, new): (Vec<&str>, Vec<&str>) =
        (old.iter().map(String::as_str).collect(), new.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&old, &new);
    let mut text = String::new();
    // Equal lines since the last difference, once there was one.
    let mut quiet: Option<usize> = None;
    let mut shown = (from, from);
    for change in diff.iter_all_changes() {
        quiet = match (change.tag(), quiet) {
            (ChangeTag::Equal, Some(lines)) if lines == AROUND => break,
            (ChangeTag::Equal, quiet) => quiet.map(|lines| lines + 1),
            _ => Some(0),
        };
        let number = change.new_index().or(change.old_index()).map_or(0, |index| index + from + 1);
        // A string takes everything.
        let _ = write!(text, "{}{number:>5} {}", change.tag(), change.value());
        shown.0 += usize::from(change.old_index().is_some());
        shown.1 += usize::from(change.new_index().is_some());
    }
    let rest = (first.get(shown.0..).unwrap_or_default(), second.get(shown.1..).unwrap_or_default());
    if rest.0 != rest.1 {
        text.push_str("       .. and more differs after this\n");
    }
    Some(Divergence { line: same + 1, text })
}

/// The same with colours, for a terminal.
pub fn coloured(diff: &str) -> String {
    let (old, new) = (anstyle::AnsiColor::Red.on_default(), anstyle::AnsiColor::Green.on_default());
    let line = |line: &str| match line.chars().next() {
        Some('-') => format!("{old}{line}{old:#}\n"),
        Some('+') => format!("{new}{line}{new:#}\n"),
        _ => format!("{line}\n"),
    };
    diff.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        text.lines().collect()
    }

    #[test]
    fn the_first_difference_with_ten_lines_around() {
        let base: Vec<String> = (1..=60).map(|n| format!("line {n}")).collect();
        let mut other = base.clone();
        other[29] = "changed".into();
        let (a, b): (Vec<&str>, Vec<&str>) =
            (base.iter().map(String::as_str).collect(), other.iter().map(String::as_str).collect());
        assert_eq!(divergence(&a, &a), None);
        let found = divergence(&a, &b).expect("a difference");
        assert_eq!(found.line, 30);
        let shown = lines(&found.text);
        assert_eq!(shown.len(), 22);
        assert_eq!((shown[0], shown[10], shown[11]), ("    20 line 20", "-   30 line 30", "+   30 changed"));
        assert_eq!(shown[21], "    40 line 40");
    }

    #[test]
    fn a_beginning_of_the_other_differs_beyond_its_end() {
        let found = divergence(&["a"], &["a", "b"]).expect("a difference");
        assert_eq!((found.line, found.text.as_str()), (2, "     1 a\n+    2 b\n"));
        let found = divergence(&["a"], &[]).expect("a difference");
        assert_eq!((found.line, found.text.as_str()), (1, "-    1 a\n"));
    }

    #[test]
    fn what_is_not_shown_is_told() {
        let first: Vec<String> = (0..500).map(|n| n.to_string()).collect();
        let second: Vec<String> = (0..500).map(|n| format!("x{n}")).collect();
        let (a, b): (Vec<&str>, Vec<&str>) =
            (first.iter().map(String::as_str).collect(), second.iter().map(String::as_str).collect());
        let found = divergence(&a, &b).expect("a difference");
        assert!(found.text.ends_with("and more differs after this\n"), "{}", found.text);
        assert!(found.text.lines().count() < 100);
        // A difference far behind the first is told as well.
        let mut third = first.clone();
        (third[3], third[400]) = ("y".into(), "z".into());
        let c: Vec<&str> = third.iter().map(String::as_str).collect();
        let found = divergence(&a, &c).expect("a difference");
        assert!(found.line == 4 && found.text.ends_with("and more differs after this\n"));
        third[400] = first[400].clone();
        let c: Vec<&str> = third.iter().map(String::as_str).collect();
        assert!(!divergence(&a, &c).expect("a difference").text.contains("more differs"));
    }

    #[test]
    fn colours_come_and_go() {
        let painted = coloured(" a\n-b\n+c\n");
        assert!(painted.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), " a\n-b\n+c\n");
    }
}
