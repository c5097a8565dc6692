//! Runs as wholes: the same twice, played back, cheap when nothing happens.

use super::*;
use crate::clock::MILLI;
use crate::disk::DiskConfig;
use crate::fault::plan::Profile;
use crate::net::{Chunking, LaneConfig, Latency};
use crate::trace::{first_difference, run_twice};

fn lively(plan: Plan) -> WorldConfig {
    let lane = LaneConfig {
        latency: Latency::Uniform { low: 10_000, high: MILLI },
        chunk: Chunking::Random { min: 1, max: 700 },
        ..LaneConfig::default()
    };
    let disk = DiskConfig {
        latency: Latency::Exponential { base: 1000, mean: MILLI },
        blocks: 4096,
        ..DiskConfig::default()
    };
    WorldConfig { seed: 7, net: NetConfig::both(lane), disks: vec![disk], plan, ..world_config() }
}

fn session(config: WorldConfig) -> Rig {
    let mut rig = Rig::connected(config);
    let op = rig.next_op();
    rig.client.login(&mut rig.world, op, LoginPlan::default());
    let _ = rig.outcome(op);
    for round in 0..6 {
        if rig.client.alive {
            let _ = rig.write(round * 8, vec![round; 4096]);
            let _ = rig.read(round * 4, 16);
        }
    }
    rig.world.run_until_idle(rig.world.now() + SECOND);
    rig
}

#[test]
fn the_same_seed_makes_the_same_run() {
    let run =
        |seed| session(WorldConfig { seed, ..lively(Plan::Drawn(Profile::benign())) }).world.trace().clone();
    let trace = run_twice(|| run(7)).expect("deterministic");
    assert!(trace.count() > 200);
    assert!(first_difference(&trace, &run(8)).is_some(), "another seed is another run");
}

#[test]
fn the_faults_of_a_run_given_back_make_the_same_run() {
    for profile in [Profile::benign(), Profile { disk_fail: 100_000, ..Profile::benign() }] {
        let first = session(lively(Plan::Drawn(profile)));
        assert!(!first.world.record().is_empty());
        let second = session(lively(Plan::explicit(first.world.record().to_vec())));
        assert_eq!(first_difference(first.world.trace(), second.world.trace()), None);
        assert_eq!(first.world.record(), second.world.record());
    }
}

#[test]
fn a_lively_network_breaks_no_rule() {
    for seed in 0..20 {
        let mut rig = session(WorldConfig { seed, ..lively(Plan::Drawn(Profile::benign())) });
        assert!(rig.client.alive, "seed {seed}");
        rig.assert_clean();
    }
}

#[test]
fn an_idle_hour_costs_a_few_hundred_events() {
    let mut rig = Rig::new(world_config());
    let before = rig.world.trace().count();
    let end = rig.world.now() + 3600 * SECOND;
    while let Some(seen) = rig.world.next_seen(end) {
        rig.client.see(&mut rig.world, &seen);
    }
    assert_eq!(rig.world.now(), end);
    let events = rig.world.trace().count() - before;
    assert!((100..2000).contains(&events), "{events} events in an hour of keep-alives");
    assert!(rig.client.alive);
    assert_eq!(rig.read(0, 1), Some(vec![0; 512]));
    rig.assert_clean();
}

#[test]
fn a_panic_of_the_core_is_a_result_with_the_seed() {
    let mut rig = Rig::new(world_config());
    rig.world.core_panicked(&"index out of bounds");
    let panic = rig.world.core_panic().expect("noted").clone();
    assert_eq!((panic.seed, panic.message.as_str()), (1, "index out of bounds"));
    assert!(!rig.world.step() && !rig.world.is_up(), "nothing happens after it");
}

#[test]
fn what_is_kept_does_not_change_what_happens() {
    let all = session(lively(Plan::None));
    let keep = Keep::default();
    let none = session(WorldConfig { keep, ..lively(Plan::None) });
    let bare = session(WorldConfig {
        keep: Keep { unchecked: true, ..keep },
        definitions: None,
        ..lively(Plan::None)
    });
    assert_eq!(all.world.trace_hash(), none.world.trace_hash());
    assert_eq!(all.world.trace_hash(), bare.world.trace_hash());
    assert!(none.world.wire().is_empty() && none.world.probes().is_empty());
}
