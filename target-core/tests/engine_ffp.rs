//! NOP, logout, rejects, attributes and timers through the whole target.

mod common;

use common::{Lab, Way, config, frame, keys, logout, nop, pattern, read10, scsi, sense, tmf, write10};
use core::time::Duration;
use target_core::api::{Event, Flow, TxStatus};
use target_core::conn::framing::Verdict;
use target_core::fault::Fault;
use target_core::wire::{
    DataIn, DataOut, LoginRequest, LoginResponse, LogoutResponse, Lun, NopIn, NopOut, Opcode, R2t,
    RESERVED_TAG, Reject, ScsiCommand, ScsiResponse, Snack, TextRequest,
};

const LUN0: Lun = Lun(0);

#[test]
fn a_ping_is_echoed_up_to_what_the_initiator_takes() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&["MaxRecvDataSegmentLength=512"]);
    lab.send(login.conn, nop(&login, 9, false).emit(), &pattern(700, 1));
    login.cmd_sn += 1;
    let echo = lab.expect(login.conn, Opcode::NopIn);
    let pdu = NopIn::parse(&echo.bhs);
    assert_eq!((pdu.itt, pdu.ttt, pdu.stat_sn), (9, RESERVED_TAG, login.exp_stat_sn));
    assert_eq!((pdu.exp_cmd_sn, &echo.data[..]), (login.cmd_sn, &pattern(512, 1)[..]));
    // Without a tag it only brings ExpStatSN.
    lab.send(login.conn, nop(&login, RESERVED_TAG, true).emit(), &[]);
    lab.expect_nothing(login.conn);
}

#[test]
fn a_silent_peer_is_pinged_and_then_dropped() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    lab.sleep(Duration::from_secs(30));
    let ping = NopIn::parse(&lab.expect(login.conn, Opcode::NopIn).bhs);
    assert!(ping.itt == RESERVED_TAG && ping.ttt != RESERVED_TAG);
    assert_eq!(ping.stat_sn, login.exp_stat_sn);
    let answer = NopOut { ttt: ping.ttt, ..nop(&login, RESERVED_TAG, true) };
    lab.send(login.conn, answer.emit(), &[]);
    lab.expect_nothing(login.conn);
    lab.sleep(Duration::from_secs(30));
    lab.expect(login.conn, Opcode::NopIn);
    assert_eq!(lab.end(login.conn), None);
    lab.sleep(Duration::from_secs(30));
    assert_eq!(lab.end(login.conn), Some(TxStatus::Abort));
    lab.close(login.conn);
    // The session waits to be continued for Time2Wait and Time2Retain, here the defaults of 2 and 20 seconds.
    let ended = |lab: &Lab| lab.world.events.iter().any(|event| matches!(event, Event::SessionEnded { .. }));
    lab.sleep(Duration::from_millis(21_999));
    assert!(!ended(&lab));
    lab.sleep(Duration::from_millis(1));
    assert!(ended(&lab));
    assert_eq!(lab.target.poll_timeout(), None);
}

#[test]
fn logout_closes_the_session_whatever_the_disk_does() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    lab.world.stuck = true;
    lab.send(login.conn, scsi(&login, LUN0, 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    let status = lab.send(login.conn, logout(&login, 6, 0).emit(), &[]);
    assert_eq!(status.flow, Flow::Ended);
    let response = LogoutResponse::parse(&lab.expect(login.conn, Opcode::LogoutResponse).bhs);
    assert_eq!((response.itt, response.response, response.exp_cmd_sn), (6, 0, login.cmd_sn));
    assert_eq!(lab.end(login.conn), Some(TxStatus::Close));
    lab.release_disk();
    lab.expect_nothing(login.conn);
    lab.close(login.conn);
    lab.ready(&[]);
}

#[test]
fn a_peer_that_does_not_close_after_logout_is_cut_off() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    lab.send(login.conn, logout(&login, 6, 1).emit(), &[]);
    lab.expect(login.conn, Opcode::LogoutResponse);
    assert_eq!(lab.end(login.conn), Some(TxStatus::Close));
    lab.sleep(Duration::from_secs(15));
    assert_eq!(lab.end(login.conn), Some(TxStatus::Abort));
}

#[test]
fn the_other_logout_answers() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    // Another connection's logout that fails, and a malformed one, change nothing; one's own ends the connection all the same
    // (RFC 7143 8.1.2, T10 and T17).
    for (reason, cid, want) in [(1, 77, 1), (2, 0, 2)] {
        let mut pdu = logout(&login, 6, reason);
        pdu.cid = cid;
        lab.send(login.conn, pdu.emit(), &[]);
        let response = LogoutResponse::parse(&lab.expect(login.conn, Opcode::LogoutResponse).bhs);
        assert_eq!(response.response, want);
        assert_eq!(lab.end(login.conn), (reason == 2).then_some(TxStatus::Close));
        if reason == 1 {
            lab.send(login.conn, logout(&login, 6, 5).emit(), &[]);
            assert_eq!(Reject::parse(&lab.expect(login.conn, Opcode::Reject).bhs).reason, 4);
        }
    }
}

