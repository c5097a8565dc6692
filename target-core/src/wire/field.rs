//! Where is a field in the Basic Header Segment? Places as types, so that none can lie outside it.
//!
//! Bits are numbered as RFC 7143 draws them: bit 0 is the most significant of its byte.
#![expect(clippy::indexing_slicing, reason = "that the place lies in the header is checked at compile time")]

use super::{BHS_LEN, Lun};

/// A place in the header, and what a value there looks like.
pub(super) trait Field {
    /// What is there.
    type Value;

    /// Reads it.
    fn load(bhs: &[u8; BHS_LEN]) -> Self::Value;

    /// Writes it; bits of the value that have no place are dropped.
    fn store(bhs: &mut [u8; BHS_LEN], value: Self::Value);
}

/// One bit.
pub(super) struct Bit<const BYTE: usize, const BIT: u32>;

/// `WIDTH` bits of one byte, the first at `FIRST`.
pub(super) struct Bits<const BYTE: usize, const FIRST: u32, const WIDTH: u32>;

/// `N` bytes as they are.
pub(super) struct Raw<const AT: usize, const N: usize>;

/// A byte.
pub(super) struct U8<const AT: usize>;

/// Two bytes, big-endian.
pub(super) struct U16<const AT: usize>;

/// Three bytes, big-endian.
pub(super) struct U24<const AT: usize>;

/// Four bytes, big-endian.
pub(super) struct U32<const AT: usize>;

// Fields that lie in the same place in several PDUs (RFC 7143 11.2.1 and the drawings of section 11).
pub(super) type Immediate = Bit<0, 1>;
pub(super) type OpcodeBits = Bits<0, 2, 6>;
pub(super) type Final = Bit<1, 0>;
pub(super) type Continue = Bit<1, 1>;
pub(super) type TotalAhsLength = U8<4>;
pub(super) type DataSegmentLength = U24<5>;
pub(super) type LunAt8 = LunField;
pub(super) type Itt = U32<16>;
pub(super) type Ttt = U32<20>;
pub(super) type CmdSn = U32<24>;
pub(super) type ExpStatSn = U32<28>;
pub(super) type StatSn = U32<24>;
pub(super) type ExpCmdSn = U32<28>;
pub(super) type MaxCmdSn = U32<32>;
pub(super) type DataSn = U32<36>;
pub(super) type BufferOffset = U32<40>;

/// The logical unit number, always in bytes 8 to 15.
pub(super) struct LunField;

fn load<const AT: usize, const N: usize>(bhs: &[u8; BHS_LEN]) -> [u8; N] {
    const { assert!(AT + N <= BHS_LEN) };
    let mut value = [0; N];
    value.copy_from_slice(&bhs[AT..AT + N]);
    value
}

fn store<const AT: usize, const N: usize>(bhs: &mut [u8; BHS_LEN], value: [u8; N]) {
    const { assert!(AT + N <= BHS_LEN) };
    bhs[AT..AT + N].copy_from_slice(&value);
}

impl<const BYTE: usize, const BIT: u32> Field for Bit<BYTE, BIT> {
    type Value = bool;

    fn load(bhs: &[u8; BHS_LEN]) -> bool {
        Bits::<BYTE, BIT, 1>::load(bhs) != 0
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: bool) {
        Bits::<BYTE, BIT, 1>::store(bhs, value.into());
    }
}

impl<const BYTE: usize, const FIRST: u32, const WIDTH: u32> Bits<BYTE, FIRST, WIDTH> {
    const SHIFT: u32 = {
        assert!(BYTE < BHS_LEN && WIDTH > 0 && FIRST + WIDTH <= 8);
        8 - FIRST - WIDTH
    };
    const MASK: u8 = (0xff >> (8 - WIDTH)) << Self::SHIFT;
}

impl<const BYTE: usize, const FIRST: u32, const WIDTH: u32> Field for Bits<BYTE, FIRST, WIDTH> {
    type Value = u8;

    fn load(bhs: &[u8; BHS_LEN]) -> u8 {
        (bhs[BYTE] & Self::MASK) >> Self::SHIFT
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: u8) {
        bhs[BYTE] = (bhs[BYTE] & !Self::MASK) | ((value << Self::SHIFT) & Self::MASK);
    }
}

impl<const AT: usize, const N: usize> Field for Raw<AT, N> {
    type Value = [u8; N];

    fn load(bhs: &[u8; BHS_LEN]) -> [u8; N] {
        load::<AT, N>(bhs)
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: [u8; N]) {
        store::<AT, N>(bhs, value);
    }
}

impl<const AT: usize> Field for U8<AT> {
    type Value = u8;

    fn load(bhs: &[u8; BHS_LEN]) -> u8 {
        u8::from_be_bytes(load::<AT, 1>(bhs))
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: u8) {
        store::<AT, 1>(bhs, value.to_be_bytes());
    }
}

impl<const AT: usize> Field for U16<AT> {
    type Value = u16;

    fn load(bhs: &[u8; BHS_LEN]) -> u16 {
        u16::from_be_bytes(load::<AT, 2>(bhs))
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: u16) {
        store::<AT, 2>(bhs, value.to_be_bytes());
    }
}

impl<const AT: usize> Field for U24<AT> {
    type Value = u32;

    fn load(bhs: &[u8; BHS_LEN]) -> u32 {
        let [high, middle, low] = load::<AT, 3>(bhs);
        u32::from_be_bytes([0, high, middle, low])
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: u32) {
        let [_, high, middle, low] = value.to_be_bytes();
        store::<AT, 3>(bhs, [high, middle, low]);
    }
}

impl<const AT: usize> Field for U32<AT> {
    type Value = u32;

    fn load(bhs: &[u8; BHS_LEN]) -> u32 {
        u32::from_be_bytes(load::<AT, 4>(bhs))
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: u32) {
        store::<AT, 4>(bhs, value.to_be_bytes());
    }
}

impl Field for LunField {
    type Value = Lun;

    fn load(bhs: &[u8; BHS_LEN]) -> Lun {
        Lun(u64::from_be_bytes(load::<8, 8>(bhs)))
    }

    fn store(bhs: &mut [u8; BHS_LEN], value: Lun) {
        store::<8, 8>(bhs, value.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_0_is_the_most_significant() {
        let mut bhs = [0; BHS_LEN];
        Bit::<1, 0>::store(&mut bhs, true);
        Bits::<1, 5, 3>::store(&mut bhs, 0b101);
        assert_eq!(bhs[1], 0b1000_0101);
        assert!(Bit::<1, 0>::load(&bhs) && !Bit::<1, 1>::load(&bhs));
        assert_eq!(Bits::<1, 5, 3>::load(&bhs), 5);
    }

    #[test]
    fn a_store_touches_only_its_own_bits() {
        let mut bhs = [0xff; BHS_LEN];
        Bits::<1, 2, 3>::store(&mut bhs, 0b1111_1010);
        assert_eq!(bhs[1], 0b1101_0111);
        Bits::<1, 0, 8>::store(&mut bhs, 7);
        assert_eq!(bhs[1], 7);
        U24::<5>::store(&mut bhs, 0xee01_0203);
        assert_eq!(bhs[4..9], [0xff, 1, 2, 3, 0xff]);
    }
}
