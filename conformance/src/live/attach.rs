//! How do programs get to their sites? All at once where the kernel can, else one perf event each.

use super::error::{BPF, Capability, LiveError, PERFMON, SYS_ADMIN};
use super::program::Which;
use super::sites::{Scope, Site};
use super::sys::{self, Insn, Place};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// Which way to attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// The quickest that the kernel has.
    #[default]
    Best,
    /// A perf event for each site, as older kernels need it.
    Perf,
}

/// Programs in place; dropping it takes them away.
pub(super) struct Attached {
    programs: Vec<OwnedFd>,
    _links: Vec<OwnedFd>,
    /// Number of sites.
    pub(super) sites: usize,
}

impl Attached {
    /// Runs that the kernel left out, all programs together.
    pub(super) fn missed_runs(&self) -> u64 {
        self.programs.iter().filter_map(|program| sys::missed_runs(program.as_fd()).ok()).sum()
    }
}

/// Attaches what `program` makes to every site.
pub(super) fn attach(
    scope: &Scope,
    sites: &[Site],
    how: How,
    program: &dyn Fn(&[i16], Which) -> Vec<Insn>,
) -> Result<Attached, LiveError> {
    let file = CString::new(scope.path.as_os_str().as_bytes())
        .map_err(|error| LiveError::Binary(scope.path.clone(), error.to_string()))?;
    let pid = scope.pid.unwrap_or(0);
    if how == How::Best {
        match multi(&file, sites, pid, program) {
            Err(LiveError::Missing(_) | LiveError::Verifier(_)) => {}
            outcome => return outcome,
        }
    }
    perf(&file, sites, pid, program)
}

fn cookie(site: &Site) -> u64 {
    site.probe as u64
}

/// One program for each way in which arguments are passed, one link each.
fn multi(
    file: &CString,
    sites: &[Site],
    pid: u32,
    program: &dyn Fn(&[i16], Which) -> Vec<Insn>,
) -> Result<Attached, LiveError> {
    let mut groups: BTreeMap<&[i16], Vec<Place>> = BTreeMap::new();
    for site in sites {
        let place = Place { offset: site.offset, semaphore: site.semaphore, cookie: cookie(site) };
        groups.entry(&site.arguments).or_default().push(place);
    }
    let (mut programs, mut links) = (Vec::new(), Vec::new());
    for (arguments, places) in groups {
        let loaded = sys::load(&program(arguments, Which::Cookie), sys::UPROBE_MULTI)?;
        let link = sys::attach_multi(loaded.as_fd(), file, &places, pid);
        links.push(link.map_err(|error| {
            failed("bpf(BPF_LINK_CREATE)", error, pid, "uprobe multi links", &[BPF, PERFMON])
        })?);
        programs.push(loaded);
    }
    Ok(Attached { programs, _links: links, sites: sites.len() })
}

/// One program and one perf event for each site.
fn perf(
    file: &CString,
    sites: &[Site],
    pid: u32,
    program: &dyn Fn(&[i16], Which) -> Vec<Insn>,
) -> Result<Attached, LiveError> {
    const LACKS: &str = "uprobe events (CONFIG_UPROBE_EVENTS)";
    let kind = std::fs::read_to_string("/sys/bus/event_source/devices/uprobe/type");
    let kind = kind.ok().and_then(|text| text.trim().parse().ok()).ok_or(LiveError::Missing(LACKS))?;
    let (mut programs, mut links) = (Vec::new(), Vec::new());
    for site in sites {
        let place = Place { offset: site.offset, semaphore: site.semaphore, cookie: 0 };
        let loaded = sys::load(&program(&site.arguments, Which::Only(site.probe as u32)), 0)?;
        let link = sys::attach_perf(loaded.as_fd(), kind, file, place, pid);
        links.push(link.map_err(|error| failed("perf_event_open(2)", error, pid, LACKS, &[SYS_ADMIN]))?);
        programs.push(loaded);
    }
    Ok(Attached { programs, _links: links, sites: sites.len() })
}

fn failed(
    call: &'static str,
    error: io::Error,
    pid: u32,
    lacks: &'static str,
    needs: &'static [Capability],
) -> LiveError {
    match error.raw_os_error() {
        // Its end between the reading of its file and this call.
        Some(libc::ESRCH | libc::ENOENT) if pid != 0 => LiveError::NoProcess(pid),
        _ => LiveError::of(call, error, lacks, needs),
    }
}
