//! How often does each probe fire? The cheapest tracer there is: one addition an event, nothing read.

use super::attach::{Attached, How, attach};
use super::error::LiveError;
use super::program;
use super::sites::{Scope, sites};
use super::sys;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use target_core::probe::Probe;

/// Attached and counting until dropped.
pub struct Counter {
    counts: OwnedFd,
    _attached: Attached,
}

impl Counter {
    /// Attaches.
    ///
    /// # Errors
    /// What is missing, as for [`Tracer::attach`](super::Tracer::attach).
    pub fn attach(scope: &Scope) -> Result<Self, LiveError> {
        let sites = sites(scope)?;
        let counts = sys::map(sys::ARRAY, Probe::ALL.len() as u32)?;
        let fd = counts.as_raw_fd();
        let attached = attach(scope, &sites, How::Best, &|_, which| program::count(fd, which))?;
        Ok(Self { counts, _attached: attached })
    }

    /// How often a probe has fired since.
    pub fn of(&self, probe: Probe) -> u64 {
        sys::lookup(self.counts.as_fd(), probe as u32).unwrap_or(0)
    }
}
