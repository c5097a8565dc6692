//! Steps about faults, network, target and probes, and loops.

use super::{Step, TimeExpr};
use crate::scenario::expr::Expr;
use crate::scenario::matcher::Matcher;
use crate::scenario::model::{FaultVerb, LatencySpec};
use initiator_sim::codec::Kind;
use target_core::probe::Probe;

/// `fault`
#[derive(Clone, Debug)]
pub struct Fault {
    /// Connection.
    pub on: String,
    /// From the target.
    pub inward: bool,
    /// What sets it off.
    pub trigger: FaultTrigger,
    /// What to do.
    pub verbs: Vec<FaultVerb>,
    /// No error if it never hits.
    pub maybe: bool,
}

/// What sets a fault off.
#[derive(Clone, Debug)]
pub enum FaultTrigger {
    /// A PDU.
    Pdu(Option<Kind>, u32),
    /// A byte of the stream.
    Byte(Expr),
    /// A time from now.
    After(TimeExpr),
}

/// `net`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the key of its name in the net table")]
pub enum NetVerb {
    Partition,
    Heal,
    Clog,
    Unclog,
    Release,
    Close,
    HalfClose,
    Reset,
}

impl NetVerb {
    /// True for what only a simulated network can do.
    pub const fn is_simulated(self) -> bool {
        !matches!(self, Self::Close | Self::HalfClose | Self::Reset)
    }
}

/// `target`
#[derive(Clone, Debug)]
pub enum TargetVerb {
    /// It loses its memory.
    Crash,
    /// It comes back.
    Restart,
    /// The operator asks.
    Admin(AdminVerb),
    /// The disk of a LUN.
    Storage(u16, StorageVerb),
}

/// What the operator asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the key of its name in the admin table")]
pub enum AdminVerb {
    RequestLogout(String, u16),
    DropConnection(String),
    DropSession(String),
    RequestNegotiation(String, u16),
    Drain(u16),
    Resize(u16, u64),
    RemoveLun(u16),
    AddLun(u16),
    Eject(u16),
    Load(u16),
    Access(u16, u16, String),
    Redirect(String),
    MaxRecvDataSegmentLength(u32),
}

/// What a disk does.
#[derive(Clone, Debug)]
pub enum StorageVerb {
    /// Operations take so long.
    Latency(LatencySpec),
    /// Operations on these blocks fail.
    Fail {
        /// First block.
        lba: u64,
        /// How many.
        blocks: u64,
        /// `medium`, `no_space`, ...
        error: String,
        /// `any`, `read`, `write`.
        op: String,
    },
    /// Nothing completes.
    Stall,
    /// All is well again.
    Resume,
}

/// `expect_probe`, `forbid_probe`
#[derive(Clone, Debug)]
pub struct ProbeMatch {
    /// Which.
    pub probe: Probe,
    /// Of which connection.
    pub on: Option<String>,
    /// Members.
    pub members: Vec<(String, Matcher)>,
    /// Variables and members.
    pub save: Vec<(String, String)>,
    /// How long.
    pub within: Option<TimeExpr>,
}

/// `repeat`
#[derive(Clone, Debug)]
pub struct Repeat {
    /// How often.
    pub times: Option<Expr>,
    /// Once for each.
    pub each: Vec<Expr>,
    /// What.
    pub steps: Vec<Step>,
}
