//! What does a command come to, and what does it need on the way?

use super::sense::{Sense, SenseCode};
use crate::io::{DeviceId, IoOp, SgList};

/// One I_T nexus: an iSCSI session. The engine gives the numbers, never twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NexusId(pub u32);

/// Status codes (SAM-5 5.3.1).
pub mod status {
    /// Done.
    pub const GOOD: u8 = 0x00;
    /// See the sense data.
    pub const CHECK_CONDITION: u8 = 0x02;
    /// Not now.
    pub const BUSY: u8 = 0x08;
    /// Another nexus holds a reservation.
    pub const RESERVATION_CONFLICT: u8 = 0x18;
    /// No room for one more command.
    pub const TASK_SET_FULL: u8 = 0x28;
    /// An auto contingent allegiance is in effect.
    pub const ACA_ACTIVE: u8 = 0x30;
    /// Aborted by another nexus, with TAS set.
    pub const TASK_ABORTED: u8 = 0x40;
}

/// RETRY DELAY TIMER of a logical unit that is busy, in tenths of a second: the shortest there is.
const RETRY_TENTHS: u16 = 1;

/// What the device server needs next for a command, or that it needs nothing more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The command is complete.
    Done(Outcome),
    /// Hand the Data-Out to [`Command::data_out`](super::Command::data_out).
    DataOut {
        /// How many bytes the CDB stands for, at least 1; the transport may have fewer.
        len: u32,
    },
    /// Nothing now: something goes on at the unit, and the command is told when that is over.
    Wait,
    /// Perform this and hand its result to [`Command::io_done`](super::Command::io_done).
    Io {
        /// On this device.
        device: DeviceId,
        /// This.
        op: IoOp,
    },
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// One of [`status`].
    pub status: u8,
    /// Sense data; [`Sense::NONE`] unless the status is CHECK CONDITION.
    pub sense: Sense,
    /// Data for the initiator, before clipping to what it expects.
    pub data_in: SgList,
    /// What is said beside the status (SAM-5 5.3.2): of BUSY and TASK SET FULL, after how many tenths of a second to try again.
    pub qualifier: u16,
    /// How many bytes of Data-Out the command stood for (for the residual count); 0 if it failed before asking.
    pub data_out_expected: u32,
}

impl Outcome {
    /// GOOD with that data.
    pub const fn good(data_in: SgList) -> Self {
        Self { status: status::GOOD, sense: Sense::NONE, data_in, qualifier: 0, data_out_expected: 0 }
    }

    /// CHECK CONDITION with that sense data.
    pub const fn check(sense: Sense) -> Self {
        Self {
            status: status::CHECK_CONDITION,
            sense,
            data_in: SgList::new(),
            qualifier: 0,
            data_out_expected: 0,
        }
    }

    /// A status without sense data.
    pub const fn bare(status: u8) -> Self {
        let qualifier = match status {
            status::BUSY | status::TASK_SET_FULL => RETRY_TENTHS,
            _ => 0,
        };
        Self { status, sense: Sense::NONE, data_in: SgList::new(), qualifier, data_out_expected: 0 }
    }
}

/// Why a command cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// CHECK CONDITION.
    Check(Sense),
    /// RESERVATION CONFLICT.
    Conflict,
    /// BUSY.
    Busy,
}

impl From<Sense> for Failure {
    fn from(sense: Sense) -> Self {
        Self::Check(sense)
    }
}

impl From<SenseCode> for Failure {
    fn from(code: SenseCode) -> Self {
        Self::Check(Sense::new(code))
    }
}
