//! How does a sweep look in a report? A group for each profile: each seed that failed is a case, all that passed are one together,
//! for there may be millions.

use super::{CaseResult, FailureResult, Outcome, Results, Suite};
use crate::sweep::{Found, Ran};
use initiator_sim::clock::show;
use initiator_sim::trace::hash_bytes;
use std::collections::BTreeMap;

/// The seeds of a sweep, as they come.
#[derive(Clone, Debug, Default)]
pub struct Seeds {
    profiles: BTreeMap<&'static str, Profile>,
}

#[derive(Clone, Debug, Default)]
struct Profile {
    passed: u64,
    first: u64,
    virtual_ns: u64,
    /// Of all traces, the same for any order.
    hash: u64,
    cases: Vec<CaseResult>,
    failures: Vec<FailureResult>,
}

impl Seeds {
    /// Adds a run; `found` is what was told of one that failed.
    pub fn add(&mut self, ran: &Ran, found: Option<&Found>) {
        let name = ran.case.profile.name();
        let profile = self.profiles.entry(name).or_default();
        let (time, hash) = ran.report.as_ref().map_or((0, None), |it| (it.virtual_time, Some(it.trace_hash)));
        let Some(found) = found else {
            if profile.passed == 0 {
                profile.first = ran.seed;
            }
            profile.passed += 1;
            profile.virtual_ns = profile.virtual_ns.saturating_add(time);
            let of_seed = hash_bytes(ran.seed, &hash.unwrap_or(0).to_le_bytes());
            profile.hash = profile.hash.wrapping_add(of_seed);
            return;
        };
        let label = format!("seed {}", ran.seed);
        let signature = found.failure.signature.to_string();
        let again = format!("again: iscsi-lab replay --seed {} --profile {name}", ran.seed);
        let violation = ran.report.as_ref().and_then(|report| report.violations.first());
        profile.failures.push(FailureResult {
            case: format!("sweep/{name}[{label}]"),
            class: found.failure.signature.class.clone(),
            signature: signature.clone(),
            file: found.file.clone(),
            line: found.file.is_some().then_some(1),
            column: found.file.is_some().then_some(1),
            headline: found.failure.text.clone(),
            details: ran.case.options().into_iter().chain([again]).collect(),
            time: violation.map_or_else(String::new, |violation| format!("{} s", show(violation.at))),
            ..FailureResult::default()
        });
        profile.cases.push(CaseResult {
            label,
            verdict: Outcome::Failed,
            reason: Some(signature),
            seed: ran.seed,
            time_ns: time,
            hash: hash.map(|hash| format!("{hash:016x}")),
        });
    }

    /// The report.
    pub fn results(self) -> Results {
        let suite = |(name, profile): (&'static str, Profile)| {
            let Profile { passed, first, virtual_ns, hash, mut cases, failures } = profile;
            let seeds = passed + cases.len() as u64;
            if passed > 0 {
                cases.insert(
                    0,
                    CaseResult {
                        label: format!("{passed} seeds that passed"),
                        seed: first,
                        time_ns: virtual_ns,
                        hash: Some(format!("{hash:016x}")),
                        ..CaseResult::default()
                    },
                );
            }
            Suite {
                name: format!("sweep/{name}"),
                title: format!("{seeds} seeds drawn as {name} break no rule"),
                level: "must".to_owned(),
                tags: vec!["sweep".to_owned()],
                cases,
                failures,
                ..Suite::default()
            }
        };
        Results::new(self.profiles.into_iter().map(suite).collect(), Vec::new())
    }
}
