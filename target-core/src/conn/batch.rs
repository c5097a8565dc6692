//! Bytes on their way to a socket: headers, shared data, and digests that are still to be filled in.
//!
//! The target fills a batch; its owner then seals it, which is where the CRC is computed, and sends it, both
//! without holding the target (RFC 7143 11.1 for padding, 11.2.3 for digests).

use crate::io::SgList;
use crate::wire::digest::{DIGEST_LEN, to_wire};
use crate::wire::{
    BHS_LEN, Crc32c, DATA_SEGMENT_MAX, Digests, padding, set_data_segment_length, set_total_ahs_length,
};
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;

/// Data up to this length is copied next to its header: cheaper than one more piece for the socket to gather.
const INLINE_MAX: usize = 256;

/// PDUs in wire order. Used again and again for one connection, it stops allocating.
#[derive(Debug)]
pub struct TxBatch {
    budget: usize,
    /// Headers, paddings, digests and short data, in wire order; `parts` says what comes between.
    arena: Vec<u8>,
    parts: Vec<Part>,
    slots: Vec<Slot>,
    /// How many of `slots` are filled in.
    sealed: usize,
    /// The part to be sent next, and how many of its bytes are sent.
    next: usize,
    offset: usize,
    /// Bytes pushed since the batch was empty.
    pushed: usize,
    /// Bytes of those that are not sent.
    unsent: usize,
}

#[derive(Debug)]
enum Part {
    Arena(Range<usize>),
    Shared(Bytes),
}

impl Part {
    fn bytes<'a>(&'a self, arena: &'a [u8]) -> &'a [u8] {
        match self {
            Self::Arena(range) => arena.get(range.clone()).unwrap_or_default(),
            Self::Shared(bytes) => bytes,
        }
    }
}

/// Where a digest goes, and what it is of: these parts, then this of the arena.
#[derive(Debug)]
struct Slot {
    at: usize,
    parts: Range<usize>,
    arena: Range<usize>,
}

impl TxBatch {
    /// An empty batch, full after `budget_bytes`. The PDU that reaches the budget still goes in whole.
    pub const fn new(budget_bytes: usize) -> Self {
        Self {
            budget: budget_bytes,
            arena: Vec::new(),
            parts: Vec::new(),
            slots: Vec::new(),
            sealed: 0,
            next: 0,
            offset: 0,
            pushed: 0,
            unsent: 0,
        }
    }

    /// Adds a PDU; the lengths of its header are set here, from what it is given. `ahs` is at most 1020
    /// bytes, `data` at most 2^24-1: senders cut data by MaxRecvDataSegmentLength, which is not more.
    pub fn push(&mut self, bhs: &[u8; BHS_LEN], ahs: &[u8], data: &SgList, digests: Digests) {
        debug_assert!(
            data.len() <= DATA_SEGMENT_MAX as usize && ahs.len().div_ceil(4) <= usize::from(u8::MAX)
        );
        let before = self.arena.len();
        let mut head = *bhs;
        set_total_ahs_length(&mut head, ahs.len().div_ceil(4) as u8);
        // rfc7143/11.2.1.6-1.
        set_data_segment_length(&mut head, data.len() as u32);
        self.arena.extend_from_slice(&head);
        self.arena.extend_from_slice(ahs);
        self.pad(ahs.len());
        if digests.header {
            self.reserve_digest(0..0, before);
        }

        let inline = data.len() <= INLINE_MAX;
        let mut shared = 0..0;
        let mut data_from = self.arena.len();
        if inline {
            data.pieces().for_each(|piece| self.arena.extend_from_slice(piece));
        } else {
            self.close_run(before);
            let first = self.parts.len();
            self.parts.extend(data.pieces().cloned().map(Part::Shared));
            shared = first..self.parts.len();
            data_from = self.arena.len();
        }
        self.pad(data.len());
        if digests.data && !data.is_empty() {
            self.reserve_digest(shared, data_from);
            if planted!(DigestOverPadding)
                && let Some(slot) = self.slots.last_mut()
            {
                slot.arena.end -= padding(data.len());
            }
        }
        self.close_run(if inline { before } else { data_from });

        let shared_len = if inline { 0 } else { data.len() };
        let len = self.arena.len() - before + shared_len;
        self.pushed += len;
        self.unsent += len;
    }

