//! What became of the copies that nexuses began?

use super::LISTS_MAX;
use crate::scsi::outcome::NexusId;
use crate::scsi::sense::Sense;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// How a copy came to its end, or that it has not.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// Under way as long as its command holds the other end of this.
    UnderWay(Weak<()>),
    Well,
    Failed(Sense),
}

/// One copy.
#[derive(Clone, Debug)]
pub(super) struct Record {
    nexus: NexusId,
    /// LIST IDENTIFIER, of one byte or of four.
    id: u32,
    /// SERVICE ACTION that began it.
    pub(super) action: u8,
    pub(super) end: End,
    pub(super) segments: u16,
    /// Blocks copied, and bytes.
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    /// The token that was made.
    pub(super) token: Option<Vec<u8>>,
}

/// The copies of a target, the oldest first.
#[derive(Clone, Debug, Default)]
pub(in crate::scsi) struct Lists(VecDeque<Record>);

/// Names a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListKey {
    pub(super) nexus: NexusId,
    pub(super) id: u32,
    /// Whether identifiers of one byte are meant, which EXTENDED COPY (LID1) alone has.
    pub(super) short: bool,
}

/// Why a copy cannot be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// That identifier stands for a copy that is under way.
    InUse,
    /// There are too many.
    Full,
}

impl Record {
    /// Whether the command is still there.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(&self.end, End::UnderWay(command) if command.strong_count() > 0)
    }

    fn is(&self, key: ListKey) -> bool {
        let short = self.action == 0;
        self.nexus == key.nexus && self.id == key.id && short == key.short
    }
}

impl Lists {
    /// A copy begins; it is under way until it ends or what is given is dropped.
    pub(super) fn begin(&mut self, key: ListKey, action: u8) -> Result<Arc<()>, Refusal> {
        match self.0.iter().position(|record| record.is(key)) {
            Some(at) if self.0.get(at).is_some_and(Record::is_under_way) => return Err(Refusal::InUse),
            Some(at) => drop(self.0.remove(at)),
            None => {}
        }
        if self.0.len() >= usize::from(LISTS_MAX) {
            let oldest = self.0.iter().position(|record| !record.is_under_way()).ok_or(Refusal::Full)?;
            self.0.remove(oldest);
        }
        let command = Arc::new(());
        let end = End::UnderWay(Arc::downgrade(&command));
        let (nexus, id) = (key.nexus, key.id);
        self.0.push_back(Record { nexus, id, action, end, segments: 0, blocks: 0, bytes: 0, token: None });
        Ok(command)
    }

    pub(super) fn find(&mut self, key: ListKey) -> Option<&mut Record> {
        self.0.iter_mut().find(|record| record.is(key))
    }

    /// A nexus is gone, and nobody else can ask about its copies.
    pub(in crate::scsi) fn forget(&mut self, nexus: NexusId) {
        self.0.retain(|record| record.nexus != nexus);
    }
}
