//! Write data as it comes in, in whatever order, without copying.

use crate::io::SgList;
use alloc::vec::Vec;
use bytes::Bytes;

/// Runs of bytes at distinct offsets, kept sorted.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    // In-order data, the common case, only ever appends.
    runs: Vec<(u32, Bytes)>,
    bytes: usize,
}

impl Pieces {
    /// Bytes held.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a run; false (and nothing added) if it overlaps one that is there.
    pub(crate) fn insert(&mut self, offset: u32, run: Bytes) -> bool {
        let Some(end) = u32::try_from(run.len()).ok().and_then(|len| offset.checked_add(len)) else {
            return false;
        };
        if run.is_empty() {
            return true;
        }
        let index = self.runs.partition_point(|(at, _)| *at < offset);
        let end_of = |(at, run): &(u32, Bytes)| u64::from(*at) + run.len() as u64;
        let clear_before = index
            .checked_sub(1)
            .and_then(|before| self.runs.get(before))
            .is_none_or(|before| end_of(before) <= u64::from(offset));
        let clear_after = self.runs.get(index).is_none_or(|(at, _)| end <= *at);
        if !clear_before || !clear_after {
            return false;
        }
        self.bytes += run.len();
        self.runs.insert(index, (offset, run));
        true
    }

    /// True if the runs have no gap between them and start at offset 0.
    pub(crate) fn is_whole(&self) -> bool {
        self.runs.last().is_none_or(|(offset, run)| *offset as usize + run.len() == self.bytes)
    }

    /// The bytes from offset 0 up to the first gap.
    pub(crate) fn into_list(self) -> SgList {
        let mut list = SgList::new();
        for (offset, run) in self.runs {
            if offset as usize != list.len() {
                break;
            }
            list.push(run);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_sort_themselves_and_never_overlap() {
        let mut pieces = Pieces::default();
        assert!(pieces.insert(4, Bytes::from_static(b"efgh")));
        assert!(!pieces.insert(3, Bytes::from_static(b"xy")));
        assert!(!pieces.insert(7, Bytes::from_static(b"x")));
        assert!(!pieces.insert(4, Bytes::from_static(b"x")));
        assert!(!pieces.insert(u32::MAX, Bytes::from_static(b"xy")));
        assert!(pieces.insert(0, Bytes::from_static(b"abcd")));
        assert_eq!(pieces.bytes(), 8);
        assert_eq!(pieces.into_list().to_bytes(), Bytes::from_static(b"abcdefgh"));
    }

    #[test]
    fn the_list_stops_at_a_gap() {
        let mut pieces = Pieces::default();
        assert!(pieces.insert(0, Bytes::from_static(b"ab")));
        assert!(pieces.insert(3, Bytes::from_static(b"d")));
        assert_eq!(pieces.into_list().to_bytes(), Bytes::from_static(b"ab"));
    }
}
