//! How fast is the simulator, with every check and the trace hash on? On one thread, in turns with a bare event loop, so that the ratio
//! counts and not the machine. Seconds are those of the processor, not of the clock on the wall.
//!
//! The bare loop takes events from a queue, hashes 48 bytes for each and plans the next: what any simulator does at least.

use crate::runner::definitions;
use crate::sweep::run_seed;
use initiator_sim::clock::{MICRO, MILLI, Nanos, SECOND};
use initiator_sim::fault::plan::{Plan, Profile};
use initiator_sim::initiator::{CommandPlan, LoginPlan};
use initiator_sim::net::{LaneConfig, Latency, NetConfig};
use initiator_sim::oracle::ProbeDefinitions;
use initiator_sim::queue::Queue;
use initiator_sim::trace::hash_bytes;
use initiator_sim::workload::client::{Client, Outcome};
use initiator_sim::workload::{PORTAL, TARGET, TargetOptions};
use initiator_sim::world::{Seen, World, WorldConfig};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

const INITIATOR: &str = "iqn.2007-07.com.example:bench";
/// Seeds whose runs show how much memory a worker takes.
const SEEDS: u64 = 300;
/// Rounds of which the median counts.
const ROUNDS: usize = 5;

/// The table.
#[derive(Clone, Debug, Serialize)]
pub struct SimReport {
    /// One line each.
    pub rows: Vec<Row>,
    /// Most memory that the process has held, in bytes; 0 where the system does not tell.
    pub memory: u64,
    /// What is below its floor, by name.
    pub below: Vec<&'static str>,
}

/// One measurement: the median of the rounds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was done.
    pub name: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// So many a second.
    pub rate: f64,
    /// At least so many there have to be, if that was asked for.
    pub floor: Option<f64>,
    /// Events of traces a second, of the world or of the bare loop.
    pub events: f64,
    /// How many times as long as a bare loop an event takes, measured in the same rounds.
    pub times_bare: f64,
}

/// What one piece of work was.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    /// In the unit of the row.
    units: f64,
    /// Events of the trace.
    events: u64,
}

/// A row before it is measured.
struct Bench {
    name: &'static str,
    unit: &'static str,
    floor: Option<f64>,
    work: fn(u64) -> Result<Done, String>,
}

const BENCHES: [Bench; 6] = [
    Bench { name: "a bare event loop", unit: "events/s", floor: None, work: bare },
    Bench {
        name: "whole sessions: connect, login, 10 commands with faults, logout",
        unit: "sessions/s",
        floor: Some(10_000.0),
        work: sessions,
    },
    Bench { name: "pings at depth 32", unit: "PDUs/s", floor: Some(500_000.0), work: pings },
    Bench {
        name: "reads of 4 KiB in 512-byte Data-Ins at depth 32",
        unit: "PDUs/s",
        floor: None,
        work: reads,
    },
    // An hour in at most a millisecond.
    Bench { name: "idle keep-alives every 30 s", unit: "hours/s", floor: Some(1_000.0), work: idle },
    Bench {
        name: "1 ms latency, a command a second",
        unit: "virtual s/s",
        floor: Some(10_000.0),
        work: calm,
    },
];

/// Measures everything, `time` for each row altogether.
///
/// # Errors
/// Something did not go as it has to: the numbers would mean nothing.
pub fn run(time: Duration) -> Result<SimReport, String> {
    let share = time / u32::try_from(ROUNDS).unwrap_or(1);
    let mut measured: Vec<Vec<(f64, f64)>> = vec![Vec::new(); BENCHES.len()];
    let mut bare_events = Vec::new();
    for round in 0..ROUNDS {
        for (bench, results) in BENCHES.iter().zip(&mut measured) {
            let result = one_round(bench, round as u64, share)?;
            if bench.floor.is_none() && bench.unit == "events/s" {
                bare_events.push(result.1);
            }
            results.push(result);
        }
    }
    let rows: Vec<Row> = BENCHES
        .iter()
        .zip(measured)
        .map(|(bench, results)| {
            let events = median(results.iter().map(|(_, events)| *events));
            let ratios = results.iter().zip(&bare_events).map(|((_, events), bare)| bare / events.max(1.0));
            Row {
                name: bench.name,
                unit: bench.unit,
                rate: median(results.iter().map(|(rate, _)| *rate)),
                floor: bench.floor,
                events,
                times_bare: median(ratios),
            }
        })
        .collect();
    for seed in 0..SEEDS {
        if let Some(failure) = run_seed(seed, None, false).failure {
            return Err(format!("seed {seed}: {}", failure.text));
        }
    }
    let below = rows.iter().filter(|row| row.floor.is_some_and(|floor| row.rate < floor));
    let below = below.map(|row| row.name).collect();
    Ok(SimReport { rows, memory: peak_memory(), below })
}

