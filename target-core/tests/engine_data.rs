//! Commands and their data through the whole target.

mod common;

use common::{BLOCK, Lab, Way, nop, pattern, read10, scsi, sense, write10};
use target_core::io::DeviceId;
use target_core::probe::Probe;
use target_core::wire::{DataIn, DataOut, Lun, NopIn, Opcode, R2t, RESERVED_TAG, Reject, ScsiResponse};

const LUN0: Lun = Lun(0);

#[test]
fn a_written_block_is_read_back_with_status_in_the_last_data_in() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let data = pattern(2 * BLOCK, 1);
    let pdu = scsi(&login, LUN0, 50, &write10(8, 2), data.len() as u32, Some(Way::Out));
    login.cmd_sn += 1;
    lab.send(login.conn, pdu.emit(), &data);
    let response = ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs);
    assert_eq!((response.itt, response.status, response.residual_count), (50, 0, 0));
    assert_eq!((response.stat_sn, response.exp_cmd_sn), (login.exp_stat_sn, login.cmd_sn));
    assert_eq!(lab.world.disks[&DeviceId(0)][8 * BLOCK..10 * BLOCK], data);

    let pdu = scsi(&login, LUN0, 51, &read10(8, 2), data.len() as u32, Some(Way::In));
    login.cmd_sn += 1;
    lab.send(login.conn, pdu.emit(), &[]);
    let frame = lab.expect(login.conn, Opcode::DataIn);
    let last = DataIn::parse(&frame.bhs);
    assert!(last.final_bit && last.status_bit && !last.overflow && !last.underflow);
    assert_eq!((last.itt, last.ttt, last.data_sn, last.buffer_offset), (51, RESERVED_TAG, 0, 0));
    assert_eq!((last.status, last.stat_sn), (0, response.stat_sn + 1));
    assert_eq!(frame.data, data);
    lab.expect_nothing(login.conn);
}

#[test]
fn a_long_read_is_cut_by_segment_and_burst() {
    let mut lab = Lab::default();
    let login = lab.ready(&["MaxRecvDataSegmentLength=1024", "MaxBurstLength=2048"]);
    let data = pattern(5120, 2);
    lab.world.disks.get_mut(&DeviceId(0)).unwrap()[..5120].copy_from_slice(&data);
    lab.send(login.conn, scsi(&login, LUN0, 9, &read10(0, 10), 5120, Some(Way::In)).emit(), &[]);
    let mut got = Vec::new();
    for (sn, (f, s)) in
        [(false, false), (true, false), (false, false), (true, false), (true, true)].into_iter().enumerate()
    {
        let frame = lab.expect(login.conn, Opcode::DataIn);
        let pdu = DataIn::parse(&frame.bhs);
        assert_eq!((pdu.data_sn as usize, pdu.final_bit, pdu.status_bit), (sn, f, s));
        assert_eq!(pdu.buffer_offset as usize, got.len());
        got.extend_from_slice(&frame.data);
    }
    assert_eq!(got, data);
}

#[test]
fn residuals_of_reads_and_writes() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    // (EDTL, overflow, underflow, count) of a read of one block
    for (edtl, overflow, underflow, count) in
        [(1024, false, true, 512), (200, true, false, 312), (512, false, false, 0)]
    {
        let itt = lab.itt();
        lab.send(login.conn, scsi(&login, LUN0, itt, &read10(0, 1), edtl, Some(Way::In)).emit(), &[]);
        login.cmd_sn += 1;
        let frame = lab.expect(login.conn, Opcode::DataIn);
        let pdu = DataIn::parse(&frame.bhs);
        assert_eq!((pdu.overflow, pdu.underflow, pdu.residual_count), (overflow, underflow, count));
        assert_eq!(frame.data.len(), edtl.min(512) as usize);
    }
    for (edtl, overflow, underflow, count) in [(1024, false, true, 512), (512, false, false, 0)] {
        let itt = lab.itt();
        let data = pattern(edtl as usize, 3);
        lab.send(login.conn, scsi(&login, LUN0, itt, &write10(0, 1), edtl, Some(Way::Out)).emit(), &data);
        login.cmd_sn += 1;
        let pdu = ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs);
        assert_eq!(
            (pdu.status, pdu.overflow, pdu.underflow, pdu.residual_count),
            (0, overflow, underflow, count)
        );
    }
    // Two blocks announced by the CDB, one by the initiator: what came is written, the rest is residual.
    let data = pattern(512, 4);
    lab.send(login.conn, scsi(&login, LUN0, 77, &write10(4, 2), 512, Some(Way::Out)).emit(), &data);
    let pdu = ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs);
    assert_eq!((pdu.status, pdu.overflow, pdu.residual_count), (0, true, 512));
    assert_eq!(lab.world.disks[&DeviceId(0)][4 * BLOCK..5 * BLOCK], data);
}

fn data_out(itt: u32, ttt: u32, data_sn: u32, offset: u32, last: bool) -> DataOut {
    DataOut {
        final_bit: last,
        itt,
        ttt,
        data_sn,
        buffer_offset: offset,
        exp_stat_sn: 0,
        ..DataOut::default()
    }
}

