//! Which write data is still to come, and is what came what was asked for? (RFC 7143 sections 4.2.5.2, 11.7, 11.8)
//!
//! One [`WriteTransfer`] follows one command from its immediate data through unsolicited Data-Outs to the R2Ts it still
//! needs. It knows offsets and numbers, not tags of other tasks, connections or time.

use crate::io::SgList;
use crate::task::pieces::Pieces;
use crate::wire::serial;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

/// Target Transfer Tag of unsolicited data.
pub const NO_TTT: u32 = 0xffff_ffff;

/// What the negotiated parameters say about write data.
#[derive(Clone, Copy, Debug)]
pub struct WriteRules {
    /// InitialR2T: no unsolicited Data-Out.
    pub initial_r2t: bool,
    /// ImmediateData: data in the command PDU.
    pub immediate_data: bool,
    /// FirstBurstLength in bytes.
    pub first_burst_length: u32,
    /// MaxBurstLength in bytes.
    pub max_burst_length: u32,
    /// MaxOutstandingR2T of one task.
    pub max_outstanding_r2t: u16,
    /// DataPDUInOrder: offsets within a sequence grow without gaps.
    pub data_pdu_in_order: bool,
    /// DataSequenceInOrder: otherwise R2Ts ask for the end first.
    pub data_sequence_in_order: bool,
    /// ErrorRecoveryLevel 1 or 2: what is lost is asked for again.
    pub recover: bool,
}

/// How write data can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteFault {
    /// Immediate data although ImmediateData=No, or unsolicited Data-Out although InitialR2T=Yes or after the F bit.
    UnexpectedUnsolicited,
    /// More unsolicited data than FirstBurstLength or the expected length allows.
    TooMuchUnsolicited,
    /// A TTT that belongs to no outstanding R2T of this task.
    UnknownTtt,
    /// DataSN does not follow.
    DataSn,
    /// Buffer Offset does not follow, or lies outside what was asked for.
    BufferOffset,
    /// The sequence ended with F before all of it had come, or went on after it had.
    SequenceLength,
}

/// An R2T to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct R2tSpec {
    /// Target Transfer Tag.
    pub ttt: u32,
    /// R2TSN.
    pub r2t_sn: u32,
    /// Buffer Offset in bytes.
    pub buffer_offset: u32,
    /// Desired Data Transfer Length in bytes.
    pub desired_length: u32,
}

/// What a Data-Out header says.
#[derive(Clone, Copy, Debug)]
pub struct DataOutInfo {
    /// Target Transfer Tag.
    pub ttt: u32,
    /// DataSN.
    pub data_sn: u32,
    /// Buffer Offset in bytes.
    pub buffer_offset: u32,
    /// F: ends its sequence.
    pub final_bit: bool,
}

/// A sequence of Data-Outs being received: the unsolicited one or the answer to one R2T.
#[derive(Clone, Copy, Debug)]
struct Sequence {
    ttt: u32,
    start: u32,
    /// Bytes it may bring; for an R2T exactly so many.
    len: u32,
    received: u32,
    next_data_sn: u32,
    /// Something of it did not arrive: what is missing is asked for when it ends.
    lost: bool,
}

impl Sequence {
    const fn new(ttt: u32, start: u32, len: u32) -> Self {
        Self { ttt, start, len, received: 0, next_data_sn: 0, lost: false }
    }
}

/// Tags of sequences that ended, remembered so that what is late or comes twice is no fault.
const ENDED_KEPT: usize = 8;

/// The receiving side of one write.
#[derive(Debug)]
pub struct WriteTransfer {
    rules: WriteRules,
    /// Bytes the device wants; what comes beyond is received and dropped.
    wanted: u32,
    expected: u32,
    unsolicited: Option<Sequence>,
    bursts: Vec<Sequence>,
    /// Where the next R2T starts, and where the last one does not go beyond.
    next_offset: u32,
    top: u32,
    /// What was lost, as (offset, length): recovery R2Ts ask for it before anything else is asked for.
    lost: VecDeque<(u32, u32)>,
    /// What came behind a loss in its sequence, as (offset, length): discontiguous data, which goes with its connection.
    early: Vec<(u32, u32)>,
    ended: VecDeque<u32>,
    next_r2t_sn: u32,
    pieces: Pieces,
    abandoned: bool,
}

