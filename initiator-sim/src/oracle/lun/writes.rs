//! Writes: what may they put where?

use super::blocks::{Content, content};
use super::device::{Device, Ending};

/// Blocks of one command that the model follows; a longer command is not followed, and its blocks become unknown.
pub(super) const BLOCKS_MAX: u64 = 65536;

/// A write under way.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    pub(super) lba: u64,
    /// By block: how much of its data is here, and its content once all is.
    pub(super) have: Vec<u32>,
    pub(super) contents: Vec<Option<Content>>,
    pub(super) data: Vec<u8>,
    pub(super) fua: bool,
    /// Its data is one block, for all of them.
    pub(super) same: bool,
    /// Its data is not sure.
    pub(super) tangled: bool,
    /// Contents that other writes put into its blocks while it ran.
    pub(super) also: Vec<(u64, Content)>,
    /// So many blocks of data at its start are only compared.
    pub(super) compared: usize,
    /// Contents that the blocks held when other writes replaced them.
    pub(super) was: Vec<(u64, Content)>,
    /// Blocks that became unknown while it ran.
    pub(super) unsure: Vec<u64>,
    /// The command is gone.
    pub(super) ghost: bool,
}

impl Device {
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

    pub(super) fn begin(&mut self, key: u64, lba: u64, blocks: u64, fua: bool, compared: usize) {
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

    /// Data of a write arrived.
    pub(super) fn data(&mut self, key: u64, offset: u32, bytes: &[u8]) {
        self.unmap_list(key, offset, bytes);
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
        self.tangle_unmap(key);
    }

    pub(super) fn finish_write(&mut self, key: u64, write: &Writing, good: bool) {
        let latest = self.latest;
        for (at, possible) in write.contents.iter().skip(write.compared).enumerate() {
            let lba = write.lba + at as u64;
            if write.tangled {
                for other in self.writing.values_mut().filter(|other| other.covers(lba)) {
                    other.unsure.push(lba);
                }
                self.reading.values_mut().for_each(|read| read.unsure.push(lba));
                let block = self.block(lba);
                for content in block.now.clone() {
                    block.remember(content);
                }
                block.unknown_before |= block.any;
                block.any = true;
                (block.written_by, block.written_at) = (key, latest);
                self.dirty.insert(lba, ());
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
            if good {
                self.remember_unknown(lba);
            }
            let block = self.block(lba);
            for content in &old {
                block.remember(*content);
            }
            block.unknown_before |= block.any;
            if good {
                block.now.clear();
                block.any = false;
                block.tainted = false;
            }
            block.any |= write.unsure.contains(&lba);
            block.add(possible);
            concurrent.for_each(|content| block.add(content));
            (block.written_by, block.written_at) = (key, latest);
            if good && write.fua && block.now.len() == 1 {
                block.before.clear();
                block.unknown_before = false;
                self.dirty.remove(&lba);
            } else {
                self.dirty.insert(lba, ());
            }
        }
    }

    /// The block is about to be known: what is under way may have met it when it was not.
    fn remember_unknown(&mut self, lba: u64) {
        if !self.blocks.get(&lba).is_some_and(|block| block.any || block.tainted) {
            return;
        }
        self.reading.values_mut().for_each(|read| read.unsure.push(lba));
        for other in self.writing.values_mut().filter(|other| other.compared > 0 && other.covers(lba)) {
            other.unsure.push(lba);
        }
    }

    /// What a COMPARE AND WRITE found against what it can have found.
    pub(super) fn check_comparison(&self, write: &Writing, ending: Ending) -> Option<String> {
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
}

impl Writing {
    pub(super) fn covers(&self, lba: u64) -> bool {
        lba >= self.lba && lba - self.lba < (self.contents.len() - self.compared) as u64
    }

    pub(super) fn content_of(&self, lba: u64) -> Option<Content> {
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
