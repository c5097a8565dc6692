//! How are keys and values written? (RFC 7143 6.1)
//!
//! This is the form only: which keys exist and what their values mean is for whoever negotiates.

use super::binary;
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::str;

/// Longest key name in bytes.
pub const KEY_BYTES_MAX: usize = 63;

/// Longest value in bytes where the key says nothing else. [`pairs`] does not enforce it: the value's own
/// length tells.
pub const VALUE_BYTES_MAX: usize = 255;

/// What can be wrong with a `key=value` pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// The last pair has no final NUL.
    Unterminated,
    /// Two NULs in a row, or one at the start: there is no pair between them.
    Empty,
    /// There is no `=`.
    NoEquals,
    /// The key is longer than [`KEY_BYTES_MAX`].
    KeyTooLong,
    /// The key is empty, does not begin with a capital letter, or has a character that no key has.
    KeySyntax,
    /// The value is not UTF-8.
    NotUtf8,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unterminated => "the last key=value pair does not end with a NUL",
            Self::Empty => "a NUL that ends no key=value pair",
            Self::NoEquals => "a pair without =",
            Self::KeyTooLong => "a key longer than 63 bytes",
            Self::KeySyntax => "a key that does not begin with a capital letter or has a forbidden character",
            Self::NotUtf8 => "a value that is not UTF-8",
        })
    }
}

impl core::error::Error for TextError {}

/// Goes through the `key=value` pairs of one logical text data segment. A bad pair does not hide the next.
pub fn pairs(bytes: &[u8]) -> Pairs<'_> {
    Pairs { rest: bytes }
}

/// See [`pairs`].
#[derive(Clone, Debug)]
pub struct Pairs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a str, &'a str), TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        // rfc7143/6.1-1.
        let Some((pair, rest)) = cut(self.rest, 0) else {
            self.rest = &[];
            return Some(Err(TextError::Unterminated));
        };
        self.rest = rest;
        Some(read(pair))
    }
}

fn cut(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    let (before, after) = bytes.split_at(at);
    Some((before, after.get(1..)?))
}

fn read(pair: &[u8]) -> Result<(&str, &str), TextError> {
    if pair.is_empty() {
        return Err(TextError::Empty);
    }
    let (key, value) = cut(pair, b'=').ok_or(TextError::NoEquals)?;
    if key.len() > KEY_BYTES_MAX {
        return Err(TextError::KeyTooLong);
    }
    let key = str::from_utf8(key).ok().filter(|key| is_key(key)).ok_or(TextError::KeySyntax)?;
    Ok((key, str::from_utf8(value).map_err(|_| TextError::NotUtf8)?))
}

/// True for a key name: a standard-label, or one with the prefix `X#` that extension keys were once given
/// (RFC 7143 6.1, 13.26).
/// One key of the standards begins with a small letter all the same: iSCSIProtocolLevel (RFC 7144 7.1.1).
pub fn is_key(key: &str) -> bool {
    // What follows X- is part of such a label (rfc7143/13.22-1).
    is_standard_label(key)
        || key == "iSCSIProtocolLevel"
        || (key.len() <= KEY_BYTES_MAX
            && key.strip_prefix("X#").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(in_label)))
}

/// True for a standard-label: 1 to 63 letters, digits and `.-+@_`, the first a capital.
pub fn is_standard_label(label: &str) -> bool {
    // rfc7143/6.1-2.
    label.len() <= KEY_BYTES_MAX
        && label.starts_with(|c: char| c.is_ascii_uppercase())
        && label.bytes().all(in_label)
}

/// True for a text-value: any number of letters, digits and `.-+@_/[]:`.
pub fn is_text_value(value: &str) -> bool {
    value.bytes().all(|byte| in_label(byte) || matches!(byte, b'/' | b'[' | b']' | b':'))
}

fn in_label(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'@' | b'_')
}

/// A boolean-value: exactly `Yes` or `No`.
pub fn boolean(value: &str) -> Option<bool> {
    match value {
        "Yes" => Some(true),
        "No" => Some(false),
        _ => None,
    }
}

/// A numerical-value: decimal without needless zeroes, or hexadecimal after `0x`; below 2^64.
pub fn number(value: &str) -> Option<u64> {
    if let Some(digits) = hex_digits(value).filter(|_| !planted!(HexNumber)) {
        // `from_str_radix` would also take a sign.
        return digits
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u64::from_str_radix(digits, 16).ok())?;
    }
    // rfc7143/6.1-3.
    let canonical = value == "0" || !value.starts_with('0');
    (canonical && value.bytes().all(|byte| byte.is_ascii_digit())).then(|| value.parse().ok())?
}