    /// True once the budget is reached, until everything is sent.
    pub const fn is_full(&self) -> bool {
        self.pushed >= self.budget
    }

    /// Computes the digests of what was pushed since. Must come before [`chunks`](Self::chunks).
    pub fn seal(&mut self, crc: Crc32c) {
        for slot in self.slots.iter().skip(self.sealed) {
            let parts = self.parts.get(slot.parts.clone()).unwrap_or_default();
            let sum = parts.iter().fold(0, |sum, part| crc(sum, part.bytes(&self.arena)));
            let sum = crc(sum, self.arena.get(slot.arena.clone()).unwrap_or_default());
            if let Some(place) = self.arena.get_mut(slot.at..).and_then(<[u8]>::first_chunk_mut) {
                *place = to_wire(sum);
            }
        }
        self.sealed = self.slots.len();
    }

    /// What is to be sent, in order, no piece empty.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        debug_assert!(self.sealed == self.slots.len(), "digests are not filled in");
        let mut offset = self.offset;
        self.parts.iter().skip(self.next).filter_map(move |part| {
            let bytes = part.bytes(&self.arena).get(offset..).unwrap_or_default();
            offset = 0;
            (!bytes.is_empty()).then_some(bytes)
        })
    }

    /// The first `n` bytes of [`chunks`](Self::chunks) are sent. When all is, the batch is empty again.
    pub fn advance(&mut self, n: usize) {
        debug_assert!(n <= self.unsent);
        let mut n = n.min(self.unsent);
        self.unsent -= n;
        if self.unsent == 0 {
            return self.clear();
        }
        while let Some(part) = self.parts.get_mut(self.next) {
            let left = part.bytes(&self.arena).len() - self.offset;
            if n < left {
                self.offset += n;
                return;
            }
            n -= left;
            self.offset = 0;
            self.next += 1;
            if let Part::Shared(bytes) = part {
                // Whoever made these bytes may have use for the memory.
                *bytes = Bytes::new();
            }
        }
    }

    /// Bytes that are to be sent.
    pub const fn len(&self) -> usize {
        self.unsent
    }

    /// True if there is nothing to send.
    pub const fn is_empty(&self) -> bool {
        self.unsent == 0
    }

    /// Throws everything away, but keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.parts.clear();
        self.slots.clear();
        (self.sealed, self.next, self.offset, self.pushed, self.unsent) = (0, 0, 0, 0, 0);
    }

    /// Adds the padding that `len` bytes need.
    fn pad(&mut self, len: usize) {
        // rfc7143/10.7-7, rfc7143/11.2-4, rfc7143/13.1-3.
        self.arena.resize(self.arena.len() + padding(len), 0);
    }

    /// Leaves room for a digest over `parts` and then all of the arena from `from`.
    fn reserve_digest(&mut self, parts: Range<usize>, from: usize) {
        let at = self.arena.len();
        self.slots.push(Slot { at, parts, arena: from..at });
        self.arena.resize(at + DIGEST_LEN, 0);
    }

    /// Makes the arena from `from` on a part, in one with the part before if that ends there.
    fn close_run(&mut self, from: usize) {
        let end = self.arena.len();
        match self.parts.last_mut() {
            Some(Part::Arena(run)) if run.end == from => run.end = end,
            _ if from < end => self.parts.push(Part::Arena(from..end)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::digest::crc32c;
    use alloc::vec;

    const BOTH: Digests = Digests { header: true, data: true };
    const NONE: Digests = Digests { header: false, data: false };

    fn bytes(batch: &TxBatch) -> Vec<u8> {
        batch.chunks().flatten().copied().collect()
    }

    #[test]
    fn literal_bytes() {
        let mut batch = TxBatch::new(1000);
        batch.push(&[0x20; BHS_LEN], &[], &SgList::from(b"ping!".to_vec()), BOTH);
        batch.seal(crc32c);
        let mut head = [0x20; BHS_LEN];
        head[4..8].copy_from_slice(&[0, 0, 0, 5]);
        let mut wanted = head.to_vec();
        wanted.extend(::crc32c::crc32c(&head).to_le_bytes());
        wanted.extend(b"ping!\0\0\0");
        wanted.extend(::crc32c::crc32c(b"ping!\0\0\0").to_le_bytes());
        assert_eq!((bytes(&batch), batch.len()), (wanted, 64));
    }

    #[test]
    fn headers_that_follow_each_other_are_one_chunk() {
        let mut batch = TxBatch::new(1000);
        for _ in 0..3 {
            batch.push(&[0x31; BHS_LEN], &[], &SgList::new(), BOTH);
        }
        batch.seal(crc32c);
        assert_eq!(batch.chunks().map(<[u8]>::len).collect::<Vec<_>>(), [3 * 52]);
    }

    #[test]
    fn padding_and_digest_are_one_chunk_with_the_next_header() {
        let mut data = SgList::from(vec![1; 1001]);
        data.push(vec![2; 500].into());
        let mut batch = TxBatch::new(1 << 20);
        batch.push(&[0x25; BHS_LEN], &[], &data, BOTH);
        batch.push(&[0x21; BHS_LEN], &[], &SgList::new(), BOTH);
        batch.seal(crc32c);
        assert_eq!(batch.chunks().map(<[u8]>::len).collect::<Vec<_>>(), [52, 1001, 500, 3 + 4 + 52]);
        let all = bytes(&batch);
        assert_eq!(all[1556..1560], ::crc32c::crc32c(&all[52..1556]).to_le_bytes());
        assert_eq!(all.len(), batch.len());
    }

    #[test]
    fn data_is_shared_not_copied() {
        let data = Bytes::from(vec![1; 4096]);
        let mut batch = TxBatch::new(1 << 20);
        batch.push(&[0x25; BHS_LEN], &[], &data.clone().into(), NONE);
        batch.seal(crc32c);
        assert_eq!(batch.chunks().nth(1).map(<[u8]>::as_ptr), Some(data.as_ptr()));
        batch.advance(BHS_LEN + 4095);
        assert_eq!((batch.len(), bytes(&batch)), (1, vec![1]));
        assert!(!data.is_unique());
        batch.advance(1);
        assert!(batch.is_empty() && data.is_unique());
    }

    #[test]
    fn full_until_all_is_sent() {
        let mut batch = TxBatch::new(100);
        batch.push(&[0; BHS_LEN], &[], &SgList::new(), NONE);
        assert!(!batch.is_full());
        batch.push(&[0; BHS_LEN], &[1; 5], &SgList::new(), NONE);
        batch.seal(crc32c);
        assert!(batch.is_full() && batch.len() == 104);
        batch.advance(103);
        assert!(batch.is_full());
        batch.advance(1);
        assert!(!batch.is_full() && batch.is_empty() && batch.chunks().next().is_none());
    }

    #[test]
    fn more_may_be_pushed_after_sealing_and_sending_a_part() {
        let mut batch = TxBatch::new(1 << 20);
        batch.push(&[0x20; BHS_LEN], &[], &vec![1; 300].into(), BOTH);
        batch.seal(crc32c);
        let first = bytes(&batch);
        batch.advance(353);
        batch.push(&[0x21; BHS_LEN], &[], &vec![2; 9].into(), BOTH);
        batch.seal(crc32c);
        let mut alone = TxBatch::new(1);
        alone.push(&[0x21; BHS_LEN], &[], &vec![2; 9].into(), BOTH);
        alone.seal(crc32c);
        assert_eq!(bytes(&batch), [&first[353..], &bytes(&alone)].concat());
    }

    #[test]
    fn memory_is_kept_for_the_next_round() {
        let mut batch = TxBatch::new(1 << 20);
        let data = SgList::from(vec![1; 4096]);
        let mut capacity = None;
        for _ in 0..3 {
            for _ in 0..32 {
                batch.push(&[0x25; BHS_LEN], &[], &data, BOTH);
            }
            batch.seal(crc32c);
            batch.advance(batch.len());
            let now = (batch.arena.capacity(), batch.parts.capacity(), batch.slots.capacity());
            assert_eq!(*capacity.get_or_insert(now), now);
        }
    }
}
