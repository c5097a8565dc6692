//! Which requests are open on a connection, and what is known of each? The table that the other checks share.

use super::WirePdu;
use super::expression::lun_number;
use super::fields::Fields;
use super::session::{Admission, SessionState};
use crate::clock::Nanos;
use crate::codec::{Kind, ahs};
use crate::initiator::serial;
use std::collections::{BTreeMap, BTreeSet};

/// The value of a tag that names nothing (RFC 7143 11.2.1.8).
pub(super) const NO_TAG: u32 = 0xffff_ffff;

/// The last task attribute that means something (RFC 7143 11.3.1.1).
pub(super) const ATTR_ACA: u32 = 4;

/// An R2T that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenR2t {
    pub(super) ttt: u32,
    pub(super) offset: u32,
    pub(super) len: u32,
}

/// One request the target has to answer.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) itt: u32,
    pub(super) kind: Kind,
    pub(super) lun: u64,
    /// What else a probe may give as its LUN: those of other commands that may be, or may have been, the one with this tag.
    pub(super) other_luns: Vec<u64>,
    pub(super) cmd_sn: u32,
    pub(super) immediate: bool,
    pub(super) edtl: u32,
    /// Bytes that may be read: of a bidirectional command as its AHS says (11.2.2.4).
    pub(super) read_len: u32,
    pub(super) write: bool,
    pub(super) read: bool,
    pub(super) attribute: u32,
    pub(super) aca: super::aca::Role,
    pub(super) function: u32,
    pub(super) ref_task_tag: u32,
    /// PERSISTENT RESERVE OUT, PREEMPT AND ABORT: it may end commands of others.
    pub(super) preempts: bool,
    /// CmdSN of the task that it is about.
    pub(super) ref_cmd_sn: u32,
    /// Of a request to reassign a task.
    pub(super) exp_data_sn: u32,
    /// Of a query: the command was there when it came.
    pub(super) finds: bool,
    /// It surely was accepted: its CmdSN is in the window, its tag was free.
    pub(super) certain: bool,
    /// Another nexus has, or may have, aborted it: no answer is due.
    pub(super) excused: bool,
    /// A request to abort it has come: whether it still exists cannot be told.
    pub(super) doubtful: bool,
    /// A function that names it was under way when it came.
    pub(super) late: bool,
    /// How many requests with this tag wait for an answer.
    pub(super) copies: u32,
    /// Another request of this kind has the tag too: what is sent for it may belong to either.
    pub(super) tangled: bool,
    /// Requests of other kinds that have the tag too; which of them the target took is not known.
    pub(super) rivals: Vec<Kind>,
    /// All unsolicited data has come (or none was to come).
    pub(super) unsolicited_over: bool,
    pub(super) r2ts: Vec<OpenR2t>,
    pub(super) next_r2t_sn: u32,
    pub(super) next_data_sn: u32,
    pub(super) next_data_in_offset: u32,
    pub(super) burst: u32,
    /// When it last heard write data, or was given up waiting for it.
    pub(super) heard: Nanos,
    /// Key of its record in the content check.
    pub(super) content: Option<u64>,
}

impl Task {
    /// The number of its logical unit, in whichever form the LUN came.
    pub(super) fn unit(&self) -> u64 {
        lun_number(self.lun)
    }
}

/// The logical unit of a command, as far as it is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct TaskLun<'a> {
    pub(super) lun: u64,
    /// There is such a command. Otherwise there may be none, which probes give as 0.
    pub(super) certain: bool,
    /// It may as well be one of these.
    pub(super) others: &'a [u64],
}

/// What came of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub(super) itt: u32,
    pub(super) is_new: bool,
    /// Its tag is that of another request, and which of the two the target took cannot be told.
    pub(super) is_rival: bool,
}

/// The open requests of one connection.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    open: BTreeMap<u32, Task>,
    /// Commands whose status, with this StatSN, is not acknowledged; only where it could be asked for again.
    done: BTreeMap<u32, (u32, Task)>,
    /// Tags of aborted tasks whose abort was answered, until they are used again.
    pub(super) graves: BTreeSet<u32>,
    pub(super) tsih: u16,
}

impl Tasks {
    pub(super) fn open(&mut self, itt: u32) -> Option<&mut Task> {
        self.open.get_mut(&itt)
    }

