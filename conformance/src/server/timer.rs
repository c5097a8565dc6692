//! When must something happen although nothing comes in? One thread sleeps until the core's next deadline or until a
//! closing connection has lingered long enough.

use super::connection::Connection;
use super::shard::Shard;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use target_core::api::{ConnId, Input};

pub(super) struct Timer {
    /// The core's deadline that the thread sleeps for, in the core's nanoseconds; `u64::MAX` for none. Lets every pass see
    /// without a lock that there is nothing to do, which is nearly always so: deadlines mostly move later.
    armed: AtomicU64,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    core: Option<Instant>,
    lingering: Vec<(Instant, ConnId)>,
    stopped: bool,
}

impl Default for Timer {
    fn default() -> Self {
        Self { armed: AtomicU64::new(u64::MAX), state: Mutex::default(), wake: Condvar::new() }
    }
}

impl Timer {
    /// Starts the thread of `shard`.
    pub(super) fn start(shard: &Arc<Shard>) -> std::io::Result<()> {
        let shard = Arc::clone(shard);
        std::thread::Builder::new().name("timer".into()).spawn(move || shard.timer.run(&shard)).map(drop)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes up at `nanos` of the core's time at the latest; `at` says when that is.
    pub(super) fn arm(&self, nanos: u64, at: impl FnOnce() -> Instant) {
        if nanos >= self.armed.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state();
        if nanos < self.armed.load(Ordering::Acquire) {
            self.armed.store(nanos, Ordering::Release);
            state.core = Some(at());
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Closes `connection` for good after `time`, if it is still there.
    pub(super) fn linger(&self, connection: &Connection, time: Duration) {
        self.state().lingering.push((Instant::now() + time, connection.id));
        self.wake.notify_one();
    }

    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.wake.notify_one();
    }

    fn run(&self, shard: &Shard) {
        let mut state = self.state();
        while !state.stopped {
            let now = Instant::now();
            let overdue: Vec<_> = state.lingering.extract_if(.., |(at, _)| *at <= now).collect();
            let core_is_due = state.core.is_some_and(|at| at <= now);
            if core_is_due {
                // From here on a pass arms anew, also the one that this deadline starts.
                state.core = None;
                self.armed.store(u64::MAX, Ordering::Release);
            }
            if core_is_due || !overdue.is_empty() {
                drop(state);
                for (_, id) in overdue {
                    if let Some(connection) = shard.connection(id) {
                        connection.kill();
                    }
                }
                if core_is_due {
                    shard.input(Input::Timeout);
                }
                state = self.state();
                continue;
            }
            let next = state.lingering.iter().map(|(at, _)| *at).chain(state.core).min();
            state = match next {
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(at) => {
                    let time = at.saturating_duration_since(now);
                    self.wake.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
