//! Is what the target does right? Checks that run after every event, on what passes at its socket.
//!
//! | file | rule | what must hold |
//! |---|---|---|
//! | `answer` | `answer` | every request is answered once, by the right PDU, unless it was aborted or its connection ended |
//! | `abort` | `abort` | after the response to an abort nothing of the aborted task is sent (RFC 7143 4.2.3.3, 11.5) |
//! | `termination` | `termination` | with FastAbort, and only then, the end of tasks is announced (4.2.3.4) |
//! | `fence` | `fence` | fenced responses keep their place across connections (4.2.2.3) |
//! | `aca` | `aca` | while an ACA condition is in effect, only an ACA task of its nexus gets through (SAM-5 5.9) |
//! | `window` | `window` | ExpCmdSN and MaxCmdSN never move back, MaxCmdSN >= ExpCmdSN-1 (4.2.2.1) |
//! | `stat_sn` | `stat_sn` | StatSN grows by one with each status, per connection (4.2.2.2) |
//! | `limits` | `limits` | no PDU, burst or R2T exceeds what was negotiated; DataSN and offsets are in order (13) |
//! | `held` | `held` | the target holds no more than its limits say, whatever peers do |
//! | `lun` | `content` | a read returns what the blocks can hold, given every write, abort and crash before |
//! | `probe` | `probe` | probe events are those the definitions derive from the wire, field by field |
//! | `resend` | `resend` | what is sent again was asked for and is the same as before (11.16) |
//! | `reassign` | `reassign` | only what lost its connection is reassigned, and it goes on where it was (7.2.2) |
//! | `liveness` | `progress` | once faults stop, what was accepted is answered |
//!
//! They know only bytes and RFC, nothing of the core; and they cost a table look-up or two per PDU.

mod abort;
mod aca;
mod answer;
mod content;
pub mod definitions;
mod doubt;
mod expression;
mod fence;
mod fields;
mod held;
mod limits;
mod liveness;
mod lun;
mod probe;
mod reassign;
mod resend;
mod session;
mod spoil;
mod stat_sn;
mod task;
mod termination;
#[cfg(test)]
mod tests;
mod violation;
mod window;

pub use definitions::{
    ConstantDefinition, DefinitionError, MemberDefinition, MemberType, ProbeDefinition, ProbeDefinitions,
    TypeDefinition,
};

use crate::clock::Nanos;
use crate::codec::{Kind, PduView};
use crate::initiator::serial;
use crate::net::Dir;
use crate::world::ProbeRecord;
use crate::world::tap::{Quality, Track};
use fields::Fields;
use lun::LunModel;
use probe::ProbeOracle;
use session::SessionState;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use target_core::config::Config;
use target_core::target::Usage;
use task::Tasks;
use violation::Sink;
pub use violation::Violation;

/// A PDU at the target's socket.
#[derive(Clone, Copy, Debug)]
pub struct WirePdu<'a> {
    /// When.
    pub at: Nanos,
    /// The connection.
    pub conn: u32,
    /// Which way.
    pub dir: Dir,
    /// Its bytes.
    pub view: PduView<'a>,
    /// Whether they can be believed.
    pub quality: Quality,
}

/// What the checks keep of one connection.
struct ConnState {
    local: SocketAddr,
    remote: SocketAddr,
    open: bool,
    /// Key of its session in `Oracles::sessions`, once logged in.
    session: Option<u64>,
    tasks: Tasks,
    stat_sn: stat_sn::StatSn,
    /// ErrorRecoveryLevel of its session.
    level: u8,
    resends: resend::Resends,
    /// ExpStatSN as it came last.
    acknowledged: Option<u32>,
    ping: stat_sn::Ping,
    /// The initiator acknowledges what was not sent.
    counts_wrong: bool,
    /// It was told that a status which it lacks is not kept any more, and has acknowledged none since.
    status_gone: bool,
    cid: u16,
    /// The target said that it has gone; the connection ends as soon as that is sent.
    is_given_up: bool,
    terminations: termination::Terminations,
    target: String,
    /// Used until the connection has a session.
    login_window: window::Window,
}