#[test]
fn every_combination_of_immediate_and_unsolicited_data_writes_the_same() {
    for (initial_r2t, immediate) in [(false, false), (false, true), (true, false), (true, true)] {
        let yes = |on: bool| if on { "Yes" } else { "No" };
        let (r2t_key, immediate_key) =
            (format!("InitialR2T={}", yes(initial_r2t)), format!("ImmediateData={}", yes(immediate)));
        let keys = [
            &*r2t_key,
            &immediate_key,
            "FirstBurstLength=1024",
            "MaxBurstLength=1024",
            "MaxOutstandingR2T=2",
        ];
        let mut lab = Lab::default();
        let login = lab.ready(&keys);
        let data = pattern(4096, 5);
        let mut pdu = scsi(&login, LUN0, 5, &write10(16, 8), 4096, Some(Way::Out));
        pdu.final_bit = initial_r2t;
        let mut sent = if immediate { 512 } else { 0 };
        lab.send(login.conn, pdu.emit(), &data[..sent]);
        if !initial_r2t {
            let rest = &data[sent..1024];
            lab.expect_nothing(login.conn);
            lab.send(login.conn, data_out(5, RESERVED_TAG, 0, sent as u32, true).emit(), rest);
            sent = 1024;
        }
        let mut expected_sn = 0;
        while sent < 4096 {
            let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
            assert_eq!((r2t.itt, r2t.r2t_sn, r2t.buffer_offset as usize), (5, expected_sn, sent));
            assert_eq!(r2t.stat_sn, login.exp_stat_sn, "an R2T shows the next StatSN and does not take it");
            let end = sent + r2t.desired_data_transfer_length as usize;
            let middle = sent + 256;
            let first = DataOut { lun: LUN0, ..data_out(5, r2t.ttt, 0, sent as u32, false) };
            lab.send(login.conn, first.emit(), &data[sent..middle]);
            lab.send(login.conn, data_out(5, r2t.ttt, 1, middle as u32, true).emit(), &data[middle..end]);
            sent = end;
            expected_sn += 1;
        }
        let pdu = ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs);
        assert_eq!((pdu.status, pdu.stat_sn), (0, login.exp_stat_sn));
        assert_eq!(lab.world.disks[&DeviceId(0)][16 * BLOCK..24 * BLOCK], data);
    }
}

#[test]
fn wrong_write_data_is_answered_after_the_f_bit() {
    // (what is sent, sense)
    let unexpected = (0x0b, 0x0c, 0x0c);
    let amount = (0x0b, 0x0c, 0x0d);
    let crc = (0x0b, 0x47, 0x05);
    let mut lab = Lab::default();
    let mut login = lab.ready(&["InitialR2T=No", "ImmediateData=No", "FirstBurstLength=1024"]);
    // Immediate data that was not agreed on, and a sequence still announced.
    let mut pdu = scsi(&login, LUN0, 5, &write10(0, 4), 2048, Some(Way::Out));
    pdu.final_bit = false;
    lab.send(login.conn, pdu.emit(), &pattern(512, 0));
    login.cmd_sn += 1;
    lab.expect_nothing(login.conn);
    lab.send(login.conn, data_out(5, RESERVED_TAG, 0, 512, true).emit(), &pattern(512, 0));
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), unexpected);
    // More than FirstBurstLength.
    let mut pdu = scsi(&login, LUN0, 6, &write10(0, 4), 2048, Some(Way::Out));
    pdu.final_bit = false;
    lab.send(login.conn, pdu.emit(), &[]);
    login.cmd_sn += 1;
    lab.send(login.conn, data_out(6, RESERVED_TAG, 0, 0, false).emit(), &pattern(1536, 0));
    lab.expect_nothing(login.conn);
    lab.send(login.conn, data_out(6, RESERVED_TAG, 1, 1536, true).emit(), &[]);
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), amount);
    // A DataSN that does not follow.
    lab.send(login.conn, scsi(&login, LUN0, 7, &write10(0, 4), 2048, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    lab.send(login.conn, data_out(7, r2t.ttt, 27, 0, true).emit(), &pattern(2048, 0));
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), crc);
    // Less than an R2T asked for.
    lab.send(login.conn, scsi(&login, LUN0, 8, &write10(0, 4), 2048, Some(Way::Out)).emit(), &[]);
    login.cmd_sn += 1;
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    lab.send(login.conn, data_out(8, r2t.ttt, 0, 0, true).emit(), &pattern(1024, 0));
    assert_eq!(sense(&lab.expect(login.conn, Opcode::ScsiResponse)), amount);
    // Nothing of all that reached the disk, and the session goes on.
    assert!(lab.world.disks[&DeviceId(0)].iter().all(|byte| *byte == 0));
    assert_eq!(lab.command(&mut login, LUN0, &[0; 6]).status, 0);
}

