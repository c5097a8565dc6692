//! Task management functions through the whole target.

mod common;

use common::{Lab, Login, Way, pattern, read10, scsi, sense, tmf, write10};
use target_core::api::TxStatus;
use target_core::probe::Probe;
use target_core::wire::{
    AsyncMessage, DataIn, DataOut, Lun, NopIn, Opcode, R2t, RESERVED_TAG, ScsiResponse, TaskRequest,
    TaskResponse,
};

const LUN0: Lun = Lun(0);
const ABORT_TASK: u8 = 1;
const ABORT_TASK_SET: u8 = 2;
const CLEAR_TASK_SET: u8 = 4;
const LUN_RESET: u8 = 5;
const WARM_RESET: u8 = 6;
const COLD_RESET: u8 = 7;

fn answer(lab: &mut Lab, login: &Login) -> u8 {
    TaskResponse::parse(&lab.expect(login.conn, Opcode::TaskResponse).bhs).response
}

fn start_read(lab: &mut Lab, login: &mut Login, lun: Lun, itt: u32) {
    lab.send(login.conn, scsi(login, lun, itt, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
}

#[test]
fn abort_task_ends_a_read_at_a_stuck_disk_and_its_late_completion_is_swallowed() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    lab.world.stuck = true;
    start_read(&mut lab, &mut login, LUN0, 5);
    let abort = TaskRequest {
        referenced_task_tag: 5,
        ref_cmd_sn: login.cmd_sn - 1,
        ..tmf(&login, 6, ABORT_TASK, LUN0)
    };
    lab.send(login.conn, abort.emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 0);
    assert_eq!(lab.world.cancelled.len(), 1);
    lab.release_disk();
    lab.expect_nothing(login.conn);
    // Again: it is not there any more.
    lab.send(login.conn, TaskRequest { itt: 7, ..abort }.emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 1);
    start_read(&mut lab, &mut login, LUN0, 5);
    lab.expect(login.conn, Opcode::DataIn);
}

#[test]
fn abort_task_of_a_write_drops_its_late_data_in_silence() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&["ImmediateData=No"]);
    lab.send(login.conn, scsi(&login, LUN0, 5, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    let abort = TaskRequest {
        referenced_task_tag: 5,
        ref_cmd_sn: login.cmd_sn - 1,
        ..tmf(&login, 6, ABORT_TASK, LUN0)
    };
    lab.send(login.conn, abort.emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 0);
    let late = DataOut { final_bit: true, itt: 5, ttt: r2t.ttt, ..DataOut::default() };
    lab.send(login.conn, late.emit(), &pattern(512, 1));
    lab.expect_nothing(login.conn);
    assert_eq!(lab.command(&mut login, LUN0, &[0; 6]).status, 0);
}

#[test]
fn abort_task_fills_the_gap_of_a_command_that_never_came() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let missing = login.cmd_sn;
    login.cmd_sn += 1;
    start_read(&mut lab, &mut login, LUN0, 5);
    lab.expect_nothing(login.conn);
    let abort =
        TaskRequest { referenced_task_tag: 99, ref_cmd_sn: missing, ..tmf(&login, 6, ABORT_TASK, LUN0) };
    lab.send(login.conn, abort.emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 0);
    assert_eq!(DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).exp_cmd_sn, login.cmd_sn);
    // A number outside the window does not exist.
    let abort = TaskRequest { itt: 7, ref_cmd_sn: missing.wrapping_sub(50), ..abort };
    lab.send(login.conn, abort.emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 1);
}

#[test]
fn abort_task_takes_a_held_command_out() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let first = login;
    login.cmd_sn += 1;
    start_read(&mut lab, &mut login, LUN0, 5);
    let abort = TaskRequest {
        referenced_task_tag: 5,
        ref_cmd_sn: login.cmd_sn - 1,
        ..tmf(&login, 6, ABORT_TASK, LUN0)
    };
    lab.send(login.conn, abort.emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 0);
    lab.send(login.conn, scsi(&first, LUN0, 4, &[0; 6], 0, None).emit(), &[]);
    let response = ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs);
    assert_eq!((response.itt, response.status), (4, 0));
    lab.expect_nothing(login.conn);
    assert_eq!(lab.command(&mut login, LUN0, &[0; 6]).exp_cmd_sn, login.cmd_sn);
}

