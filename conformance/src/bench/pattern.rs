//! What should be where? Content that tells its place and its generation, so that old, torn and misplaced data all show.

use bytes::Bytes;

/// The words of chunk `chunk` in generation `generation`: never the same at two places or times, except generation 0,
/// which was not written and is not compared.
fn word(chunk: u64, generation: u32, n: u64) -> u64 {
    // An odd multiplier spreads what differs in a few low bits.
    (chunk ^ (u64::from(generation) << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(n)
}

/// The bytes of one chunk.
pub(super) fn fill(chunk: u64, generation: u32, len: usize) -> Bytes {
    let mut out = Vec::with_capacity(len);
    for n in 0..(len as u64).div_ceil(8) {
        out.extend_from_slice(&word(chunk, generation, n).to_le_bytes());
    }
    out.truncate(len);
    out.into()
}

/// The first byte of `data`, which lies `offset` bytes into the chunk, that is not what it should be.
pub(super) fn mismatch(chunk: u64, generation: u32, offset: usize, data: &[u8]) -> Option<usize> {
    data.iter().enumerate().position(|(n, byte)| {
        let at = offset + n;
        word(chunk, generation, at as u64 / 8).to_le_bytes()[at % 8] != *byte
    })
}

/// Numbers that look random, the same every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// A number below `bound`, which is not 0.
    pub(super) const fn below(&mut self, bound: u64) -> u64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_place_and_an_old_generation_show() {
        let data = fill(7, 3, 4096);
        assert_eq!(mismatch(7, 3, 0, &data), None);
        assert_eq!(mismatch(7, 3, 100, &data[100..333]), None);
        assert!(mismatch(7, 2, 0, &data).is_some());
        assert!(mismatch(8, 3, 0, &data).is_some());
        assert!(mismatch(7, 3, 8, &data).is_some());
        let mut torn = data.to_vec();
        torn[4000] ^= 1;
        assert_eq!(mismatch(7, 3, 0, &torn), Some(4000));
    }
}
