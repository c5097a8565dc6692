//! What the target asks of storage, and what storage answers.
//!
//! The disk is a peer: the core emits [`IoRequest::Start`] and gets exactly one [`IoDone`] for each, in any order, at
//! any time, also after [`IoRequest::Cancel`] (which is a hint and has no answer of its own).

mod runs;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
pub use runs::{Provisioned, Run, Runs};

/// Names one operation from its start to its one completion. Never used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IoId(pub u64);

/// Index of a storage device at the driver; a [`LunConfig`](crate::config::LunConfig) names its device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// From the core to storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IoRequest {
    /// Begin an operation.
    Start {
        /// Comes back in [`IoDone::id`].
        id: IoId,
        /// Which device.
        device: DeviceId,
        /// What to do.
        op: IoOp,
    },
    /// The result of that operation is no longer wanted; it must still complete once.
    Cancel {
        /// The operation to give up.
        id: IoId,
    },
}

/// One storage operation. Addresses and counts are logical blocks; the core has checked them against the capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IoOp {
    /// Read blocks; completes with exactly their bytes.
    Read {
        /// First block.
        lba: u64,
        /// How many, at least 1.
        blocks: u32,
    },
    /// Write blocks; `data` is a whole number of them.
    Write {
        /// First block.
        lba: u64,
        /// The bytes.
        data: SgList,
        /// Do not complete before the data is on stable storage (FUA).
        fua: bool,
    },
    /// Check that blocks can be read (VERIFY without a byte check).
    Verify {
        /// First block.
        lba: u64,
        /// How many.
        blocks: u32,
    },
    /// Let go of blocks: from its completion on they read as zeros and need take no space. Like a write without FUA it may be
    /// undone by a crash until the device is flushed.
    Unmap {
        /// First block.
        lba: u64,
        /// How many, at least 1.
        blocks: u32,
        /// Keep the space, so that later writes cannot fail for want of it.
        anchor: bool,
    },
    /// Tell which blocks take space; completes with [`Runs`] from `lba` on, at least one.
    Status {
        /// First block.
        lba: u64,
        /// At most so many runs, at least 1.
        runs: u32,
    },
    /// Put everything that completed before onto stable storage (SYNCHRONIZE CACHE; whole device).
    Flush,
    /// Keep this record beside the blocks, in the place of the one of that name. It completes once the record is on stable
    /// storage; after a crash before that either of the two is there, whole. Only asked of devices whose
    /// [`LunConfig`](crate::config::LunConfig) says that they keep records.
    Keep {
        /// Its name.
        name: String,
        /// What to keep; nothing takes the record away.
        record: Bytes,
    },
}

/// The records that a device keeps, by name.
pub type Records = BTreeMap<String, Bytes>;

/// From storage to the core: the one completion of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IoDone {
    /// Which operation.
    pub id: IoId,
    /// The data of a read, the runs of a status (empty for anything else), or why it failed.
    pub result: Result<SgList, IoError>,
}

/// Why storage failed. The device server turns it into sense data (SBC-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoError {
    /// A block could not be read: MEDIUM ERROR, UNRECOVERED READ ERROR, with the block in INFORMATION.
    Read {
        /// The first bad block.
        lba: u64,
    },
    /// A block could not be written: MEDIUM ERROR, WRITE ERROR.
    Write {
        /// The first bad block.
        lba: u64,
    },
    /// No space is left under a thin device: DATA PROTECT, SPACE ALLOCATION FAILED WRITE PROTECT.
    NoSpace,
    /// The device went read-only: DATA PROTECT, WRITE PROTECTED.
    WriteProtected,
    /// The device is not there any more: NOT READY, LOGICAL UNIT NOT READY.
    NotReady,
    /// Anything else: HARDWARE ERROR, INTERNAL TARGET FAILURE.
    Hardware,
    /// Given up after [`IoRequest::Cancel`].
    Cancelled,
}

/// Bytes in pieces, shared and never copied: what a read returns, what a write carries.
#[derive(Clone, Debug, Default)]
pub struct SgList {
    // One piece is the common case (a 4 KiB read of one page) and must not allocate.
    first: Bytes,
    rest: Vec<Bytes>,
    len: usize,
}

impl SgList {
    /// No bytes.
    pub const fn new() -> Self {
        Self { first: Bytes::new(), rest: Vec::new(), len: 0 }
    }

    /// Total length in bytes.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if there are no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a piece at the end; an empty one is dropped.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        if self.len == 0 {
            self.first = piece;
            self.len = self.first.len();
        } else {
            self.len += piece.len();
            self.rest.push(piece);
        }
    }

    /// Adds all pieces of `other` at the end.
    pub fn append(&mut self, other: &Self) {
        for piece in other.pieces() {
            self.push(piece.clone());
        }
    }

    /// The pieces in order, none empty.
    pub fn pieces(&self) -> impl Iterator<Item = &Bytes> {
        core::iter::once(&self.first).chain(self.rest.iter()).filter(|piece| !piece.is_empty())
    }

    /// The pieces that make up `len` bytes from `offset`, shared; clipped to what there is.
    pub fn slice(&self, offset: usize, len: usize) -> Self {
        let mut out = Self::new();
        let (mut skip, mut want) = (offset, len);
        for piece in self.pieces() {
            if want == 0 {
                break;
            }
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let take = want.min(piece.len() - skip);
            out.push(piece.slice(skip..skip + take));
            skip = 0;
            want -= take;
        }
        out
    }

    /// All bytes as one run; copies only if there are several pieces.
    pub fn to_bytes(&self) -> Bytes {
        if self.rest.is_empty() {
            return self.first.clone();
        }
        let mut out = Vec::with_capacity(self.len);
        for piece in self.pieces() {
            out.extend_from_slice(piece);
        }
        out.into()
    }
}

impl From<Bytes> for SgList {
    fn from(piece: Bytes) -> Self {
        let mut list = Self::new();
        list.push(piece);
        list
    }
}

impl From<Vec<u8>> for SgList {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl PartialEq for SgList {
    /// Equal content, however it is cut.
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.pieces().flatten().eq(other.pieces().flatten())
    }
}

impl Eq for SgList {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cross_pieces_without_copying() {
        let mut list = SgList::from(Bytes::from_static(b"abcd"));
        list.push(Bytes::new());
        list.push(Bytes::from_static(b"efgh"));
        assert_eq!(list.len(), 8);
        assert_eq!(list.slice(2, 4).to_bytes(), Bytes::from_static(b"cdef"));
        assert_eq!(list.slice(6, 9).to_bytes(), Bytes::from_static(b"gh"));
        assert_eq!(list.slice(4, 4).pieces().count(), 1);
        assert_eq!(list, SgList::from(b"abcdefgh".to_vec()));
        assert!(list.slice(8, 1).is_empty());
    }
}
