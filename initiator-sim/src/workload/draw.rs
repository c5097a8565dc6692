//! What does a seed mean? Drawn from it: the target and its limits, disks, network and faults.
//!
//! Every choice has its own site, so adding one here changes nothing else that a seed means.

use super::case::{Case, Chap, Faults, TargetOptions};
use super::program::{self, Units};
use super::theme::Theme;
use crate::clock::{MICRO, MILLI, SECOND};
use crate::disk::{CancelPolicy, DiskConfig};
use crate::net::{Chunking, LaneConfig, Latency, NetConfig};
use crate::rng::{Domain, Draw, Keyed, Site};

/// The most that a clock drifts, in millionths.
const DRIFT_MAX: u64 = 50_000;

fn option(rng: Keyed, kind: u16) -> Draw {
    rng.at(Domain::Workload, Site { kind, ..Site::default() })
}

pub(super) fn client_draw(rng: Keyed, client: u32, kind: u16) -> Draw {
    rng.at(Domain::Workload, Site { conn: client + 1, kind, ..Site::default() })
}

/// All that `seed` decides.
pub(super) fn case(seed: u64, theme: Theme) -> Case {
    let rng = Keyed::new(seed);
    let (profile, honest) = theme.faults(rng);
    let target = target(rng, theme);
    let clients = u32::try_from(option(rng, 2).range(1, 3)).unwrap_or(1);
    let depths = (0..clients)
        .map(|client| usize::try_from(client_draw(rng, client, 1).range(1, 8)).unwrap_or(1))
        .collect();
    let steps = program::steps(rng, clients, theme, Units { targets: target.targets, luns: target.luns });
    let faults = if theme == Theme::Lite { Faults::None } else { Faults::Drawn(profile) };
    Case { seed, profile: theme, honest, disk: disk(rng), net: net(rng), depths, faults, steps, target }
}

fn target(rng: Keyed, theme: Theme) -> TargetOptions {
    let mut draw = option(rng, 3);
    let block_size = if draw.chance(300_000) { 4096 } else { 512 };
    let luns = u16::try_from(draw.range(1, 2)).unwrap_or(1);
    let mut draw = option(rng, 4);
    let commands = *draw.pick(&[128, 32, 8, 2, 1]).unwrap_or(&128);
    let immediate = *draw.pick(&[32, 8, 2]).unwrap_or(&32);
    let held_bytes = *draw.pick(&[64 << 20, 4 << 20, 2 << 20]).unwrap_or(&(64 << 20));
    let mut draw = option(rng, 5);
    let max_recv_data_segment_length = *draw.pick(&[262_144, 65_536, 8192, 4096, 512]).unwrap_or(&8192);
    let max_burst_length = *draw.pick(&[1 << 20, 262_144, 16_384, 4096, 512]).unwrap_or(&262_144);
    let first = *draw.pick(&[262_144, 65_536, 8192, 512]).unwrap_or(&65_536);
    let initial_r2t = draw.chance(300_000);
    let immediate_data = draw.chance(700_000);
    let max_outstanding_r2t = *draw.pick(&[8, 1, 2]).unwrap_or(&1);
    let mut draw = option(rng, 9);
    let recovers = theme.recovers();
    let level = u8::try_from(draw.below(3)).unwrap_or(0);
    let connections = *draw.pick(&[1, 2, 4]).unwrap_or(&1);
    let mut draw = option(rng, 10);
    let nop_interval = *draw.pick(&[30 * SECOND, SECOND, 100 * MILLI]).unwrap_or(&SECOND);
    let mut other = option(rng, 11);
    let targets = if other.chance(200_000) { 2 } else { 1 };
    let chap = *other.pick(&[Chap::No, Chap::No, Chap::No, Chap::OneWay, Chap::Mutual]).unwrap_or(&Chap::No);
    TargetOptions {
        targets,
        luns,
        chap,
        block_size,
        commands,
        immediate,
        held_bytes,
        max_connections: if recovers { connections } else { 1 },
        max_recv_data_segment_length,
        max_burst_length,
        first_burst_length: first.min(max_burst_length),
        initial_r2t,
        immediate_data,
        max_outstanding_r2t,
        data_pdu_in_order: !draw.chance(200_000),
        data_sequence_in_order: !draw.chance(200_000),
        error_recovery_level: if recovers { level } else { 0 },
        nop_interval,
        write_cache: !draw.chance(200_000),
        drift_ppm: drift(rng, theme),
        ..TargetOptions::default()
    }
}

/// A clock that is wrong by up to a twentieth: more than any quartz, less than any timer here is short of another.
fn drift(rng: Keyed, theme: Theme) -> i32 {
    let mut draw = rng.at(Domain::Clock, Site::default());
    if theme == Theme::Lite || !draw.chance(100_000) {
        return 0;
    }
    let ppm = i32::try_from(draw.range(1, DRIFT_MAX)).unwrap_or(1);
    if draw.chance(500_000) { ppm } else { -ppm }
}

fn disk(rng: Keyed) -> DiskConfig {
    let mut draw = option(rng, 6);
    let latency = match draw.below(4) {
        0 => Latency::Fixed(0),
        1 => Latency::Fixed(80 * MICRO),
        2 => Latency::Exponential { base: 20 * MICRO, mean: MILLI },
        _ => Latency::Bimodal { fast: 50 * MICRO, slow: 30 * MILLI, slow_rate: 50_000 },
    };
    let cancel = if draw.chance(500_000) { CancelPolicy::Late } else { CancelPolicy::Prompt(10 * MICRO) };
    DiskConfig { latency, cancel, ..DiskConfig::default() }
}

fn net(rng: Keyed) -> NetConfig {
    let lane = |kind| {
        let mut draw = option(rng, kind);
        let latency = match draw.below(5) {
            0 | 1 => Latency::Fixed(50 * MICRO),
            2 => Latency::Uniform { low: 10 * MICRO, high: 2 * MILLI },
            3 => Latency::Bimodal { fast: 50 * MICRO, slow: 40 * MILLI, slow_rate: 20_000 },
            _ => Latency::PerPair { low: 10 * MICRO, high: 20 * MILLI },
        };
        let chunk = match draw.below(4) {
            0 | 1 => Chunking::Whole,
            2 => Chunking::Fixed(1448),
            _ => Chunking::Random { min: 1, max: 4096 },
        };
        let coalesce = if draw.chance(200_000) { 500 * MICRO } else { 0 };
        let buffer = *draw.pick(&[256 << 10, 64 << 10, 4096]).unwrap_or(&65_536);
        let loss = if draw.chance(200_000) { 2000 } else { 0 };
        LaneConfig { latency, chunk, coalesce, buffer, loss, ..LaneConfig::default() }
    };
    NetConfig { out: lane(7), inward: lane(8) }
}