#[test]
fn functions_that_are_not_there_say_so() {
    let mut lab = Lab::default();
    let login = lab.ready(&[]);
    for (function, lun, want) in [
        (3, LUN0, 0),
        (3, Lun::from_number(9), 2),
        (9, LUN0, 5),
        (11, LUN0, 5),
        (8, LUN0, 4),
        (0, LUN0, 5),
        (77, LUN0, 5),
        (ABORT_TASK_SET, Lun::from_number(9), 2),
        (CLEAR_TASK_SET, Lun::from_number(9), 2),
        (LUN_RESET, Lun::from_number(9), 2),
        (ABORT_TASK, LUN0, 1),
    ] {
        let itt = lab.itt();
        lab.send(login.conn, tmf(&login, itt, function, lun).emit(), &[]);
        assert_eq!(answer(&mut lab, &login), want, "function {function}");
    }
}

#[test]
fn abort_task_set_waits_for_the_data_it_asked_for_and_not_for_the_disk() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&["ImmediateData=No"]);
    lab.world.stuck = true;
    start_read(&mut lab, &mut login, LUN0, 5);
    lab.send(login.conn, scsi(&login, LUN0, 6, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    lab.send(login.conn, tmf(&login, 7, ABORT_TASK_SET, LUN0).emit(), &[]);
    lab.expect_nothing(login.conn);
    // ABORT TASK on a function is rejected.
    let abort = TaskRequest { referenced_task_tag: 7, ..tmf(&login, 8, ABORT_TASK, LUN0) };
    lab.send(login.conn, abort.emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 255);
    let data = DataOut { final_bit: true, itt: 6, ttt: r2t.ttt, ..DataOut::default() };
    lab.send(login.conn, data.emit(), &pattern(512, 1));
    assert_eq!(answer(&mut lab, &login), 0);
    lab.release_disk();
    lab.expect_nothing(login.conn);
}

#[test]
fn abort_task_set_waits_for_earlier_commands_and_spares_later_ones() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    lab.world.stuck = true;
    let missing = login;
    login.cmd_sn += 1;
    lab.send(login.conn, tmf(&login, 7, ABORT_TASK_SET, LUN0).emit(), &[]);
    start_read(&mut lab, &mut login, LUN0, 6);
    lab.expect_nothing(login.conn);
    lab.send(login.conn, scsi(&missing, LUN0, 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    assert_eq!(answer(&mut lab, &login), 0);
    lab.release_disk();
    assert_eq!(DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).itt, 6);
    lab.expect_nothing(login.conn);
}

#[test]
fn clear_task_set_reaches_other_sessions() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &[]);
    let mut two = lab.ready_as(2, &[]);
    lab.world.stuck = true;
    start_read(&mut lab, &mut one, LUN0, 5);
    start_read(&mut lab, &mut two, LUN0, 5);
    start_read(&mut lab, &mut two, Lun::from_number(1), 6);
    lab.send(one.conn, tmf(&one, 7, CLEAR_TASK_SET, LUN0).emit(), &[]);
    assert_eq!(answer(&mut lab, &one), 0);
    // The other session's window opened without a response: it is told.
    let window = NopIn::parse(&lab.expect(two.conn, Opcode::NopIn).bhs);
    assert_eq!((window.itt, window.ttt), (RESERVED_TAG, RESERVED_TAG));
    lab.release_disk();
    assert_eq!(DataIn::parse(&lab.expect(two.conn, Opcode::DataIn).bhs).itt, 6);
    two.exp_stat_sn += 1;
    lab.expect_nothing(one.conn);
    lab.expect_nothing(two.conn);
    let itt = lab.itt();
    lab.send(two.conn, scsi(&two, LUN0, itt, &[0; 6], 0, None).emit(), &[]);
    assert_eq!(sense(&lab.expect(two.conn, Opcode::ScsiResponse)), (6, 0x2f, 0));
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 0);
}

#[test]
fn resets_leave_a_unit_attention_with_everybody() {
    for function in [LUN_RESET, WARM_RESET] {
        let mut lab = Lab::default();
        let mut one = lab.ready_as(1, &[]);
        let mut two = lab.ready_as(2, &[]);
        lab.world.stuck = true;
        start_read(&mut lab, &mut one, LUN0, 5);
        start_read(&mut lab, &mut two, LUN0, 5);
        lab.send(one.conn, tmf(&one, 7, function, LUN0).emit(), &[]);
        assert_eq!(answer(&mut lab, &one), 0);
        lab.expect(two.conn, Opcode::NopIn);
        lab.release_disk();
        for login in [&mut one, &mut two] {
            lab.expect_nothing(login.conn);
            let itt = lab.itt();
            lab.send(login.conn, scsi(login, LUN0, itt, &[0; 6], 0, None).emit(), &[]);
            let (key, asc, _) = sense(&lab.expect(login.conn, Opcode::ScsiResponse));
            assert_eq!((key, asc), (6, 0x29));
        }
    }
}

