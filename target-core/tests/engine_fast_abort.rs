//! TaskReporting=FastAbort through the whole target (RFC 7143 4.2.3.4, 4.2.3.5, 13.23).

mod common;

use common::{Lab, Login, Way, nop, pattern, scsi, tmf, write10};
use target_core::config::Config;
use target_core::session::params::TaskReporting;
use target_core::wire::{
    AsyncMessage, DataOut, LoginResponse, Lun, NopOut, Opcode, R2t, RESERVED_TAG, Reject, TaskResponse,
};

const LUN0: Lun = Lun(0);
const ABORT_TASK_SET: u8 = 2;
const CLEAR_TASK_SET: u8 = 4;
const LUN_RESET: u8 = 5;
const WARM_RESET: u8 = 6;

const FAST: &[&str] = &["TaskReporting=FastAbort,ResponseFence,RFC3720", "ImmediateData=No"];
const STANDARD: &[&str] = &["TaskReporting=RFC3720,ResponseFence", "ImmediateData=No"];

/// A write that has been asked for its data.
fn asked(lab: &mut Lab, login: &mut Login, lun: Lun, itt: u32) -> R2t {
    lab.send(login.conn, scsi(login, lun, itt, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs)
}

fn data_for(lab: &mut Lab, login: &Login, r2t: &R2t) {
    let data = DataOut { final_bit: true, lun: r2t.lun, itt: r2t.itt, ttt: r2t.ttt, ..DataOut::default() };
    lab.send(login.conn, data.emit(), &pattern(512, 1));
}

fn terminated(lab: &mut Lab, login: &mut Login) -> Lun {
    let message = AsyncMessage::parse(&lab.expect(login.conn, Opcode::AsyncMessage).bhs);
    assert_eq!((message.event, message.parameter1, message.parameter2, message.parameter3), (5, 0, 0, 0));
    login.exp_stat_sn = message.stat_sn + 1;
    message.lun
}

#[test]
fn the_value_is_the_first_that_is_offered_and_taken() {
    for (at_most, offered, want) in [
        (TaskReporting::FastAbort, "FastAbort,ResponseFence,RFC3720", "FastAbort"),
        (TaskReporting::FastAbort, "ResponseFence,FastAbort,RFC3720", "ResponseFence"),
        (TaskReporting::ResponseFence, "FastAbort,ResponseFence,RFC3720", "ResponseFence"),
        (TaskReporting::Rfc3720, "FastAbort,ResponseFence,RFC3720", "RFC3720"),
        (TaskReporting::Rfc3720, "FastAbort,ResponseFence", "Reject"),
        (TaskReporting::FastAbort, "Telepathy,RFC3720", "RFC3720"),
    ] {
        let mut config: Config = common::config();
        config.offer.task_reporting = at_most;
        let mut lab = Lab::new(config);
        let conn = lab.open();
        let request = lab.login_request(1, 0, 0);
        let key = format!("TaskReporting={offered}");
        lab.send(conn, request.emit(), &common::keys(&[&key]));
        let frame = lab.expect(conn, Opcode::LoginResponse);
        assert_eq!(LoginResponse::parse(&frame.bhs).status, 0);
        let answer = format!("TaskReporting={want}");
        assert!(frame.data.split(|byte| *byte == 0).any(|pair| pair == answer.as_bytes()), "{key}");
    }
}

#[test]
fn a_function_does_not_wait_for_data_and_what_still_comes_is_dropped() {
    for function in [ABORT_TASK_SET, CLEAR_TASK_SET, LUN_RESET, WARM_RESET] {
        let mut lab = Lab::default();
        let mut login = lab.ready(FAST);
        let r2t = asked(&mut lab, &mut login, LUN0, 6);
        lab.send(login.conn, tmf(&login, 7, function, LUN0).emit(), &[]);
        let response = TaskResponse::parse(&lab.expect(login.conn, Opcode::TaskResponse).bhs);
        assert_eq!(response.response, 0, "function {function}");
        data_for(&mut lab, &login, &r2t);
        // The issuing connection is not told: the response says it.
        lab.expect_nothing(login.conn);
        assert!(lab.world.disks.values().all(|disk| disk.iter().all(|byte| *byte == 0)));
    }
}

#[test]
fn without_it_the_data_is_waited_for() {
    let mut lab = Lab::default();
    let mut login = lab.ready(STANDARD);
    let r2t = asked(&mut lab, &mut login, LUN0, 6);
    lab.send(login.conn, tmf(&login, 7, LUN_RESET, LUN0).emit(), &[]);
    lab.expect_nothing(login.conn);
    data_for(&mut lab, &login, &r2t);
    assert_eq!(TaskResponse::parse(&lab.expect(login.conn, Opcode::TaskResponse).bhs).response, 0);
}

#[test]
fn a_third_party_is_told_and_its_tags_last_until_it_says_so() {
    // Whatever the issuing session does (rfc7143/4.2.3.4, d1; 4.2.3.5-1).
    for issuer in [FAST, STANDARD] {
        let mut lab = Lab::default();
        let one = lab.ready_as(1, issuer);
        let mut two = lab.ready_as(2, FAST);
        let r2t = asked(&mut lab, &mut two, LUN0, 6);
        lab.send(one.conn, tmf(&one, 7, LUN_RESET, LUN0).emit(), &[]);
        assert_eq!(TaskResponse::parse(&lab.expect(one.conn, Opcode::TaskResponse).bhs).response, 0);
        assert_eq!(terminated(&mut lab, &mut two), LUN0);
        data_for(&mut lab, &two, &r2t);
        lab.expect_nothing(two.conn);
        // An acknowledgement of another unit, or of what came before, frees nothing.
        let stop = nop(&two, RESERVED_TAG, true);
        lab.send(two.conn, NopOut { lun: Lun::from_number(1), ..stop }.emit(), &[]);
        lab.send(two.conn, NopOut { exp_stat_sn: two.exp_stat_sn - 1, ..stop }.emit(), &[]);
        data_for(&mut lab, &two, &r2t);
        lab.expect_nothing(two.conn);
        lab.send(two.conn, stop.emit(), &[]);
        data_for(&mut lab, &two, &r2t);
        let reject = Reject::parse(&lab.expect(two.conn, Opcode::Reject).bhs);
        assert_eq!(reject.reason, 9, "the tag means nothing any more");
    }
}

#[test]
fn a_third_party_without_it_is_not_told() {
    let mut lab = Lab::default();
    let one = lab.ready_as(1, FAST);
    let mut two = lab.ready_as(2, STANDARD);
    let r2t = asked(&mut lab, &mut two, LUN0, 6);
    lab.send(one.conn, tmf(&one, 7, CLEAR_TASK_SET, LUN0).emit(), &[]);
    assert_eq!(TaskResponse::parse(&lab.expect(one.conn, Opcode::TaskResponse).bhs).response, 0);
    lab.expect(two.conn, Opcode::NopIn);
    data_for(&mut lab, &two, &r2t);
    lab.expect_nothing(two.conn);
}

#[test]
fn one_message_for_each_logical_unit_and_none_where_nothing_was() {
    let mut lab = Lab::default();
    let one = lab.ready_as(1, FAST);
    let mut two = lab.ready_as(2, FAST);
    let three = lab.ready_as(3, FAST);
    asked(&mut lab, &mut two, LUN0, 6);
    asked(&mut lab, &mut two, LUN0, 7);
    asked(&mut lab, &mut two, Lun::from_number(1), 8);
    lab.send(one.conn, tmf(&one, 7, WARM_RESET, LUN0).emit(), &[]);
    assert_eq!(TaskResponse::parse(&lab.expect(one.conn, Opcode::TaskResponse).bhs).response, 0);
    let told = [terminated(&mut lab, &mut two), terminated(&mut lab, &mut two)];
    assert_eq!(told, [LUN0, Lun::from_number(1)]);
    lab.expect_nothing(two.conn);
    lab.expect_nothing(three.conn);
}
