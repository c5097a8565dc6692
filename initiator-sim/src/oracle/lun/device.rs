//! The model of one device: its blocks, and the commands under way.

use super::blocks::{Block, Content, content};
use super::earlier;
use super::reads::Reading;
use super::unmaps::Unmapping;
use super::writes::Writing;
use std::collections::BTreeMap;
use std::ops::Range;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Good,
    /// With MISCOMPARE.
    Miscompare,
    /// With ABORTED COMMAND.
    GivenUp,
    /// In another way.
    Failed,
}

/// A device.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) block_size: u32,
    pub(super) zero: Content,
    /// All blocks not listed are unknown instead of zero.
    pub(super) forgotten: bool,
    pub(super) blocks: BTreeMap<u64, Block>,
    pub(super) writing: BTreeMap<u64, Writing>,
    pub(super) reading: BTreeMap<u64, Reading>,
    pub(super) unmapping: BTreeMap<u64, Unmapping>,
    pub(super) syncing: Vec<u64>,
    /// The last command that began.
    pub(super) latest: u64,
    pub(super) unknown: Vec<u64>,
    /// Blocks with something to come back after a crash.
    pub(super) dirty: BTreeMap<u64, ()>,
}

impl Device {
    pub(super) fn new(block_size: u32) -> Self {
        Self {
            block_size,
            zero: content(&vec![0; block_size as usize]),
            forgotten: false,
            blocks: BTreeMap::new(),
            writing: BTreeMap::new(),
            reading: BTreeMap::new(),
            unmapping: BTreeMap::new(),
            syncing: Vec::new(),
            latest: 0,
            unknown: Vec::new(),
            dirty: BTreeMap::new(),
        }
    }

    pub(super) fn block(&mut self, lba: u64) -> &mut Block {
        let (zero, forgotten) = (self.zero, self.forgotten);
        self.blocks
            .entry(lba)
            .or_insert_with(|| if forgotten { Block::unknown() } else { Block::holding(zero) })
    }

    pub(super) fn begin_sync(&mut self, key: u64) {
        self.syncing.push(key);
    }

    pub(super) fn begin_unknown(&mut self, key: u64) {
        self.unknown.push(key);
    }

    /// The command ended; says what was wrong with a read.
    pub(super) fn end(&mut self, key: u64, ending: Ending) -> Option<String> {
        let good = ending == Ending::Good;
        if let Some(read) = self.reading.remove(&key) {
            if !good {
                return None;
            }
            for (lba, got) in read.learnt {
                // A write may have come in between: then the block is its.
                let dirty = self.dirty.contains_key(&lba);
                let block = self.block(lba);
                if !block.tainted && earlier(block.written_by, key) && (block.any || block.now.contains(&got))
                {
                    // What the cache hides may be what is durable.
                    if dirty {
                        block.unknown_before |= block.any;
                        for content in std::mem::take(&mut block.now) {
                            block.remember(content);
                        }
                    }
                    block.any = false;
                    block.now = vec![got];
                }
            }
            return read.wrong;
        }
        if let Some(mut write) = self.writing.remove(&key) {
            let wrong = self.check_comparison(&write, ending);
            if ending == Ending::GivenUp {
                // Storage may still work on what the target gave up.
                write.ghost = true;
                self.writing.insert(key, write);
            } else if write.compared == 0 || write.tangled || ending != Ending::Miscompare {
                self.finish_write(key, &write, good);
            }
            return wrong;
        }
        if self.end_unmap(key, good) {
            return None;
        }
        if let Some(at) = self.syncing.iter().position(|sync| *sync == key) {
            self.syncing.remove(at);
            if good {
                self.synced(key);
            }
        } else if let Some(at) = self.unknown.iter().position(|unknown| *unknown == key) {
            self.unknown.remove(at);
            if good {
                self.forget_all();
            }
        }
        None
    }

    /// A synchronisation that began with command `key` is done: what was written before is durable. A write that ended later need
    /// not be, whenever its command came: storage may have put it into its cache behind the synchronisation.
    fn synced(&mut self, key: u64) {
        let blocks = &mut self.blocks;
        self.dirty.retain(|lba, ()| {
            let Some(block) = blocks.get_mut(lba) else { return false };
            let durable = earlier(block.written_at, key);
            if durable {
                block.before.clear();
                block.unknown_before = false;
            }
            !durable
        });
    }

    /// The command is gone, but storage may still work on it.
    pub(super) fn abandon(&mut self, key: u64) {
        self.reading.remove(&key);
        self.abandon_unmap(key);
        self.syncing.retain(|sync| *sync != key);
        if let Some(write) = self.writing.get_mut(&key) {
            write.ghost = true;
        }
        if let Some(at) = self.unknown.iter().position(|unknown| *unknown == key) {
            self.unknown.remove(at);
            self.forget_all();
        }
    }

    /// Storage is idle: abandoned writes happened, or never will.
    pub(super) fn settle(&mut self) {
        let ghosts: Vec<u64> =
            self.writing.iter().filter(|(_, write)| write.ghost).map(|(key, _)| *key).collect();
        for key in ghosts {
            if let Some(write) = self.writing.remove(&key) {
                self.finish_write(key, &write, false);
            }
        }
    }

    pub(super) fn crash(&mut self) {
        let keys: Vec<u64> = self.writing.keys().copied().collect();
        for key in keys {
            if let Some(write) = self.writing.remove(&key) {
                self.finish_write(key, &write, false);
            }
        }
        self.reading.clear();
        self.unmapping.clear();
        self.syncing.clear();
        if !std::mem::take(&mut self.unknown).is_empty() {
            self.forget_all();
        }
        for (lba, ()) in std::mem::take(&mut self.dirty) {
            if let Some(block) = self.blocks.get_mut(&lba) {
                for content in std::mem::take(&mut block.before) {
                    block.add(content);
                }
                block.any |= std::mem::take(&mut block.unknown_before);
            }
        }
    }

    pub(super) fn taint(&mut self, blocks: Range<u64>) {
        for lba in blocks {
            self.block(lba).tainted = true;
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.forgotten = true;
        self.blocks.clear();
        self.dirty.clear();
    }
}
