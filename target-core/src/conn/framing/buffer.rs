//! Where do received bytes lie until they are a whole frame? One chunk that is read into, and cut from
//! without copying.

use bytes::{Buf, Bytes, BytesMut};

/// What is allocated at once.
const CHUNK: usize = 64 * 1024;

/// A chunk that is longer, because frames were not taken out, is given up once it is empty.
const CHUNK_MAX: usize = 256 * 1024;

/// The first chunk where bytes are handed in, not read: as many as came are known.
const PUSHED: usize = 1024;

/// With less room than this a read would be too short to pay.
const ROOM_MIN: usize = 16 * 1024;

/// What is this short is copied out: it costs no more, and a few bytes that are held for long do not hold a chunk.
const COPY_MAX: usize = 1024;

/// Copies as much as fits; returns how much that is.
pub(super) fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let n = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..n), to.get_mut(..n)) {
        to.copy_from_slice(from);
    }
    n
}

/// Bytes `start..filled` of the chunk wait to be cut; what follows is free. The whole chunk is initialised.
///
/// Consuming only moves `start`, and an empty buffer starts again at 0: PDUs without data go through without
/// touching the allocator. Taking splits the front off as a shared slice, which makes the chunk shorter.
#[derive(Debug)]
pub(super) struct Buffer {
    chunk: Option<BytesMut>,
    start: usize,
    filled: usize,
}

impl Buffer {
    pub(super) const fn new() -> Self {
        Self { chunk: None, start: 0, filled: 0 }
    }

    /// What waits to be cut.
    pub(super) fn bytes(&self) -> &[u8] {
        self.chunk.as_ref().and_then(|chunk| chunk.get(self.start..self.filled)).unwrap_or_default()
    }

    /// Forgets the first `n` bytes.
    pub(super) fn consume(&mut self, n: usize) {
        debug_assert!(n <= self.bytes().len());
        self.start = self.filled.min(self.start + n);
    }

    /// Cuts the first `n` bytes off, shared with the chunk if there are many.
    pub(super) fn take(&mut self, n: usize) -> Bytes {
        debug_assert!(n <= self.bytes().len());
        let n = n.min(self.filled - self.start);
        if n <= COPY_MAX {
            let taken = Bytes::copy_from_slice(self.bytes().get(..n).unwrap_or_default());
            self.consume(n);
            return taken;
        }
        let Some(chunk) = &mut self.chunk else { return Bytes::new() };
        chunk.advance(self.start);
        self.filled -= self.start + n;
        self.start = 0;
        chunk.split_to(n).freeze()
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        (self.start, self.filled) = (0, 0);
    }

    /// Room to read into: for at least `min` bytes, and for as many as a read should bring.
    pub(super) fn space(&mut self, min: usize) -> &mut [u8] {
        self.room(min.max(ROOM_MIN), CHUNK)
    }

    /// Room for `len` bytes that are there already, and not much more.
    pub(super) fn space_for(&mut self, len: usize) -> &mut [u8] {
        self.room(len, PUSHED)
    }

    fn room(&mut self, room: usize, chunk: usize) -> &mut [u8] {
        if self.start == self.filled {
            self.clear();
            if self.len() > CHUNK_MAX {
                self.chunk = None;
            }
        }
        if self.len() - self.filled < room {
            self.make_room(room, chunk);
        }
        let filled = self.filled;
        self.chunk.as_mut().and_then(|chunk| chunk.get_mut(filled..)).unwrap_or_default()
    }

    /// The first `n` bytes of the last [`space`](Self::space) are filled.
    pub(super) fn commit(&mut self, n: usize) {
        debug_assert!(n <= self.len() - self.filled);
        self.filled = self.len().min(self.filled + n);
    }

    fn len(&self) -> usize {
        self.chunk.as_ref().map_or(0, BytesMut::len)
    }

    /// Moves what waits to the front, of this chunk if that makes enough room. The new chunk is at least
    /// twice what waits, so that a driver that takes no frames out does not pay for every byte again and
    /// again.
    fn make_room(&mut self, room: usize, least: usize) {
        let waiting = self.start..self.filled;
        let held = waiting.len();
        match &mut self.chunk {
            Some(chunk) if chunk.len() - held >= room => chunk.copy_within(waiting, 0),
            _ => {
                let mut chunk = BytesMut::zeroed(least.max(held + held.max(room)));
                copy(self.bytes(), &mut chunk);
                self.chunk = Some(chunk);
            }
        }
        (self.start, self.filled) = (0, held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn fill(buffer: &mut Buffer, bytes: &[u8]) {
        buffer.space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        buffer.commit(bytes.len());
    }

    #[test]
    fn an_empty_buffer_starts_again_in_the_same_place() {
        let mut buffer = Buffer::new();
        fill(&mut buffer, b"abcd");
        let place = buffer.bytes().as_ptr();
        for _ in 0..CHUNK {
            buffer.consume(4);
            fill(&mut buffer, b"efgh");
            assert_eq!((buffer.bytes(), buffer.bytes().as_ptr()), (&b"efgh"[..], place));
        }
    }

    #[test]
    fn much_is_shared_and_little_is_copied() {
        let mut buffer = Buffer::new();
        fill(&mut buffer, &[[1; 1], [2; 1]].concat());
        fill(&mut buffer, &[3; COPY_MAX + 1]);
        buffer.consume(1);
        assert_eq!(buffer.take(1), [2][..]);
        let place = buffer.bytes().as_ptr();
        fill(&mut buffer, &[4; 5]);
        let taken = buffer.take(COPY_MAX + 1);
        assert_eq!((&taken[..], taken.as_ptr()), (&[3; COPY_MAX + 1][..], place));
        let place = buffer.bytes().as_ptr();
        let copied = buffer.take(4);
        assert_eq!(copied, [4; 4][..]);
        assert_ne!(copied.as_ptr(), place);
        fill(&mut buffer, &[5; 100]);
        assert_eq!(buffer.bytes(), [&[4][..], &[5; 100]].concat());
        assert_eq!(taken, [3; COPY_MAX + 1][..], "later bytes do not touch what was taken");
    }

    #[test]
    fn what_waits_moves_when_room_is_short() {
        let mut buffer = Buffer::new();
        fill(&mut buffer, &vec![1; CHUNK - 10]);
        buffer.consume(CHUNK - 20);
        fill(&mut buffer, &[2; 20]);
        assert_eq!(buffer.len(), CHUNK, "in the same chunk");
        assert_eq!(buffer.bytes(), [[1; 10], [2; 10], [2; 10]].concat());
        fill(&mut buffer, &vec![3; CHUNK]);
        assert_eq!(buffer.bytes().len(), CHUNK + 30);
        assert_eq!(buffer.bytes()[..11], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    }

    #[test]
    fn a_giant_chunk_is_given_up_when_empty() {
        let mut buffer = Buffer::new();
        fill(&mut buffer, &vec![1; CHUNK_MAX + 1]);
        buffer.consume(CHUNK_MAX);
        buffer.space(1);
        assert!(buffer.len() > CHUNK_MAX);
        buffer.consume(1);
        buffer.space(1);
        assert_eq!(buffer.len(), CHUNK);
    }
}
