//! Which of two sequence numbers is earlier? Serial number arithmetic (RFC 1982, 32 bits; RFC 7143 4.2.2.1).
//!
//! Two numbers exactly 2^31 apart have no order: neither is less than the other.

/// `a` comes before `b`.
pub const fn lt(a: u32, b: u32) -> bool {
    distance(a, b) > 0
}

/// `a` comes before `b` or is the same.
pub const fn le(a: u32, b: u32) -> bool {
    a == b || lt(a, b)
}

/// The number `n` steps after `a`; RFC 1982 defines it for `n` below 2^31.
pub const fn add(a: u32, n: u32) -> u32 {
    a.wrapping_add(n)
}

/// The number after `a`.
pub const fn next(a: u32) -> u32 {
    add(a, 1)
}

/// How many steps lead from `a` to `b`; negative if `b` comes first, `i32::MIN` if they have no order.
pub const fn distance(a: u32, b: u32) -> i32 {
    // rfc7143/4.2.2.1-10.
    b.wrapping_sub(a).cast_signed()
}

/// The later of the two; `a` if they have no order.
pub const fn max(a: u32, b: u32) -> u32 {
    if lt(a, b) { b } else { a }
}

/// `first <= x <= last`; the range is empty if `last` comes before `first`.
pub const fn within(x: u32, first: u32, last: u32) -> bool {
    le(first, x) && le(x, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HALF: u32 = 1 << 31;

    #[test]
    fn order_goes_around() {
        for (a, b) in
            [(0, 1), (0, HALF - 1), (u32::MAX, 0), (u32::MAX, HALF - 2), (HALF, u32::MAX), (HALF + 1, 0)]
        {
            assert!(lt(a, b) && !lt(b, a) && le(a, b) && !le(b, a), "{a} {b}");
            assert_eq!((max(a, b), max(b, a)), (b, b));
        }
    }

    #[test]
    fn half_a_circle_apart_has_no_order() {
        for a in [0, 1, HALF - 1, HALF, u32::MAX] {
            let b = add(a, HALF);
            assert!(!lt(a, b) && !lt(b, a) && !le(a, b) && !le(b, a));
            assert_eq!(distance(a, b), i32::MIN);
            assert_eq!(max(a, b), a);
        }
    }

    #[test]
    fn a_window_may_cross_zero() {
        assert!(within(u32::MAX, u32::MAX - 1, 2) && within(2, u32::MAX - 1, 2));
        assert!(!within(3, u32::MAX - 1, 2) && !within(u32::MAX - 2, u32::MAX - 1, 2));
        assert!(!within(5, 5, 4), "an empty window holds nothing");
    }

    proptest! {
        #[test]
        fn adding_moves_forward(a: u32, n in 1..HALF) {
            prop_assert!(lt(a, add(a, n)));
            prop_assert_eq!(distance(a, add(a, n)), i32::try_from(n).unwrap());
        }

        #[test]
        fn exactly_one_order_unless_half_apart(a: u32, b: u32) {
            let orders = [lt(a, b), lt(b, a), a == b].into_iter().filter(|holds| *holds).count();
            prop_assert_eq!(orders, usize::from(a.wrapping_sub(b) != HALF));
        }
    }
}
