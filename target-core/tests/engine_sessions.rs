//! Sessions, operators and limits through the whole target.

mod common;

use common::{IQN, Lab, Way, config, keys, lun, pattern, read10, scsi, sense, write10};
use core::time::Duration;
use target_core::api::{Admin, ApiMisuse, ConnId, Event, Flow, Input, Tsih, TxStatus};
use target_core::config::TargetConfig;
use target_core::io::DeviceId;
use target_core::session::states::SessionState;
use target_core::wire::{
    AsyncMessage, DataIn, LoginResponse, Lun, Opcode, R2t, Reject, ScsiResponse, TextRequest, TextResponse,
};

const LUN0: Lun = Lun(0);

fn refused(lab: &mut Lab, conn: ConnId, tsih: u16, cid: u16) -> u16 {
    let request = lab.login_request(1, tsih, cid);
    lab.send(conn, request.emit(), &keys(&[]));
    let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
    assert_eq!(lab.end(conn), Some(TxStatus::Close));
    response.status
}

fn sessions_ended(lab: &Lab) -> usize {
    lab.world.events.iter().filter(|event| matches!(event, Event::SessionEnded { .. })).count()
}

#[test]
fn a_login_with_the_same_isid_takes_the_place_of_the_session() {
    let mut lab = Lab::default();
    let mut old = lab.ready(&[]);
    lab.world.stuck = true;
    lab.send(old.conn, scsi(&old, LUN0, 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    old.cmd_sn += 1;
    let new = lab.login(&[]);
    assert_ne!(old.tsih, new.tsih);
    assert_eq!((lab.end(old.conn), lab.end(new.conn)), (Some(TxStatus::Close), None));
    assert_eq!((sessions_ended(&lab), lab.world.cancelled.len()), (1, 1));
    lab.release_disk();
    lab.expect_nothing(old.conn);
    lab.expect_nothing(new.conn);
    // Another ISID is another session.
    let other = lab.login_as(2, &[]);
    assert_eq!((lab.end(new.conn), lab.end(other.conn)), (None, None));
}

#[test]
fn an_operator_sees_who_is_there() {
    let mut lab = Lab::default();
    let login = lab.ready(&["InitiatorAlias=the host"]);
    let all: Vec<_> = lab.target.sessions().collect();
    let [session] = &all[..] else { panic!("one session") };
    assert_eq!(
        (session.tsih, session.initiator, session.alias),
        (Tsih(login.tsih), "iqn.2026-01.lab:host", "the host")
    );
    assert_eq!((session.target, session.identity, session.tasks), (Some(IQN), None, 0));
    assert_eq!((session.state, session.conns), (SessionState::LoggedIn, &[(0, login.conn)][..]));
}

#[test]
fn a_login_with_tsih_and_cid_takes_the_place_of_the_connection() {
    let mut lab = Lab::default();
    let mut old = lab.ready(&[]);
    lab.world.stuck = true;
    lab.send(old.conn, scsi(&old, LUN0, 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    old.cmd_sn += 1;
    let conn = lab.open();
    let mut request = lab.login_request(1, old.tsih, 0);
    request.cmd_sn = old.cmd_sn;
    lab.send(conn, request.emit(), &keys(&[]));
    let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
    assert_eq!((response.status, response.tsih, response.exp_cmd_sn), (0, old.tsih, old.cmd_sn));
    assert_eq!((lab.end(old.conn), sessions_ended(&lab)), (Some(TxStatus::Close), 0));
    // Its commands are gone, and the next one to that logical unit is told so.
    lab.release_disk();
    lab.expect_nothing(conn);
    let mut new = common::Login { conn, exp_stat_sn: response.stat_sn + 1, ..old };
    let itt = lab.itt();
    lab.send(conn, scsi(&new, LUN0, itt, &[0; 6], 0, None).emit(), &[]);
    new.cmd_sn += 1;
    assert_eq!(sense(&lab.expect(conn, Opcode::ScsiResponse)), (6, 0x47, 0x7f));
    assert_eq!(lab.command(&mut new, LUN0, &[0; 6]).status, 0);
}

#[test]
fn a_failed_session_can_be_continued_in_time() {
    let mut lab = Lab::default();
    let old = lab.ready(&[]);
    lab.close(old.conn);
    assert_eq!(sessions_ended(&lab), 0);
    lab.sleep(Duration::from_secs(10));
    let conn = lab.open();
    let mut request = lab.login_request(1, old.tsih, 3);
    request.cmd_sn = old.cmd_sn;
    lab.send(conn, request.emit(), &keys(&[]));
    assert_eq!(LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs).status, 0);
    lab.sleep(Duration::from_secs(20));
    assert_eq!(sessions_ended(&lab), 0);
    // With Time2Retain=0 there is nothing to continue.
    let mut lab = Lab::default();
    let login = lab.ready(&["DefaultTime2Retain=0"]);
    lab.close(login.conn);
    assert_eq!(sessions_ended(&lab), 1);
}

#[test]
fn logins_to_sessions_that_cannot_take_them() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    let conn = lab.open();
    assert_eq!(refused(&mut lab, conn, login.tsih + 1, 0), 0x020a);
    let conn = lab.open();
    assert_eq!(refused(&mut lab, conn, login.tsih, 1), 0x0206);
    assert_eq!(lab.end(login.conn), None);
}

#[test]
fn limits_are_answered() {
    let mut small = config();
    small.limits.sessions = 2;
    small.limits.sessions_per_initiator = 2;
    small.limits.connections = 3;
    let mut lab = Lab::new(small);
    let one = lab.login_as(1, &[]);
    lab.login_as(2, &[]);
    let conn = lab.open();
    let request = lab.login_request(3, 0, 0);
    lab.send(conn, request.emit(), &keys(&[]));
    assert_eq!(LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs).status, 0x0302);
    // The refused connection is still there, so the next one is one too many.
    let conn = lab.open();
    assert_eq!(refused(&mut lab, conn, 0, 0), 0x0302);
    assert_eq!(lab.end(one.conn), None);
    assert!(lab.world.events.iter().any(|event| matches!(event, Event::LoginFailed { status: 0x0302, .. })));
}

#[test]
fn silent_connections_give_way_and_do_not_keep_others_out() {
    let mut small = config();
    small.limits.half_open = 2;
    let mut lab = Lab::new(small);
    let silent: Vec<_> = (0..2).map(|_| lab.open()).collect();
    let login = lab.login(&[]);
    assert_eq!(lab.end(silent[0]), Some(TxStatus::Abort));
    assert_eq!((lab.end(silent[1]), lab.end(login.conn)), (None, None));
}

#[test]
fn memory_is_bounded_and_pausing_ends_when_it_is_given_back() {
    let mut small = config();
    small.limits.transfer_bytes = 4096;
    small.limits.held_bytes = 4096;
    let mut lab = Lab::new(small);
    let mut login = lab.ready(&["FirstBurstLength=4096"]);
    lab.world.stuck = true;
    let data = pattern(4096, 1);
    let mut flow = Flow::Open;
    for itt in [5, 6] {
        flow = lab
            .send(login.conn, scsi(&login, LUN0, itt, &write10(0, 8), 4096, Some(Way::Out)).emit(), &data)
            .flow;
        login.cmd_sn += 1;
    }
    assert_eq!(flow, Flow::Paused);
    lab.release_disk();
    assert!(lab.world.events.contains(&Event::Resume(login.conn)));
    // Reads wait for memory at the disk, one after the other.
    lab.world.stuck = true;
    for itt in [7, 8] {
        lab.send(login.conn, scsi(&login, LUN0, itt, &read10(0, 8), 4096, Some(Way::In)).emit(), &[]);
        login.cmd_sn += 1;
    }
    assert_eq!(lab.world.held.len(), 1);
    lab.release_disk();
    let kinds: Vec<_> =
        lab.world.sides[&login.conn].inbox.iter().map(|frame| Opcode::of(&frame.bhs).unwrap()).collect();
    assert_eq!(kinds, [Opcode::ScsiResponse, Opcode::ScsiResponse, Opcode::DataIn, Opcode::DataIn]);
}

#[test]
fn r2ts_wait_for_memory() {
    let mut small = config();
    small.limits.transfer_bytes = 4096;
    small.limits.held_bytes = 4096;
    let mut lab = Lab::new(small);
    let mut login = lab.ready(&["ImmediateData=No"]);
    for itt in [5, 6] {
        lab.send(login.conn, scsi(&login, LUN0, itt, &write10(0, 8), 4096, Some(Way::Out)).emit(), &[]);
        login.cmd_sn += 1;
    }
    let data = pattern(4096, 1);
    for itt in [5, 6] {
        let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
        assert_eq!(r2t.itt, itt);
        lab.expect_nothing(login.conn);
        let out = target_core::wire::DataOut { final_bit: true, itt, ttt: r2t.ttt, ..Default::default() };
        lab.send(login.conn, out.emit(), &data);
        assert_eq!(ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs).status, 0);
    }
}

