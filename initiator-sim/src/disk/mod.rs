//! How does storage behave? A simulated disk that answers the target's requests, and can be slow, wrong or forgetful.
//!
//! # Fault model
//!
//! - An operation takes effect at one moment, when it completes: a read returns what the medium holds then, a write is all there
//!   from then on. Operations under way at one time complete in the order of their latencies, so they are reordered.
//! - A write is first in a volatile cache, where reads see it. It is durable after a flush that started when it was complete, or if
//!   it was written with FUA.
//! - At a crash, what is under way is gone without a trace, and each unsynced write is kept, lost, or torn: only its first blocks
//!   are there. A logical block itself is never torn.
//! - Unmapped blocks read as zeros. Unmapping is cached, made durable, lost and torn like a write without FUA.
//! - Ranges of blocks can fail to be read or written, for ever or until they are written. A drawn failure concerns one operation.
//! - A record that is kept is there once that completed, and not before: an operation that a crash cuts short leaves the old one.
//! - Bit rot changes what a read returns until the block is written again. The medium's clean image is never touched by it.
//! - A stalled disk completes nothing until it is released; nothing is lost by that.
//! - A cancelled operation completes once like any other: at its own time with its own effect (`Late`, what real disks do), or
//!   soon, as cancelled, without effect (`Prompt`).
//!
//! Every operation that was started completes exactly once, unless the target itself is gone.

mod store;
#[cfg(test)]
mod tests;

use crate::clock::{MICRO, Nanos};
use crate::fault::plan::Planner;
use crate::fault::{CrashVerb, DiskVerb};
use crate::net::Latency;
use crate::rng::{Domain, Site};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use store::{Content, Piece, Store};
use target_core::io::{IoDone, IoError, IoId, IoOp, Records, Runs, SgList};

/// What a disk is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiskConfig {
    /// Logical block length in bytes.
    pub block_size: u32,
    /// Number of logical blocks.
    pub blocks: u64,
    /// Time from start to completion; a fixed 0 completes at once.
    pub latency: Latency,
    /// What cancelling does.
    pub cancel: CancelPolicy,
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self {
            block_size: 512,
            blocks: 131_072,
            latency: Latency::Fixed(100 * MICRO),
            cancel: CancelPolicy::Late,
        }
    }
}

/// What cancelling an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelPolicy {
    /// Nothing.
    Late,
    /// It completes after this time as cancelled, without effect.
    Prompt(Nanos),
}

/// Blocks that fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRange {
    /// Which blocks.
    pub blocks: Range<u64>,
    /// Reads and verifications fail.
    pub read: bool,
    /// Writes fail.
    pub write: bool,
    /// Flushes fail, whatever they cover; so does keeping records.
    pub flush: bool,
    /// A successful write makes the range good again (a disk that reassigns blocks).
    pub until_written: bool,
    /// What to answer instead of a medium error.
    pub error: Option<IoError>,
}

impl BadRange {
    /// Blocks that fail for nobody yet.
    pub const fn of(blocks: Range<u64>) -> Self {
        Self { blocks, read: false, write: false, flush: false, until_written: false, error: None }
    }
}

#[derive(Clone, Debug)]
struct Pending {
    op: IoOp,
    due: Nanos,
    verb: Option<DiskVerb>,
    cancelled: bool,
}

/// One bit that went bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rot {
    byte: u32,
    bit: u8,
}

/// What a run of blocks holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    /// These bytes: whole blocks.
    Data(Bytes),
    /// So many blocks of zeros.
    Zeros(u64),
}

/// A disk.
#[derive(Clone, Debug)]
pub struct Disk {
    config: DiskConfig,
    number: u32,
    durable: Store,
    cache: Store,
    pending: BTreeMap<IoId, Pending>,
    bad: Vec<BadRange>,
    rot: BTreeMap<u64, Vec<Rot>>,
    stalled: bool,
    /// What was kept beside the blocks.
    records: Records,
    /// How often each (kind of operation, block) was asked for: the semantic name of an operation.
    seen: BTreeMap<(u16, u64), u32>,
}

/// What starting an operation led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is complete.
    Done(IoDone),
    /// Ask again at this time.
    Due(Nanos),
    /// The disk is stalled: ask after it was released.
    Stalled,
}

