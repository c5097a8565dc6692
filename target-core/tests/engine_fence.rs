//! The Response Fence in sessions of several connections (RFC 7143 4.2.2.3, 11.6.1).

mod common;

use common::{Lab, Login, Way, config, keys, nop, read10, scsi, sense, tmf};
use target_core::wire::{
    DataIn, LoginRequest, LoginResponse, Lun, NopIn, Opcode, RESERVED_TAG, ScsiResponse, TaskResponse,
};

const LUN0: Lun = Lun(0);
const ABORT_TASK_SET: u8 = 2;
const LUN_RESET: u8 = 5;

const FENCE: &[&str] = &["MaxConnections=4", "TaskReporting=ResponseFence,RFC3720"];
const FAST: &[&str] = &["MaxConnections=4", "TaskReporting=FastAbort,ResponseFence,RFC3720"];
const NO_FENCE: &[&str] = &["MaxConnections=4", "TaskReporting=RFC3720,ResponseFence"];

fn lab() -> Lab {
    let mut config = config();
    config.offer.max_connections = 4;
    Lab::new(config)
}

/// A session of two connections.
fn two(lab: &mut Lab, more: &[&str]) -> (Login, Login) {
    let one = lab.ready_as(1, more);
    let conn = lab.open();
    let request = LoginRequest { cmd_sn: one.cmd_sn, ..lab.login_request(1, one.tsih, 1) };
    lab.send(conn, request.emit(), &keys(&[]));
    let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
    (one, Login { conn, exp_stat_sn: response.stat_sn + 1, ..one })
}

/// The ping that asks for an acknowledgement.
fn ping(lab: &mut Lab, login: &Login) -> NopIn {
    let ping = NopIn::parse(&lab.expect(login.conn, Opcode::NopIn).bhs);
    assert_eq!(ping.itt, RESERVED_TAG);
    assert_ne!(ping.ttt, RESERVED_TAG);
    ping
}

fn pong(lab: &mut Lab, login: &mut Login, ping: NopIn) {
    login.exp_stat_sn = ping.stat_sn;
    let answer = target_core::wire::NopOut { ttt: ping.ttt, lun: ping.lun, ..nop(login, RESERVED_TAG, true) };
    lab.send(login.conn, answer.emit(), &[]);
}

#[test]
fn the_response_to_an_abort_waits_for_acknowledgements_on_every_connection() {
    for more in [FENCE, FAST, NO_FENCE] {
        let mut lab = lab();
        let (one, mut two) = two(&mut lab, more);
        // Something is answered on the other connection, and not acknowledged.
        lab.send(two.conn, scsi(&two, LUN0, 5, &[0; 6], 0, None).emit(), &[]);
        lab.expect(two.conn, Opcode::ScsiResponse);
        let one = Login { cmd_sn: one.cmd_sn + 1, ..one };
        lab.send(one.conn, tmf(&one, 7, ABORT_TASK_SET, LUN0).emit(), &[]);
        lab.expect_nothing(one.conn);
        let asks = ping(&mut lab, &two);
        pong(&mut lab, &mut two, asks);
        assert_eq!(TaskResponse::parse(&lab.expect(one.conn, Opcode::TaskResponse).bhs).response, 0);
    }
}

#[test]
fn what_follows_the_fenced_response_waits_for_its_acknowledgement() {
    let mut lab = lab();
    let (mut one, mut two) = two(&mut lab, FENCE);
    lab.send(one.conn, tmf(&one, 7, LUN_RESET, LUN0).emit(), &[]);
    // The other connection has not acknowledged its login.
    lab.expect_nothing(one.conn);
    let asks = ping(&mut lab, &two);
    pong(&mut lab, &mut two, asks);
    lab.expect(one.conn, Opcode::TaskResponse);
    let asks = ping(&mut lab, &one);
    // At this logical unit nothing is answered, at the other one it is.
    lab.send(two.conn, scsi(&two, LUN0, 8, &[0; 6], 0, None).emit(), &[]);
    two.cmd_sn += 1;
    lab.expect_nothing(two.conn);
    lab.send(two.conn, scsi(&two, Lun::from_number(1), 9, &[0; 6], 0, None).emit(), &[]);
    two.cmd_sn += 1;
    let other = ScsiResponse::parse(&lab.expect(two.conn, Opcode::ScsiResponse).bhs);
    assert_eq!((other.itt, other.status), (9, 0));
    two.exp_stat_sn = other.stat_sn + 1;
    one.cmd_sn = two.cmd_sn;
    pong(&mut lab, &mut one, asks);
    // Its unit attention is fenced in its turn: what came before it has to be acknowledged.
    let asks = ping(&mut lab, &two);
    pong(&mut lab, &mut two, asks);
    assert_eq!(sense(&lab.expect(two.conn, Opcode::ScsiResponse)), (6, 0x29, 3));
}

