//! What is one step of the world? Take the next event, hand it to whom it concerns, drain the target, run the checks.

use super::conn::ServerState;
use super::{CorePanic, Happening, Inner, Seen, World};
use crate::clock::Nanos;
use crate::oracle::Violation;
use crate::trace::Tag;
use std::panic::{AssertUnwindSafe, catch_unwind};
use target_core::api::{ConnId, Input};
use target_core::drive;

/// A target that wants to be woken this often in a row at one moment makes no progress.
const IDLE_TIMEOUTS_MAX: u32 = 64;

impl World {
    /// Handles the next event; false if there is none, or the core has panicked.
    pub fn step(&mut self) -> bool {
        self.step_until(Nanos::MAX)
    }

    /// Handles the next event if it is due at `limit` or before; otherwise moves the clock to `limit` and returns false.
    pub fn step_until(&mut self, limit: Nanos) -> bool {
        if self.panic.is_some() || self.is_stopped() {
            return false;
        }
        let event = self.inner.queue.next_at();
        // A process that stands still is not woken by its timers either.
        let deadline = self.deadline.map(|deadline| deadline.max(self.inner.frozen_until));
        let next = match (event, deadline) {
            (Some(event), Some(deadline)) => Some(event.min(deadline)),
            (one, other) => one.or(other),
        };
        let Some(next) = next.filter(|next| *next <= limit) else {
            if limit != Nanos::MAX {
                self.inner.queue.advance(limit);
            }
            return false;
        };
        // At one moment what arrives comes before what was waited for.
        let happening = event.filter(|event| *event <= next).and_then(|_| self.inner.queue.pop());
        self.inner.queue.advance(next);
        let result = catch_unwind(AssertUnwindSafe(|| {
            match happening {
                Some(happening) => self.happen(happening),
                None => self.time_out(),
            }
            self.drain();
        }));
        if let Err(payload) = result {
            self.core_panicked(&payload);
            return false;
        }
        true
    }

    /// Drains the target after something was done to it outside of a step.
    pub(super) fn settle(&mut self) {
        if self.panic.is_some() {
            return;
        }
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.drain())) {
            self.core_panicked(&payload);
        }
    }

    fn happen(&mut self, happening: Happening) {
        self.idle_timeouts = 0;
        if self.inner.is_frozen() && self.inner.put_off(happening) {
            return;
        }
        match happening {
            Happening::Open(conn) => self.opened(conn),
            Happening::Connected(conn) => self.inner.seen.push_back(Seen::Connected { conn }),
            Happening::Refused(conn) => self.inner.seen.push_back(Seen::Refused { conn }),
            Happening::Arrive(conn, dir) => self.arrived(conn, dir),
            Happening::Io(generation, device, id) if generation == self.inner.generation => {
                self.io_due(device, id)
            }
            Happening::Io(..) => {}
            Happening::Wake(token) => {
                self.inner.wakes -= 1;
                self.inner.seen.push_back(Seen::Wake { token });
            }
            Happening::Fault(id) => self.inner.fault_due(id),
            Happening::Thaw => {}
        }
    }

    /// The time the target asked for has come.
    fn time_out(&mut self) {
        self.inner.note(Tag::Timer, 0, b"");
        if self.inner.config.clock.drift_ppm != 0 {
            self.inner.marks.act("drift");
        }
        self.idle_timeouts += 1;
        if self.idle_timeouts > IDLE_TIMEOUTS_MAX && self.deadline.is_some_and(|at| at <= self.now()) {
            let text = "the target asks for the same time-out again and again".into();
            self.inner.break_rule("progress", u32::MAX, "driver", text);
            self.target = None;
            self.deadline = None;
            return;
        }
        self.hand_in(u32::MAX, Input::Timeout);
    }

    fn io_due(&mut self, device: u32, id: target_core::io::IoId) {
        let now = self.now();
        let Some(done) = self.inner.disks.get_mut(device as usize).and_then(|disk| disk.complete(now, id))
        else {
            return;
        };
        self.inner.io.remove(&id);
        self.inner.reveal_rot(id);
        let outcome = match &done.result {
            Ok(data) => data.pieces().fold(1, |hash, piece| crate::trace::hash_bytes(hash, piece)),
            Err(_) => 0,
        };
        self.inner.trace.add_hash(now, Tag::IoDone, id.0, outcome);
        self.inner.tell(|| super::driver::ended(device, &done));
        self.hand_in(u32::MAX, Input::Io(done));
    }

    /// Pulls everything out of the target and tells it what came of that, until nothing is left; then runs the checks.
    fn drain(&mut self) {
        let clock = self.inner.config.clock;
        let now = clock.reads(self.now());
        let frozen = self.inner.is_frozen();
        while let Some(target) = self.target.as_mut().filter(|_| !frozen) {
            drive::drain(now, target, &mut self.inner);
            let mut sent = false;
            for conn in std::mem::take(&mut self.inner.want_transmit) {
                let waiting = self.inner.conns.get(conn as usize).is_some_and(|conn| {
                    conn.server.waiting && conn.server.state == ServerState::Open && !conn.server.closing
                });
                if waiting {
                    sent = true;
                    drive::Driver::transmit(&mut self.inner, now, target, ConnId(u64::from(conn)));
                }
            }
            if !sent && self.inner.closed.is_empty() && self.inner.resumed.is_empty() {
                self.deadline = target.poll_timeout().map(|at| clock.shows(at));
                break;
            }
            for conn in std::mem::take(&mut self.inner.resumed) {
                self.resume(conn);
            }
            for conn in std::mem::take(&mut self.inner.closed) {
                self.hand_in(conn, Input::Closed { conn: ConnId(u64::from(conn)) });
            }
        }
        if let (Some(target), Some(oracles)) = (&self.target, &mut self.inner.oracles) {
            oracles.held(self.inner.queue.now(), &target.usage());
        }
        self.inner.check();
    }

    pub(super) fn core_panicked(&mut self, payload: &(dyn std::any::Any + Send)) {
        let message = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without a message".to_owned());
        self.panic = Some(CorePanic { seed: self.seed(), at: self.now(), message });
        self.target = None;
        self.deadline = None;
    }
}

impl Inner {
    /// Runs the checks that look at the state after an event.
    fn check(&mut self) {
        self.check_probes();
        let now = self.now();
        if let Some(oracles) = &mut self.oracles {
            let paused = |conn: u32| self.conns.get(conn as usize).is_some_and(|conn| conn.server.paused);
            oracles.after_event(now, self.io.is_empty(), &paused);
        }
        self.take_findings();
    }

    /// Takes what the checks have found and tells of it.
    pub(super) fn take_findings(&mut self) {
        if let Some(oracles) = &mut self.oracles {
            oracles.take_violations(&mut self.violations);
        }
        if !self.violations.is_empty() {
            self.marks.failed();
        }
        self.tell_records();
    }

    /// Reports a breach that the world itself noticed.
    pub(super) fn complain(&mut self, conn: u32, clause: &'static str, text: String) {
        self.break_rule("world", conn, clause, text);
    }

    fn break_rule(&mut self, rule: &'static str, conn: u32, clause: &'static str, text: String) {
        let conn = (conn != u32::MAX).then_some(conn);
        self.violations.push(Violation { rule, clause: clause.into(), text, at: self.now(), conn });
    }
}
