//! How is a read's data cut into Data-In PDUs? (RFC 7143 sections 4.2.5, 11.7)

use crate::io::SgList;
use alloc::collections::VecDeque;

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
        // rfc7143/11.4.5.1-1, rfc7143/11.4.5.2-1, rfc7143/11.4.5.2-2, rfc7143/11.4.5.2-3, rfc7143/11.4.5.2-4.
        match actual.checked_sub(expected) {
            Some(0) => Self::None,
            Some(more) if planted!(ResidualSide) => Self::Underflow(more),
            Some(more) => Self::Overflow(more),
            None => Self::Underflow(expected.wrapping_sub(actual)),
        }
    }

    /// The count for the header.
    pub const fn count(self) -> u32 {
        match self {
            // rfc7143/11.4.5.1-2.
            Self::None => 0,
            Self::Overflow(count) | Self::Underflow(count) => count,
        }
    }
}

/// One Data-In PDU to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataInSpec {
    /// Buffer Offset in bytes.
    pub buffer_offset: u32,
    /// The data segment.
    pub data: SgList,
    /// Ends a sequence.
    pub final_bit: bool,
    /// Ends the transfer: the status may ride on it.
    pub last: bool,
}

/// What the negotiated parameters say about read data.
#[derive(Clone, Copy, Debug)]
pub struct ReadRules {
    /// Longest data segment the initiator takes, in bytes.
    pub max_segment: u32,
    /// MaxBurstLength in bytes.
    pub max_burst: u32,
    /// DataPDUInOrder: otherwise the second half of each sequence goes first.
    pub pdu_in_order: bool,
    /// DataSequenceInOrder: otherwise the last sequence goes first.
    pub sequence_in_order: bool,
}

/// A run of bytes that goes out in ascending order.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    offset: u32,
    len: u32,
    /// A sequence ends with it.
    ends: bool,
}

/// The sending side of one read.
#[derive(Clone, Debug)]
pub struct ReadTransfer {
    data: SgList,
    /// Bytes before this are acknowledged and given back.
    released: u32,
    total: u32,
    /// Bytes not handed out.
    left: u32,
    /// Sequences begun.
    begun: u32,
    span: Span,
    /// What goes out after `span`, before another sequence begins. Empty with everything in order, so it allocates nothing.
    spans: VecDeque<Span>,
    rules: ReadRules,
}

impl ReadTransfer {
    /// Sends `data` up to `expected` bytes.
    pub fn new(data: SgList, expected: u32, rules: ReadRules) -> Self {
        let total = u32::try_from(data.len()).unwrap_or(u32::MAX).min(expected);
        let rules =
            ReadRules { max_segment: rules.max_segment.max(1), max_burst: rules.max_burst.max(1), ..rules };
        Self {
            data,
            released: 0,
            total,
            left: total,
            begun: 0,
            span: Span::default(),
            spans: VecDeque::new(),
            rules,
        }
    }

    /// True when every byte was handed out.
    pub const fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Bytes handed out, those sent again counting once.
    pub const fn sent(&self) -> u32 {
        self.total - self.left
    }

    /// Bytes not handed out yet.
    pub const fn remaining(&self) -> u32 {
        self.left
    }

    /// The initiator declared another MaxRecvDataSegmentLength.
    pub fn set_max_segment(&mut self, max_segment: u32) {
        self.rules.max_segment = max_segment.max(1);
    }

    /// The longest segment in whole words of four bytes.
    const fn whole_words(&self) -> u32 {
        let max_segment = self.rules.max_segment;
        if max_segment < 4 { max_segment } else { max_segment & !3 }
    }

    /// The next PDU.
    pub fn next_pdu(&mut self) -> Option<DataInSpec> {
        if self.is_done() {
            return None;
        }
        while self.span.len == 0 {
            self.span = match self.spans.pop_front() {
                Some(span) => span,
                None => self.begin_sequence()?,
            };
        }
        // Only the last PDU of a sequence may need padding (rfc7143/11.7.7-2).
        let over = if planted!(DataInOverMax) { 512 } else { 0 };
        let whole = self.span.len <= self.rules.max_segment.saturating_add(over);
        let (buffer_offset, len) = (self.span.offset, if whole { self.span.len } else { self.whole_words() });
        self.span.offset += len;
        self.span.len -= len;
        self.left = self.left.saturating_sub(len);
        let last = self.is_done();
        let final_bit = last || (self.span.len == 0 && self.span.ends && !planted!(BurstWithoutFinal));
        Some(DataInSpec { buffer_offset, data: self.bytes(buffer_offset, len), final_bit, last })
    }

