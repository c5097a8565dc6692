//! How is a read's data cut into Data-In PDUs? (RFC 7143 sections 4.2.5, 11.7)

use crate::io::SgList;

/// The difference between what the initiator expected and what the device moved (RFC 7143 11.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    /// As expected.
    None,
    /// So many bytes more than expected were not moved.
    Overflow(u32),
    /// So many expected bytes did not exist.
    Underflow(u32),
}

impl Residual {
    /// The residual of a transfer of `actual` bytes where `expected` were announced.
    pub fn of(actual: usize, expected: u32) -> Self {
        let actual = u32::try_from(actual).unwrap_or(u32::MAX);
        match actual.checked_sub(expected) {
            Some(0) => Self::None,
            Some(more) => Self::Overflow(more),
            None => Self::Underflow(expected.wrapping_sub(actual)),
        }
    }

    /// The count for the header.
    pub const fn count(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Overflow(count) | Self::Underflow(count) => count,
        }
    }
}

/// One Data-In PDU to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataInSpec {
    /// DataSN.
    pub data_sn: u32,
    /// Buffer Offset in bytes.
    pub buffer_offset: u32,
    /// The data segment.
    pub data: SgList,
    /// Ends a sequence.
    pub final_bit: bool,
    /// Ends the transfer: the status may ride on it.
    pub last: bool,
}

/// The sending side of one read.
#[derive(Clone, Debug)]
pub struct ReadTransfer {
    data: SgList,
    total: u32,
    sent: u32,
    burst_left: u32,
    data_sn: u32,
    max_segment: u32,
    max_burst: u32,
}

impl ReadTransfer {
    /// Sends `data` up to `expected` bytes, in segments of at most `max_segment` and sequences of at most `max_burst`.
    pub fn new(data: SgList, expected: u32, max_segment: u32, max_burst: u32) -> Self {
        let total = u32::try_from(data.len()).unwrap_or(u32::MAX).min(expected);
        let max_burst = max_burst.max(1);
        Self {
            data,
            total,
            sent: 0,
            burst_left: max_burst,
            data_sn: 0,
            max_segment: max_segment.max(1),
            max_burst,
        }
    }

    /// True when every byte was handed out.
    pub const fn is_done(&self) -> bool {
        self.sent == self.total
    }

    /// Data-In PDUs so far: the ExpDataSN of the response.
    pub const fn pdus(&self) -> u32 {
        self.data_sn
    }

    /// Bytes not handed out yet.
    pub const fn remaining(&self) -> u32 {
        self.total - self.sent
    }

    /// The initiator declared another MaxRecvDataSegmentLength.
    pub fn set_max_segment(&mut self, max_segment: u32) {
        self.max_segment = max_segment.max(1);
    }

    /// The longest segment in whole words of four bytes.
    const fn whole_words(&self) -> u32 {
        if self.max_segment < 4 { self.max_segment } else { self.max_segment & !3 }
    }

    /// The next PDU.
    pub fn next_pdu(&mut self) -> Option<DataInSpec> {
        if self.is_done() {
            return None;
        }
        let in_burst = self.remaining().min(self.burst_left);
        // Only the last PDU of a sequence may need padding (rfc7143/11.7.7-2).
        let len = if in_burst > self.max_segment { self.whole_words() } else { in_burst };
        let data = self.data.slice(self.sent as usize, len as usize);
        let (data_sn, buffer_offset) = (self.data_sn, self.sent);
        self.data_sn = self.data_sn.wrapping_add(1);
        self.sent += len;
        self.burst_left -= len;
        let last = self.is_done();
        let final_bit = last || self.burst_left == 0;
        if self.burst_left == 0 {
            self.burst_left = self.max_burst;
        }
        Some(DataInSpec { data_sn, buffer_offset, data, final_bit, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    #[test]
    fn residuals_count_both_ways() {
        assert_eq!(Residual::of(512, 512), Residual::None);
        assert_eq!(Residual::of(1024, 512), Residual::Overflow(512));
        assert_eq!(Residual::of(0, 512), Residual::Underflow(512));
    }

    #[test]
    fn a_burst_ends_with_f_and_the_transfer_with_last() {
        let mut read = ReadTransfer::new(SgList::from(Vec::from([7; 1000])), 1000, 300, 500);
        let cut: Vec<_> = core::iter::from_fn(|| read.next_pdu())
            .map(|pdu| (pdu.data_sn, pdu.buffer_offset, pdu.data.len(), pdu.final_bit, pdu.last))
            .collect();
        assert_eq!(
            cut,
            [
                (0, 0, 300, false, false),
                (1, 300, 200, true, false),
                (2, 500, 300, false, false),
                (3, 800, 200, true, true)
            ]
        );
        assert_eq!(read.pdus(), 4);
    }

    #[test]
    fn only_the_end_of_a_burst_is_padded() {
        let mut read = ReadTransfer::new(SgList::from(Vec::from([7; 3000])), 3000, 1025, 2050);
        let cut: Vec<_> = core::iter::from_fn(|| read.next_pdu())
            .map(|pdu| (pdu.buffer_offset, pdu.data.len(), pdu.final_bit))
            .collect();
        assert_eq!(cut, [(0, 1024, false), (1024, 1024, false), (2048, 2, true), (2050, 950, true)]);
    }

    #[test]
    fn nothing_to_send_is_done_at_once() {
        assert!(ReadTransfer::new(SgList::new(), 512, 8192, 8192).is_done());
        assert!(ReadTransfer::new(SgList::from(Vec::from([1; 8])), 0, 8192, 8192).is_done());
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_whole(len in 0usize..5000, expected in 0u32..5000, segment in 1u32..700, burst in 1u32..1500) {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let mut read = ReadTransfer::new(SgList::from(bytes.clone()), expected, segment, burst);
            let (mut out, mut in_burst, mut sn) = (Vec::new(), 0, 0);
            while let Some(pdu) = read.next_pdu() {
                prop_assert_eq!((pdu.data_sn, pdu.buffer_offset as usize), (sn, out.len()));
                prop_assert!(!pdu.data.is_empty() && pdu.data.len() <= segment as usize);
                in_burst += pdu.data.len();
                prop_assert!(in_burst <= burst as usize);
                if pdu.final_bit { in_burst = 0; }
                out.extend_from_slice(&pdu.data.to_bytes());
                prop_assert_eq!(pdu.last, read.is_done());
                prop_assert!(!pdu.last || pdu.final_bit);
                sn += 1;
            }
            prop_assert_eq!(&out[..], &bytes[..len.min(expected as usize)]);
        }
    }
}
