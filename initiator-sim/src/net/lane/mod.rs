//! One direction of a connection, from the sender's write to the receiver's read: middlebox, then pipe.
//!
//! Without faults, and with nothing to draw, a write goes straight into the pipe. Otherwise PDUs are found in the stream, the
//! faults of each are decided at its site, and only the PDUs concerned are taken apart.

mod shape;
#[cfg(test)]
mod tests;

use super::pipe::{Arrival, Pipe};
use super::{Dir, LaneConfig};
use crate::clock::Nanos;
use crate::codec::Digests;
use crate::fault::plan::Planner;
use crate::fault::{FaultId, Verb};
use crate::middlebox::Boundary;
use crate::rng::Site;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

/// How a fault wants the connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both directions at once, unread data destroyed.
    Reset,
    /// This direction, after what was sent.
    HalfClose,
    /// Both directions, after what was sent.
    Close,
}

/// What a write needs to know, and what it reports.
pub struct LaneContext<'a> {
    /// The time.
    pub now: Nanos,
    /// Decides faults.
    pub planner: &'a mut Planner,
    /// Faults that took effect, one entry each time.
    pub hits: &'a mut Vec<FaultId>,
    /// Ids of operations by Initiator Task Tag, for the PDUs of the target.
    pub operations: &'a BTreeMap<u32, u64>,
    /// PDUs that the middlebox dropped.
    pub lost: Vec<Bytes>,
    /// An ending a fault asked for.
    pub ending: Option<Ending>,
}

/// A scripted fault waiting for its PDU.
#[derive(Clone, Debug)]
struct Rule {
    id: FaultId,
    opcode: Option<u8>,
    skip: u32,
    verbs: Vec<Verb>,
}

/// A scripted fault waiting for its byte.
#[derive(Clone, Debug)]
struct ByteRule {
    id: FaultId,
    offset: u64,
    verbs: Vec<Verb>,
}

/// The PDU that is being collected because something is to be done to it.
#[derive(Clone, Debug)]
struct Collect {
    verbs: Vec<Verb>,
    rule: Option<FaultId>,
    site: Site,
    bytes: Vec<u8>,
}

/// What waits for room in the pipe.
#[derive(Clone, Debug)]
enum Item {
    Bytes {
        bytes: Bytes,
        delay: Nanos,
        site: Site,
    },
    /// Nothing passes until the fault is released.
    Hold(FaultId),
    Fin,
}

/// One direction.
#[derive(Clone, Debug)]
pub struct Lane {
    config: LaneConfig,
    dir: Dir,
    key: u32,
    pipe: Pipe,
    outbox: VecDeque<Item>,
    outbox_bytes: usize,
    boundary: Boundary,
    rules: Vec<Rule>,
    byte_rules: Vec<ByteRule>,
    collect: Option<Collect>,
    /// The PDU that changes places with the next one.
    swapped: Option<(Bytes, Site)>,
    /// Bytes kept back until so many PDUs have passed.
    coalesced: Option<(u32, Vec<u8>, Site)>,
    /// PDUs seen of each operation.
    ordinals: BTreeMap<u64, u32>,
    released: Vec<FaultId>,
    /// Bytes that left the middlebox.
    offset: u64,
    /// Chunks made since the last PDU began: tells apart chunks of one site.
    chunk: u16,
    /// The sender's side has ended.
    ended: bool,
    /// An arrival is planned in the world's queue.
    pub(crate) planned: Option<Nanos>,
}

impl Lane {
    /// A lane of the connection that decisions know as `key`.
    pub fn new(config: LaneConfig, dir: Dir, key: u32) -> Self {
        Self {
            config,
            dir,
            key,
            pipe: Pipe::default(),
            outbox: VecDeque::new(),
            outbox_bytes: 0,
            boundary: Boundary::default(),
            rules: Vec::new(),
            byte_rules: Vec::new(),
            collect: None,
            swapped: None,
            coalesced: None,
            ordinals: BTreeMap::new(),
            released: Vec::new(),
            offset: 0,
            chunk: 0,
            ended: false,
            planned: None,
        }
    }

    /// The pipe, for what concerns its far end.
    pub const fn pipe(&mut self) -> &mut Pipe {
        &mut self.pipe
    }

    /// How many bytes a sender with a bounded socket buffer may write now.
    pub const fn room(&self) -> usize {
        self.config.buffer.saturating_sub(self.pipe.held() + self.outbox_bytes)
    }

    /// Digests of the PDUs that begin at this offset of what the sender sends, or, without one, of all that are yet to come.
    pub const fn set_digests(&mut self, offset: Option<u64>, digests: Digests) {
        match offset {
            Some(offset) => self.boundary.set_digests_at(offset, digests),
            None => self.boundary.set_digests(digests),
        }
    }

    /// Nothing arrives before this time: the connection is being set up.
    pub fn open_at(&mut self, at: Nanos) {
        self.pipe.open_at(at);
    }