    /// Some of the bytes, to be sent again.
    pub fn bytes(&self, offset: u32, len: u32) -> SgList {
        self.data.slice(offset.saturating_sub(self.released) as usize, len as usize)
    }

    /// These pieces (offset, length, ends its sequence), in the order in which they were sent, go out once more before
    /// anything else, cut anew.
    pub fn send_again(&mut self, pieces: impl Iterator<Item = (u32, u32, bool)>) {
        let mut again: VecDeque<Span> = VecDeque::new();
        for (offset, len, ends) in pieces {
            self.left = self.left.saturating_add(len);
            match again.back_mut() {
                Some(span) if !span.ends && span.offset + span.len == offset => {
                    span.len += len;
                    span.ends = ends;
                }
                _ => again.push_back(Span { offset, len, ends }),
            }
        }
        let span = core::mem::take(&mut self.span);
        again.push_back(span);
        again.append(&mut self.spans);
        self.spans = again;
    }

    /// The initiator has everything before `offset` and will not ask for it again. Returns the bytes given back.
    pub fn release(&mut self, offset: u32) -> u32 {
        // Out of order, something before may be on its way still.
        let offset = offset.saturating_add(if planted!(ReleasedTooMuch) { 512 } else { 0 });
        let more = offset.min(self.total).saturating_sub(self.released);
        if more == 0 || !(self.rules.pdu_in_order && self.rules.sequence_in_order) {
            return 0;
        }
        let rest = self.data.len().saturating_sub(more as usize);
        self.data = self.data.slice(more as usize, rest);
        self.released += more;
        more
    }

