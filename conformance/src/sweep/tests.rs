use super::file::RunFile;
use super::*;
use initiator_sim::workload::{Case, Theme};
use std::ops::ControlFlow;

fn tally(span: &Span, jobs: usize) -> Tally {
    let mut tally = Tally::new("all");
    let run = |seed| run_seed(seed, None, false);
    let mut last = None;
    sweep(span, jobs, &run, &mut |ran| {
        assert!(last < Some(ran.seed), "in order");
        last = Some(ran.seed);
        assert!(ran.failure.is_none(), "seed {}: {:?}", ran.seed, ran.failure);
        tally.add(&ran);
        ControlFlow::Continue(())
    });
    tally
}

#[test]
fn the_sum_is_the_same_for_any_threads_and_shards() {
    let whole: Span = "100..148".parse().expect("a range");
    let alone = tally(&whole, 1);
    assert_eq!(alone.seeds, 48);
    assert_eq!(tally(&whole, 3), alone);
    let mut joined = Tally::new("all");
    for rest in [2, 0, 1] {
        let shard = Span { rest, shards: 3, ..whole };
        assert_eq!(shard.len(), 16);
        joined.merge(&tally(&shard, 2)).expect("the same profile");
    }
    assert_eq!(joined, alone);
    assert!(joined.merge(&Tally::new("lite")).is_err());
}

#[test]
fn a_sweep_ends_when_enough_was_seen() {
    let span: Span = "0..1000000".parse().expect("a range");
    let mut seen = 0;
    sweep(&span, 2, &|seed| run_seed(seed, Some(Theme::Lite), false), &mut |_| {
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(seen, 3);
}

#[test]
fn spans_are_read_or_refused() {
    for wrong in ["", "5..5", "7..3", "x", "1..", "..2", "-1"] {
        assert!(wrong.parse::<Span>().is_err(), "{wrong}");
    }
    let one: Span = "4b825dc642cb6eb9a060e54bf8d69288fbee4904".parse().expect("a commit id");
    assert_eq!(one.len(), 1);
    assert_eq!("7".parse::<Span>(), Ok(Span { first: 7, end: 8, rest: 0, shards: 1 }));
}

#[test]
fn every_drawn_run_can_be_written_and_read() {
    for seed in 0..60 {
        let ran = run_seed(seed, None, false);
        let record = ran.report.map(|report| report.record).unwrap_or_default();
        for faults in [ran.case.faults.clone(), initiator_sim::workload::Faults::Listed(record)] {
            let run = Case { faults, ..ran.case.clone() };
            let file = RunFile { title: format!("seed {seed}: a \"test\""), fails: None, run };
            let text = file.text();
            assert_eq!(RunFile::parse("t", &text).as_ref(), Ok(&file), "{text}");
        }
    }
}

#[test]
fn what_cannot_be_a_run_is_refused() {
    let good = "title: t\nrun:\n  seed: 1\n  honest: true\n  depths: [1]\n  steps: []\n";
    assert!(RunFile::parse("t", good).is_ok());
    for (old, new, says) in [
        ("depths: [1]", "depths: []", "clients"),
        ("steps: []", "steps: [{id: 1, client: 1, do: join}]", "no client 1"),
        ("steps: []", "steps: [{id: 0, client: 0, do: join}]", "no id"),
        ("steps: []", "steps: [{id: 1, client: 0, do: fly}]", "fly"),
        ("steps: []", "steps: [{id: 2, client: 0, do: join}, {id: 2, client: 0, do: join}]", "two steps"),
        ("honest: true", "honest: true\n  target: {block_size: 3}", "block_size"),
        ("honest: true", "honest: true\n  target: {colour: 3}", "colour"),
    ] {
        let error = RunFile::parse("t", &good.replace(old, new)).expect_err(new);
        assert!(error.contains(says), "{error}");
    }
}

/// A path that was touched and no longer is must be noticed.
#[test]
fn a_mark_that_is_gone_is_missed() {
    let span: Span = "0..3".parse().expect("a range");
    let tally = tally(&span, 1);
    let text = floor::write(&tally, "test", 1);
    assert!(floor::marks(&text).count() > 20);
    assert_eq!(floor::missing(&text, &tally), [""; 0]);
    assert_eq!(floor::missing(&format!("{text}probe of-nothing\n"), &tally), ["probe of-nothing"]);
}