/// All checks of one world.
pub struct Oracles {
    fields: &'static Fields,
    /// Size of the command window by configuration.
    commands: u32,
    /// How long the target waits for write data.
    patience: Nanos,
    bounds: held::Bounds,
    conns: BTreeMap<u32, ConnState>,
    sessions: BTreeMap<u64, SessionState>,
    next_session: u64,
    /// Functions under way that can end several tasks: (connection, task tag).
    functions: Vec<(u32, u32)>,
    lun: LunModel,
    acas: aca::Acas,
    probe: Option<ProbeOracle>,
    sink: Sink,
    /// Connections whose probe events are to be counted at the end of the event.
    touched: Vec<u32>,
}

impl Oracles {
    /// Checks for a target of this configuration; probe events are checked by `definitions`, if there are any.
    pub fn new(config: &Config, definitions: Option<Arc<ProbeDefinitions>>) -> Self {
        Self {
            fields: Fields::shared(),
            commands: config.limits.commands,
            patience: held::patience(config),
            bounds: held::Bounds::of(config),
            conns: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_session: 0,
            functions: Vec::new(),
            lun: LunModel::new(config),
            acas: aca::Acas::default(),
            probe: definitions.map(ProbeOracle::new),
            sink: Sink { found: Vec::new(), at: 0, conn: 0 },
            touched: Vec::new(),
        }
    }

    /// A connection was accepted.
    pub fn opened(&mut self, conn: u32, local: SocketAddr, remote: SocketAddr) {
        let state = ConnState {
            local,
            remote,
            open: true,
            session: None,
            tasks: Tasks::default(),
            stat_sn: stat_sn::StatSn::default(),
            level: 0,
            resends: resend::Resends::default(),
            acknowledged: None,
            ping: stat_sn::Ping::default(),
            counts_wrong: false,
            status_gone: false,
            cid: 0,
            is_given_up: false,
            terminations: termination::Terminations::default(),
            target: String::new(),
            login_window: window::Window::default(),
        };
        self.conns.insert(conn, state);
    }

    /// A PDU passed. Those from the initiator before the core gets them, those from the target as they are serialised.
    pub fn pdu(&mut self, track: &Track, pdu: &WirePdu<'_>) {
        (self.sink.at, self.sink.conn) = (pdu.at, pdu.conn);
        if pdu.dir == Dir::In && pdu.quality != Quality::Good {
            self.sink.add("digest", "rfc7143/11.2.3", "the target sent a PDU whose digest is wrong");
            return;
        }
        if pdu.quality == Quality::HeaderDigest {
            return;
        }
        let Some(kind) = Kind::of(pdu.view.bhs) else {
            if pdu.dir == Dir::In {
                self.sink.add(
                    "answer",
                    "rfc7143/11.2.1.2",
                    "the target sent a PDU with an unassigned opcode",
                );
            }
            return;
        };
        if pdu.quality == Quality::DataDigest {
            self.spoiled(pdu);
            return;
        }
        self.touched.push(pdu.conn);
        match pdu.dir {
            Dir::Out => self.sent_to_target(track, pdu, kind),
            Dir::In => self.sent_by_target(track, pdu, kind),
        }
    }

