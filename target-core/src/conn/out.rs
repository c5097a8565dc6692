//! What has a connection still to send? Descriptions, not bytes: numbers are stamped when a PDU is serialised, and an
//! aborted task's answers simply are not there any more when their turn comes.

use crate::conn::login::LoginReply;
use crate::conn::text::TextReply;
use crate::task::TaskKey;
use crate::task::abort::TmfAnswer;
use crate::task::write::R2tSpec;
use crate::wire::{AsyncEvent, LogoutResult, Lun, RejectReason};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use bytes::Bytes;

/// One PDU to be made, other than Data-In.
#[derive(Debug)]
pub(crate) enum Out {
    /// The SCSI Response of a task.
    Scsi(TaskKey),
    /// An R2T of a task.
    R2t(TaskKey, R2tSpec),
    /// The echo of a NOP-Out.
    NopEcho {
        /// Initiator Task Tag.
        itt: u32,
        /// Ping data; what the initiator does not take is cut off when it is sent.
        data: Bytes,
        /// The NOP-Out was immediate.
        immediate: bool,
    },
    /// A ping of ours.
    NopPing {
        /// A LUN that the session has.
        lun: Lun,
        /// Target Transfer Tag.
        ttt: u32,
    },
    /// A NOP-In that carries nothing but the window (rfc7143/11.4.11-1).
    NopWindow,
    /// A Login Response.
    Login(Box<LoginOut>),
    /// A Text Response.
    Text(Box<TextOut>),
    /// A Logout Response.
    Logout {
        /// Initiator Task Tag.
        itt: u32,
        /// Response code.
        result: LogoutResult,
        /// Time2Wait in seconds.
        time2wait: u16,
        /// Time2Retain in seconds.
        time2retain: u16,
    },
    /// A Task Management Function Response.
    Tmf {
        /// What it says.
        answer: TmfAnswer,
        /// It has a Response Fence.
        fenced: bool,
    },
    /// A Reject.
    Reject {
        /// Why.
        reason: RejectReason,
        /// All header segments of the PDU it is about.
        header: Bytes,
        /// Of a refused Data or R2T SNACK: the next number that its task would send (RFC 7143 11.17.2).
        data_sn: u32,
    },
    /// Responses that were sent before, from one StatSN up to another that is not among them.
    Statuses(u32, u32),
    /// An Asynchronous Message.
    Async(Box<AsyncOut>),
}

/// A Login Response to be made.
#[derive(Debug)]
pub(crate) struct LoginOut {
    /// What the login says.
    pub(crate) reply: LoginReply,
    /// Initiator Task Tag.
    pub(crate) itt: u32,
    /// ISID of the request.
    pub(crate) isid: [u8; 6],
    /// TSIH: of the request, or of the session that the login made.
    pub(crate) tsih: u16,
    /// The connection is in full feature phase once this is sent.
    pub(crate) last: bool,
}

/// A Text Response to be made.
#[derive(Debug)]
pub(crate) struct TextOut {
    /// What the exchange says.
    pub(crate) reply: TextReply,
    /// Initiator Task Tag.
    pub(crate) itt: u32,
    /// LUN of the request.
    pub(crate) lun: Lun,
    /// The request was immediate.
    pub(crate) immediate: bool,
}

/// An Asynchronous Message to be made.
#[derive(Debug)]
pub(crate) struct AsyncOut {
    /// Which event.
    pub(crate) event: AsyncEvent,
    /// LUN of a SCSI event, else 0.
    pub(crate) lun: Lun,
    /// Parameter1 to Parameter3.
    pub(crate) parameters: [u16; 3],
    /// The data segment: SenseLength and sense data of a SCSI event.
    pub(crate) data: Bytes,
}

/// Everything one connection has to send, in two classes.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// Responses, R2Ts and what stands alone, in order; goes before bulk data.
    urgent: VecDeque<Out>,
    /// Read data; one Data-In each in turn, so that a long read holds up no short one.
    bulk: VecDeque<Bulk>,
}

/// Something that takes many PDUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// The Data-Ins of a task.
    Task(TaskKey),
    /// Data-Ins and R2Ts that were sent before.
    Again(Again),
}

/// Data-Ins and R2Ts of a command to be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Again {
    /// Initiator Task Tag of the command.
    pub(crate) itt: u32,
    /// Number of the next one.
    pub(crate) next: u32,
    /// Number after the last one.
    pub(crate) end: u32,
}

/// What to make next.
#[derive(Debug)]
pub(crate) enum Next {
    /// That PDU.
    Pdu(Out),
    /// The next Data-In of that task.
    DataIn(TaskKey),
    /// The next of these once more.
    Again(Again),
}

impl Outbox {
    /// Adds a PDU behind all other urgent ones.
    pub(crate) fn push(&mut self, out: Out) {
        self.urgent.push_back(out);
    }

    /// Adds a task with read data, or puts it back after its turn.
    pub(crate) fn push_data(&mut self, task: TaskKey) {
        self.bulk.push_back(Bulk::Task(task));
    }

    /// Adds PDUs to be sent again, or what is left of them.
    pub(crate) fn push_again(&mut self, again: Again) {
        self.bulk.push_back(Bulk::Again(again));
    }

    /// Adds a PDU before all others: the rest of what was taken out.
    pub(crate) fn push_first(&mut self, out: Out) {
        self.urgent.push_front(out);
    }

    /// Forgets the data and status of a task.
    pub(crate) fn forget_answer(&mut self, task: TaskKey, itt: u32) {
        self.urgent.retain(|out| !matches!(out, Out::Scsi(other) if *other == task));
        self.bulk.retain(|bulk| match bulk {
            Bulk::Task(other) => *other != task,
            Bulk::Again(again) => again.itt != itt,
        });
    }

    /// Takes what is next.
    pub(crate) fn pop(&mut self) -> Option<Next> {
        let urgent = self.urgent.pop_front().map(Next::Pdu);
        urgent.or_else(|| {
            self.bulk.pop_front().map(|bulk| match bulk {
                Bulk::Task(task) => Next::DataIn(task),
                Bulk::Again(again) => Next::Again(again),
            })
        })
    }

    /// PDUs waiting; a task with data counts as one.
    pub(crate) fn len(&self) -> usize {
        self.urgent.len() + self.bulk.len()
    }

    /// How many of the PDUs that wait will surely be sent with a StatSN of their own. Those of commands are not among them:
    /// a command may still be aborted.
    pub(crate) fn statuses(&self) -> u32 {
        let counts = |out: &&Out| match out {
            // What is sent again has its old number.
            Out::Scsi(_) | Out::R2t(..) | Out::NopPing { .. } | Out::NopWindow | Out::Statuses(..) => false,
            Out::NopEcho { .. }
            | Out::Login(_)
            | Out::Text(_)
            | Out::Logout { .. }
            | Out::Tmf { .. }
            | Out::Reject { .. }
            | Out::Async(_) => true,
        };
        u32::try_from(self.urgent.iter().filter(counts).count()).unwrap_or(u32::MAX)
    }

    /// Asynchronous Messages among them.
    pub(crate) fn messages(&self) -> usize {
        self.urgent.iter().filter(|out| matches!(out, Out::Async(_))).count()
    }

    /// True with nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.urgent.clear();
        self.bulk.clear();
    }
}