#[test]
fn what_is_rejected_and_why() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    let reserved = ScsiCommand { attr: 6, ..scsi(&login, LUN0, 5, &[0; 6], 0, None) };
    let bidirectional = ScsiCommand { read: true, write: true, ..scsi(&login, LUN0, 5, &[0; 6], 0, None) };
    let both_tags = NopOut { ttt: 1, ..nop(&login, 5, true) };
    let not_immediate = nop(&login, RESERVED_TAG, false);
    let stray_answer = NopOut { ttt: 4711, ..nop(&login, RESERVED_TAG, true) };
    let text = TextRequest {
        immediate: true,
        final_bit: true,
        itt: 5,
        ttt: 12,
        cmd_sn: login.cmd_sn,
        ..TextRequest::default()
    };
    let mut unknown = [0; 48];
    unknown[0] = 0x1c;
    let mut target_pdu = [0; 48];
    target_pdu[0] = 0x25;
    let cases: [(&str, [u8; 48], u8); 11] = [
        ("unknown opcode", unknown, 5),
        ("an opcode of targets", target_pdu, 5),
        ("SNACK", Snack { kind: 0, itt: 5, ..Snack::default() }.emit(), 3),
        ("login", LoginRequest::default().emit(), 4),
        ("reserved attribute", reserved.emit(), 4),
        ("bidirectional without length", bidirectional.emit(), 9),
        ("reserved tag", scsi(&login, LUN0, RESERVED_TAG, &[0; 6], 0, None).emit(), 9),
        ("both tags", both_tags.emit(), 9),
        ("not immediate", not_immediate.emit(), 4),
        ("answer to no ping", stray_answer.emit(), 9),
        ("text tag", text.emit(), 9),
    ];
    for (at, (what, bhs, reason)) in cases.into_iter().enumerate() {
        lab.send(login.conn, bhs, &[]);
        let reject = lab.expect(login.conn, Opcode::Reject);
        let pdu = Reject::parse(&reject.bhs);
        assert_eq!(pdu.reason, reason, "{what}");
        assert_eq!(reject.data, &bhs[..], "{what}");
        assert_eq!((pdu.stat_sn, pdu.exp_cmd_sn), (login.exp_stat_sn + at as u32, login.cmd_sn), "{what}");
    }
}

#[test]
fn contradicting_flags_end_the_command_with_sense() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let neither = ScsiCommand { final_bit: false, ..scsi(&login, LUN0, 5, &[0; 6], 0, None) };
    lab.send(login.conn, neither.emit(), &[]);
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), (5, 0x0e, 3));
    login.cmd_sn += 1;
    lab.send(login.conn, scsi(&login, LUN0, 6, &read10(0, 1), 512, None).emit(), &[]);
    let response = lab.expect(login.conn, Opcode::ScsiResponse);
    assert_eq!(sense(&response), (5, 0x0e, 3));
    let response = ScsiResponse::parse(&response.bhs);
    assert_eq!((response.underflow, response.residual_count), (true, 512), "nothing of it moved");
}

#[test]
fn data_against_the_declared_direction_is_no_success() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&["ImmediateData=Yes"]);
    let before = lab.world.disks.clone();
    lab.send(login.conn, scsi(&login, LUN0, 5, &write10(0, 1), 512, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    let response = lab.expect(login.conn, Opcode::ScsiResponse);
    assert_eq!(sense(&response), (5, 0x0e, 3));
    let response = ScsiResponse::parse(&response.bhs);
    assert_eq!((response.underflow, response.residual_count), (true, 512));
    assert!(before == lab.world.disks, "nothing was written");
    let read = scsi(&login, LUN0, 6, &read10(0, 1), 512, Some(Way::Out));
    lab.send(login.conn, read.emit(), &pattern(512, 3));
    // Its residual says that nothing was moved; libiscsi's test program wants it so.
    let response = ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs);
    assert_eq!((response.status, response.underflow, response.residual_count), (0, true, 512));
}

