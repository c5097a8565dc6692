//! The fast lane against what the session composes, and against the fake target.

use super::fake_target::{logged_in, to};
use super::fast::{FastLane, LaneEvent};
use super::*;
use crate::codec::Kind;

const UNIT: u64 = 0x0001_0000_0000_0000;

/// One operation by the lane and by a program, byte for byte.
fn same(keys: &[(&str, &str)], write: bool, lba: u64, blocks: u32) {
    let payload = pattern::pattern(5, 40960);
    let (mut usual, _, conn) = logged_in(keys);
    let name = match (write, lba > u64::from(u32::MAX)) {
        (true, false) => "write10",
        (true, true) => "write16",
        (false, false) => "read10",
        (false, true) => "read16",
    };
    let len = blocks * 512;
    let plan = CommandPlan {
        lun: UNIT,
        cdb: cdb::build(name, &[("lba", lba), ("blocks", blocks.into())]).expect("fits"),
        read_len: if write { 0 } else { len },
        write_len: if write { len } else { 0 },
        data: payload.clone().into(),
        fields: vec![("ITT".to_owned(), FieldValue::Number(3))],
        ..CommandPlan::default()
    };
    let drafts = CommandProgram::new(conn, plan).start(&mut usual).send;
    let want: Vec<u8> =
        drafts.iter().flat_map(|d| usual.compose(conn, d).expect("known fields").bytes).collect();
    let (mut session, _, conn) = logged_in(keys);
    let mut lane = FastLane::new(&mut session, conn, UNIT, 512, 8, payload);
    let mut got = Vec::new();
    if write {
        lane.write(3, lba, blocks, &mut got)
    } else {
        lane.read(3, lba, blocks, &mut got)
    }
    assert_eq!(got, want, "{name} {keys:?}");
    lane.release(&mut session, conn);
    assert_eq!(session.cmd_sn, usual.cmd_sn);
}

#[test]
fn the_lane_sends_what_the_session_would() {
    let small = [("MaxRecvDataSegmentLength", "1000"), ("FirstBurstLength", "4096")];
    for digests in [
        [("HeaderDigest", "None"), ("DataDigest", "None")],
        [("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")],
    ] {
        for (immediate, r2t) in [("Yes", "Yes"), ("Yes", "No"), ("No", "Yes"), ("No", "No")] {
            let options = [("ImmediateData", immediate), ("InitialR2T", r2t)];
            let keys: Vec<_> = small.into_iter().chain(digests).chain(options).collect();
            same(&keys, true, 7, 16);
            same(&keys, true, 1 << 40, 1);
        }
        same(&digests, false, 0x0102_0304, 8);
        same(&digests, false, 1 << 33, 8);
    }
}

#[test]
fn the_lane_runs_a_read_and_a_write() {
    let (mut session, mut target, conn) = logged_in(&[("ImmediateData", "No"), ("DataDigest", "CRC32C")]);
    let payload = pattern::pattern(5, 4096);
    let mut lane = FastLane::new(&mut session, conn, UNIT, 512, 2, payload.clone());
    let mut out = Vec::new();
    assert_eq!((lane.free_slot(), lane.open()), (Some(0), true));
    lane.read(0, 0, 8, &mut out);
    lane.write(1, 0, 8, &mut out);
    assert_eq!((lane.free_slot(), lane.busy()), (None, 2));
    let sent = target.hear(&out);
    out.clear();
    let push = |lane: &mut FastLane, bytes: &[u8]| {
        lane.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        lane.commit(bytes.len());
    };
    let data = to(&sent[0], Kind::DataIn).with("F", 1).with("S", 1).with_data(payload.clone());
    push(&mut lane, &target.say(data));
    push(
        &mut lane,
        &target.say(to(&sent[1], Kind::R2T).with("TTT", 7).with("LUN", UNIT).with("DesiredLen", 4096)),
    );
    push(&mut lane, &target.say(crate::codec::Pdu::new(Kind::NopIn).with("TTT", 9)));
    let mut seen = Vec::new();
    let event = lane.poll(&mut out, |slot, offset, bytes| seen.push((slot, offset, bytes.to_vec())));
    assert_eq!(event, Some(LaneEvent::Done { slot: 0, status: 0, bytes: 4096 }));
    assert_eq!(seen, [(0, 0, payload.clone())]);
    assert_eq!(lane.poll(&mut out, |_, _, _| {}), None);
    let sent_now = target.hear(&out);
    assert_eq!(sent_now.iter().map(|p| p.kind_name()).collect::<Vec<_>>(), ["DataOut", "NopOut"]);
    assert_eq!((sent_now[0].data.to_vec(), sent_now[0].word("TTT")), (payload, 7));
    assert_eq!((sent_now[1].word("TTT"), sent_now[1].flag("I")), (9, true));
    push(&mut lane, &target.say(to(&sent[1], Kind::ScsiResponse).with("Status", 8)));
    push(&mut lane, &target.say(crate::codec::Pdu::new(Kind::AsyncMessage).with("AsyncEvent", 2)));
    let event = lane.poll(&mut out, |_, _, _| {});
    assert_eq!(event, Some(LaneEvent::Done { slot: 1, status: 8, bytes: 4096 }));
    assert!(matches!(lane.poll(&mut out, |_, _, _| {}), Some(LaneEvent::Trouble(_))));
    lane.release(&mut session, conn);
    let ping = session.compose(conn, &Draft::new(Kind::NopOut)).expect("known fields");
    assert_eq!((ping.pdu.word("CmdSN"), ping.pdu.word("ExpStatSN")), (3, target.stat_sn));
    assert_eq!(target.hear(&ping.bytes).len(), 1);
}
