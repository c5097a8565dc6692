//! Where in the 48 bytes does a named field live? One `Field` per entry of the tables (RFC 7143 11.2).

use super::error::CodecError;

/// The space a field occupies. Bit numbers are the RFC's: bit 0 is the most significant of its byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Part of one byte: the RFC's number of the first bit, and how many bits.
    Bits {
        /// Number of the most significant bit of the field, 0 to 7.
        first: u8,
        /// Width in bits, 1 to 8.
        len: u8,
    },
    /// A big-endian number or an opaque string of this many whole bytes.
    Bytes(u8),
}

/// A named field of a basic header segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The RFC's name, without blanks or hyphens; abbreviated where the RFC has an abbreviation.
    pub name: &'static str,
    /// First byte, counted from the start of the basic header.
    pub byte: usize,
    /// Width.
    pub shape: Shape,
    /// What a PDU of this kind holds there when nobody says otherwise.
    pub default: u64,
}

impl Field {
    /// A field inside one byte.
    pub(super) const fn bits(name: &'static str, byte: usize, first: u8, len: u8, default: u64) -> Field {
        assert!(first + len <= 8 && len > 0 && byte < 48);
        Field { name, byte, shape: Shape::Bits { first, len }, default }
    }

    /// A field of whole bytes.
    pub(super) const fn bytes(name: &'static str, byte: usize, len: u8, default: u64) -> Field {
        assert!(byte + len as usize <= 48 && len > 0);
        Field { name, byte, shape: Shape::Bytes(len), default }
    }

    /// Width in bits.
    pub const fn width(&self) -> u32 {
        match self.shape {
            Shape::Bits { len, .. } => len as u32,
            Shape::Bytes(len) => len as u32 * 8,
        }
    }

    /// True for a field of one bit, which scenarios and traces treat as a flag.
    pub const fn is_flag(&self) -> bool {
        self.width() == 1
    }

    /// True for the serial numbers, which wrap (RFC 1982) and are compared so.
    pub fn is_serial(&self) -> bool {
        self.name.ends_with("SN")
    }

    /// The value, or `None` for a field wider than 64 bits (the CDB).
    pub fn value(&self, bhs: &[u8; 48]) -> Option<u64> {
        match self.shape {
            Shape::Bits { first, len } => {
                let below = 8 - first - len;
                Some((u64::from(bhs[self.byte]) >> below) & ((1 << len) - 1))
            }
            Shape::Bytes(len) if len <= 8 => {
                let bytes = &bhs[self.byte..self.byte + usize::from(len)];
                Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            Shape::Bytes(_) => None,
        }
    }

    /// Puts a number in; refuses one that does not fit.
    pub fn put(&self, bhs: &mut [u8; 48], value: u64) -> Result<(), CodecError> {
        let width = self.width();
        if width > 64 {
            return Err(CodecError::NeedsBytes { field: self.name, bytes: width as usize / 8 });
        }
        if width < 64 && value >> width != 0 {
            return Err(CodecError::TooWide { field: self.name, value, bits: width });
        }
        match self.shape {
            Shape::Bits { first, len } => {
                let below = 8 - first - len;
                let mask = (((1u16 << len) - 1) as u8) << below;
                bhs[self.byte] = bhs[self.byte] & !mask | (value as u8) << below & mask;
            }
            Shape::Bytes(len) => {
                let from = 8 - usize::from(len);
                bhs[self.byte..self.byte + usize::from(len)].copy_from_slice(&value.to_be_bytes()[from..]);
            }
        }
        Ok(())
    }

    /// The bytes of a field of whole bytes; `None` for one inside a byte.
    pub fn slice<'a>(&self, bhs: &'a [u8; 48]) -> Option<&'a [u8]> {
        match self.shape {
            Shape::Bytes(len) => Some(&bhs[self.byte..self.byte + usize::from(len)]),
            Shape::Bits { .. } => None,
        }
    }

    /// Puts bytes in. A CDB may be given shorter than its field and is followed by zeros, as on the wire.
    pub fn put_slice(&self, bhs: &mut [u8; 48], bytes: &[u8]) -> Result<(), CodecError> {
        let Shape::Bytes(len) = self.shape else {
            return Err(CodecError::NotBytes { field: self.name });
        };
        let len = usize::from(len);
        let padded = self.name == "CDB" && bytes.len() <= len;
        if bytes.len() != len && !padded {
            return Err(CodecError::WrongLength { field: self.name, want: len, got: bytes.len() });
        }
        let room = &mut bhs[self.byte..self.byte + len];
        room.fill(0);
        room[..bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}
