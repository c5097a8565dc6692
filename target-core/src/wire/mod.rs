//! The PDUs of RFC 7143 section 11 as bytes: checked views, values, parse and emit. Knows nothing of state.

/// Length of a Basic Header Segment.
pub const BHS_LEN: usize = 48;

/// Which digests a PDU carries (RFC 7143 11.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// CRC32C after the header segments.
    pub header: bool,
    /// CRC32C after a data segment that is not empty.
    pub data: bool,
}

/// Extends a CRC32C over more bytes: `(crc so far, bytes) -> crc`, starting with 0. Given by the driver, so that it can use the
/// processor's instruction.
pub type Crc32c = fn(u32, &[u8]) -> u32;
pub mod serial;
