//! Which faults happen by chance? Drawn from a profile, or taken from the record of an earlier run.

use super::{CrashVerb, DiskVerb, Outcome, Recorded, Verb};
use crate::clock::{MILLI, Nanos};
use crate::codec::{Kind, fields};
use crate::rng::{Domain, Draw, Keyed, Site, scale};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where faults come from.
#[derive(Clone, Debug, Default)]
pub enum Plan {
    /// No faults but those asked for one by one.
    #[default]
    None,
    /// Drawn at each site with these probabilities.
    Drawn(Profile),
    /// Exactly these; nothing is drawn.
    Explicit(BTreeMap<(Domain, Site), Vec<Outcome>>),
}

impl Plan {
    /// Plays back a record.
    pub fn explicit(records: impl IntoIterator<Item = Recorded>) -> Self {
        let mut map: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for record in records {
            map.entry((record.domain, record.site)).or_default().push(record.outcome);
        }
        Self::Explicit(map)
    }
}

/// Probabilities in a million, per PDU or per storage operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each probability is that of the verb of its name")]
pub struct Profile {
    pub split: u32,
    pub coalesce: u32,
    pub delay: u32,
    pub stall: u32,
    pub reset: u32,
    pub half_close: u32,
    pub close: u32,
    pub corrupt_bit: u32,
    pub drop: u32,
    pub dup: u32,
    pub swap: u32,
    pub corrupt_field: u32,
    /// Longest delay or stall.
    pub delay_max: Nanos,
    pub disk_slow: u32,
    pub disk_fail: u32,
    pub disk_rot: u32,
    pub crash_lost: u32,
    pub crash_torn: u32,
}

impl Profile {
    /// Faults that TCP or a slow disk cause on any day and that lose nothing.
    pub fn benign() -> Self {
        Self {
            split: 60_000,
            delay: 50_000,
            stall: 5_000,
            disk_slow: 50_000,
            delay_max: 200 * MILLI,
            ..Self::default()
        }
    }

    /// Everything.
    pub fn hostile() -> Self {
        Self {
            // It waits for PDUs that may never come, so it can end a login or a ping.
            coalesce: 5_000,
            reset: 2_000,
            half_close: 500,
            close: 1_000,
            corrupt_bit: 2_000,
            drop: 3_000,
            dup: 3_000,
            swap: 3_000,
            corrupt_field: 2_000,
            disk_fail: 10_000,
            crash_lost: 300_000,
            crash_torn: 300_000,
            ..Self::benign()
        }
    }
}

/// Decides and keeps the record.
#[derive(Clone, Debug)]
pub struct Planner {
    rng: Keyed,
    plan: Plan,
    record: Vec<Recorded>,
    lifted: bool,
}

impl Planner {
    /// Decides by `plan` with the randomness of `rng`.
    pub const fn new(rng: Keyed, plan: Plan) -> Self {
        Self { rng, plan, record: Vec::new(), lifted: false }
    }

    /// The run's randomness.
    pub const fn rng(&self) -> Keyed {
        self.rng
    }

    /// From now on decides with other randomness.
    pub const fn reseed(&mut self, rng: Keyed) {
        self.rng = rng;
    }

    /// From now on nothing goes wrong by chance.
    pub const fn lift(&mut self) {
        self.lifted = true;
    }

    /// True if anything can happen by chance.
    pub const fn is_active(&self) -> bool {
        !self.lifted && !matches!(self.plan, Plan::None)
    }

    /// Every outcome so far that was not the default.
    pub fn record(&self) -> &[Recorded] {
        &self.record
    }

    /// What happens to the PDU at `site`, whose kind is its opcode.
    pub fn pdu(&mut self, domain: Domain, site: Site) -> Vec<Verb> {
        self.decide(domain, site, |profile, words| profile.pdu(words, site.kind).map(Outcome::Net))
            .into_iter()
            .filter_map(|outcome| if let Outcome::Net(verb) = outcome { Some(verb) } else { None })
            .collect()
    }