    /// Time for a control segment to cross.
    pub(crate) fn crossing(&self, planner: &Planner) -> Nanos {
        self.config.travel(planner.rng(), self.dir, self.site_of(0, 0, 0))
    }

    /// From now on nothing passes, until the fault is released.
    pub fn hold(&mut self, id: FaultId) {
        self.outbox.push_back(Item::Hold(id));
    }

    /// Arms a fault for the first PDU with this opcode after `skip` of them.
    pub fn arm_pdu(&mut self, id: FaultId, opcode: Option<u8>, skip: u32, verbs: Vec<Verb>) {
        self.rules.push(Rule { id, opcode, skip, verbs });
    }

    /// Arms a fault for the byte with this offset; in the past counts as the next byte.
    pub fn arm_byte(&mut self, id: FaultId, offset: u64, verbs: Vec<Verb>) {
        self.byte_rules.push(ByteRule { id, offset, verbs });
    }

    /// Lets pass what the fault holds back.
    pub fn release(&mut self, id: FaultId, cx: &mut LaneContext<'_>) {
        self.released.push(id);
        self.pump(cx.now, cx.planner);
    }

    /// Lets pass everything that any fault keeps back.
    pub fn release_all(&mut self, cx: &mut LaneContext<'_>) {
        self.outbox.retain(|item| !matches!(item, Item::Hold(_)));
        self.rules.clear();
        self.byte_rules.clear();
        self.flush_kept(cx);
        self.pump(cx.now, cx.planner);
    }

    /// The sender writes. `op` is the operation it belongs to, if the sender knows.
    pub fn send(&mut self, bytes: Bytes, op: u64, cx: &mut LaneContext<'_>) {
        if self.ended {
            return;
        }
        if self.is_plain(cx.planner) {
            self.follow(&bytes);
            self.emit(bytes, 0, Site::default(), cx);
        } else {
            self.send_shaped(bytes, op, cx);
        }
        self.pump(cx.now, cx.planner);
    }

    /// The sender sends no more.
    pub fn fin(&mut self, cx: &mut LaneContext<'_>) {
        if self.ended {
            return;
        }
        self.flush_kept(cx);
        self.ended = true;
        self.outbox.push_back(Item::Fin);
        self.pump(cx.now, cx.planner);
    }

    /// The connection breaks: what is in the pipe arrives, what is not is lost.
    pub fn reset(&mut self, now: Nanos, planner: &Planner) {
        self.ended = true;
        self.outbox.clear();
        self.outbox_bytes = 0;
        let at = now.saturating_add(self.crossing(planner));
        self.pipe.reset(now, at);
    }

    /// Moves what there is room for into the pipe. Called again when the receiver has read.
    pub fn pump(&mut self, now: Nanos, planner: &Planner) {
        while let Some(front) = self.outbox.front_mut() {
            match front {
                Item::Hold(id) => {
                    let Some(at) = self.released.iter().position(|released| released == id) else { return };
                    self.released.swap_remove(at);
                    self.outbox.pop_front();
                }
                Item::Fin => {
                    self.outbox.pop_front();
                    let at = now.saturating_add(self.crossing(planner));
                    self.pipe.push(now, at, Arrival::Fin);
                }
                Item::Bytes { bytes, delay, site } => {
                    let room = self.config.buffer.saturating_sub(self.pipe.held());
                    if room == 0 {
                        return;
                    }
                    let site = Site { kind: self.chunk, ..*site };
                    self.chunk = self.chunk.wrapping_add(1) & 0xff;
                    let len = bytes.len().min(room).min(self.config.chunk_len(planner.rng(), self.dir, site));
                    let chunk = bytes.split_to(len);
                    let delay = *delay;
                    if bytes.is_empty() {
                        self.outbox.pop_front();
                    }
                    self.outbox_bytes -= len;
                    if delay == 0
                        && self.config.coalesce > 0
                        && self.pipe.join(now, self.config.coalesce, &chunk)
                    {
                        continue;
                    }
                    let travel = match self.config.latency.fixed() {
                        Some(time) if self.config.loss == 0 => time,
                        _ => self.config.travel(planner.rng(), self.dir, site),
                    };
                    let at = now.saturating_add(travel).saturating_add(delay);
                    self.pipe.push(now, at, Arrival::Bytes(chunk));
                }
            }
        }
    }

    /// True if bytes wait for room or for a fault's release.
    pub fn is_waiting(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// Nothing is to be decided about this write.
    fn is_plain(&self, planner: &Planner) -> bool {
        self.rules.is_empty()
            && self.byte_rules.is_empty()
            && self.collect.is_none()
            && self.swapped.is_none()
            && self.coalesced.is_none()
            && !planner.is_active()
            && !self.config.is_random()
    }

    fn follow(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let advance = self.boundary.advance(rest);
            rest = rest.get(advance.taken..).unwrap_or_default();
        }
    }

    const fn site_of(&self, op: u64, pdu: u32, kind: u16) -> Site {
        Site { conn: self.key, dir: self.dir as u8, op, pdu, kind }
    }
}
