//! `run`: scenarios, in the simulator or against a target on the network.

use super::captures::Captures;
use super::report::{rerun, summary};
use super::{CliError, Context, Exit};
use crate::golden;
use crate::report::{KnownFailures, Results, Wanted};
use crate::runner::suite::{Filter, Ran, Selected, run_all, select};
use crate::runner::{Backend, Options, Pick, Shard, TcpOptions};
use crate::scenario::{Collection, Level};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Run scenarios: in the simulator, or with --addr over TCP against any target
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  iscsi-lab run                                  all of them, compared with their golden traces
  iscsi-lab run login 'ffp/cmdsn-*'              a topic, and some of another
  iscsi-lab run --req rfc7143/11.7 --level must  what checks these clauses
  iscsi-lab run --filter 'level(must) & !tag(slow)' --shard 2/8
  iscsi-lab run --report junit=run.xml --report html=run.html
  iscsi-lab run --pcap fail /tmp/captures        a capture for each case that fails
  iscsi-lab run --matrix                         with every pair of values of the large matrices
  iscsi-lab run --addr 127.0.0.1:3260 --target iqn.2026-01.example:disk
  iscsi-lab run 'login/digest-*' --trace traces")]
pub struct Run {
    /// Which scenarios, as globs over topic/name [default: all]
    globs: Vec<String>,
    /// Threads [default: one a processor; one with --addr]
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
    /// Show what would run
    #[arg(long)]
    list: bool,
    /// Report as one JSON document on standard output
    #[arg(long)]
    json: bool,
    /// Write a report: junit, json, html, tap, sarif or markdown; repeatable
    #[arg(long, value_name = "KIND=FILE")]
    report: Vec<Wanted>,
    /// Failures that are known: a YAML list of case, signature, reason; one that passes or fails otherwise is stale (exit 3)
    #[arg(long, value_name = "FILE")]
    xfail: Option<PathBuf>,
    /// Write a capture (pcapng) of each case that fails, or of all, below this directory
    #[arg(long, num_args = 2, value_names = ["fail|all", "DIR"], conflicts_with = "addr")]
    pcap: Option<Vec<String>>,
    /// Write the trace of each case below this directory; of expanded matrices, those of cases that fail
    #[arg(long, value_name = "DIR")]
    trace: Option<PathBuf>,
    /// Say something about each case, not only about those that did not pass
    #[arg(long, short)]
    verbose: bool,
    /// Another seed for all of them (golden traces are then not compared)
    #[arg(long, value_name = "N", conflicts_with = "addr")]
    seed: Option<u64>,
    /// Run over TCP against the target that listens here
    #[arg(long, value_name = "HOST:PORT", requires = "target")]
    addr: Option<String>,
    /// Name of that target
    #[arg(long, value_name = "IQN", requires = "addr")]
    target: Option<String>,
    /// CHAP credentials: for scenarios about CHAP ($chap_name, $chap_secret), and for every login where the target asks for them
    #[arg(long, value_name = "NAME:SECRET", requires = "addr")]
    chap: Option<String>,
    /// CHAP credentials of the target itself, for scenarios that ask it to prove them ($mutual_name, $mutual_secret)
    #[arg(long, value_name = "NAME:SECRET", requires = "chap")]
    chap_mutual: Option<String>,
    /// Only scenarios of this level
    #[arg(long, value_enum)]
    level: Vec<LevelArg>,
    /// Only scenarios that check a clause which begins with this
    #[arg(long, value_name = "CLAUSE")]
    req: Option<String>,
    /// Only scenarios with this tag
    #[arg(long)]
    tag: Option<String>,
    /// Only scenarios this holds for: name(GLOB), title(TEXT), level(L), req(CLAUSE), tag(T), needs(N) with `!`, `&`, `|` and ( )
    #[arg(long, value_name = "EXPR")]
    filter: Option<Pick>,
    /// Only part K of N; the parts together are everything
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// Expand matrices that name a strength until any N values meet: 2 [the default of --matrix], or 3
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "2",
          value_parser = clap::value_parser!(u8).range(2..=3))]
    matrix: Option<u8>,
}

/// How binding the clauses are.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelArg {
    Must,
    Should,
    May,
    Robust,
}

