//! The model of one device: its blocks, and the commands under way.

use super::blocks::{Block, Content, content};
use super::earlier;
use std::collections::BTreeMap;
use std::ops::Range;

/// Blocks of one command that the model follows; a longer command is not followed, and its blocks become unknown.
const BLOCKS_MAX: u64 = 65536;

/// A write under way.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    lba: u64,
    /// By block: how much of its data is here, and its content once all is.
    have: Vec<u32>,
    contents: Vec<Option<Content>>,
    data: Vec<u8>,
    fua: bool,
    /// Its data is one block, for all of them.
    same: bool,
    /// Its data is not sure.
    tangled: bool,
    /// Contents that other writes put into its blocks while it ran.
    also: Vec<(u64, Content)>,
    /// So many blocks of data at its start are only compared.
    compared: usize,
    /// Contents that the blocks held when other writes replaced them.
    was: Vec<(u64, Content)>,
    /// Blocks that became unknown while it ran.
    unsure: Vec<u64>,
    /// The command is gone.
    ghost: bool,
}

/// A read under way.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    lba: u64,
    /// Bytes of a block that are not whole yet.
    partial: Vec<u8>,
    next: u32,
    /// Contents that blocks held since it began.
    also: Vec<(u64, Content)>,
    /// Blocks that became unknown since it began.
    unsure: Vec<u64>,
    /// What it returned that no block could hold, or any content of an unknown block.
    wrong: Option<String>,
    learnt: Vec<(u64, Content)>,
    lost: bool,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Good,
    /// With MISCOMPARE.
    Miscompare,
    /// In another way.
    Failed,
}