#[test]
fn damaged_data_is_rejected_and_ends_only_the_command_it_belongs_to() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&["ImmediateData=Yes"]);
    // A command with damaged immediate data counts as not received; its retry is executed.
    let pdu = scsi(&login, LUN0, 5, &write10(0, 1), 512, Some(Way::Out));
    let mut damaged = frame(pdu.emit(), &pattern(512, 1));
    damaged.verdict = Verdict::DataDigest;
    lab.probes();
    lab.send_frame(login.conn, damaged);
    let reject = Reject::parse(&lab.expect(login.conn, Opcode::Reject).bhs);
    assert_eq!((reject.reason, reject.exp_cmd_sn), (2, login.cmd_sn));
    assert!(lab.probes().is_empty(), "neither the damaged PDU nor a Reject has a probe");
    lab.send(login.conn, pdu.emit(), &pattern(512, 1));
    login.cmd_sn += 1;
    assert_eq!(ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs).status, 0);
    // Damaged data of an R2T: sense, after the F bit.
    lab.send(login.conn, scsi(&login, LUN0, 6, &write10(0, 2), 1024, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    let out = DataOut { itt: 6, ttt: r2t.ttt, ..DataOut::default() };
    let mut damaged = frame(out.emit(), &pattern(512, 1));
    damaged.verdict = Verdict::DataDigest;
    lab.send_frame(login.conn, damaged);
    assert_eq!(Reject::parse(&lab.expect(login.conn, Opcode::Reject).bhs).reason, 2);
    lab.expect_nothing(login.conn);
    let last = DataOut { final_bit: true, data_sn: 1, buffer_offset: 512, ..out };
    lab.send(login.conn, last.emit(), &pattern(512, 2));
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), (0x0b, 0x47, 5));
}

#[test]
fn a_stream_that_cannot_be_believed_is_dropped() {
    for (verdict, fault) in
        [(Verdict::HeaderDigest, Fault::HeaderDigest), (Verdict::TooLong, Fault::SegmentTooLong)]
    {
        let mut lab = Lab::default();
        let login = lab.ready(&[]);
        let mut bad = frame(nop(&login, 5, true).emit(), &[]);
        bad.verdict = verdict;
        let status = lab.send_frame(login.conn, bad);
        assert_eq!((status.flow, lab.end(login.conn)), (Flow::Ended, Some(TxStatus::Abort)));
        assert!(lab.world.events.contains(&Event::Violation { conn: login.conn, fault }));
    }
}

#[test]
fn nothing_but_a_login_may_come_first() {
    let mut lab = Lab::default();
    let conn = lab.open();
    lab.send(conn, NopOut { itt: 5, ..NopOut::default() }.emit(), &[]);
    lab.expect_nothing(conn);
    assert_eq!(lab.end(conn), Some(TxStatus::Abort));
    assert_eq!(lab.probes().len(), 1, "the NOP-Out is an event whatever the phase");

    let conn = lab.open();
    let mut request = lab.login_request(1, 0, 0);
    request.transit = false;
    lab.send(conn, request.emit(), &keys(&[]));
    lab.expect(conn, Opcode::LoginResponse);
    lab.send(conn, NopOut { itt: 5, ..NopOut::default() }.emit(), &[]);
    let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
    assert_eq!((response.status, response.itt, response.isid), (0x020b, request.itt, request.isid));
    assert_eq!(lab.end(conn), Some(TxStatus::Close));
}

#[test]
fn a_login_that_does_not_end_is_cut_off() {
    let mut lab = Lab::default();
    let conn = lab.open();
    lab.sleep(Duration::from_millis(14_999));
    assert_eq!(lab.end(conn), None);
    lab.sleep(Duration::from_millis(1));
    assert_eq!(lab.end(conn), Some(TxStatus::Abort));
}

#[test]
fn immediate_requests_are_bounded() {
    let mut lab = Lab::new({
        let mut config = config();
        config.limits.immediate = 2;
        config
    });
    let login = lab.ready(&[]);
    lab.world.clogged.push(login.conn);
    for itt in [5, 6, 7] {
        lab.send(login.conn, nop(&login, itt, true).emit(), &[]);
    }
    lab.world.clogged.clear();
    lab.send(login.conn, nop(&login, RESERVED_TAG, true).emit(), &[]);
    lab.sleep(Duration::ZERO);
    // The transport was clogged; the next thing to send wakes it.
    lab.send(login.conn, tmf(&login, 8, 3, LUN0).emit(), &[]);
    let kinds: Vec<_> =
        lab.world.sides[&login.conn].inbox.iter().map(|frame| Opcode::of(&frame.bhs).unwrap()).collect();
    // One ping, and still room for a task management function.
    assert_eq!(kinds, [Opcode::NopIn, Opcode::Reject, Opcode::Reject, Opcode::TaskResponse]);
    let reject = lab.world.sides[&login.conn].inbox[1].clone();
    assert_eq!(Reject::parse(&reject.bhs).reason, 6);
}

