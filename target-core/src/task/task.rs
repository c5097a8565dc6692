//! What does the target know about one SCSI command on its way from its PDU to its status?

use crate::api::ConnId;
use crate::io::{DeviceId, IoId, IoOp};
use crate::scsi::{Command, Outcome, SenseCode, asks_for_aca};
use crate::slab::{Key, Slab};
use crate::task::read::ReadTransfer;
use crate::task::sent::SentLog;
use crate::task::set::{Attribute, SetKey};
use crate::task::write::WriteTransfer;
use crate::time::Instant;
use crate::wire::Lun;
use alloc::vec::Vec;

/// Names a task within its session.
pub(crate) type TaskKey = Key<Task>;

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It arrived and waits for its turn in CmdSN order.
    Arrived,
    /// It was delivered and waits for its turn in the task set.
    Dormant,
    /// The device server has it.
    Running,
    /// Its outcome is known; an ACA condition that was established meanwhile keeps it from completing (SAM-5 5.9).
    Blocked,
    /// Its outcome is known; data that was announced must come first (rfc7143/11.4.2-1).
    Draining,
    /// Data and status are on their way out.
    Responding,
    /// It was aborted; data that was asked for must come first (rfc7143/4.2.3.3-6).
    Aborting,
}

/// A command descriptor block: 16 bytes, or more with an Extended CDB AHS.
#[derive(Clone, Debug)]
pub(crate) enum Cdb {
    /// As it stands in the header.
    Plain([u8; 16]),
    /// With what the AHS adds.
    Extended(Vec<u8>),
}

impl Cdb {
    /// The bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Extended(bytes) => bytes,
        }
    }
}

/// One SCSI command.
#[derive(Debug)]
pub(crate) struct Task {
    /// Initiator Task Tag.
    pub(crate) itt: u32,
    /// LUN as on the wire.
    pub(crate) lun: Lun,
    /// The connection it is allegiant to.
    pub(crate) conn: ConnId,
    /// CmdSN.
    pub(crate) cmd_sn: u32,
    /// I bit.
    pub(crate) immediate: bool,
    /// R bit.
    pub(crate) read: bool,
    /// W bit.
    pub(crate) write: bool,
    /// Task attribute as on the wire.
    pub(crate) attr: u8,
    /// Command priority as on the wire (RFC 7144 5.1.1); 0 below iSCSIProtocolLevel 2, where it means nothing.
    pub(crate) priority: u8,
    /// Expected Data Transfer Length; of the write, if there are both.
    pub(crate) edtl: u32,
    /// Expected length of the read: EDTL, or what the AHS says for a bidirectional command.
    pub(crate) read_edtl: u32,
    /// CDB.
    pub(crate) cdb: Cdb,
    /// How far it is.
    pub(crate) stage: Stage,
    /// Found wrong on arrival; it is answered in its turn without being executed.
    pub(crate) refusal: Option<SenseCode>,
    /// The task set it is in, once it is in one.
    pub(crate) set: Option<SetKey>,
    /// The device server's side, while it runs.
    pub(crate) command: Option<Command>,
    /// The device server waits for write data.
    pub(crate) wants_data: bool,
    /// The storage operation it waits for.
    pub(crate) io: Option<IoId>,
    /// It waits for what its unit does by itself, and need not have it alone for that.
    pub(crate) lets_others: bool,
    /// The storage operation that waits for memory.
    pub(crate) parked: Option<(DeviceId, IoOp)>,
    /// Write data on its way in.
    pub(crate) write_data: Option<WriteTransfer>,
    /// When it last heard write data.
    pub(crate) heard: Instant,
    /// It stands in its connection's list of tasks that wait for write data.
    pub(crate) in_data_wait: bool,
    /// It stands in its session's list of tasks whose R2T waits for memory.
    pub(crate) starved: bool,
    /// Read data on its way out.
    pub(crate) data_in: Option<ReadTransfer>,
    /// The Data-Ins and R2Ts that were numbered.
    pub(crate) sent: SentLog,
    /// StatSN of its status, once that was sent on the connection it is allegiant to.
    pub(crate) stat_sn: Option<u32>,
    /// SNACK Tag of the last R-Data SNACK; 0 for none (RFC 7143 11.4.4).
    pub(crate) snack_tag: u32,
    /// How often write data that did not come was asked for again.
    pub(crate) recoveries: u8,
    /// Its response has a Response Fence.
    pub(crate) fenced: bool,
    /// How it ended.
    pub(crate) outcome: Option<Outcome>,
    /// Bytes of the session's memory limit that it holds.
    pub(crate) held: u64,
}

impl Task {
    /// How the task set sees its attribute. A command that must have the unit for itself counts as ordered.
    pub(crate) fn attribute(&self) -> Attribute {
        match self.attr {
            4 => Attribute::Aca,
            _ if !self.lets_others && crate::scsi::is_atomic(self.cdb.as_slice()) => Attribute::Ordered,
            2 => Attribute::Ordered,
            3 => Attribute::HeadOfQueue,
            _ => Attribute::Simple,
        }
    }

    /// CHECK CONDITION for it establishes an ACA condition.
    pub(crate) fn asks_for_aca(&self) -> bool {
        asks_for_aca(self.cdb.as_slice())
    }

    /// Bytes of write data that are here.
    pub(crate) fn stored(&self) -> u64 {
        self.write_data.as_ref().map_or(0, |write| write.held() as u64)
    }

    /// Write data was announced or asked for, and its F bit has not come.
    pub(crate) fn awaits_data(&self) -> bool {
        self.write_data.as_ref().is_some_and(WriteTransfer::is_sequence_open)
    }
}

/// The tasks of one session, by key and by Initiator Task Tag.
#[derive(Debug)]
pub(crate) struct Tasks {
    slab: Slab<Task>,
    /// Sorted by tag; short enough (the window) that moving beats any tree, and it allocates nothing in steady state.
    by_itt: Vec<(u32, TaskKey)>,
}

impl Tasks {
    /// No tasks.
    pub(crate) const fn new() -> Self {
        Self { slab: Slab::new(), by_itt: Vec::new() }
    }

    /// Adds a task. The caller made sure that its tag is free.
    pub(crate) fn insert(&mut self, task: Task) -> TaskKey {
        let itt = task.itt;
        let key = self.slab.insert(task);
        let at = self.by_itt.partition_point(|(other, _)| *other < itt);
        self.by_itt.insert(at, (itt, key));
        key
    }

    /// Takes a task out.
    pub(crate) fn remove(&mut self, key: TaskKey) -> Option<Task> {
        let task = self.slab.remove(key)?;
        if let Ok(at) = self.by_itt.binary_search_by_key(&task.itt, |(itt, _)| *itt) {
            self.by_itt.remove(at);
        }
        Some(task)
    }

    /// The task of that tag.
    pub(crate) fn find(&self, itt: u32) -> Option<TaskKey> {
        let at = self.by_itt.binary_search_by_key(&itt, |(itt, _)| *itt).ok()?;
        self.by_itt.get(at).map(|(_, key)| *key)
    }

    /// The task of that key.
    pub(crate) fn get(&self, key: TaskKey) -> Option<&Task> {
        self.slab.get(key)
    }

    /// The task of that key.
    pub(crate) fn get_mut(&mut self, key: TaskKey) -> Option<&mut Task> {
        self.slab.get_mut(key)
    }

    /// All of them, in a fixed order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskKey, &Task)> {
        self.slab.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}
