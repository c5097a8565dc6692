//! Where in a stream of bytes does one PDU end and the next begin? (RFC 7143 11.2)

use bytes::Bytes;

use super::pdu::be32;
use super::{Digests, Pdu, crc32c};

/// A PDU in the receive buffer, not copied.
#[derive(Clone, Copy, Debug)]
pub struct PduView<'a> {
    /// The basic header.
    pub bhs: &'a [u8; 48],
    /// The additional header segments.
    pub ahs: &'a [u8],
    /// The data segment without padding.
    pub data: &'a [u8],
    /// The padding: the RFC wants zeros.
    pub padding: &'a [u8],
}

impl PduView<'_> {
    /// A copy that lives on its own.
    pub fn to_pdu(&self) -> Pdu {
        Pdu { bhs: *self.bhs, ahs: self.ahs.to_vec(), data: Bytes::copy_from_slice(self.data) }
    }
}

/// What the splitter found.
#[derive(Clone, Copy, Debug)]
pub enum Split<'a> {
    /// A whole PDU, its digests right.
    Pdu(PduView<'a>),
    /// A header whose digest is wrong. Its lengths cannot be trusted, so nothing follows any more.
    HeaderDigest {
        /// The header as it arrived.
        bhs: &'a [u8; 48],
        /// The digest that arrived.
        got: u32,
        /// The digest of what arrived.
        want: u32,
    },
    /// A PDU whose data digest is wrong. What follows is found all the same.
    DataDigest {
        /// The PDU as it arrived.
        pdu: PduView<'a>,
        /// The digest that arrived.
        got: u32,
        /// The digest of what arrived.
        want: u32,
    },
}

/// Cuts a byte stream into PDUs, whatever the pieces it arrives in. The memory it holds is one PDU at most, which
/// the 24-bit DataSegmentLength bounds, plus what one receive brought beyond it.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Always filled: `start..end` holds the bytes not yet consumed.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    digests: Digests,
    lost: bool,
}

/// Where the parts of a complete PDU lie, relative to `start`.
struct Extent {
    ahs: usize,
    data: usize,
    data_len: usize,
    padded: usize,
    total: usize,
}

impl Splitter {
    /// An empty one, without digests.
    pub fn new() -> Splitter {
        Splitter::default()
    }

    /// Digests from the next PDU on. Set them between PDUs: after the one that ended the login.
    pub fn set_digests(&mut self, digests: Digests) {
        self.digests = digests;
    }

    /// Bytes held that no PDU took yet.
    pub fn buffered(&self) -> usize {
        self.end - self.start
    }

    /// The bytes held that no PDU took yet: what is left when a peer closes in the middle of a PDU.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Room to receive into, at least `min` bytes; follow with [`Splitter::commit`].
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        if self.buffer.len() - self.end < min {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            let want = (self.end + min).max(self.missing());
            if self.buffer.len() < want {
                self.buffer.resize(want, 0);
            }
        }
        &mut self.buffer[self.end..]
    }

    /// Counts `n` bytes that were received into [`Splitter::spare`].
    pub fn commit(&mut self, n: usize) {
        self.end = (self.end + n).min(self.buffer.len());
    }

    /// Takes bytes that are elsewhere.
    pub fn push(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.commit(bytes.len());
    }

    /// The next PDU, or `None` until more bytes come.
    pub fn next_split(&mut self) -> Option<Split<'_>> {
        if self.lost {
            return None;
        }
        let at = self.start;
        let held = &self.buffer[at..self.end];
        let bhs: &[u8; 48] = held.first_chunk()?;
        if let Some((got, want)) = self.header_digest(held)? {
            self.lost = true;
            return Some(Split::HeaderDigest { bhs, got, want });
        }
        let extent = self.extent(bhs);
        let whole = held.get(..extent.total)?;
        self.start += extent.total;
        let segment = &whole[extent.data..extent.data + extent.padded];
        let (data, padding) = segment.split_at(extent.data_len);
        let pdu = PduView { bhs, ahs: &whole[48..extent.ahs], data, padding };
        if self.digests.data && extent.padded > 0 {
            let tail = &whole[extent.data + extent.padded..];
            let (got, want) = (le32(tail), crc32c(segment));
            if got != want {
                return Some(Split::DataDigest { pdu, got, want });
            }
        }
        Some(Split::Pdu(pdu))
    }

    /// `None`: not all there. `Some(Some(..))`: wrong. `Some(None)`: right or not used.
    fn header_digest(&self, held: &[u8]) -> Option<Option<(u32, u32)>> {
        let end = 48 + usize::from(held[4]) * 4;
        if !self.digests.header {
            return Some(None);
        }
        let tail = held.get(end..end + 4)?;
        let (got, want) = (le32(tail), crc32c(&held[..end]));
        Some((got != want).then_some((got, want)))
    }

    fn extent(&self, bhs: &[u8; 48]) -> Extent {
        let ahs = 48 + usize::from(bhs[4]) * 4;
        let data = ahs + if self.digests.header { 4 } else { 0 };
        let data_len = (be32(bhs, 4) & 0x00ff_ffff) as usize;
        let padded = data_len.next_multiple_of(4);
        let digest = if self.digests.data && padded > 0 { 4 } else { 0 };
        Extent { ahs, data, data_len, padded, total: data + padded + digest }
    }

    /// How large the buffer must be for the PDU whose header is there: saves growing step by step.
    fn missing(&self) -> usize {
        let held = &self.buffer[self.start..self.end];
        held.first_chunk().map_or(0, |bhs| self.start + self.extent(bhs).total)
    }
}

fn le32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}
