//! How does the world serve the target? Disks for its storage requests, lanes for its bytes.

use super::conn::ServerState;
use super::probes::Recorder;
use super::{Happened, Happening, Inner, Seen, WireRecord};
use crate::disk::Started;
use crate::fault::{DiskVerb, Outcome};
use crate::net::Dir;
use crate::oracle::WirePdu;
use crate::trace::{Tag, hash_bytes};
use bytes::Bytes;
use std::ops::Range;
use target_core::api::{ConnId, Event, TxStatus};
use target_core::drive::Driver;
use target_core::io::{IoDone, IoError, IoId, IoOp, IoRequest};
use target_core::target::Target;
use target_core::time::Instant;

impl Driver<Recorder> for Inner {
    fn start_io(&mut self, request: IoRequest) -> Option<IoDone> {
        let now = self.now();
        let (id, device, op) = match request {
            IoRequest::Start { id, device, op } => (id, device.0, op),
            IoRequest::Cancel { id } => {
                self.note(Tag::IoStart, id.0, b"cancel");
                self.tell(|| Happened::DiskCancelled { id: id.0 });
                let device = *self.io.get(&id)?;
                let due = self.disks.get_mut(device as usize)?.cancel(now, id);
                self.marks.act(if due.is_some() { "cancelled" } else { "late_after_cancel" });
                let due = due?;
                self.queue.schedule(due, Happening::Io(self.generation, device, id));
                return None;
            }
        };
        self.trace.add_hash(now, Tag::IoStart, id.0, hash_op(device, &op));
        self.tell(|| Happened::DiskBegan { device, id: id.0, op: (&op).into() });
        let Some(disk) = self.disks.get_mut(device as usize) else {
            return Some(IoDone { id, result: Err(IoError::NotReady) });
        };
        let before = self.planner.record().len();
        let blocks = op_blocks(&op, disk.config().block_size);
        let started = disk.start(now, id, op, &mut self.planner);
        let new = self.planner.record().get(before..).unwrap_or_default();
        if new.iter().any(|it| matches!(it.outcome, Outcome::Disk(DiskVerb::Rot { .. }))) {
            self.rotten.insert(id, (device, blocks));
        }
        match started {
            Started::Done(done) => {
                self.reveal_rot(id);
                self.tell(|| ended(device, &done));
                Some(done)
            }
            Started::Due(at) => {
                self.io.insert(id, device);
                self.queue.schedule(at, Happening::Io(self.generation, device, id));
                None
            }
            Started::Stalled => {
                self.io.insert(id, device);
                None
            }
        }
    }