impl From<LevelArg> for Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Must => Self::Must,
            LevelArg::Should => Self::Should,
            LevelArg::May => Self::May,
            LevelArg::Robust => Self::Robust,
        }
    }
}

impl Run {
    /// Runs, reports, and gives the worst exit.
    pub fn execute(self, context: &Context) -> Result<Exit, CliError> {
        let root = context.root()?;
        let collection = Collection::find(&root).map_err(|error| CliError::file(&root, &error))?;
        let filter = Filter {
            globs: self.globs.clone(),
            levels: self.level.iter().map(|level| Level::from(*level)).collect(),
            req: self.req.clone(),
            tag: self.tag.clone(),
            pick: self.filter.clone(),
            shard: self.shard,
            strength: self.matrix.map_or(0, usize::from),
        };
        let mut selected = chosen(&collection, &filter)?;
        let unknown = self.apply_known(&collection, &mut selected)?;
        if self.list {
            for one in &selected {
                let cases =
                    if one.cases.len() > 1 { format!(" ({} cases)", one.cases.len()) } else { String::new() };
                let scenario = &one.scenario;
                anstream::println!(
                    "{}{cases}: {} [{}]",
                    scenario.name,
                    scenario.title,
                    scenario.req.join(" ")
                );
            }
            return Ok(Exit::Passed);
        }
        let options = self.options()?;
        let on_tcp = matches!(options.backend, Backend::Tcp(_));
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let jobs = self.jobs.unwrap_or(if on_tcp { 1 } else { processors });
        let bar = progress(selected.len(), self.json);
        let capture = self.pcap.as_deref().map(Captures::of).transpose()?;
        let ran = run_all(&root, selected, &options, jobs, &|ran| {
            if let Some(capture) = &capture {
                capture.write(ran);
            }
            bar.set_message(ran.selected.scenario.name.clone());
            bar.inc(1);
        });
        bar.finish_and_clear();
        if let Some(capture) = capture {
            capture.finish()?;
        }
        if let Some(dir) = &self.trace {
            write_traces(dir, &ran)?;
        }
        let whole = !on_tcp && self.globs.is_empty() && options.seed.is_none();
        let stale = if whole && self.filters_nothing() { orphans(&root)? } else { Vec::new() };
        let exit = self.report(&ran, &stale)?;
        for name in &unknown {
            anstream::eprintln!("stale: {name}: there is no such scenario, but an expected failure of it");
        }
        Ok(if unknown.is_empty() { exit } else { exit.max(Exit::Stale) })
    }

    /// Tells what is selected about its known failures; gives the names that no scenario has.
    fn apply_known(
        &self,
        collection: &Collection,
        selected: &mut [Selected],
    ) -> Result<Vec<String>, CliError> {
        let Some(path) = &self.xfail else { return Ok(Vec::new()) };
        let text = std::fs::read_to_string(path).map_err(|error| CliError::file(path, &error))?;
        let known = KnownFailures::read(&path.display().to_string(), &text);
        let known = known.map_err(|error| CliError::usage(error.to_string()))?;
        Ok(known.apply(selected, |name| collection.names().any(|existing| existing == name)))
    }

    const fn filters_nothing(&self) -> bool {
        self.level.is_empty()
            && self.req.is_none()
            && self.tag.is_none()
            && self.filter.is_none()
            && self.shard.is_none()
    }

    fn options(&self) -> Result<Options, CliError> {
        let backend = match (&self.addr, &self.target) {
            (Some(addr), Some(target)) => {
                let address = resolve(addr)?;
                answers(address)?;
                let mut options = TcpOptions::new(address, target.clone());
                options.chap = self.chap.as_deref().map(|text| credential("--chap", text)).transpose()?;
                let mutual = self.chap_mutual.as_deref();
                options.mutual = mutual.map(|text| credential("--chap-mutual", text)).transpose()?;
                Backend::Tcp(options)
            }
            _ => Backend::Simulator,
        };
        Ok(Options { backend, seed: self.seed, twice: true, moments: self.pcap.is_some() })
    }

