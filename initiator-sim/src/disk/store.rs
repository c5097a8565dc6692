//! What is where? Runs of blocks by their first address, shared, never copied on reading; what is not there is a hole.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;
use target_core::io::{Provisioned, SgList};

static ZEROS: [u8; 65536] = [0; 65536];

/// What a run of blocks holds.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// What was written.
    Data(Bytes),
    /// Zeros that take no space.
    Unmapped,
    /// Zeros with space kept for what comes.
    Anchored,
}

impl Content {
    pub(super) const fn state(&self) -> Provisioned {
        match self {
            Self::Data(_) => Provisioned::Mapped,
            Self::Unmapped => Provisioned::Deallocated,
            Self::Anchored => Provisioned::Anchored,
        }
    }
}

#[derive(Clone, Debug)]
struct Extent {
    blocks: u64,
    content: Content,
}

/// Sparse content.
#[derive(Clone, Debug)]
pub(super) struct Store {
    block: usize,
    extents: BTreeMap<u64, Extent>,
}

/// Part of what a read finds.
pub(super) enum Piece {
    /// It is known.
    Known(Content),
    /// Nothing ever happened here.
    Hole,
}

impl Store {
    pub(super) fn new(block_size: u32) -> Self {
        Self { block: block_size.max(1) as usize, extents: BTreeMap::new() }
    }

    /// Replaces whole blocks.
    pub(super) fn write(&mut self, lba: u64, bytes: Bytes) {
        let blocks = (bytes.len() / self.block) as u64;
        self.put(lba, blocks, Content::Data(bytes));
    }

    /// These blocks hold this now; data has their length.
    pub(super) fn put(&mut self, lba: u64, blocks: u64, content: Content) {
        if blocks == 0 {
            return;
        }
        // The usual case: the same blocks as before.
        if let Some(old) = self.extents.get_mut(&lba)
            && old.blocks == blocks
        {
            old.content = content;
            return;
        }
        self.punch(lba..lba + blocks);
        self.extents.insert(lba, Extent { blocks, content });
    }

    /// Makes a hole.
    pub(super) fn punch(&mut self, range: Range<u64>) {
        // Extents do not overlap, so only the last one before the range can reach into it.
        let first = self.extents.range(..range.start).next_back().map(|(start, _)| *start);
        let inside: Vec<u64> = self.extents.range(range.clone()).map(|(start, _)| *start).collect();
        for start in first.into_iter().chain(inside) {
            let Some(extent) = self.extents.get(&start).cloned() else { continue };
            let end = start + extent.blocks;
            if end <= range.start {
                continue;
            }
            self.extents.remove(&start);
            if start < range.start {
                self.extents.insert(start, self.cut(&extent, 0..range.start - start));
            }
            if end > range.end {
                self.extents.insert(range.end, self.cut(&extent, range.end - start..extent.blocks));
            }
        }
    }

    /// Hands out the pieces of a range in order, each with the address of its first block and their number, as long as
    /// `take` wants more.
    pub(super) fn read(&self, lba: u64, blocks: u64, take: &mut dyn FnMut(u64, u64, Piece) -> bool) -> bool {
        let end = lba + blocks;
        let before = self.extents.range(..lba).next_back();
        let mut at = lba;
        for (start, extent) in before.into_iter().chain(self.extents.range(lba..end)) {
            let stop = (start + extent.blocks).min(end);
            if stop <= at {
                continue;
            }
            if *start > at {
                if !take(at, start - at, Piece::Hole) {
                    return false;
                }
                at = *start;
            }
            let part = self.cut(extent, at - start..stop - start);
            if !take(at, part.blocks, Piece::Known(part.content)) {
                return false;
            }
            at = stop;
        }
        at >= end || take(at, end - at, Piece::Hole)
    }

    /// Adds so many blocks of zeros to `out`.
    pub(super) fn zeros(&self, blocks: u64, out: &mut SgList) {
        let mut left = self.offset(blocks);
        while left > 0 {
            let len = left.min(ZEROS.len());
            out.push(Bytes::from_static(&ZEROS[..len]));
            left -= len;
        }
    }

    /// All runs in order: first block, number of blocks, content.
    pub(super) fn into_extents(self) -> impl Iterator<Item = (u64, u64, Content)> {
        self.extents.into_iter().map(|(lba, extent)| (lba, extent.blocks, extent.content))
    }

    /// The first blocks of what a run holds.
    pub(super) fn head(&self, content: &Content, blocks: u64) -> Content {
        match content {
            Content::Data(bytes) => Content::Data(bytes.slice(..self.offset(blocks))),
            other => other.clone(),
        }
    }

    fn cut(&self, extent: &Extent, range: Range<u64>) -> Extent {
        let content = match &extent.content {
            Content::Data(bytes) => {
                Content::Data(bytes.slice(self.offset(range.start)..self.offset(range.end)))
            }
            other => other.clone(),
        };
        Extent { blocks: range.end - range.start, content }
    }

    fn offset(&self, blocks: u64) -> usize {
        usize::try_from(blocks).unwrap_or(usize::MAX).saturating_mul(self.block)
    }
}
