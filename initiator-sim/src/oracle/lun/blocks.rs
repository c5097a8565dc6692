//! What may one block hold?

use crate::trace::hash_bytes;

/// Hash of a block's content.
pub(super) type Content = u64;

/// Hash of the content of one block.
pub(super) fn content(bytes: &[u8]) -> Content {
    hash_bytes(0, bytes)
}

/// The contents that are possible.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    /// Possible now.
    pub(super) now: Vec<Content>,
    /// Possible again after a crash.
    pub(super) before: Vec<Content>,
    /// Something unknown is possible again after a crash.
    pub(super) unknown_before: bool,
    /// Nothing is known: the next read tells.
    pub(super) any: bool,
    /// Nothing is known, and reads may differ: the medium is bad.
    pub(super) tainted: bool,
    /// The command that wrote it last.
    pub(super) written_by: u64,
    /// The last command that had begun when that one ended.
    pub(super) written_at: u64,
}

impl Block {
    pub(super) fn holding(content: Content) -> Self {
        Self { now: vec![content], ..Self::default() }
    }

    pub(super) fn unknown() -> Self {
        Self { any: true, ..Self::default() }
    }

    pub(super) fn add(&mut self, content: Content) {
        if !self.now.contains(&content) {
            self.now.push(content);
        }
    }

    pub(super) fn remember(&mut self, content: Content) {
        if !self.before.contains(&content) {
            self.before.push(content);
        }
    }
}
