//! `trace live`: the probes of a running target as they fire.

use super::source::{PAUSE, Source};
use super::{CliError, Exit};
use crate::golden::{Renderer, Wire};
use crate::live::Unreadable;
use crate::trace::{Filter, Judge, Record, RecordKind, write_line};
use clap::Args;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// More findings than this are counted, not printed.
const FINDINGS_SHOWN: u64 = 100;

/// Show the probes of a running target as they fire; needs root, or CAP_BPF and CAP_PERFMON
#[derive(Args, Debug)]
#[command(
    after_help = "Attaches to a program file, so it works before the program starts and on a stripped one. Ends with Ctrl-C, or with the
process of --pid; what has fired by then is still shown, and the last line on standard error sums up. Times count from the
attaching; c1, t1, x1 are connections and tags as they appear; --json has their numbers. Lost events are counted on standard
error and in the stream. Exits with 1 if events were lost or could not be read, as `trace record` and `trace top` do.

EXPR joins tests with &&, ||, ! and parentheses: ii_lun == 3, ii_datalen >= 4096, ii_flags & 0x40, probe ~ 'data-*',
ci_remote == 192.0.2.7, conn == 0. Text takes ==, != and ~ (a glob), numbers == != < <= > >= and & MASK.

--check judges every event by the probe definitions and by the session's earlier ones: sequence numbers, tags, lengths,
names. It prints what cannot be true, and events only with --json or -o; exit 1 if there was something. It judges the
events that are there, and has not the bytes: a value that no other event tells of, such as the length of a text, can be wrong
unseen. So, mostly, can an event that did not fire or fired twice: what is sent again looks like that, and Rejects, which have
no probe, take numbers. (What the tracer itself lost is counted.) What was tried for each probe and member, and what was found,
is in conformance/probes/CAUGHT.md.

Examples:
  iscsi-lab trace live
  iscsi-lab trace live --pid 4711 --probe 'scsi-*' --where 'ii_lun == 0 && ii_datalen > 0'
  iscsi-lab trace live --path ./iscsi-lab --json -o events.jsonl
  iscsi-lab trace live --check"
)]
pub(super) struct Live {
    #[command(flatten)]
    source: Source,
    /// Only probes with such a name; may be given more than once
    #[arg(long, value_name = "GLOB", conflicts_with = "check")]
    probe: Vec<String>,
    /// Only events for which this holds
    #[arg(long = "where", value_name = "EXPR")]
    filter: Option<String>,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
    /// Print into this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Judge every event; exit 1 if one cannot be true
    #[arg(long)]
    check: bool,
}

