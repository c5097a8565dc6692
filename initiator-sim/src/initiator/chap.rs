//! How is a CHAP response computed, and how are its values written? (RFC 7143 12.1.3, 6.1; RFC 1994)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest challenge or response in bytes (12.1.3).
pub const VALUE_MAX: usize = 1024;

/// How a binary value is written (6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// `0x` and hexadecimal digits.
    #[default]
    Hex,
    /// `0b` and base64.
    Base64,
}

/// CHAP_A values: 5 is MD5 (RFC 1994), 6 SHA-1, 7 SHA-256, 8 SHA3-256 (IANA's registry of PPP authentication
/// algorithms).
pub const ALGORITHMS: [u8; 4] = [5, 6, 7, 8];

/// The response to a challenge: the hash over identifier, secret and challenge. `None` for an unknown algorithm.
pub fn response(algorithm: u8, identifier: u8, secret: &[u8], challenge: &[u8]) -> Option<Vec<u8>> {
    fn hash<D: sha1::Digest>(identifier: u8, secret: &[u8], challenge: &[u8]) -> Vec<u8> {
        let mut hasher = D::new();
        hasher.update([identifier]);
        hasher.update(secret);
        hasher.update(challenge);
        hasher.finalize().to_vec()
    }
    Some(match algorithm {
        5 => hash::<md5::Md5>(identifier, secret, challenge),
        6 => hash::<sha1::Sha1>(identifier, secret, challenge),
        7 => hash::<sha2::Sha256>(identifier, secret, challenge),
        8 => hash::<sha3::Sha3_256>(identifier, secret, challenge),
        _ => return None,
    })
}

/// A binary value as text.
pub fn encode(bytes: &[u8], encoding: Encoding) -> String {
    match encoding {
        Encoding::Hex => bytes.iter().fold("0x".to_owned(), |mut text, byte| {
            text.push_str(&format!("{byte:02x}"));
            text
        }),
        Encoding::Base64 => format!("0b{}", STANDARD.encode(bytes)),
    }
}

/// The bytes of a binary value; `None` if it is neither hex nor base64 or longer than [`VALUE_MAX`].
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = match text.get(..2)? {
        "0x" | "0X" => hex(&text[2..])?,
        "0b" | "0B" => STANDARD.decode(&text[2..]).ok()?,
        _ => return None,
    };
    (!bytes.is_empty() && bytes.len() <= VALUE_MAX).then_some(bytes)
}

/// An odd number of digits leaves the first byte four bits (6.1: the length is (n + 1) / 2).
fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let (first, rest) = digits.split_at(digits.len() % 2);
    let pairs = rest.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]);
    Some(first.iter().copied().chain(pairs).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hexed(bytes: &[u8]) -> String {
        encode(bytes, Encoding::Hex)[2..].to_owned()
    }

    /// The expected hashes were computed with another implementation (python hashlib).
    #[test]
    fn responses_of_all_algorithms() {
        let secret = b"123456789abcdef";
        let challenge = b"0123456789";
        for (algorithm, want) in VECTORS {
            let got = response(algorithm, 1, secret, challenge).expect("known");
            assert_eq!(hexed(&got), want, "CHAP_A={algorithm}");
        }
        assert_eq!(response(9, 1, secret, challenge), None);
    }

    #[test]
    fn encodings() {
        assert_eq!(decode("0x0aFF"), Some(vec![0x0a, 0xff]));
        assert_eq!(decode("0Xaff"), Some(vec![0x0a, 0xff]));
        assert_eq!(decode("0bCv8="), Some(vec![0x0a, 0xff]));
        for text in ["", "0", "0x", "0b", "0xg0", "0b*", "12", "\u{e9}\u{e9}", "0x+1"] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode(&encode(&[7; 1025], Encoding::Base64)), None);
        for encoding in [Encoding::Hex, Encoding::Base64] {
            assert_eq!(decode(&encode(&[7; 1024], encoding)), Some(vec![7; 1024]));
        }
    }

    const VECTORS: [(u8, &str); 4] = [
        (5, "97d8718149f66cf44b48eaac65f168f2"),
        (6, "f866433509493fa0e5c3d330d145dc65aa14130e"),
        (7, "b86328a27944053e95b746452b5c500fae08413fa1463714f1dfa92da866ac69"),
        (8, "96169c370d01517fdc80c8e6302a5dab7708ae0d29427d906558f01e953a1099"),
    ];
}