    fn sent_to_target(&mut self, track: &Track, pdu: &WirePdu<'_>, kind: Kind) {
        let Some(conn) = self.conns.get_mut(&pdu.conn) else { return };
        let exp_stat_sn = self.fields.exp_stat_sn.word(pdu.view.bhs);
        // A number that was damaged on its way acknowledges nothing: only what was sent can be (4.2.2.2).
        let acknowledges = conn.stat_sn.next().is_none_or(|next| serial::le(exp_stat_sn, next));
        if kind.from_initiator() && kind != Kind::LoginRequest {
            if kind != Kind::Snack {
                conn.counts_wrong = !acknowledges;
            }
            // An acknowledgement is never taken back (4.2.2.2).
            if acknowledges && conn.acknowledged.is_none_or(|before| serial::lt(before, exp_stat_sn)) {
                conn.acknowledged = Some(exp_stat_sn);
                conn.status_gone = false;
            }
            if kind == Kind::NopOut {
                conn.ping.answered(self.fields, pdu, acknowledges);
            }
        }
        let session = conn.session.and_then(|key| self.sessions.get_mut(&key));
        let arrival = conn.tasks.arrive(self.fields, pdu, kind, session);
        if let Some(probe) = &mut self.probe {
            let itt = self.fields.itt.word(pdu.view.bhs);
            // In a discovery session nothing is a command.
            let lun = conn.tasks.lun_of(itt).filter(|_| !track.session.discovery);
            probe.expect(track, pdu, kind, lun, (conn.local, conn.remote));
        }
        if conn.level > 0 && kind != Kind::LogoutRequest && acknowledges {
            conn.resends.acknowledge(exp_stat_sn);
            conn.tasks.acknowledge(exp_stat_sn);
        }
        match kind {
            Kind::Snack if conn.level > 0 => {
                let itt = arrival.itt;
                let reads = conn.tasks.may_read(itt);
                if conn.resends.asked(self.fields, pdu, reads)
                    && let Some(task) = conn.tasks.open(itt)
                {
                    task.next_data_sn = conn.resends.base(itt);
                    task.next_data_in_offset = conn.resends.restart_offset(itt);
                    task.burst = 0;
                }
            }
            Kind::ScsiCommand if arrival.is_new => {
                conn.resends.begin(arrival.itt);
                if let Some(task) = conn.tasks.open(arrival.itt) {
                    self.lun.command(track, pdu, task);
                    self.acas.command(&self.lun, &track.target, conn.session, pdu, task);
                }
                if !self.functions.is_empty() {
                    self.command_meets_functions(pdu.conn, arrival.itt);
                }
            }
            // A nexus may go, or come and take the place of another; and management may end an ACA.
            Kind::LoginRequest | Kind::LogoutRequest => self.doubt_acas(),
            Kind::TaskRequest if arrival.is_new => {
                let task = conn.tasks.open(arrival.itt).cloned();
                self.note_function(pdu.conn, arrival.itt);
                self.doubt_acas();
                if let Some(task) = task {
                    self.abort_asked(pdu.conn, &task);
                }
            }
            _ if arrival.is_rival => self.doubled(track, pdu, kind, arrival.itt),
            Kind::DataOut => {
                if let Some(task) = conn.tasks.open(arrival.itt) {
                    limits::data_out(self.fields, pdu, task);
                    self.lun.data_out(self.fields, pdu, task);
                }
            }
            _ => {}
        }
    }