impl Disk {
    /// An empty disk: all zeros. `number` is its device number, for decisions.
    pub fn new(config: DiskConfig, number: u32) -> Self {
        let zeros = config.block_size;
        Self {
            config,
            number,
            durable: Store::new(zeros),
            cache: Store::new(zeros),
            pending: BTreeMap::new(),
            bad: Vec::new(),
            rot: BTreeMap::new(),
            stalled: false,
            records: Records::new(),
            seen: BTreeMap::new(),
        }
    }

    /// What it is made of.
    pub const fn config(&self) -> &DiskConfig {
        &self.config
    }

    /// Operations that start from now on take this long.
    pub fn set_latency(&mut self, latency: Latency) {
        self.config.latency = latency;
    }

    /// The records that it keeps, as a target that starts now finds them.
    pub const fn records(&self) -> &Records {
        &self.records
    }

    /// Operations under way.
    pub fn outstanding(&self) -> usize {
        self.pending.len()
    }

    /// Begins an operation.
    pub fn start(&mut self, now: Nanos, id: IoId, op: IoOp, planner: &mut Planner) -> Started {
        let latency = match self.config.latency.fixed() {
            Some(time) if !planner.is_active() => (time, None),
            _ => self.decide(&op, planner),
        };
        if latency == (0, None) && !self.stalled {
            let result = self.perform(op, None);
            return Started::Done(IoDone { id, result });
        }
        let due = now.saturating_add(latency.0);
        self.pending.insert(id, Pending { op, due, verb: latency.1, cancelled: false });
        if self.stalled { Started::Stalled } else { Started::Due(due) }
    }

    /// The result of an operation that is due; `None` if it is not, or not outstanding.
    pub fn complete(&mut self, now: Nanos, id: IoId) -> Option<IoDone> {
        if self.stalled || self.pending.get(&id)?.due > now {
            return None;
        }
        let Pending { op, verb, cancelled, .. } = self.pending.remove(&id)?;
        let result = if cancelled { Err(IoError::Cancelled) } else { self.perform(op, verb) };
        Some(IoDone { id, result })
    }

    /// The target gives up an operation. Returns when to ask for its completion, if that changed.
    pub fn cancel(&mut self, now: Nanos, id: IoId) -> Option<Nanos> {
        let CancelPolicy::Prompt(after) = self.config.cancel else { return None };
        let pending = self.pending.get_mut(&id)?;
        pending.cancelled = true;
        pending.due = pending.due.min(now.saturating_add(after));
        Some(pending.due)
    }

    /// Stops completing operations, or goes on. Going on, returns when to ask for each operation.
    pub fn stall(&mut self, stalled: bool) -> Vec<(IoId, Nanos)> {
        self.stalled = stalled;
        if stalled {
            return Vec::new();
        }
        self.pending.iter().map(|(id, pending)| (*id, pending.due)).collect()
    }

    /// Makes blocks fail from now on.
    pub fn add_bad(&mut self, range: BadRange) {
        self.bad.push(range);
    }

    /// Grows or shrinks; what is cut off comes back if the disk grows again.
    pub const fn resize(&mut self, blocks: u64) {
        self.config.blocks = blocks;
    }

    /// Makes all blocks good again.
    pub fn heal(&mut self) {
        self.bad.clear();
        self.rot.clear();
    }

    /// Lets one bit of a block go bad; reads return it wrong until the block is written.
    pub fn rot(&mut self, lba: u64, byte: u32, bit: u8) {
        self.rot.entry(lba).or_default().push(Rot { byte, bit: bit & 7 });
    }

    /// The machine goes down: what is under way vanishes, what is unsynced may. Returns the blocks whose content changed by that.
    pub fn crash(&mut self, generation: u32, planner: &mut Planner) -> Vec<Range<u64>> {
        self.pending.clear();
        self.stalled = false;
        let mut changed = Vec::new();
        for (lba, blocks, content) in
            std::mem::replace(&mut self.cache, Store::new(self.config.block_size)).into_extents()
        {
            let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
            let site = Site { conn: self.number, op: lba, pdu: generation, kind: CRASH, ..Site::default() };
            let kept = match planner.crash(site, blocks) {
                None => blocks,
                Some(CrashVerb::Lost) => 0,
                Some(CrashVerb::Torn(kept)) => kept.min(blocks),
            };
            if kept < blocks {
                changed.push(lba + u64::from(kept)..lba + u64::from(blocks));
            }
            let content = self.durable.head(&content, u64::from(kept));
            self.durable.put(lba, u64::from(kept), content);
        }
        changed
    }

