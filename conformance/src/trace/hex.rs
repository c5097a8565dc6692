//! How do bytes look in a text file? Pairs of lower-case hexadecimal digits.

use std::fmt::Write;

/// The digits of some bytes.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // A string takes everything.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The bytes of some digits; what is wrong with them otherwise.
pub fn decode(text: &str) -> Result<Vec<u8>, String> {
    let digit = |(at, c): (usize, char)| {
        c.to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
            .ok_or_else(|| format!("{c:?} at position {at} is no hexadecimal digit"))
    };
    let digits = text.chars().enumerate().map(digit).collect::<Result<Vec<_>, _>>()?;
    match digits.len() % 2 {
        0 => Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()),
        _ => Err(format!("{} hexadecimal digits are no whole number of bytes", digits.len())),
    }
}

/// For `serde(with)`: bytes that are always there.
pub(super) mod plain {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::trace) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::encode(bytes))
    }

    pub(in crate::trace) fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<Vec<u8>, D::Error> {
        super::decode(&String::deserialize(de)?).map_err(D::Error::custom)
    }
}

/// For `serde(with)`: bytes that may be missing.
pub(super) mod option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in crate::trace) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_str(&super::encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::trace) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::decode(&text).map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_go_both_ways_and_what_is_none_is_told() {
        assert_eq!(decode(&encode(&[0, 0x7f, 0xff])), Ok(vec![0, 0x7f, 0xff]));
        assert_eq!(decode("0A"), Ok(vec![10]));
        assert!(decode("abc").is_err_and(|e| e.contains("3 hexadecimal")));
        assert!(decode("0é").is_err_and(|e| e.contains("position 1")));
    }
}