/// Two writes that take all memory together: the one that goes beyond it must be read, for nothing else gives any back.
#[test]
fn what_an_r2t_asked_for_is_read_beyond_the_limit() {
    let mut small = config();
    small.limits.transfer_bytes = 4096;
    small.limits.held_bytes = 4096;
    let mut lab = Lab::new(small);
    let mut login = lab.ready(&["ImmediateData=No", "MaxBurstLength=2048", "FirstBurstLength=2048"]);
    for itt in [5, 6] {
        lab.send(login.conn, scsi(&login, LUN0, itt, &write10(0, 8), 4096, Some(Way::Out)).emit(), &[]);
        login.cmd_sn += 1;
    }
    let data = pattern(2048, 1);
    let answer = |lab: &mut Lab, r2t: R2t| {
        let R2t { itt, ttt, buffer_offset, .. } = r2t;
        let out =
            target_core::wire::DataOut { final_bit: true, itt, ttt, buffer_offset, ..Default::default() };
        lab.send(login.conn, out.emit(), &data).flow
    };
    let next = |lab: &mut Lab| R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    let (first, second) = (next(&mut lab), next(&mut lab));
    assert_eq!((first.itt, second.itt), (5, 6));
    assert_eq!(answer(&mut lab, first), Flow::Open);
    lab.expect_nothing(login.conn);
    assert_eq!(answer(&mut lab, second), Flow::Open, "6 was asked for more than there is room for");
    let third = next(&mut lab);
    assert_eq!((third.itt, third.buffer_offset), (6, 2048));
    answer(&mut lab, third);
    assert_eq!(ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs).itt, 6);
    let fourth = next(&mut lab);
    assert_eq!((fourth.itt, fourth.buffer_offset), (5, 2048));
    answer(&mut lab, fourth);
    assert_eq!(ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs).itt, 5);
}

