//! `bench`: how fast is a target?

use super::{CliError, Context, Exit};
use crate::bench::initiator::IscsiPerf;
use crate::bench::probes::{self, Load, Plans};
use crate::bench::sim;
use crate::bench::{self, Chap, Op, Plan};
use crate::server::config;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fmt::Display;
use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;
use target_core::wire::Digests;

/// Measure a target: random reads or writes of one size at one queue depth
#[derive(Args, Debug)]
#[command(
    after_help = "Writing destroys what is on the logical unit: --op write and rw, and --verify always.
--sim measures the simulator itself, beside a bare event loop; exit 1 if something is below its floor.
--probes measures what probes cost: of a probe that nobody traces, and of the server with nobody tracing, with a counting
tracer (needs root, or CAP_BPF and CAP_PERFMON) and against a build without probes, each in turn in one run. The load is
libiscsi's iscsi-perf where it is installed, else our own client; --load says which.

Examples:
  iscsi-lab bench 127.0.0.1:3260 iqn.2026-01.org.example.iscsi-lab:disk --depth 32
  iscsi-lab bench 127.0.0.1 iqn.2026-01.org.example.iscsi-lab:disk --op rw --verify --digest header,data --json
  iscsi-lab bench --sim --secs 10
  iscsi-lab bench --probes --without noprobes/iscsi-lab"
)]
pub struct Bench {
    /// HOST or HOST:PORT; the port is 3260 if not given
    #[arg(value_name = "ADDR", required_unless_present_any = ["probes", "sim"])]
    address: Option<String>,
    /// iSCSI name of the target
    #[arg(value_name = "IQN", required_unless_present_any = ["probes", "sim"])]
    target: Option<String>,
    /// What to do
    #[arg(long, value_enum, default_value_t = OpArg::Read)]
    op: OpArg,
    /// Bytes of one command
    #[arg(long, value_name = "SIZE", default_value = "4k", value_parser = config::size)]
    bs: u64,
    /// Commands outstanding on each connection
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=4096))]
    depth: u16,
    /// How long
    #[arg(long, value_name = "S", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    secs: u64,
    /// Logical unit number
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=16_383))]
    lun: u16,
    /// Connections, each a session of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    conns: u16,
    /// Digests to use
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    digest: Vec<DigestArg>,
    /// Compare what is read with what was written
    #[arg(long)]
    verify: bool,
    /// CHAP credentials; the last colon is the one between them
    #[arg(long, value_name = "NAME:SECRET")]
    chap: Option<String>,
    /// Our iSCSI name
    #[arg(long, value_name = "IQN", default_value = "iqn.2026-01.org.example.iscsi-lab:bench")]
    initiator: String,
    /// Measure what the probes cost this program's own server
    #[arg(long, conflicts_with_all = ["address", "target", "op", "lun", "conns", "digest", "verify"])]
    probes: bool,
    /// Measure the simulator, with all checks, on one thread
    #[arg(long, conflicts_with_all = ["address", "target", "op", "lun", "conns", "digest", "verify", "probes"])]
    sim: bool,
    /// With --probes: this program built without them (`cargo build --release --no-default-features`)
    #[arg(long, value_name = "BIN", requires = "probes")]
    without: Option<PathBuf>,
    /// With --probes: who reads [default: iscsi-perf if it is found]
    #[arg(long, value_enum, requires = "probes")]
    load: Option<LoadArg>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Who reads.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LoadArg {
    /// Our own client
    Own,
    /// libiscsi's program
    IscsiPerf,
}

/// What to do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OpArg {
    Read,
    Write,
    Rw,
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DigestArg {
    Header,
    Data,
}

impl Bench {
    /// Runs and reports; exit 1 if a command failed.
    pub fn execute(self, _: &Context) -> Result<Exit, CliError> {
        if self.probes {
            return self.cost();
        }
        if self.sim {
            let report = sim::run(Duration::from_secs(self.secs));
            let report = report.map_err(|message| CliError { exit: Exit::Failed, message })?;
            self.print(&report)?;
            return Ok(if report.below.is_empty() { Exit::Passed } else { Exit::Failed });
        }
        let (Some(address), Some(target)) = (&self.address, &self.target) else {
            return Err(CliError::usage("an address and a target are needed"));
        };
        let chap = self.chap.as_deref().map(|text| super::run::credential("--chap", text)).transpose()?;
        let plan = Plan {
            address: resolve(address)?,
            target: target.clone(),
            initiator: self.initiator.clone(),
            lun: self.lun,
            op: match self.op {
                OpArg::Read => Op::Read,
                OpArg::Write => Op::Write,
                OpArg::Rw => Op::Mixed,
            },
            block_bytes: self.block_bytes()?,
            depth: self.depth,
            time: Duration::from_secs(self.secs),
            connections: self.conns,
            digests: Digests {
                header: self.digest.contains(&DigestArg::Header),
                data: self.digest.contains(&DigestArg::Data),
            },
            chap: chap.map(|(name, secret)| Chap { name, secret }),
            verify: self.verify,
        };
        let report = bench::run(&plan).map_err(|message| CliError { exit: Exit::Failed, message })?;
        self.print(&report)?;
        Ok(if report.errors == 0 { Exit::Passed } else { Exit::Failed })
    }

    fn cost(self) -> Result<Exit, CliError> {
        let program = std::env::current_exe().map_err(|error| CliError::usage(error.to_string()))?;
        let round = Duration::from_secs(self.secs);
        let found = match self.load {
            Some(LoadArg::Own) => None,
            _ => IscsiPerf::find(),
        };
        let load = match (found, self.load) {
            (Some(found), _) => Load::IscsiPerf(found),
            (None, Some(LoadArg::IscsiPerf)) => {
                return Err(CliError::usage("--load iscsi-perf: it is not in PATH (package libiscsi-bin)"));
            }
            (None, _) => Load::Own,
        };
        let plan = Plans {
            load,
            program,
            without: self.without.clone(),
            block_bytes: self.block_bytes()?,
            depth: self.depth,
            round,
        };
        let report = probes::run(&plan).map_err(|message| CliError { exit: Exit::Failed, message })?;
        self.print(&report)?;
        Ok(Exit::Passed)
    }

    fn block_bytes(&self) -> Result<u32, CliError> {
        u32::try_from(self.bs)
            .ok()
            .filter(|bytes| (512..=16 << 20).contains(bytes))
            .ok_or_else(|| CliError::usage("--bs is 512 bytes to 16 MiB"))
    }

    fn print(&self, report: &(impl Serialize + Display)) -> Result<(), CliError> {
        let text = if self.json {
            serde_json::to_string(report).map_err(|error| CliError::usage(error.to_string()))?
        } else {
            report.to_string()
        };
        writeln!(std::io::stdout(), "{text}")
            .map_err(|error| CliError::usage(format!("standard output: {error}")))
    }
}

fn resolve(address: &str) -> Result<SocketAddr, CliError> {
    let wrong = |error: std::io::Error| CliError::usage(format!("{address}: {error}"));
    let mut found = match address.to_socket_addrs() {
        Ok(found) => found,
        Err(_) => (address.trim_matches(['[', ']']), 3260).to_socket_addrs().map_err(wrong)?,
    };
    found.next().ok_or_else(|| CliError::usage(format!("{address}: no such host")))
}