    /// What happens to the storage operation at `site`.
    pub fn disk(&mut self, site: Site) -> Option<DiskVerb> {
        self.decide(Domain::Disk, site, |profile, words| profile.disk(words).map(Outcome::Disk))
            .into_iter()
            .find_map(|outcome| if let Outcome::Disk(verb) = outcome { Some(verb) } else { None })
    }

    /// What happens at a crash to `blocks` unsynced blocks at `site`.
    pub fn crash(&mut self, site: Site, blocks: u32) -> Option<CrashVerb> {
        self.decide(Domain::Disk, site, |profile, words| profile.crash(words, blocks).map(Outcome::Crash))
            .into_iter()
            .find_map(|outcome| if let Outcome::Crash(verb) = outcome { Some(verb) } else { None })
    }

    fn decide(
        &mut self,
        domain: Domain,
        site: Site,
        draw: impl FnOnce(&Profile, &Words) -> Option<Outcome>,
    ) -> Vec<Outcome> {
        if self.lifted {
            return Vec::new();
        }
        let outcomes: Vec<Outcome> = match &self.plan {
            Plan::None => return Vec::new(),
            Plan::Explicit(map) => map.get(&(domain, site)).cloned().unwrap_or_default(),
            Plan::Drawn(profile) => {
                draw(profile, &Words::new(&mut self.rng.at(domain, site))).into_iter().collect()
            }
        };
        let records = outcomes.iter().map(|outcome| Recorded { domain, site, outcome: outcome.clone() });
        self.record.extend(records);
        outcomes
    }
}

/// The bits of one site, by place: each kind of fault has its own word, so a new kind changes no old seed.
struct Words([u64; 24]);

impl Words {
    fn new(draw: &mut Draw) -> Self {
        Self(std::array::from_fn(|_| draw.bits()))
    }

    fn hit(&self, place: usize, per_million: u32) -> bool {
        per_million != 0 && scale(self.0[place], 1_000_000) < u64::from(per_million)
    }

    /// A parameter below `bound`; every kind may use the same two words, since only one kind happens at a site.
    fn below(&self, which: usize, bound: u64) -> u64 {
        scale(self.0[22 + which], bound)
    }

    fn below_u32(&self, which: usize, bound: u32) -> u32 {
        u32::try_from(self.below(which, u64::from(bound))).unwrap_or(0)
    }
}

impl Profile {
    /// The first kind that hits, rare and grave ones first.
    fn pdu(&self, words: &Words, opcode: u16) -> Option<Verb> {
        let span = || 1 + words.below(0, self.delay_max.max(1));
        let bit = || u8::try_from(words.below(1, 8)).unwrap_or(0);
        let table: [(u32, &dyn Fn() -> Verb); 12] = [
            (self.reset, &|| Verb::Reset),
            (self.close, &|| Verb::Close),
            (self.half_close, &|| Verb::HalfClose),
            (self.drop, &|| Verb::Drop),
            (self.dup, &|| Verb::Dup),
            (self.swap, &|| Verb::Swap),
            (self.corrupt_bit, &|| Verb::CorruptBit { byte: words.below_u32(0, 96), bit: bit() }),
            (self.stall, &|| Verb::Stall(span())),
            (self.coalesce, &|| Verb::Coalesce(1 + words.below_u32(0, 3))),
            (self.split, &|| Verb::Split(1 + words.below_u32(0, 95))),
            (self.delay, &|| Verb::Delay(span())),
            (self.corrupt_field, &|| field_verb(words, opcode)),
        ];
        table
            .iter()
            .enumerate()
            .find(|(place, (rate, _))| words.hit(*place, *rate))
            .map(|(_, (_, verb))| verb())
    }

