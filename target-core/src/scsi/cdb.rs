//! How are fields read out of a command descriptor block? (SPC-4 4.2)

use super::outcome::Failure;
use super::sense::Sense;

/// The opcode of all commands of more than 16 bytes (SPC-4 4.2.3).
pub(super) const VARIABLE_LENGTH: u8 = 0x7f;

/// A CDB. Reading beyond its end gives zeros; [`table`](super::table) has checked its length before any handler sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cdb<'a>(pub(super) &'a [u8]);

impl Cdb<'_> {
    /// Byte `at`.
    pub(super) fn byte(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// Whether `bit` of byte `at` is set.
    pub(super) fn bit(self, at: usize, bit: u8) -> bool {
        self.byte(at).checked_shr(u32::from(bit)).is_some_and(|byte| byte & 1 == 1)
    }

    fn array<const N: usize>(self, at: usize) -> [u8; N] {
        self.0.get(at..).and_then(|tail| tail.first_chunk()).copied().unwrap_or([0; N])
    }

    /// Two bytes at `at`.
    pub(super) fn be16(self, at: usize) -> u16 {
        u16::from_be_bytes(self.array(at))
    }

    /// Four bytes at `at`.
    pub(super) fn be32(self, at: usize) -> u32 {
        u32::from_be_bytes(self.array(at))
    }

    /// Eight bytes at `at`.
    pub(super) fn be64(self, at: usize) -> u64 {
        u64::from_be_bytes(self.array(at))
    }

    /// INVALID FIELD IN CDB at `byte`, from `bit` downwards.
    pub(super) const fn reject(byte: u16, bit: Option<u8>) -> Failure {
        Failure::Check(Sense::cdb_field(byte, bit))
    }

    /// Whether `bit` is set in the byte of the flags (FUA, BYTCHK and the like): byte 1, or byte 10 of the 32-byte form.
    pub(super) fn flag(self, bit: u8) -> bool {
        self.bit(usize::from(self.flags_at()), bit)
    }

    /// Where the byte of the flags is.
    pub(super) fn flags_at(self) -> u16 {
        if self.byte(0) == VARIABLE_LENGTH { 10 } else { 1 }
    }

    /// The same fields where WRITE ATOMIC(16) has them.
    pub(super) fn atomic_span(self) -> Span {
        Span { lba: self.be64(2), blocks: u32::from(self.be16(12)), length_at: 12 }
    }

    /// LOGICAL BLOCK ADDRESS and TRANSFER LENGTH where the block commands of 6, 10, 12, 16 and 32 bytes have them
    /// (SBC-3 5.2; the group code in the opcode tells which).
    pub(super) fn span(self) -> Span {
        match self.byte(0) >> 5 {
            0 => Span {
                lba: u64::from(self.be32(0) & 0x001f_ffff),
                // Zero stands for 256 in the short form only.
                blocks: match self.byte(4) {
                    0 => 256,
                    blocks => u32::from(blocks),
                },
                length_at: 4,
            },
            3 => Span { lba: self.be64(12), blocks: self.be32(28), length_at: 28 },
            5 => Span { lba: u64::from(self.be32(2)), blocks: self.be32(6), length_at: 6 },
            4 => Span { lba: self.be64(2), blocks: self.be32(10), length_at: 10 },
            _ => Span { lba: u64::from(self.be32(2)), blocks: u32::from(self.be16(7)), length_at: 7 },
        }
    }
}

/// Blocks as a CDB names them, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// First block.
    pub(super) lba: u64,
    /// How many.
    pub(super) blocks: u32,
    /// Where in the CDB the number stands.
    pub(super) length_at: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_the_four_forms() {
        let cases: [(&[u8], u64, u32, u16); 5] = [
            (&[0x08, 0x1f, 0xff, 0xfe, 0, 0], 0x1f_fffe, 256, 4),
            (&[0x0a, 0, 0, 1, 7, 0], 1, 7, 4),
            (&[0x28, 0, 0x80, 0, 0, 1, 0, 1, 2, 0], 0x8000_0001, 0x102, 7),
            (&[0xa8, 0, 0, 0, 0, 1, 0, 1, 2, 3, 0, 0], 1, 0x1_0203, 6),
            (&[0x88, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0], (1 << 56) | 2, 256, 10),
        ];
        for (cdb, lba, blocks, length_at) in cases {
            assert_eq!(Cdb(cdb).span(), Span { lba, blocks, length_at });
        }
    }

    #[test]
    fn nothing_is_read_beyond_the_end() {
        let cdb = Cdb(&[0xff, 0xff]);
        assert_eq!((cdb.byte(2), cdb.be16(1), cdb.be64(0), cdb.bit(1, 8)), (0, 0, 0, false));
    }
}
