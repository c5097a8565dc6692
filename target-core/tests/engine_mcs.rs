//! Several connections in one session through the whole target (RFC 7143 4.2.2.1, 4.2.5.1, 6.3.4, 8.2, 11.14).

mod common;

use common::{Lab, Login, Way, config, keys, logout, nop, pattern, read10, scsi, sense, tmf, write10};
use core::time::Duration;
use target_core::api::{Event, TxStatus};
use target_core::session::states::SessionState;
use target_core::wire::{
    DataIn, DataOut, LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, Lun, NopIn, Opcode, R2t,
    RESERVED_TAG, Reject, ScsiResponse,
};

const LUN0: Lun = Lun(0);
const KEYS: [&str; 2] = ["MaxConnections=8", "DefaultTime2Retain=20"];

fn lab() -> Lab {
    let mut config = config();
    config.offer.max_connections = 4;
    config.offer.time2retain = 60;
    Lab::new(config)
}

/// A session with connections of CID 0 and 1.
fn two(lab: &mut Lab) -> (Login, Login) {
    let one = lab.ready(&KEYS);
    let two = lab.join(&one, 1, &[]);
    (one, two)
}

fn ended(lab: &Lab) -> usize {
    lab.world.events.iter().filter(|event| matches!(event, Event::SessionEnded { .. })).count()
}

fn state(lab: &Lab) -> SessionState {
    let all: Vec<_> = lab.target.sessions().map(|session| session.state).collect();
    let [state] = all[..] else { panic!("{} sessions", all.len()) };
    state
}

/// A logout for a CID over `login`, and its result.
fn log_out(lab: &mut Lab, login: &Login, reason: u8, cid: u16) -> u8 {
    let itt = lab.itt();
    let pdu = LogoutRequest { cid, ..logout(login, itt, reason) };
    lab.send(login.conn, pdu.emit(), &[]);
    LogoutResponse::parse(&lab.expect(login.conn, Opcode::LogoutResponse).bhs).response
}

