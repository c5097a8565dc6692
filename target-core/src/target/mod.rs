//! What does an iSCSI target do with what it is told? The engine: one way in, pulled ways out.
//!
//! One file a verb. [`Target`] holds everything; a method belongs to the file of the verb it serves:
//!
//! ```text
//!  handle ─┬─ opened/closed ── login ── sessions        who is there
//!          ├─ receive ─┬─ command ── data_out ── io     commands and their data
//!          │           ├─ tmf ── multi_abort, query     task management
//!          │           ├─ logout, text, nop             everything else that is asked
//!          │           └─ reject                        what must not be asked
//!          ├─ timers, admin ── notify                   what the target does of its own
//!  poll_* ─┴─ transmit ── encode ── probes              what goes out
//! ```
//!
//! No method waits for storage: an operation that is given up is cancelled, its owner forgotten, and its completion
//! swallowed when it comes.

mod aca;
mod admin;
mod answered;
mod cells;
mod close;
mod command;
mod data_out;
mod encode;
mod fence;
mod finish;
mod io;
mod leave;
mod login;
mod logout;
mod multi_abort;
mod node;
mod nop;
mod notify;
mod preempt;
mod probes;
mod q_err;
mod query;
mod reassign;
mod receive;
mod reject;
mod sessions;
mod snack;
mod text;
mod timers;
mod tmf;
mod transmit;
mod upkeep;
mod usage;

use crate::api::{Admin, ApiMisuse, ConnId, Event, Input, RxStatus, TxStatus};
use crate::config::{Config, ConfigError};
use crate::conn::batch::TxBatch;
use crate::conn::connection::Connection;
use crate::conn::login::challenge::Challenges;
use crate::io::IoRequest;
use crate::probe::ProbeSink;
use crate::session::{Session, SessionKey, TaskRef};
use crate::slab::Slab;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
pub use cells::Cells;
use node::Node;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use timers::Timer;
pub use usage::{SessionInfo, Usage};

/// The whole target node: every connection, session, task and logical unit.
///
/// See the crate's documentation for the order of calls.
#[derive(Debug)]
pub struct Target<S: ProbeSink> {
    config: Config,
    sink: S,
    rng: ChaCha20Rng,
    challenges: Challenges,
    now: Instant,
    conns: BTreeMap<ConnId, Box<Connection>>,
    sessions: Slab<Session>,
    /// One for each target, in the order of the configuration.
    nodes: Vec<Node>,
    /// Storage operations on their way, by whom they serve.
    ios: Slab<io::Owner>,
    /// How many of them serve nobody any more.
    orphans: usize,
    requests: VecDeque<IoRequest>,
    ready: VecDeque<ConnId>,
    events: VecDeque<Event>,
    timers: BTreeSet<(Instant, Timer)>,
    /// Commands whose turn in their task set has come.
    runnable: VecDeque<TaskRef>,
    /// Commands that an ACA condition kept from completing and does no more.
    unblocked: VecDeque<TaskRef>,
    /// Sessions that gave memory back, in which somebody may wait for it.
    relieved: Vec<SessionKey>,
    /// Sessions in which held requests or task management functions may go on.
    unsettled: Vec<SessionKey>,
    /// Connections whose driver was told to stop reading.
    paused: Vec<ConnId>,
    last_tsih: u16,
    last_nexus: u32,
    /// When the last sessions are dropped, from [`crate::api::Admin::Drain`] on.
    drain: Option<Instant>,
    draining: bool,
    /// When formatting and sanitizing go on, while a unit is at it.
    upkeep: Option<Instant>,
    /// Of connections and sessions that are gone.
    cells: Cells,
}

impl<S: ProbeSink> Target<S> {
    /// A target made of `config`. `seed` decides the CHAP challenges and nothing else.
    ///
    /// # Errors
    ///
    /// What [`Config::check`] finds.
    pub fn new(config: Config, seed: [u8; 32], sink: S) -> Result<Self, ConfigError> {
        config.check()?;
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        let nodes = config.targets.iter().map(|target| Node::new(target, &config)).collect();
        let mut target = Self {
            config,
            sink,
            rng,
            challenges: Challenges::new(key),
            now: Instant::ZERO,
            conns: BTreeMap::new(),
            sessions: Slab::new(),
            nodes,
            ios: Slab::new(),
            orphans: 0,
            requests: VecDeque::new(),
            ready: VecDeque::new(),
            events: VecDeque::new(),
            timers: BTreeSet::new(),
            runnable: VecDeque::new(),
            unblocked: VecDeque::new(),
            relieved: Vec::new(),
            unsettled: Vec::new(),
            paused: Vec::new(),
            last_tsih: 0,
            last_nexus: 0,
            drain: None,
            draining: false,
            upkeep: None,
            cells: Cells::default(),
        };
        target.resume_upkeep();
        Ok(target)
    }

