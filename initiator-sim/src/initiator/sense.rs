//! What does a status or sense data say? (SAM-5 5.3, SPC-4 4.5; RFC 7143 11.4.2, 11.4.7)

use core::fmt;

/// SCSI status codes and the names scenarios use.
const STATUSES: [(u8, &str); 10] = [
    (0x00, "GOOD"),
    (0x02, "CHECK_CONDITION"),
    (0x04, "CONDITION_MET"),
    (0x08, "BUSY"),
    (0x10, "INTERMEDIATE"),
    (0x14, "INTERMEDIATE_CONDITION_MET"),
    (0x18, "RESERVATION_CONFLICT"),
    (0x28, "TASK_SET_FULL"),
    (0x30, "ACA_ACTIVE"),
    (0x40, "TASK_ABORTED"),
];

const KEYS: [&str; 16] = [
    "NO_SENSE",
    "RECOVERED_ERROR",
    "NOT_READY",
    "MEDIUM_ERROR",
    "HARDWARE_ERROR",
    "ILLEGAL_REQUEST",
    "UNIT_ATTENTION",
    "DATA_PROTECT",
    "BLANK_CHECK",
    "VENDOR_SPECIFIC",
    "COPY_ABORTED",
    "ABORTED_COMMAND",
    "RESERVED",
    "VOLUME_OVERFLOW",
    "MISCOMPARE",
    "COMPLETED",
];

/// The name of a status code.
pub fn status_name(status: u8) -> Option<&'static str> {
    STATUSES.iter().find(|(code, _)| *code == status).map(|(_, name)| *name)
}

/// The code of a status name.
pub fn status_code(name: &str) -> Option<u8> {
    STATUSES.iter().find(|(_, n)| *n == name).map(|(code, _)| *code)
}

/// All status names.
pub fn status_names() -> impl Iterator<Item = &'static str> {
    STATUSES.iter().map(|(_, name)| *name)
}

/// The name of a sense key; only four bits count.
pub fn key_name(key: u8) -> &'static str {
    KEYS[usize::from(key & 0x0f)]
}

/// The code of a sense key's name.
pub fn key_code(name: &str) -> Option<u8> {
    KEYS.iter().position(|key| *key == name).map(|at| at as u8)
}

/// All sense key names.
pub fn key_names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().copied()
}

/// Decoded sense data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sense {
    /// In descriptor format (0x72, 0x73), not fixed (0x70, 0x71).
    pub descriptor: bool,
    /// About an earlier command.
    pub deferred: bool,
    /// Sense key.
    pub key: u8,
    /// Additional sense code.
    pub asc: u8,
    /// Its qualifier.
    pub ascq: u8,
    /// The INFORMATION field, if it is valid.
    pub information: Option<u64>,
    /// The three sense-key-specific bytes, if they are valid.
    pub specific: Option<[u8; 3]>,
}

impl Sense {
    /// Decodes sense data; `None` if it is too short or of no known format.
    pub fn parse(bytes: &[u8]) -> Option<Sense> {
        let code = *bytes.first()? & 0x7f;
        match code {
            0x70 | 0x71 => Sense::fixed(bytes, code == 0x71),
            0x72 | 0x73 => Sense::descriptors(bytes, code == 0x73),
            _ => None,
        }
    }

    fn fixed(bytes: &[u8], deferred: bool) -> Option<Sense> {
        let information = bytes.get(3..7)?.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        let specific =
            bytes.get(15..18).and_then(|s| s.try_into().ok()).filter(|s: &[u8; 3]| s[0] & 0x80 != 0);
        Some(Sense {
            descriptor: false,
            deferred,
            key: bytes.get(2)? & 0x0f,
            asc: bytes.get(12).copied().unwrap_or(0),
            ascq: bytes.get(13).copied().unwrap_or(0),
            information: (bytes[0] & 0x80 != 0).then_some(information),
            specific,
        })
    }

    fn descriptors(bytes: &[u8], deferred: bool) -> Option<Sense> {
        let head: &[u8; 8] = bytes.first_chunk()?;
        let mut sense = Sense {
            descriptor: true,
            deferred,
            key: head[1] & 0x0f,
            asc: head[2],
            ascq: head[3],
            information: None,
            specific: None,
        };
        let mut rest = bytes.get(8..8 + usize::from(head[7])).unwrap_or(&bytes[8..]);
        while let [kind, len, tail @ ..] = rest {
            let body = tail.get(..usize::from(*len)).unwrap_or(&[]);
            match (kind, body) {
                // Information: valid bit, a reserved byte, eight bytes.
                (0x00, [valid, _, value @ ..]) if valid & 0x80 != 0 => {
                    sense.information = Some(value.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b)));
                }
                (0x02, [_, _, a, b, c, ..]) if a & 0x80 != 0 => sense.specific = Some([*a, *b, *c]),
                _ => {}
            }
            rest = tail.get(usize::from(*len)..).unwrap_or(&[]);
        }
        Some(sense)
    }

    /// In a data segment of a SCSI Response: two bytes of length, then the sense data (RFC 7143 11.4.7).
    pub fn of_response(data: &[u8]) -> Option<Sense> {
        let (len, rest) = data.split_first_chunk::<2>()?;
        Sense::parse(rest.get(..usize::from(u16::from_be_bytes(*len)))?)
    }
}

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:02x}/{:02x}", key_name(self.key), self.asc, self.ascq)?;
        if let Some(information) = self.information {
            write!(f, " information={information}")?;
        }
        if self.deferred { f.write_str(" deferred") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats() {
        let fixed = [0xf0, 0, 3, 0, 0, 1, 2, 10, 0, 0, 0, 0, 0x11, 0x13, 0, 0x80, 0, 9];
        let sense = Sense::parse(&fixed).expect("fixed");
        assert_eq!((sense.key, sense.asc, sense.ascq, sense.information), (3, 0x11, 0x13, Some(258)));
        assert_eq!(sense.specific, Some([0x80, 0, 9]));
        assert_eq!(sense.to_string(), "MEDIUM_ERROR 11/13 information=258");
        let descriptor = [
            0x73, 5, 0x24, 0, 0, 0, 0, 20, 0, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 6, 0, 0, 0xc0, 0, 2, 0,
        ];
        let sense = Sense::parse(&descriptor).expect("descriptors");
        assert_eq!((sense.key, sense.deferred, sense.information), (5, true, Some(256)));
        assert_eq!(sense.specific, Some([0xc0, 0, 2]));
        let mut segment = vec![0, 18];
        segment.extend(fixed);
        segment.extend([1, 2, 3]);
        assert_eq!(Sense::of_response(&segment).map(|s| s.key), Some(3));
        for broken in [
            &[][..],
            &[0x70],
            &[0x70, 0, 0],
            &[0x72, 0, 0],
            &[0x11; 20],
            &[0x72, 0, 0, 0, 0, 0, 0, 255, 0, 9],
        ] {
            let _ = Sense::parse(broken);
        }
        assert_eq!(Sense::of_response(&[0, 9, 0x70]), None);
    }

    #[test]
    fn names_go_both_ways() {
        assert!(status_names().all(|name| status_code(name).and_then(status_name) == Some(name)));
        assert!(key_names().all(|name| key_code(name).map(key_name) == Some(name)));
    }
}
