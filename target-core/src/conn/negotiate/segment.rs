//! The keys of one logical text data segment, checked against those that came before (RFC 7143 6.1, 6.2).

use super::KeyFault;
use super::keys::{self, Key, Row};
use crate::wire::text;
use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// One pair of a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair<'a> {
    /// Place in the segment: answers keep the order of the questions.
    pub(crate) place: usize,
    /// Key name.
    pub(crate) name: &'a str,
    /// Its value, as it came.
    pub(crate) value: &'a str,
    /// Its row; `None` if the key is not understood.
    pub(crate) row: Option<&'static Row>,
}

/// The keys that a negotiation has seen: none may come twice (RFC 7143 6.3, 6.4).
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    known: u64,
    unknown: BTreeSet<Box<str>>,
    count: u32,
}

impl Seen {
    /// The pairs of one segment, in the order in which they are to be judged.
    pub(crate) fn read<'a>(&mut self, segment: &'a [u8], keys_max: u32) -> Result<Vec<Pair<'a>>, KeyFault> {
        let mut pairs = Vec::new();
        for (place, pair) in text::pairs(segment).enumerate() {
            let (name, value) = pair.map_err(|_| KeyFault::Malformed)?;
            self.count = self.count.saturating_add(1);
            if self.count > keys_max {
                return Err(KeyFault::TooMany);
            }
            let found = keys::find(name);
            let fresh = match found {
                Some((at, _)) => {
                    let bit = 1_u64.wrapping_shl(at as u32);
                    let fresh = self.known & bit == 0;
                    self.known |= bit;
                    fresh
                }
                None => self.unknown.insert(name.into()),
            };
            if !fresh && !planted!(KeyTwice) {
                // rfc7143/6.3-12, rfc7143/6.4-10, rfc7143/13.26.1-2.
                return Err(KeyFault::Twice);
            }
            // The answer to this target's own declaration, from one that does not know the key (rfc7143/13.26.2-5).
            // rfc7143/6.2-9.
            let answers = found.is_some_and(|(_, row)| row.key == Key::NodeArchitecture);
            if keys::is_reserved(value) && !answers {
                // rfc7143/6.2-11.
                return Err(KeyFault::ReservedValue);
            }
            pairs.push(Pair { place, name, value, row: found.map(|(_, row)| row) });
        }
        // The enum has the order of the table; keys that are not understood come first.
        pairs.sort_by_key(|pair| pair.row.map(|row| row.key));
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conn::negotiate::keys::TABLE;

    fn names<'a>(pairs: &[Pair<'a>]) -> Vec<&'a str> {
        pairs.iter().map(|pair| pair.name).collect()
    }

    #[test]
    fn pairs_come_in_the_order_of_the_table_with_their_own_place() {
        let mut seen = Seen::default();
        let pairs = seen.read(b"FirstBurstLength=1024\0X-a=b\0InitialR2T=No\0", 9).unwrap();
        assert_eq!(names(&pairs), ["X-a", "InitialR2T", "FirstBurstLength"]);
        assert_eq!(pairs.iter().map(|pair| pair.place).collect::<Vec<_>>(), [1, 2, 0]);
        assert!(TABLE.windows(2).all(|two| two[0].key < two[1].key), "the enum is in the order of the table");
        assert!(TABLE.len() <= 64, "one bit a row");
    }

    #[test]
    fn a_key_may_come_once_in_a_negotiation() {
        for key in ["InitialR2T", "X-a"] {
            let text = alloc::format!("{key}=No\0");
            let mut seen = Seen::default();
            assert!(seen.read(text.as_bytes(), 9).is_ok());
            assert_eq!(seen.read(text.as_bytes(), 9).err(), Some(KeyFault::Twice), "in a later segment");
            let twice = alloc::format!("{text}{text}");
            assert_eq!(
                Seen::default().read(twice.as_bytes(), 9).err(),
                Some(KeyFault::Twice),
                "in the same one"
            );
        }
    }

    #[test]
    fn faults() {
        for (text, fault) in [
            (&b"InitialR2T=Reject\0"[..], KeyFault::ReservedValue),
            (b"X-a=NotUnderstood\0", KeyFault::ReservedValue),
            (b"InitiatorName=Irrelevant\0", KeyFault::ReservedValue),
            (b"InitialR2T\0", KeyFault::Malformed),
            (b"InitialR2T=No", KeyFault::Malformed),
            (b"A=1\0B=1\0C=1\0", KeyFault::TooMany),
        ] {
            assert_eq!(Seen::default().read(text, 2).err(), Some(fault));
        }
        assert!(Seen::default().read(b"X-a=None\0", 2).is_ok());
        assert!(Seen::default().read(b"X#NodeArchitecture=NotUnderstood\0", 2).is_ok());
    }
}
