//! Which blocks take space? (SBC-3 4.7)

use super::SgList;
use alloc::vec::Vec;

/// How a block is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Provisioned {
    /// It has its place, and holds what was written.
    Mapped = 0,
    /// It takes no space, and reads as zeros.
    Deallocated = 1,
    /// Space is kept for it; it reads as zeros.
    Anchored = 2,
}

/// Blocks that are provisioned alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First block.
    pub lba: u64,
    /// How many, at least 1.
    pub blocks: u32,
    /// How.
    pub state: Provisioned,
}

/// Length of a run laid out.
const RUN_LEN: usize = 16;

/// Runs of blocks without a gap, gathered by storage for [`IoOp::Status`](super::IoOp::Status).
///
/// They travel laid out as LBA status descriptors (SBC-3 5.4.2.2).
#[derive(Clone, Debug)]
pub struct Runs {
    next: u64,
    max: usize,
    runs: Vec<Run>,
}

impl Runs {
    /// None yet; the first begins at `lba`, and there will be at most `max`.
    pub fn new(lba: u64, max: u32) -> Self {
        Self { next: lba, max: usize::try_from(max.max(1)).unwrap_or(usize::MAX), runs: Vec::new() }
    }

    /// The next `blocks` blocks are in this state. False once there is no room for what was given: ask no further.
    pub fn add(&mut self, mut blocks: u64, state: Provisioned) -> bool {
        while blocks > 0 {
            let full = self.runs.len() >= self.max;
            let room = match self.runs.last_mut() {
                Some(last) if last.state == state && last.blocks < u32::MAX => Some(last),
                _ => None,
            };
            let before = room.as_ref().map_or(0, |run| run.blocks);
            let take = u32::try_from(blocks).unwrap_or(u32::MAX).min(u32::MAX.saturating_sub(before));
            match room {
                Some(run) => run.blocks = before.saturating_add(take),
                None if !full => {
                    self.runs.push(Run { lba: self.next, blocks: take, state });
                }
                None => return false,
            }
            self.next = self.next.saturating_add(u64::from(take));
            blocks = blocks.saturating_sub(u64::from(take));
        }
        true
    }

    /// What storage answers.
    pub fn finish(self) -> SgList {
        let mut out = Vec::with_capacity(self.runs.len().saturating_mul(RUN_LEN));
        for run in &self.runs {
            run.emit(&mut out);
        }
        out.into()
    }

    /// The runs in what storage answered; what makes no sense is left out.
    pub fn read(list: &SgList) -> Vec<Run> {
        let bytes = list.to_bytes();
        bytes.chunks_exact(RUN_LEN).filter_map(Run::parse).collect()
    }
}

impl Run {
    /// Adds it, laid out as an LBA status descriptor.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend(self.lba.to_be_bytes());
        out.extend(self.blocks.to_be_bytes());
        out.extend([self.state as u8, 0, 0, 0]);
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (lba, rest) = bytes.split_first_chunk()?;
        let (blocks, rest) = rest.split_first_chunk()?;
        let state = match rest.first()? {
            0 => Provisioned::Mapped,
            1 => Provisioned::Deallocated,
            2 => Provisioned::Anchored,
            _ => return None,
        };
        Some(Self { lba: u64::from_be_bytes(*lba), blocks: u32::from_be_bytes(*blocks), state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    #[test]
    fn equal_neighbours_are_one_run() {
        let mut runs = Runs::new(5, 3);
        for (blocks, state) in [
            (2, Provisioned::Mapped),
            (0, Provisioned::Anchored),
            (1, Provisioned::Mapped),
            (9, Provisioned::Deallocated),
            (u64::from(u32::MAX), Provisioned::Anchored),
        ] {
            assert!(runs.add(blocks, state));
        }
        assert!(!runs.add(1, Provisioned::Anchored), "no room for a fourth");
        let run = |lba, blocks, state| Run { lba, blocks, state };
        assert_eq!(
            Runs::read(&runs.finish()),
            vec![
                run(5, 3, Provisioned::Mapped),
                run(8, 9, Provisioned::Deallocated),
                run(17, u32::MAX, Provisioned::Anchored),
            ]
        );
        assert_eq!(Runs::read(&SgList::from(vec![3; 40])), vec![]);
    }
}
