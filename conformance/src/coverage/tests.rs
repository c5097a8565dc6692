use super::evidence::Evidence;
use super::judge::{Coverage, Stale, State, judge};
use super::uses::Use;
use super::{EXCEPTIONS, Floors, Force, TABLE, exceptions, page, table, text};

const ROWS: &str = "# a comment
rfc7143/1.2-1\ttarget\tmust\twire\tAnswers\t-
rfc7143/1.2-2\tboth\tmust-not\twire\tIs not silent\tsame:rfc7143/1.2-1
rfc7143/1.2.3-1\tinitiator\tmust\twire\tAsks\t-
rfc7143/1.2.3-2\ttarget\tmust\tno\tThinks\t-
rfc7143/1.20-1\ttarget\tmay\twire\tMay shout\t-
rfc7144/3-1\ttarget\tshould\twire\tCounts\trule:stat_sn test:a/b.rs::counts
";

const REASONS: &str = "
- {clauses: [rfc7143/1.2.3.*], kind: unobservable, reason: Thoughts are free.}
- {clauses: [rfc7143/1.20-1], kind: unused, reason: It whispers.}
";

fn uses(list: &[(&str, &[&str], Option<&str>)]) -> Vec<Use> {
    let one = |(scenario, clauses, void): &(&str, &[&str], Option<&str>)| Use {
        scenario: (*scenario).to_owned(),
        clauses: clauses.iter().map(|clause| (*clause).to_owned()).collect(),
        void: void.map(str::to_owned),
    };
    list.iter().map(one).collect()
}

fn evidence() -> Evidence {
    let mut evidence = Evidence::default();
    evidence
        .take("initiator-sim/src/oracle/stat_sn.rs", "    checks.add(\"stat_sn\", \"rfc7143/1.2\", text)\n");
    evidence.take("a/b.rs", "#[test]\nfn counts() {}\n");
    evidence
}

fn judged(rows: &str, reasons: &str, uses: &[Use], evidence: &Evidence) -> Coverage {
    let clauses = table::parse(TABLE, rows).expect("a table");
    let exceptions = exceptions::parse(EXCEPTIONS, reasons).expect("exceptions");
    judge(clauses, &exceptions, uses, evidence)
}

/// With a scenario `a/b` that names the first clause.
fn usual(reasons: &str) -> Coverage {
    judged(ROWS, reasons, &uses(&[("a/b", &["rfc7143/1.2-1"], None)]), &evidence())
}

fn problems(coverage: &Coverage) -> Vec<&str> {
    coverage.problems.iter().map(|problem| problem.text.as_str()).collect()
}

fn states(coverage: &Coverage) -> Vec<&'static str> {
    coverage.clauses.iter().map(|judged| judged.state.name()).collect()
}

#[test]
fn each_clause_stands_as_the_files_say() {
    let coverage = usual(REASONS);
    assert_eq!(problems(&coverage), Vec::<&str>::new());
    assert_eq!(states(&coverage), ["covered", "covered", "not asked", "excepted", "excepted", "covered"]);
    let by: Vec<_> = coverage.clauses.iter().map(|judged| judged.by.join(", ")).collect();
    assert_eq!(by[..2], ["a/b", "as rfc7143/1.2-1"]);
    assert_eq!(by[5], "rule stat_sn, test a/b.rs::counts");
    assert_eq!(coverage.count(Force::Must), (2, 2), "what is excepted is not counted");
    assert_eq!(coverage.of("rfc7144").clauses.len(), 1);
}

#[test]
fn without_its_scenario_a_clause_is_missing_and_what_says_the_same_too() {
    let coverage = judged(ROWS, REASONS, &[], &evidence());
    assert_eq!(states(&coverage)[..2], ["missing", "missing"]);
    assert_eq!(coverage.count(Force::Must), (0, 2));
    let report = text(&coverage, false);
    assert!(report.contains("missing must: rfc7143/1.2-1 (target): Answers\n"), "{report}");
    assert!(report.contains("rfc7143/1.2                0        0       2\n"), "{report}");
    assert!(report.contains("must: 0 of 2, 0.0%"), "{report}");
}