/// Units and events a second.
fn one_round(bench: &Bench, round: u64, share: Duration) -> Result<(f64, f64), String> {
    let began = cpu_time();
    let (mut units, mut events, mut turn) = (0.0, 0, 0);
    while cpu_time() - began < share.as_secs_f64() {
        let done = (bench.work)(round << 32 | turn)?;
        units += done.units;
        events += done.events;
        turn += 1;
    }
    let seconds = (cpu_time() - began).max(1e-9);
    Ok((units / seconds, events as f64 / seconds))
}

/// Seconds that this thread has had a processor: what else runs on the machine must not count.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// High-water mark of the resident set, from the kernel.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

fn bare(turn: u64) -> Result<Done, String> {
    const EVENTS: u64 = 100_000;
    let mut queue = Queue::default();
    for at in 0..64 {
        queue.schedule(at, at);
    }
    let (mut hash, mut payload) = (turn, [0; 48]);
    for _ in 0..EVENTS {
        let Some(event) = queue.pop() else { break };
        payload[..8].copy_from_slice(&event.to_le_bytes());
        hash = hash_bytes(hash, &payload);
        queue.schedule(queue.now() + 1 + hash % 64, event);
    }
    // Used, so that it is computed.
    if hash == 0 { Err("a hash of 0".to_owned()) } else { Ok(Done { units: EVENTS as f64, events: EVENTS }) }
}

fn probes() -> Result<Arc<ProbeDefinitions>, String> {
    definitions()
}

fn world(seed: u64, options: &TargetOptions, latency: Nanos, plan: Plan) -> Result<World, String> {
    let net = NetConfig::both(LaneConfig { latency: Latency::Fixed(latency), ..LaneConfig::default() });
    let definitions = Some(probes()?);
    let config =
        WorldConfig { seed, target: options.config(), net, plan, definitions, ..WorldConfig::default() };
    World::new(config).map_err(|error| format!("{error:?}"))
}

/// A client that has logged in.
fn log_in(world: &mut World, plan: LoginPlan) -> Result<Client, String> {
    let ends = (PORTAL, ([192, 0, 2, 10], 50_000).into());
    let mut client = Client::connect(world, 1, ends, (INITIATOR, TARGET), 1);
    client.login(world, 1, plan);
    finish(world, &mut client)?;
    Ok(client)
}

/// Steps the world until the client has nothing under way.
fn finish(world: &mut World, client: &mut Client) -> Result<(), String> {
    while client.pending() > 0 {
        let Some(seen) = world.next_seen(world.now() + 600 * SECOND) else { break };
        client.see(world, &seen);
    }
    if client.pending() > 0 {
        return Err("a request was not answered".to_owned());
    }
    Ok(())
}

/// What has gone well: nothing that a check has found, and every command GOOD but the first, which hears of the power on.
fn judged(world: &World, client: &mut Client) -> Result<(), String> {
    if let Some(violation) = world.violations().first() {
        return Err(violation.to_string());
    }
    let bad = client.take_done().into_iter().filter(|(op, outcome)| match outcome {
        Outcome::Command(outcome) => *op > 2 && outcome.status != 0,
        _ => false,
    });
    match bad.count() {
        0 => Ok(()),
        count => Err(format!("{count} commands did not end well")),
    }
}

fn read(lba: u32, blocks: u16) -> CommandPlan {
    let ([a, b, c, d], [e, f]) = (lba.to_be_bytes(), blocks.to_be_bytes());
    let cdb = vec![0x28, 0, a, b, c, d, 0, e, f, 0];
    CommandPlan { read_len: u32::from(blocks) * 512, cdb, ..CommandPlan::default() }
}

fn write(lba: u32, blocks: u16) -> CommandPlan {
    let ([a, b, c, d], [e, f]) = (lba.to_be_bytes(), blocks.to_be_bytes());
    let data = vec![lba as u8 | 1; usize::from(blocks) * 512];
    let cdb = vec![0x2a, 0, a, b, c, d, 0, e, f, 0];
    CommandPlan { write_len: data.len() as u32, data: data.into(), cdb, ..CommandPlan::default() }
}

/// A world, and one whole session in it.
fn sessions(turn: u64) -> Result<Done, String> {
    let profile = Profile { delay_max: 2 * MILLI, ..Profile::benign() };
    let mut world = world(turn, &TargetOptions::default(), 50 * MICRO, Plan::Drawn(profile))?;
    let mut client = log_in(&mut world, LoginPlan::default())?;
    for op in 2..12 {
        let plan = match op {
            2 => CommandPlan { cdb: vec![0; 6], ..CommandPlan::default() },
            _ if op % 2 == 0 => read(op, 8),
            _ => write(op, 8),
        };
        client.command(&mut world, op.into(), plan);
        if op % 4 == 2 {
            finish(&mut world, &mut client)?;
        }
    }
    finish(&mut world, &mut client)?;
    client.logout(&mut world, 12, 0);
    finish(&mut world, &mut client)?;
    world.run_until_idle(world.now() + SECOND);
    judged(&world, &mut client)?;
    Ok(Done { units: 1.0, events: world.trace().count() })
}

