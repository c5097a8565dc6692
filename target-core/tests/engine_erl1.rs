//! ErrorRecoveryLevel 1 through the whole target: SNACK, recovery R2T, digest errors (RFC 7143 7.1.4, 7.8, 7.9, 11.16).

mod common;

use common::{Lab, Login, Way, config, frame, logout, pattern, read10, write10};
use core::time::Duration;
use target_core::api::Event;
use target_core::conn::framing::{Frame, Verdict};
use target_core::io::DeviceId;
use target_core::wire::{
    DataIn, DataOut, Lun, NopIn, Opcode, R2t, RESERVED_TAG, Reject, ScsiResponse, Snack, SnackType,
    TextRequest,
};

const KEYS: [&str; 3] = ["ErrorRecoveryLevel=1", "MaxRecvDataSegmentLength=512", "MaxBurstLength=2048"];

fn lab() -> Lab {
    let mut config = config();
    config.offer.error_recovery_level = 1;
    Lab::new(config)
}

fn snack(kind: SnackType, itt: u32, ttt: u32, beg_run: u32, run_length: u32) -> Snack {
    let kind = kind.code();
    Snack { kind, itt, ttt, beg_run, run_length, ..Snack::default() }
}

fn ask(lab: &mut Lab, login: &Login, pdu: Snack) -> Vec<Frame> {
    lab.send(login.conn, Snack { exp_stat_sn: login.exp_stat_sn, ..pdu }.emit(), &[]);
    lab.take(login.conn)
}

fn data_snack(lab: &mut Lab, login: &Login, itt: u32, beg_run: u32, run_length: u32) -> Vec<Frame> {
    ask(lab, login, snack(SnackType::DataOrR2t, itt, RESERVED_TAG, beg_run, run_length))
}

fn status_snack(lab: &mut Lab, login: &Login, beg_run: u32, run_length: u32) -> Vec<Frame> {
    ask(lab, login, snack(SnackType::Status, RESERVED_TAG, RESERVED_TAG, beg_run, run_length))
}

/// The reason and DataSN of the one Reject that came.
fn refused(frames: &[Frame]) -> (u8, u32) {
    let [frame] = frames else { panic!("{} PDUs", frames.len()) };
    assert_eq!(Opcode::of(&frame.bhs), Some(Opcode::Reject));
    let pdu = Reject::parse(&frame.bhs);
    (pdu.reason, pdu.data_sn)
}

/// A PDU without what may differ when it is sent again: ExpCmdSN and MaxCmdSN (rfc7143/11.16-2).
fn lasting(frames: &[Frame]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let cut = |frame: &Frame| {
        let mut bhs = frame.bhs.to_vec();
        bhs[28..36].fill(0);
        (bhs, frame.data.to_vec())
    };
    frames.iter().map(cut).collect()
}

fn fill(lab: &mut Lab, len: usize) -> Vec<u8> {
    let data = pattern(len, 9);
    lab.world.disks.get_mut(&DeviceId(0)).unwrap()[..len].copy_from_slice(&data);
    data
}

#[test]
fn data_is_sent_again_the_same_as_before() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    fill(&mut lab, 2048);
    lab.begin(&mut login, 7, &read10(0, 4), 2048, Way::In);
    let sent = lab.take(login.conn);
    assert_eq!((sent.len(), DataIn::parse(&sent[3].bhs).status_bit), (4, true));
    // The numbers of this moment are those of now: a command came in between.
    lab.command(&mut Login { ..login }, Lun(0), &[0; 6]);
    login.cmd_sn += 1;
    for (beg_run, run_length, want) in [(1, 1, 1..2), (1, 2, 1..3), (2, 0, 2..4), (0, 0, 0..4), (0, 4, 0..4)]
    {
        let again = data_snack(&mut lab, &login, 7, beg_run, run_length);
        assert_eq!(lasting(&again), lasting(&sent[want]), "{beg_run} {run_length}");
        assert_eq!(DataIn::parse(&again[0].bhs).exp_cmd_sn, login.cmd_sn);
    }
    assert_eq!(refused(&data_snack(&mut lab, &login, 7, 4, 1)), (4, 4));
    assert_eq!(refused(&data_snack(&mut lab, &login, 7, 3, 2)), (4, 4));
    assert_eq!(refused(&data_snack(&mut lab, &login, 8, 0, 1)), (4, 0));
    // The status acknowledges the data as well.
    let next = NopIn::parse(&sent[3].bhs).stat_sn + 1;
    lab.acknowledge(&mut login, next);
    assert_eq!(refused(&data_snack(&mut lab, &login, 7, 1, 1)), (4, 0));
    assert_eq!(lab.target.usage().held_bytes, 0);
}

