//! Where does one PDU end and the next begin? Cuts a byte stream into frames and checks their digests
//! (RFC 7143 sections 11.1 and 11.2).
//!
//! A framer belongs to whoever reads the socket, not to the target: so the CRC of what came in is computed without
//! holding the target.

use crate::wire::BHS_LEN;
use bytes::Bytes;

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

/// Whether a frame can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Whole, digests right.
    Good,
    /// The header digest is wrong: nothing in the header can be believed, the stream cannot be followed any further.
    HeaderDigest,
    /// The data digest is wrong: the header is good, the data is not. The stream goes on.
    DataDigest,
    /// The data segment is longer than the framer may hold; the stream is not followed any further.
    TooLong,
}
