//! How did one run of iscsi-test-cu end, by what it printed?

use crate::tool::Ran;
use std::fmt;

/// What became of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It ran and found nothing wrong.
    Pass,
    /// It found something wrong.
    Fail,
    /// It printed \[SKIPPED\]: the target lacks what it needs.
    Skip,
    /// It was killed because it took too long.
    Timeout,
    /// It died by a signal.
    Crash,
    /// It could not log in or prepare the unit, or ran nothing.
    Error,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Timeout => "timeout",
            Self::Crash => "crash",
            Self::Error => "error",
        })
    }
}

/// What the tool says about one test, without its preparation and clean-up, which print \[SKIPPED\] lines of their own.
fn body(text: &str) -> &str {
    let from =
        text.split_once("  Test: ").and_then(|(_, rest)| rest.split_once("...")).map_or("", |(_, body)| body);
    let is_end = |rest: &str| ["passed", "FAILED", "Run Summary"].iter().any(|word| rest.starts_with(word));
    let starts = std::iter::once(0).chain(from.match_indices('\n').map(|(at, _)| at + 1));
    starts.into_iter().find(|at| is_end(&from[*at..])).map_or(from, |end| &from[..end])
}

/// One number of the summary that CUnit prints: `tests 1 1 1 0 0` is total, ran, passed, failed, inactive.
fn counted(text: &str, what: &str, column: usize) -> Option<u32> {
    let line = text.lines().find(|line| line.split_whitespace().next() == Some(what))?;
    line.split_whitespace().nth(column)?.parse().ok()
}

/// The verdict, and the line that says why.
pub fn judge(ran: &Ran) -> (Verdict, String) {
    let body = body(&ran.text);
    let line = |what: &str| body.lines().find(|line| line.contains(what)).map(str::trim).map(str::to_owned);
    let failure = || {
        line("[FAILED]")
            .or_else(|| {
                ran.text.lines().find(|line| line.starts_with("    1. ")).map(|line| line.trim().to_owned())
            })
            .unwrap_or_default()
    };
    let Some(status) = ran.status else { return (Verdict::Timeout, failure()) };
    if status.code().is_none() {
        return (Verdict::Crash, format!("{status}; {}", failure()));
    }
    let prepared = counted(&ran.text, "suites", 4) == Some(0);
    match (counted(&ran.text, "tests", 2), counted(&ran.text, "tests", 4)) {
        (Some(1..), Some(0)) if prepared => match line("[SKIPPED]") {
            Some(reason) => (Verdict::Skip, reason),
            None => (Verdict::Pass, String::new()),
        },
        (Some(1..), Some(1..)) if prepared => (Verdict::Fail, failure()),
        _ => {
            let said =
                ran.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("CUnit"));
            (Verdict::Error, said.take(2).collect::<Vec<_>>().join(" "))
        }
    }
}

fn ran(code: i32, text: &str) -> Ran {
    use std::os::unix::process::ExitStatusExt as _;
    let status = Some(std::process::ExitStatus::from_raw(code));
    Ran { command: String::new(), status, text: text.to_owned(), took: std::time::Duration::ZERO }
}

fn summary(suites_failed: u32, ran: u32, failed: u32) -> String {
    let passed = ran - failed;
    format!(
        "\nRun Summary:\n suites 1 {ran} n/a {suites_failed} 0\n tests 1 {ran} {passed} {failed} 0\n asserts 1 1 1 0 n/a\n"
    )
}

#[test]
fn verdicts_of_what_the_tool_prints() {
    let before = "    [SKIPPED] PERSISTENT RESERVE IN is not implemented.\nSuite: A\n  Test: B ...";
    let after = "passed    [SKIPPED] PERSISTENT RESERVE IN is not implemented.\n";
    let skip = "\n    [SKIPPED] UNMAP is not implemented.\n";
    let wrong = "\n    [FAILED] READ10 returned SUCCESS\nFAILED\n    1. t.c:1  - CU_ASSERT(x)\n";
    let refused = "Failed to log in to target.\n";
    for (code, text, verdict, reason) in [
        (0, format!("{before}{after}{}", summary(0, 1, 0)), Verdict::Pass, ""),
        (0, format!("{before}\n    [OK]\n{after}{}", summary(0, 1, 0)), Verdict::Pass, ""),
        (
            0,
            format!("{before}{skip}{after}{}", summary(0, 1, 0)),
            Verdict::Skip,
            "[SKIPPED] UNMAP is not implemented.",
        ),
        (
            256,
            format!("{before}{wrong}{}", summary(0, 1, 1)),
            Verdict::Fail,
            "[FAILED] READ10 returned SUCCESS",
        ),
        (256, format!("{before}FAILED\n    1. t.c:1{}", summary(0, 1, 1)), Verdict::Fail, "1. t.c:1"),
        (0, summary(0, 0, 0), Verdict::Error, "Run Summary: suites 1 0 n/a 0 0"),
        (256, format!("{before}{after}{}", summary(1, 1, 0)), Verdict::Error, before.trim()),
        (256, refused.to_owned(), Verdict::Error, refused.trim()),
        (11, before.to_owned(), Verdict::Crash, "signal: 11 (SIGSEGV)"),
    ] {
        let (found, why) = judge(&ran(code, &text));
        assert_eq!(found, verdict, "{text}");
        assert!(
            why.starts_with(reason.lines().next().unwrap_or("")) && why.is_empty() == reason.is_empty(),
            "{why:?}"
        );
    }
    let hung = Ran { status: None, ..ran(0, before) };
    assert_eq!(judge(&hung).0, Verdict::Timeout);
}
