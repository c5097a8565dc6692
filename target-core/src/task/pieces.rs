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
        // rfc7143/11.7.7-1.
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

    /// Adds what of a run is not there yet. Returns how many bytes that was.
    pub(crate) fn fill(&mut self, offset: u32, run: &Bytes) -> u32 {
        let len = u32::try_from(run.len()).unwrap_or(u32::MAX);
        let mut added = 0;
        for (at, len) in self.gaps(offset, len) {
            let from = (at - offset) as usize;
            if self.insert(at, run.slice(from..from + len as usize)) {
                added += len;
            }
        }
        added
    }

    /// Takes out the runs that lie within `len` bytes from `offset`.
    pub(crate) fn remove(&mut self, offset: u32, len: u32) {
        let end = u64::from(offset) + u64::from(len);
        let bytes = &mut self.bytes;
        self.runs.retain(|(at, run)| {
            let within = *at >= offset && u64::from(*at) + run.len() as u64 <= end;
            if within {
                *bytes -= run.len();
            }
            !within
        });
    }

    /// What of `len` bytes from `offset` is missing, as (offset, length).
    pub(crate) fn gaps(&self, offset: u32, len: u32) -> Vec<(u32, u32)> {
        let end = offset.saturating_add(len);
        let mut at = offset;
        let mut gaps = Vec::new();
        for (from, run) in &self.runs {
            let to = from.saturating_add(u32::try_from(run.len()).unwrap_or(u32::MAX));
            if to <= at {
                continue;
            }
            if *from >= end {
                break;
            }
            if *from > at {
                gaps.push((at, from - at));
            }
            at = to;
        }
        if at < end {
            gaps.push((at, end - at));
        }
        gaps
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
    fn a_gap_is_filled_with_what_is_missing() {
        let mut pieces = Pieces::default();
        assert!(pieces.insert(2, Bytes::from_static(b"cd")) && pieces.insert(6, Bytes::from_static(b"gh")));
        assert_eq!(pieces.gaps(0, 10), [(0, 2), (4, 2), (8, 2)]);
        assert_eq!((pieces.gaps(3, 4), pieces.gaps(2, 2)), (Vec::from([(4, 2)]), Vec::new()));
        assert_eq!(pieces.fill(0, &Bytes::from_static(b"abXXefX")), 4);
        assert_eq!(pieces.fill(8, &Bytes::from_static(b"ij")), 2);
        assert_eq!(pieces.into_list().to_bytes(), Bytes::from_static(b"abcdefghij"));
    }

    #[test]
    fn the_list_stops_at_a_gap() {
        let mut pieces = Pieces::default();
        assert!(pieces.insert(0, Bytes::from_static(b"ab")));
        assert!(pieces.insert(3, Bytes::from_static(b"d")));
        assert_eq!(pieces.into_list().to_bytes(), Bytes::from_static(b"ab"));
    }
}