    fn sent_by_target(&mut self, track: &Track, pdu: &WirePdu<'_>, kind: Kind) {
        let Some(conn) = self.conns.get_mut(&pdu.conn) else { return };
        if !conn.open {
            self.sink.add("answer", "rfc7143/4.2.7.1", format!("{kind} on a connection that has ended"));
        }
        if track.full_feature && conn.session.is_none() {
            self.logged_in(track, pdu.conn);
        }
        if track.full_feature
            && let Some(conn) = self.conns.get_mut(&pdu.conn)
        {
            // A connection that joins has these from the leading one, which shows only now.
            conn.level = track.session.error_recovery_level;
            conn.terminations.fast = track.session.task_reporting == "FastAbort";
        }
        self.check_fence(pdu, kind);
        let Some(conn) = self.conns.get_mut(&pdu.conn) else { return };
        let itt = self.fields.itt.word(pdu.view.bhs);
        if let Some(probe) = &mut self.probe {
            let lun = conn.tasks.lun_of(itt).filter(|_| !track.session.discovery);
            probe.expect(track, pdu, kind, lun, (conn.local, conn.remote));
        }
        let is_open = conn.tasks.open(itt).is_some();
        let again = conn.level > 0
            && kind != Kind::LoginResponse
            && conn.resends.check(self.fields, pdu, kind, conn.stat_sn.next(), is_open, &mut self.sink);
        if !again {
            conn.stat_sn.check(self.fields, pdu, kind, &mut self.sink);
        }
        if kind == Kind::ScsiResponse && !is_open {
            self.adopt_for_abort(pdu.conn, itt);
        }
        let Some(conn) = self.conns.get_mut(&pdu.conn) else { return };
        let session = conn.session.and_then(|key| self.sessions.get_mut(&key));
        match session {
            Some(session) => {
                session.window.check(self.fields, pdu, kind, self.commands, &mut self.sink);
                session.forget_passed();
            }
            None => conn.login_window.check(self.fields, pdu, kind, self.commands, &mut self.sink),
        }
        limits::pdu(track, pdu, kind, &mut self.sink);
        if again {
            return;
        }
        match kind {
            Kind::DataIn => {
                if let Some(task) = conn.tasks.open(itt) {
                    limits::data_in(self.fields, track, pdu, task, &mut self.sink);
                    self.lun.data_in(self.fields, pdu, task);
                }
            }
            Kind::R2T => {
                if let Some(task) = conn.tasks.open(itt) {
                    limits::r2t(self.fields, track, pdu, task, self.patience, &mut self.sink);
                }
            }
            Kind::AsyncMessage => {
                conn.terminations.message(self.fields, pdu, &mut self.sink);
                self.note_drop(pdu);
            }
            Kind::NopIn => conn.ping.sent(self.fields, pdu),
            _ => {}
        }
        let Some(conn) = self.conns.get_mut(&pdu.conn) else { return };
        let ended = answer::check(self.fields, pdu, kind, &mut conn.tasks, &mut self.sink);
        conn.status_gone |= kind == Kind::Reject && answer::refuses_statuses(pdu);
        if kind == Kind::Reject
            && let Some(cmd_sn) = answer::rejected_number(self.fields, pdu)
            && let Some(session) = conn.session.and_then(|key| self.sessions.get_mut(&key))
        {
            session.reject(cmd_sn);
        }
        let (conn_target, session) = (conn.target.clone(), conn.session);
        if let Some(task) = ended {
            if kind == Kind::ScsiResponse {
                self.acas.answered(self.fields, &conn_target, session, pdu, &task, &mut self.sink);
            }
            if task.kind == Kind::ScsiCommand {
                if conn.level > 0 && kind != Kind::Reject {
                    conn.tasks.keep(self.fields.stat_sn.word(pdu.view.bhs), task.clone());
                }
                if task.preempts {
                    self.preempted(pdu.conn, &task);
                }
                self.lun.done(self.fields, pdu, kind, &task, &mut self.sink);
            } else if task.kind == Kind::TaskRequest && kind == Kind::TaskResponse {
                match task.function {
                    reassign::TASK_REASSIGN => self.reassigned(pdu, &task),
                    reassign::QUERY_TASK => self.queried(pdu, &task),
                    _ => self.aborted(pdu, &task),
                }
            }
        }
    }

    fn check_fence(&mut self, pdu: &WirePdu<'_>, kind: Kind) {
        let Some(key) = self.conns.get(&pdu.conn).and_then(|conn| conn.session) else { return };
        let Some(session) = self.sessions.get_mut(&key) else { return };
        fence::check(self.fields, pdu, kind, &self.conns, &mut session.fence, &mut self.sink);
    }

    fn doubt_acas(&mut self) {
        self.acas.doubt(self.conns.values_mut().map(|conn| &mut conn.tasks));
    }

