//! Does each form say the same of a run that has one of everything, with text that would break a careless writer?

use super::{CaseResult, FailureResult, Form, Outcome, Results, Suite, Wanted};

const NASTY: &str = "a | b <c> & \"d\" ]]> ``` # \\ e\u{7}\nf";

fn case(label: &str, verdict: Outcome, reason: Option<&str>) -> CaseResult {
    CaseResult {
        label: label.to_owned(),
        verdict,
        reason: reason.map(str::to_owned),
        seed: 7,
        time_ns: 1_500_000_000,
        hash: None,
    }
}

fn failure(case: &str, class: &str) -> FailureResult {
    FailureResult {
        case: case.to_owned(),
        class: class.to_owned(),
        step: "nop-1".to_owned(),
        signature: format!("{class} nop-1 nop.data"),
        file: Some("scenarios/nop/x y.scn.yaml".to_owned()),
        line: Some(4),
        column: Some(5),
        headline: NASTY.to_owned(),
        details: vec![NASTY.to_owned()],
        last_pdus: vec!["-> NopOut".to_owned()],
        time: "0.001 s".to_owned(),
    }
}

fn results() -> Results {
    let suite = |name: &str, cases, failures| Suite {
        name: name.to_owned(),
        title: NASTY.to_owned(),
        req: vec!["rfc7143/11.18-1".to_owned()],
        level: "should".to_owned(),
        tags: vec!["t".to_owned()],
        file: Some("scenarios/nop/x y.scn.yaml".to_owned()),
        cases,
        failures,
    };
    Results::new(
        vec![
            suite("nop/a", vec![case("", Outcome::Passed, None)], vec![]),
            suite(
                "nop/b",
                vec![
                    case("x=1", Outcome::Failed, Some("s")),
                    case("x=2", Outcome::Skipped, Some(NASTY)),
                    case("x=3", Outcome::Xfail, Some("s")),
                ],
                vec![failure("nop/b[x=1]", "mismatch"), failure("nop/b", "golden")],
            ),
            suite("other/c", vec![case("", Outcome::Failed, Some("s"))], vec![failure("other/c", "panic")]),
        ],
        vec!["nop/gone".to_owned()],
    )
}

fn text(form: Form) -> String {
    results().render(form).expect("a report")
}

#[test]
fn the_totals_count_every_line() {
    let results = results();
    assert_eq!((results.passed, results.failed, results.skipped, results.expected), (1, 4, 1, 1));
    let rows: Vec<_> = results.rows().map(|row| (row.name.clone(), row.outcome)).collect();
    assert_eq!(rows[1], ("nop/b[x=1]".to_owned(), Outcome::Failed));
    assert_eq!(rows[4], ("nop/b (golden)".to_owned(), Outcome::Failed));
}

#[test]
fn tap_has_a_line_for_each_and_its_plan_fits() {
    let text = text(Form::Tap);
    let mut lines = text.lines();
    assert_eq!((lines.next(), lines.next()), (Some("TAP version 13"), Some("1..7")));
    let points: Vec<_> =
        text.lines().filter(|line| line.starts_with("ok ") || line.starts_with("not ok ")).collect();
    for (at, point) in points.iter().enumerate() {
        let rest = point.trim_start_matches("not ").trim_start_matches("ok ");
        assert!(rest.starts_with(&format!("{} - ", at + 1)), "{point}");
    }
    assert_eq!(points.len(), 7);
    assert_eq!(points.iter().filter(|point| point.contains(" # SKIP ")).count(), 1);
    assert_eq!(
        points
            .iter()
            .filter(|point| point.starts_with("not ok")
                && point.contains(&format!(" # {} ", super::tap::EXPECTED)))
            .count(),
        1
    );
    assert!(
        points[0].contains("\\#") && !points[0].contains(" # "),
        "a title is no directive: {}",
        points[0]
    );
    let (open, close) = (text.matches("\n  ---\n").count(), text.matches("\n  ...\n").count());
    assert_eq!((open, close), (3, 3));
    for block in text.split("  ---\n").skip(1) {
        let yaml = block.split("  ...\n").next().expect("a block");
        crate::yaml::parse("tap", yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    }
}

#[test]
fn junit_counts_failures_errors_and_skips() {
    let text = text(Form::Junit);
    assert!(
        text.contains("<testsuites name=\"iscsi-lab\" tests=\"7\" failures=\"3\" errors=\"1\" time="),
        "{text}"
    );
    assert!(text.contains("<testsuite name=\"nop\" tests=\"5\" "), "{text}");
    assert_eq!(text.matches("<failure ").count(), 3, "{text}");
    assert_eq!(text.matches("<error ").count(), 1);
    assert_eq!(text.matches("<skipped").count(), 2);
    assert!(!text.contains('\u{7}'), "XML cannot hold control characters");
}

#[test]
fn html_and_markdown_escape_what_they_are_given() {
    let html = text(Form::Html);
    assert!(html.contains("a | b &lt;c&gt; &amp; &quot;d&quot; ]]&gt;") && !html.contains("<c>"), "{html}");
    assert_eq!(html.matches("<tr class=").count(), 6);
    assert!(!html.contains("http://") && !html.contains("https://"), "nothing is loaded");
    let markdown = text(Form::Markdown);
    assert!(markdown.contains("**1 passed, 4 failed, 1 skipped**, 1 failed as known"), "{markdown}");
    assert!(markdown.contains("\n````text\n"), "the fence is longer than any in the text: {markdown}");
    for line in markdown.lines().filter(|line| line.starts_with('|')) {
        let bars = line.replace("\\|", "").matches('|').count();
        assert!([3, 6].contains(&bars), "{line}");
    }
}

#[test]
fn a_wanted_report_names_its_kind_and_file() {
    assert_eq!("sarif=a=b".parse::<Wanted>().map(|wanted| wanted.path), Ok("a=b".into()));
    for (text, want) in
        [("junit", "wants KIND=FILE"), ("xml=f", "no report `xml`, only junit, json"), ("tap=", "the name")]
    {
        let said = text.parse::<Wanted>().expect_err(text);
        assert!(said.contains(want), "{said}");
    }
}
