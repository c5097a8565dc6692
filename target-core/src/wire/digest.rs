//! What is the digest of these bytes? CRC32C in portable code (RFC 7143 11.2.3 and 13.1).
//!
//! A driver that knows a faster way hands it in as a [`Crc32c`](super::Crc32c); this one is the default and
//! what others are tested against.

use crc::{CRC_32_ISCSI, Crc, Table};

static TABLE: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Length of a digest on the wire.
pub const DIGEST_LEN: usize = 4;

/// Extends `crc`, the checksum of what came before (0 for nothing), over `bytes`.
pub fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    // The crate's register before the final inversion, with the bit reversal that its `digest_with_initial`
    // undoes.
    // rfc7143/13.1-4.
    let mut digest = TABLE.digest_with_initial((!crc).reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

/// The checksum as it lies on the wire: RFC 7143 appendix A.4 shows its bytes with the least significant
/// first.
pub const fn to_wire(crc: u32) -> [u8; DIGEST_LEN] {
    crc.to_le_bytes()
}

/// The checksum from the wire.
pub const fn from_wire(bytes: [u8; DIGEST_LEN]) -> u32 {
    u32::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn counting_up() -> [u8; 32] {
        core::array::from_fn(|i| i as u8)
    }

    #[test]
    fn vectors_of_appendix_a_4() {
        let mut counting_down = counting_up();
        counting_down.reverse();
        let read_10 = [
            0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0, 0, 0, 0,
            0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
        ];
        for (bytes, wire) in [
            (&[0; 32][..], [0xaa, 0x36, 0x91, 0x8a]),
            (&[0xff; 32], [0x43, 0xab, 0xa8, 0x62]),
            (&counting_up(), [0x4e, 0x79, 0xdd, 0x46]),
            (&counting_down, [0x5c, 0xdb, 0x3f, 0x11]),
            (&read_10, [0x56, 0x3a, 0x96, 0xd9]),
        ] {
            assert_eq!(to_wire(crc32c(0, bytes)), wire);
            assert_eq!(from_wire(wire), ::crc32c::crc32c(bytes));
        }
    }

    #[test]
    fn nothing_changes_nothing() {
        assert_eq!(crc32c(0, &[]), 0);
        assert_eq!(crc32c(0x1234_5678, &[]), 0x1234_5678);
    }

    proptest! {
        #[test]
        fn equals_the_other_implementation(crc: u32, bytes: Vec<u8>) {
            prop_assert_eq!(crc32c(crc, &bytes), ::crc32c::crc32c_append(crc, &bytes));
        }

        #[test]
        fn may_be_computed_in_pieces(bytes: Vec<u8>, cut: usize) {
            let (head, tail) = bytes.split_at(cut % (bytes.len() + 1));
            prop_assert_eq!(crc32c(crc32c(0, head), tail), crc32c(0, &bytes));
        }
    }
}