    fn report(&self, ran: &[Ran], stale: &[String]) -> Result<Exit, CliError> {
        let totals = summary(ran);
        let mut exit = totals.exit;
        let results = Results::of(ran, stale);
        results.write(&self.report).map_err(CliError::usage)?;
        if self.json {
            let text = results.render(crate::report::Form::Json).map_err(CliError::usage)?;
            anstream::print!("{text}");
        } else {
            for one in ran {
                super::report::print(one, self.verbose);
            }
        }
        for name in stale {
            anstream::eprintln!("stale: snapshots/{name}.snap: no scenario refers to it; remove it");
            exit = exit.max(Exit::Stale);
        }
        if exit != Exit::Passed && !self.json {
            anstream::println!("rerun: {}", rerun(ran, self.addr.as_deref().zip(self.target.as_deref())));
        }
        let line = format!(
            "{} passed, {} failed, {} skipped",
            totals.passed,
            totals.failed + stale.len(),
            totals.skipped
        );
        if self.json {
            anstream::eprintln!("{line}");
        } else {
            anstream::println!("{line}");
        }
        Ok(exit)
    }
}

/// The scenarios that the filter selects: at least one, all of them readable.
pub(super) fn chosen(collection: &Collection, filter: &Filter) -> Result<Vec<Selected>, CliError> {
    let selected = select(collection, filter).map_err(|errors| {
        let messages: Vec<_> = errors.iter().map(|error| error.message.as_str()).collect();
        CliError::usage(messages.join("\nerror: "))
    })?;
    if selected.is_empty() {
        return Err(CliError { exit: Exit::NothingSelected, message: "no scenario fits".to_owned() });
    }
    Ok(selected)
}

/// A name and what comes after its last colon: names are often iSCSI names, which have colons too.
pub(super) fn credential(flag: &str, text: &str) -> Result<(String, String), CliError> {
    match text.rsplit_once(':') {
        Some((name, secret)) => Ok((name.to_owned(), secret.to_owned())),
        None => {
            Err(CliError::usage(format!("{flag} takes NAME:SECRET; the last colon is the one between them")))
        }
    }
}

/// The address of a target: the first one that the name has.
fn resolve(text: &str) -> Result<SocketAddr, CliError> {
    let found = text.to_socket_addrs().map_err(|error| CliError::usage(format!("--addr {text}: {error}")))?;
    found
        .into_iter()
        .next()
        .ok_or_else(|| CliError::usage(format!("--addr {text}: there is no such address")))
}

/// One error instead of as many failures as there are scenarios, if nobody is there.
fn answers(address: SocketAddr) -> Result<(), CliError> {
    match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(CliError::usage(format!("--addr {address}: cannot connect: {error}; is a target listening?")))
        }
    }
}

/// Shown on terminals only.
pub(super) fn progress(len: usize, json: bool) -> ProgressBar {
    let shown = !json && std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(len as u64), target);
    match ProgressStyle::with_template("{pos}/{len} {wide_bar} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Golden traces that no scenario refers to.
fn orphans(root: &Path) -> Result<Vec<String>, CliError> {
    golden::unpaired(root)
        .map(|unpaired| unpaired.snapshots)
        .map_err(|error| CliError::file(&root.join("snapshots"), &error))
}

/// A case's name as a path: what no file name can have is left out, and a long one is cut (with its hash).
pub(super) fn file_name(name: &str) -> String {
    const MAX: usize = 200;
    let (before, label) = name.split_once('[').unwrap_or((name, ""));
    let plain: String = label.chars().map(|c| if c.is_control() || c == '/' { '_' } else { c }).collect();
    let label = match plain.char_indices().nth(MAX) {
        Some((at, _)) => format!("[{}..#{}]", &plain[..at], golden::short_hash(label.as_bytes())),
        None if label.is_empty() => String::new(),
        None => format!("[{plain}"),
    };
    format!("{before}{label}")
}

fn write_traces(dir: &Path, ran: &[Ran]) -> Result<(), CliError> {
    for report in ran.iter().flat_map(|ran| &ran.reports).filter(|report| !report.records.is_empty()) {
        let path = dir.join(format!("{}.jsonl", file_name(&report.full_name())));
        let folder = path.parent().unwrap_or(dir);
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, crate::trace::write_jsonl(&report.records)))
            .map_err(|error| CliError::file(&path, &error))?;
    }
    Ok(())
}