    /// The clean image: what an undisturbed read returns now.
    pub fn image(&self, lba: u64, blocks: u32) -> SgList {
        let mut out = SgList::new();
        self.pieces(lba, u64::from(blocks), &mut |len, content| {
            match content {
                Content::Data(bytes) => out.push(bytes),
                Content::Unmapped | Content::Anchored => self.durable.zeros(len, &mut out),
            }
            true
        });
        out
    }

    /// What blocks `range` hold now, run by run: the first block, and bytes, or a number of blocks with zeros.
    pub fn runs(&self, range: Range<u64>, take: &mut dyn FnMut(u64, Run)) {
        let mut at = range.start;
        self.pieces(range.start, range.end.saturating_sub(range.start), &mut |blocks, content| {
            take(
                at,
                match content {
                    Content::Data(bytes) => Run::Data(bytes),
                    Content::Unmapped | Content::Anchored => Run::Zeros(blocks),
                },
            );
            at += blocks;
            true
        });
    }

    /// What blocks hold now, piece by piece: first the cache, then what is durable; what was never written is unmapped.
    fn pieces(&self, lba: u64, blocks: u64, take: &mut dyn FnMut(u64, Content) -> bool) {
        self.cache.read(lba, blocks, &mut |at, len, piece| match piece {
            Piece::Known(content) => take(len, content),
            Piece::Hole => self.durable.read(at, len, &mut |_, len, piece| match piece {
                Piece::Known(content) => take(len, content),
                Piece::Hole => take(len, Content::Unmapped),
            }),
        });
    }

    fn status(&self, lba: u64, runs: u32) -> SgList {
        let mut list = Runs::new(lba, runs);
        let left = self.config.blocks.saturating_sub(lba);
        self.pieces(lba, left, &mut |len, content| list.add(len, content.state()));
        list.finish()
    }

    /// Latency and chance at the operation's site.
    fn decide(&mut self, op: &IoOp, planner: &mut Planner) -> (Nanos, Option<DiskVerb>) {
        let (kind, lba) = match op {
            IoOp::Read { lba, .. } => (READ, *lba),
            IoOp::Write { lba, .. } => (WRITE, *lba),
            IoOp::Verify { lba, .. } => (VERIFY, *lba),
            IoOp::Unmap { lba, .. } => (UNMAP, *lba),
            IoOp::Status { lba, .. } => (STATUS, *lba),
            IoOp::Flush => (FLUSH, 0),
            IoOp::Keep { .. } => (KEEP, 0),
        };
        let ordinal = self.seen.entry((kind, lba)).or_default();
        let site = Site { conn: self.number, dir: 0, op: lba, pdu: *ordinal, kind };
        *ordinal += 1;
        let verb = planner.disk(site);
        let slow = if let Some(DiskVerb::Slow(time)) = verb { time } else { 0 };
        let latency = self.config.latency.fixed().unwrap_or_else(|| {
            let site = Site { kind: kind | LATENCY, ..site };
            self.config.latency.draw(&mut planner.rng().at(Domain::Disk, site))
        });
        (latency.saturating_add(slow), verb)
    }

    /// The effect of an operation on the medium, and its answer.
    fn perform(&mut self, op: IoOp, verb: Option<DiskVerb>) -> Result<SgList, IoError> {
        let failed = verb == Some(DiskVerb::Fail);
        match op {
            IoOp::Read { lba, blocks } => {
                self.check(lba, u64::from(blocks), false, failed)?;
                let clean = self.image(lba, blocks);
                Ok(self.spoil(clean, lba, blocks, verb))
            }
            IoOp::Verify { lba, blocks } => {
                self.check(lba, u64::from(blocks), false, failed)?;
                Ok(SgList::new())
            }
            IoOp::Write { lba, data, fua } => {
                let blocks = data.len() as u64 / u64::from(self.config.block_size);
                self.check(lba, blocks, true, failed)?;
                self.write(lba, blocks, &data, fua);
                Ok(SgList::new())
            }
            IoOp::Unmap { lba, blocks, anchor } => {
                self.check(lba, u64::from(blocks), true, failed)?;
                let content = if anchor { Content::Anchored } else { Content::Unmapped };
                self.cache.put(lba, u64::from(blocks), content);
                self.repaired(lba..lba + u64::from(blocks));
                Ok(SgList::new())
            }
            IoOp::Status { .. } if failed => Err(IoError::Hardware),
            IoOp::Status { lba, runs } => Ok(self.status(lba, runs)),
            IoOp::Flush | IoOp::Keep { .. } if failed => Err(IoError::Hardware),
            IoOp::Keep { name, record } => {
                self.check_flush()?;
                if record.is_empty() {
                    self.records.remove(&name);
                } else {
                    self.records.insert(name, record);
                }
                Ok(SgList::new())
            }
            IoOp::Flush => {
                self.check_flush()?;
                let cache = std::mem::replace(&mut self.cache, Store::new(self.config.block_size));
                for (lba, blocks, content) in cache.into_extents() {
                    self.durable.put(lba, blocks, content);
                }
                Ok(SgList::new())
            }
        }
    }

