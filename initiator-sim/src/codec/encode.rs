//! How does a PDU become bytes? Padding and digests (RFC 7143 11.1, 11.2.3), each of which can be made wrong.

use super::Pdu;

/// Which digests a connection uses in the full feature phase (RFC 7143 13.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// CRC32C after the header segments.
    pub header: bool,
    /// CRC32C after the data segment.
    pub data: bool,
}

impl Digests {
    /// Neither, as in the login phase.
    pub const NONE: Digests = Digests { header: false, data: false };
    /// Both.
    pub const BOTH: Digests = Digests { header: true, data: true };
}

/// What to write where a digest belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DigestChoice {
    /// The right value where the connection uses the digest, nothing where it does not.
    #[default]
    Right,
    /// No digest, whatever was negotiated.
    Omit,
    /// A digest with one bit wrong, whatever was negotiated.
    Wrong,
    /// These four bytes as a little-endian number, whatever was negotiated.
    Value(u32),
}

/// Deviations from the correct encoding of one PDU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireChoice {
    /// The header digest.
    pub header_digest: DigestChoice,
    /// The data digest.
    pub data_digest: DigestChoice,
    /// Bytes to write instead of zeros after the data segment; their number may be wrong too.
    pub padding: Option<Vec<u8>>,
}

/// CRC32C of some bytes as a number. On the wire it goes least significant byte first: RFC 7143 13.1 maps the
/// highest coefficient to bit 7 of the first byte, and the usual reflected algorithm already has it so.
pub fn crc32c(bytes: &[u8]) -> u32 {
    ::crc32c::crc32c(bytes)
}

/// The bytes of a PDU. The header's lengths are taken as they are: they may lie.
pub fn encode(pdu: &Pdu, digests: Digests) -> Vec<u8> {
    let mut out = Vec::with_capacity(48 + pdu.ahs.len() + pdu.data.len() + 11);
    encode_into(&mut out, pdu, digests, &WireChoice::default());
    out
}

/// Appends the bytes of a PDU, with deviations.
pub fn encode_into(out: &mut Vec<u8>, pdu: &Pdu, digests: Digests, choice: &WireChoice) {
    let start = out.len();
    out.extend_from_slice(&pdu.bhs);
    out.extend_from_slice(&pdu.ahs);
    pad(out, start);
    digest(out, start, digests.header, choice.header_digest);
    let start = out.len();
    out.extend_from_slice(&pdu.data);
    match &choice.padding {
        Some(bytes) => out.extend_from_slice(bytes),
        None => pad(out, start),
    }
    // A data segment of no bytes has no digest (11.2.3), unless somebody insists.
    let used = digests.data && out.len() > start;
    digest(out, start, used, choice.data_digest);
}

fn pad(out: &mut Vec<u8>, start: usize) {
    let len = (out.len() - start).next_multiple_of(4);
    out.resize(start + len, 0);
}

fn digest(out: &mut Vec<u8>, start: usize, used: bool, choice: DigestChoice) {
    let value = match choice {
        DigestChoice::Right if used => crc32c(&out[start..]),
        DigestChoice::Right | DigestChoice::Omit => return,
        DigestChoice::Wrong => crc32c(&out[start..]) ^ 1,
        DigestChoice::Value(value) => value,
    };
    out.extend_from_slice(&value.to_le_bytes());
}
