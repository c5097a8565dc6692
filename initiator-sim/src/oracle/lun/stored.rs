//! Is what lies on a disk possible? Asked when all is quiet: it needs no initiator to read, so it sees every block.

use super::LunModel;
use super::blocks::{Content, content};
use super::device::Device;
use crate::disk::{Disk, Run};
use crate::oracle::{Oracles, Sink};
use std::ops::Range;

impl Oracles {
    /// Nothing is under way, and this is what lies on a disk now.
    pub fn stored(&mut self, number: u32, disk: &Disk) {
        self.sink.conn = u32::MAX;
        self.lun.stored(number, disk, &mut self.sink);
    }

    /// The blocks of a disk that commands have to do with, in order.
    pub fn used_blocks(&self, number: u32) -> impl Iterator<Item = u64> {
        self.lun.devices.get(&number).into_iter().flat_map(|device| device.blocks.keys().copied())
    }
}

impl LunModel {
    fn stored(&self, number: u32, disk: &Disk, sink: &mut Sink) {
        let Some(device) = self.devices.get(&number) else { return };
        let mut wrong = None;
        disk.runs(0..disk.config().blocks, &mut |at, run| {
            wrong = wrong.or_else(|| match run {
                Run::Data(bytes) => device.first_impossible(at, &bytes),
                Run::Zeros(blocks) => device.first_lost(at..at + blocks),
            });
        });
        if let Some(lba) = wrong {
            let text = format!("disk {number}: what lies in block {lba} cannot be there");
            sink.add("content", "sbc3/4.4", text);
        }
    }
}

impl Device {
    /// The first block of these bytes, which begin at block `at`, that cannot hold what it does.
    pub(super) fn first_impossible(&self, at: u64, bytes: &[u8]) -> Option<u64> {
        let blocks = bytes.chunks_exact(self.block_size as usize).zip(at..);
        blocks
            .map(|(block, lba)| (lba, content(block)))
            .find(|(lba, got)| !self.may_hold(*lba, *got))
            .map(|(lba, _)| lba)
    }

    /// The first of these blocks that cannot hold zeros.
    pub(super) fn first_lost(&self, blocks: Range<u64>) -> Option<u64> {
        self.blocks.range(blocks).map(|(lba, _)| *lba).find(|lba| !self.may_hold(*lba, self.zero))
    }

    fn may_hold(&self, lba: u64, got: Content) -> bool {
        let known = |block: &super::blocks::Block| block.any || block.tainted || block.now.contains(&got);
        self.blocks.get(&lba).map_or(self.forgotten || got == self.zero, known)
            || !self.unknown.is_empty()
            // Whoever still writes here may have come half the way.
            || self.writing.values().any(|write| write.covers(lba))
    }
}
