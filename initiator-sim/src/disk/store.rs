//! Which bytes are where? Runs of blocks by their first address, shared, never copied on reading; what is not there is a hole.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;
use target_core::io::SgList;

static ZEROS: [u8; 65536] = [0; 65536];

/// Sparse content.
#[derive(Clone, Debug)]
pub(super) struct Store {
    block: usize,
    extents: BTreeMap<u64, Bytes>,
}

/// Part of what a read finds.
pub(super) enum Piece {
    /// Bytes that were written.
    Data(Bytes),
    /// So many blocks that were not.
    Hole(u32),
}

impl Store {
    pub(super) fn new(block_size: u32) -> Self {
        Self { block: block_size.max(1) as usize, extents: BTreeMap::new() }
    }

    fn blocks(&self, bytes: &Bytes) -> u64 {
        (bytes.len() / self.block) as u64
    }

    /// Replaces whole blocks.
    pub(super) fn write(&mut self, lba: u64, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let range = lba..lba + self.blocks(&bytes);
        // The usual case: the same blocks as before.
        if let Some(old) = self.extents.get_mut(&lba)
            && old.len() == bytes.len()
        {
            *old = bytes;
            return;
        }
        self.punch(range);
        self.extents.insert(lba, bytes);
    }

    /// Makes a hole.
    pub(super) fn punch(&mut self, range: Range<u64>) {
        // Extents do not overlap, so only the last one before the range can reach into it.
        let first = self.extents.range(..range.start).next_back().map(|(start, _)| *start);
        let inside: Vec<u64> = self.extents.range(range.clone()).map(|(start, _)| *start).collect();
        for start in first.into_iter().chain(inside) {
            let Some(bytes) = self.extents.get(&start).cloned() else { continue };
            let end = start + self.blocks(&bytes);
            if end <= range.start {
                continue;
            }
            self.extents.remove(&start);
            if start < range.start {
                self.extents.insert(start, bytes.slice(..self.offset(range.start - start)));
            }
            if end > range.end {
                self.extents.insert(range.end, bytes.slice(self.offset(range.end - start)..));
            }
        }
    }

    /// Hands out the pieces of a range in order, each with the address of its first block.
    pub(super) fn read(&self, lba: u64, blocks: u32, take: &mut dyn FnMut(u64, Piece)) {
        let end = lba + u64::from(blocks);
        let before = self.extents.range(..lba).next_back();
        let mut at = lba;
        for (start, bytes) in before.into_iter().chain(self.extents.range(lba..end)) {
            let stop = (start + self.blocks(bytes)).min(end);
            if stop <= at {
                continue;
            }
            if *start > at {
                take(at, Piece::Hole(u32::try_from(start - at).unwrap_or(u32::MAX)));
                at = *start;
            }
            take(at, Piece::Data(bytes.slice(self.offset(at - start)..self.offset(stop - start))));
            at = stop;
        }
        if at < end {
            take(at, Piece::Hole(u32::try_from(end - at).unwrap_or(u32::MAX)));
        }
    }

    /// Adds so many blocks of zeros to `out`.
    pub(super) fn zeros(&self, blocks: u32, out: &mut SgList) {
        let mut left = blocks as usize * self.block;
        while left > 0 {
            let len = left.min(ZEROS.len());
            out.push(Bytes::from_static(&ZEROS[..len]));
            left -= len;
        }
    }

    /// All extents in order.
    pub(super) fn into_extents(self) -> impl Iterator<Item = (u64, Bytes)> {
        self.extents.into_iter()
    }

    fn offset(&self, blocks: u64) -> usize {
        usize::try_from(blocks).unwrap_or(usize::MAX).saturating_mul(self.block)
    }
}
