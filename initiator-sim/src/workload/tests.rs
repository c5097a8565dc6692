use super::*;
use crate::trace::run_twice;
use std::sync::LazyLock;

fn definitions() -> Option<Arc<ProbeDefinitions>> {
    static SHIPPED: LazyLock<Arc<ProbeDefinitions>> = LazyLock::new(|| {
        let text = include_str!("../../../conformance/probes/iscsi.yaml");
        Arc::new(serde_yaml::from_str(text).expect("the shipped definitions can be read"))
    });
    Some(SHIPPED.clone())
}

fn run(seed: u64) -> Report {
    run_case(&Case::draw(seed, Theme::of_seed(seed)), definitions(), Keep::default())
        .expect("a configuration the core takes")
        .0
}

#[test]
fn drawn_runs_break_no_rule() {
    let failed: Vec<String> =
        (0..150).map(run).filter(|report| !report.passed()).map(|report| report.to_string()).collect();
    assert!(failed.is_empty(), "{} failed, the first:\n{}", failed.len(), failed[0]);
}

#[test]
fn a_seed_is_a_run() {
    let keep = Keep { trace: true, ..Keep::default() };
    for seed in 0..12 {
        let run = || {
            run_case(&Case::draw(seed, Theme::Swarm), definitions(), keep).expect("runs").1.trace().clone()
        };
        if let Err(divergence) = run_twice(run) {
            panic!("seed {seed}: {divergence}");
        }
    }
}

#[test]
fn the_record_of_a_run_makes_the_run() {
    for seed in 0..30 {
        let (first, world) = run_case(&Case::draw(seed, Theme::Swarm), None, Keep::default()).expect("runs");
        let faults = Faults::Listed(world.record().to_vec());
        let case = Case { faults, ..Case::draw(seed, Theme::Swarm) };
        let (second, _) = Run::new(case, None, Keep::default()).expect("runs").finish();
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
    }
}

#[test]
fn any_subset_of_the_operations_is_a_program() {
    for seed in 0..10 {
        for keep in 0..4 {
            let mut case = Case::draw(seed, Theme::Swarm);
            case.steps.retain(|op| op.id % 4 == keep);
            let report = Run::new(case, definitions(), Keep::default()).expect("runs").finish().0;
            assert!(report.passed(), "{report}");
        }
    }
}

#[test]
fn seeds_reach_every_kind_of_operation() {
    let mut kinds = std::collections::BTreeSet::new();
    for seed in 0..60 {
        kinds.extend(Case::draw(seed, Theme::Swarm).steps.iter().map(|op| op.what.name()));
    }
    assert_eq!(kinds.len(), What::NAMES.len(), "{kinds:?}");
}

#[test]
fn a_recording_has_the_bytes_of_both_directions() {
    use crate::net::Dir;
    use crate::world::Happened;
    let keep = Keep { moments: true, probes: true, ..Keep::default() };
    let mut lost = 0;
    for seed in 0..40 {
        let (report, world) = run_case(&Case::draw(seed, Theme::Swarm), None, keep).expect("runs");
        let stream = |conn: u32, dir: Dir, sent: bool| -> Vec<u8> {
            let pieces = world.moments().iter().filter_map(|moment| match &moment.what {
                Happened::Sent { conn: c, dir: d, bytes } if sent && (*c, *d) == (conn, dir) => Some(bytes),
                Happened::Received { conn: c, dir: d, bytes } if !sent && (*c, *d) == (conn, dir) => {
                    Some(bytes)
                }
                _ => None,
            });
            pieces.flatten().copied().collect()
        };
        let calm = world.record().is_empty();
        for conn in 0..report.connections {
            for dir in [Dir::Out, Dir::In] {
                let (sent, received) = (stream(conn, dir, true), stream(conn, dir, false));
                assert!(!calm || sent.starts_with(&received), "seed {seed} c{conn} {dir:?}");
            }
        }
        let probes = world.moments().iter().filter(|moment| matches!(moment.what, Happened::Probe(_)));
        assert_eq!(probes.count(), world.probes().len());
        lost += world.moments().iter().filter(|moment| matches!(moment.what, Happened::Lost { .. })).count();
        assert!(world.moments().is_sorted_by_key(|moment| moment.at));
        let faults = world.moments().iter().filter(|moment| matches!(moment.what, Happened::Fault(_)));
        assert_eq!(faults.count(), world.record().len());
    }
    assert!(lost > 0, "some seed drops a PDU");
}
