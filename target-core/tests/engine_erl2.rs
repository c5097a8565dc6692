//! ErrorRecoveryLevel 2 through the whole target: logout for recovery, TASK REASSIGN, time-outs (RFC 7143 7.2.2, 7.5, 8.2).

mod common;

use common::{Lab, Login, Way, config, logout, pattern, read10, scsi, sense, tmf, write10};
use core::time::Duration;
use target_core::api::{ConnId, Event, TxStatus};
use target_core::io::DeviceId;
use target_core::session::states::SessionState;
use target_core::wire::{
    DataIn, DataOut, LogoutRequest, LogoutResponse, Lun, NopIn, Opcode, R2t, RESERVED_TAG, ScsiResponse,
    Snack, SnackType, TaskRequest, TaskResponse, TextRequest,
};

const LUN0: Lun = Lun(0);
const KEYS: [&str; 5] = [
    "ErrorRecoveryLevel=2",
    "MaxConnections=4",
    "MaxRecvDataSegmentLength=512",
    "MaxBurstLength=2048",
    "DefaultTime2Retain=20",
];

const COMPLETE: u8 = 0;
const NO_TASK: u8 = 1;
const STILL_ALLEGIANT: u8 = 3;
const NOT_SUPPORTED: u8 = 4;
const REJECTED: u8 = 255;

fn lab() -> Lab {
    let mut config = config();
    config.offer.error_recovery_level = 2;
    config.offer.max_connections = 4;
    config.offer.time2retain = 60;
    Lab::new(config)
}

/// TASK REASSIGN over `login`, and the result; what comes after it is left in the inbox.
fn reassign(lab: &mut Lab, login: &Login, itt: u32, exp_data_sn: u32) -> u8 {
    let tag = lab.itt();
    let pdu = TaskRequest { referenced_task_tag: itt, exp_data_sn, ..tmf(login, 1000 + tag, 8, LUN0) };
    lab.send(login.conn, pdu.emit(), &[]);
    TaskResponse::parse(&lab.expect(login.conn, Opcode::TaskResponse).bhs).response
}

fn log_out(lab: &mut Lab, login: &Login, reason: u8, cid: u16, exp_stat_sn: u32) -> LogoutResponse {
    let itt = lab.itt();
    let pdu = LogoutRequest { cid, exp_stat_sn, ..logout(login, itt, reason) };
    lab.send(login.conn, pdu.emit(), &[]);
    LogoutResponse::parse(&lab.expect(login.conn, Opcode::LogoutResponse).bhs)
}

fn fill(lab: &mut Lab, len: usize) -> Vec<u8> {
    let data = pattern(len, 9);
    lab.world.disks.get_mut(&DeviceId(0)).unwrap()[..len].copy_from_slice(&data);
    data
}

/// What is read on a connection up to the status, starting with DataSN `first`.
fn read_all(lab: &mut Lab, conn: ConnId, first: u32) -> Vec<u8> {
    let mut data = Vec::new();
    for data_sn in first.. {
        let frame = lab.expect(conn, Opcode::DataIn);
        let pdu = DataIn::parse(&frame.bhs);
        assert_eq!(pdu.data_sn, data_sn);
        data.extend_from_slice(&frame.data);
        if pdu.status_bit {
            assert_eq!(pdu.status, 0);
            break;
        }
    }
    lab.expect_nothing(conn);
    data
}

#[test]
fn a_read_goes_on_over_the_connection_that_takes_the_place_of_the_failed_one() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    let data = fill(&mut lab, 2048);
    lab.world.stuck = true;
    lab.begin(&mut login, 7, &read10(0, 4), 2048, Way::In);
    lab.close(login.conn);
    // The storage operation goes on, its result waits.
    assert!(lab.world.cancelled.is_empty());
    lab.release_disk();
    let new = lab.join(&login, 0, &["MaxRecvDataSegmentLength=1024"]);
    assert_eq!(reassign(&mut lab, &new, 8, 0), NO_TASK);
    assert_eq!(reassign(&mut lab, &new, 7, 0), COMPLETE);
    assert_eq!(read_all(&mut lab, new.conn, 0), data);
    assert_eq!(reassign(&mut lab, &new, 7, 0), STILL_ALLEGIANT);
}

