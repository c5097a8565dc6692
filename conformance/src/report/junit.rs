//! JUnit XML: a suite for each topic, a test case for each case. Checked against the schema that Jenkins uses.

use super::{Outcome, Results, Row};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::time::Duration;

/// The document. A case that is known to fail counts as skipped: JUnit knows nothing closer.
pub(super) fn render(results: &Results) -> Result<String, String> {
    let mut report = Report::new(results.tool.name.as_str());
    let mut suites: Vec<TestSuite> = Vec::new();
    let mut time = Duration::ZERO;
    for row in results.rows() {
        let topic = row.suite.name.split('/').next().unwrap_or_default();
        if suites.last().is_none_or(|suite| suite.name.as_str() != topic) {
            suites.push(TestSuite::new(topic));
        }
        let Some(suite) = suites.last_mut() else { continue };
        let took = Duration::from_nanos(row.time_ns);
        time = time.saturating_add(took);
        suite.set_time(suite.time.unwrap_or_default().saturating_add(took));
        suite.add_test_case(case(&row));
    }
    for name in &results.stale_snapshots {
        let mut suite = TestSuite::new("snapshots");
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type("stale").set_message("no scenario refers to this golden trace");
        suite.add_test_case(TestCase::new(name.as_str(), status));
        suites.push(suite);
    }
    report.set_time(time);
    report.add_test_suites(suites);
    let text = report.to_string().map_err(|error| error.to_string())?;
    // The schema knows `skipped` of a suite, but not of all suites together.
    let extension = format!(" skipped=\"{}\"", report.skipped);
    let (head, rest) = text.split_at(text.find("<testsuite ").unwrap_or(0));
    Ok(head.replacen(&extension, "", 1) + rest)
}

fn case(row: &Row<'_>) -> TestCase {
    let status = match row.outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(row.reason.unwrap_or_default());
            status
        }
        Outcome::Xfail => {
            let mut status = TestCaseStatus::skipped();
            status.set_type("xfail").set_message(row.reason.unwrap_or_default());
            status
        }
        Outcome::Failed => {
            let class = row.failure.map(|failure| failure.class.as_str()).unwrap_or_default();
            // An error is what says nothing about the target.
            let kind = match class {
                "panic" | "script" | "diverged" => NonSuccessKind::Error,
                _ => NonSuccessKind::Failure,
            };
            let mut status = TestCaseStatus::non_success(kind);
            status.set_type(class);
            if let Some(failure) = row.failure {
                status.set_message(failure.headline.as_str());
                status.set_description(format!("{}\nseed: {}", failure.text(), row.seed));
            }
            status
        }
    };
    let mut case = TestCase::new(row.name.as_str(), status);
    case.set_classname(row.suite.name.replace('/', "."));
    case.set_time(Duration::from_nanos(row.time_ns));
    case
}
