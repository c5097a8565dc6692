//! What do the probes cost? Measured in pairs, one after the other in one run, so that a machine that is busy is so for all.
//!
//! Every measurement stands between two with nobody tracing, and is held against their mean: a tracer that counts commands (one
//! probe), one that counts all events (sixteen probes), the build without probes if there is one. How far two equal ones are
//! apart is the noise. Medians over the rounds count. Beside the operations a second, which the client and all else on the
//! machine have a part in, stands the time that the server was on a processor for each.
//!
//! The load is a real initiator where there is one, else our own client, which asks for more than any of those.

use super::initiator::IscsiPerf;
use super::{Op, Plan};
use crate::live::{Counter, Scope};
use crate::usdt::UsdtSink;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::fmt;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use target_core::probe::{Probe, ProbeSink};
use target_core::wire::Digests;

const TARGET: &str = "iqn.2026-01.org.example.iscsi-lab:cost";
const ROUNDS: usize = 9;
/// Looks at a probe that nobody traces, and how often that is measured: so few that most are over before anything disturbs them.
const LOOKS: u32 = 100_000;
const LOOK_ROUNDS: usize = 1000;
/// Clock ticks a second as /proc counts them: fixed where probes can be traced.
const USER_HZ: f64 = 100.0;

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
    /// Who reads.
    pub load: Load,
}

/// Who reads while it is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Load {
    /// Our own client.
    Own,
    /// A real initiator.
    IscsiPerf(IscsiPerf),
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("our own client"),
            Self::IscsiPerf(program) => write!(f, "a real initiator ({})", program.path().display()),
        }
    }
}

/// What came out. A ratio of 1 is no cost.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    /// Who read: for people.
    pub load: String,
    /// Commands that it had outstanding.
    pub depth: u16,
    /// Nanoseconds that a probe takes while nobody traces it.
    pub disabled_ns: f64,
    /// Reads a second, nobody tracing.
    pub iops: f64,
    /// Median distance of two equal measurements, as a part of one.
    pub noise: f64,
    /// Microseconds that the server is on a processor for a read, nobody tracing.
    pub cpu_us: f64,
    /// The same while a tracer counts commands.
    pub cpu_us_commands: Option<f64>,
    /// The same while a tracer counts all events.
    pub cpu_us_all: Option<f64>,
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
    let mut series = [Series::default(), Series::default(), Series::default()];
    let (mut plain, mut noise, mut events) = (Vec::new(), Vec::new(), 0);
    // What is measured first is measured cold.
    measure(plans, &server)?;
    let mut before = measure(plans, &server)?;
    for _ in 0..ROUNDS {
        for (what, series) in series.iter_mut().enumerate() {
            let all = Scope::process(server.child.id());
            let scope = match what {
                COMMANDS => Scope { probes: vec![Probe::ScsiCommand], ..all },
                _ => all,
            };
            let now = if what == WITHOUT {
                let Some(other) = &other else { continue };
                measure(plans, other)?
            } else {
                match Counter::attach(&scope) {
                    Ok(counter) => {
                        let now = measure(plans, &server)?;
                        events += Probe::ALL.into_iter().map(|probe| counter.of(probe)).sum::<u64>();
                        now
                    }
                    Err(error) => {
                        not_counted = Some(error.to_string());
                        continue;
                    }
                }
            };
            let after = measure(plans, &server)?;
            series.take(before, now, after);
            noise.push((before.iops / after.iops - 1.0).abs());
            plain.push(after);
            before = after;
        }
    }
    let [commands, all, without] = series;
    Ok(Cost {
        load: plans.load.to_string(),
        depth: plans.depth,
        disabled_ns,
        iops: median(plain.iter().map(|one| one.iops).collect()).unwrap_or(0.0),
        noise: median(noise).unwrap_or(0.0),
        cpu_us: median(plain.iter().map(|one| one.cpu_us).collect()).unwrap_or(0.0),
        cpu_us_commands: median(commands.cpu_us),
        cpu_us_all: median(all.cpu_us),
        iops_without: median(without.iops),
        compiled_in: median(without.ratio).map(|ratio| 1.0 / ratio),
        commands_counted: median(commands.ratio),
        all_counted: median(all.ratio),
        events,
        not_counted,
    })
}

/// What is measured between two measurements with nobody tracing, in this order.
const COMMANDS: usize = 0;
const WITHOUT: usize = 2;