    pub(super) fn get(&self, itt: u32) -> Option<&Task> {
        self.open.get(&itt)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Task> {
        self.open.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.open.values_mut()
    }

    pub(super) fn remove(&mut self, itt: u32) -> Option<Task> {
        self.open.remove(&itt)
    }

    /// A request was answered. If another one had its tag, that may still be.
    pub(super) fn finish(&mut self, itt: u32) -> Option<Task> {
        let mut task = self.open.remove(&itt)?;
        if let Some(kind) = task.rivals.pop() {
            let rivals = std::mem::take(&mut task.rivals);
            let rest = Task {
                kind,
                rivals,
                certain: false,
                tangled: true,
                copies: 1,
                content: None,
                ..task.clone()
            };
            self.open.insert(itt, rest);
        }
        Some(task)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Task> {
        self.graves.clear();
        self.done.clear();
        std::mem::take(&mut self.open).into_values()
    }

    /// A command was answered with this StatSN.
    pub(super) fn keep(&mut self, stat_sn: u32, task: Task) {
        self.done.insert(task.itt, (stat_sn, task));
    }

    /// Statuses before this one arrived.
    pub(super) fn acknowledge(&mut self, exp_stat_sn: u32) {
        self.done.retain(|_, (stat_sn, _)| !serial::lt(*stat_sn, exp_stat_sn));
    }

    /// Takes a command that goes on elsewhere, answered or not.
    pub(super) fn take_command(&mut self, itt: u32) -> Option<Task> {
        if self.open.get(&itt).is_some_and(|task| task.kind == Kind::ScsiCommand) {
            return self.open.remove(&itt);
        }
        self.done.remove(&itt).map(|(_, task)| task)
    }

    /// Commands that outlive their connection at ErrorRecoveryLevel 2: all but immediate ones.
    pub(super) fn take_recoverable(&mut self) -> BTreeMap<u32, Task> {
        let lasts = |task: &Task| task.kind == Kind::ScsiCommand && !task.immediate;
        let open = std::mem::take(&mut self.open);
        let (mut taken, rest): (BTreeMap<u32, Task>, _) = open.into_iter().partition(|(_, task)| lasts(task));
        self.open = rest;
        taken.extend(std::mem::take(&mut self.done).into_iter().map(|(itt, (_, task))| (itt, task)));
        taken
    }

    /// Adds a command that came over another connection.
    pub(super) fn adopt(&mut self, task: Task) {
        self.graves.remove(&task.itt);
        self.done.remove(&task.itt);
        self.open.insert(task.itt, task);
    }

    /// The logical unit of the command with this tag.
    pub(super) fn lun_of(&self, itt: u32) -> Option<TaskLun<'_>> {
        let open = self.open.get(&itt).filter(|task| task.kind == Kind::ScsiCommand);
        // What was answered is kept for what may be asked again, but is no command under way any more.
        let done = || self.done.get(&itt).map(|(_, task)| (task, false));
        let known = open.map(|task| (task, task.certain && !task.doubtful)).or_else(done);
        known.map(|(task, certain)| TaskLun { lun: task.lun, certain, others: &task.other_luns })
    }

    /// True unless the command with this tag, answered or not, is known to read nothing.
    pub(super) fn may_read(&self, itt: u32) -> bool {
        let task = self.open.get(&itt).or_else(|| self.done.get(&itt).map(|(_, task)| task));
        task.is_none_or(|task| task.read)
    }

    /// A PDU came from the initiator: a new request, or part of an old one.
    pub(super) fn arrive(
        &mut self,
        fields: &Fields,
        pdu: &WirePdu<'_>,
        kind: Kind,
        session: Option<&mut SessionState>,
    ) -> Arrived {
        let bhs = pdu.view.bhs;
        let itt = fields.itt.word(bhs);
        let old = Arrived { itt, is_new: false, is_rival: false };
        if matches!(kind, Kind::DataOut | Kind::Snack) || !kind.from_initiator() {
            return old;
        }
        let immediate = fields.immediate.is_set(bhs);
        let cmd_sn = fields.cmd_sn.word(bhs);
        let mut certain = true;
        let behind_login = session.is_none();
        if let Some(session) = session
            && kind != Kind::LoginRequest
            && !immediate
        {
            match session.admit(cmd_sn) {
                Admission::Surely => {}
                Admission::Perhaps => certain = false,
                Admission::Never => return old,
            }
        }
        // A ping's answer asks for nothing (RFC 7143 11.18).
        if kind == Kind::NopOut && itt == NO_TAG {
            return old;
        }
        let is_command = kind == Kind::ScsiCommand;
        // Others of this kind that the tag had before it went to one of another.
        let mut same = 0;
        let mut rivals = Vec::new();
        if let Some(task) = self.open.get_mut(&itt).filter(|task| task.kind != kind) {
            // The tag is in use, perhaps by something that the target never took, or has ended.
            if task.kind == Kind::ScsiCommand {
                task.certain = false;
                task.rivals.push(kind);
                return Arrived { is_rival: true, ..old };
            }
            rivals = std::mem::take(&mut task.rivals);
            let before = rivals.len();
            rivals.retain(|rival| *rival != kind);
            same = before - rivals.len();
            rivals.extend((0..task.copies).map(|_| task.kind));
        }
        // Otherwise the initiator errs, or a middlebox repeats.
        if let Some(task) = self.open.get_mut(&itt).filter(|_| rivals.is_empty()) {
            // A repeated one has the number of the first.
            let is_other = immediate || task.cmd_sn != cmd_sn || task.immediate;
            if is_other {
                task.copies += 1;
                task.tangled = true;
            }
            task.certain = false;
            // One of the two may have come outside the window, and the other is the command.
            let lun = fields.lun.long(bhs);
            if is_command && task.lun != lun && !task.other_luns.contains(&lun) {
                task.other_luns.push(lun);
            }
            return Arrived { is_rival: is_other, ..old };
        }
        self.graves.remove(&itt);
        let done = self.done.remove(&itt);
        let mut other_luns = Vec::new();
        if is_command && behind_login {
            // It came before the answer to the last login request, and with it the window, was seen.
            other_luns.push(0);
        }
        if let Some((_, task)) = done.filter(|_| is_command && !certain) {
            other_luns.push(task.lun);
        }
        let write = is_command && fields.write.is_set(bhs);
        let edtl = if is_command { fields.edtl.word(bhs) } else { 0 };
        let read = is_command && fields.read.is_set(bhs);
        let bidi_len = bidi_read_length(pdu.view.ahs).filter(|_| write);
        let attribute = if is_command { fields.attribute.word(bhs) } else { 0 };
        // Without that length a bidirectional command is none (11.2.2.4), nor is one with a reserved attribute (11.3.1).
        let is_whole = attribute <= ATTR_ACA && (!(read && write) || bidi_len.is_some());
        let task = Task {
            itt,
            kind,
            lun: if matches!(kind, Kind::ScsiCommand | Kind::TaskRequest) { fields.lun.long(bhs) } else { 0 },
            other_luns,
            cmd_sn,
            immediate,
            edtl,
            read_len: bidi_len.unwrap_or(edtl),
            write,
            read,
            attribute,
            aca: super::aca::Role::default(),
            function: if kind == Kind::TaskRequest { fields.function.word(bhs) } else { 0 },
            ref_task_tag: if kind == Kind::TaskRequest { fields.ref_task_tag.word(bhs) } else { NO_TAG },
            ref_cmd_sn: if kind == Kind::TaskRequest { fields.ref_cmd_sn.word(bhs) } else { 0 },
            preempts: is_command && bhs[32] == 0x5f && bhs[33] & 0x1f == 5,
            exp_data_sn: if kind == Kind::TaskRequest { fields.exp_data_sn.word(bhs) } else { 0 },
            finds: false,
            certain: certain && rivals.is_empty() && is_whole,
            excused: false,
            doubtful: false,
            late: false,
            copies: 1 + same as u32,
            tangled: same > 0,
            rivals,
            unsolicited_over: !write || fields.final_bit.is_set(bhs),
            r2ts: Vec::new(),
            next_r2t_sn: 0,
            next_data_sn: 0,
            next_data_in_offset: 0,
            burst: 0,
            heard: pdu.at,
            content: None,
        };
        let is_query = task.function == super::reassign::QUERY_TASK;
        let finds =
            is_query && self.open.get(&task.ref_task_tag).is_some_and(|it| it.kind == Kind::ScsiCommand);
        self.open.insert(itt, Task { finds, ..task });
        Arrived { is_new: true, ..old }
    }
}

/// The bidirectional read expected data transfer length, if it is there.
fn bidi_read_length(bytes: &[u8]) -> Option<u32> {
    ahs::find(bytes, ahs::BIDI_READ_LENGTH)?.get(1..5)?.try_into().ok().map(u32::from_be_bytes)
}
