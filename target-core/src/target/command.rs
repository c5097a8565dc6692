//! SCSI commands: from the PDU through CmdSN order and the task set to the device server (RFC 7143 4.2.2.1, 11.3).

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::Frame;
use crate::fault::{Fault, Reaction};
use crate::probe::ProbeSink;
use crate::scsi::{Command, Outcome, Request, is_atomic, status};
use crate::session::window::Arrival;
use crate::session::{Pending, SessionKey, TaskRef};
use crate::task::sent::SentLog;
use crate::task::write::{WriteFault, WriteRules, WriteTransfer};
use crate::task::{Cdb, Stage, Task, TaskKey};
use crate::wire::ahs::{self, Ahs};
use crate::wire::{Opcode, RESERVED_TAG, ScsiCommand, TaskAttribute};
use alloc::vec::Vec;
use bytes::Bytes;

/// What the additional header segments of a command say.
#[derive(Debug, Default)]
pub(super) struct Extras {
    /// The CDB after its sixteenth byte.
    pub(super) cdb: Option<Vec<u8>>,
    /// Expected length of the read of a bidirectional command.
    pub(super) read_length: Option<u32>,
    /// Something in them cannot be taken apart.
    pub(super) malformed: bool,
}

impl Extras {
    /// Reads them. Unknown types are skipped; a type that comes twice is an error.
    pub(super) fn read(pdu: &ScsiCommand, bytes: &[u8]) -> Self {
        let mut extras = Self::default();
        for segment in ahs::segments(bytes) {
            match segment {
                Ok(Ahs::ExtendedCdb(rest)) if extras.cdb.is_none() => {
                    let mut cdb = Vec::with_capacity(pdu.cdb.len() + rest.len());
                    cdb.extend_from_slice(&pdu.cdb);
                    cdb.extend_from_slice(rest);
                    extras.cdb = Some(cdb);
                }
                Ok(Ahs::BidiReadLength(length)) if extras.read_length.is_none() => {
                    extras.read_length = Some(length);
                }
                Ok(Ahs::Unknown { .. }) => {}
                Ok(Ahs::ExtendedCdb(_) | Ahs::BidiReadLength(_)) | Err(_) => extras.malformed = true,
            }
        }
        extras
    }
}

impl<S: ProbeSink> Target<S> {
    /// Judges a SCSI Command and puts its task in order.
    pub(super) fn scsi_command(
        &mut self,
        id: ConnId,
        session_key: SessionKey,
        frame: &Frame,
        pdu: &ScsiCommand,
        extras: Extras,
    ) {
        if extras.malformed {
            return self.violation(id, Fault::MalformedAhs, frame);
        }
        if !self.may_submit(id, session_key, pdu.itt, pdu.cmd_sn, pdu.immediate, frame) {
            return;
        }
        if TaskAttribute::from_u8(pdu.attr).is_none() {
            return self.violation(id, Fault::ReservedAttribute, frame);
        }
        if pdu.read && pdu.write && extras.read_length.is_none() {
            return self.violation(id, Fault::NoBidirectionalLength, frame);
        }
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let rules = WriteRules::from(&session.params);
        let (mut task, fault) = new_task(id, pdu, extras, frame.data.clone(), rules);
        // rfc7144/5.1.1-2.
        task.priority = if session.params.protocol_level >= 2 { pdu.priority } else { 0 };
        task.heard = self.now;
        task.held = frame.data.len() as u64;
        session.held = session.held.saturating_add(task.held);
        // Whoever uses the tag again has the status that it stood for.
        self.forget_answered(session_key, |old| old.itt == pdu.itt);
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let awaits = task.awaits_data();
        let task_key = session.tasks.insert(task);
        if pdu.immediate
            && let Some(conn) = self.conns.get_mut(&id)
        {
            conn.immediate += 1;
        }
        if let Some(fault) = fault {
            self.note_violation(id, fault);
        }
        if awaits {
            self.watch_data(id, session_key, task_key);
        }
        self.submit(session_key, pdu.cmd_sn, pdu.immediate, Pending::Scsi(task_key));
    }