#[test]
fn responses_are_sent_again_the_same_as_before() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    let first = login.exp_stat_sn;
    let mut sent = Vec::new();
    lab.begin(&mut login, 7, &read10(0, 1), 512, Way::In);
    lab.begin(&mut login, 8, &read10(4096, 1), 512, Way::In);
    lab.send(login.conn, common::nop(&login, 9, true).emit(), b"ping");
    sent.extend(lab.take(login.conn));
    let opcodes: Vec<_> = sent.iter().filter_map(|frame| Opcode::of(&frame.bhs)).collect();
    assert_eq!(opcodes, [Opcode::DataIn, Opcode::ScsiResponse, Opcode::NopIn]);
    for (beg_run, run_length, want) in
        [(first, 1, 0..1), (first + 1, 2, 1..3), (first + 1, 0, 1..3), (0, 0, 0..3)]
    {
        assert_eq!(lasting(&status_snack(&mut lab, &login, beg_run, run_length)), lasting(&sent[want]));
    }
    assert_eq!(refused(&status_snack(&mut lab, &login, first + 2, 2)).0, 4, "not sent");
    login.exp_stat_sn = first + 2;
    assert_eq!(refused(&status_snack(&mut lab, &login, first, 1)).0, 4, "acknowledged");
    assert_eq!(lasting(&status_snack(&mut lab, &login, 0, 0))[0], lasting(&sent)[2]);
}

#[test]
fn acknowledged_data_is_given_back_and_not_sent_again() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    fill(&mut lab, 5120);
    lab.begin(&mut login, 7, &read10(0, 10), 5120, Way::In);
    let sent: Vec<DataIn> = lab.take(login.conn).iter().map(|frame| DataIn::parse(&frame.bhs)).collect();
    let asked: Vec<u32> = sent.iter().filter(|pdu| pdu.acknowledge).map(|pdu| pdu.data_sn).collect();
    assert_eq!((sent.len(), asked), (10, vec![3, 7]));
    let ack = |ttt, beg_run| snack(SnackType::DataAck, RESERVED_TAG, ttt, beg_run, 0);
    let held = lab.target.usage().held_bytes;
    for (wrong, why) in [
        (ack(sent[3].ttt.wrapping_add(99), 4), "a tag of no Data-In"),
        (ack(sent[3].ttt, 3), "not even the PDU that asked"),
        (ack(sent[3].ttt, 11), "more than was sent"),
        (Snack { itt: 7, ..ack(sent[3].ttt, 4) }, "with a task tag"),
        (Snack { lun: Lun::from_number(1), ..ack(sent[3].ttt, 4) }, "with another LUN"),
    ] {
        assert_eq!(refused(&ask(&mut lab, &login, wrong)).0, 8, "{why}");
    }
    assert!(ask(&mut lab, &login, ack(sent[7].ttt, 8)).is_empty());
    assert_eq!(lab.target.usage().held_bytes, held - 4096);
    assert_eq!(refused(&data_snack(&mut lab, &login, 7, 7, 1)).0, 4);
    assert_eq!(data_snack(&mut lab, &login, 7, 0, 0).len(), 2);
}

