//! How are key=value pairs laid out in a data segment? (RFC 7143 6.1: each pair ends with a zero byte)

/// Appends one pair.
pub fn push(out: &mut Vec<u8>, key: &str, value: &str) {
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
    out.extend_from_slice(value.as_bytes());
    out.push(0);
}

/// All pairs of a list as one data segment.
pub fn join<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in pairs {
        push(&mut out, key.as_ref(), value.as_ref());
    }
    out
}

/// Why a piece of text is not a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// No zero byte after the last pair (6.1).
    Unterminated(String),
    /// No `=` in it.
    NoEquals(String),
    /// Not UTF-8 (6.1).
    NotUtf8(Vec<u8>),
    /// A key that is empty or longer than 63 bytes (6.1).
    KeyLength(usize),
}

/// The pairs of a complete text, in order, and what is wrong with pieces that are none. Empty pieces (a zero byte
/// after a zero byte) are passed over.
pub fn pairs(text: &[u8]) -> (Vec<(String, String)>, Vec<TextFault>) {
    let (mut list, mut faults) = (Vec::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let len = rest.iter().position(|b| *b == 0);
        let piece = &rest[..len.unwrap_or(rest.len())];
        rest = &rest[len.map_or(rest.len(), |n| n + 1)..];
        if len.is_none() {
            faults.push(TextFault::Unterminated(String::from_utf8_lossy(piece).into_owned()));
        }
        match core::str::from_utf8(piece) {
            Ok("") => {}
            Ok(piece) => match piece.split_once('=') {
                Some((key, _)) if key.is_empty() || key.len() > 63 => {
                    faults.push(TextFault::KeyLength(key.len()))
                }
                Some((key, value)) => list.push((key.to_owned(), value.to_owned())),
                None => faults.push(TextFault::NoEquals(piece.to_owned())),
            },
            Err(_) => faults.push(TextFault::NotUtf8(piece.to_vec())),
        }
    }
    (list, faults)
}

/// The value of a key, the first if it is there twice.
pub fn find<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_what_is_none() {
        let text = join([("InitiatorName", "iqn.2001-04.com.example"), ("CHAP_C", "0b=a=")]);
        assert_eq!(text, b"InitiatorName=iqn.2001-04.com.example\0CHAP_C=0b=a=\0");
        let (list, faults) = pairs(&text);
        assert_eq!(find(&list, "CHAP_C"), Some("0b=a="));
        assert!(faults.is_empty());
        let (list, faults) = pairs(b"A=1\0\0nonsense\0\xff=2\0=x\0B=2");
        assert_eq!(list, [("A".into(), "1".into()), ("B".into(), "2".into())]);
        assert_eq!(faults.len(), 4);
    }
}
