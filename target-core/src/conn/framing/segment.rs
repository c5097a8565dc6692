//! Where does a large data segment go? Into a buffer of its own, read into directly and used again when
//! nobody holds it any more.

use super::buffer::copy;
use alloc::collections::VecDeque;
use bytes::{Bytes, BytesMut};

/// Lengths are rounded up to this, so that a buffer fits more segments than the one it was made for.
const STEP: usize = 16 * 1024;

/// Buffers that may wait to be used again.
const KEPT: usize = 8;

/// Bytes that these may have together.
const KEPT_BYTES: usize = 1024 * 1024;

/// After so many PDUs without a large segment none is kept.
const SMALL_FRAMES: u32 = 32;

/// A large data segment with its padding and digest, arriving.
#[derive(Debug)]
pub(super) struct Segment {
    /// All initialised; may be longer than the segment.
    buffer: BytesMut,
    filled: usize,
    len: usize,
}

impl Segment {
    pub(super) const fn filled(&self) -> usize {
        self.filled
    }

    pub(super) const fn is_full(&self) -> bool {
        self.filled == self.len
    }

    /// What is still lacking.
    pub(super) fn spare(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.filled..self.len).unwrap_or_default()
    }

    /// The first `n` bytes of [`spare`](Self::spare) are filled.
    pub(super) fn commit(&mut self, n: usize) {
        debug_assert!(n <= self.len - self.filled);
        self.filled = self.len.min(self.filled + n);
    }

    /// Fills the first bytes by copying, at most what is lacking.
    pub(super) fn fill(&mut self, bytes: &[u8]) {
        let n = copy(bytes, self.spare());
        self.commit(n);
    }
}

/// Buffers that were given out and may come back.
#[derive(Debug)]
pub(super) struct Pool {
    given: VecDeque<Bytes>,
    small_frames: u32,
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self { given: VecDeque::new(), small_frames: 0 }
    }

    /// A buffer for `len` bytes: one that nobody holds any more, unless it is more than twice as long, or a
    /// new one.
    pub(super) fn segment(&mut self, len: usize) -> Segment {
        self.small_frames = 0;
        let fits = |bytes: &Bytes| bytes.len() >= len && bytes.len() / 2 <= len && bytes.is_unique();
        let again = self.given.iter().position(fits).and_then(|at| self.given.remove(at));
        let buffer = again
            .and_then(|bytes| bytes.try_into_mut().ok())
            .unwrap_or_else(|| BytesMut::zeroed(len.next_multiple_of(STEP)));
        Segment { buffer, filled: 0, len }
    }

    /// Shares a full segment.
    pub(super) fn freeze(&mut self, segment: Segment) -> Bytes {
        let whole = segment.buffer.freeze();
        let shared = whole.slice(..segment.len);
        self.given.push_back(whole);
        while self.given.len() > KEPT || self.given.iter().map(Bytes::len).sum::<usize>() > KEPT_BYTES {
            self.given.pop_front();
        }
        shared
    }

    /// A PDU without a large segment went by.
    pub(super) fn small_frame(&mut self) {
        self.small_frames = self.small_frames.saturating_add(1);
        if self.small_frames >= SMALL_FRAMES && !self.given.is_empty() {
            self.given.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(pool: &mut Pool, len: usize, byte: u8) -> Bytes {
        let mut segment = pool.segment(len);
        while !segment.is_full() {
            let spare = segment.spare();
            let n = spare.len().min(10_000);
            spare[..n].fill(byte);
            segment.commit(n);
        }
        pool.freeze(segment)
    }

    #[test]
    fn a_buffer_comes_back_once_nobody_holds_it() {
        let mut pool = Pool::new();
        let first = round(&mut pool, 100_000, 1);
        let second = round(&mut pool, 100_000, 2);
        assert_ne!(first.as_ptr(), second.as_ptr());
        assert_eq!(first, [1; 100_000][..]);
        let place = first.as_ptr();
        let part = first.slice(7..9);
        drop(first);
        assert_ne!(round(&mut pool, 100_000, 3).as_ptr(), place, "a part is still held");
        drop(part);
        let third = round(&mut pool, 99_000, 4);
        assert_eq!((third.as_ptr(), third.len()), (place, 99_000));
        assert_eq!(third, [4; 99_000][..]);
        assert_eq!(second, [2; 100_000][..]);
    }

    #[test]
    fn not_for_a_much_shorter_segment() {
        let mut pool = Pool::new();
        let place = round(&mut pool, 200_000, 1).as_ptr();
        assert_ne!(round(&mut pool, 50_000, 2).as_ptr(), place);
    }

    #[test]
    fn what_is_kept_is_bounded_and_goes_when_not_used() {
        let mut pool = Pool::new();
        let held: alloc::vec::Vec<_> = (0..20).map(|byte| round(&mut pool, 40_000, byte)).collect();
        assert_eq!(pool.given.len(), KEPT);
        round(&mut pool, 2_000_000, 0);
        assert!(pool.given.is_empty(), "longer than all that may be kept");
        drop(held);
        round(&mut pool, 40_000, 0);
        for _ in 1..SMALL_FRAMES {
            pool.small_frame();
        }
        assert_eq!(pool.given.len(), 1);
        pool.small_frame();
        assert!(pool.given.is_empty());
    }
}
