//! What do clients do? Commands, data and latency by client and LUN, from the events of commands.

use super::{Record, RecordKind};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;
use target_core::probe::Probe;

/// Bits of ii_flags (RFC 7143 11.3, 11.7).
const READ: u32 = 0x40;
const WRITE: u32 = 0x20;
const STATUS: u32 = 0x01;

/// Commands under way that are remembered; the oldest tags go first.
const OPEN_MAX: usize = 1 << 20;

/// A client and a LUN.
type Place = (String, u64);

/// Sums up events between two looks.
#[derive(Default)]
pub struct Top {
    rows: BTreeMap<Place, Sum>,
    /// Commands under way, by connection and tag.
    open: BTreeMap<(u32, u32), Open>,
}

struct Open {
    began: u64,
    place: Place,
    flags: u32,
}

#[derive(Default)]
struct Sum {
    ops: u64,
    reads: u64,
    writes: u64,
    bytes: u64,
    errors: u64,
    /// Nanoseconds; there once a command has ended.
    latency: Option<Histogram<u64>>,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopRow {
    /// The client's address.
    pub client: String,
    /// Its logical unit.
    pub lun: u64,
    /// Commands that ended.
    pub ops: u64,
    /// Those that read.
    pub reads: u64,
    /// Those that wrote.
    pub writes: u64,
    /// Bytes both ways.
    pub bytes: u64,
    /// Responses with sense data.
    pub errors: u64,
    /// The time they were counted in.
    pub seconds: f64,
    /// Half of the commands took at most this long; 0 if none ended.
    pub p50_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
}

impl Top {
    /// Counts an event.
    pub fn take(&mut self, record: &Record) {
        let RecordKind::Probe(event) = &record.what else { return };
        let tag = (record.conn, event.ii_itt);
        let ends = match event.probe {
            Probe::ScsiCommand => {
                let place = (event.ci_remote.clone(), event.ii_lun);
                self.rows.entry(place.clone()).or_default().bytes += u64::from(event.ii_datalen);
                self.open.insert(tag, Open { began: record.time_ns, place, flags: event.ii_flags });
                if self.open.len() > OPEN_MAX {
                    self.open.pop_first();
                }
                return;
            }
            Probe::DataReceive => false,
            Probe::DataSend => event.ii_flags & STATUS != 0,
            Probe::ScsiResponse => true,
            _ => return,
        };
        let open = if ends { self.open.remove(&tag) } else { None };
        // The LUN of the event is that of the command.
        let sum = self.rows.entry((event.ci_remote.clone(), event.ii_lun)).or_default();
        if event.probe == Probe::ScsiResponse {
            sum.errors += u64::from(event.ii_datalen > 0);
        } else {
            sum.bytes += u64::from(event.ii_datalen);
        }
        if let Some(open) = open {
            let sum = self.rows.entry(open.place).or_default();
            sum.ops += 1;
            sum.reads += u64::from(open.flags & READ != 0);
            sum.writes += u64::from(open.flags & WRITE != 0);
            // Up to a minute; the bounds are such that the library accepts them.
            sum.latency =
                sum.latency.take().or_else(|| Histogram::new_with_bounds(1, 60_000_000_000, 3).ok());
            if let Some(latency) = &mut sum.latency {
                latency.saturating_record(record.time_ns.saturating_sub(open.began).max(1));
            }
        }
    }

