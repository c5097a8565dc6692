//! However the bytes of a connection arrive, what is answered is the same.

mod common;

use common::{Lab, Login, Way, frame, keys, logout, nop, pattern, read10, scsi, tmf, write10};
use proptest::prelude::*;
use target_core::api::{ConnId, TxStatus};
use target_core::conn::framing::{Frame, Framer};
use target_core::wire::{BHS_LEN, Lun, Opcode, RESERVED_TAG, TaskRequest, TextRequest, digest, padding};

/// A whole life on one connection, as bytes: login, writes, reads, pings, text, an abort, logout.
fn life() -> Vec<u8> {
    let mut lab = Lab::default();
    let mut out = Vec::new();
    let mut put = |bhs: [u8; BHS_LEN], data: &[u8]| {
        out.extend_from_slice(&frame(bhs, data).bhs);
        out.extend_from_slice(data);
        out.extend(std::iter::repeat_n(0, padding(data.len())));
    };
    put(lab.login_request(1, 0, 0).emit(), &keys(&["MaxRecvDataSegmentLength=1024"]));
    let mut login = Login { conn: ConnId(1), cmd_sn: 100, exp_stat_sn: 2, tsih: 1 };
    for (itt, lun) in [(8, 0), (9, 1), (10, 0)] {
        put(scsi(&login, Lun::from_number(lun), itt, &[0; 6], 0, None).emit(), &[]);
        login.cmd_sn += 1;
    }
    let data = pattern(1500, 7);
    put(nop(&login, 11, true).emit(), &data[..77]);
    put(scsi(&login, Lun(0), 12, &write10(1, 2), 1024, Some(Way::Out)).emit(), &data[..1024]);
    login.cmd_sn += 1;
    put(scsi(&login, Lun(0), 13, &read10(0, 5), 2560, Some(Way::In)).emit(), &[]);
    login.cmd_sn += 1;
    let text = TextRequest {
        final_bit: true,
        itt: 14,
        ttt: RESERVED_TAG,
        cmd_sn: login.cmd_sn,
        ..TextRequest::default()
    };
    put(text.emit(), b"SendTargets=\0");
    login.cmd_sn += 1;
    // Right behind a command each: one that aborts it, one that resets its unit, and the end of the session.
    for (itt, function) in [(20, 1), (22, 5)] {
        put(scsi(&login, Lun(0), itt, &read10(1, 1), 512, Some(Way::In)).emit(), &[]);
        login.cmd_sn += 1;
        let about = TaskRequest { referenced_task_tag: itt, ..tmf(&login, itt + 1, function, Lun(0)) };
        put(about.emit(), &[]);
    }
    put(scsi(&login, Lun(1), 15, &[0; 6], 0, None).emit(), &[]);
    login.cmd_sn += 1;
    put(logout(&login, 16, 0).emit(), &[]);
    out
}

/// The PDUs that come back when as many frames of `stream` as `sizes` says are handed in before each drain, without what
/// shows the moment of serialisation: their order, StatSN, ExpCmdSN and MaxCmdSN.
fn answers_to_batches(stream: &[u8], sizes: &[usize]) -> Vec<(Opcode, Vec<u8>, u32)> {
    let mut lab = Lab::default();
    let conn = lab.open();
    let mut framer = Framer::new(1 << 18, digest::crc32c);
    framer.push(stream);
    let mut frames = std::iter::from_fn(|| framer.next_frame()).peekable();
    let mut sizes = sizes.iter().copied().chain(std::iter::repeat(1));
    // The answer to a login may turn digests on, so that a driver never hands it in with what follows.
    lab.send_batch(conn, frames.by_ref().take(1));
    while frames.peek().is_some() {
        let size = sizes.next().unwrap_or(1).max(1);
        lab.send_batch(conn, frames.by_ref().take(size));
    }
    assert_eq!(lab.end(conn), Some(TxStatus::Close));
    let pdu = |frame: &Frame| {
        let mut bhs = frame.bhs.to_vec();
        bhs[24..36].fill(0);
        (Opcode::of(&frame.bhs).unwrap(), bhs, digest::crc32c(0, &frame.data))
    };
    let mut pdus: Vec<_> = lab.world.sides[&conn].inbox.iter().map(pdu).collect();
    pdus.sort_by(|one, other| one.1.cmp(&other.1));
    pdus
}

/// The bytes that come back when `stream` arrives cut into pieces of these sizes.
fn answers(stream: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut lab = Lab::default();
    let conn = lab.open();
    let mut framer = Framer::new(1 << 18, digest::crc32c);
    let mut rest = stream;
    let mut sizes = cuts.iter().copied().chain(std::iter::repeat(stream.len()));
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(1).clamp(1, rest.len()));
        rest = after;
        framer.push(piece);
        while let Some(frame) = framer.next_frame() {
            let status = lab.send_frame(conn, frame);
            framer.set_digests(status.digests);
        }
    }
    assert_eq!(lab.end(conn), Some(TxStatus::Close));
    lab.world.sides[&conn].bytes.clone()
}

#[test]
fn the_life_is_a_long_one() {
    let bytes = answers(&life(), &[]);
    let mut framer = Framer::new(1 << 18, digest::crc32c);
    framer.push(&bytes);
    let kinds: Vec<_> =
        std::iter::from_fn(|| framer.next_frame()).map(|frame| Opcode::of(&frame.bhs).unwrap()).collect();
    use Opcode::{DataIn, LoginResponse, LogoutResponse, NopIn, ScsiResponse, TaskResponse, TextResponse};
    let want = [
        LoginResponse,
        ScsiResponse,
        ScsiResponse,
        ScsiResponse,
        NopIn,
        ScsiResponse,
        DataIn,
        DataIn,
        DataIn,
        TextResponse,
        DataIn,
        TaskResponse,
        DataIn,
        TaskResponse,
        ScsiResponse,
        LogoutResponse,
    ];
    assert_eq!(kinds, want);
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cutting_the_bytes_anywhere_changes_nothing(cuts in proptest::collection::vec(1usize..200, 0..60)) {
        let stream = life();
        prop_assert_eq!(answers(&stream, &cuts), answers(&stream, &[]));
    }

    #[test]
    fn how_many_frames_are_handed_in_at_once_changes_no_answer(sizes in proptest::collection::vec(1usize..12, 0..20)) {
        let stream = life();
        prop_assert_eq!(answers_to_batches(&stream, &sizes), answers_to_batches(&stream, &[]));
    }
}
