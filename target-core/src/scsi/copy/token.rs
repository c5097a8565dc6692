//! Representations of data: ROD tokens (SPC-4 5.17.6; SBC-3 4.28)
//!
//! A token stands for blocks of a unit as they are when it is used (access upon reference). It is known to the target that
//! made it and to nobody else, and it is forgotten when nobody uses it for its inactivity timeout.

use crate::scsi::unit::UnitKey;
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;
use sha2::{Digest, Sha256};

/// ROD TYPE: access upon reference; zeros of a block device.
pub(super) const ON_REFERENCE: u32 = 0x0001_0000;
pub(super) const ZEROS: u32 = 0xffff_0001;
/// Length of every token, and of what follows its header (ROD TOKEN LENGTH).
pub(super) const LEN: usize = 512;
const LEN_AFTER_HEADER: u16 = 504;
/// Tokens that are kept; the one that was unused for longest goes first.
const TOKENS_MAX: usize = 64;

/// Blocks of a unit.
pub(super) type Ranges = Vec<(u64, u32)>;

/// What a token stands for.
#[derive(Clone, Debug)]
pub(super) struct Rod {
    pub(super) unit: UnitKey,
    pub(super) ranges: Ranges,
    timeout: Duration,
    used: Instant,
    bytes: Vec<u8>,
}

/// The tokens of a target, in the order of their last use.
#[derive(Clone, Debug, Default)]
pub(in crate::scsi) struct Tokens {
    rods: VecDeque<Rod>,
    made: u64,
}

impl Tokens {
    /// Makes a token; gives it.
    pub(super) fn make(
        &mut self,
        name: &str,
        unit: UnitKey,
        ranges: Ranges,
        timeout: Duration,
        now: Instant,
    ) -> Vec<u8> {
        self.expire(now);
        self.made = self.made.wrapping_add(1);
        let mut hash = Sha256::new();
        hash.update(name.as_bytes());
        hash.update(self.made.to_be_bytes());
        let blocks: u64 = ranges.iter().map(|(_, blocks)| u64::from(*blocks)).fold(0, u64::saturating_add);
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend(ON_REFERENCE.to_be_bytes());
        bytes.extend([0, 0]);
        bytes.extend(LEN_AFTER_HEADER.to_be_bytes());
        bytes.extend(self.made.to_be_bytes());
        bytes.extend(hash.finalize());
        bytes.resize(56, 0);
        bytes.extend(blocks.to_be_bytes());
        bytes.resize(LEN, 0);
        if self.rods.len() >= TOKENS_MAX {
            self.rods.pop_front();
        }
        self.rods.push_back(Rod { unit, ranges, timeout, used: now, bytes: bytes.clone() });
        bytes
    }

    /// What a token stands for, if it is known; that counts as a use of it.
    pub(super) fn find(&mut self, token: &[u8], now: Instant) -> Option<Rod> {
        self.expire(now);
        let at = self.rods.iter().position(|rod| rod.bytes == token)?;
        let mut rod = self.rods.remove(at)?;
        rod.used = now;
        self.rods.push_back(rod.clone());
        Some(rod)
    }

    /// DEL_TKN.
    pub(super) fn delete(&mut self, token: &[u8]) {
        self.rods.retain(|rod| rod.bytes != token);
    }

    fn expire(&mut self, now: Instant) {
        self.rods.retain(|rod| now.since(rod.used) < rod.timeout || planted!(TokenForever));
    }
}