/// A numerical-range `low~high`; `None` also if `high` is below `low`.
pub fn range(value: &str) -> Option<(u64, u64)> {
    let (low, high) = value.split_once('~')?;
    let (low, high) = (number(low)?, number(high)?);
    (low <= high).then_some((low, high))
}

/// The values of a list, in order of preference. An empty value is a list of one empty value.
pub fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(',')
}

/// What follows `0x` or `0X`.
pub(super) fn hex_digits(value: &str) -> Option<&str> {
    value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"))
}

/// Writes `key=value` pairs, each with its NUL.
///
/// Neither keys nor values may hold a NUL, nor keys a `=`: they are the target's own words, or were checked
/// when they came in.
#[derive(Clone, Debug, Default)]
pub struct TextWriter {
    out: Vec<u8>,
}

impl TextWriter {
    /// Nothing written yet.
    pub const fn new() -> Self {
        Self { out: Vec::new() }
    }

    /// Writes one pair.
    pub fn pair(&mut self, key: &str, value: &str) -> &mut Self {
        self.format(key, format_args!("{value}"))
    }

    /// Writes one pair whose value is put together on the spot, as with `format_args!`.
    pub fn format(&mut self, key: &str, value: fmt::Arguments<'_>) -> &mut Self {
        debug_assert!(!key.contains(['\0', '=']), "a key would be cut");
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
        let from = self.out.len();
        // Writing into memory cannot fail, only a value's own Display could say so.
        let written = Utf8(&mut self.out).write_fmt(value);
        debug_assert!(
            written.is_ok() && !self.out.iter().skip(from).any(|byte| *byte == 0),
            "a value would be cut"
        );
        // rfc7143/6.1-1.
        self.out.push(0);
        self
    }

    /// Writes a number in decimal.
    pub fn number(&mut self, key: &str, value: u64) -> &mut Self {
        self.format(key, format_args!("{value}"))
    }

    /// Writes `Yes` or `No`.
    pub fn boolean(&mut self, key: &str, value: bool) -> &mut Self {
        self.pair(key, if value { "Yes" } else { "No" })
    }

    /// Writes a binary value in hexadecimal.
    pub fn hex(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.pair(key, &binary::to_hex(value))
    }

    /// Writes a binary value in base64.
    pub fn base64(&mut self, key: &str, value: &[u8]) -> &mut Self {
        self.pair(key, &binary::to_base64(value))
    }

    /// Bytes written so far.
    pub const fn len(&self) -> usize {
        self.out.len()
    }

    /// True before the first pair.
    pub const fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Everything written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }
}

struct Utf8<'a>(&'a mut Vec<u8>);

