//! Where do PDUs begin and end in a stream that is only passing by? (RFC 7143 11.2.1)
//!
//! Unlike a splitter this keeps no bytes but the header's first eight, so following a stream costs next to nothing.

use crate::codec::Digests;

/// Follows one direction of a connection.
#[derive(Clone, Debug, Default)]
pub struct Boundary {
    lengths: [u8; 8],
    /// Bytes of the current PDU seen so far.
    seen: usize,
    digests: Digests,
    /// Bytes of the whole stream.
    offset: u64,
    switch: Option<(u64, Digests)>,
}

/// How far a call of [`Boundary::advance`] got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// Bytes that belong to the current PDU.
    pub taken: usize,
    /// True if the PDU ends with them.
    pub complete: bool,
}

impl Boundary {
    /// True between two PDUs.
    pub const fn at_start(&self) -> bool {
        self.seen == 0
    }

    /// Which digests the PDUs carry that begin at this offset of the stream or later.
    pub const fn set_digests_at(&mut self, offset: u64, digests: Digests) {
        self.switch = Some((offset, digests));
    }

    /// Which digests the PDUs carry from the next one on.
    pub const fn set_digests(&mut self, digests: Digests) {
        self.set_digests_at(self.offset, digests);
    }

    /// The digests in use.
    pub const fn digests(&self) -> Digests {
        self.digests
    }

    /// Takes as many of `bytes` as belong to the current PDU, at least one if there is one.
    pub fn advance(&mut self, bytes: &[u8]) -> Advance {
        if let Some((offset, digests)) = self.switch
            && self.seen == 0
            && self.offset >= offset
        {
            self.digests = digests;
            self.switch = None;
        }
        let mut taken = 0;
        if self.seen < self.lengths.len() {
            taken = bytes.len().min(self.lengths.len() - self.seen);
            self.lengths[self.seen..self.seen + taken].copy_from_slice(&bytes[..taken]);
            self.seen += taken;
            self.offset += taken as u64;
            if self.seen < self.lengths.len() {
                return Advance { taken, complete: false };
            }
        }
        let more = (bytes.len() - taken).min(self.total() - self.seen);
        taken += more;
        self.seen += more;
        self.offset += more as u64;
        let complete = self.seen == self.total();
        if complete {
            self.seen = 0;
        }
        Advance { taken, complete }
    }

    /// Length of the current PDU on the wire, once its first eight bytes are known.
    fn total(&self) -> usize {
        let [_, _, _, _, ahs, a, b, c] = self.lengths;
        let data = (u32::from_be_bytes([0, a, b, c]) as usize).next_multiple_of(4);
        let header_digest = if self.digests.header { 4 } else { 0 };
        let data_digest = if self.digests.data && data > 0 { 4 } else { 0 };
        48 + usize::from(ahs) * 4 + header_digest + data + data_digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Kind, Pdu, encode};

    #[test]
    fn ends_are_found_however_the_stream_is_cut() {
        for digests in [Digests::NONE, Digests::BOTH, Digests { header: true, data: false }] {
            let mut stream = Vec::new();
            let mut ends = Vec::new();
            for len in [0, 1, 4, 513] {
                let pdu = Pdu::new(Kind::NopOut).with_data(vec![7; len]);
                stream.extend(encode(&pdu, digests));
                ends.push(stream.len());
            }
            for step in [1, 3, 47, 48, 49, 1000] {
                let mut boundary = Boundary::default();
                boundary.set_digests(digests);
                let (mut at, mut found) = (0, Vec::new());
                for chunk in stream.chunks(step) {
                    let mut rest = chunk;
                    while !rest.is_empty() {
                        let advance = boundary.advance(rest);
                        assert!(advance.taken > 0);
                        at += advance.taken;
                        rest = &rest[advance.taken..];
                        if advance.complete {
                            found.push(at);
                        }
                    }
                }
                assert_eq!(found, ends, "in steps of {step}");
                assert!(boundary.at_start());
            }
        }
    }
}