/// Keeps 32 requests under way until so many were begun.
fn deep(
    turn: u64,
    plan: LoginPlan,
    count: u64,
    begin: fn(&mut Client, &mut World, u64),
) -> Result<Done, String> {
    let mut world = world(turn, &TargetOptions::default(), 50 * MICRO, Plan::None)?;
    let mut client = log_in(&mut world, plan)?;
    client.command(&mut world, 2, CommandPlan { cdb: vec![0; 6], ..CommandPlan::default() });
    finish(&mut world, &mut client)?;
    let (before, events) = (world.pdus(), world.trace().count());
    let mut begun = 0;
    while begun < count || client.pending() > 0 {
        while begun < count && client.pending() < 32 {
            begun += 1;
            begin(&mut client, &mut world, begun + 2);
        }
        let Some(seen) = world.next_seen(world.now() + 600 * SECOND) else { break };
        client.see(&mut world, &seen);
    }
    finish(&mut world, &mut client)?;
    let (units, events) = (world.pdus() - before, world.trace().count() - events);
    judged(&world, &mut client)?;
    Ok(Done { units: units as f64, events })
}

fn pings(turn: u64) -> Result<Done, String> {
    deep(turn, LoginPlan::default(), 4000, |client, world, op| {
        client.ping(world, op, bytes::Bytes::from_static(b"sixteen bytes .."), false);
    })
}

fn reads(turn: u64) -> Result<Done, String> {
    let plan = LoginPlan::default().with_key("MaxRecvDataSegmentLength", "512");
    deep(turn, plan, 500, |client, world, op| {
        client.command(world, op, read((op % 64) as u32, 8));
    })
}

/// An hour in which the target pings and the client answers.
fn idle(turn: u64) -> Result<Done, String> {
    const HOURS: u64 = 4;
    let mut world = world(turn, &TargetOptions::default(), 50 * MICRO, Plan::None)?;
    let mut client = log_in(&mut world, LoginPlan::default())?;
    let end = world.now() + HOURS * 3600 * SECOND;
    let before = world.trace().count();
    while let Some(seen) = world.next_seen(end) {
        client.see(&mut world, &seen);
    }
    judged(&world, &mut client)?;
    if !client.alive {
        return Err("the session has not lasted".to_owned());
    }
    Ok(Done { units: HOURS as f64, events: world.trace().count() - before })
}

/// A client that does something every second.
fn calm(turn: u64) -> Result<Done, String> {
    const TIME: u64 = 1000;
    let mut world = world(turn, &TargetOptions::default(), MILLI, Plan::None)?;
    let mut client = log_in(&mut world, LoginPlan::default())?;
    let begin = world.now();
    let before = world.trace().count();
    for second in 0..TIME {
        let plan = match second {
            0 => CommandPlan { cdb: vec![0; 6], ..CommandPlan::default() },
            _ => read(second as u32, 8),
        };
        client.command(&mut world, 2 + second, plan);
        world.wake_at(begin + (second + 1) * SECOND, 0);
        while let Some(seen) = world.next_seen(Nanos::MAX) {
            if matches!(seen, Seen::Wake { .. }) {
                break;
            }
            client.see(&mut world, &seen);
        }
    }
    finish(&mut world, &mut client)?;
    judged(&world, &mut client)?;
    Ok(Done { units: TIME as f64, events: world.trace().count() - before })
}

impl fmt::Display for SimReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<64} {:>12} {:<12} {:>10} {:>10}", "", "a second", "", "events/s", "x bare")?;
        for row in &self.rows {
            let Row { name, unit, rate, events, times_bare, .. } = row;
            writeln!(f, "{name:<64} {rate:>12.0} {unit:<12} {events:>10.0} {times_bare:>10.1}")?;
        }
        write!(f, "most memory, after {SEEDS} drawn seeds: {:.1} MB", self.memory as f64 / 1e6)?;
        for name in &self.below {
            write!(f, "\nbelow its floor: {name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is measured has to be what it says; how fast it is is no matter of a test.
    #[test]
    fn every_row_does_its_work_without_a_finding() {
        for bench in &BENCHES {
            let done = (bench.work)(7).unwrap_or_else(|error| panic!("{}: {error}", bench.name));
            assert!(done.units >= 1.0 && done.events >= 20, "{}: {done:?}", bench.name);
        }
        let pings = pings(1).expect("it runs");
        assert!((8000.0..8100.0).contains(&pings.units), "a ping and its answer: {pings:?}");
        let reads = reads(1).expect("it runs");
        assert!((4500.0..4600.0).contains(&reads.units), "a command and eight Data-Ins: {reads:?}");
        assert!(peak_memory() > 1 << 20);
    }
}
