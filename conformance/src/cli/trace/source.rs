//! Where do live events come from, and how long does one look?

use super::{CliError, Exit, globs};
use crate::live::{How, LiveError, Scope, Tracer};
use crate::server::config;
use clap::Args;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use target_core::probe::Probe;

/// How often the ring is looked into.
pub(super) const PAUSE: Duration = Duration::from_millis(10);

/// The smallest and the largest ring.
const BUFFER: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;

/// Arguments of all that traces live.
#[derive(Args, Debug)]
pub(super) struct Source {
    /// Only this process
    #[arg(long, value_name = "N", conflicts_with = "path", value_parser = clap::value_parser!(u32).range(1..))]
    pid: Option<u32>,
    /// The program file: all processes that run it, now or later [default: this very file]
    #[arg(long, value_name = "BIN")]
    path: Option<PathBuf>,
    /// Room for events that wait to be read: a power of two, 64K to 1G
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = config::size)]
    buffer: u64,
    /// Attach to one site after the other through perf events, as kernels before 6.6 need it; takes CAP_SYS_ADMIN
    #[arg(long)]
    perf: bool,
}

impl Source {
    /// Attaches, and says so on standard error.
    pub(super) fn attach(&self, probe: &[String]) -> Result<Tracer, CliError> {
        let probes = probes(probe)?;
        let scope = match (self.pid, &self.path) {
            (Some(pid), _) => Scope { probes, ..Scope::process(pid) },
            (None, Some(path)) => Scope { probes, ..Scope::file(path) },
            (None, None) => {
                let path = std::env::current_exe().map_err(|error| {
                    CliError::usage(format!("this program's file: {error}; say --path BIN"))
                })?;
                Scope { probes, ..Scope::file(path) }
            }
        };
        if !self.buffer.is_power_of_two() || !BUFFER.contains(&self.buffer) {
            return Err(CliError::usage("--buffer is a power of two, 64K to 1G"));
        }
        let buffer = usize::try_from(self.buffer).map_err(|error| CliError::usage(error.to_string()))?;
        let how = if self.perf { How::Perf } else { How::Best };
        let tracer = Tracer::attach(&scope, how, buffer).map_err(|error| refused(&error))?;
        let (sites, took) = tracer.sites();
        // Of a process the path is a link; a file that is gone has no other name.
        let name = std::fs::read_link(&scope.path).unwrap_or_else(|_| scope.path.clone());
        anstream::eprintln!(
            "tracing {}: {} probe(s) at {sites} site(s), attached in {:.1} ms",
            name.display(),
            scope.probes.len(),
            took.as_secs_f64() * 1e3
        );
        Ok(tracer)
    }

    /// Looks until a signal comes, or the one process is gone.
    pub(super) fn until(&self) -> Result<Until, CliError> {
        let stopped = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stopped))
                .map_err(|error| CliError::usage(error.to_string()))?;
        }
        Ok(Until { stopped, pid: self.pid })
    }
}

pub(super) fn refused(error: &LiveError) -> CliError {
    CliError { exit: Exit::Usage, message: error.to_string() }
}

/// The probes whose names fit; all if nothing is asked for.
fn probes(patterns: &[String]) -> Result<Vec<Probe>, CliError> {
    let Some(set) = globs(patterns)? else { return Ok(Probe::ALL.to_vec()) };
    let probes: Vec<_> = Probe::ALL.into_iter().filter(|probe| set.is_match(probe.name())).collect();
    if probes.is_empty() {
        let names = Probe::ALL.map(Probe::name).join(", ");
        let message = format!("--probe {}: none of {names}", patterns.join(" "));
        return Err(CliError { exit: Exit::NothingSelected, message });
    }
    Ok(probes)
}

/// When a trace ends.
pub(super) struct Until {
    stopped: Arc<AtomicBool>,
    pid: Option<u32>,
}

impl Until {
    /// True as long as there may be more.
    pub(super) fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed) && self.pid.is_none_or(is_running)
    }
}

/// True unless the process is gone, or dead and not waited for yet.
fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| {
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_runs_until_it_does_not() {
        assert!(is_running(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().expect("it is there");
        let pid = child.id();
        // Dead, but not waited for, counts as gone.
        while is_running(pid) {
            std::thread::sleep(PAUSE);
        }
        child.wait().expect("a child");
    }

    #[test]
    fn probes_are_chosen_by_name() {
        assert_eq!(probes(&[]).map(|all| all.len()).ok(), Some(16));
        let chosen = probes(&["scsi-*".into(), "nop-send".into()]).ok();
        assert_eq!(chosen, Some(vec![Probe::NopSend, Probe::ScsiCommand, Probe::ScsiResponse]));
        let none = probes(&["scsi__*".into()]).err().map(|error| (error.exit, error.message));
        assert!(
            none.is_some_and(|(exit, text)| exit == Exit::NothingSelected && text.contains("async-send"))
        );
    }
}
