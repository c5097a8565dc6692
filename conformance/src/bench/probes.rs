//! What do the probes cost? Measured in pairs, one after the other in one run, so that a machine that is busy is so for all.
//!
//! A round measures the server with nobody tracing, with a tracer that counts commands (one probe), with one that counts all
//! events (sixteen probes), the build without probes if there is one, and once more with nobody tracing: how far two equal
//! ones are apart is the noise. Medians over the rounds count.

use super::{Op, Plan};
use crate::live::{Counter, Scope};
use crate::usdt::UsdtSink;
use serde::Serialize;
use std::fmt;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use target_core::probe::{Probe, ProbeSink};
use target_core::wire::Digests;

const TARGET: &str = "iqn.2026-01.org.example.iscsi-lab:cost";
const ROUNDS: usize = 5;
/// Looks at a probe that nobody traces, and how often that is measured.
const LOOKS: u32 = 20_000_000;
const LOOK_ROUNDS: usize = 7;

/// What to measure.
#[derive(Clone, Debug)]
pub struct Plans {
    /// This program.
    pub program: PathBuf,
    /// The same, built without probes.
    pub without: Option<PathBuf>,
    /// Bytes of one read.
    pub block_bytes: u32,
    /// Commands outstanding.
    pub depth: u16,
    /// Time of one measurement.
    pub round: Duration,
}

/// What came out. A ratio of 1 is no cost.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Nanoseconds that a probe takes while nobody traces it.
    pub disabled_ns: f64,
    /// Reads a second, nobody tracing.
    pub iops: f64,
    /// The same, by the second measurement of each round.
    pub iops_again: f64,
    /// Median distance of two equal measurements, as a part of one.
    pub noise: f64,
    /// The build without probes: reads a second.
    pub iops_without: Option<f64>,
    /// Nobody tracing, against the build without probes.
    pub compiled_in: Option<f64>,
    /// A tracer counts commands (scsi-command): against nobody tracing.
    pub commands_counted: Option<f64>,
    /// A tracer counts all events of the sixteen probes: against nobody tracing.
    pub all_counted: Option<f64>,
    /// Events that the tracers counted.
    pub events: u64,
    /// Why there is no figure with a tracer.
    pub not_counted: Option<String>,
}

/// Measures all.
///
/// # Errors
/// A server does not start, or a measurement fails.
pub fn run(plans: &Plans) -> Result<Cost, String> {
    let disabled_ns = disabled()?;
    let server = Server::start(&plans.program)?;
    let other = plans.without.as_deref().map(Server::start).transpose()?;
    let mut not_counted = None;
    let (mut plain, mut again, mut without, mut noise) = (vec![], vec![], vec![], vec![]);
    let mut counted = [vec![], vec![]];
    let mut events = 0;
    // What is measured first is measured cold.
    iops(plans, &server)?;
    for _ in 0..ROUNDS {
        let first = iops(plans, &server)?;
        let all = Scope::process(server.child.id());
        let commands = Scope { probes: vec![Probe::ScsiCommand], ..all.clone() };
        for (scope, ratios) in [commands, all].iter().zip(&mut counted) {
            match Counter::attach(scope) {
                Ok(counter) => {
                    ratios.push(iops(plans, &server)?);
                    events += Probe::ALL.into_iter().map(|probe| counter.of(probe)).sum::<u64>();
                }
                Err(error) => not_counted = Some(error.to_string()),
            }
        }
        let second = iops(plans, &server)?;
        if let Some(other) = &other {
            without.push(iops(plans, other)?);
        }
        let third = iops(plans, &server)?;
        // Before and behind: what the machine did meanwhile counts for both.
        for ratios in &mut counted {
            ratios.iter_mut().last().into_iter().for_each(|iops| *iops /= first.midpoint(second));
        }
        noise.push((second / third - 1.0).abs());
        plain.push(first.midpoint(second));
        again.push(third);
    }
    let pairs =
        without.iter().zip(plain.iter().zip(&again)).map(|(without, (a, b))| a.midpoint(*b) / without);
    let compiled_in = median(pairs.collect());
    let iops = median(plain).unwrap_or(0.0);
    let [commands_counted, all_counted] = counted.map(median);
    Ok(Cost {
        disabled_ns,
        iops,
        iops_again: median(again).unwrap_or(0.0),
        noise: median(noise).unwrap_or(0.0),
        iops_without: median(without),
        compiled_in,
        commands_counted,
        all_counted,
        events,
        not_counted,
    })
}

