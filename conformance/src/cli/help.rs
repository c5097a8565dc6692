//! How does help fit a terminal? Texts behind the options are written in lines of the source's width; here each paragraph becomes one
//! line again, for clap to wrap where the terminal ends. What is indented stays as it is: examples and tables.

use clap::Command;

/// A line of a paragraph that goes on is at least so long; a shorter one is meant to end.
const FULL: usize = 88;

/// The command with its texts, and those of its subcommands, as paragraphs.
pub fn unfolded(command: Command) -> Command {
    let text = command.get_after_help().map(|text| paragraphs(&text.to_string()));
    let command = match text {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(unfolded)
}

fn paragraphs(text: &str) -> String {
    let plain = |line: &str| !line.is_empty() && !line.starts_with(' ');
    let mut out = String::new();
    let mut before = "";
    for line in text.lines() {
        if !out.is_empty() {
            let goes_on = plain(before) && plain(line) && before.chars().count() >= FULL;
            out.push(if goes_on { ' ' } else { '\n' });
        }
        out.push_str(line);
        before = line;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_joined_and_nothing_else() {
        let long = "x".repeat(FULL);
        let text = format!("{long}\nand on.\nAnother.\n\nExamples:\n  {long}\n  two");
        assert_eq!(paragraphs(&text), format!("{long} and on.\nAnother.\n\nExamples:\n  {long}\n  two"));
    }
}