#[test]
fn after_another_segment_length_the_data_is_cut_anew() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    let data = fill(&mut lab, 4096);
    lab.begin(&mut login, 7, &read10(0, 8), 4096, Way::In);
    let sent = lab.take(login.conn);
    let last = DataIn::parse(&sent[7].bhs);
    let ttt = DataIn::parse(&sent[3].bhs).ttt;
    assert!(ask(&mut lab, &login, snack(SnackType::DataAck, RESERVED_TAG, ttt, 4, 0)).is_empty());
    let text = TextRequest {
        final_bit: true,
        itt: 20,
        ttt: RESERVED_TAG,
        immediate: true,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        ..TextRequest::default()
    };
    lab.send(login.conn, text.emit(), b"MaxRecvDataSegmentLength=1024\0");
    lab.expect(login.conn, Opcode::TextResponse);
    for (wrong, reason) in [
        (snack(SnackType::RData, 7, RESERVED_TAG, 0, 0), 9),
        (snack(SnackType::RData, 7, 0, 0, 0), 9),
        (snack(SnackType::RData, 7, 5, 1, 0), 9),
        (snack(SnackType::RData, 8, 5, 0, 0), 4),
    ] {
        assert_eq!(refused(&ask(&mut lab, &login, wrong)).0, reason);
    }
    let again = ask(&mut lab, &login, snack(SnackType::RData, 7, 5, 0, 0));
    let [one, two, response] = &again[..] else { panic!("{} PDUs", again.len()) };
    let (first, second) = (DataIn::parse(&one.bhs), DataIn::parse(&two.bhs));
    assert_eq!((first.data_sn, first.buffer_offset, &one.data[..]), (4, 2048, &data[2048..3072]));
    assert_eq!((second.data_sn, second.status_bit, &two.data[..]), (5, false, &data[3072..]));
    let status = ScsiResponse::parse(&response.bhs);
    assert_eq!((status.snack_tag, status.stat_sn, status.exp_data_sn), (5, last.stat_sn, 6));
    // That response is the one that is kept from now on.
    let kept = status_snack(&mut lab, &login, last.stat_sn, 1);
    assert_eq!(lasting(&kept), lasting(&again[2..]));
}

fn out(r2t: &R2t, data_sn: u32, offset: u32, final_bit: bool) -> DataOut {
    DataOut {
        final_bit,
        itt: r2t.itt,
        ttt: r2t.ttt,
        lun: r2t.lun,
        data_sn,
        buffer_offset: offset,
        ..DataOut::default()
    }
}

fn asked(lab: &mut Lab, login: &Login) -> R2t {
    R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs)
}

#[test]
fn damaged_and_lost_write_data_is_asked_for_again() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    let data = pattern(2048, 4);
    let piece = |at: u32| &data[at as usize..at as usize + 512];
    lab.begin(&mut login, 7, &write10(0, 4), 2048, Way::Out);
    let r2t = asked(&mut lab, &login);
    lab.send(login.conn, out(&r2t, 0, 0, false).emit(), piece(0));
    let damaged =
        Frame { verdict: Verdict::DataDigest, ..frame(out(&r2t, 1, 512, false).emit(), piece(512)) };
    lab.send_frame(login.conn, damaged);
    assert_eq!(Reject::parse(&lab.expect(login.conn, Opcode::Reject).bhs).reason, 2);
    lab.expect_nothing(login.conn);
    // The third never comes.
    lab.send(login.conn, out(&r2t, 3, 1536, true).emit(), piece(1536));
    let again = asked(&mut lab, &login);
    assert_eq!((again.r2t_sn, again.buffer_offset, again.desired_data_transfer_length), (1, 512, 1024));
    assert_ne!(again.ttt, r2t.ttt);
    // The R2T itself got lost: it can be had again, with the StatSN of now.
    let same = data_snack(&mut lab, &login, 7, 1, 1);
    assert_eq!(R2t::parse(&same[0].bhs).ttt, again.ttt);
    // The first one was answered, which acknowledges it.
    assert_eq!(data_snack(&mut lab, &login, 7, 0, 0).len(), 1);
    lab.send(login.conn, out(&again, 0, 512, true).emit(), &data[512..1536]);
    assert_eq!(ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs).status, 0);
    assert_eq!(lab.world.disks[&DeviceId(0)][..2048], data[..]);
}