impl WriteTransfer {
    /// Starts with the command PDU: `expected` is its Expected Data Transfer Length, `immediate` its data segment,
    /// `final_bit` its F. The device wants everything until [`WriteTransfer::want`] says less.
    ///
    /// # Errors
    /// The data breaks the negotiated rules. The transfer is in the returned state all the same, abandoned, so that the
    /// rest of an announced sequence can be received and dropped (RFC 7143 11.4.2: no response before the F bit).
    pub fn start(
        rules: WriteRules,
        expected: u32,
        immediate: Bytes,
        final_bit: bool,
    ) -> (Self, Result<(), WriteFault>) {
        let first = u32::try_from(immediate.len()).unwrap_or(u32::MAX);
        let limit = expected.min(rules.first_burst_length);
        // rfc7143/11.8-1, rfc7143/13.11-1.
        let verdict = if (first > 0 && !rules.immediate_data) || (!final_bit && rules.initial_r2t) {
            Err(WriteFault::UnexpectedUnsolicited)
        } else if first > limit {
            Err(WriteFault::TooMuchUnsolicited)
        } else {
            Ok(())
        };
        let left = limit.saturating_sub(if planted!(FirstBurstImmediate) { 0 } else { first });
        let unsolicited = (!final_bit).then_some(Sequence::new(NO_TTT, first, left));
        let mut transfer = Self {
            rules,
            wanted: expected,
            expected,
            unsolicited,
            bursts: Vec::new(),
            next_offset: first.min(limit),
            top: u32::MAX,
            lost: VecDeque::new(),
            early: Vec::new(),
            ended: VecDeque::new(),
            next_r2t_sn: 0,
            pieces: Pieces::default(),
            abandoned: false,
        };
        if verdict.is_err() {
            transfer.abandon();
        } else {
            transfer.pieces.insert(0, immediate);
        }
        (transfer, verdict)
    }

    /// The device wants only the first `len` bytes: no R2T asks for more.
    pub fn want(&mut self, len: u32) {
        self.wanted = self.wanted.min(len);
    }

    /// The command has failed: receive and drop what is announced, ask for nothing more.
    pub fn abandon(&mut self) {
        self.abandoned = true;
        self.pieces = Pieces::default();
        self.lost.clear();
        self.early.clear();
    }

    /// True while a sequence is open whose F bit has not come.
    pub fn is_sequence_open(&self) -> bool {
        self.unsolicited.is_some() || !self.bursts.is_empty()
    }

    /// True if a Data-Out with that tag belongs to a sequence whose F bit has not come.
    pub fn is_open(&self, ttt: u32) -> bool {
        if ttt == NO_TTT {
            self.unsolicited.is_some()
        } else {
            self.bursts.iter().any(|burst| burst.ttt == ttt)
        }
    }

    /// True when everything the device wants is here and nothing announced is missing.
    pub fn is_complete(&self) -> bool {
        !self.is_sequence_open() && (self.abandoned || self.next_range().is_none())
    }

    /// Bytes held.
    pub const fn held(&self) -> usize {
        self.pieces.bytes()
    }

    /// Bytes the next R2T would ask for; `None` if none is due now.
    pub fn next_r2t_length(&self) -> Option<u32> {
        let more = usize::from(planted!(R2tOutstanding));
        let room = self.bursts.len() < usize::from(self.rules.max_outstanding_r2t) + more;
        let due = !self.abandoned && self.unsolicited.is_none() && room;
        self.next_range().filter(|_| due).map(|(_, len)| len)
    }

    /// What is to be asked for next: what was lost, then what was never asked for.
    fn next_range(&self) -> Option<(u32, u32)> {
        let max_burst = self.rules.max_burst_length;
        let lost = self.lost.iter().find(|(offset, _)| *offset < self.wanted);
        if let Some((offset, len)) = lost {
            return Some((*offset, (*len).min(self.wanted - offset).min(max_burst)));
        }
        let left = self.wanted.min(self.top).checked_sub(self.next_offset).filter(|left| *left > 0)?;
        if self.rules.data_sequence_in_order {
            let over = if planted!(R2tOverBurst) { 512 } else { 0 };
            // rfc7143/11.8.4-1.
            return Some((self.next_offset, left.min(max_burst.saturating_add(over))));
        }
        let before = (left - 1) / max_burst * max_burst;
        Some((self.next_offset + before, left - before))
    }