#[test]
fn data_for_no_task_is_rejected_with_its_header() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let pdu = frame_bytes(data_out(99, 7, 0, 0, true), 16);
    lab.send(login.conn, pdu, &pattern(16, 0));
    let frame = lab.expect(login.conn, Opcode::Reject);
    assert_eq!(Reject::parse(&frame.bhs).reason, 9);
    assert_eq!(frame.data, pdu.as_slice());
    login.exp_stat_sn += 1;
    assert_eq!(lab.command(&mut login, LUN0, &[0; 6]).status, 0);
}

fn frame_bytes(pdu: DataOut, len: u32) -> [u8; 48] {
    DataOut { data_segment_length: len, ..pdu }.emit()
}

#[test]
fn commands_are_executed_in_order_whatever_the_order_they_come_in() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    let first = login;
    login.cmd_sn += 1;
    let late = scsi(&login, LUN0, 20, &read10(0, 1), 512, Some(Way::In));
    lab.send(login.conn, late.emit(), &[]);
    lab.expect_nothing(login.conn);
    // A second copy of what is held, and one far outside, are ignored.
    lab.send(login.conn, late.emit(), &[]);
    let mut far = late;
    far.cmd_sn = login.cmd_sn + 1000;
    far.itt = 21;
    lab.send(login.conn, far.emit(), &[]);
    lab.expect_nothing(login.conn);
    lab.send(
        login.conn,
        scsi(&first, LUN0, 19, &write10(0, 1), 512, Some(Way::Out)).emit(),
        &pattern(512, 9),
    );
    assert_eq!(ScsiResponse::parse(&lab.expect(login.conn, Opcode::ScsiResponse).bhs).itt, 19);
    let frame = lab.expect(login.conn, Opcode::DataIn);
    assert_eq!(frame.data, pattern(512, 9));
    assert_eq!(DataIn::parse(&frame.bhs).exp_cmd_sn, first.cmd_sn + 2);
    lab.expect_nothing(login.conn);
}

#[test]
fn a_tag_in_use_is_rejected_as_task_in_progress() {
    let mut lab = Lab::default();
    let mut login = lab.ready(&[]);
    lab.world.stuck = true;
    lab.send(login.conn, scsi(&login, LUN0, 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    lab.send(login.conn, scsi(&login, LUN0, 5, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    let reject = Reject::parse(&lab.expect(login.conn, Opcode::Reject).bhs);
    assert_eq!((reject.reason, reject.exp_cmd_sn), (7, login.cmd_sn));
    lab.release_disk();
    lab.expect(login.conn, Opcode::DataIn);
    lab.expect_nothing(login.conn);
}

#[test]
fn short_answers_pass_a_long_read() {
    let mut lab = Lab::default();
    lab.world.budget = 1;
    let mut login = lab.ready(&["MaxRecvDataSegmentLength=1024"]);
    lab.world.clogged.push(login.conn);
    lab.send(login.conn, scsi(&login, LUN0, 5, &read10(0, 8), 4096, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    lab.send(login.conn, scsi(&login, LUN0, 6, &read10(0, 2), 1024, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    lab.world.clogged.clear();
    lab.send(login.conn, nop(&login, 7, true).emit(), b"ping");
    let echo = lab.expect(login.conn, Opcode::NopIn);
    assert_eq!((NopIn::parse(&echo.bhs).itt, &echo.data[..]), (7, &b"ping"[..]));
    let order: Vec<u32> =
        (0..5).map(|_| DataIn::parse(&lab.expect(login.conn, Opcode::DataIn).bhs).itt).collect();
    assert_eq!(order, [5, 6, 5, 5, 5]);
}

#[test]
fn probes_follow_the_wire() {
    let mut lab = Lab::default();
    let login = lab.ready(&["ImmediateData=No"]);
    let data = pattern(512, 1);
    lab.send(
        login.conn,
        scsi(&login, Lun::from_number(1), 5, &write10(0, 1), 512, Some(Way::Out)).emit(),
        &[],
    );
    let r2t = R2t::parse(&lab.expect(login.conn, Opcode::R2t).bhs);
    let out = DataOut { lun: Lun::from_number(1), ..data_out(5, r2t.ttt, 0, 0, true) };
    lab.send(login.conn, out.emit(), &data);
    let fired = lab.probes();
    let kinds: Vec<Probe> = fired.iter().map(|fired| fired.probe).collect();
    assert_eq!(kinds, [Probe::ScsiCommand, Probe::DataRequest, Probe::DataReceive, Probe::ScsiResponse]);
    assert!(
        fired
            .iter()
            .all(|fired| fired.lun == 1 && fired.itt == 5 && fired.initiator == "iqn.2026-01.lab:host")
    );
    let [command, request, receive, response] = fired.try_into().unwrap();
    assert_eq!((command.cmd_sn, command.stat_sn, command.flags), (login.cmd_sn, login.exp_stat_sn, 0xa1));
    assert_eq!(command.cdb.map(|cdb| cdb.len()), Some(16));
    assert_eq!((request.ttt, request.cmd_sn, request.data_len), (r2t.ttt, login.cmd_sn + 1, 0));
    assert_eq!((receive.cmd_sn, receive.data_len, receive.flags), (0, 512, 0x80));
    assert_eq!((response.stat_sn, response.flags), (login.exp_stat_sn, 0x80));
}