#[test]
fn nothing_is_reassigned_before_a_logout_for_recovery() {
    let mut lab = lab();
    let mut one = lab.ready(&KEYS);
    let two = lab.join(&one, 1, &["MaxRecvDataSegmentLength=512"]);
    let data = fill(&mut lab, 1024);
    lab.world.stuck = true;
    lab.begin(&mut one, 7, &read10(0, 2), 1024, Way::In);
    let two = Login { cmd_sn: one.cmd_sn, ..two };
    assert_eq!(reassign(&mut lab, &two, 7, 0), STILL_ALLEGIANT, "its connection works");
    lab.lose(one.conn, two.conn);
    assert_eq!(reassign(&mut lab, &two, 7, 0), STILL_ALLEGIANT, "nobody logged its connection out");
    let response = log_out(&mut lab, &two, 2, 0, one.exp_stat_sn);
    assert_eq!((response.response, response.time2wait, response.time2retain), (0, 2, 20));
    assert_eq!(reassign(&mut lab, &two, 7, 0), COMPLETE);
    lab.expect_nothing(two.conn);
    lab.release_disk();
    assert_eq!(read_all(&mut lab, two.conn, 0), data);
    assert_eq!(log_out(&mut lab, &two, 2, 0, 0).response, 1, "the CID is logged out");
}

#[test]
fn a_connection_that_works_can_be_removed_for_recovery() {
    let mut lab = lab();
    let mut one = lab.ready(&KEYS);
    let two = lab.join(&one, 1, &["MaxRecvDataSegmentLength=512"]);
    lab.world.stuck = true;
    lab.begin(&mut one, 7, &read10(0, 1), 512, Way::In);
    let two = Login { cmd_sn: one.cmd_sn, ..two };
    assert_eq!(log_out(&mut lab, &one, 2, 0, one.exp_stat_sn).response, 0);
    assert_eq!(lab.end(one.conn), Some(TxStatus::Close));
    lab.close(one.conn);
    lab.release_disk();
    // Suspended: no data, no status before it is reassigned.
    lab.expect_nothing(two.conn);
    assert_eq!(reassign(&mut lab, &two, 7, 0), COMPLETE);
    assert_eq!(read_all(&mut lab, two.conn, 0).len(), 512);
    // The other way round: another connection is removed while it works.
    let three = lab.join(&two, 2, &[]);
    assert_eq!(log_out(&mut lab, &two, 2, 2, three.exp_stat_sn).response, 0);
    assert_eq!(lab.end(three.conn), Some(TxStatus::Close));
}

#[test]
fn a_write_asks_for_what_was_on_its_way() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    let data = pattern(4096, 3);
    lab.begin(&mut login, 7, &write10(0, 8), 4096, Way::Out);
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    let out = |r2t: &R2t, data_sn, offset, final_bit| DataOut {
        final_bit,
        itt: 7,
        ttt: r2t.ttt,
        lun: LUN0,
        data_sn,
        buffer_offset: offset,
        ..DataOut::default()
    };
    lab.send(login.conn, out(&r2t, 0, 0, false).emit(), &data[..512]);
    lab.close(login.conn);
    let new = lab.join(&login, 0, &[]);
    assert_eq!(reassign(&mut lab, &new, 7, 0), COMPLETE);
    let again = R2t::parse(&lab.expect(new.conn, Opcode::R2t).bhs);
    assert_eq!((again.r2t_sn, again.buffer_offset, again.desired_data_transfer_length), (1, 512, 1536));
    lab.send(new.conn, out(&again, 0, 512, true).emit(), &data[512..2048]);
    let last = R2t::parse(&lab.expect(new.conn, Opcode::R2t).bhs);
    lab.send(new.conn, out(&last, 0, 2048, true).emit(), &data[2048..]);
    assert_eq!(ScsiResponse::parse(&lab.expect(new.conn, Opcode::ScsiResponse).bhs).status, 0);
    assert_eq!(lab.world.disks[&DeviceId(0)][..4096], data[..]);
}