#[test]
fn a_peer_that_does_not_read_is_not_read_from() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    lab.world.clogged.push(login.conn);
    let mut sent = 0;
    while lab.send(login.conn, [0x1c; 48], &[]).flow == Flow::Open {
        sent += 1;
        assert!(sent < 10_000);
    }
    lab.world.clogged.clear();
    lab.admin(Admin::RequestNegotiation { session: Tsih(login.tsih), seconds: 5 });
    // Nothing woke it, for it was woken before; what a driver does then is to poll when the socket can be written.
    target_core::drive::Driver::transmit(&mut lab.world, lab.now, &mut lab.target, login.conn);
    lab.sleep(Duration::ZERO);
    lab.admin(Admin::DropConnection { conn: ConnId(4711) });
    assert!(lab.world.events.contains(&Event::Resume(login.conn)));
}

#[test]
fn storage_that_owes_too_much_turns_commands_away() {
    let mut small = config();
    small.limits.commands = 1;
    let mut lab = Lab::new(small);
    lab.world.stuck = true;
    for _ in 0..8 {
        let login = lab.login(&[]);
        let mut pdu = scsi(&login, LUN0, 5, &[0; 6], 0, None);
        lab.send(login.conn, pdu.emit(), &[]);
        pdu = scsi(
            &common::Login { cmd_sn: login.cmd_sn + 1, ..login },
            LUN0,
            6,
            &read10(0, 1),
            512,
            Some(Way::In),
        );
        lab.send(login.conn, pdu.emit(), &[]);
    }
    let login = lab.login(&[]);
    lab.send(login.conn, scsi(&login, LUN0, 6, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    assert_eq!(ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs).status, 0x28);
    lab.release_disk();
    let login = lab.ready(&[]);
    lab.send(login.conn, scsi(&login, LUN0, 6, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    lab.expect(login.conn, Opcode::DataIn);
}

fn asynchronous(lab: &mut Lab, conn: ConnId) -> (u8, [u16; 3]) {
    let pdu = AsyncMessage::parse(&lab.expect(conn, Opcode::AsyncMessage).bhs);
    (pdu.event, [pdu.parameter1, pdu.parameter2, pdu.parameter3])
}

#[test]
fn an_operator_can_ask_for_a_logout_and_gets_it_one_way_or_the_other() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    lab.admin(Admin::RequestLogout { session: Tsih(login.tsih), seconds: 5 });
    assert_eq!(asynchronous(&mut lab, login.conn), (1, [0, 0, 5]));
    lab.sleep(Duration::from_secs(4));
    assert_eq!(lab.end(login.conn), None);
    lab.sleep(Duration::from_secs(1));
    assert_eq!(asynchronous(&mut lab, login.conn), (2, [0, 2, 20]));
    assert_eq!(lab.end(login.conn), Some(TxStatus::Close));
}

#[test]
fn an_operator_can_drop_and_ask_for_negotiation() {
    let mut lab = Lab::default();
    let login = lab.ready(&["DefaultTime2Retain=0"]);
    lab.admin(Admin::RequestNegotiation { session: Tsih(login.tsih), seconds: 7 });
    assert_eq!(asynchronous(&mut lab, login.conn), (4, [0, 0, 7]));
    lab.admin(Admin::DropConnection { conn: login.conn });
    assert_eq!(asynchronous(&mut lab, login.conn), (2, [0, 2, 0]));
    assert_eq!((lab.end(login.conn), sessions_ended(&lab)), (Some(TxStatus::Close), 1));
    let login = lab.ready(&[]);
    lab.admin(Admin::DropSession { session: Tsih(login.tsih) });
    assert_eq!(asynchronous(&mut lab, login.conn), (3, [0, 2, 0]));
    assert_eq!((lab.end(login.conn), sessions_ended(&lab)), (Some(TxStatus::Close), 2));
}

#[test]
fn a_drain_asks_waits_and_drops() {
    let mut lab = Lab::default();
    let one = lab.ready_as(1, &[]);
    let two = lab.ready_as(2, &[]);
    lab.admin(Admin::Drain { seconds: 9 });
    assert_eq!(asynchronous(&mut lab, one.conn), (1, [0, 0, 9]));
    assert_eq!(asynchronous(&mut lab, two.conn), (1, [0, 0, 9]));
    let conn = lab.open();
    assert_eq!(refused(&mut lab, conn, 0, 0), 0x0301);
    lab.send(one.conn, common::logout(&one, 5, 0).emit(), &[]);
    assert!(!lab.world.events.contains(&Event::Drained));
    lab.sleep(Duration::from_secs(9));
    assert!(lab.world.events.contains(&Event::Drained));
    assert_eq!(lab.world.events.iter().filter(|event| **event == Event::Drained).count(), 1);
    assert_eq!(lab.end(two.conn), Some(TxStatus::Close));
}

#[test]
fn a_changed_list_of_logical_units_is_told_by_message_and_unit_attention() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    lab.world.stuck = true;
    lab.send(login.conn, scsi(&login, Lun::from_number(1), 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    let mut other = config();
    other.targets[0].luns = vec![lun(0, 0), lun(2, 2)];
    other
        .targets
        .insert(0, TargetConfig { name: "iqn.2026-01.lab:another".into(), ..TargetConfig::default() });
    lab.admin(Admin::Reconfigure(Box::new(other)));
    // The command at the unit that went ends; then the news.
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), (5, 0x25, 0));
    let message = lab.expect(login.conn, Opcode::AsyncMessage);
    let pdu = AsyncMessage::parse(&message.bhs);
    assert_eq!((pdu.event, pdu.lun, sense(&message)), (0, LUN0, (6, 0x3f, 0x0e)));
    lab.release_disk();
    let itt = lab.itt();
    lab.send(login.conn, scsi(&login, LUN0, itt, &[0; 6], 0, None).emit(), &[]);
    login.cmd_sn += 1;
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), (6, 0x3f, 0x0e));
    // The session found its target again at another place.
    lab.send(login.conn, scsi(&login, LUN0, 9, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    assert_eq!(DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).itt, 9);
    // A session whose target is gone goes with it.
    let mut none = config();
    none.targets.clear();
    lab.admin(Admin::Reconfigure(Box::new(none)));
    assert_eq!(asynchronous(&mut lab, login.conn).0, 3);
    assert_eq!(lab.end(login.conn), Some(TxStatus::Close));
}

