//! Making plain: waits and delays to none or round numbers, sizes to one block, keys and options to what is usual.

use super::Search;
use super::passes::take;
use initiator_sim::fault::{CrashVerb, DiskVerb, Outcome, Verb};
use initiator_sim::workload::{Case, Faults, What};
use serde::Serialize;
use serde::de::DeserializeOwned;

const MILLI: u64 = 1_000_000;

/// All values, once each.
pub(super) fn all(search: &mut Search, best: &mut Case) {
    options(search, best);
    for at in 0..best.steps.len() {
        for change in PLAIN_STEP {
            let mut plain = best.clone();
            let Some(op) = plain.steps.get_mut(at) else { break };
            change(&mut op.wait, &mut op.what);
            take(search, best, vec![plain]);
        }
        keys(search, best, at);
    }
    for at in 0..best.faults.len() {
        let mut plain = best.clone();
        let Faults::Listed(faults) = &mut plain.faults else { break };
        let Some(fault) = faults.get_mut(at) else { break };
        plain_outcome(&mut fault.outcome);
        take(search, best, vec![plain]);
    }
}

/// Whole parts first, then option by option.
fn options(search: &mut Search, best: &mut Case) {
    let usual = Case {
        target: Default::default(),
        net: Default::default(),
        disk: Default::default(),
        ..best.clone()
    };
    let depths = vec![1; best.depths.len()];
    let mut used = best.clone();
    // Clients at the end that do nothing need not be.
    while used.depths.len() > 1 && used.steps.iter().all(|op| (op.client as usize) < used.depths.len() - 1) {
        used.depths.pop();
    }
    take(search, best, vec![usual]);
    for candidate in [
        used,
        Case { depths, ..best.clone() },
        Case { net: Default::default(), ..best.clone() },
        Case { disk: Default::default(), ..best.clone() },
    ] {
        take(search, best, vec![candidate]);
    }
    members(search, best, |case| &mut case.target);
    members(search, best, |case| &mut case.net.out);
    members(search, best, |case| &mut case.net.inward);
}

/// Sets each member of a part to its default.
fn members<T>(search: &mut Search, best: &mut Case, part: fn(&mut Case) -> &mut T)
where
    T: Serialize + DeserializeOwned + Default,
{
    let Ok(serde_json::Value::Object(usual)) = serde_json::to_value(T::default()) else { return };
    for (key, value) in usual {
        let mut plain = best.clone();
        let Ok(mut tree) = serde_json::to_value(&*part(&mut plain)) else { return };
        if tree.get(&key) == Some(&value) {
            continue;
        }
        tree[key] = value;
        let Ok(changed) = serde_json::from_value(tree) else { continue };
        *part(&mut plain) = changed;
        take(search, best, vec![plain]);
    }
}

/// Drops the keys of a login, one by one.
fn keys(search: &mut Search, best: &mut Case, at: usize) {
    let mut key = 0;
    loop {
        let mut plain = best.clone();
        match plain.steps.get_mut(at).map(|op| &mut op.what) {
            Some(What::Login { keys, .. }) if key < keys.len() => {
                keys.remove(key);
            }
            _ => return,
        }
        if !take(search, best, vec![plain]) {
            key += 1;
        }
    }
}

/// Ways to make a step plainer; each is tried alone.
const PLAIN_STEP: [fn(&mut u64, &mut What); 6] = [
    |wait, _| *wait = 0,
    |_, what| match what {
        What::Read { blocks, .. } | What::Write { blocks, .. } | What::Verify { blocks, .. } => *blocks = 1,
        What::Rewrite { blocks, .. } => *blocks = 1,
        What::BadBlocks { blocks, .. } => *blocks = 1,
        What::Ping { len, .. } => *len = 0,
        What::Hostile { bytes } => bytes.truncate(48),
        _ => {}
    },
    |_, what| match what {
        What::Read { lba, .. }
        | What::Write { lba, .. }
        | What::Verify { lba, .. }
        | What::Rewrite { lba, .. } => {
            *lba = 0;
        }
        What::Hostile { bytes } => bytes.truncate(bytes.len() / 2),
        _ => {}
    },
    |_, what| match what {
        What::Login { target, .. } => *target = 0,
        What::Write { fua, solicited, .. } => (*fua, *solicited) = (false, false),
        What::HangUp { reset } | What::Leave { reset } => *reset = false,
        What::Ping { immediate, .. } => *immediate = false,
        _ => {}
    },
    |_, what| match what {
        What::Read { lun, .. }
        | What::Write { lun, .. }
        | What::Verify { lun, .. }
        | What::Rewrite { lun, .. }
        | What::Sync { lun }
        | What::Cdb { lun, .. }
        | What::Order { lun, .. }
        | What::Tmf { lun, .. } => *lun = 0,
        _ => {}
    },
    |_, what| match what {
        What::Clog { time } | What::Partition { time } | What::Crash { time } | What::Freeze { time } => {
            *time = round(*time)
        }
        What::StallDisk { time, .. } => *time = round(*time),
        _ => {}
    },
];

fn plain_outcome(outcome: &mut Outcome) {
    match outcome {
        Outcome::Net(Verb::Delay(time) | Verb::Stall(time)) | Outcome::Disk(DiskVerb::Slow(time)) => {
            *time = round(*time);
        }
        Outcome::Net(Verb::Coalesce(count)) => *count = 1,
        Outcome::Net(Verb::CorruptBit { bit, .. }) => *bit = 0,
        Outcome::Net(Verb::CorruptField { value, .. }) => *value = 0,
        Outcome::Disk(DiskVerb::Rot { byte, bit }) => (*byte, *bit) = (0, 0),
        Outcome::Crash(verb @ CrashVerb::Torn(_)) => *verb = CrashVerb::Lost,
        _ => {}
    }
}

/// To one digit, in whole milliseconds where there are any.
const fn round(time: u64) -> u64 {
    let mut unit = if time >= MILLI { MILLI } else { 1 };
    while time / unit >= 10 {
        unit *= 10;
    }
    time / unit * unit
}
