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
    pub wait: Nanos,
    /// What to do.
    pub what: What,
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
        cdb: Vec<u8>,
        /// Bytes to expect.
        read_len: u32,
    },
    /// Task management. ABORT TASK and QUERY TASK name the client's newest command.
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
    /// End the connection.
    HangUp {
        /// By a reset.
        reset: bool,
    },
    /// Bytes that are no PDU, or a PDU that must not be sent.
    Hostile {
        /// What goes out.
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
                | Self::Tmf { .. }
                | Self::Ping { .. }
        )
    }

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
            Self::Tmf { .. } => "tmf",
            Self::Ping { .. } => "ping",
            Self::Text { .. } => "text",
            Self::Logout { .. } => "logout",
            Self::HangUp { .. } => "hang_up",
            Self::Hostile { .. } => "hostile",
            Self::Clog { .. } => "clog",
            Self::Partition { .. } => "partition",
            Self::StallDisk { .. } => "stall_disk",
            Self::Crash { .. } => "crash",
        }
    }
}