#[test]
fn a_status_that_was_not_acknowledged_comes_again() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    let data = fill(&mut lab, 2048);
    for itt in [7, 8, 9] {
        lab.begin(&mut login, itt, &read10(0, 4), 2048, Way::In);
    }
    let sent = lab.take(login.conn);
    let status_of = |at: usize| NopIn::parse(&sent[at].bhs).stat_sn;
    // The first is acknowledged; of the second a Data-In and the status are missing, of the third everything is there.
    lab.acknowledge(&mut login, status_of(3) + 1);
    lab.close(login.conn);
    let new = lab.join(&login, 0, &["MaxRecvDataSegmentLength=512"]);
    assert_eq!(reassign(&mut lab, &new, 7, 0), NO_TASK);
    assert_eq!(reassign(&mut lab, &new, 8, 2), COMPLETE);
    assert_eq!(read_all(&mut lab, new.conn, 2), data[1024..]);
    // A reference number that is not possible is ignored.
    assert_eq!(reassign(&mut lab, &new, 9, 4), COMPLETE);
    let response = ScsiResponse::parse(&lab.expect(new.conn, Opcode::ScsiResponse).bhs);
    assert_eq!((response.itt, response.status, response.exp_data_sn), (9, 0, 4));
    // SNACK works on the new connection as on any other.
    let snack = Snack {
        kind: SnackType::DataOrR2t.code(),
        itt: 8,
        ttt: u32::MAX,
        beg_run: 3,
        run_length: 1,
        exp_stat_sn: new.exp_stat_sn,
        ..Snack::default()
    };
    lab.send(new.conn, snack.emit(), &[]);
    assert_eq!(DataIn::parse(&lab.expect(new.conn, Opcode::DataIn).bhs).data_sn, 3);
}

#[test]
fn a_logout_acknowledges_for_the_connection_it_is_about() {
    let mut lab = lab();
    let mut one = lab.ready(&KEYS);
    let two = lab.join(&one, 1, &[]);
    lab.begin(&mut one, 7, &read10(0, 1), 512, Way::In);
    lab.begin(&mut one, 8, &read10(0, 1), 512, Way::In);
    let stat_sn = DataIn::parse(&lab.take(one.conn)[0].bhs).stat_sn;
    let two = Login { cmd_sn: one.cmd_sn, ..two };
    lab.lose(one.conn, two.conn);
    assert_eq!(log_out(&mut lab, &two, 2, 0, stat_sn + 1).response, 0);
    assert_eq!(reassign(&mut lab, &two, 7, 0), NO_TASK);
    assert_eq!(reassign(&mut lab, &two, 8, 0), COMPLETE);
}

#[test]
fn what_nobody_takes_up_in_time_is_terminated() {
    let mut lab = lab();
    let mut one = lab.ready(&KEYS);
    let two = lab.join(&one, 1, &[]);
    lab.world.stuck = true;
    lab.begin(&mut one, 7, &read10(0, 1), 512, Way::In);
    let mut two = Login { cmd_sn: one.cmd_sn, ..two };
    lab.lose(one.conn, two.conn);
    lab.sleep(Duration::from_secs(21));
    assert!(lab.world.cancelled.is_empty());
    // The logout gives the same time once more.
    assert_eq!(log_out(&mut lab, &two, 2, 0, one.exp_stat_sn).response, 0);
    lab.sleep(Duration::from_secs(21));
    assert!(lab.world.cancelled.is_empty());
    lab.sleep(Duration::from_secs(2));
    assert_eq!(lab.world.cancelled.len(), 1);
    lab.release_disk();
    lab.take(two.conn);
    assert_eq!(reassign(&mut lab, &two, 7, 0), NO_TASK);
    let itt = lab.itt();
    lab.send(two.conn, scsi(&two, LUN0, itt, &[0; 6], 0, None).emit(), &[]);
    two.cmd_sn += 1;
    assert_eq!(sense(&lab.expect(two.conn, Opcode::ScsiResponse)), (6, 0x47, 0x7f));
}

