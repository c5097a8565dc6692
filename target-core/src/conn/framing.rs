//! Where does one PDU end and the next begin? Cuts a byte stream into frames and checks their digests
//! (RFC 7143 sections 11.1 and 11.2).
//!
//! A framer belongs to whoever reads the socket, not to the target: so the CRC of what came in is computed
//! without holding the target.

mod buffer;
mod segment;

use crate::wire::digest::{DIGEST_LEN, from_wire};
use crate::wire::{BHS_LEN, Crc32c, Digests, Opcode, data_segment_length, padding, total_ahs_length};
use buffer::{Buffer, copy};
use bytes::Bytes;
use segment::{Pool, Segment};

/// A data segment that is longer than this, with padding and digest, is read into a buffer of its own.
const LARGE: usize = 20 * 1024;

/// After a large segment the next read is this short: the next PDU is likely large too, and what is read of
/// its data together with its header has to be moved.
const AFTER_LARGE: usize = 4096;

/// Words of TotalAHSLength.
const AHS_WORD: usize = 4;

/// One PDU as cut out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The basic header.
    pub bhs: [u8; BHS_LEN],
    /// All additional header segments, with their padding.
    pub ahs: Bytes,
    /// The data segment, without padding.
    pub data: Bytes,
    /// What is wrong with it, if anything.
    pub verdict: Verdict,
}

impl Frame {
    /// Whether it acts on the tasks before it: task management and logout. A driver that hands in several frames before it
    /// drains the target drains before such a one, so that whether a command was done when it was aborted never depends
    /// on how the stream was cut.
    pub fn acts_on_others(&self) -> bool {
        matches!(Opcode::of(&self.bhs), Some(Opcode::TaskRequest | Opcode::LogoutRequest))
    }
}

/// Whether a frame can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Whole, digests right.
    Good,
    /// The header digest is wrong: nothing in the header can be believed, the stream cannot be followed any
    /// further. There are neither additional headers nor data.
    HeaderDigest,
    /// The data digest is wrong: the header is good, the data is not. The stream goes on.
    DataDigest,
    /// The data segment is longer than the framer may hold; the stream is not followed any further. There is
    /// no data.
    TooLong,
}

/// Cuts frames out of one connection's stream.
///
/// The loop: [`spare`](Self::spare), read the socket into it, [`commit`](Self::commit), then
/// [`next_frame`](Self::next_frame) until there is none. Data segments above 1 KiB are slices of the buffer that
/// was read into. Memory held: one chunk of 64 KiB, or the one data segment that is arriving, and for a while up
/// to 1 MiB of buffers of large segments; more only if frames are not taken out.
#[derive(Debug)]
pub struct Framer {
    crc: Crc32c,
    data_max: u32,
    digests: Digests,
    state: State,
    buffer: Buffer,
    pool: Pool,
    after_large: bool,
}

#[derive(Debug)]
enum State {
    /// Awaits a header.
    Header,
    /// Awaits the data of this one, in the buffer.
    Data(Pending),
    /// Awaits the data of this one, in a buffer of its own.
    Large(Pending, Segment),
    /// The stream cannot be followed; what still comes is thrown away.
    Ended,
}

/// A header that was cut and found good.
#[derive(Clone, Debug)]
struct Pending {
    bhs: [u8; BHS_LEN],
    ahs: Bytes,
    /// Length of all headers with their digest.
    header: usize,
    /// Length of the data, not empty.
    data: usize,
    /// Length of the data with its padding.
    padded: usize,
    /// Whether a digest follows.
    digest: bool,
}

impl Pending {
    /// Bytes that still follow the header.
    const fn need(&self) -> usize {
        self.padded + if self.digest { DIGEST_LEN } else { 0 }
    }

    /// The frame, given exactly the bytes that had to follow.
    fn complete(self, mut segment: Bytes, crc: Crc32c) -> Frame {
        let verdict = if self.digest
            && (!digest_is_good(crc, &segment) || (planted!(DigestInPadding) && self.padded != self.data))
        {
            Verdict::DataDigest
        } else {
            Verdict::Good
        };
        segment.truncate(self.data);
        Frame { bhs: self.bhs, ahs: self.ahs, data: segment, verdict }
    }
}

/// Checks the digest at the end of what it covers.
fn digest_is_good(crc: Crc32c, bytes: &[u8]) -> bool {
    bytes.split_last_chunk().is_some_and(|(covered, digest)| crc(0, covered) == from_wire(*digest))
}

impl Framer {
    /// A framer for a new connection, without digests. Data segments may be `data_max` bytes long.
    pub const fn new(data_max: u32, crc: Crc32c) -> Self {
        Self {
            crc,
            data_max,
            digests: Digests { header: false, data: false },
            state: State::Header,
            buffer: Buffer::new(),
            pool: Pool::new(),
            after_large: false,
        }
    }

    /// Which digests the stream has from the next header on that is not cut yet, that is: after the last
    /// frame that [`next_frame`](Self::next_frame) gave.
    pub const fn set_digests(&mut self, digests: Digests) {
        self.digests = digests;
    }