    /// What every request that makes a task must pass before anything else is looked at. The order matters: a retry of
    /// a command that is in progress is outside the window and ignored (rfc7143/7.2.1), not rejected.
    pub(super) fn may_submit(
        &mut self,
        id: ConnId,
        session_key: SessionKey,
        itt: u32,
        cmd_sn: u32,
        immediate: bool,
        frame: &Frame,
    ) -> bool {
        let Some(session) = self.sessions.get(session_key) else { return false };
        let Some(conn) = self.conns.get(&id) else { return false };
        let is_tmf = Opcode::of(&frame.bhs) == Some(Opcode::TaskRequest);
        let fault = if !immediate && !session.window.accepts(cmd_sn) {
            if planted!(OutsideWindow) { Fault::TaskInProgress } else { Fault::OutsideWindow }
        } else if itt == RESERVED_TAG {
            Fault::ReservedItt
        } else if session.has_request(itt) {
            Fault::TaskInProgress
        } else if immediate && conn.has_too_many_immediate(is_tmf, self.config.limits.immediate) {
            Fault::TooManyImmediate
        } else {
            return true;
        };
        self.violation(id, fault, frame);
        false
    }

    /// Puts a request in CmdSN order and delivers what can be.
    pub(super) fn submit(&mut self, session_key: SessionKey, cmd_sn: u32, immediate: bool, item: Pending) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        // An immediate one has no number of its own (rfc7143/4.2.2.1-2).
        if immediate {
            return self.deliver(session_key, item);
        }
        // In CmdSN order, whichever connection brought it (rfc7143/4.2.2.1-7, rfc7143/4.2.2.1-13).
        match session.window.arrive(cmd_sn, item) {
            Arrival::Ready(item) => {
                self.deliver(session_key, item);
                self.deliver_held(session_key);
            }
            Arrival::Held => {}
            // `may_submit` asked the window first.
            Arrival::Ignored(Pending::Scsi(task)) => self.forget(session_key, task),
            Arrival::Ignored(_) => {}
        }
    }

    /// Delivers the held requests whose turn has come.
    pub(super) fn deliver_held(&mut self, session_key: SessionKey) {
        while let Some(session) = self.sessions.get_mut(session_key)
            && let Some(item) = session.window.next_ready()
        {
            self.deliver(session_key, item);
        }
        self.advance_tmfs(session_key);
    }

    fn deliver(&mut self, session_key: SessionKey, item: Pending) {
        match item {
            Pending::Scsi(task) => self.begin(session_key, task),
            Pending::Nop(nop) => self.nop_delivered(session_key, nop.0, &nop.1, &nop.2),
            Pending::Text(text) => self.text_delivered(session_key, text.0, text.1, text.2),
            Pending::Logout(logout) => self.logout_delivered(session_key, logout.0, &logout.1),
            Pending::Tmf(tmf) => self.tmf_delivered(session_key, tmf.0, &tmf.1),
        }
    }

    /// A command's turn in CmdSN order has come: it enters the task set of its logical unit.
    fn begin(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let nexus = session.nexus;
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        task.stage = Stage::Running;
        if let Some(status) = self.aca_refusal(session_key, task_key) {
            return self.finish(session_key, task_key, Outcome::bare(status));
        }
        self.hurry_past_aca(session_key, task_key);
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        if let Some(code) = task.refusal {
            return self.fail(session_key, task_key, code);
        }
        let node = session.node.and_then(|node| self.nodes.get_mut(node));
        if let Some(node) = node
            && let Some(number) = task.lun.number()
            && node.scsi.lun_exists(nexus, task.lun)
        {
            if node.is_full(number) {
                return self.refuse_full(session_key, task_key, number);
            }
            if task.priority == 0 {
                task.priority = node.scsi.priority(number, nexus);
            }
            let key = node.set_key(number, nexus);
            task.set = Some(key);
            let name = TaskRef { session: session_key, task: task_key };
            if !node.sets.entry(key).or_default().enter(name, task.attribute(), task.priority) {
                task.stage = Stage::Dormant;
                return;
            }
        }
        self.start(session_key, task_key);
    }

    /// A command's turn in its task set has come: the device server gets it.
    pub(super) fn start(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let overloaded = self.orphans >= self.orphans_max();
        let aca = self.is_under_own_aca(session_key, task_key);
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let nexus = session.nexus;
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        if task.stage != Stage::Running || task.command.is_some() {
            return;
        }
        if overloaded {
            // Storage still owes the completions of too many operations that were given up.
            return self.finish(session_key, task_key, Outcome::bare(status::TASK_SET_FULL));
        }
        let Some(node) = session.node.and_then(|node| self.nodes.get_mut(node)) else { return };
        let among_others = task.set.filter(|key| key.nexus.is_some() && is_atomic(task.cdb.as_slice()));
        if among_others.is_some_and(|key| node.has_others_running(key)) {
            // With a task set for each nexus, being ORDERED keeps only commands of this one away.
            return self.finish(session_key, task_key, Outcome::bare(status::BUSY));
        }
        let request = Request {
            nexus,
            lun: task.lun,
            cdb: task.cdb.as_slice(),
            edtl: task.edtl,
            read: task.read,
            write: task.write,
            attr: task.attr,
            aca,
        };
        node.scsi.set_now(self.now);
        let (command, step) = Command::start(&mut node.scsi, &request);
        task.command = Some(command);
        self.step(session_key, task_key, step);
    }

    /// The logical unit takes no more commands (SAM-5 5.3.1): TASK SET FULL to a nexus that has some there, BUSY to one that
    /// has none.
    fn refuse_full(&mut self, session_key: SessionKey, task_key: TaskKey, number: u16) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let is_there = |task: &Task| task.set.is_some_and(|set| set.number == number);
        let own = session.tasks.iter().any(|(_, task)| is_there(task));
        let status = if own { status::TASK_SET_FULL } else { status::BUSY };
        self.finish(session_key, task_key, Outcome::bare(status));
    }

    /// How many given-up operations storage may owe before commands are turned away: a stuck disk must not let peers
    /// that abort and retry fill the memory.
    fn orphans_max(&self) -> usize {
        8 * self.config.limits.commands as usize
    }
}