/// A device.
#[derive(Clone, Debug)]
pub(super) struct Device {
    block_size: u32,
    zero: Content,
    /// All blocks not listed are unknown instead of zero.
    forgotten: bool,
    blocks: BTreeMap<u64, Block>,
    writing: BTreeMap<u64, Writing>,
    reading: BTreeMap<u64, Reading>,
    syncing: Vec<u64>,
    unknown: Vec<u64>,
    /// Blocks with something to come back after a crash.
    dirty: BTreeMap<u64, ()>,
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
            syncing: Vec::new(),
            unknown: Vec::new(),
            dirty: BTreeMap::new(),
        }
    }

    fn block(&mut self, lba: u64) -> &mut Block {
        let (zero, forgotten) = (self.zero, self.forgotten);
        self.blocks
            .entry(lba)
            .or_insert_with(|| if forgotten { Block::unknown() } else { Block::holding(zero) })
    }

    pub(super) fn begin_read(&mut self, key: u64, lba: u64, blocks: u64, _edtl: u32) {
        let reading = Reading {
            lba,
            partial: Vec::new(),
            next: 0,
            also: Vec::new(),
            unsure: Vec::new(),
            wrong: None,
            learnt: Vec::new(),
            lost: blocks > BLOCKS_MAX,
        };
        self.reading.insert(key, reading);
    }

    pub(super) fn begin_write(&mut self, key: u64, lba: u64, blocks: u64, fua: bool, edtl: u32) {
        // The device writes the whole blocks it got.
        let blocks = blocks.min(u64::from(edtl / self.block_size.max(1)));
        self.begin(key, lba, blocks, fua, 0);
    }

    /// A run of the same block; its data is that of the first one.
    pub(super) fn begin_same(&mut self, key: u64, lba: u64, blocks: u64, zeros: bool) {
        self.begin(key, lba, blocks, false, 0);
        let zero = self.zero;
        if let Some(write) = self.writing.get_mut(&key) {
            write.same = true;
            if zeros {
                write.have.fill(u32::MAX);
                write.contents.fill(Some(zero));
            }
        }
    }

    /// Blocks to compare, then as many to write.
    pub(super) fn begin_compare(&mut self, key: u64, lba: u64, blocks: u64, fua: bool, edtl: u32) {
        let whole = u64::from(edtl / self.block_size.max(1)) >= 2 * blocks;
        self.begin(key, lba, 2 * blocks, fua, blocks as usize);
        if let Some(write) = self.writing.get_mut(&key) {
            write.tangled |= !whole;
        }
    }

    /// What these blocks become cannot be told.
    pub(super) fn begin_or(&mut self, key: u64, lba: u64, blocks: u64, edtl: u32) {
        self.begin_write(key, lba, blocks, false, edtl);
        self.tangle(key);
    }

    fn begin(&mut self, key: u64, lba: u64, blocks: u64, fua: bool, compared: usize) {
        let tangled = blocks > BLOCKS_MAX;
        let count = usize::try_from(if tangled { 0 } else { blocks }).unwrap_or(0);
        if tangled {
            self.forget_all();
        }
        let writing = Writing {
            lba,
            have: vec![0; count],
            contents: vec![None; count],
            data: Vec::new(),
            fua,
            tangled,
            also: Vec::new(),
            same: false,
            compared: if tangled { 0 } else { compared },
            was: Vec::new(),
            unsure: Vec::new(),
            ghost: false,
        };
        self.writing.insert(key, writing);
    }

    pub(super) fn begin_sync(&mut self, key: u64) {
        self.syncing.push(key);
    }

    pub(super) fn begin_unknown(&mut self, key: u64) {
        self.unknown.push(key);
    }

    /// Data of a write arrived.
    pub(super) fn data(&mut self, key: u64, offset: u32, bytes: &[u8]) {
        let size = self.block_size as usize;
        let Some(write) = self.writing.get_mut(&key) else { return };
        let room = if write.same { size.min(write.have.len() * size) } else { write.have.len() * size };
        let start = (offset as usize).min(room);
        let bytes = &bytes[..bytes.len().min(room - start)];
        if bytes.is_empty() {
            return;
        }
        // The usual case: whole blocks, each once. Nothing has to be kept.
        if start.is_multiple_of(size) && bytes.len().is_multiple_of(size) {
            for (at, block) in bytes.chunks_exact(size).enumerate() {
                write.set(start / size + at, content(block), size);
            }
            return;
        }
        if write.data.len() < room {
            write.data.resize(room, 0);
        }
        write.data[start..start + bytes.len()].copy_from_slice(bytes);
        for at in start / size..=(start + bytes.len() - 1) / size {
            let (from, to) = ((at * size).max(start), ((at + 1) * size).min(start + bytes.len()));
            write.have[at] = write.have[at].saturating_add((to - from) as u32);
            if write.have[at] as usize == size && write.same {
                write.contents.fill(Some(content(&write.data[..size])));
            } else if write.have[at] as usize == size {
                write.contents[at] = Some(content(&write.data[at * size..(at + 1) * size]));
            } else if write.have[at] as usize > size {
                write.tangled = true;
            }
        }
    }

    /// The data of a write cannot be told.
    pub(super) fn tangle(&mut self, key: u64) {
        if let Some(write) = self.writing.get_mut(&key) {
            write.tangled = true;
        }
    }

    /// Data of a read was sent.
    pub(super) fn read_data(&mut self, key: u64, offset: u32, bytes: &[u8]) {
        let Some(mut read) = self.reading.remove(&key) else { return };
        if offset != read.next || read.lost {
            read.lost = true;
        } else {
            read.next = read.next.wrapping_add(bytes.len() as u32);
            let size = self.block_size as usize;
            let mut at = read.lba + (offset as usize - read.partial.len()) as u64 / size as u64;
            let mut bytes = bytes;
            if !read.partial.is_empty() {
                let take = bytes.len().min(size - read.partial.len());
                read.partial.extend_from_slice(&bytes[..take]);
                bytes = &bytes[take..];
                if read.partial.len() == size {
                    let got = content(&read.partial);
                    read.partial.clear();
                    self.check_block(&mut read, at, got);
                    at += 1;
                }
            }
            let blocks = bytes.chunks_exact(size);
            read.partial.extend_from_slice(blocks.remainder());
            for block in blocks {
                self.check_block(&mut read, at, content(block));
                at += 1;
            }
        }
        self.reading.insert(key, read);
    }

    /// Is `got` possible in block `lba`, at some time since the read began?
    fn check_block(&mut self, read: &mut Reading, lba: u64, got: Content) {
        let mut writers = self.writing.values().filter(|write| write.covers(lba)).peekable();
        let disturbed = writers.peek().is_some();
        let written = writers.any(|write| write.tangled || write.content_of(lba) == Some(got));
        let default = if self.forgotten { None } else { Some(self.zero) };
        let block = self.blocks.get(&lba);
        let any =
            block.map_or(default.is_none(), |block| block.any || block.tainted) || !self.unknown.is_empty();
        let any = any || read.unsure.contains(&lba);
        let held = block.map_or(default == Some(got), |block| block.now.contains(&got));
        let also = read.also.iter().any(|(at, content)| *at == lba && *content == got);
        if !(any || held || written || also) && read.wrong.is_none() {
            let could = block.map_or(1, |block| block.now.len());
            read.wrong = Some(format!("block {lba} holds none of the {could} contents it could hold"));
        }
        let changed = read.also.iter().any(|(at, _)| *at == lba) || read.unsure.contains(&lba);
        let open = block.map_or(self.forgotten, |block| block.any || block.now.len() > 1);
        if !disturbed && !changed && open {
            // Nothing else can have been there: from now on the block is known.
            read.learnt.push((lba, got));
        }
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
                let block = self.block(lba);
                if !block.tainted && earlier(block.written_by, key) && (block.any || block.now.contains(&got))
                {
                    block.any = false;
                    block.now = vec![got];
                }
            }
            return read.wrong;
        }
        if let Some(write) = self.writing.remove(&key) {
            let wrong = self.check_comparison(&write, ending);
            if write.compared == 0 || write.tangled || ending != Ending::Miscompare {
                self.finish_write(key, &write, good);
            }
            return wrong;
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

    fn finish_write(&mut self, key: u64, write: &Writing, good: bool) {
        for (at, possible) in write.contents.iter().skip(write.compared).enumerate() {
            let lba = write.lba + at as u64;
            if write.tangled {
                for other in self.writing.values_mut().filter(|other| other.covers(lba)) {
                    other.unsure.push(lba);
                }
                self.reading.values_mut().for_each(|read| read.unsure.push(lba));
                let block = self.block(lba);
                block.any = true;
                block.written_by = key;
                continue;
            }
            let Some(possible) = *possible else { continue };
            for other in self.writing.values_mut().filter(|other| other.covers(lba)) {
                other.also.push((lba, possible));
            }
            let concurrent = write.also.iter().filter(|(at, _)| *at == lba).map(|(_, content)| *content);
            let old: Vec<Content> = self.block(lba).now.clone();
            for other in self.writing.values_mut().filter(|other| other.compared > 0 && other.covers(lba)) {
                other.was.extend(old.iter().map(|content| (lba, *content)));
            }
            for read in self.reading.values_mut().filter(|read| read.lba <= lba) {
                read.also.extend(old.iter().chain([&possible]).map(|content| (lba, *content)));
            }
            let block = self.block(lba);
            for content in &old {
                block.remember(*content);
            }
            if good {
                block.now.clear();
                block.any = false;
                block.tainted = false;
            }
            block.any |= write.unsure.contains(&lba);
            block.add(possible);
            concurrent.for_each(|content| block.add(content));
            block.written_by = key;
            if good && write.fua && block.now.len() == 1 {
                block.before.clear();
                self.dirty.remove(&lba);
            } else {
                self.dirty.insert(lba, ());
            }
        }
    }

    /// What a COMPARE AND WRITE found against what it can have found.
    fn check_comparison(&self, write: &Writing, ending: Ending) -> Option<String> {
        if write.compared == 0 || write.tangled || ending == Ending::Failed || !self.unknown.is_empty() {
            return None;
        }
        let mut sure = true;
        for (at, expected) in write.contents.iter().take(write.compared).enumerate() {
            let (lba, Some(expected)) = (write.lba + at as u64, *expected) else { return None };
            let block = self.blocks.get(&lba);
            let any = block.map_or(self.forgotten, |block| block.any || block.tainted)
                || write.unsure.contains(&lba);
            let held = block.map_or(expected == self.zero, |block| block.now.contains(&expected));
            let others = || self.writing.values().filter(|other| other.covers(lba));
            let disturbed = others().next().is_some() || !write.also.is_empty() || !write.was.is_empty();
            let could = any
                || held
                || others().any(|other| other.tangled || other.content_of(lba) == Some(expected))
                || write.also.iter().chain(&write.was).any(|(at, was)| *at == lba && *was == expected);
            if ending == Ending::Good && !could {
                return Some(format!("the comparison of block {lba} cannot have been equal"));
            }
            let only = block.is_none_or(|block| block.now.len() == 1);
            sure &= held && only && !any && !disturbed;
        }
        (ending == Ending::Miscompare && sure).then(|| "what was compared cannot have differed".to_owned())
    }

    /// A synchronisation that began with command `key` is done: what was written before is durable.
    fn synced(&mut self, key: u64) {
        let blocks = &mut self.blocks;
        self.dirty.retain(|lba, ()| {
            let Some(block) = blocks.get_mut(lba) else { return false };
            let durable = earlier(block.written_by, key);
            if durable {
                block.before.clear();
            }
            !durable
        });
    }

    /// The command is gone, but storage may still work on it.
    pub(super) fn abandon(&mut self, key: u64) {
        self.reading.remove(&key);
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
        self.syncing.clear();
        if !std::mem::take(&mut self.unknown).is_empty() {
            self.forget_all();
        }
        for (lba, ()) in std::mem::take(&mut self.dirty) {
            if let Some(block) = self.blocks.get_mut(&lba) {
                for content in std::mem::take(&mut block.before) {
                    block.add(content);
                }
            }
        }
    }

    pub(super) fn taint(&mut self, blocks: Range<u64>) {
        for lba in blocks {
            self.block(lba).tainted = true;
        }
    }

    fn forget_all(&mut self) {
        self.forgotten = true;
        self.blocks.clear();
        self.dirty.clear();
    }
}

impl Writing {
    fn covers(&self, lba: u64) -> bool {
        lba >= self.lba && lba - self.lba < (self.contents.len() - self.compared) as u64
    }

    fn content_of(&self, lba: u64) -> Option<Content> {
        let at = self.compared + usize::try_from(lba.checked_sub(self.lba)?).ok()?;
        self.contents.get(at).copied().flatten()
    }

    fn set(&mut self, at: usize, content: Content, size: usize) {
        if self.same {
            self.tangled |= self.have[at] != 0 && self.contents[at] != Some(content);
            self.have.fill(size as u32);
            self.contents.fill(Some(content));
            return;
        }
        if self.have[at] != 0 && self.contents[at] != Some(content) {
            self.tangled = true;
        }
        self.have[at] = size as u32;
        self.contents[at] = Some(content);
    }
}