    /// Makes the next R2T with the tag `ttt`, if one is due.
    pub fn next_r2t(&mut self, ttt: u32) -> Option<R2tSpec> {
        self.next_r2t_length()?;
        let (offset, len) = self.next_range()?;
        while let Some((start, rest)) = self.lost.pop_front() {
            if start == offset && start < self.wanted {
                if rest > len {
                    self.lost.push_front((start + len, rest - len));
                }
                return Some(self.request(ttt, offset, len));
            }
        }
        if self.rules.data_sequence_in_order {
            // rfc7143/11.8-9, rfc7143/13.19-1.
            self.next_offset = offset + len;
        } else {
            self.top = offset;
        }
        Some(self.request(ttt, offset, len))
    }

    fn request(&mut self, ttt: u32, offset: u32, len: u32) -> R2tSpec {
        let r2t_sn = if planted!(R2tSn) { 0 } else { self.next_r2t_sn };
        let spec = R2tSpec { ttt, r2t_sn, buffer_offset: offset, desired_length: len };
        self.bursts.push(Sequence::new(ttt, offset, len));
        self.next_r2t_sn = self.next_r2t_sn.wrapping_add(1);
        spec
    }

    /// R2Ts made so far.
    pub const fn r2ts(&self) -> u32 {
        self.next_r2t_sn
    }

    /// Takes one Data-Out.
    ///
    /// # Errors
    /// It breaks a rule; the transfer is then abandoned, and its sequence still ends with the F bit.
    pub fn data_out(&mut self, info: DataOutInfo, data: Bytes) -> Result<(), WriteFault> {
        let mut result = self.accept(info, data);
        if result == Ok(Taken::Again) {
            return Ok(());
        }
        // Only data out of order can leave a gap when the unsolicited sequence ends; no R2T would ask for it again.
        if !self.rules.recover
            && result.is_ok()
            && info.final_bit
            && info.ttt == NO_TTT
            && !self.pieces.is_whole()
        {
            result = Err(WriteFault::SequenceLength);
        }
        if result.is_err() {
            self.abandon();
        }
        if info.final_bit {
            self.close(info.ttt);
        }
        result.map(drop)
    }

    /// A Data-Out came whose data cannot be believed. Its header can: it counts in its sequence (rfc7143/7.3-4).
    pub fn damaged(&mut self, info: DataOutInfo) {
        let Some(sequence) = self.sequence(info.ttt) else { return };
        if serial::lt(info.data_sn, sequence.next_data_sn) {
            return;
        }
        sequence.lost = true;
        sequence.next_data_sn = serial::next(info.data_sn);
        if info.final_bit {
            self.close(info.ttt);
        }
    }

    /// Nothing more will come for what was asked for or announced: the sequence timed out, or its connection is gone.
    pub fn give_up_sequences(&mut self) {
        if let Some(sequence) = &mut self.unsolicited {
            sequence.lost = true;
            self.close(NO_TTT);
        }
        while let Some(burst) = self.bursts.first_mut() {
            burst.lost = true;
            let ttt = burst.ttt;
            self.close(ttt);
        }
    }

    /// The connection is gone, and with it what came behind a loss: it is asked for again (RFC 7143 appendix E).
    pub fn lose_connection(&mut self) {
        self.give_up_sequences();
        if self.early.is_empty() {
            return;
        }
        let mut gaps: Vec<(u32, u32)> = self.lost.drain(..).collect();
        for (offset, len) in core::mem::take(&mut self.early) {
            self.pieces.remove(offset, len);
            gaps.push((offset, len));
        }
        gaps.sort_unstable();
        for (offset, len) in gaps {
            match self.lost.back_mut() {
                Some((start, before)) if start.saturating_add(*before) >= offset => {
                    *before = (*before).max(offset.saturating_add(len).saturating_sub(*start));
                }
                _ => self.lost.push_back((offset, len)),
            }
        }
    }

    /// What was received for the device, in order, at most what it wants.
    pub fn take(&mut self) -> SgList {
        let all = core::mem::take(&mut self.pieces).into_list();
        if all.len() > self.wanted as usize { all.slice(0, self.wanted as usize) } else { all }
    }