    /// What was counted since the last time, the busiest first.
    pub fn rows(&mut self, time: Duration) -> Vec<TopRow> {
        let row = |((client, lun), sum): (Place, Sum)| {
            let quantile = |q| sum.latency.as_ref().map_or(0.0, |all| all.value_at_quantile(q) as f64 / 1e3);
            let Sum { ops, reads, writes, bytes, errors, .. } = sum;
            let (p50_us, p99_us) = (quantile(0.5), quantile(0.99));
            TopRow {
                client,
                lun,
                ops,
                reads,
                writes,
                bytes,
                errors,
                seconds: time.as_secs_f64(),
                p50_us,
                p99_us,
            }
        };
        let mut rows: Vec<_> = std::mem::take(&mut self.rows).into_iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.ops, row.bytes)));
        rows
    }

    /// The rows for people, under a head if one is asked for; `second` begins each line where lines follow each other.
    pub fn table(rows: &[TopRow], head: bool, second: Option<u64>) -> String {
        let mut out = String::new();
        // A string takes everything.
        if head {
            let time = if second.is_some() { "  TIME " } else { "" };
            let _ = writeln!(
                out,
                "{time}{:<24} {:>5} {:>9} {:>9} {:>9} {:>10} {:>9} {:>9} {:>7}",
                "CLIENT", "LUN", "OPS", "READS", "WRITES", "KB/s", "P50", "P99", "ERRORS"
            );
        }
        for row in rows {
            let rate = |count: u64| count as f64 / row.seconds.max(1e-9);
            let time = second.map_or_else(String::new, |second| format!("{second:>6} "));
            let _ = writeln!(
                out,
                "{time}{:<24} {:>5} {:>9.0} {:>9.0} {:>9.0} {:>10.0} {:>9.1} {:>9.1} {:>7}",
                row.client,
                row.lun,
                rate(row.ops),
                rate(row.reads),
                rate(row.writes),
                rate(row.bytes) / 1e3,
                row.p50_us,
                row.p99_us,
                row.errors
            );
        }
        out
    }

    /// The rows for programs: counts as they are, with the time they are of.
    pub fn json(second: u64, rows: &[TopRow]) -> String {
        let line = |row: &TopRow| {
            let mut json = serde_json::json!(row);
            json["time"] = second.into();
            format!("{json}\n")
        };
        rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden::tests::probe;
    use crate::trace::ProbeRecord;

    #[test]
    fn commands_data_and_latency_are_those_of_the_client_and_the_lun() {
        let mut top = Top::default();
        let mut take = |time_ns, which, itt, lun, flags, len| {
            let event =
                ProbeRecord { ii_itt: itt, ii_lun: lun, ii_flags: flags, ii_datalen: len, ..probe(which) };
            top.take(&Record { time_ns, conn: 0, what: RecordKind::Probe(event) });
        };
        take(0, Probe::ScsiCommand, 1, 3, 0xc1, 0);
        take(0, Probe::ScsiCommand, 2, 3, 0xa1, 512);
        take(10_000, Probe::DataSend, 1, 3, 0x00, 4096);
        take(20_000, Probe::DataSend, 1, 3, 0x81, 4096);
        take(30_000, Probe::DataReceive, 2, 3, 0x80, 512);
        take(40_000, Probe::ScsiResponse, 2, 3, 0x80, 0);
        take(50_000, Probe::ScsiCommand, 3, 0, 0x81, 0);
        take(51_000, Probe::ScsiResponse, 3, 0, 0x80, 20);
        take(52_000, Probe::NopSend, 4, 0, 0x80, 9);
        let rows = top.rows(Duration::from_secs(2));
        let got: Vec<_> = rows.iter().map(|r| (r.lun, r.ops, r.reads, r.writes, r.bytes, r.errors)).collect();
        assert_eq!(got, [(3, 2, 1, 1, 9216, 0), (0, 1, 0, 0, 0, 1)]);
        assert!((rows[0].p50_us - 20.0).abs() < 0.1 && (rows[0].p99_us - 40.0).abs() < 0.1, "{rows:?}");
        let table = Top::table(&rows, true, Some(2));
        assert_eq!(table.lines().count(), 3, "{table}");
        let words: Vec<_> = table.lines().nth(1).unwrap_or_default().split_whitespace().collect();
        assert_eq!(words[..7], ["2", "2001:db8::7", "3", "1", "0", "0", "5"], "{table}");
        assert!(Top::table(&rows, false, None).starts_with("2001:db8::7 "));
        assert!(Top::json(2, &rows).lines().all(|line| line.contains("\"time\":2")));
        assert_eq!(top.rows(Duration::from_secs(2)), [], "each look begins anew");
    }
}
