//! RFC 7144 through the whole target: its task management functions, command priority, what INQUIRY says.

mod common;

use common::{Lab, Login, Way, read10, scsi, tmf};
use target_core::api::TxStatus;
use target_core::io::{IoDone, IoOp};
use target_core::wire::{
    DataIn, Lun, Opcode, RESERVED_TAG, ScsiCommand, ScsiResponse, TaskRequest, TaskResponse,
};

const LUN0: Lun = Lun(0);
const QUERY_TASK: u8 = 9;
const QUERY_TASK_SET: u8 = 10;
const I_T_NEXUS_RESET: u8 = 11;
const QUERY_ASYNC_EVENT: u8 = 12;

const COMPLETE: u8 = 0;
const NO_LUN: u8 = 2;
const SUCCEEDED: u8 = 7;
const REJECTED: u8 = 255;

const LEVEL_2: &[&str] = &["iSCSIProtocolLevel=2"];

fn ask(lab: &mut Lab, login: &Login, pdu: TaskRequest) -> TaskResponse {
    let itt = lab.itt();
    lab.send(login.conn, TaskRequest { itt, ..pdu }.emit(), &[]);
    TaskResponse::parse(&lab.expect(login.conn, Opcode::TaskResponse).bhs)
}

fn query(login: &Login, itt: u32, cmd_sn: u32) -> TaskRequest {
    TaskRequest { referenced_task_tag: itt, ref_cmd_sn: cmd_sn, ..tmf(login, 0, QUERY_TASK, LUN0) }
}

fn start_read(lab: &mut Lab, login: &mut Login, itt: u32) {
    lab.send(login.conn, scsi(login, LUN0, itt, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
}

#[test]
fn query_task_tells_whether_it_is_there() {
    let mut lab = Lab::default();
    let mut login = lab.ready(LEVEL_2);
    lab.world.stuck = true;
    start_read(&mut lab, &mut login, 105);
    let cmd_sn = login.cmd_sn - 1;
    assert_eq!(ask(&mut lab, &login, query(&login, 105, cmd_sn)).response, SUCCEEDED);
    let elsewhere = TaskRequest { lun: Lun::from_number(1), ..query(&login, 105, cmd_sn) };
    assert_eq!(ask(&mut lab, &login, elsewhere).response, COMPLETE);
    let nowhere = TaskRequest { lun: Lun::from_number(9), ..query(&login, 105, cmd_sn) };
    assert_eq!(ask(&mut lab, &login, nowhere).response, NO_LUN);
    lab.release_disk();
    lab.expect(login.conn, Opcode::DataIn);
    assert_eq!(ask(&mut lab, &login, query(&login, 105, cmd_sn)).response, COMPLETE);
}

#[test]
fn a_command_that_query_task_did_not_find_never_comes_to_life() {
    let mut lab = Lab::default();
    let mut login = lab.ready(LEVEL_2);
    let missing = login;
    login.cmd_sn += 1;
    assert_eq!(ask(&mut lab, &login, query(&login, 5, missing.cmd_sn)).response, COMPLETE);
    lab.send(missing.conn, scsi(&missing, LUN0, 5, &[0; 6], 0, None).emit(), &[]);
    lab.expect_nothing(login.conn);
    assert_eq!(lab.command(&mut login, LUN0, &[0; 6]).status, 0);
}

#[test]
fn query_task_of_a_function_is_rejected() {
    let mut lab = Lab::default();
    let mut login = lab.ready(LEVEL_2);
    login.cmd_sn += 1;
    // It waits for the command that is missing.
    lab.send(login.conn, tmf(&login, 70, 2, LUN0).emit(), &[]);
    assert_eq!(ask(&mut lab, &login, query(&login, 70, login.cmd_sn)).response, REJECTED);
}

#[test]
fn query_task_set_counts_the_commands_of_its_own_nexus() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, LEVEL_2);
    let two = lab.ready_as(2, LEVEL_2);
    lab.world.stuck = true;
    let set = |login: &Login| tmf(login, 0, QUERY_TASK_SET, LUN0);
    assert_eq!(ask(&mut lab, &one, set(&one)).response, COMPLETE);
    start_read(&mut lab, &mut one, 5);
    assert_eq!(ask(&mut lab, &one, set(&one)).response, SUCCEEDED);
    assert_eq!(ask(&mut lab, &two, set(&two)).response, COMPLETE);
    let other = tmf(&one, 0, QUERY_TASK_SET, Lun::from_number(1));
    assert_eq!(ask(&mut lab, &one, other).response, COMPLETE);
    lab.release_disk();
    lab.expect(one.conn, Opcode::DataIn);
}

#[test]
fn query_asynchronous_event_shows_the_first_unit_attention_and_leaves_it() {
    let mut lab = Lab::default();
    let mut one = lab.login_as(1, LEVEL_2);
    let event = |login: &Login| tmf(login, 0, QUERY_ASYNC_EVENT, LUN0);
    // One condition: 6/29/00.
    let response = ask(&mut lab, &one, event(&one));
    assert_eq!((response.response, response.additional), (SUCCEEDED, 0x16_2900));
    assert_eq!(ask(&mut lab, &one, event(&one)).response, SUCCEEDED, "asking changes nothing");
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 2);
    let response = ask(&mut lab, &one, event(&one));
    assert_eq!((response.response, response.additional), (COMPLETE, 0));
    // Two: a reset, and that the list of units changed.
    let reset = tmf(&one, 0, 5, LUN0);
    assert_eq!(ask(&mut lab, &one, reset).response, COMPLETE);
    let mut config = common::config();
    config.targets[0].luns.push(common::lun(2, 2));
    lab.admin(target_core::api::Admin::Reconfigure(Box::new(config)));
    lab.expect(one.conn, Opcode::AsyncMessage);
    let response = ask(&mut lab, &one, event(&one));
    assert_eq!((response.response, response.additional), (SUCCEEDED, 0x26_2903));
}

