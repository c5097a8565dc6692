//! Live events as records of a trace, in the order in which they fired.

use super::attach::{Attached, How, attach};
use super::error::LiveError;
use super::event::Raw;
use super::program;
use super::ring::Ring;
use super::sites::{Scope, sites};
use super::sys;
use crate::trace::{ConnIds, Record, RecordKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Members of one event that the kernel could not read: the memory was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub Vec<&'static str>);

/// Attached to a program file, with a ring that fills while events fire. Dropping it detaches.
pub struct Tracer {
    ring: Ring,
    lost: OwnedFd,
    attached: Option<Attached>,
    ids: ConnIds,
    /// Lost events that were told.
    told: u64,
    missed: u64,
    start_ns: u64,
    sites: usize,
    took: Duration,
}

impl Tracer {
    /// Attaches. `ring_bytes` is a power of two; an event takes up to 960 bytes.
    ///
    /// # Errors
    /// What is missing: the file, its probes, a privilege, a feature of the kernel.
    pub fn attach(scope: &Scope, how: How, ring_bytes: usize) -> Result<Self, LiveError> {
        let sites = sites(scope)?;
        let ring = Ring::new(ring_bytes)?;
        let lost = sys::map(sys::ARRAY, 1)?;
        let (ring_fd, lost_fd) = (ring.fd().as_raw_fd(), lost.as_raw_fd());
        // Making the ring takes its size in pages; attaching does not depend on it.
        let began = Instant::now();
        let attached = attach(scope, &sites, how, &|arguments, which| {
            program::record(ring_fd, lost_fd, arguments, which)
        })?;
        Ok(Self {
            ring,
            lost,
            sites: attached.sites,
            attached: Some(attached),
            ids: ConnIds::default(),
            told: 0,
            missed: 0,
            start_ns: sys::now_ns(),
            took: began.elapsed(),
        })
    }

    /// Number of places attached to, and how long that took.
    pub fn sites(&self) -> (usize, Duration) {
        (self.sites, self.took)
    }

    /// Hands over what has fired since, in order, times counted from the attaching; an event with members that could not be
    /// read comes with their names. Lost events are a record of their own before those among which they are missing. Where
    /// exactly is not known, so each of these has such a record before it, the later ones with 0: nobody may be held to
    /// what came before.
    pub fn drain(&mut self, take: &mut dyn FnMut(Record, Option<Unreadable>)) {
        let Self { ring, ids, start_ns, .. } = self;
        let mut events = Vec::new();
        ring.drain(&mut |bytes| {
            let Some(raw) = Raw::parse(bytes) else { return };
            let time_ns = raw.time_ns.saturating_sub(*start_ns);
            let conn = ids.of((raw.pid.into(), raw.strings), &raw.event);
            let unreadable = (!raw.unreadable.is_empty()).then_some(Unreadable(raw.unreadable));
            events.push((Record { time_ns, conn, what: RecordKind::Probe(raw.event) }, unreadable));
        });
        let lost = self.lost();
        let mut count = lost - self.told;
        self.told = lost;
        let gap = |time_ns, count| Record {
            time_ns,
            conn: crate::trace::CONN_UNKNOWN,
            what: RecordKind::Lost(count),
        };
        let any = count > 0;
        for (record, unreadable) in events {
            if any {
                take(gap(record.time_ns, std::mem::take(&mut count)), None);
            }
            take(record, unreadable);
        }
        if count > 0 {
            take(gap(sys::now_ns().saturating_sub(self.start_ns), count), None);
        }
    }

    /// Takes the programs away; what is in the ring can still be drained.
    pub fn detach(&mut self) {
        self.missed = self.missed_runs();
        self.attached = None;
    }

    /// Events that fired but did not get into the ring, so far.
    pub fn lost(&self) -> u64 {
        sys::lookup(self.lost.as_fd(), 0).unwrap_or(0) + self.missed_runs()
    }

    fn missed_runs(&self) -> u64 {
        self.attached.as_ref().map_or(self.missed, Attached::missed_runs)
    }
}