#[test]
fn a_configuration_that_is_wrong_is_an_error_and_changes_nothing() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let mut wrong = config();
    wrong.targets.clear();
    wrong.limits.sessions = 0;
    let refused = lab.target.handle(lab.now, Input::Admin(Admin::Reconfigure(Box::new(wrong))));
    let Err(ApiMisuse::BadConfig(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.field, "limits.sessions");
    // The target that the configuration did not have any more is still there, and so is its session.
    lab.send(login.conn, scsi(&login, LUN0, 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    assert_eq!(DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).itt, 5);
}

#[test]
fn a_resized_device_is_told() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    lab.admin(Admin::Resized { device: DeviceId(0), blocks: 8192 });
    lab.send(login.conn, scsi(&login, LUN0, 5, &[0; 6], 0, None).emit(), &[]);
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), (6, 0x2a, 9));
}

#[test]
fn a_discovery_session_lists_targets_and_does_nothing_else() {
    let mut lab = Lab::default();
    let conn = lab.open();
    let text = b"InitiatorName=iqn.2026-01.lab:host\0SessionType=Discovery\0";
    let request = lab.login_request(1, 0, 0);
    lab.send(conn, request.emit(), text);
    let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
    assert_eq!(response.status, 0);
    let pdu = TextRequest {
        immediate: true,
        final_bit: true,
        itt: 5,
        ttt: 0xffff_ffff,
        cmd_sn: 100,
        ..TextRequest::default()
    };
    lab.send(conn, pdu.emit(), b"SendTargets=All\0");
    let frame = lab.expect(conn, Opcode::TextResponse);
    assert!(TextResponse::parse(&frame.bhs).final_bit);
    let want = format!("TargetName={IQN}\0TargetAddress=127.0.0.1:3260,1\0");
    assert_eq!(frame.data, want.as_bytes());
    let login = common::Login { conn, cmd_sn: 100, exp_stat_sn: 3, tsih: response.tsih };
    lab.send(conn, scsi(&login, LUN0, 6, &[0; 6], 0, None).emit(), &[]);
    assert_eq!(Reject::parse(&lab.expect(conn, Opcode::Reject).bhs).reason, 4);
    lab.send(conn, common::logout(&login, 7, 1).emit(), &[]);
    assert_eq!(Reject::parse(&lab.expect(conn, Opcode::Reject).bhs).reason, 4);
    lab.send(conn, common::logout(&login, 8, 0).emit(), &[]);
    lab.expect(conn, Opcode::LogoutResponse);
    assert_eq!(lab.end(conn), Some(TxStatus::Close));
}