impl Live {
    pub(super) fn execute(self) -> Result<Exit, CliError> {
        let filter = self.filter.as_deref().map(Filter::new).transpose();
        let filter = filter.map_err(|error| CliError::usage(format!("--where: {error}")))?;
        let judge = if self.check { Some(Judge::new().map_err(CliError::usage)?) } else { None };
        let prints = !self.check || self.json || self.output.is_some();
        if filter.is_some() && !prints {
            return Err(CliError::usage(
                "--where chooses what is printed, and --check prints events only with --json or -o",
            ));
        }
        let until = self.source.until()?;
        let mut tracer = self.source.attach(&self.probe)?;
        // Not before: an older file stays if there will be no new one.
        let out = prints.then(|| Output::new(self.output.as_deref(), self.json)).transpose()?;
        let (totals, names) = (Totals::default(), Renderer::new(Wire::Digest));
        let mut events = Events { filter, judge, out, totals, names };
        loop {
            let goes_on = until.goes_on() && !events.out.as_ref().is_some_and(|out| out.closed);
            if !goes_on {
                tracer.detach();
            }
            tracer.drain(&mut |record, unreadable| events.take(&record, unreadable.as_ref()));
            events.flush()?;
            if !goes_on {
                return Ok(events.end());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

#[derive(Default)]
pub(super) struct Totals {
    pub(super) events: u64,
    pub(super) lost: u64,
    pub(super) unreadable: u64,
    shown: u64,
    findings: u64,
}

impl Totals {
    /// Counts a record; true if it is an event.
    pub(super) fn count(&mut self, record: &Record, unreadable: Option<&Unreadable>) {
        match record.what {
            RecordKind::Lost(count) => self.lost += count,
            _ => self.events += 1,
        }
        self.unreadable += u64::from(unreadable.is_some());
    }
}

struct Events {
    filter: Option<Filter>,
    judge: Option<Judge>,
    out: Option<Output>,
    totals: Totals,
    names: Renderer,
}

impl Events {
    fn take(&mut self, record: &Record, unreadable: Option<&Unreadable>) {
        self.totals.count(record, unreadable);
        let lost = matches!(record.what, RecordKind::Lost(_));
        let fits = lost || self.filter.as_ref().is_none_or(|filter| filter.fits(record));
        // A line costs more than all the rest: none is made that nobody reads.
        let mut line = None;
        if let Some(out) = self.out.as_mut().filter(|_| fits) {
            self.totals.shown += u64::from(!lost);
            if out.json {
                out.put(record, "");
            } else {
                out.put(record, line.get_or_insert_with(|| self.names.line(record)));
            }
        }
        if let Some(Unreadable(members)) = unreadable {
            let line = line.get_or_insert_with(|| self.names.line(record));
            anstream::eprintln!("unreadable: {} of {line}", members.join(", "));
        }
        // What could not be read cannot be judged.
        let judge = self.judge.as_mut().filter(|_| unreadable.is_none());
        for finding in judge.map(|judge| judge.record(record)).unwrap_or_default() {
            self.totals.findings += 1;
            if self.totals.findings <= FINDINGS_SHOWN {
                let line = line.get_or_insert_with(|| self.names.line(record));
                anstream::println!("violation: {finding}\n  {line}");
            }
        }
    }

    fn flush(&mut self) -> Result<(), CliError> {
        self.out.as_mut().map_or(Ok(()), Output::flush)
    }

    fn end(&self) -> Exit {
        let Totals { events, lost, unreadable, shown, findings } = self.totals;
        let judged = match &self.judge {
            Some(judge) => format!(", {} judged, {findings} violation(s)", judge.judged()),
            None => String::new(),
        };
        let unread = if unreadable > 0 { format!(", {unreadable} not readable") } else { String::new() };
        let shown = if self.filter.is_some() { format!(", {shown} shown") } else { String::new() };
        anstream::eprintln!("{events} event(s){shown}, {lost} lost{unread}{judged}");
        if lost + unreadable > 0 {
            let what = if self.judge.is_some() { "judged" } else { "shown" };
            anstream::eprintln!("error: not every event could be {what}; a larger --buffer loses less");
        }
        if findings + lost + unreadable == 0 { Exit::Passed } else { Exit::Failed }
    }
}

/// Where events are printed.
pub(super) struct Output {
    to: Box<dyn Write>,
    name: String,
    json: bool,
    failed: Option<io::Error>,
    /// Nobody reads any more.
    closed: bool,
}

impl Output {
    pub(super) fn new(path: Option<&Path>, json: bool) -> Result<Self, CliError> {
        let (to, name): (Box<dyn Write>, _) = match path {
            Some(path) => {
                let file = File::create(path).map_err(|error| CliError::file(path, &error))?;
                (Box::new(BufWriter::new(file)), path.display().to_string())
            }
            None => (Box::new(BufWriter::new(io::stdout())), "standard output".to_owned()),
        };
        Ok(Self { to, name, json, failed: None, closed: false })
    }

    /// What goes wrong is told by the next [`Output::flush`].
    pub(super) fn put(&mut self, record: &Record, line: &str) {
        let written = if self.json { write_line(&mut self.to, record) } else { writeln!(self.to, "{line}") };
        if let Err(error) = written {
            self.failed.get_or_insert(error);
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        let failed = self.failed.take().map_or_else(|| self.to.flush(), Err);
        match failed {
            // A reader that has seen enough (`| head`) is no error.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.closed = true,
            Err(error) => return Err(CliError::usage(format!("{}: {error}", self.name))),
            Ok(()) => {}
        }
        Ok(())
    }
}
