//! Where do two runs of bytes differ, however each is cut into pieces?

use crate::io::SgList;

/// Offset of the first byte that differs; the end of the shorter one if it is a beginning of the other.
pub(super) fn first_difference(one: &SgList, other: &SgList) -> Option<usize> {
    let (mut ones, mut others) = (one.pieces(), other.pieces());
    let (mut left, mut right): (&[u8], &[u8]) = (&[], &[]);
    let mut offset = 0_usize;
    loop {
        if left.is_empty() {
            left = ones.next().map(AsRef::as_ref).unwrap_or_default();
        }
        if right.is_empty() {
            right = others.next().map(AsRef::as_ref).unwrap_or_default();
        }
        let common = left.len().min(right.len());
        if common == 0 {
            return (left.len() != right.len()).then_some(offset);
        }
        let ((left_now, left_rest), (right_now, right_rest)) =
            (left.split_at(common), right.split_at(common));
        if left_now != right_now {
            let within = left_now.iter().zip(right_now).position(|(a, b)| a != b).unwrap_or(0);
            return Some(offset.saturating_add(within));
        }
        offset = offset.saturating_add(common);
        (left, right) = (left_rest, right_rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::vec::Vec;

    fn cut(bytes: &[u8], at: usize) -> SgList {
        let mut list = SgList::from(Bytes::copy_from_slice(&bytes[..at]));
        list.push(Bytes::copy_from_slice(&bytes[at..]));
        list
    }

    #[test]
    fn finds_the_first_difference_for_every_cut() {
        let data: Vec<u8> = (0..16).collect();
        for (one, other) in (0..=16).flat_map(|one| (0..=16).map(move |other| (one, other))) {
            assert_eq!(first_difference(&cut(&data, one), &cut(&data, other)), None);
            for at in 0..16 {
                let mut changed = data.clone();
                changed[at] ^= 0x80;
                assert_eq!(first_difference(&cut(&data, one), &cut(&changed, other)), Some(at));
            }
        }
        assert_eq!(first_difference(&cut(&data, 3), &cut(&data[..9], 3)), Some(9));
        assert_eq!(first_difference(&SgList::new(), &SgList::new()), None);
    }
}
