//! Which of two sequence numbers comes first? Serial arithmetic of 32 bits (RFC 1982), the only way to compare
//! any SN (RFC 7143 4.2.2.1).

/// `a` comes before `b`. Numbers exactly 2^31 apart are not ordered: neither comes before the other.
pub fn lt(a: u32, b: u32) -> bool {
    (1..1 << 31).contains(&b.wrapping_sub(a))
}

/// `a` is `b` or comes before it.
pub fn le(a: u32, b: u32) -> bool {
    a == b || lt(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_wraps() {
        for (a, b, before) in [
            (0, 1, true),
            (1, 0, false),
            (7, 7, false),
            (u32::MAX, 0, true),
            (0xffff_fff0, 0x10, true),
            (0x10, 0xffff_fff0, false),
            (0, 0x7fff_ffff, true),
            (0, 0x8000_0000, false),
            (0x8000_0000, 0, false),
        ] {
            assert_eq!(lt(a, b), before, "{a:#x} {b:#x}");
            assert_eq!(le(a, b), before || a == b);
        }
    }
}