    fn write(&mut self, lba: u64, blocks: u64, data: &SgList, fua: bool) {
        // One copy, so that the disk does not keep whole receive buffers alive.
        let mut flat = Vec::with_capacity(data.len());
        data.pieces().for_each(|piece| flat.extend_from_slice(piece));
        let bytes = Bytes::from(flat);
        let range = lba..lba.saturating_add(blocks);
        if fua {
            self.cache.punch(range.clone());
            self.durable.write(lba, bytes);
        } else {
            self.cache.write(lba, bytes);
        }
        self.repaired(range);
    }

    /// What was wrong with these blocks is gone with what they held.
    fn repaired(&mut self, range: Range<u64>) {
        if !self.rot.is_empty() {
            self.rot.retain(|block, _| !range.contains(block));
        }
        self.bad.retain(|bad| {
            !(bad.until_written && range.start <= bad.blocks.start && bad.blocks.end <= range.end)
        });
    }

    /// Fails what is to reach stable storage now, if that was asked for.
    fn check_flush(&self) -> Result<(), IoError> {
        match self.bad.iter().find(|bad| bad.flush) {
            Some(bad) => Err(bad.error.unwrap_or(IoError::Hardware)),
            None => Ok(()),
        }
    }

    fn check(&self, lba: u64, blocks: u64, write: bool, failed: bool) -> Result<(), IoError> {
        let medium = |lba| if write { IoError::Write { lba } } else { IoError::Read { lba } };
        if lba.saturating_add(blocks) > self.config.blocks {
            return Err(IoError::Hardware);
        }
        if failed {
            return Err(medium(lba));
        }
        let end = lba + blocks;
        let hit = self
            .bad
            .iter()
            .filter(|bad| if write { bad.write } else { bad.read })
            .filter(|bad| bad.blocks.start < end && lba < bad.blocks.end)
            .min_by_key(|bad| bad.blocks.start.max(lba));
        match hit {
            Some(bad) => Err(bad.error.unwrap_or_else(|| medium(bad.blocks.start.max(lba)))),
            None => Ok(()),
        }
    }

    /// What a read returns where bits went bad; the image stays as it is.
    fn spoil(&self, clean: SgList, lba: u64, blocks: u32, verb: Option<DiskVerb>) -> SgList {
        let drawn =
            if let Some(DiskVerb::Rot { byte, bit }) = verb { Some((byte as usize, bit)) } else { None };
        let size = self.config.block_size as usize;
        let old = self.rot.range(lba..lba + u64::from(blocks)).flat_map(|(block, rots)| {
            let start = usize::try_from(block - lba).unwrap_or(0) * size;
            rots.iter().map(move |rot| (start + rot.byte as usize % size, rot.bit))
        });
        let mut spots = old.chain(drawn).peekable();
        if spots.peek().is_none() {
            return clean;
        }
        let mut bytes = clean.to_bytes().to_vec();
        for (at, bit) in spots {
            let len = bytes.len().max(1);
            if let Some(byte) = bytes.get_mut(at % len) {
                *byte ^= 1 << (bit & 7);
            }
        }
        bytes.into()
    }
}

const READ: u16 = 1;
const WRITE: u16 = 2;
const VERIFY: u16 = 3;
const FLUSH: u16 = 4;
const CRASH: u16 = 5;
const UNMAP: u16 = 6;
const STATUS: u16 = 7;
const KEEP: u16 = 8;
const LATENCY: u16 = 0x100;
