//! Somebody else's program, run once: never for ever, and never without saying what it said.

use crate::harness::{Scratch, wait};
use std::ffi::OsStr;
use std::fs::File;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What became of a program.
#[derive(Debug)]
pub struct Ran {
    /// The command line.
    pub command: String,
    /// None if it was killed because it took too long.
    pub status: Option<ExitStatus>,
    /// Standard output and standard error as they came.
    pub text: String,
    /// How long it took.
    pub took: Duration,
}

/// Runs a program to its end, or kills it after `at_most`.
#[track_caller]
pub fn run_for(at_most: Duration, program: &str, args: &[impl AsRef<OsStr>]) -> Ran {
    static ORDINAL: AtomicU32 = AtomicU32::new(0);
    let output = Scratch::with(&format!("tool-{}", ORDINAL.fetch_add(1, Ordering::Relaxed)), b"");
    let file = File::options().append(true).open(output.path()).expect("a temporary file");
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    command.stdout(file.try_clone().expect("a handle")).stderr(file);
    let began = Instant::now();
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error} (.ci/run lists the packages that are needed)"));
    let status = wait(&mut child, at_most);
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = String::from_utf8_lossy(&output.bytes()).into_owned();
    let words = args.iter().map(|arg| arg.as_ref().to_string_lossy());
    let command = std::iter::once(program.into()).chain(words).collect::<Vec<_>>().join(" ");
    Ran { command, status, text, took: began.elapsed() }
}

/// Runs a program that takes a minute at most.
#[track_caller]
pub fn run(program: &str, args: &[impl AsRef<OsStr>]) -> Ran {
    run_for(Duration::from_secs(60), program, args)
}

impl Ran {
    /// The exit code, if it ended by itself.
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// Expects exit code 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(
            self.code(),
            Some(0),
            "{}\n{:?} after {:?}:\n{}",
            self.command,
            self.status,
            self.took,
            self.text
        );
        self
    }

    /// Expects it to have failed by itself: no signal, no time-out.
    #[track_caller]
    pub fn refused(self) -> Self {
        assert!(
            self.code().is_some_and(|code| code != 0),
            "{}\n{:?}:\n{}",
            self.command,
            self.status,
            self.text
        );
        self
    }

    /// Expects each of these in what it said.
    #[track_caller]
    pub fn says(self, wanted: &[&str]) -> Self {
        for text in wanted {
            assert!(self.text.contains(text), "{}\ndid not say {text:?}:\n{}", self.command, self.text);
        }
        self
    }

    /// Expects none of these in what it said.
    #[track_caller]
    pub fn never_says(self, unwanted: &[&str]) -> Self {
        for text in unwanted {
            assert!(!self.text.contains(text), "{}\nsaid {text:?}:\n{}", self.command, self.text);
        }
        self
    }
}