#[test]
fn a_scenario_that_does_not_run_proves_nothing() {
    let skipped = uses(&[("a/b", &["rfc7143/1.2-1"], Some("skipped: no mcs"))]);
    let coverage = judged(ROWS, REASONS, &skipped, &evidence());
    assert_eq!(coverage.clauses[0].state, State::Missing);
    assert!(text(&coverage, false).contains("does not count: a/b: skipped: no mcs"));
}

#[test]
fn an_exception_that_is_needed_no_more_is_stale() {
    let coverage = usual(&format!("{REASONS}- {{clauses: [rfc7143/1.2-1], kind: option, reason: Once.}}\n"));
    assert_eq!(
        problems(&coverage),
        ["scenarios/exceptions.yaml: rfc7143/1.2-1 is covered by a/b; take the exception out"]
    );
    assert_eq!(coverage.problems[0].stale, Stale::Yes);
    let coverage = usual(&format!("{REASONS}- {{clauses: [rfc7144/3.*], kind: option, reason: Once.}}\n"));
    assert_eq!(problems(&coverage), ["scenarios/exceptions.yaml: rfc7144/3.*: no clause in it needs one"]);
}

#[test]
fn exceptions_have_to_fit_their_clauses() {
    let with = |entry: &str| usual(&format!("{REASONS}- {entry}\n")).problems.remove(0).text;
    assert!(
        with("{clauses: [rfc7143/1.2.3-1], kind: option, reason: x}").contains("binds no target (initiator)")
    );
    assert!(with("{clauses: [rfc7143/9-9], kind: option, reason: x}").contains("there is no such clause"));
    assert!(with("{clauses: [rfc7143/1.20-1], kind: option, reason: x}").contains("has two exceptions"));
    let coverage = usual(
        "- {clauses: [rfc7143/1.2.3-2], kind: unused, reason: x}\n- {clauses: [rfc7143/1.20-1], kind: unobservable, reason: x}\n",
    );
    assert!(coverage.problems[0].text.contains("not for what it has to"), "{:?}", coverage.problems);
    assert!(coverage.problems[1].text.contains("its row says that the wire shows it"));
    let coverage = usual("- {clauses: [rfc7143/1.20-1], kind: unused, reason: x}\n");
    assert!(
        coverage.problems[0]
            .text
            .contains(":5: rfc7143/1.2.3-2 is not seen on the wire and has no exception")
    );
}

#[test]
fn references_to_nothing_are_found() {
    let coverage = judged(ROWS, REASONS, &uses(&[("a/b", &["rfc7143/1.2-9"], None)]), &evidence());
    assert_eq!(problems(&coverage), ["scenarios/a/b: there is no clause rfc7143/1.2-9"]);
    let coverage = judged(ROWS, REASONS, &[], &Evidence::default());
    assert_eq!(
        problems(&coverage),
        [
            "scenarios/clauses.tsv:7: rfc7144/3-1: no check of the simulator has the rule stat_sn",
            "scenarios/clauses.tsv:7: rfc7144/3-1: there is no test counts in a/b.rs",
        ]
    );
    let mut evidence = evidence();
    evidence.take(
        "target-core/src/x.rs",
        "//! Clause rfc7143/1.2-1, and (rfc7143/1.2-7).\n// Section rfc7143/1.2.\n",
    );
    let coverage = judged(ROWS, REASONS, &[], &evidence);
    assert_eq!(problems(&coverage), ["target-core/src/x.rs:1: there is no clause rfc7143/1.2-7"]);
    let row = |also: &str| {
        format!(
            "rfc7143/1.2-1\ttarget\tmust\twire\tAnswers\t{also}\nrfc7143/1-1\tinitiator\tmust\twire\tAsks\t-\n"
        )
    };
    let found = |also| judged(&row(also), "[]", &[], &Evidence::default()).problems.remove(0).text;
    assert!(found("same:rfc7143/8-8").contains("there is no clause rfc7143/8-8"));
    assert!(found("same:rfc7143/1-1").contains("does not bind a target"));
    assert!(found("same:rfc7143/1.2-1").contains("refers to another clause itself"));
}

