//! One core behind its lock, and everything that serves it.

use super::config::{ServeConfig, ServerOptions};
use super::connection::Connection;
use super::timer::Timer;
use super::turn::{Gather, Own, Turn};
use super::writer::Writer;
use super::{Sink, event};
use crate::storage::Tried;
use crate::storage::pool::{Complete, Job, Pool};
use crate::storage::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};
use target_core::api::{Admin, ConnId, Input};
use target_core::config::Config;
use target_core::drive;
use target_core::io::{IoDone, IoError, IoRequest};
use target_core::target::Target;

/// The core's clock reading.
type CoreInstant = target_core::time::Instant;

pub(super) struct Shard {
    me: Weak<Self>,
    core: Mutex<Target<Sink>>,
    epoch: Instant,
    connections: RwLock<BTreeMap<ConnId, Arc<Connection>>>,
    next_conn: AtomicU64,
    devices: Registry,
    pool: Pool,
    pub(super) timer: Timer,
    pub(super) writer: Writer,
    pub(super) options: ServerOptions,
    /// What is in force, for the limits that the server itself watches; `portals` with the ports that were chosen.
    config: RwLock<Config>,
    /// Whether the core said that no session is left.
    drained: Mutex<bool>,
    changed: Condvar,
}

impl Shard {
    pub(super) fn start(config: &ServeConfig, sink: Sink) -> Result<Arc<Self>, String> {
        let devices = Registry::default();
        let (core_config, staged) = config.stage(&devices)?;
        let target = Target::new(core_config.clone(), seed()?, sink).map_err(|error| error.to_string())?;
        staged.commit()();
        let io = |error: std::io::Error| error.to_string();
        let pool = Pool::new(config.server.workers).map_err(io)?;
        let writer = Writer::new().map_err(io)?;
        let shard = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            core: Mutex::new(target),
            epoch: Instant::now(),
            connections: RwLock::default(),
            next_conn: AtomicU64::new(1),
            devices,
            pool,
            timer: Timer::default(),
            writer,
            options: config.server,
            config: RwLock::new(core_config),
            drained: Mutex::new(false),
            changed: Condvar::new(),
        });
        Timer::start(&shard).map_err(io)?;
        Writer::start(&shard).map_err(io)?;
        // What was interrupted (SANITIZE) goes on although nobody asks for it.
        shard.input(Input::Timeout);
        Ok(shard)
    }

    fn core(&self) -> MutexGuard<'_, Target<Sink>> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The core's time now. Read it while holding the core, or it may go backwards between threads.
    fn now(&self) -> CoreInstant {
        CoreInstant::from_nanos(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// When the core's `at` is on the system's clock.
    pub(super) fn instant(&self, at: CoreInstant) -> Instant {
        self.epoch + Duration::from_nanos(at.as_nanos())
    }

    /// Hands in what `inputs` has, does the storage operations that come out, and goes on until there are none; output
    /// of `own` goes into its batch. What is left to do (other connections to transmit on) stays in `turn`.
    pub(super) fn pass(
        &self,
        turn: &mut Turn,
        mut own: Own<'_>,
        inputs: impl FnOnce(&mut Target<Sink>, CoreInstant, &mut Own<'_>),
    ) {
        let mut inputs = Some(inputs);
        loop {
            let next = {
                let mut core = self.core();
                let now = self.now();
                if let Some(inputs) = inputs.take() {
                    inputs(&mut core, now, &mut own);
                }
                for done in turn.done.drain(..) {
                    hand_in(&mut core, now, Input::Io(done));
                }
                drive::drain(now, &mut core, &mut Gather { turn, own: &mut own });
                core.poll_timeout()
            };
            if let Some(next) = next {
                self.timer.arm(next.as_nanos(), || self.instant(next));
            }
            for event in turn.events.drain(..) {
                event::take(self, event);
            }
            self.start_io(turn);
            if turn.done.is_empty() {
                return;
            }
        }
    }

    /// Does what needs no waiting on the spot; the rest goes to the pool.
    fn start_io(&self, turn: &mut Turn) {
        if turn.io.is_empty() {
            return;
        }
        let devices = self.devices.open();
        for request in turn.io.drain(..) {
            match request {
                IoRequest::Start { id, device: device_id, op } => match devices.get(device_id) {
                    None => turn.done.push(IoDone { id, result: Err(IoError::NotReady) }),
                    Some(device) => match device.try_now(op) {
                        Tried::Done(result) => turn.done.push(IoDone { id, result }),
                        Tried::WouldBlock(op) => match self.me.upgrade() {
                            Some(to) => {
                                self.pool.submit(Job {
                                    id,
                                    number: device_id,
                                    device: Arc::clone(device),
                                    op,
                                    to,
                                });
                            }
                            None => turn.done.push(IoDone { id, result: Err(IoError::Cancelled) }),
                        },
                    },
                },
                IoRequest::Cancel { id } => turn.done.extend(self.pool.cancel(id)),
            }
        }
    }

    /// One input that concerns no connection in particular, with everything that follows from it.
    pub(super) fn input(&self, input: Input) {
        let mut turn = Turn::default();
        self.pass(&mut turn, Own::none(), |core, now, _| hand_in(core, now, input));
        self.spread(&mut turn);
    }

    /// A name for a new connection.
    pub(super) fn new_conn(&self) -> ConnId {
        ConnId(self.next_conn.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn add(&self, connection: &Arc<Connection>) {
        let mut all = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(connection.id, Arc::clone(connection));
    }

    /// Forgets a connection; it cannot be found for transmitting any more.
    pub(super) fn remove(&self, id: ConnId) {
        let mut all = self.connections.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(&id);
        let none_left = all.is_empty();
        drop(all);
        if none_left {
            // Taken so that a waiter is either before its look at the map or inside its wait.
            drop(self.drained.lock().unwrap_or_else(PoisonError::into_inner));
            self.changed.notify_all();
        }
    }

    pub(super) fn connection(&self, id: ConnId) -> Option<Arc<Connection>> {
        self.connections.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Looks at every connection, oldest first.
    pub(super) fn connections<T>(
        &self,
        look: impl FnOnce(&mut dyn Iterator<Item = &Arc<Connection>>) -> T,
    ) -> T {
        look(&mut self.connections.read().unwrap_or_else(PoisonError::into_inner).values())
    }

    /// One value of the configuration in force.
    pub(super) fn configured<T>(&self, value: impl FnOnce(&Config) -> T) -> T {
        value(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn reload(&self, config: &ServeConfig) -> Result<(), String> {
        let (mut fresh, staged) = config.stage(&self.devices)?;
        let kept = staged.take_over();
        for lun in fresh.targets.iter_mut().flat_map(|target| &mut target.luns) {
            if let Some(records) = kept.get(&lun.device) {
                lun.kept.clone_from(records);
            }
        }
        let retire = staged.commit();
        self.input(Input::Admin(Admin::Reconfigure(Box::new(fresh.clone()))));
        retire();
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub(super) fn drain_time(&self) -> Duration {
        // The core drops what is left in time; a little more for the last bytes to go out.
        self.options.drain + self.options.linger + Duration::from_secs(1)
    }

    pub(super) fn drain(&self) {
        let seconds = u16::try_from(self.options.drain.as_secs()).unwrap_or(u16::MAX);
        self.input(Input::Admin(Admin::Drain { seconds }));
    }

    /// The core has no session any more. Connections that never had one need not be waited for.
    pub(super) fn set_drained(&self) {
        *self.drained.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub(super) fn wait_drained(&self, until: Instant) -> bool {
        let mut drained = self.drained.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if *drained && self.connections(|all| all.next().is_none()) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (drained, _) = self.changed.wait_timeout(drained, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends timer, writer and connections at once, and completes the recording.
    pub(super) fn stop(&self) {
        self.timer.stop();
        self.writer.stop();
        self.connections(|all| all.for_each(|connection| connection.kill()));
        self.core().sink_mut().1.finish();
    }
}

/// Completions of workers.
impl Complete for Shard {
    fn complete(&self, done: IoDone) {
        self.input(Input::Io(done));
    }
}

/// Hands an input to the core; a refusal is a bug of this server and is told as such.
pub(super) fn hand_in(core: &mut Target<Sink>, now: CoreInstant, input: Input) {
    if let Err(misuse) = core.handle(now, input) {
        tracing::error!(?misuse, "the server misused the core");
    }
}

/// Fresh random bytes: CHAP challenges must not be foreseeable.
fn seed() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    crate::random::fill(&mut seed)?;
    Ok(seed)
}