#[test]
fn a_sequence_that_does_not_end_is_asked_for_again_a_few_times() {
    let mut lab = lab();
    let mut login = lab.ready(&[&KEYS[..], &["InitialR2T=No", "FirstBurstLength=1024"]].concat());
    let data = pattern(2048, 4);
    let announced = target_core::wire::ScsiCommand {
        final_bit: false,
        ..common::scsi(&login, Lun(0), 7, &write10(0, 4), 2048, Some(Way::Out))
    };
    lab.send(login.conn, announced.emit(), &[]);
    login.cmd_sn += 1;
    lab.expect_nothing(login.conn);
    let timeout = lab.target.config().timers.data_out;
    // Pings keep the connection alive meanwhile.
    let wait = |lab: &mut Lab, login: &mut Login| {
        let step = Duration::from_secs(10);
        for _ in 0..timeout.as_secs() / 10 {
            lab.sleep(step);
            lab.send(login.conn, common::nop(login, 99, true).emit(), &[]);
        }
        lab.take(login.conn)
    };
    let r2ts = |frames: &[Frame]| -> Vec<R2t> {
        let r2ts = frames.iter().filter(|frame| Opcode::of(&frame.bhs) == Some(Opcode::R2t));
        r2ts.map(|frame| R2t::parse(&frame.bhs)).collect()
    };
    let came = wait(&mut lab, &mut login);
    let [first] = r2ts(&came)[..] else { panic!("one R2T for the unsolicited data that did not come") };
    assert_eq!((first.buffer_offset, first.desired_data_transfer_length), (0, 1024));
    lab.send(login.conn, out(&first, 0, 0, true).emit(), &data[..1024]);
    let second = asked(&mut lab, &login);
    for _ in 0..2 {
        assert_eq!(r2ts(&wait(&mut lab, &mut login)).len(), 1);
    }
    assert_eq!((second.buffer_offset, lab.end(login.conn)), (1024, None));
    lab.sleep(timeout);
    assert!(lab.end(login.conn).is_some(), "three times in vain is enough");
    assert!(lab.world.events.iter().any(|event| matches!(event, Event::Violation { .. })));
}

#[test]
fn what_is_kept_is_bounded_and_gives_way() {
    let mut config = config();
    config.offer.error_recovery_level = 1;
    config.limits.commands = 4;
    config.limits.transfer_bytes = 4096;
    config.limits.held_bytes = 8192;
    let mut lab = Lab::new(config);
    let mut login = lab.ready(&KEYS);
    let first = login.exp_stat_sn;
    for itt in 10..30 {
        lab.begin(&mut login, itt, &read10(0, 8), 4096, Way::In);
        let came = lab.take(login.conn);
        assert!(
            DataIn::parse(&came.last().unwrap().bhs).status_bit,
            "a peer that never acknowledges is served all the same"
        );
        assert!(lab.target.usage().held_bytes <= 8192);
    }
    // The last ones can be had again, the first ones cannot.
    assert_eq!(data_snack(&mut lab, &login, 29, 0, 0).len(), 8);
    assert_eq!(refused(&data_snack(&mut lab, &login, 10, 0, 0)).0, 4);
    assert_eq!(refused(&status_snack(&mut lab, &login, first, 1)).0, 3);
    assert_eq!(status_snack(&mut lab, &login, first + 21, 0).len(), 1);
}

#[test]
fn a_tag_may_be_used_again_before_its_status_is_acknowledged() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    for _ in 0..2 {
        lab.begin(&mut login, 7, &read10(0, 1), 512, Way::In);
        lab.expect(login.conn, Opcode::DataIn);
    }
    assert_eq!(data_snack(&mut lab, &login, 7, 0, 0).len(), 1);
    // The session ends with all that is kept.
    lab.send(login.conn, logout(&login, 9, 0).emit(), &[]);
    assert_eq!(lab.target.usage().sessions, 0);
}

#[test]
fn at_level_0_there_is_nothing_to_ask_for() {
    let mut lab = lab();
    let mut login = lab.ready(&["MaxRecvDataSegmentLength=512"]);
    lab.begin(&mut login, 7, &read10(0, 1), 512, Way::In);
    lab.take(login.conn);
    assert_eq!(refused(&data_snack(&mut lab, &login, 7, 0, 0)).0, 3);
    assert_eq!(refused(&status_snack(&mut lab, &login, 0, 0)).0, 3);
}