    /// The next sequence, as the order that was agreed on allows.
    fn begin_sequence(&mut self) -> Option<Span> {
        let ReadRules { max_burst, pdu_in_order, sequence_in_order, .. } = self.rules;
        let count = self.total.div_ceil(max_burst);
        let index =
            // rfc7143/13.19-1.
            if sequence_in_order { self.begun } else { count.checked_sub(1)?.checked_sub(self.begun)? };
        self.begun += 1;
        let offset = index.checked_mul(max_burst).filter(|offset| *offset < self.total)?;
        let len = (self.total - offset).min(max_burst);
        let whole = Span { offset, len, ends: true };
        // A PDU that does not end its sequence is filled to whole words (rfc7143/11.7.7-2): what is over goes last.
        let (half, over) = ((len / 2) & !3, len % 4);
        if pdu_in_order || half == 0 {
            return Some(whole);
        }
        self.spans.push_back(Span { offset, len: half, ends: over == 0 });
        if over > 0 {
            self.spans.push_back(Span { offset: offset + len - over, len: over, ends: true });
        }
        Some(Span { offset: offset + half, len: len - half - over, ends: false })
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

    fn rules(max_segment: u32, max_burst: u32) -> ReadRules {
        ReadRules { max_segment, max_burst, pdu_in_order: true, sequence_in_order: true }
    }

    fn cut(read: &mut ReadTransfer) -> Vec<(u32, usize, bool, bool)> {
        core::iter::from_fn(|| read.next_pdu())
            .map(|pdu| (pdu.buffer_offset, pdu.data.len(), pdu.final_bit, pdu.last))
            .collect()
    }

    #[test]
    fn a_burst_ends_with_f_and_the_transfer_with_last() {
        let mut read = ReadTransfer::new(SgList::from(Vec::from([7; 1000])), 1000, rules(300, 500));
        assert_eq!(
            cut(&mut read),
            [
                (0, 300, false, false),
                (300, 200, true, false),
                (500, 300, false, false),
                (800, 200, true, true)
            ]
        );
    }

    #[test]
    fn where_order_is_free_the_last_goes_first() {
        let free = ReadRules { pdu_in_order: false, sequence_in_order: false, ..rules(300, 500) };
        let mut read = ReadTransfer::new(SgList::from(Vec::from([7; 902])), 902, free);
        assert_eq!(
            cut(&mut read),
            [
                (700, 200, false, false),
                (500, 200, false, false),
                (900, 2, true, false),
                (248, 252, false, false),
                (0, 248, true, true)
            ]
        );
    }

    #[test]
    fn what_was_lost_goes_again_in_other_pieces() {
        let mut read = ReadTransfer::new(SgList::from(Vec::from([7; 1000])), 1000, rules(300, 500));
        for _ in 0..3 {
            read.next_pdu();
        }
        read.send_again([(300, 200, true), (500, 300, false)].into_iter());
        assert_eq!((read.release(300), read.release(300), read.remaining()), (300, 0, 700));
        read.set_max_segment(400);
        let again = [(300, 200, true, false), (500, 300, false, false), (800, 200, true, true)];
        assert_eq!(cut(&mut read), again);
        assert_eq!(read.bytes(990, 100).len(), 10);
    }

    #[test]
    fn only_the_end_of_a_burst_is_padded() {
        let mut read = ReadTransfer::new(SgList::from(Vec::from([7; 3000])), 3000, rules(1025, 2050));
        let cut: Vec<_> = core::iter::from_fn(|| read.next_pdu())
            .map(|pdu| (pdu.buffer_offset, pdu.data.len(), pdu.final_bit))
            .collect();
        assert_eq!(cut, [(0, 1024, false), (1024, 1024, false), (2048, 2, true), (2050, 950, true)]);
    }

    #[test]
    fn nothing_to_send_is_done_at_once() {
        assert!(ReadTransfer::new(SgList::new(), 512, rules(8192, 8192)).is_done());
        assert!(ReadTransfer::new(SgList::from(Vec::from([1; 8])), 0, rules(8192, 8192)).is_done());
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_whole(
            len in 0usize..5000, expected in 0u32..5000, segment in 1u32..700, burst in 1u32..1500,
            pdu_in_order: bool, sequence_in_order: bool, lose in 0usize..40, other in 1u32..700,
        ) {
            let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
            let total = len.min(expected as usize);
            let rules = ReadRules { max_segment: segment, max_burst: burst, pdu_in_order, sequence_in_order };
            let mut read = ReadTransfer::new(SgList::from(bytes.clone()), expected, rules);
            let (mut out, mut in_burst) = (alloc::vec![0; total], 0);
            let mut sent = Vec::new();
            while let Some(pdu) = read.next_pdu() {
                prop_assert!(!pdu.data.is_empty() && pdu.data.len() <= segment as usize);
                in_burst += pdu.data.len();
                prop_assert!(in_burst <= burst as usize);
                if pdu.final_bit { in_burst = 0; }
                let at = pdu.buffer_offset as usize;
                out[at..at + pdu.data.len()].copy_from_slice(&pdu.data.to_bytes());
                prop_assert_eq!(pdu.last, read.is_done());
                prop_assert!(!pdu.last || pdu.final_bit);
                sent.push((pdu.buffer_offset, pdu.data.len() as u32, pdu.final_bit));
            }
            prop_assert_eq!(&out[..], &bytes[..total]);
            // The second half once more, in pieces of another length.
            let lost = sent.split_off(lose.min(sent.len()));
            let mut want: u32 = lost.iter().map(|(_, len, _)| len).sum();
            let sequences = lost.iter().filter(|(_, _, ends)| *ends).count();
            read.send_again(lost.into_iter());
            read.set_max_segment(other);
            let mut ends = 0;
            while let Some(pdu) = read.next_pdu() {
                let at = pdu.buffer_offset as usize;
                prop_assert_eq!(pdu.data.to_bytes(), bytes[at..at + pdu.data.len()].to_vec());
                want -= pdu.data.len() as u32;
                ends += usize::from(pdu.final_bit);
            }
            prop_assert_eq!((want, ends), (0, sequences));
        }
    }
}