    fn transmit(&mut self, now: Instant, target: &mut Target<Recorder>, conn: ConnId) {
        let Ok(ordinal) = u32::try_from(conn.0) else { return };
        loop {
            self.write_batch(ordinal);
            let Some(entry) = self.conns.get_mut(ordinal as usize) else { return };
            let server = &mut entry.server;
            if server.state != ServerState::Open || server.closing {
                return;
            }
            if !server.batch.is_empty() {
                server.waiting = true;
                return;
            }
            server.waiting = false;
            let sink = target.sink_mut();
            (sink.now, sink.conn) = (self.queue.now(), ordinal);
            let status = target.poll_transmit(now, conn, &mut server.batch);
            server.batch.seal(crc32c::crc32c_append);
            server.closing = status == TxStatus::Close;
            target.sink_mut().take_into(&mut self.fired);
            self.tap_transmitted(ordinal);
            match status {
                TxStatus::More => {}
                TxStatus::Idle | TxStatus::Close => {
                    self.write_batch(ordinal);
                    return;
                }
                TxStatus::Abort => {
                    self.abort_by_target(ordinal);
                    return;
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        if let Event::Resume(ConnId(conn)) = event {
            if let Ok(conn) = u32::try_from(conn) {
                self.resumed.push(conn);
            }
            return;
        }
        self.note(Tag::Event, 0, format!("{event:?}").as_bytes());
        self.marks.event(&event);
        self.tell(|| Happened::News(event.clone()));
        self.seen.push_back(Seen::News(event));
    }
}

impl Inner {
    /// What a read with rotten bits has returned cannot be foretold.
    pub(super) fn reveal_rot(&mut self, id: IoId) {
        if let (Some((device, blocks)), Some(oracles)) = (self.rotten.remove(&id), &mut self.oracles) {
            oracles.tainted(device, blocks);
        }
    }

    /// Hands the batch to the lane, as far as the socket buffer has room, and closes after the last byte if that was asked.
    pub(super) fn write_batch(&mut self, conn: u32) {
        loop {
            let Some(entry) = self.conns.get_mut(conn as usize) else { return };
            let room = entry.lanes[Dir::In as usize].room();
            let Some(chunk) = entry.server.batch.chunks().next() else { break };
            let len = chunk.len().min(room);
            if len == 0 {
                entry.server.waiting = true;
                self.marks.act("full_buffer");
                return;
            }
            // One write as long as the buffer has room: what is serialised together travels together.
            let mut bytes = Vec::with_capacity(entry.server.batch.len().min(room));
            for chunk in entry.server.batch.chunks() {
                let take = chunk.len().min(room - bytes.len());
                bytes.extend_from_slice(&chunk[..take]);
                if bytes.len() == room {
                    break;
                }
            }
            entry.server.batch.advance(bytes.len());
            let bytes = Bytes::from(bytes);
            self.tell(|| Happened::Sent { conn, dir: Dir::In, bytes: bytes.clone() });
            self.on_lane(conn, Dir::In, |lane, cx| lane.send(bytes, 0, cx));
        }
        let Some(entry) = self.conns.get_mut(conn as usize) else { return };
        if entry.server.closing && entry.server.state == ServerState::Open {
            self.on_lane(conn, Dir::In, |lane, cx| lane.fin(cx));
            self.target_let_go(conn);
        }
    }

    /// The target breaks the connection.
    fn abort_by_target(&mut self, conn: u32) {
        let now = self.now();
        let Some(entry) = self.conns.get_mut(conn as usize) else { return };
        entry.server.batch.clear();
        entry.lanes[Dir::In as usize].reset(now, &self.planner);
        self.plan(conn, Dir::In);
        self.target_let_go(conn);
    }

    /// The target's socket is gone; the core is told when the present drain is over.
    pub(super) fn target_let_go(&mut self, conn: u32) {
        let now = self.now();
        let Some(entry) = self.conns.get_mut(conn as usize) else { return };
        if entry.server.state == ServerState::Ended {
            return;
        }
        entry.server.state = ServerState::Ended;
        entry.server.waiting = false;
        entry.lane(Dir::Out).pipe().discard();
        self.closed.push(conn);
        self.note(Tag::End, u64::from(conn), b"target");
        if let Some(oracles) = &mut self.oracles {
            oracles.closed(now, conn);
        }
    }

    /// Shows what was just serialised to the checks.
    fn tap_transmitted(&mut self, conn: u32) {
        let now = self.now();
        let Some(entry) = self.conns.get_mut(conn as usize) else { return };
        let mut hash = 0;
        for chunk in entry.server.batch.chunks() {
            hash = hash_bytes(hash, chunk);
            entry.tap.push(Dir::In, chunk);
        }
        if hash != 0 {
            self.trace.add_hash(now, Tag::FromTarget, u64::from(conn), hash);
        }
        while self.tap_next(conn, Dir::In) {}
        self.check_probes();
    }

    /// Takes the next PDU from the tap; false if there is none.
    pub(super) fn tap_next(&mut self, conn: u32, dir: Dir) -> bool {
        let now = self.now();
        let Some(entry) = self.conns.get_mut(conn as usize) else { return false };
        let (oracles, wire) = (&mut self.oracles, &mut self.wire);
        let keep = self.config.keep.wire;
        let (more, digests) = entry.tap.next(dir, |track, view, quality| {
            if let Some(oracles) = oracles {
                oracles.pdu(track, &WirePdu { at: now, conn, dir, view: *view, quality });
            }
            if keep {
                wire.push(WireRecord { at: now, conn, dir, pdu: view.to_pdu(), quality });
            }
        });
        self.pdus += u64::from(more);
        if let Some((offset, digests)) = digests {
            entry.switch_digests(offset, digests);
            self.take_over_session(conn);
        }
        more
    }

    /// A connection that joined a session shares what its first connection negotiated (RFC 7143 13: Leading Only).
    fn take_over_session(&mut self, conn: u32) {
        let Some(track) = self.conns.get(conn as usize).map(|entry| &entry.tap.track) else { return };
        let (tsih, isid) = (track.tsih, track.isid);
        if !track.joins {
            return;
        }
        let mut before = self.conns[..conn as usize].iter().map(|entry| &entry.tap.track).rev();
        let twin = before.find(|other| other.full_feature && (other.tsih, other.isid) == (tsih, isid));
        if let Some(session) = twin.map(|twin| twin.session.clone()) {
            self.conns[conn as usize].tap.track.session = session;
        }
    }

    /// Compares the probe events fired since the last call with what the wire said.
    pub(super) fn check_probes(&mut self) {
        for record in self.fired.drain(..) {
            let before =
                self.conns.get_mut(record.conn as usize).and_then(|it| it.last_probe.replace(record.probe));
            self.marks.probe(before, record.probe);
            self.trace.add_hash(record.at, Tag::Probe, u64::from(record.conn), record.hash());
            if let Some(oracles) = &mut self.oracles {
                oracles.probe(&record);
            }
            if self.config.keep.moments {
                let what = Happened::Probe(Box::new(record.clone()));
                self.recording.push(record.at, what);
            }
            if self.config.keep.probes {
                self.probes.push(record);
            }
        }
    }
}

/// The end of a storage operation.
pub(super) fn ended(device: u32, done: &IoDone) -> Happened {
    let error = done.result.as_ref().err().map(|error| format!("{error:?}"));
    Happened::DiskEnded { device, id: done.id.0, error }
}

/// The blocks that an operation is about.
fn op_blocks(op: &IoOp, block_size: u32) -> Range<u64> {
    match op {
        IoOp::Read { lba, blocks } | IoOp::Verify { lba, blocks } | IoOp::Unmap { lba, blocks, .. } => {
            *lba..lba.saturating_add(u64::from(*blocks))
        }
        IoOp::Write { lba, data, .. } => *lba..lba.saturating_add(data.len() as u64 / u64::from(block_size)),
        IoOp::Status { .. } | IoOp::Flush | IoOp::Keep { .. } => 0..0,
    }
}

fn hash_op(device: u32, op: &IoOp) -> u64 {
    let (kind, lba, len) = match op {
        IoOp::Read { lba, blocks } => (1, *lba, u64::from(*blocks)),
        IoOp::Write { lba, data, fua } => (if *fua { 3 } else { 2 }, *lba, data.len() as u64),
        IoOp::Verify { lba, blocks } => (4, *lba, u64::from(*blocks)),
        IoOp::Flush => (5, 0, 0),
        IoOp::Keep { record, .. } => (9, 0, record.len() as u64),
        IoOp::Unmap { lba, blocks, anchor } => (if *anchor { 7 } else { 6 }, *lba, u64::from(*blocks)),
        IoOp::Status { lba, runs } => (8, *lba, u64::from(*runs)),
    };
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&lba.to_le_bytes());
    bytes[8..16].copy_from_slice(&len.to_le_bytes());
    bytes[16..20].copy_from_slice(&device.to_le_bytes());
    bytes[20] = kind;
    hash_bytes(0, &bytes)
}
