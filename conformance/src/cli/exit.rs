//! What does an exit code tell? The same eight meanings in every command; the worst one that happened wins.

use std::fmt::Display;
use std::panic;
use std::path::Path;
use std::process::{self, ExitCode};

/// Shown under `--help`.
pub const EXIT_CODES: &str = "\
Exit codes: 0 passed; 1 a check failed; 2 usage, or a file that cannot be read; 3 a stale expectation;
4 not deterministic; 5 no progress; 6 the core panicked; 7 nothing was selected.

Examples:
  iscsi-lab run                        every scenario in the simulator
  iscsi-lab run --addr 127.0.0.1:3260 --target iqn.2026-01.example:disk
  iscsi-lab serve                      a target to talk to";

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Everything asked for was done and held.
    Passed,
    /// Nothing matched what was asked for.
    NothingSelected,
    /// An xfail that passes, an unused fault, a golden trace that is missing or that nothing refers to.
    Stale,
    /// A check failed.
    Failed,
    /// Once the faults stopped nothing went on.
    NoProgress,
    /// The same input gave two different runs.
    NotDeterministic,
    /// The core panicked.
    Panicked,
    /// A mistake on the command line or in a file, or a file that cannot be read.
    Usage,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Stale => 3,
            Self::NotDeterministic => 4,
            Self::NoProgress => 5,
            Self::Panicked => 6,
            Self::NothingSelected => 7,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// Why a command could not do its work: for people, and always exit code 2 unless it says otherwise.
#[derive(Debug)]
pub struct CliError {
    /// How the process ends.
    pub exit: Exit,
    /// One or more lines.
    pub message: String,
}

impl CliError {
    /// A mistake in the arguments or in a file that was named.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into() }
    }

    /// A file that cannot be read or written.
    pub fn file(path: &Path, error: &dyn Display) -> Self {
        Self::usage(format!("{}: {error}", path.display()))
    }

    /// Prints it on standard error and gives the exit.
    pub fn report(&self) -> Exit {
        anstream::eprintln!("error: {}", self.message);
        self.exit
    }
}

/// Makes the loss of standard output (a full disk) an error like others. What prints panics then, with these words of the
/// standard library; every other panic is reported as always.
pub fn end_when_output_is_lost() {
    const WORDS: &str = "failed printing to stdout";
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| match info.payload().downcast_ref::<String>() {
        Some(text) if text.starts_with(WORDS) => {
            anstream::eprintln!("error: {text}");
            process::exit(Exit::Usage.code().into());
        }
        _ => usual(info),
    }));
}

/// From now on panics are findings: they are caught and reported as such, not by the standard library. Lost output ends the program
/// all the same.
pub fn quiet_panics() {
    panic::set_hook(Box::new(|_| {}));
    end_when_output_is_lost();
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn the_codes_are_those_of_the_manual_and_the_worst_wins() {
        let all = [
            (Exit::Passed, 0),
            (Exit::NothingSelected, 7),
            (Exit::Stale, 3),
            (Exit::Failed, 1),
            (Exit::NoProgress, 5),
            (Exit::NotDeterministic, 4),
            (Exit::Panicked, 6),
            (Exit::Usage, 2),
        ];
        for (exit, code) in all {
            assert_eq!(exit.code(), code);
        }
        assert!(all.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
