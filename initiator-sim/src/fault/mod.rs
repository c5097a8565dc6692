//! What can go wrong on the way, on demand or by chance? The fault verbs, where they attach, and the record of what was
//! done.
//!
//! TCP never loses, repeats or reorders bytes, so the verbs of the byte stream only delay, cut and end it, or flip a bit that
//! TCP's checksum missed. The verbs that drop, repeat, swap or rewrite whole PDUs belong to a middlebox that terminates
//! TCP on both sides.

pub mod plan;

use crate::clock::Nanos;
use crate::net::Dir;
use crate::rng::{Domain, Site};
use serde::{Deserialize, Serialize};

/// One thing done to a PDU or to the bytes of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Cut the chunk this many bytes after its start; the verbs that follow concern the second part.
    Split(u32),
    /// Keep it back until so many more PDUs have come, then deliver all as one chunk.
    Coalesce(u32),
    /// This and everything after it arrives so much later.
    Delay(Nanos),
    /// This and everything after it waits until the fault is released.
    Hold,
    /// Nothing at all arrives for this long, not even what is under way.
    Stall(Nanos),
    /// Reset the connection instead of delivering it.
    Reset,
    /// End this direction of the connection instead of delivering it.
    HalfClose,
    /// End both directions instead of delivering it.
    Close,
    /// Flip one bit.
    CorruptBit {
        /// Byte, counted from the start of the PDU or of the bytes concerned.
        byte: u32,
        /// Bit 0 (least significant) to 7.
        bit: u8,
    },
    /// Middlebox: the PDU vanishes.
    Drop,
    /// Middlebox: the PDU comes twice.
    Dup,
    /// Middlebox: the PDU changes places with the next one.
    Swap,
    /// Middlebox: a field gets another value.
    CorruptField {
        /// Name of the field, as the codec calls it; `data` stands for the first eight bytes of the data segment.
        field: String,
        /// The new value.
        value: u64,
        /// Compute the digests anew, so that only the receiver's own checks can notice.
        fix_digest: bool,
    },
}

/// What sets a fault off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The next PDU with this opcode (any, if `None`), after letting `skip` such PDUs pass.
    Pdu {
        /// The opcode, without the immediate bit.
        opcode: Option<u8>,
        /// How many matching PDUs pass first.
        skip: u32,
    },
    /// The byte with this offset in the stream of that direction, counted after the middlebox.
    Byte(u64),
    /// A moment. PDU verbs then concern the next PDU.
    At(Nanos),
}

/// A fault asked for by a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The connection, by its ordinal.
    pub conn: u32,
    /// Which way.
    pub dir: Dir,
    /// What sets it off; once.
    pub trigger: Trigger,
    /// What to do, in order.
    pub verbs: Vec<Verb>,
}

/// Names a fault asked for, in order of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultId(pub u32);

/// What storage can do wrong by chance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskVerb {
    /// The operation takes so much longer.
    Slow(Nanos),
    /// The operation fails with a medium error at its first block.
    Fail,
    /// One bit of what is read is wrong; the medium is fine.
    Rot {
        /// Byte within the data.
        byte: u32,
        /// Bit 0 to 7.
        bit: u8,
    },
}

/// What happened to unsynced data when the target crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CrashVerb {
    /// It is gone.
    Lost,
    /// Only the first so many blocks are there.
    Torn(u32),
}

/// What was done at one site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// To a PDU.
    Net(Verb),
    /// To a storage operation.
    Disk(DiskVerb),
    /// To unsynced data at a crash.
    Crash(CrashVerb),
}

/// One outcome that is not the default. A list of these, given back, has the same effect as the draws that made it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Recorded {
    /// What kind of decision it was.
    pub domain: Domain,
    /// Where it was taken.
    pub site: Site,
    /// What came of it.
    pub outcome: Outcome,
}