#[test]
fn the_target_says_where_it_meets_a_clause() {
    let with = |file: &str, source: &str| {
        let mut evidence = evidence();
        evidence.take(file, source);
        judged(ROWS, REASONS, &uses(&[("a/b", &["rfc7143/1.2-1"], None)]), &evidence)
    };
    let uncited = |coverage: &Coverage| -> Vec<_> {
        coverage.uncited().map(|judged| judged.clause.id.clone()).collect()
    };
    let core = "target-core/src/x.rs";
    let coverage = with(core, "// rfc7143/1.2-1.\nx();\n");
    assert_eq!(
        uncited(&coverage),
        ["rfc7143/1.2-2"],
        "a SHOULD, what is excepted and what binds others may go without"
    );
    assert_eq!(coverage.clauses[0].met.as_deref(), Some("target-core/src/x.rs:1"));
    assert!(text(&coverage, true).contains("Answers: a/b; met at target-core/src/x.rs:1\n"));
    let table = "Self::Quiet => \"1.2-2\",\nSelf::Other => \"11.16\",\n// rfc7143/1.2-1.\n";
    assert_eq!(uncited(&with(core, table)), Vec::<String>::new());
    assert_eq!(uncited(&with("conformance/src/server/x.rs", table)), Vec::<String>::new());
    let test = format!("#[cfg(test)]\nmod tests {{\n{table}}}\n");
    for (file, source) in [
        (core, test.as_str()),
        ("target-core/src/x/tests.rs", table),
        ("target-core/src/planted.rs", table),
        ("initiator-sim/src/x.rs", table),
        ("conformance/src/x.rs", table),
    ] {
        assert_eq!(uncited(&with(file, source)), ["rfc7143/1.2-1", "rfc7143/1.2-2"], "{file}");
    }
    let coverage = with(core, "Self::Quiet => \"1.2-9\",\n");
    assert_eq!(problems(&coverage), ["target-core/src/x.rs:1: there is no clause rfc7143/1.2-9"]);
}

#[test]
fn mistakes_in_the_files_say_where() {
    let table = |text: &str| table::parse("t", text).expect_err(text);
    assert_eq!(table(""), "t: there is no clause in it");
    assert_eq!(table("a\tb"), "t:1: 2 columns; there are 6, with a tab between them");
    assert!(table("rfc7143/1.2\ttarget\tmust\twire\tx\t-").contains("is no clause"));
    assert!(table("rfc7143/1-1\ttarget\tmusst\twire\tx\t-").contains("did you mean `must`?"));
    assert!(table("rfc7143/1-1\ttarget\tmust\twire\t \t-").contains("has no gist"));
    assert!(table("rfc7143/1-1\ttarget\tmust\twire\tx\tsome:thing").contains("is none of same:CLAUSE"));
    assert!(table("rfc7143/1-1\ttarget\tmust\twire\tx\ttest:x").contains("test:FILE.rs::FUNCTION"));
    let twice = "rfc7143/1-1\ttarget\tmust\twire\tx\t-\n";
    assert_eq!(table(&format!("{twice}{twice}")), "t:2: rfc7143/1-1 has a row already");
    let list = |text: &str| exceptions::parse("e", text).expect_err(text);
    assert!(list("- {clauses: [x], kind: option, reason: y}").contains("`x` is neither"));
    assert!(list("- {clauses: [], kind: option, reason: y}").contains("entry 1 names no clause"));
    assert!(list("- {clauses: [rfc7143/1-1], kind: option, reason: ' '}").contains("entry 1 has no reason"));
    assert!(list("- {clauses: [rfc7143/1-1], kind: lazy, reason: y}").starts_with("e:1:"));
}

#[test]
fn floors_are_read_and_held() {
    let coverage = judged(ROWS, REASONS, &[], &evidence());
    let broken = |text: &str| text.parse::<Floors>().expect(text).broken(&coverage);
    assert_eq!(broken("must=0,should=100,may=100"), Vec::<String>::new());
    assert_eq!(broken("must=50"), ["must: 0 of 2 covered, 0.0%, not 50%"]);
    for bad in ["must", "must=101", "must=x", "shall=3", ""] {
        assert!(bad.parse::<Floors>().is_err(), "{bad}");
    }
}

#[test]
fn the_page_stands_alone_and_escapes() {
    let rows = ROWS.replace("Answers", "Answers <b> & \"c\"");
    let page = page(&judged(&rows, REASONS, &[], &evidence()));
    assert!(page.contains("Answers &lt;b&gt; &amp; &quot;c&quot;"), "{page}");
    for outside in ["http://", "https://", "<script", "src=", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("<tr ").count(), 6);
}