    fn disk(&self, words: &Words) -> Option<DiskVerb> {
        if words.hit(0, self.disk_fail) {
            Some(DiskVerb::Fail)
        } else if words.hit(1, self.disk_rot) {
            let bit = u8::try_from(words.below(1, 8)).unwrap_or(0);
            Some(DiskVerb::Rot { byte: words.below_u32(0, 4096), bit })
        } else if words.hit(2, self.disk_slow) {
            Some(DiskVerb::Slow(1 + words.below(0, self.delay_max.max(1))))
        } else {
            None
        }
    }

    fn crash(&self, words: &Words, blocks: u32) -> Option<CrashVerb> {
        if words.hit(0, self.crash_lost) {
            Some(CrashVerb::Lost)
        } else if blocks > 1 && words.hit(1, self.crash_torn) {
            Some(CrashVerb::Torn(1 + words.below_u32(0, blocks - 1)))
        } else {
            None
        }
    }
}

/// Another value for a field of such a PDU, with its digests computed anew or not. The lengths stay: a PDU that ends elsewhere is what
/// a flipped bit is for.
fn field_verb(words: &Words, opcode: u16) -> Verb {
    let kind = u8::try_from(opcode).ok().and_then(Kind::of_opcode).unwrap_or(Kind::NopOut);
    let fits = |name: &str| !matches!(name, "TotalAHSLength" | "DataSegmentLength" | "CDB");
    let names: Vec<_> = fields(kind).iter().filter(|field| fits(field.name)).collect();
    let nth = usize::try_from(words.below(0, names.len() as u64)).unwrap_or(0);
    let (name, width) = names.get(nth).map_or(("ITT", 32), |field| (field.name, field.width()));
    // Small numbers reach more than random ones: neighbours, other codes, other tasks.
    let bound = if words.below(1, 2) == 0 { 4 } else { 1_u64.checked_shl(width).unwrap_or(u64::MAX) };
    let value = scale(words.0[21], bound.min(1_u64.checked_shl(width).unwrap_or(u64::MAX)));
    Verb::CorruptField { field: name.to_owned(), value, fix_digest: words.0[20] & 1 == 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(pdu: u32) -> Site {
        Site { conn: 1, dir: 0, op: 4, pdu, kind: 1 }
    }

    #[test]
    fn a_record_played_back_decides_the_same() {
        let mut drawn =
            Planner::new(Keyed::new(9), Plan::Drawn(Profile { drop: 300_000, ..Profile::hostile() }));
        let first: Vec<_> = (0..200).map(|pdu| drawn.pdu(Domain::NetOut, site(pdu))).collect();
        assert!(first.iter().filter(|verbs| !verbs.is_empty()).count() > 50);
        assert_eq!(drawn.record().len(), first.iter().flatten().count(), "only what differs is recorded");
        let mut played = Planner::new(Keyed::new(9), Plan::explicit(drawn.record().to_vec()));
        let second: Vec<_> = (0..200).map(|pdu| played.pdu(Domain::NetOut, site(pdu))).collect();
        assert_eq!(first, second);
        assert_eq!(drawn.record(), played.record());
    }

    #[test]
    fn switching_one_kind_off_leaves_the_others_where_they_were() {
        let draw = |profile: Profile| {
            let mut planner = Planner::new(Keyed::new(5), Plan::Drawn(profile));
            (0..500).map(|pdu| planner.pdu(Domain::NetIn, site(pdu))).collect::<Vec<_>>()
        };
        let with = draw(Profile::hostile());
        let without = draw(Profile { delay: 0, ..Profile::hostile() });
        for (with, without) in with.iter().zip(&without) {
            assert!(with == without || (matches!(with[..], [Verb::Delay(_)]) && without.is_empty()));
        }
        assert_ne!(with, without);
    }

    #[test]
    fn lifted_faults_stay_away() {
        let mut planner =
            Planner::new(Keyed::new(5), Plan::Drawn(Profile { drop: 1_000_000, ..Profile::default() }));
        assert_eq!(planner.pdu(Domain::NetIn, site(0)), [Verb::Drop]);
        planner.lift();
        assert!(planner.pdu(Domain::NetIn, site(1)).is_empty());
        assert!(!planner.is_active());
    }
}