#[test]
fn unit_attentions_pass_freely_where_no_fence_was_agreed_on() {
    let mut lab = lab();
    let (one, mut two) = two(&mut lab, NO_FENCE);
    let third = lab.ready_as(2, &[]);
    lab.send(third.conn, tmf(&third, 7, LUN_RESET, LUN0).emit(), &[]);
    lab.expect(third.conn, Opcode::TaskResponse);
    lab.send(two.conn, scsi(&two, LUN0, 8, &[0; 6], 0, None).emit(), &[]);
    two.cmd_sn += 1;
    assert_eq!(sense(&lab.expect(two.conn, Opcode::ScsiResponse)), (6, 0x29, 3));
    lab.expect_nothing(one.conn);
}

#[test]
fn a_third_party_hears_of_the_reset_behind_what_was_answered_before() {
    for more in [FENCE, FAST] {
        let mut lab = lab();
        let (one, mut two) = two(&mut lab, more);
        let third = lab.ready_as(2, &[]);
        // Answered before the reset, and not acknowledged.
        lab.send(one.conn, scsi(&one, LUN0, 4, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
        let read = DataIn::parse(&lab.expect(one.conn, Opcode::DataIn).bhs);
        assert!(read.status_bit);
        lab.send(third.conn, tmf(&third, 7, LUN_RESET, LUN0).emit(), &[]);
        lab.expect(third.conn, Opcode::TaskResponse);
        two.cmd_sn += 1;
        lab.send(two.conn, scsi(&two, LUN0, 8, &[0; 6], 0, None).emit(), &[]);
        two.cmd_sn += 1;
        lab.expect_nothing(two.conn);
        let asks = ping(&mut lab, &one);
        let mut one = Login { cmd_sn: two.cmd_sn, ..one };
        pong(&mut lab, &mut one, asks);
        assert_eq!(sense(&lab.expect(two.conn, Opcode::ScsiResponse)), (6, 0x29, 3));
        // And what comes behind it waits until that is acknowledged.
        let asks = ping(&mut lab, &two);
        lab.send(one.conn, scsi(&one, LUN0, 9, &[0; 6], 0, None).emit(), &[]);
        lab.expect_nothing(one.conn);
        two.cmd_sn += 1;
        pong(&mut lab, &mut two, asks);
        assert_eq!(ScsiResponse::parse(&lab.expect(one.conn, Opcode::ScsiResponse).bhs).status, 0);
    }
}

#[test]
fn a_connection_that_goes_holds_up_nobody() {
    let mut lab = lab();
    let (one, two) = two(&mut lab, FENCE);
    lab.send(two.conn, scsi(&two, LUN0, 5, &[0; 6], 0, None).emit(), &[]);
    lab.expect(two.conn, Opcode::ScsiResponse);
    let one = Login { cmd_sn: one.cmd_sn + 1, ..one };
    lab.send(one.conn, tmf(&one, 7, ABORT_TASK_SET, LUN0).emit(), &[]);
    lab.expect_nothing(one.conn);
    lab.lose(two.conn, one.conn);
    assert_eq!(TaskResponse::parse(&lab.expect(one.conn, Opcode::TaskResponse).bhs).response, 0);
}

#[test]
fn one_connection_has_no_fence() {
    let mut lab = lab();
    let one = lab.ready_as(1, FENCE);
    lab.send(one.conn, scsi(&one, LUN0, 5, &[0; 6], 0, None).emit(), &[]);
    lab.expect(one.conn, Opcode::ScsiResponse);
    let one = Login { cmd_sn: one.cmd_sn + 1, ..one };
    lab.send(one.conn, tmf(&one, 7, ABORT_TASK_SET, LUN0).emit(), &[]);
    lab.expect(one.conn, Opcode::TaskResponse);
    lab.expect_nothing(one.conn);
}