#[test]
fn ordered_waits_for_the_older_and_holds_up_the_newer() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    lab.world.stuck = true;
    for (itt, attr) in [(5, 1), (6, 2), (7, 1), (8, 3)] {
        let pdu = ScsiCommand { attr, ..scsi(&login, LUN0, itt, &read10(0, 1), 512, Some(Way::In)) };
        lab.send(login.conn, pdu.emit(), &[]);
        login.cmd_sn += 1;
    }
    assert_eq!(lab.world.held.len(), 2, "the simple one and the head of queue");
    lab.release_disk();
    let order: Vec<u32> =
        (0..4).map(|_| DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).itt).collect();
    assert_eq!(order, [5, 8, 6, 7]);
}

#[test]
fn write_data_that_never_comes_ends_the_connection() {
    let mut lab = Lab::new({
        let mut config = config();
        config.timers.nop_interval = Duration::ZERO;
        config
    });
    let login = lab.ready(&["ImmediateData=No"]);
    lab.send(login.conn, scsi(&login, LUN0, 5, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    lab.expect(login.conn, Opcode::R2t);
    lab.sleep(Duration::from_secs(59));
    assert_eq!(lab.end(login.conn), None);
    lab.sleep(Duration::from_secs(1));
    assert_eq!(lab.end(login.conn), Some(TxStatus::Abort));
}

#[test]
fn digests_begin_after_the_login_in_both_directions() {
    let mut lab = Lab::default();
    let conn = lab.open();
    let request = lab.login_request(1, 0, 0);
    let status =
        lab.send(conn, request.emit(), &keys(&["HeaderDigest=CRC32C,None", "DataDigest=CRC32C,None"]));
    assert!(status.digests.header && status.digests.data);
    // The test's own framer switches with the response and checks what follows.
    lab.expect(conn, Opcode::LoginResponse);
    let login = common::Login { conn, cmd_sn: 100, exp_stat_sn: 2, tsih: 1 };
    lab.send(conn, nop(&login, 9, true).emit(), b"ping");
    assert_eq!(lab.expect(conn, Opcode::NopIn).data, &b"ping"[..]);
}

fn text(login: &common::Login, itt: u32) -> TextRequest {
    TextRequest {
        final_bit: true,
        itt,
        ttt: RESERVED_TAG,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        ..TextRequest::default()
    }
}

#[test]
fn a_new_segment_length_holds_from_the_text_response_on() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    lab.send(login.conn, text(&login, 5).emit(), b"MaxRecvDataSegmentLength=512\0");
    login.cmd_sn += 1;
    let response = target_core::wire::TextResponse::parse(&lab.expect(login.conn, Opcode::TextResponse).bhs);
    assert_eq!((response.exp_cmd_sn, response.final_bit), (login.cmd_sn, true));
    lab.send(login.conn, scsi(&login, LUN0, 6, &read10(0, 2), 1024, Some(Way::In)).emit(), &[]);
    let sizes = [(); 2].map(|()| lab.expect(login.conn, Opcode::DataIn).data.len());
    assert_eq!(sizes, [512, 512]);
}

#[test]
fn a_rejected_request_counts_as_not_received() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let bad = TextRequest { ttt: 77, ..text(&login, 5) };
    lab.send(login.conn, bad.emit(), &[]);
    assert_eq!(Reject::parse(&lab.expect(login.conn, Opcode::Reject).bhs).exp_cmd_sn, login.cmd_sn);
    // What came after it waits until the gap is filled.
    let first = login;
    login.cmd_sn += 1;
    lab.send(login.conn, nop(&login, 6, false).emit(), &[]);
    lab.expect_nothing(login.conn);
    lab.send(login.conn, nop(&first, 7, false).emit(), &[]);
    let order = [(); 2].map(|()| NopIn::parse(&lab.expect(login.conn, Opcode::NopIn).bhs).itt);
    assert_eq!(order, [7, 6]);
}

#[test]
fn the_window_closes_and_opens() {
    let mut lab = Lab::new({
        let mut config = config();
        config.limits.commands = 2;
        config
    });
    let mut login = lab.ready(&[]);
    lab.world.stuck = true;
    for itt in [5, 6] {
        lab.send(login.conn, scsi(&login, LUN0, itt, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
        login.cmd_sn += 1;
    }
    lab.send(login.conn, nop(&login, 9, true).emit(), &[]);
    let closed = NopIn::parse(&lab.expect(login.conn, Opcode::NopIn).bhs);
    assert_eq!((closed.exp_cmd_sn, closed.max_cmd_sn), (login.cmd_sn, login.cmd_sn - 1));
    lab.send(login.conn, scsi(&login, LUN0, 7, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    lab.release_disk();
    let max = [(); 2].map(|()| DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).max_cmd_sn);
    assert_eq!(max, [login.cmd_sn, login.cmd_sn + 1]);
    lab.expect_nothing(login.conn);
}