/// The task of a command, and what is wrong with the data that came with it. The fault is answered in the task's turn.
fn new_task(
    id: ConnId,
    pdu: &ScsiCommand,
    extras: Extras,
    data: Bytes,
    rules: WriteRules,
) -> (Task, Option<Fault>) {
    let mut fault = None;
    if (!pdu.final_bit && !pdu.write) || (!pdu.read && !pdu.write && pdu.edtl != 0) {
        fault = Some(Fault::Direction);
    }
    let mut write_data = None;
    if pdu.write {
        let (transfer, verdict) = WriteTransfer::start(rules, pdu.edtl, data, pdu.final_bit);
        write_data = Some(transfer);
        fault = fault.or(verdict.err().map(Fault::Write));
    } else if !data.is_empty() {
        fault = fault.or(Some(Fault::Write(WriteFault::UnexpectedUnsolicited)));
    }
    let refusal = match fault.map(Fault::reaction) {
        Some(Reaction::Sense(code) | Reaction::RejectAndSense(_, code)) => Some(code),
        _ => None,
    };
    let bidirectional = pdu.read && pdu.write;
    let task = Task {
        itt: pdu.itt,
        lun: pdu.lun,
        conn: id,
        cmd_sn: pdu.cmd_sn,
        immediate: pdu.immediate,
        read: pdu.read,
        write: pdu.write,
        attr: pdu.attr,
        priority: 0,
        edtl: pdu.edtl,
        read_edtl: if bidirectional { extras.read_length.unwrap_or(0) } else { pdu.edtl },
        cdb: extras.cdb.map_or(Cdb::Plain(pdu.cdb), Cdb::Extended),
        stage: Stage::Arrived,
        refusal,
        set: None,
        command: None,
        wants_data: false,
        io: None,
        parked: None,
        write_data,
        heard: crate::time::Instant::ZERO,
        in_data_wait: false,
        starved: false,
        data_in: None,
        sent: SentLog::new(rules.recover),
        stat_sn: None,
        snack_tag: 0,
        lets_others: false,
        recoveries: 0,
        outcome: None,
        fenced: false,
        held: 0,
    };
    (task, fault)
}