#[test]
fn a_session_without_connections_waits_for_its_tasks() {
    let mut lab = lab();
    let mut login = lab.ready(&KEYS);
    lab.world.stuck = true;
    lab.begin(&mut login, 7, &read10(0, 1), 512, Way::In);
    assert_eq!(log_out(&mut lab, &login, 2, 0, login.exp_stat_sn).response, 0);
    lab.close(login.conn);
    assert_eq!(lab.target.sessions().next().map(|session| session.state), Some(SessionState::Failed));
    lab.sleep(Duration::from_secs(20));
    let new = lab.join(&login, 3, &[]);
    lab.release_disk();
    assert_eq!(reassign(&mut lab, &new, 7, 0), COMPLETE);
    lab.expect(new.conn, Opcode::DataIn);
    lab.close(new.conn);
    lab.sleep(Duration::from_secs(23));
    assert_eq!(lab.target.usage(), Default::default());
    assert!(lab.world.events.iter().any(|event| matches!(event, Event::SessionEnded { .. })));
}

#[test]
fn immediate_commands_end_with_their_connection() {
    let mut lab = lab();
    let login = lab.ready(&KEYS);
    lab.world.stuck = true;
    let mut pdu = scsi(&login, LUN0, 7, &read10(0, 1), 512, Some(Way::In));
    pdu.immediate = true;
    lab.send(login.conn, pdu.emit(), &[]);
    lab.close(login.conn);
    assert_eq!(lab.world.cancelled.len(), 1);
    let new = lab.join(&login, 0, &[]);
    assert_eq!(reassign(&mut lab, &new, 7, 0), NO_TASK);
}

#[test]
fn functions_and_text_exchanges_stay_where_they_are() {
    let mut lab = lab();
    let login = lab.ready(&KEYS);
    let text = TextRequest {
        immediate: true,
        itt: 70,
        ttt: RESERVED_TAG,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        ..TextRequest::default()
    };
    lab.send(login.conn, text.emit(), &[]);
    lab.expect(login.conn, Opcode::TextResponse);
    assert_eq!(reassign(&mut lab, &login, 70, 0), REJECTED);
    // It waits for the command before it.
    let waiting = TaskRequest { cmd_sn: login.cmd_sn + 1, ..tmf(&login, 71, 2, LUN0) };
    lab.send(login.conn, waiting.emit(), &[]);
    lab.expect_nothing(login.conn);
    assert_eq!(reassign(&mut lab, &login, 71, 0), REJECTED);
}

#[test]
fn below_level_2_nothing_is_reassigned() {
    let mut lab = lab();
    let mut login = lab.ready(&["ErrorRecoveryLevel=1", "DefaultTime2Retain=20"]);
    lab.world.stuck = true;
    lab.begin(&mut login, 7, &read10(0, 1), 512, Way::In);
    lab.close(login.conn);
    // It goes on until its connection is reinstated (appendix E).
    assert_eq!(lab.world.cancelled.len(), 0);
    let new = lab.join(&login, 0, &[]);
    assert_eq!(lab.world.cancelled.len(), 1);
    assert_eq!(reassign(&mut lab, &new, 7, 0), NOT_SUPPORTED);
    assert_eq!(log_out(&mut lab, &new, 2, 0, 0).response, 2);
}