/// One measurement.
#[derive(Clone, Copy, Debug)]
struct Point {
    iops: f64,
    cpu_us: f64,
}

/// The same measured in each round.
#[derive(Debug, Default)]
struct Series {
    iops: Vec<f64>,
    cpu_us: Vec<f64>,
    /// Operations a second, against those with nobody tracing just before and just behind.
    ratio: Vec<f64>,
}

impl Series {
    fn take(&mut self, before: Point, now: Point, after: Point) {
        self.iops.push(now.iops);
        self.cpu_us.push(now.cpu_us);
        self.ratio.push(now.iops / before.iops.midpoint(after.iops));
    }
}

/// The middle one.
fn median(mut list: Vec<f64>) -> Option<f64> {
    list.sort_by(f64::total_cmp);
    list.get(list.len() / 2).copied()
}

/// A loop that asks whether a probe is traced, against the same loop without the question; by the time on a processor.
fn disabled() -> Result<f64, String> {
    let sink = UsdtSink::register()?;
    let took = |work: &dyn Fn()| {
        let began = clock_gettime(ClockId::ThreadCPUTime);
        work();
        let ended = clock_gettime(ClockId::ThreadCPUTime);
        (ended.tv_sec - began.tv_sec) as f64 * 1e9 + (ended.tv_nsec - began.tv_nsec) as f64
    };
    // The quickest of each: what disturbs a loop only makes it longer.
    let (mut empty, mut asking) = (f64::MAX, f64::MAX);
    for _ in 0..LOOK_ROUNDS {
        empty = empty.min(took(&|| {
            for n in 0..LOOKS {
                black_box(n);
            }
        }));
        asking = asking.min(took(&|| {
            for n in 0..LOOKS {
                black_box(n);
                if sink.is_enabled(Probe::ScsiCommand) {
                    black_box(&sink);
                }
            }
        }));
    }
    Ok((asking - empty).max(0.0) / f64::from(LOOKS))
}

fn measure(plans: &Plans, server: &Server) -> Result<Point, String> {
    let began = server.ticks()?;
    let (iops, commands) = match &plans.load {
        Load::Own => own(plans, server)?,
        Load::IscsiPerf(program) => {
            let target = (server.address, TARGET);
            let iops = program.run(target, plans.depth, plans.block_bytes, plans.round)?;
            (iops, iops * plans.round.as_secs().max(1) as f64)
        }
    };
    let seconds = (server.ticks()? - began) as f64 / USER_HZ;
    Ok(Point { iops, cpu_us: seconds * 1e6 / commands.max(1.0) })
}

/// Our own client: reads a second, and how many.
fn own(plans: &Plans, server: &Server) -> Result<(f64, f64), String> {
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
    Ok((report.iops, report.commands as f64))
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

impl Server {
    /// Clock ticks that all its threads were on a processor (proc(5): utime and stime).
    fn ticks(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
        let times: Vec<u64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        if times.len() == 2 { Ok(times.iter().sum()) } else { Err(format!("{path}: {stat}")) }
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
        writeln!(f, "load: {}, depth {}", self.load, self.depth)?;
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
        let cpu = |us: Option<f64>| us.unwrap_or(f64::NAN);
        match (self.commands_counted, self.all_counted, &self.not_counted) {
            (Some(commands), Some(all), _) => write!(
                f,
                "a tracer that counts commands: {:.1}% of nobody tracing; one that counts all events: {:.1}%; {} counted\n\
                 the server is on a processor for {:.2} us a read; while commands are counted {:.2}, while all events are {:.2}",
                percent(commands),
                percent(all),
                self.events,
                self.cpu_us,
                cpu(self.cpu_us_commands),
                cpu(self.cpu_us_all)
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
            load: Load::Own.to_string(),
            depth: 32,
            disabled_ns: 0.25,
            iops: 1000.0,
            noise: 0.01,
            cpu_us: 9.0,
            cpu_us_commands: None,
            cpu_us_all: None,
            iops_without: None,
            compiled_in: None,
            commands_counted: None,
            all_counted: None,
            events: 0,
            not_counted: Some("this kernel has no BPF ring buffer".into()),
        };
        let text = cost.to_string();
        assert!(
            text.contains("0.25 ns")
                && text.contains("our own client, depth 32")
                && text.contains("see --without")
                && text.contains("no BPF ring"),
            "{text}"
        );
    }
}