    /// Takes data segments of up to `data_max` bytes, if that is more than before. The target judges every segment once
    /// more by what is agreed on; this is the bound on memory.
    pub fn raise(&mut self, data_max: u32) {
        self.data_max = self.data_max.max(data_max);
    }

    /// Where to read into: never empty, and as long as it pays to read at once. Contents are undefined. At
    /// least `min` bytes, except that no more is given than the large data segment that is arriving still
    /// lacks: 1 is a good choice.
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        match &mut self.state {
            State::Large(_, segment) if !segment.is_full() => segment.spare(),
            State::Large(..) | State::Header => {
                let space = self.buffer.space(min);
                let end = if self.after_large { space.len().min(AFTER_LARGE.max(min)) } else { space.len() };
                space.split_at_mut(end).0
            }
            State::Data(pending) => {
                let lacking = pending.need().saturating_sub(self.buffer.bytes().len());
                self.buffer.space(min.max(lacking))
            }
            State::Ended => {
                self.buffer.clear();
                self.buffer.space(min)
            }
        }
    }

    /// The first `n` bytes of the last [`spare`](Self::spare) are now from the stream.
    pub fn commit(&mut self, n: usize) {
        match &mut self.state {
            State::Large(_, segment) if !segment.is_full() => segment.commit(n),
            State::Ended => {}
            _ => self.buffer.commit(n),
        }
    }

    /// Takes bytes of the stream by copying them.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = match &mut self.state {
                State::Large(_, segment) if !segment.is_full() => segment.spare(),
                State::Ended => return self.buffer.clear(),
                _ => self.buffer.space_for(bytes.len()),
            };
            let n = copy(bytes, space);
            self.commit(n);
            bytes = bytes.get(n..).unwrap_or_default();
        }
    }

    /// The next PDU, if all of it has come. Nothing more comes after [`Verdict::HeaderDigest`] and
    /// [`Verdict::TooLong`].
    pub fn next_frame(&mut self) -> Option<Frame> {
        if matches!(self.state, State::Header)
            && let Some(frame) = self.cut_header()?
        {
            return Some(frame);
        }
        self.cut_data()
    }

    /// Bytes that came in and are not part of a frame yet.
    pub fn buffered(&self) -> usize {
        self.buffer.bytes().len()
            + match &self.state {
                State::Header | State::Ended => 0,
                State::Data(pending) => pending.header,
                State::Large(pending, segment) => pending.header + segment.filled(),
            }
    }

    /// `None` if the headers are not all there; else the frame if they are all of it, or else the state is
    /// changed.
    fn cut_header(&mut self) -> Option<Option<Frame>> {
        let bytes = self.buffer.bytes();
        let bhs = *bytes.first_chunk::<BHS_LEN>()?;
        let ahs_len = usize::from(total_ahs_length(&bhs)) * AHS_WORD;
        let digest_len = if self.digests.header { DIGEST_LEN } else { 0 };
        let header = BHS_LEN + ahs_len + digest_len;
        let headers = bytes.get(..header)?;
        if self.digests.header
            && (!digest_is_good(self.crc, headers) || (planted!(AhsOutsideDigest) && ahs_len > 0))
        {
            return Some(Some(self.end(bhs, Bytes::new(), Verdict::HeaderDigest)));
        }
        self.buffer.consume(BHS_LEN);
        let ahs = if ahs_len == 0 { Bytes::new() } else { self.buffer.take(ahs_len) };
        self.buffer.consume(digest_len);

        let data = data_segment_length(&bhs);
        if data > self.data_max || (planted!(SegmentMax) && data == self.data_max) {
            return Some(Some(self.end(bhs, ahs, Verdict::TooLong)));
        }
        if data == 0 {
            self.after_large = false;
            self.pool.small_frame();
            return Some(Some(Frame { bhs, ahs, data: Bytes::new(), verdict: Verdict::Good }));
        }
        // Below 2^24, so it fits on any machine that has the memory.
        let data = data as usize;
        let padded = data + padding(data);
        self.state = State::Data(Pending { bhs, ahs, header, data, padded, digest: self.digests.data });
        Some(None)
    }

    fn cut_data(&mut self) -> Option<Frame> {
        let (pending, segment, large) = match core::mem::replace(&mut self.state, State::Header) {
            State::Data(pending) if self.buffer.bytes().len() >= pending.need() => {
                let segment = self.buffer.take(pending.need());
                (pending, segment, false)
            }
            State::Data(pending) if pending.need() > LARGE => {
                let mut segment = self.pool.segment(pending.need());
                segment.fill(self.buffer.bytes());
                self.buffer.clear();
                self.state = State::Large(pending, segment);
                return None;
            }
            State::Large(pending, segment) if segment.is_full() => (pending, self.pool.freeze(segment), true),
            State::Header => return None,
            waiting => {
                self.state = waiting;
                return None;
            }
        };
        self.after_large = large;
        if !large {
            self.pool.small_frame();
        }
        Some(pending.complete(segment, self.crc))
    }

    fn end(&mut self, bhs: [u8; BHS_LEN], ahs: Bytes, verdict: Verdict) -> Frame {
        self.state = State::Ended;
        self.buffer.clear();
        Frame { bhs, ahs, data: Bytes::new(), verdict }
    }
}

#[cfg(test)]
mod tests;