    /// Takes one input. The status is of use for [`Input::Received`]; for anything else it says to go on.
    ///
    /// # Errors
    ///
    /// Only for a driver's bug, and then nothing has changed.
    pub fn handle(&mut self, now: Instant, input: Input) -> Result<RxStatus, ApiMisuse> {
        if now < self.now {
            return Err(ApiMisuse::TimeWentBack);
        }
        let status = match input {
            Input::Opened { conn, local, remote } => {
                if self.conns.contains_key(&conn) {
                    return Err(ApiMisuse::DuplicateConnection(conn));
                }
                self.now = now;
                self.opened(conn, local, remote);
                RxStatus::default()
            }
            Input::Received { conn, frame } => {
                if !self.conns.contains_key(&conn) {
                    return Err(ApiMisuse::UnknownConnection(conn));
                }
                self.now = now;
                self.receive(conn, frame);
                self.run();
                return Ok(self.rx_status(conn));
            }
            Input::Closed { conn } => {
                if !self.conns.contains_key(&conn) {
                    return Err(ApiMisuse::UnknownConnection(conn));
                }
                self.now = now;
                self.closed(conn);
                RxStatus::default()
            }
            Input::Io(done) => {
                let id = done.id;
                if !self.io_is_known(id) {
                    return Err(ApiMisuse::UnknownIo(id));
                }
                self.now = now;
                self.io_done(done);
                RxStatus::default()
            }
            Input::Timeout => {
                self.now = now;
                self.expire();
                RxStatus::default()
            }
            Input::Admin(admin) => {
                if let Admin::Reconfigure(config) = &admin {
                    config.check().map_err(|error| ApiMisuse::BadConfig(Box::new(error)))?;
                }
                self.now = now;
                self.administer(admin);
                RxStatus::default()
            }
        };
        self.run();
        Ok(status)
    }

    /// The next request to storage.
    pub fn poll_io(&mut self) -> Option<IoRequest> {
        self.requests.pop_front()
    }

    /// The next connection that has something to send. It comes again when it has something new.
    pub fn poll_ready(&mut self) -> Option<ConnId> {
        while let Some(id) = self.ready.pop_front() {
            if let Some(conn) = self.conns.get_mut(&id) {
                conn.queued = false;
                return Some(id);
            }
        }
        None
    }

    /// Serialises what `conn` has to send into `batch`, until that is full or nothing is left.
    pub fn poll_transmit(&mut self, now: Instant, conn: ConnId, batch: &mut TxBatch) -> TxStatus {
        self.now = self.now.max(now);
        let status = self.transmit(conn, batch);
        // What was sent gives memory back, for which commands and paused connections may wait.
        self.run();
        status
    }

    /// The next piece of news.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to hand in [`Input::Timeout`], unless something else happens before. Exact; early or late does no harm.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.next_timeout()
    }

    /// Where probe events go.
    pub const fn sink(&self) -> &S {
        &self.sink
    }

    /// Where probe events go.
    pub const fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// What the target was configured with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Queues a connection for [`Target::poll_ready`].
    fn wake(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id)
            && !conn.queued
        {
            conn.queued = true;
            self.ready.push_back(id);
        }
    }

    /// Does what an input made possible: starts commands whose turn came, goes on with task management,
    /// hands freed memory on, resumes reading.
    /// A loop over queues, so that no chain of commands that wait for each other can exhaust the stack.
    fn run(&mut self) {
        loop {
            if let Some(next) = self.runnable.pop_front() {
                self.start(next.session, next.task);
            } else if let Some(next) = self.unblocked.pop_front() {
                self.unblock(next);
            } else if let Some(session) = self.unsettled.pop() {
                self.deliver_held(session);
                self.advance_fence(session);
            } else if let Some(session) = self.relieved.pop() {
                self.hand_on_memory(session);
            } else {
                break;
            }
        }
        self.resume_paused();
    }
}
