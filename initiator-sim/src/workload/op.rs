//! What can an initiator, an operator or the fabric do in a drawn run? Operations are total: one that cannot be carried out (its
//! connection is gone, say) does nothing and is counted, so every subset of a program is a program.

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// One step of one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// Stable name: faults and draws stay attached to it when other operations go.
    pub id: u64,
    /// Which client.
    pub client: u32,
    /// Pause before it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub wait: Nanos,
    /// What to do.
    #[serde(rename = "do")]
    pub what: What,
}

/// For serde: what is zero needs not be written.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(time: &Nanos) -> bool {
    *time == 0
}

/// For serde: the first target needs not be named.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_first(target: &u16) -> bool {
    *target == 0
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Connect and log in; the client's next operation waits until that is over. Ends the connection it had.
    Login {
        /// A discovery session.
        discovery: bool,
        /// Operational keys beside the usual ones.
        keys: Vec<(String, String)>,
        /// Which of the targets, from 0.
        #[serde(default, skip_serializing_if = "is_first")]
        target: u16,
    },
    /// READ(10).
    Read {
        /// Logical unit.
        lun: u16,
        /// First block.
        lba: u32,
        /// How many.
        blocks: u16,
    },
    /// WRITE(10) of a pattern that is this operation's own.
    Write {
        /// Logical unit.
        lun: u16,
        /// First block.
        lba: u32,
        /// How many.
        blocks: u16,
        /// Force unit access.
        fua: bool,
        /// Send nothing unasked.
        solicited: bool,
    },
    /// A command that writes in another way.
    Rewrite {
        /// Logical unit.
        lun: u16,
        /// First block.
        lba: u32,
        /// How many.
        blocks: u8,
        /// Which way.
        way: Way,
    },
    /// VERIFY(10) of the medium.
    Verify {
        /// Logical unit.
        lun: u16,
        /// First block.
        lba: u32,
        /// How many.
        blocks: u16,
    },
    /// SYNCHRONIZE CACHE(10).
    Sync {
        /// Logical unit.
        lun: u16,
    },
    /// Any other command by its CDB.
    Cdb {
        /// Logical unit.
        lun: u16,
        /// The CDB.
        #[serde(with = "super::case::hex")]
        cdb: Vec<u8>,
        /// Bytes to expect.
        read_len: u32,
    },
    /// Any other command that writes, by its CDB.
    Order {
        /// Logical unit.
        lun: u16,
        /// The CDB.
        #[serde(with = "super::case::hex")]
        cdb: Vec<u8>,
        /// What is written.
        #[serde(with = "super::case::hex")]
        data: Vec<u8>,
    },
    /// Task management. ABORT TASK and QUERY TASK name the client's newest command, TASK REASSIGN the last that lost its connection.
    Tmf {
        /// Function code (RFC 7143 11.5.1).
        function: u8,
        /// Logical unit.
        lun: u16,
    },
    /// A ping.
    Ping {
        /// Bytes of data.
        len: u16,
        /// For immediate delivery.
        immediate: bool,
    },
    /// A text exchange; the client's next operation waits until that is over.
    Text {
        /// SendTargets, or another key to declare.
        pairs: Vec<(String, String)>,
    },
    /// A logout; the client's next operation waits until that is over.
    Logout {
        /// Reason code (11.14.1).
        reason: u8,
    },
    /// Add a connection to the session; the client's next operation waits until that is over.
    Join,
    /// End one connection of the session.
    Leave {
        /// By a reset.
        reset: bool,
    },
    /// A SNACK for what may have been lost (RFC 7143 11.16): of the client's newest command, or of statuses.
    Snack {
        /// Its type.
        kind: u8,
        /// First number.
        first: u32,
        /// How many; 0 for all.
        count: u32,
    },
    /// End the connections.
    HangUp {
        /// By a reset.
        reset: bool,
    },
    /// Bytes that are no PDU, or a PDU that must not be sent.
    Hostile {
        /// What goes out.
        #[serde(with = "super::case::hex")]
        bytes: Vec<u8>,
    },
    /// Stop reading for a while.
    Clog {
        /// How long.
        time: Nanos,
    },
    /// Cut the wire for a while.
    Partition {
        /// How long.
        time: Nanos,
    },
    /// Storage stops for a while.
    StallDisk {
        /// Which.
        device: u32,
        /// How long.
        time: Nanos,
    },
    /// The target's process dies and comes back.
    Crash {
        /// How long it is down.
        time: Nanos,
    },
    /// A range of blocks of a disk fails from now on.
    BadBlocks {
        /// Which disk.
        device: u32,
        /// First block.
        lba: u32,
        /// How many.
        blocks: u16,
        /// Reads fail.
        read: bool,
        /// Writes fail.
        write: bool,
    },
    /// The target's process stands still for a while, as a stopped one or that of a paused machine: what arrives waits, timers are
    /// late, and then its clock has jumped.
    Freeze {
        /// How long.
        time: Nanos,
    },
}

/// How blocks are written other than by WRITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// WRITE SAME(16) of a block that is this operation's own.
    Same,
    /// WRITE SAME(16) without data.
    Zeros,
    /// ORWRITE(16) of this operation's pattern.
    Or,
    /// COMPARE AND WRITE, if there are zeros, of this operation's pattern.
    CompareAndWrite,
}

impl What {
    /// A discovery session takes it (RFC 7143 4.3: text and logout only).
    pub const fn suits_discovery(&self) -> bool {
        !matches!(
            self,
            Self::Read { .. }
                | Self::Write { .. }
                | Self::Rewrite { .. }
                | Self::Verify { .. }
                | Self::Sync { .. }
                | Self::Cdb { .. }
                | Self::Order { .. }
                | Self::Join
                | Self::Snack { .. }
                | Self::Tmf { .. }
                | Self::Ping { .. }
        )
    }

    /// All names that [`What::name`] gives.
    pub const NAMES: [&'static str; 23] = [
        "login",
        "read",
        "write",
        "rewrite",
        "verify",
        "sync",
        "cdb",
        "order",
        "tmf",
        "ping",
        "text",
        "logout",
        "join",
        "leave",
        "snack",
        "hang_up",
        "hostile",
        "clog",
        "partition",
        "stall_disk",
        "crash",
        "bad_blocks",
        "freeze",
    ];

    /// What kind it is, for counting.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Login { .. } => "login",
            Self::Read { .. } => "read",
            Self::Write { .. } => "write",
            Self::Rewrite { .. } => "rewrite",
            Self::Verify { .. } => "verify",
            Self::Sync { .. } => "sync",
            Self::Cdb { .. } => "cdb",
            Self::Order { .. } => "order",
            Self::Tmf { .. } => "tmf",
            Self::Ping { .. } => "ping",
            Self::Text { .. } => "text",
            Self::Logout { .. } => "logout",
            Self::Join => "join",
            Self::Leave { .. } => "leave",
            Self::Snack { .. } => "snack",
            Self::HangUp { .. } => "hang_up",
            Self::Hostile { .. } => "hostile",
            Self::Clog { .. } => "clog",
            Self::Partition { .. } => "partition",
            Self::StallDisk { .. } => "stall_disk",
            Self::Crash { .. } => "crash",
            Self::BadBlocks { .. } => "bad_blocks",
            Self::Freeze { .. } => "freeze",
        }
    }
}
