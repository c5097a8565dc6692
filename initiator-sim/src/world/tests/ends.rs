//! How connections begin and end, on either side.

use super::*;
use crate::clock::MILLI;
use crate::fault::{Fault, Trigger, Verb};

#[test]
fn a_whole_session_from_login_to_logout() {
    let mut rig = Rig::new(world_config());
    assert_eq!(rig.write(5, vec![7; 2048]), Some(0));
    assert_eq!(rig.read(4, 6), Some([vec![0; 512], vec![7; 2048], vec![0; 512]].concat()));
    let op = rig.next_op();
    rig.client.logout(&mut rig.world, op, 0);
    assert!(matches!(rig.outcome(op), Some(Outcome::Logout(_))));
    rig.assert_clean();
    let probes: std::collections::BTreeSet<_> =
        rig.world.probes().iter().map(|record| record.probe.name()).collect();
    assert!(probes.len() >= 7, "{probes:?}");
}

#[test]
fn digests_are_followed_on_every_layer() {
    let plan = || LoginPlan::default().with_key("HeaderDigest", "CRC32C").with_key("DataDigest", "CRC32C");
    let mut rig = Rig::connected(world_config());
    rig.login(plan());
    rig.clear_attention();
    assert_eq!(rig.write(5, vec![7; 4096]), Some(0));
    assert_eq!(rig.read(5, 8), Some(vec![7; 4096]));
    rig.assert_clean();
    // The middlebox finds PDUs behind the digests too.
    rig.world.fault(Fault {
        conn: 0,
        dir: Dir::In,
        trigger: Trigger::Pdu { opcode: Some(0x25), skip: 0 },
        verbs: vec![Verb::Split(20), Verb::Delay(5 * MILLI)],
    });
    assert_eq!(rig.read(5, 8), Some(vec![7; 4096]));
    assert_eq!(rig.world.unused_faults(), []);
    rig.assert_clean();
}

#[test]
fn a_reset_reaches_both_ends() {
    let mut rig = Rig::new(world_config());
    rig.world.fault(Fault {
        conn: 0,
        dir: Dir::Out,
        trigger: Trigger::Pdu { opcode: Some(0x01), skip: 0 },
        verbs: vec![Verb::Reset],
    });
    assert_eq!(rig.read(0, 1), None);
    assert!(!rig.client.alive);
    rig.world.run_until_idle(rig.world.now() + SECOND);
    let reads =
        rig.world.wire().iter().filter(|record| record.pdu.bhs[0] & 0x3f == 1 && record.pdu.bhs[32] == 0x28);
    assert_eq!(reads.count(), 0, "the command never arrived");
    rig.assert_clean();
}

#[test]
fn closing_from_the_client_ends_the_session() {
    for reset in [false, true] {
        let mut rig = Rig::new(world_config());
        rig.begin(&[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], 512, vec![]);
        rig.client.hang_up(&mut rig.world, reset);
        rig.world.run_until_idle(rig.world.now() + SECOND);
        let mut news = std::iter::from_fn(|| rig.world.poll_seen());
        assert!(news.any(|seen| matches!(seen, Seen::News(target_core::api::Event::SessionEnded { .. }))));
        rig.assert_clean();
    }
}

#[test]
fn a_target_that_is_down_refuses_and_one_that_crashes_resets() {
    let mut rig = Rig::new(world_config());
    assert_eq!(rig.write(0, vec![1; 512]), Some(0));
    rig.world.crash();
    assert_eq!(rig.read(0, 1), None);
    let mut second = Client::connect(&mut rig.world, 1, ends(), (INITIATOR, TARGET), 1);
    let limit = rig.world.now() + SECOND;
    assert_eq!(rig.world.next_seen(limit), Some(Seen::Refused { conn: 1 }));
    second.see(&mut rig.world, &Seen::Refused { conn: 1 });
    assert!(!second.alive);
    rig.world.restart().expect("the same configuration");
    let mut again = Rig { client: Client::connect(&mut rig.world, 2, ends(), (INITIATOR, TARGET), 1), ..rig };
    again.login(LoginPlan::default());
    again.clear_attention();
    assert_eq!(again.read(0, 1), Some(vec![1; 512]), "without crash faults everything is kept");
    again.assert_clean();
}

#[test]
fn a_partition_loses_nothing() {
    let mut rig = Rig::new(world_config());
    let op = rig.begin(&[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0], 512, vec![]);
    rig.world.partition(0, true);
    rig.world.run_until(rig.world.now() + 20 * SECOND);
    assert_eq!(rig.client.pending(), 1);
    rig.world.partition(0, false);
    assert!(matches!(rig.outcome(op), Some(Outcome::Command(outcome)) if outcome.status == 0));
    rig.assert_clean();
}

#[test]
fn a_client_that_does_not_read_fills_the_buffers_and_then_gets_everything() {
    let mut config = world_config();
    config.net.inward.buffer = 10_000;
    let mut rig = Rig::new(config);
    let ops: Vec<u64> =
        (0..8).map(|_| rig.begin(&[0x28, 0, 0, 0, 0, 0, 0, 0, 64, 0], 32_768, vec![])).collect();
    rig.world.clog(0, true);
    rig.world.run_until(rig.world.now() + SECOND);
    let sent = |rig: &Rig| rig.world.wire().iter().filter(|record| record.dir == Dir::In).count();
    let held = sent(&rig);
    rig.world.clog(0, false);
    for op in ops {
        let limit = rig.world.now() + 10 * SECOND;
        while let Some(seen) = rig.world.next_seen(limit) {
            rig.client.see(&mut rig.world, &seen);
            if rig.client.take_done().iter().any(|(done, _)| *done == op) {
                break;
            }
        }
    }
    assert!(sent(&rig) > held, "the target had to wait");
    assert_eq!(rig.client.pending(), 0);
    rig.assert_clean();
}
