//! Which write data is still to come, and is what came what was asked for? (RFC 7143 sections 4.2.5.2, 11.7, 11.8)
//!
//! One [`WriteTransfer`] follows one command from its immediate data through unsolicited Data-Outs to the R2Ts it still
//! needs. It knows offsets and numbers, not tags of other tasks, connections or time.

use crate::io::SgList;
use crate::task::pieces::Pieces;
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
}

/// The receiving side of one write.
#[derive(Debug)]
pub struct WriteTransfer {
    rules: WriteRules,
    /// Bytes the device wants; what comes beyond is received and dropped.
    wanted: u32,
    expected: u32,
    unsolicited: Option<Sequence>,
    bursts: Vec<Sequence>,
    /// Where the next R2T starts.
    next_offset: u32,
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
        let verdict = if (first > 0 && !rules.immediate_data) || (!final_bit && rules.initial_r2t) {
            Err(WriteFault::UnexpectedUnsolicited)
        } else if first > limit {
            Err(WriteFault::TooMuchUnsolicited)
        } else {
            Ok(())
        };
        let left = limit.saturating_sub(first);
        let unsolicited = (!final_bit).then_some(Sequence {
            ttt: NO_TTT,
            start: first,
            len: left,
            received: 0,
            next_data_sn: 0,
        });
        let mut transfer = Self {
            rules,
            wanted: expected,
            expected,
            unsolicited,
            bursts: Vec::new(),
            next_offset: first.min(limit),
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
        !self.is_sequence_open() && (self.abandoned || self.next_offset >= self.wanted)
    }

    /// Bytes held.
    pub const fn held(&self) -> usize {
        self.pieces.bytes()
    }

    /// Bytes the next R2T would ask for; `None` if none is due now.
    pub fn next_r2t_length(&self) -> Option<u32> {
        let room = self.bursts.len() < usize::from(self.rules.max_outstanding_r2t);
        let due = !self.abandoned && self.unsolicited.is_none() && room && self.next_offset < self.wanted;
        due.then(|| (self.wanted - self.next_offset).min(self.rules.max_burst_length))
    }

    /// Makes the next R2T with the tag `ttt`, if one is due.
    pub fn next_r2t(&mut self, ttt: u32) -> Option<R2tSpec> {
        let len = self.next_r2t_length()?;
        let spec =
            R2tSpec { ttt, r2t_sn: self.next_r2t_sn, buffer_offset: self.next_offset, desired_length: len };
        self.bursts.push(Sequence { ttt, start: self.next_offset, len, received: 0, next_data_sn: 0 });
        self.next_r2t_sn = self.next_r2t_sn.wrapping_add(1);
        self.next_offset += len;
        Some(spec)
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
        // Only data out of order can leave a gap when the unsolicited sequence ends; no R2T would ask for it again.
        if result.is_ok() && info.final_bit && info.ttt == NO_TTT && !self.pieces.is_whole() {
            result = Err(WriteFault::SequenceLength);
        }
        if result.is_err() {
            self.abandon();
        }
        if info.final_bit {
            self.close(info.ttt);
        }
        result
    }

    /// What was received for the device, in order, at most what it wants.
    pub fn take(&mut self) -> SgList {
        let all = core::mem::take(&mut self.pieces).into_list();
        if all.len() > self.wanted as usize { all.slice(0, self.wanted as usize) } else { all }
    }

    fn accept(&mut self, info: DataOutInfo, data: Bytes) -> Result<(), WriteFault> {
        let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let in_order = self.rules.data_pdu_in_order;
        let abandoned = self.abandoned;
        let solicited = info.ttt != NO_TTT;
        let sequence = if solicited {
            self.bursts.iter_mut().find(|burst| burst.ttt == info.ttt).ok_or(WriteFault::UnknownTtt)?
        } else {
            self.unsolicited.as_mut().ok_or(WriteFault::UnexpectedUnsolicited)?
        };
        if abandoned {
            return Ok(());
        }
        if info.data_sn != sequence.next_data_sn {
            return Err(WriteFault::DataSn);
        }
        let too_much = if solicited { WriteFault::SequenceLength } else { WriteFault::TooMuchUnsolicited };
        let received =
            sequence.received.checked_add(len).filter(|sum| *sum <= sequence.len).ok_or(too_much)?;
        let offset = info.buffer_offset.checked_sub(sequence.start).ok_or(WriteFault::BufferOffset)?;
        let fits = offset.checked_add(len).is_some_and(|end| end <= sequence.len);
        if !fits || (in_order && offset != sequence.received) {
            return Err(WriteFault::BufferOffset);
        }
        sequence.next_data_sn = sequence.next_data_sn.wrapping_add(1);
        sequence.received = received;
        let ended = received == sequence.len;
        // An R2T is answered exactly. Unsolicited data is all of FirstBurstLength or of the command (rfc7143/4.2.5.2-5).
        if (solicited && info.final_bit != ended) || (info.final_bit && !ended) {
            return Err(WriteFault::SequenceLength);
        }
        if !self.pieces.insert(info.buffer_offset, data) {
            return Err(WriteFault::BufferOffset);
        }
        if !solicited {
            self.next_offset = self.next_offset.saturating_add(len).min(self.expected);
        }
        Ok(())
    }

    fn close(&mut self, ttt: u32) {
        if ttt == NO_TTT {
            self.unsolicited = None;
        } else {
            self.bursts.retain(|burst| burst.ttt != ttt);
        }
    }
}

#[cfg(test)]
mod tests;
