//! What came out of a measurement.

use super::lane::Tally;
use super::{Op, Plan};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// The numbers, for people as text, for programs as JSON.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `read`, `write` or `rw`.
    pub op: &'static str,
    /// Bytes of one command.
    pub block_bytes: u32,
    /// Commands outstanding on each connection.
    pub depth: u16,
    /// Connections.
    pub connections: u16,
    /// The slowest connection's time.
    pub seconds: f64,
    /// Commands that ended with GOOD.
    pub commands: u64,
    /// Commands that ended otherwise.
    pub errors: u64,
    /// Blocks compared with what was written; 0 without verification.
    pub verified: u64,
    /// Commands a second.
    pub iops: f64,
    /// Megabytes (10^6) a second.
    pub mb_per_s: f64,
    /// Half of the commands took at most this long.
    pub p50_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// 999 of 1000.
    pub p99_9_us: f64,
    /// The slowest.
    pub max_us: f64,
    #[serde(skip)]
    latency: Histogram<u64>,
}

/// Nanoseconds with three digits, up to a minute; longer ones count as a minute.
pub(super) fn histogram() -> Histogram<u64> {
    // The bounds are constants that the library accepts; the fallback grows by itself.
    Histogram::new_with_bounds(1, 60_000_000_000, 3)
        .or_else(|_| Histogram::new(3))
        .unwrap_or_else(|_| unreachable!("three significant digits are within the library's 0 to 5"))
}

impl Report {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            op: match plan.op {
                Op::Read => "read",
                Op::Write => "write",
                Op::Mixed => "rw",
            },
            block_bytes: plan.block_bytes,
            depth: plan.depth,
            connections: plan.connections,
            seconds: 0.0,
            commands: 0,
            errors: 0,
            verified: 0,
            iops: 0.0,
            mb_per_s: 0.0,
            p50_us: 0.0,
            p99_us: 0.0,
            p99_9_us: 0.0,
            max_us: 0.0,
            latency: histogram(),
        }
    }

    pub(super) fn add(&mut self, tally: &Tally, time: Duration) -> Result<(), String> {
        self.latency.add(&tally.latency).map_err(|error| error.to_string())?;
        self.commands += tally.latency.len();
        self.errors += tally.errors;
        self.verified += tally.verified;
        self.seconds = self.seconds.max(time.as_secs_f64());
        self.iops = self.commands as f64 / self.seconds;
        self.mb_per_s = self.iops * f64::from(self.block_bytes) / 1e6;
        let quantile = |q| self.latency.value_at_quantile(q) as f64 / 1e3;
        self.p50_us = quantile(0.5);
        self.p99_us = quantile(0.99);
        self.p99_9_us = quantile(0.999);
        self.max_us = self.latency.max() as f64 / 1e3;
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} {} bytes, depth {}, {} connection(s), {:.1} s",
            self.op, self.block_bytes, self.depth, self.connections, self.seconds
        )?;
        writeln!(f, "  {:.0} IOPS, {:.1} MB/s", self.iops, self.mb_per_s)?;
        write!(
            f,
            "  latency p50 {:.1} us, p99 {:.1} us, p99.9 {:.1} us, max {:.1} us",
            self.p50_us, self.p99_us, self.p99_9_us, self.max_us
        )?;
        if self.verified > 0 {
            write!(f, "\n  {} reads compared", self.verified)?;
        }
        if self.errors > 0 {
            write!(f, "\n  {} commands failed", self.errors)?;
        }
        Ok(())
    }
}
