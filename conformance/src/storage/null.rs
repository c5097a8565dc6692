//! A disk that is not there: reads zeros, forgets what is written. For measuring everything but storage.

use bytes::Bytes;
use target_core::io::{IoError, IoOp, Provisioned, Runs, SgList};

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// Nothing, of a certain size.
#[derive(Debug)]
pub struct NullDevice {
    blocks: u64,
    block_size: u32,
}

impl NullDevice {
    pub(crate) const fn new(bytes: u64, block_size: u32) -> Self {
        Self { blocks: bytes / block_size as u64, block_size }
    }

    /// Size in logical blocks.
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Does one operation at once.
    pub fn run(&self, op: &IoOp) -> Result<SgList, IoError> {
        if let IoOp::Status { lba, runs } = op {
            let mut list = Runs::new(*lba, *runs);
            list.add(self.blocks.saturating_sub(*lba), Provisioned::Deallocated);
            return Ok(list.finish());
        }
        if let IoOp::Keep { .. } = op {
            // It does not offer to.
            return Err(IoError::Hardware);
        }
        let mut out = SgList::new();
        if let IoOp::Read { blocks, .. } = op {
            let mut left = *blocks as usize * self.block_size as usize;
            while left > 0 {
                let take = left.min(ZEROS.len());
                out.push(Bytes::from_static(&ZEROS[..take]));
                left -= take;
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_zeros_of_the_right_length() {
        let device = NullDevice::new(1 << 30, 512);
        assert_eq!(device.blocks(), 1 << 21);
        let read = device.run(&IoOp::Read { lba: 0, blocks: 300 }).expect("a read");
        assert_eq!((read.len(), read.pieces().count()), (300 * 512, 3));
        let write = IoOp::Write { lba: 0, data: vec![1; 512].into(), fua: true };
        assert_eq!(device.run(&write), Ok(SgList::new()));
    }
}