    fn sequence(&mut self, ttt: u32) -> Option<&mut Sequence> {
        if ttt == NO_TTT {
            self.unsolicited.as_mut()
        } else {
            self.bursts.iter_mut().find(|burst| burst.ttt == ttt)
        }
    }

    /// True if a sequence with that tag ended not long ago; only remembered where losses are recovered.
    pub fn has_ended(&self, ttt: u32) -> bool {
        self.ended.contains(&ttt)
    }

    fn accept(&mut self, info: DataOutInfo, data: Bytes) -> Result<Taken, WriteFault> {
        let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let WriteRules { recover, data_pdu_in_order: in_order, .. } = self.rules;
        let abandoned = self.abandoned;
        let solicited = info.ttt != NO_TTT;
        if self.has_ended(info.ttt) {
            return Ok(Taken::Again);
        }
        let unknown = if solicited { WriteFault::UnknownTtt } else { WriteFault::UnexpectedUnsolicited };
        let sequence = self.sequence(info.ttt).ok_or(unknown)?;
        if abandoned {
            return Ok(Taken::New);
        }
        if info.data_sn != sequence.next_data_sn && !planted!(DataOutSn) {
            if !recover {
                return Err(WriteFault::DataSn);
            }
            if serial::lt(info.data_sn, sequence.next_data_sn) {
                return Ok(Taken::Again);
            }
            // One before it was lost (rfc7143/7.9-2).
            sequence.lost = true;
        }
        let too_much = if solicited { WriteFault::SequenceLength } else { WriteFault::TooMuchUnsolicited };
        let surplus = planted!(SurplusKept);
        let received = sequence.received.checked_add(len);
        let received = received.filter(|sum| *sum <= sequence.len || surplus).ok_or(too_much)?;
        let offset = info.buffer_offset.checked_sub(sequence.start).ok_or(WriteFault::BufferOffset)?;
        let fits = offset.checked_add(len).is_some_and(|end| end <= sequence.len || surplus);
        if !fits || (in_order && !planted!(DataOutOffset) && !sequence.lost && offset != sequence.received) {
            return Err(WriteFault::BufferOffset);
        }
        sequence.next_data_sn = serial::next(info.data_sn);
        sequence.received = received;
        let (ended, lost) = (received == sequence.len, sequence.lost);
        // An R2T is answered exactly. Unsolicited data is all of FirstBurstLength or of the command (rfc7143/4.2.5.2-5).
        if !lost && !surplus && ((solicited && info.final_bit != ended) || (info.final_bit && !ended)) {
            return Err(WriteFault::SequenceLength);
        }
        if recover {
            if lost && len > 0 {
                self.early.push((info.buffer_offset, len));
            }
            self.pieces.fill(info.buffer_offset, &data);
        } else if !self.pieces.insert(info.buffer_offset, data) {
            return Err(WriteFault::BufferOffset);
        }
        if !solicited {
            // What came is not asked for again (rfc7143/4.2.5.2-7).
            self.next_offset = self.next_offset.saturating_add(len).min(self.expected);
        }
        Ok(Taken::New)
    }

    /// A sequence is over; what is missing of it will be asked for again.
    fn close(&mut self, ttt: u32) {
        let closed = if ttt == NO_TTT {
            self.unsolicited.take()
        } else {
            let at = self.bursts.iter().position(|burst| burst.ttt == ttt);
            at.map(|at| self.bursts.remove(at))
        };
        let Some(sequence) = closed.filter(|_| self.rules.recover) else { return };
        if self.ended.len() == ENDED_KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(ttt);
        if self.abandoned {
            return;
        }
        if ttt == NO_TTT {
            // What was to come unasked is known to the byte, so everything after it is asked for.
            self.next_offset = sequence.start + sequence.len;
        }
        if sequence.lost && !planted!(LostDataForgotten) {
            self.lost.extend(self.pieces.gaps(sequence.start, sequence.len));
        }
        if self.lost.is_empty() && !self.is_sequence_open() {
            // Nothing is missing before it any more.
            self.early.clear();
        }
    }
}

/// What became of a Data-Out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// It belongs to an open sequence.
    New,
    /// It came before, or its sequence is over.
    Again,
}

#[cfg(test)]
mod tests;