    /// The core fired a probe event.
    pub fn probe(&mut self, record: &ProbeRecord) {
        (self.sink.at, self.sink.conn) = (record.at, record.conn);
        if let Some(probe) = &mut self.probe {
            probe.fired(record, &mut self.sink);
        }
    }

    /// The core takes no more frames of this connection: those it has not looked at need no event.
    pub fn deaf(&mut self, conn: u32) {
        if let Some(probe) = &mut self.probe {
            probe.deaf(conn);
        }
    }

    /// The connection is gone, as the target sees it.
    pub fn closed(&mut self, now: Nanos, conn: u32) {
        (self.sink.at, self.sink.conn) = (now, conn);
        self.deaf(conn);
        self.doubt_acas();
        self.unanswered(conn);
        if let Some(state) = self.conns.get_mut(&conn) {
            state.open = false;
            let session = state.session.and_then(|key| self.sessions.get_mut(&key));
            if let Some(session) = session {
                for task in state.tasks.iter().filter(|task| !task.immediate) {
                    session.left_early(task.cmd_sn);
                }
                if session.retains {
                    // Only at level 2 can they be continued, but elsewhere they may still take effect (appendix E).
                    session.orphans.append(&mut state.tasks.take_recoverable());
                }
            }
            for task in state.tasks.drain() {
                self.lun.abandoned(&task);
            }
        }
    }

    /// The target died: everything is closed, unsynced writes may be lost.
    pub fn crashed(&mut self) {
        self.lun.crashed();
        self.doubt_acas();
        self.sessions.clear();
        if let Some(probe) = &mut self.probe {
            probe.forget();
        }
        self.touched.clear();
    }

    /// The logical units changed.
    pub fn reconfigured(&mut self, config: &Config) {
        // Sessions of before may keep the larger window.
        self.commands = self.commands.max(config.limits.commands);
        self.bounds.widen(held::Bounds::of(config));
        self.lun.reconfigured(config);
        self.doubt_acas();
    }

    /// The content of these blocks is not known any more.
    pub fn tainted(&mut self, device: u32, blocks: Range<u64>) {
        self.lun.tainted(device, blocks);
    }

    /// The event is over. `io_idle`: no storage operation is under way; `paused`: connections the core does not read from.
    pub fn after_event(&mut self, now: Nanos, io_idle: bool, paused: &dyn Fn(u32) -> bool) {
        self.sink.at = now;
        if io_idle {
            self.lun.settle();
        }
        for conn in std::mem::take(&mut self.touched) {
            self.sink.conn = conn;
            if let Some(probe) = &mut self.probe {
                probe.event_over(conn, paused(conn), &mut self.sink);
            }
        }
    }

    /// What the target holds, after an event.
    pub fn held(&mut self, now: Nanos, usage: &Usage) {
        (self.sink.at, self.sink.conn) = (now, u32::MAX);
        self.bounds.check(usage, &mut self.sink);
    }

    /// Faults have been lifted and all the time in the world has passed: reports what is still unanswered.
    pub fn demand_progress(&mut self, now: Nanos) {
        self.sink.at = now;
        for (number, conn) in &self.conns {
            self.sink.conn = *number;
            let session = conn.session.and_then(|key| self.sessions.get(&key));
            // Responses may stand behind a fence that waits for a status which was lost. Below level 1 nobody asks for that again,
            // and RFC 7143 4.2.2.3.2 lets the target wait; an initiator has to end the connection (7.1.4.3).
            let gap = self.fence_meets_gap(conn.session);
            let held_up = |task: &task::Task| gap || self.acas.holds_up(&conn.target, task);
            liveness::check(conn.open, session, &conn.tasks, held_up, &mut self.sink);
            if conn.open {
                conn.terminations.demand(&mut self.sink);
            }
        }
    }

    /// Moves the findings into `out`.
    pub fn take_violations(&mut self, out: &mut Vec<Violation>) {
        if !self.sink.found.is_empty() {
            out.append(&mut self.sink.found);
        }
    }
}