impl Write for Utf8<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Result<(&str, &str), TextError>> {
        pairs(bytes).collect()
    }

    #[test]
    fn pairs_are_cut_at_nul_and_at_the_first_equals() {
        assert_eq!(
            all(b"AuthMethod=CHAP,None\0TargetAlias=a=b\0InitiatorAlias=\0"),
            [Ok(("AuthMethod", "CHAP,None")), Ok(("TargetAlias", "a=b")), Ok(("InitiatorAlias", ""))]
        );
        assert_eq!(all(b""), []);
    }

    #[test]
    fn every_error_and_what_follows_it() {
        for (bytes, error) in [
            (&b"\0A=1\0"[..], TextError::Empty),
            (b"HeaderDigest\0A=1\0", TextError::NoEquals),
            (b"=x\0A=1\0", TextError::KeySyntax),
            (b"a=x\0A=1\0", TextError::KeySyntax),
            (b"A b=x\0A=1\0", TextError::KeySyntax),
            (b"A\xff=x\0A=1\0", TextError::KeySyntax),
            (b"X#=x\0A=1\0", TextError::KeySyntax),
            (b"B=\xff\0A=1\0", TextError::NotUtf8),
        ] {
            assert_eq!(all(bytes), [Err(error), Ok(("A", "1"))], "{bytes:?}");
        }
        assert_eq!(all(b"A=1\0B=2"), [Ok(("A", "1")), Err(TextError::Unterminated)]);
    }

    #[test]
    fn key_length() {
        let key = "K".repeat(KEY_BYTES_MAX);
        assert_eq!(all(alloc::format!("{key}=\0").as_bytes()), [Ok((key.as_str(), ""))]);
        assert_eq!(all(alloc::format!("{key}K=\0").as_bytes()), [Err(TextError::KeyTooLong)]);
    }

    #[test]
    fn names_of_extension_keys() {
        for key in ["X-com.example.thing", "X#NodeArchitecture", "iSCSIProtocolLevel", "A", "Z9.-+@_"] {
            assert!(is_key(key), "{key}");
        }
        for key in ["", "x-com", "9A", "Y#digest", "A#b", "A/b", "Ä"] {
            assert!(!is_key(key), "{key}");
        }
    }

    #[test]
    fn text_values() {
        assert!(is_text_value("") && is_text_value("[fe80::1]:3260/a.b-c+d@e_f"));
        assert!(!is_text_value("a b") && !is_text_value("a,b") && !is_text_value("é"));
    }

    #[test]
    fn numbers() {
        for (text, value) in [
            ("0", Some(0)),
            ("262144", Some(262_144)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("0x0", Some(0)),
            ("0X1fF", Some(0x1ff)),
            ("0x0000000000000000000001", Some(1)),
            ("0xffffffffffffffff", Some(u64::MAX)),
            ("0x10000000000000000", None),
            ("", None),
            ("0x", None),
            ("00", None),
            ("012", None),
            ("+1", None),
            ("-1", None),
            ("0x+1", None),
            (" 1", None),
            ("1 ", None),
            ("12a", None),
            ("١", None),
        ] {
            assert_eq!(number(text), value, "{text:?}");
        }
    }

    #[test]
    fn ranges_lists_booleans() {
        assert_eq!(range("1~0x10"), Some((1, 16)));
        assert_eq!(range("5~5"), Some((5, 5)));
        for text in ["2~1", "1", "~", "1~", "~1", "1~2~3"] {
            assert_eq!(range(text), None, "{text}");
        }
        assert_eq!(list("CRC32C,None").collect::<Vec<_>>(), ["CRC32C", "None"]);
        assert_eq!(list("").collect::<Vec<_>>(), [""]);
        assert_eq!((boolean("Yes"), boolean("No"), boolean("yes")), (Some(true), Some(false), None));
    }

    #[test]
    fn what_is_written_can_be_read() {
        let mut writer = TextWriter::new();
        assert!(writer.is_empty());
        writer.pair("TargetName", "iqn.2024-01.example:a").number("MaxBurstLength", 16_776_192);
        writer.boolean("InitialR2T", false).hex("CHAP_R", &[0, 0xab]).base64("CHAP_C", &[1, 2, 3]);
        writer.format("TargetAddress", format_args!("{}:{},{}", "10.0.0.1", 3260, 1));
        let len = writer.len();
        let bytes = writer.into_bytes();
        assert_eq!(len, bytes.len());
        assert_eq!(
            all(&bytes),
            [
                Ok(("TargetName", "iqn.2024-01.example:a")),
                Ok(("MaxBurstLength", "16776192")),
                Ok(("InitialR2T", "No")),
                Ok(("CHAP_R", "0x00ab")),
                Ok(("CHAP_C", "0bAQID")),
                Ok(("TargetAddress", "10.0.0.1:3260,1")),
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes: Vec<u8>) {
            prop_assert!(all(&bytes).len() <= bytes.len());
        }

        #[test]
        fn pairs_undo_the_writer(
            wanted in proptest::collection::vec(("[A-Z][a-zA-Z0-9.+@_-]{0,62}", "[^\0]{0,40}"), 0..8)
        ) {
            let mut writer = TextWriter::new();
            for (key, value) in &wanted {
                writer.pair(key, value);
            }
            let bytes = writer.into_bytes();
            let own = |(key, value)| (String::from(key), String::from(value));
            let read: Result<Vec<_>, _> = pairs(&bytes).map(|pair| pair.map(own)).collect();
            prop_assert_eq!(read, Ok(wanted));
        }

        #[test]
        fn decimal_and_hexadecimal_numbers(value: u64) {
            prop_assert_eq!(number(&alloc::format!("{value}")), Some(value));
            prop_assert_eq!(number(&alloc::format!("{value:#x}")), Some(value));
        }
    }
}
