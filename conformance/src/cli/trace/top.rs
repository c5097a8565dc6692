//! `trace top`: who keeps the target busy?

use super::source::{PAUSE, Source};
use super::{CliError, Exit, print};
use crate::trace::{RecordKind, Top};
use clap::Args;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use target_core::probe::Probe;

/// Show what clients do, by client and LUN, refreshed; needs root, or CAP_BPF and CAP_PERFMON
#[derive(Args, Debug)]
#[command(
    after_help = "OPS, READS and WRITES are commands a second that ended, KB/s (1000 bytes) what was carried both ways. P50 and P99 are
microseconds from the command's arrival to its last data or its response. ERRORS are responses with sense data: a status
without, such as BUSY, does not show in probes. On a terminal the table is refreshed; elsewhere each line begins with the
second it was written. Ends with Ctrl-C, which shows the table once more; exit 1 if events were lost: the figures are too low.

Examples:
  iscsi-lab trace top
  iscsi-lab trace top --pid 4711 --interval 5 --count 12 >top.txt"
)]
pub(super) struct TopArgs {
    #[command(flatten)]
    source: Source,
    /// Seconds between two tables
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// End after so many tables
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print one JSON object a line and table row
    #[arg(long)]
    json: bool,
}

impl TopArgs {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let until = self.source.until()?;
        let names = [Probe::ScsiCommand, Probe::DataReceive, Probe::DataSend, Probe::ScsiResponse];
        let mut tracer = self.source.attach(&names.map(|probe| probe.name().to_owned()))?;
        let refreshes = !self.json && std::io::stdout().is_terminal();
        let interval = Duration::from_secs(self.interval);
        let (mut top, mut events, mut lost, mut tables) = (Top::default(), 0_u64, 0, 0);
        let started = Instant::now();
        let mut since = started;
        loop {
            let goes_on = until.goes_on();
            if !goes_on {
                tracer.detach();
            }
            tracer.drain(&mut |record, _| match record.what {
                RecordKind::Lost(count) => lost += count,
                _ => {
                    events += 1;
                    top.take(&record);
                }
            });
            if !goes_on || since.elapsed() >= interval {
                let rows = top.rows(since.elapsed());
                let second = started.elapsed().as_secs();
                since = Instant::now();
                let text = if self.json {
                    Top::json(second, &rows)
                } else {
                    Top::table(&rows, refreshes || tables == 0, (!refreshes).then_some(second))
                };
                let lost = if lost > 0 && refreshes {
                    format!("{lost} event(s) lost so far\n")
                } else {
                    String::new()
                };
                let clear = if refreshes { "\x1b[H\x1b[J" } else { "" };
                print(format!("{clear}{text}{lost}").as_bytes())?;
                tables += 1;
            }
            if !goes_on || self.count == Some(tables) {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        let low = if lost > 0 { ": the figures are too low" } else { "" };
        anstream::eprintln!("{events} event(s), {lost} lost{low}");
        Ok(if lost == 0 { Exit::Passed } else { Exit::Failed })
    }
}
