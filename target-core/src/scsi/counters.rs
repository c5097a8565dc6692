//! What did storage do for a logical unit so far?

use crate::io::{IoError, IoOp};
use crate::time::Instant;
use core::time::Duration;

/// What one kind of operation came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter {
    /// Commands that ended well.
    pub(super) commands: u64,
    pub(super) bytes: u64,
    /// Operations that failed on a block.
    pub(super) uncorrected: u64,
    took: Duration,
}

impl Counter {
    /// How long its operations took in all.
    pub(super) fn millis(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The counters of a logical unit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    pub(super) write: Counter,
    pub(super) read: Counter,
    pub(super) verify: Counter,
    /// Failures that no block is to blame for.
    pub(super) other: u64,
    /// Times the unit was started after having been stopped.
    pub(super) starts: u32,
}

/// An operation that will be counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    what: What,
    bytes: u64,
    began: Instant,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Write,
    Read,
    Verify,
    Other,
}

impl Counted {
    /// What an operation counts as; `block_size` in bytes.
    pub(super) fn of(op: &IoOp, block_size: u32, began: Instant) -> Self {
        let whole = |blocks: u32| u64::from(blocks).saturating_mul(u64::from(block_size));
        let (what, bytes) = match op {
            IoOp::Read { blocks, .. } => (What::Read, whole(*blocks)),
            IoOp::Verify { blocks, .. } => (What::Verify, whole(*blocks)),
            IoOp::Write { data, .. } => (What::Write, u64::try_from(data.len()).unwrap_or(0)),
            _ => (What::Other, 0),
        };
        Self { what, bytes, began }
    }
}

impl Counters {
    /// An operation completed at `now`.
    pub(super) fn note(&mut self, counted: Counted, failed: Option<IoError>, now: Instant) {
        let counter = match counted.what {
            What::Write => Some(&mut self.write),
            What::Read => Some(&mut self.read),
            What::Verify => Some(&mut self.verify),
            What::Other => None,
        };
        match (failed, counter) {
            (None, Some(counter)) => {
                counter.commands = counter.commands.saturating_add(1);
                counter.bytes = counter.bytes.saturating_add(counted.bytes);
                counter.took = counter.took.saturating_add(now.since(counted.began));
            }
            (Some(IoError::Read { .. } | IoError::Write { .. }), Some(counter)) => {
                counter.uncorrected = counter.uncorrected.saturating_add(1);
            }
            (None | Some(IoError::Cancelled), _) => {}
            (Some(_), _) => self.other = self.other.saturating_add(1),
        }
    }

    /// Failures on a block, of all kinds.
    pub(super) const fn uncorrected(&self) -> u64 {
        let some = self.write.uncorrected.saturating_add(self.read.uncorrected);
        some.saturating_add(self.verify.uncorrected)
    }

    /// Back to zero; how often the unit was started is counted for its life.
    pub(super) fn forget(&mut self) {
        *self = Self { starts: self.starts, ..Self::default() };
    }
}
