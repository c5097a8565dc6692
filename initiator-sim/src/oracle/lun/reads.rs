//! Reads: does what comes back belong there?

use super::blocks::{Content, content};
use super::device::Device;
use super::writes::BLOCKS_MAX;

/// A read under way.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) lba: u64,
    /// Bytes of a block that are not whole yet.
    pub(super) partial: Vec<u8>,
    pub(super) next: u32,
    /// Contents that blocks held since it began.
    pub(super) also: Vec<(u64, Content)>,
    /// Blocks that became unknown since it began.
    pub(super) unsure: Vec<u64>,
    /// What it returned that no block could hold, or any content of an unknown block.
    pub(super) wrong: Option<String>,
    pub(super) learnt: Vec<(u64, Content)>,
    pub(super) lost: bool,
}

impl Device {
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
}
