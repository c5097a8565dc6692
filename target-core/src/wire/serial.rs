//! Which of two sequence numbers is earlier? Serial number arithmetic on 32 bits (RFC 1982, RFC 7143 4.2.2.1).

/// True if `a` comes before `b`. Two numbers exactly 2^31 apart have no order: then neither is before the other.
pub const fn lt(a: u32, b: u32) -> bool {
    let ahead = b.wrapping_sub(a);
    ahead != 0 && ahead < 1 << 31
}

/// True if `a` is `b` or comes before it.
pub const fn le(a: u32, b: u32) -> bool {
    a == b || lt(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_goes_through_the_wrap() {
        assert!(lt(0xffff_ffff, 0) && !lt(0, 0xffff_ffff));
        assert!(lt(0, 0x7fff_ffff) && !lt(0, 0x8000_0000) && !lt(0x8000_0000, 0));
        assert!(le(5, 5) && !lt(5, 5));
    }
}
