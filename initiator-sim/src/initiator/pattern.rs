//! Which bytes does `pat(seed, len)` stand for? Deterministic content that differs at every offset, so that data at
//! the wrong place is seen.

/// `len` bytes of the pattern with this seed.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    fill(seed, 0, &mut out);
    out
}

/// Fills `out` with the pattern from byte `offset` on: any part equals the same part of the whole.
pub fn fill(seed: u64, offset: u64, out: &mut [u8]) {
    let skip = (offset % 8) as usize;
    let (head, rest) = out.split_at_mut(out.len().min((8 - skip) % 8));
    head.copy_from_slice(&word(seed, offset / 8).to_le_bytes()[skip..skip + head.len()]);
    let first = offset.wrapping_add(head.len() as u64) / 8;
    for (n, chunk) in rest.chunks_mut(8).enumerate() {
        let len = chunk.len();
        chunk.copy_from_slice(&word(seed, first.wrapping_add(n as u64)).to_le_bytes()[..len]);
    }
}

/// The pattern's eight bytes number `index`: SplitMix64's output function over seed and place.
fn word(seed: u64, index: u64) -> u64 {
    let mut z = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_parts_of_the_whole() {
        let whole = pattern(7, 100);
        let mut part = vec![0; 30];
        fill(7, 13, &mut part);
        assert_eq!(part, whole[13..43]);
        assert_ne!(pattern(8, 100), whole);
        // The published first output of SplitMix64 seeded with 0.
        assert_eq!(pattern(0, 8), 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
    }
}
