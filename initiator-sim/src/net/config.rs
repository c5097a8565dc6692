//! How slow and how lumpy is the network?

use crate::clock::{MICRO, MILLI, Nanos};
use crate::rng::{Draw, Keyed, Site};
use serde::{Deserialize, Serialize};

/// Both directions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetConfig {
    /// Initiator to target.
    pub out: LaneConfig,
    /// Target to initiator.
    pub inward: LaneConfig,
}

impl NetConfig {
    /// The same both ways.
    pub fn both(lane: LaneConfig) -> Self {
        Self { out: lane.clone(), inward: lane }
    }
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LaneConfig {
    /// Time from sending to arriving.
    pub latency: Latency,
    /// How writes are cut.
    pub chunk: Chunking,
    /// Writes that follow each other within this time travel as one chunk; 0 for never.
    pub coalesce: Nanos,
    /// Bytes that can be under way or unread before the sender has to wait.
    pub buffer: usize,
    /// Probability, in a million, that a chunk is lost and comes only when sent again.
    pub loss: u32,
    /// What a retransmission costs.
    pub retransmit: Nanos,
}

impl Default for LaneConfig {
    fn default() -> Self {
        Self {
            latency: Latency::Fixed(50 * MICRO),
            chunk: Chunking::Whole,
            coalesce: 0,
            buffer: 256 << 10,
            loss: 0,
            retransmit: 200 * MILLI,
        }
    }
}

/// Distribution of the time from sending to arriving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Latency {
    /// Always the same.
    Fixed(Nanos),
    /// Evenly between the two.
    Uniform {
        /// Least.
        low: Nanos,
        /// Most.
        high: Nanos,
    },
    /// A least time and an exponential tail.
    Exponential {
        /// Least.
        base: Nanos,
        /// Mean of what comes on top.
        mean: Nanos,
    },
    /// Mostly fast, sometimes slow.
    Bimodal {
        /// The usual time.
        fast: Nanos,
        /// The other time.
        slow: Nanos,
        /// How often the other, in a million.
        slow_rate: u32,
    },
    /// Drawn evenly once for each connection.
    PerPair {
        /// Least.
        low: Nanos,
        /// Most.
        high: Nanos,
    },
}

impl Latency {
    /// The time, if it takes no draw.
    pub const fn fixed(&self) -> Option<Nanos> {
        if let Self::Fixed(time) = self { Some(*time) } else { None }
    }

    pub(crate) fn draw(&self, draw: &mut Draw) -> Nanos {
        match *self {
            Self::Fixed(time) => time,
            Self::Uniform { low, high } | Self::PerPair { low, high } => draw.range(low, high),
            Self::Exponential { base, mean } => base.saturating_add(draw.exponential(mean)),
            Self::Bimodal { fast, slow, slow_rate } => {
                if draw.chance(slow_rate) {
                    slow
                } else {
                    fast
                }
            }
        }
    }
}

/// How writes are cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chunking {
    /// Not at all.
    Whole,
    /// Into pieces of so many bytes.
    Fixed(usize),
    /// Into pieces of a random size.
    Random {
        /// Least.
        min: usize,
        /// Most.
        max: usize,
    },
}

const LATENCY: u16 = 0x100;
const CHUNK: u16 = 0x101;
const LOSS: u16 = 0x102;
const PAIR: u16 = 0x103;

impl LaneConfig {
    /// True if what happens to a chunk takes a draw.
    pub fn is_random(&self) -> bool {
        !matches!(self.latency, Latency::Fixed(_))
            || matches!(self.chunk, Chunking::Random { .. })
            || self.loss > 0
    }

    /// How long the next chunk may be.
    pub(super) fn chunk_len(&self, rng: Keyed, dir: super::Dir, site: Site) -> usize {
        match self.chunk {
            Chunking::Whole => usize::MAX,
            Chunking::Fixed(len) => len.max(1),
            Chunking::Random { min, max } => {
                let mut draw = rng.at(dir.domain(), Site { kind: CHUNK, ..site });
                usize::try_from(draw.range(min.max(1) as u64, max as u64)).unwrap_or(1)
            }
        }
    }

    /// How long the chunk at `site` is under way.
    pub(super) fn travel(&self, rng: Keyed, dir: super::Dir, site: Site) -> Nanos {
        let time = match &self.latency {
            Latency::Fixed(time) => *time,
            pair @ Latency::PerPair { .. } => {
                let site = Site { conn: site.conn, dir: site.dir, kind: PAIR, ..Site::default() };
                pair.draw(&mut rng.at(dir.domain(), site))
            }
            other => other.draw(&mut rng.at(dir.domain(), Site { kind: LATENCY, ..site })),
        };
        if self.loss == 0 {
            return time;
        }
        let mut draw = rng.at(dir.domain(), Site { kind: LOSS, ..site });
        let mut timeout = self.retransmit;
        let mut total = time;
        // Each retransmission waits twice as long as the one before, and the sixth gets through.
        for _ in 0..6 {
            if !draw.chance(self.loss) {
                break;
            }
            total = total.saturating_add(timeout);
            timeout = timeout.saturating_mul(2);
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Dir;

    fn travels(latency: Latency, loss: u32) -> Vec<Nanos> {
        let lane = LaneConfig { latency, loss, retransmit: 1000, ..LaneConfig::default() };
        (0..300)
            .map(|op| {
                lane.travel(Keyed::new(1), Dir::Out, Site { conn: (op / 150) as u32, op, ..Site::default() })
            })
            .collect()
    }

    #[test]
    fn each_distribution_keeps_its_word() {
        assert!(travels(Latency::Fixed(7), 0).iter().all(|time| *time == 7));
        let uniform = travels(Latency::Uniform { low: 10, high: 20 }, 0);
        assert!(
            uniform.iter().all(|time| (10..=20).contains(time))
                && uniform.contains(&10)
                && uniform.contains(&20)
        );
        assert!(travels(Latency::Exponential { base: 5, mean: 100 }, 0).iter().all(|time| *time >= 5));
        let bimodal = travels(Latency::Bimodal { fast: 1, slow: 99, slow_rate: 200_000 }, 0);
        let slow = bimodal.iter().filter(|time| **time == 99).count();
        assert!((30..100).contains(&slow) && bimodal.iter().all(|time| [1, 99].contains(time)), "{slow}");
        let pair = travels(Latency::PerPair { low: 1, high: 1_000_000 }, 0);
        assert!(
            pair[..150].iter().all(|time| *time == pair[0])
                && pair[150..].iter().all(|time| *time == pair[150])
        );
        assert_ne!(pair[0], pair[150]);
    }

    #[test]
    fn loss_is_a_delay_of_whole_retransmissions() {
        let times = travels(Latency::Fixed(7), 300_000);
        assert!(times.iter().all(|time| [7, 1007, 3007, 7007, 15007, 31007, 63007].contains(time)));
        assert!(times.iter().filter(|time| **time > 7).count() > 50);
    }
}