#[test]
fn commands_are_executed_in_order_whatever_connection_brings_them() {
    let mut lab = lab();
    let (one, mut two) = two(&mut lab);
    two.cmd_sn += 1;
    lab.send(two.conn, scsi(&two, LUN0, 8, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    // The write before it has not come: nothing is answered, and ExpCmdSN stands still.
    lab.expect_nothing(two.conn);
    lab.send(two.conn, nop(&two, 20, true).emit(), &[]);
    let answer = NopIn::parse(&lab.expect(two.conn, Opcode::NopIn).bhs);
    assert_eq!(answer.exp_cmd_sn, one.cmd_sn);
    let data = pattern(512, 3);
    lab.send(one.conn, scsi(&one, LUN0, 7, &write10(0, 1), 512, Some(Way::Out)).emit(), &data);
    let written = ScsiResponse::parse(&lab.expect(one.conn, Opcode::ScsiResponse).bhs);
    let read = lab.expect(two.conn, Opcode::DataIn);
    let pdu = DataIn::parse(&read.bhs);
    assert_eq!((written.itt, written.status), (7, 0));
    assert_eq!((pdu.itt, pdu.status_bit, &read.data[..]), (8, true, &data[..]));
    assert_eq!(pdu.exp_cmd_sn, one.cmd_sn + 2);
    lab.expect_nothing(one.conn);
}

#[test]
fn data_belongs_on_the_connection_of_its_command() {
    let mut lab = lab();
    let (one, two) = two(&mut lab);
    lab.send(one.conn, scsi(&one, LUN0, 7, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    let r2t = R2t::parse(&lab.expect(one.conn, Opcode::R2t).bhs);
    let out = DataOut { final_bit: true, itt: 7, ttt: r2t.ttt, lun: LUN0, ..DataOut::default() };
    lab.send(two.conn, out.emit(), &[1; 512]);
    assert_eq!(Reject::parse(&lab.expect(two.conn, Opcode::Reject).bhs).reason, 4);
    lab.send(one.conn, out.emit(), &[2; 512]);
    assert_eq!(ScsiResponse::parse(&lab.expect(one.conn, Opcode::ScsiResponse).bhs).status, 0);
    assert_eq!(lab.world.disks[&target_core::io::DeviceId(0)][..4], [2; 4]);
}

#[test]
fn no_more_connections_than_agreed_even_if_they_log_in_at_once() {
    let mut lab = lab();
    let leading = lab.ready(&["MaxConnections=2"]);
    // Two logins reach the operational stage side by side; only one of them finds a place.
    let begun: Vec<_> = [1, 2]
        .into_iter()
        .map(|cid| {
            let conn = lab.open();
            let first = LoginRequest {
                transit: false,
                cmd_sn: leading.cmd_sn,
                ..lab.login_request(1, leading.tsih, cid)
            };
            lab.send(conn, first.emit(), &keys(&[]));
            let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
            assert_eq!((response.status, response.exp_cmd_sn), (0, leading.cmd_sn));
            (conn, LoginRequest { transit: true, ..first })
        })
        .collect();
    let results: Vec<u16> = begun
        .into_iter()
        .map(|(conn, last)| {
            lab.send(conn, last.emit(), &[]);
            LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs).status
        })
        .collect();
    assert_eq!(results, [0, 0x0206]);
}

#[test]
fn a_logout_can_close_another_connection() {
    let mut lab = lab();
    let (mut one, two) = two(&mut lab);
    lab.world.stuck = true;
    lab.send(two.conn, scsi(&two, LUN0, 7, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    one.cmd_sn += 1;
    assert_eq!(log_out(&mut lab, &one, 1, 9), 1, "CID not found");
    assert_eq!(log_out(&mut lab, &one, 1, 1), 0);
    assert_eq!((lab.end(two.conn), lab.end(one.conn)), (Some(TxStatus::Close), None));
    lab.release_disk();
    lab.expect_nothing(two.conn);
    // Its command is gone without a word, and the next one at that logical unit is told so.
    lab.send(one.conn, scsi(&one, LUN0, 8, &[0; 6], 0, None).emit(), &[]);
    one.cmd_sn += 1;
    assert_eq!(sense(&lab.expect(one.conn, Opcode::ScsiResponse)), (6, 0x47, 0x7f));
    // There is room for another one with the same CID.
    let again = lab.join(&one, 1, &[]);
    assert_eq!((lab.end(again.conn), ended(&lab)), (None, 0));
}

#[test]
fn a_connection_that_failed_can_be_logged_out_over_another_for_a_while() {
    let mut lab = lab();
    let (one, two) = two(&mut lab);
    lab.lose(two.conn, one.conn);
    lab.sleep(Duration::from_secs(10));
    assert_eq!(log_out(&mut lab, &one, 2, 1), 2, "recovery is not supported at level 0");
    assert_eq!(log_out(&mut lab, &one, 1, 1), 0);
    assert_eq!(log_out(&mut lab, &one, 1, 1), 1, "CID not found");
    let two = lab.join(&one, 1, &[]);
    lab.lose(two.conn, one.conn);
    lab.sleep(Duration::from_secs(23));
    assert_eq!(log_out(&mut lab, &one, 1, 1), 1, "its state timed out");
    assert_eq!((lab.end(one.conn), ended(&lab)), (None, 0));
}

#[test]
fn the_session_outlives_its_last_connection_while_another_waits_for_cleanup() {
    let mut lab = lab();
    let (one, two) = two(&mut lab);
    lab.lose(two.conn, one.conn);
    assert_eq!(log_out(&mut lab, &one, 1, 0), 0);
    assert_eq!(
        (lab.end(one.conn), ended(&lab), state(&lab)),
        (Some(TxStatus::Close), 0, SessionState::Failed)
    );
    lab.close(one.conn);
    let new = lab.join(&one, 1, &[]);
    assert_eq!(state(&lab), SessionState::LoggedIn);
    // Now nothing waits: the logout of the last connection closes the session.
    assert_eq!(log_out(&mut lab, &new, 1, 1), 0);
    assert_eq!(ended(&lab), 1);
}

#[test]
fn reinstating_one_connection_leaves_the_others_alone() {
    let mut lab = lab();
    let (mut one, two) = two(&mut lab);
    lab.send(one.conn, scsi(&one, LUN0, 7, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    let r2t = R2t::parse(&lab.expect(one.conn, Opcode::R2t).bhs);
    one.cmd_sn += 1;
    let new = lab.join(&one, 1, &[]);
    assert_eq!((lab.end(two.conn), lab.end(one.conn)), (Some(TxStatus::Close), None));
    let out = DataOut { final_bit: true, itt: 7, ttt: r2t.ttt, lun: LUN0, ..DataOut::default() };
    lab.send(one.conn, out.emit(), &[5; 512]);
    assert_eq!(ScsiResponse::parse(&lab.expect(one.conn, Opcode::ScsiResponse).bhs).status, 0);
    lab.send(new.conn, scsi(&one, LUN0, 8, &[0; 6], 0, None).emit(), &[]);
    assert_eq!(ScsiResponse::parse(&lab.expect(new.conn, Opcode::ScsiResponse).bhs).status, 0);
}

#[test]
fn closing_the_session_closes_every_connection() {
    let mut lab = lab();
    let (one, two) = two(&mut lab);
    let three = lab.join(&one, 2, &[]);
    assert_eq!(log_out(&mut lab, &two, 0, 0), 0);
    for login in [one, two, three] {
        assert_eq!(lab.end(login.conn), Some(TxStatus::Close));
    }
    assert_eq!(ended(&lab), 1);
}

#[test]
fn a_function_that_waits_gives_its_place_back_when_its_connection_goes() {
    let mut lab = lab();
    let (mut one, two) = two(&mut lab);
    lab.send(one.conn, scsi(&one, LUN0, 7, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    lab.expect(one.conn, Opcode::R2t);
    one.cmd_sn += 1;
    // Waits for the data of the write.
    let mut abort = tmf(&one, 8, 2, LUN0);
    abort.immediate = false;
    lab.send(two.conn, abort.emit(), &[]);
    one.cmd_sn += 1;
    lab.expect_nothing(two.conn);
    lab.lose(two.conn, one.conn);
    lab.send(one.conn, nop(&one, 20, true).emit(), &[]);
    let answer = NopIn::parse(&lab.expect(one.conn, Opcode::NopIn).bhs);
    let size = lab.target.config().limits.commands;
    // The write is being aborted and counts no more, the function is gone.
    assert_eq!((answer.exp_cmd_sn, answer.max_cmd_sn), (one.cmd_sn, one.cmd_sn + size - 2));
    let pdu = DataOut { final_bit: true, itt: 7, ttt: RESERVED_TAG, ..DataOut::default() };
    lab.send(one.conn, pdu.emit(), &[]);
}

#[test]
fn what_came_early_over_a_lost_connection_never_came_once_it_is_logged_out() {
    let mut lab = lab();
    let (mut one, mut two) = two(&mut lab);
    two.cmd_sn += 1;
    lab.send(two.conn, scsi(&two, LUN0, 8, &[0; 6], 0, None).emit(), &[]);
    lab.lose(two.conn, one.conn);
    assert_eq!(log_out(&mut lab, &one, 1, 1), 0);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).exp_cmd_sn, one.cmd_sn);
    // The command is retried on the connection that is left (rfc7143/7.2.1-4).
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).exp_cmd_sn, one.cmd_sn);
}

#[test]
fn what_came_early_over_a_lost_connection_has_its_turn_until_then() {
    let mut lab = lab();
    let (mut one, mut two) = two(&mut lab);
    two.cmd_sn += 1;
    lab.send(two.conn, scsi(&two, LUN0, 8, &[0; 6], 0, None).emit(), &[]);
    lab.lose(two.conn, one.conn);
    // Both are delivered (RFC 7143 appendix E, discontiguous commands).
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).exp_cmd_sn, one.cmd_sn + 1);
}
