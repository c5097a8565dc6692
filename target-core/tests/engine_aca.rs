//! Auto contingent allegiance through the whole target (SAM-5 5.9).

mod common;

use common::{Lab, Login, Way, read10, scsi, sense, tmf};
use target_core::api::Admin;
use target_core::wire::{DataIn, Lun, Opcode, ScsiCommand, ScsiResponse, TaskResponse};

const LUN0: Lun = Lun(0);
const CLEAR_ACA: u8 = 3;
const LUN_RESET: u8 = 5;
const ACA: u8 = 4;

const CHECK_CONDITION: u8 = 0x02;
const BUSY: u8 = 0x08;
const ACA_ACTIVE: u8 = 0x30;

/// TEST UNIT READY with NACA.
const TUR_NACA: [u8; 6] = [0, 0, 0, 0, 0, 4];
/// READ(10) beyond the end with NACA: it fails.
const BAD_READ_NACA: [u8; 10] = [0x28, 0, 0xff, 0, 0, 0, 0, 0, 1, 4];

/// A command that fails and establishes ACA.
fn fail(lab: &mut Lab, login: &mut Login) {
    let response = lab.command(login, LUN0, &BAD_READ_NACA);
    assert_eq!(response.status, CHECK_CONDITION);
}

fn with_aca(lab: &mut Lab, login: &mut Login, cdb: &[u8]) -> ScsiResponse {
    let itt = lab.itt();
    let pdu = ScsiCommand { attr: ACA, ..scsi(login, LUN0, itt, cdb, 0, None) };
    login.cmd_sn += 1;
    lab.send(login.conn, pdu.emit(), &[]);
    ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs)
}

fn function(lab: &mut Lab, login: &Login, function: u8) -> u8 {
    let itt = lab.itt();
    lab.send(login.conn, tmf(login, itt, function, LUN0).emit(), &[]);
    TaskResponse::parse(&lab.expect(login.conn, Opcode::TaskResponse).bhs).response
}

#[test]
fn a_failed_command_with_naca_closes_the_logical_unit_until_clear_aca() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &[]);
    let mut two = lab.ready_as(2, &["iSCSIProtocolLevel=2"]);
    // A command that succeeds establishes nothing, whatever it asks for.
    assert_eq!(lab.command(&mut one, LUN0, &TUR_NACA).status, 0);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 0);
    fail(&mut lab, &mut one);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, ACA_ACTIVE);
    assert_eq!(lab.command(&mut one, LUN0, &TUR_NACA).status, ACA_ACTIVE);
    let busy = lab.command(&mut two, LUN0, &[0; 6]);
    assert_eq!((busy.status, busy.status_qualifier), (BUSY, 1), "try again in a tenth of a second");
    let active = lab.command(&mut two, LUN0, &TUR_NACA);
    assert_eq!((active.status, active.status_qualifier), (ACA_ACTIVE, 0));
    assert_eq!(with_aca(&mut lab, &mut two, &[0; 6]).status, ACA_ACTIVE);
    assert_eq!(with_aca(&mut lab, &mut one, &[0; 6]).status, 0, "the one way in");
    // Other logical units are not concerned.
    assert_eq!(lab.command(&mut one, Lun::from_number(1), &[0; 6]).status, 0);
    // Only the faulted nexus can clear it.
    assert_eq!(function(&mut lab, &two, CLEAR_ACA), 0);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, ACA_ACTIVE);
    assert_eq!(function(&mut lab, &one, CLEAR_ACA), 0);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 0);
    assert_eq!(lab.command(&mut two, LUN0, &[0; 6]).status, 0);
}

#[test]
fn below_level_2_nothing_is_said_beside_busy() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &[]);
    let mut two = lab.ready_as(2, &["iSCSIProtocolLevel=1"]);
    fail(&mut lab, &mut one);
    let busy = lab.command(&mut two, LUN0, &[0; 6]);
    assert_eq!((busy.status, busy.status_qualifier), (BUSY, 0));
}

#[test]
fn commands_under_way_complete_when_it_is_cleared() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &[]);
    let mut two = lab.ready_as(2, &[]);
    lab.world.stuck = true;
    for login in [&mut one, &mut two] {
        lab.send(login.conn, scsi(login, LUN0, 77, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
        login.cmd_sn += 1;
    }
    fail(&mut lab, &mut one);
    lab.release_disk();
    lab.expect_nothing(one.conn);
    lab.expect_nothing(two.conn);
    assert_eq!(function(&mut lab, &one, CLEAR_ACA), 0);
    for login in [&one, &two] {
        let read = DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs);
        assert_eq!((read.itt, read.status_bit, read.status), (77, true, 0));
    }
}

