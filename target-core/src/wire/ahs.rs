//! What do the Additional Header Segments of a PDU hold? (RFC 7143 11.2.2)

/// One additional header segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahs<'a> {
    /// The bytes of a CDB after its sixteenth, at least one (11.2.2.3).
    ExtendedCdb(&'a [u8]),
    /// Bidirectional Read Expected Data Transfer Length (11.2.2.4).
    BidiReadLength(u32),
    /// A type this RFC reserves.
    Unknown {
        /// The six bits of the type.
        code: u8,
        /// What follows the type, without padding.
        body: &'a [u8],
    },
}

/// What can be wrong with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AhsError {
    /// It does not end where the header segments end. Nothing comes after it.
    Truncated,
    /// Its length is not one its type can have.
    Length {
        /// The six bits of the type.
        code: u8,
        /// AHSLength.
        length: u16,
    },
}

/// AHSLength and AHSType, which AHSLength does not count.
const HEAD: usize = 3;

const EXTENDED_CDB: u8 = 1;
const BIDI_READ_LENGTH: u8 = 2;

/// The upper two bits of the type byte are reserved.
const CODE_MASK: u8 = 0x3f;

/// Goes through the additional header segments of one PDU, `bytes` being all of them with their padding.
pub fn segments(bytes: &[u8]) -> Segments<'_> {
    Segments { rest: bytes }
}

/// See [`segments`].
#[derive(Clone, Debug)]
pub struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = Result<Ahs<'a>, AhsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let cut = self.cut();
        if cut.is_none() {
            self.rest = &[];
        }
        Some(cut.ok_or(AhsError::Truncated).and_then(|(code, body)| read(code, body)))
    }
}

impl<'a> Segments<'a> {
    /// Takes one segment with its padding off the front; `None` if there is less than it says.
    fn cut(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[high, low, kind], after) = self.rest.split_first_chunk::<HEAD>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = after.get(..length)?;
        let padding = super::padding(HEAD + length);
        self.rest = after.get(length + padding..)?;
        Some((kind & CODE_MASK, body))
    }
}

fn read(code: u8, body: &[u8]) -> Result<Ahs<'_>, AhsError> {
    // A body was cut by a 16-bit length, so it fits.
    let wrong = AhsError::Length { code, length: u16::try_from(body.len()).unwrap_or(u16::MAX) };
    match (code, body) {
        (EXTENDED_CDB, [_reserved, cdb @ ..]) if !cdb.is_empty() => Ok(Ahs::ExtendedCdb(cdb)),
        (BIDI_READ_LENGTH, &[_reserved, a, b, c, d]) => {
            Ok(Ahs::BidiReadLength(u32::from_be_bytes([a, b, c, d])))
        }
        (EXTENDED_CDB | BIDI_READ_LENGTH, _) => Err(wrong),
        _ => Ok(Ahs::Unknown { code, body }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Result<Ahs<'_>, AhsError>> {
        segments(bytes).collect()
    }

    #[test]
    fn extended_cdb_then_bidirectional_length() {
        // A CDB of 32 bytes: AHSLength is 32 - 15.
        let mut bytes = vec![0, 17, 1, 0];
        bytes.extend(16..32);
        bytes.extend([0, 5, 2, 0, 0, 1, 0, 0]);
        let spill: Vec<u8> = (16..32).collect();
        assert_eq!(all(&bytes), [Ok(Ahs::ExtendedCdb(&spill)), Ok(Ahs::BidiReadLength(0x1_0000))]);
    }

    #[test]
    fn padding_is_skipped_and_reserved_type_bits_are_ignored() {
        let bytes = [0, 2, 0xc1, 0, 0xaa, 0, 0, 0, 0, 5, 2, 0, 0, 0, 0, 9];
        assert_eq!(all(&bytes), [Ok(Ahs::ExtendedCdb(&[0xaa])), Ok(Ahs::BidiReadLength(9))]);
    }

    #[test]
    fn unknown_types_are_shown_and_passed_over() {
        let bytes = [0, 0, 0, 0, 0, 1, 63, 7];
        assert_eq!(
            all(&bytes),
            [Ok(Ahs::Unknown { code: 0, body: &[] }), Ok(Ahs::Unknown { code: 63, body: &[7] })]
        );
    }

    #[test]
    fn wrong_lengths() {
        for (bytes, code, length) in [
            (&[0, 0, 1, 0][..], 1, 0),
            (&[0, 1, 1, 0], 1, 1),
            (&[0, 4, 2, 0, 0, 0, 9, 0], 2, 4),
            (&[0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0], 2, 6),
        ] {
            assert_eq!(all(bytes), [Err(AhsError::Length { code, length })]);
        }
    }

    #[test]
    fn a_wrong_length_does_not_hide_what_follows() {
        let bytes = [0, 1, 1, 0, 0, 5, 2, 0, 0, 0, 0, 9];
        assert_eq!(all(&bytes), [Err(AhsError::Length { code: 1, length: 1 }), Ok(Ahs::BidiReadLength(9))]);
    }

    #[test]
    fn truncation_ends_it() {
        for bytes in [
            &[0][..],
            &[0, 5],
            &[0, 5, 2],
            &[0, 5, 2, 0],
            &[0, 5, 2, 0, 0, 0, 0],
            &[0xff, 0xff, 1, 0],
            &[0, 2, 1, 0, 7],
        ] {
            assert_eq!(all(bytes), [Err(AhsError::Truncated)], "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            prop_assert!(all(&bytes).len() <= bytes.len());
        }
    }
}