#[test]
fn an_i_t_nexus_reset_ends_the_session_and_nothing_else() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, LEVEL_2);
    let mut two = lab.ready_as(2, LEVEL_2);
    assert_eq!(lab.command(&mut one, LUN0, &[0x16, 0, 0, 0, 0, 0]).status, 0, "RESERVE(6)");
    lab.world.stuck = true;
    start_read(&mut lab, &mut one, 5);
    start_read(&mut lab, &mut two, 6);
    let reset = TaskRequest { referenced_task_tag: RESERVED_TAG, ..tmf(&one, 0, I_T_NEXUS_RESET, LUN0) };
    assert_eq!(ask(&mut lab, &one, reset).response, COMPLETE);
    assert_eq!(lab.end(one.conn), Some(TxStatus::Close));
    lab.release_disk();
    lab.expect_nothing(one.conn);
    // The other session was refused by the reservation, which is gone now.
    let response = lab.expect(two.conn, Opcode::ScsiResponse);
    assert_eq!(ScsiResponse::parse(&response.bhs).status, 0x18);
    assert_eq!(lab.command(&mut two, LUN0, &[0x16, 0, 0, 0, 0, 0]).status, 0);
    // The nexus is told that it was lost.
    let mut again = lab.login_as(1, LEVEL_2);
    let itt = lab.itt();
    lab.send(again.conn, scsi(&again, LUN0, itt, &[0; 6], 0, None).emit(), &[]);
    again.cmd_sn += 1;
    assert_eq!(common::sense(&lab.expect(again.conn, Opcode::ScsiResponse)), (6, 0x29, 7));
}

#[test]
fn an_i_t_nexus_reset_waits_for_the_commands_before_it() {
    let mut lab = Lab::default();
    let mut login = lab.ready(LEVEL_2);
    let missing = login;
    login.cmd_sn += 1;
    lab.send(login.conn, tmf(&login, 70, I_T_NEXUS_RESET, LUN0).emit(), &[]);
    lab.expect_nothing(login.conn);
    lab.send(login.conn, scsi(&missing, LUN0, 5, &[0; 6], 0, None).emit(), &[]);
    // It came in time to be ended with the others.
    lab.expect(login.conn, Opcode::TaskResponse);
    assert_eq!(lab.end(login.conn), Some(TxStatus::Close));
}

#[test]
fn the_functions_are_not_there_below_level_2() {
    for keys in [&[][..], &["iSCSIProtocolLevel=1"]] {
        let mut lab = Lab::default();
        let login = lab.ready(keys);
        for function in QUERY_TASK..=QUERY_ASYNC_EVENT {
            assert_eq!(ask(&mut lab, &login, tmf(&login, 0, function, LUN0)).response, 5, "{function}");
        }
    }
}

/// Three reads that wait behind an ORDERED command, and the blocks in the order in which storage is asked for them.
fn order_of_reads(keys: &[&str]) -> Vec<u64> {
    let mut lab = Lab::default();
    let mut login = lab.ready(keys);
    lab.world.stuck = true;
    let ordered = ScsiCommand { attr: 2, ..scsi(&login, LUN0, 50, &read10(0, 1), 512, Some(Way::In)) };
    lab.send(login.conn, ordered.emit(), &[]);
    login.cmd_sn += 1;
    for (itt, priority) in [(51, 0), (52, 15), (53, 1)] {
        let pdu = scsi(&login, LUN0, itt, &read10(itt, 1), 512, Some(Way::In));
        lab.send(login.conn, ScsiCommand { priority, ..pdu }.emit(), &[]);
        login.cmd_sn += 1;
    }
    let [(id, device, op)] = &std::mem::take(&mut lab.world.held)[..] else { panic!("one read") };
    let result = Ok(lab.world.perform(*device, op));
    lab.input(target_core::api::Input::Io(IoDone { id: *id, result }));
    let blocks = lab.world.held.iter().map(|(_, _, op)| match op {
        IoOp::Read { lba, .. } => *lba,
        other => panic!("{other:?}"),
    });
    let blocks = blocks.collect();
    lab.release_disk();
    for _ in 0..4 {
        assert!(DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).status_bit);
    }
    blocks
}

#[test]
fn commands_of_higher_priority_start_first_at_level_2_alone() {
    assert_eq!(order_of_reads(LEVEL_2), [53, 52, 51]);
    assert_eq!(order_of_reads(&[]), [51, 52, 53]);
}

#[test]
fn inquiry_shows_the_level_that_was_negotiated() {
    for (keys, want) in [
        (LEVEL_2, 0x0962),
        (&["iSCSIProtocolLevel=1"], 0x0961),
        (&[], 0x0961),
        (&["iSCSIProtocolLevel=0"], 0x0960),
    ] {
        let mut lab = Lab::default();
        let login = lab.ready(keys);
        lab.send(login.conn, scsi(&login, LUN0, 5, &[0x12, 0, 0, 0, 96, 0], 96, Some(Way::In)).emit(), &[]);
        let data = lab.expect(login.conn, Opcode::DataIn).data;
        assert_eq!(u16::from_be_bytes([data[60], data[61]]), want, "{keys:?}");
    }
}