#[test]
fn a_blocked_command_can_be_aborted_and_stays_silent() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &[]);
    lab.world.stuck = true;
    lab.send(one.conn, scsi(&one, LUN0, 77, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    one.cmd_sn += 1;
    fail(&mut lab, &mut one);
    lab.release_disk();
    assert_eq!(function(&mut lab, &one, 2), 0, "ABORT TASK SET leaves the ACA");
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, ACA_ACTIVE);
    assert_eq!(function(&mut lab, &one, CLEAR_ACA), 0);
    lab.expect_nothing(one.conn);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 0);
}

#[test]
fn an_aca_task_that_fails_ends_the_condition_or_takes_its_place() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &[]);
    fail(&mut lab, &mut one);
    assert_eq!(with_aca(&mut lab, &mut one, &BAD_READ_NACA).status, CHECK_CONDITION);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, ACA_ACTIVE);
    let mut bad_read = BAD_READ_NACA;
    bad_read[9] = 0;
    assert_eq!(with_aca(&mut lab, &mut one, &bad_read).status, CHECK_CONDITION);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 0);
}

#[test]
fn an_aca_task_without_the_condition_is_refused() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &[]);
    let itt = lab.itt();
    let pdu = ScsiCommand { attr: ACA, ..scsi(&one, LUN0, itt, &[0; 6], 0, None) };
    one.cmd_sn += 1;
    lab.send(one.conn, pdu.emit(), &[]);
    assert_eq!(sense(&lab.expect(one.conn, Opcode::ScsiResponse)), (5, 0x49, 0));
}

#[test]
fn a_reset_a_lost_nexus_and_a_removed_unit_end_it() {
    for how in 0..3 {
        let mut lab = Lab::default();
        let mut one = lab.ready_as(1, &["DefaultTime2Retain=0"]);
        let mut two = lab.ready_as(2, &[]);
        lab.world.stuck = true;
        lab.send(two.conn, scsi(&two, LUN0, 77, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
        two.cmd_sn += 1;
        fail(&mut lab, &mut one);
        lab.release_disk();
        lab.expect_nothing(two.conn);
        match how {
            0 => {
                assert_eq!(function(&mut lab, &one, LUN_RESET), 0);
                lab.expect(two.conn, Opcode::NopIn);
                assert_eq!(lab.command(&mut two, LUN0, &[0; 6]).status, CHECK_CONDITION, "reset");
            }
            1 => {
                lab.close(one.conn);
                assert_eq!(DataIn::parse(&lab.expect(two.conn, Opcode::DataIn).bhs).itt, 77);
            }
            _ => {
                let mut config = common::config();
                config.targets[0].luns.remove(0);
                lab.admin(Admin::Reconfigure(Box::new(config)));
                lab.expect(two.conn, Opcode::AsyncMessage);
                // What was read before the unit went is as good as ever.
                assert_eq!(DataIn::parse(&lab.expect(two.conn, Opcode::DataIn).bhs).itt, 77);
                continue;
            }
        }
        assert_eq!(lab.command(&mut two, LUN0, &[0; 6]).status, 0);
    }
}

#[test]
fn a_second_fault_of_the_same_nexus_is_kept_until_the_first_is_cleared() {
    let mut lab = Lab::default();
    let mut one = lab.ready_as(1, &["ImmediateData=No", "InitialR2T=Yes"]);
    // A write that will turn out too short for its CDB, under way when the ACA is established.
    let mut cdb = common::write10(0, 1);
    cdb[9] = 4;
    lab.send(one.conn, scsi(&one, LUN0, 77, &cdb, 512, Some(Way::Out)).emit(), &[]);
    one.cmd_sn += 1;
    let r2t = target_core::wire::R2t::parse(&lab.expect(one.conn, Opcode::R2t).bhs);
    fail(&mut lab, &mut one);
    let data = target_core::wire::DataOut {
        final_bit: true,
        itt: 77,
        ttt: r2t.ttt,
        ..target_core::wire::DataOut::default()
    };
    lab.send(one.conn, data.emit(), &common::pattern(100, 1));
    lab.expect_nothing(one.conn);
    assert_eq!(function(&mut lab, &one, CLEAR_ACA), 0);
    let response = ScsiResponse::parse(&lab.expect(one.conn, Opcode::ScsiResponse).bhs);
    assert_eq!((response.itt, response.status), (77, CHECK_CONDITION));
    // It asked for ACA as well.
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, ACA_ACTIVE);
    assert_eq!(function(&mut lab, &one, CLEAR_ACA), 0);
    assert_eq!(lab.command(&mut one, LUN0, &[0; 6]).status, 0);
}
