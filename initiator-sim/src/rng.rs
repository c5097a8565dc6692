//! Where does chance come from? Every decision is a function of (seed, domain, site), never of what was decided before.
//!
//! The three are encoded without loss into the 32-byte key of a ChaCha8 stream, so two decisions share bits only if they
//! are the same decision:
//!
//! ```text
//!  byte 0        8       16     20     24      25         26     28       32
//!       seed LE │ op LE │ conn │ pdu  │domain│ direction │ kind │ "ilab" │
//! ```
//!
//! A site is semantic (which connection, which operation, which PDU of it), never a count of events or draws. So taking one
//! fault or operation away leaves the others where they were, which is what lets a failing run be minimised.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

/// What a decision is about. Decisions of different domains never share bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Domain {
    /// Bytes on their way from the initiator to the target.
    NetOut = 1,
    /// Bytes on their way from the target to the initiator.
    NetIn = 2,
    /// Storage.
    Disk = 3,
    /// Timers and pauses.
    Clock = 4,
    /// What the initiators do.
    Workload = 5,
    /// Start, crash and restart of the target.
    Lifecycle = 6,
}

/// Where a decision is taken. Fields that mean nothing at a site are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Site {
    /// Connection key, or device number in the domain [`Domain::Disk`].
    pub conn: u32,
    /// 0 or 1; see [`Dir`](crate::net::Dir).
    pub dir: u8,
    /// The operation, by its stable id; the block address in the domain [`Domain::Disk`].
    pub op: u64,
    /// Ordinal of the PDU within the operation.
    pub pdu: u32,
    /// What kind of decision.
    pub kind: u16,
}

/// All randomness of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed {
    seed: u64,
}

impl Keyed {
    /// The decisions of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed.
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// The decision at `site`.
    pub fn at(self, domain: Domain, site: Site) -> Draw {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&site.op.to_le_bytes());
        key[16..20].copy_from_slice(&site.conn.to_le_bytes());
        key[20..24].copy_from_slice(&site.pdu.to_le_bytes());
        key[24] = domain as u8;
        key[25] = site.dir;
        key[26..28].copy_from_slice(&site.kind.to_le_bytes());
        key[28..].copy_from_slice(b"ilab");
        Draw(ChaCha8Rng::from_seed(key))
    }
}

/// The bits of one decision: as many as it needs.
#[derive(Clone, Debug)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// 64 fair bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        scale(self.bits(), bound)
    }

    /// A number from `low` to `high`, both included; `low` if they are the wrong way round.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// True in `per_million` of a million cases.
    pub fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// One of `items`; `None` if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len() as u64);
        items.get(usize::try_from(index).unwrap_or(0))
    }

    /// An exponentially distributed number with this mean. Integers only, so every machine draws the same.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let nats = minus_ln(self.bits());
        u64::try_from((u128::from(mean) * u128::from(nats)) >> 32).unwrap_or(u64::MAX)
    }

    /// Fills `out` with fair bits.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.0.fill_bytes(out);
    }
}

/// `bits` of 2^64 mapped to a number below `bound`.
pub(crate) fn scale(bits: u64, bound: u64) -> u64 {
    u64::try_from((u128::from(bits) * u128::from(bound)) >> 64).unwrap_or(0)
}

/// -ln((bits + 1/2) / 2^64) as a fixed-point number with 32 fractional bits, by repeated squaring.
fn minus_ln(bits: u64) -> u64 {
    const LN_2: u128 = 2_977_044_472; // ln(2) * 2^32
    let value = bits | 1;
    let zeros = value.leading_zeros();
    let mut mantissa = value << zeros; // 1.0 <= mantissa / 2^63 < 2.0
    let mut fraction: u64 = 0; // log2(mantissa / 2^63), 32 fractional bits
    for _ in 0..32 {
        let square = u128::from(mantissa) * u128::from(mantissa); // scaled by 2^126
        let carry = square >> 127 != 0;
        mantissa = u64::try_from(if carry { square >> 64 } else { square >> 63 }).unwrap_or(u64::MAX);
        fraction = fraction << 1 | u64::from(carry);
    }
    // log2(value / 2^64) = 63 - zeros - 64 + fraction, so its negative:
    let minus_log2 = (u64::from(zeros + 1) << 32) - fraction;
    u64::try_from((u128::from(minus_log2) * LN_2) >> 32).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(op: u64) -> Site {
        Site { conn: 2, dir: 1, op, pdu: 3, kind: 4 }
    }

    /// These numbers are part of the meaning of every seed ever written down: they must never change.
    #[test]
    fn known_answers() {
        let keyed = Keyed::new(42);
        let bits = |domain, site| keyed.at(domain, site).bits();
        assert_eq!(
            [
                bits(Domain::NetOut, Site::default()),
                bits(Domain::NetIn, Site::default()),
                bits(Domain::NetIn, site(7)),
                bits(Domain::Lifecycle, site(u64::MAX)),
            ],
            KNOWN
        );
        let mut draw = keyed.at(Domain::Disk, site(1));
        assert_eq!([draw.below(1000), draw.range(5, 9), draw.exponential(1_000_000)], KNOWN_DERIVED);
    }

    const KNOWN: [u64; 4] =
        [13880215422668475603, 8737924991200337405, 1039144030423096285, 4188313457419715749];
    const KNOWN_DERIVED: [u64; 3] = [888, 9, 47597];

    #[test]
    fn a_decision_does_not_depend_on_others() {
        let keyed = Keyed::new(1);
        let all: Vec<u64> = (0..50).map(|op| keyed.at(Domain::Workload, site(op)).bits()).collect();
        let without_seven: Vec<u64> =
            (0..50).filter(|op| *op != 7).map(|op| keyed.at(Domain::Workload, site(op)).bits()).collect();
        let mut expected = all.clone();
        expected.remove(7);
        assert_eq!(without_seven, expected);
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let base = Site { conn: 1, dir: 0, op: 1, pdu: 1, kind: 1 };
        let sites = [
            base,
            Site { conn: 2, ..base },
            Site { dir: 1, ..base },
            Site { op: 2, ..base },
            Site { pdu: 2, ..base },
            Site { kind: 2, ..base },
        ];
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..2 {
            for domain in [Domain::NetOut, Domain::NetIn, Domain::Disk, Domain::Clock] {
                for site in sites {
                    assert!(
                        seen.insert(Keyed::new(seed).at(domain, site).bits()),
                        "{seed} {domain:?} {site:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn distributions_are_what_they_say() {
        let keyed = Keyed::new(3);
        let mut total = 0;
        let mut hits = 0;
        for op in 0..4000 {
            let mut draw = keyed.at(Domain::Clock, site(op));
            let value = draw.range(10, 12);
            assert!((10..=12).contains(&value));
            total += draw.exponential(1000);
            hits += u32::from(draw.chance(250_000));
        }
        assert!((900..1100).contains(&(total / 4000)), "mean of exponential: {}", total / 4000);
        assert!((900..1100).contains(&hits), "a quarter of 4000: {hits}");
        assert_eq!(minus_ln(u64::MAX), 0);
        assert_eq!(minus_ln(1 << 63) >> 8, 2_977_044_472 >> 8);
    }
}