/// The middle one.
fn median(mut list: Vec<f64>) -> Option<f64> {
    list.sort_by(f64::total_cmp);
    list.get(list.len() / 2).copied()
}

/// A loop that asks whether a probe is traced, against the same loop without the question.
fn disabled() -> Result<f64, String> {
    let sink = UsdtSink::register()?;
    // The quickest of each: what disturbs a loop only makes it longer.
    let (mut empty, mut asking) = (Duration::MAX, Duration::MAX);
    for _ in 0..LOOK_ROUNDS {
        let began = Instant::now();
        for n in 0..LOOKS {
            black_box(n);
        }
        empty = empty.min(began.elapsed());
        let began = Instant::now();
        for n in 0..LOOKS {
            black_box(n);
            if sink.is_enabled(Probe::ScsiCommand) {
                black_box(&sink);
            }
        }
        asking = asking.min(began.elapsed());
    }
    Ok(asking.saturating_sub(empty).as_secs_f64() * 1e9 / f64::from(LOOKS))
}

fn iops(plans: &Plans, server: &Server) -> Result<f64, String> {
    let plan = Plan {
        address: server.address,
        target: TARGET.to_owned(),
        initiator: "iqn.2026-01.org.example.iscsi-lab:bench".to_owned(),
        lun: 0,
        op: Op::Read,
        block_bytes: plans.block_bytes,
        depth: plans.depth,
        time: plans.round,
        connections: 1,
        digests: Digests { header: false, data: false },
        chap: None,
        verify: false,
    };
    let report = super::run(&plan)?;
    if report.errors > 0 {
        return Err(format!("{} commands failed", report.errors));
    }
    Ok(report.iops)
}

/// A server of its own, ended with the measurement.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(program: &Path) -> Result<Self, String> {
        let fail = |what: String| format!("{}: {what}", program.display());
        let mut child = Command::new(program)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--target",
                TARGET,
                "--lun",
                "mem:64M",
                "--log",
                "error",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| fail(error.to_string()))?;
        let mut line = String::new();
        let said = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        let address = line.trim().strip_prefix("listening on ").and_then(|address| address.parse().ok());
        match address {
            Some(address) => Ok(Self { child, address }),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                Err(fail(format!("it does not serve: {said:?} {line}")))
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |ratio: f64| ratio * 100.0;
        writeln!(f, "a probe that nobody traces: {:.2} ns", self.disabled_ns)?;
        writeln!(
            f,
            "nobody tracing: {:.0} IOPS; two equal measurements are {:.1}% apart",
            self.iops,
            percent(self.noise)
        )?;
        match (self.iops_without, self.compiled_in) {
            (Some(iops), Some(ratio)) => {
                writeln!(f, "built without probes: {iops:.0} IOPS; with them {:.1}% of that", percent(ratio))?
            }
            _ => writeln!(f, "built without probes: not measured, see --without")?,
        }
        match (self.commands_counted, self.all_counted, &self.not_counted) {
            (Some(commands), Some(all), _) => write!(
                f,
                "a tracer that counts commands: {:.1}% of nobody tracing; one that counts all events: {:.1}%; {} counted",
                percent(commands),
                percent(all),
                self.events
            ),
            (_, _, why) => write!(f, "a counting tracer: not measured: {}", why.as_deref().unwrap_or("?")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_one_is_taken_and_what_was_not_measured_is_said() {
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(vec![])), (Some(2.0), None));
        let cost = Cost {
            disabled_ns: 0.25,
            iops: 1000.0,
            iops_again: 990.0,
            noise: 0.01,
            iops_without: None,
            compiled_in: None,
            commands_counted: None,
            all_counted: None,
            events: 0,
            not_counted: Some("this kernel has no BPF ring buffer".into()),
        };
        let text = cost.to_string();
        assert!(
            text.contains("0.25 ns") && text.contains("see --without") && text.contains("no BPF ring"),
            "{text}"
        );
    }
}