#[test]
fn a_reset_ends_the_functions_that_wait() {
    for function in [LUN_RESET, WARM_RESET] {
        let mut lab = Lab::default();
        let mut one = lab.ready_as(1, &[]);
        let two = lab.ready_as(2, &[]);
        let missing = one;
        one.cmd_sn += 1;
        lab.send(one.conn, tmf(&one, 60, ABORT_TASK_SET, LUN0).emit(), &[]);
        lab.expect_nothing(one.conn);
        lab.send(two.conn, tmf(&two, 61, function, LUN0).emit(), &[]);
        assert_eq!(answer(&mut lab, &two), 0);
        lab.send(one.conn, scsi(&missing, LUN0, 5, &[0; 6], 0, None).emit(), &[]);
        // The command comes too late for the function, which is not answered, and hears of the reset.
        assert_eq!(sense(&lab.expect(one.conn, Opcode::ScsiResponse)), (6, 0x29, 3), "function {function}");
        lab.expect_nothing(one.conn);
        assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 0);
    }
}

#[test]
fn a_target_reset_ends_what_waits_for_its_turn_and_that_of_a_unit_does_not() {
    for (function, kept) in [(LUN_RESET, true), (WARM_RESET, false)] {
        let mut lab = Lab::default();
        let gap = lab.ready_as(1, &[]);
        let mut one = gap;
        let two = lab.ready_as(2, &[]);
        one.cmd_sn += 1;
        start_read(&mut lab, &mut one, LUN0, 5);
        // The held command lies ahead of the function.
        for (login, itt) in [(&gap, 60), (&two, 61)] {
            lab.send(login.conn, tmf(login, itt, function, LUN0).emit(), &[]);
            assert_eq!(answer(&mut lab, login), 0);
        }
        lab.send(one.conn, scsi(&gap, Lun::from_number(1), 6, &[0; 6], 0, None).emit(), &[]);
        lab.expect(one.conn, Opcode::ScsiResponse);
        let held = lab.world.sides[&one.conn].inbox.len();
        assert_eq!(held, usize::from(kept), "function {function}");
    }
}

#[test]
fn a_target_reset_does_not_wait_for_missing_commands() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    login.cmd_sn += 2;
    lab.send(login.conn, tmf(&login, 7, WARM_RESET, LUN0).emit(), &[]);
    let response = TaskResponse::parse(&lab.expect(login.conn, Opcode::TaskResponse).bhs);
    assert_eq!((response.response, response.exp_cmd_sn), (0, login.cmd_sn));
}

#[test]
fn a_cold_reset_ends_every_session_of_the_target() {
    let mut lab = Lab::default();
    let one = lab.ready_as(1, &[]);
    let two = lab.ready_as(2, &[]);
    lab.send(one.conn, tmf(&one, 7, COLD_RESET, LUN0).emit(), &[]);
    assert_eq!(answer(&mut lab, &one), 0);
    assert_eq!(AsyncMessage::parse(&lab.expect(two.conn, Opcode::AsyncMessage).bhs).event, 3);
    assert_eq!((lab.end(one.conn), lab.end(two.conn)), (Some(TxStatus::Close), Some(TxStatus::Close)));
    let kinds: Vec<Probe> = lab.probes().iter().map(|fired| fired.probe).collect();
    assert!(kinds.contains(&Probe::TaskResponse) && kinds.contains(&Probe::AsyncSend));
}

#[test]
fn a_reset_that_waits_for_data_that_never_comes_ends_the_connection() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&["ImmediateData=No"]);
    lab.send(login.conn, scsi(&login, LUN0, 6, &write10(0, 1), 512, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    lab.expect(login.conn, Opcode::R2t);
    lab.send(login.conn, tmf(&login, 7, LUN_RESET, LUN0).emit(), &[]);
    lab.expect_nothing(login.conn);
    for _ in 0..4 {
        lab.sleep(core::time::Duration::from_secs(15));
        if lab.end(login.conn).is_none() {
            lab.send(login.conn, common::nop(&login, RESERVED_TAG, true).emit(), &[]);
        }
    }
    assert_eq!(lab.end(login.conn), Some(TxStatus::Abort));
}
