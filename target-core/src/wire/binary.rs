//! How are bytes written as a text value? Hexadecimal after `0x`, base64 after `0b` (RFC 7143 6.1).

use super::text::hex_digits;
use alloc::string::String;
use alloc::vec::Vec;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use core::fmt;

/// Why a value is not a binary-value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryError {
    /// It begins with neither `0x` nor `0b`.
    Encoding,
    /// It has no digits, or one that its encoding does not have, or base64 is not padded.
    Digits,
    /// It is longer than allowed.
    TooLong,
}

impl fmt::Display for BinaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "a binary value that begins with neither 0x nor 0b",
            Self::Digits => "a binary value with a character its encoding does not have",
            Self::TooLong => "a binary value that is too long",
        })
    }
}

impl core::error::Error for BinaryError {}

/// The bytes of a hexadecimal or base64 constant, at most `len_max`; nothing is decoded beyond that.
///
/// An odd number of hexadecimal digits stands for one more byte, whose upper half is 0 and which comes first.
pub fn decode(value: &str, len_max: usize) -> Result<Vec<u8>, BinaryError> {
    if let Some(digits) = hex_digits(value) {
        decode_hex(digits.as_bytes(), len_max)
    } else if let Some(digits) = value.strip_prefix("0b").or_else(|| value.strip_prefix("0B")) {
        decode_base64(digits, len_max)
    } else {
        Err(BinaryError::Encoding)
    }
}

fn decode_hex(digits: &[u8], len_max: usize) -> Result<Vec<u8>, BinaryError> {
    if digits.is_empty() {
        return Err(BinaryError::Digits);
    }
    if digits.len().div_ceil(2) > len_max {
        return Err(BinaryError::TooLong);
    }
    let (odd, even) = digits.split_at(digits.len() % 2);
    let first = odd.iter().filter(|_| !planted!(HexOddDigit)).map(|digit| nibble(*digit));
    let rest = even.chunks_exact(2).map(|pair| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    });
    first.chain(rest).collect::<Option<Vec<u8>>>().ok_or(BinaryError::Digits)
}

fn nibble(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

fn decode_base64(digits: &str, len_max: usize) -> Result<Vec<u8>, BinaryError> {
    if digits.is_empty() {
        return Err(BinaryError::Digits);
    }
    // Four digits make at most three bytes, so this is at most two bytes too generous; the check below is
    // exact.
    if digits.len().div_ceil(4) > len_max.div_ceil(3) {
        return Err(BinaryError::TooLong);
    }
    let bytes = STANDARD.decode(digits).map_err(|_| BinaryError::Digits)?;
    if bytes.len() > len_max { Err(BinaryError::TooLong) } else { Ok(bytes) }
}

/// `0x` and two digits for each byte.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 + 2 * bytes.len());
    out.push_str("0x");
    for byte in bytes {
        for nibble in [byte >> 4, byte & 0xf] {
            out.extend(char::from_digit(nibble.into(), 16));
        }
    }
    out
}

/// `0b` and base64 with padding.
pub fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::from("0b");
    STANDARD.encode_string(bytes, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn table() {
        for (text, bytes) in [
            ("0x00", Ok(vec![0])),
            ("0xaB01", Ok(vec![0xab, 1])),
            ("0XABC", Ok(vec![0x0a, 0xbc])),
            ("0x1", Ok(vec![1])),
            ("0bAQID", Ok(vec![1, 2, 3])),
            ("0BAQI=", Ok(vec![1, 2])),
            ("0b+w==", Ok(vec![0xfb])),
            ("0b+/==", Err(BinaryError::Digits)),
            ("0x", Err(BinaryError::Digits)),
            ("0b", Err(BinaryError::Digits)),
            ("0xgg", Err(BinaryError::Digits)),
            ("0x+1", Err(BinaryError::Digits)),
            ("0x1é", Err(BinaryError::Digits)),
            ("0bAQI", Err(BinaryError::Digits)),
            ("0bA Q=", Err(BinaryError::Digits)),
            ("0b====", Err(BinaryError::Digits)),
            ("12", Err(BinaryError::Encoding)),
            ("", Err(BinaryError::Encoding)),
            ("ab", Err(BinaryError::Encoding)),
        ] {
            assert_eq!(decode(text, 16), bytes, "{text}");
        }
    }

    #[test]
    fn length_is_bounded_before_and_after_decoding() {
        assert_eq!(decode("0x0102", 2), Ok(vec![1, 2]));
        assert_eq!(decode("0x010203", 2), Err(BinaryError::TooLong));
        assert_eq!(decode("0x10203", 2), Err(BinaryError::TooLong));
        assert_eq!(decode("0bAQI=", 2), Ok(vec![1, 2]));
        assert_eq!(decode("0bAQID", 2), Err(BinaryError::TooLong));
        assert_eq!(decode("0bAQIDBA==", 3), Err(BinaryError::TooLong));
        assert_eq!(decode("0b!!!!!!!!", 3), Err(BinaryError::TooLong));
    }

    proptest! {
        #[test]
        fn decode_undoes_both_encodings(bytes in proptest::collection::vec(any::<u8>(), 1..1100)) {
            prop_assert_eq!(decode(&to_hex(&bytes), bytes.len()), Ok(bytes.clone()));
            prop_assert_eq!(decode(&to_base64(&bytes), bytes.len()), Ok(bytes.clone()));
            prop_assert_eq!(decode(&to_hex(&bytes), bytes.len() - 1), Err(BinaryError::TooLong));
            prop_assert_eq!(decode(&to_base64(&bytes), bytes.len() - 1), Err(BinaryError::TooLong));
        }

        #[test]
        fn any_text_is_answered(text: String, len_max in 0_usize..64) {
            if let Ok(bytes) = decode(&text, len_max) {
                prop_assert!(bytes.len() <= len_max);
            }
        }
    }
}
