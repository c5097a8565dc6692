//! Which numbered PDUs did a command send, and which of them may be asked for again? (RFC 7143 4.2.2.4, 11.16)
//!
//! Data-In and R2T share one sequence of numbers. Below ErrorRecoveryLevel 1 only the next number is kept.

use crate::task::write::R2tSpec;
use alloc::collections::VecDeque;

/// One Data-In or R2T as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbered {
    /// A Data-In.
    DataIn(SentData),
    /// An R2T.
    R2t(R2tSpec),
}

/// What makes a Data-In the same when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SentData {
    /// Buffer Offset in bytes.
    pub(crate) offset: u32,
    /// Length of the data segment in bytes.
    pub(crate) len: u32,
    /// F.
    pub(crate) final_bit: bool,
    /// The Target Transfer Tag of the acknowledgement that was asked for (A bit).
    pub(crate) ack: Option<u32>,
    /// Status rode on it (S bit).
    pub(crate) status: bool,
}

/// The numbered PDUs of one command.
#[derive(Debug)]
pub(crate) struct SentLog {
    keep: bool,
    /// The first number that is not acknowledged: the data acknowledgement reference number (RFC 7143 11.5.6).
    base: u32,
    next: u32,
    /// R2Ts among all that were numbered.
    r2ts: u32,
    /// From `base` on; empty unless they are kept.
    entries: VecDeque<Numbered>,
    /// The acknowledgements asked for and not received, as (DataSN, Target Transfer Tag).
    asked: VecDeque<(u32, u32)>,
    /// Bytes of data since one was asked for.
    since_asked: u32,
}

impl SentLog {
    /// Nothing sent yet. With `keep` every PDU can be found again until it is acknowledged.
    pub(crate) const fn new(keep: bool) -> Self {
        Self {
            keep,
            base: 0,
            next: 0,
            r2ts: 0,
            entries: VecDeque::new(),
            asked: VecDeque::new(),
            since_asked: 0,
        }
    }

    /// Gives the next PDU its number: DataSN or R2TSN.
    pub(crate) fn push(&mut self, pdu: Numbered) -> u32 {
        // rfc7143/4.2.2.4-1.
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        if planted!(DataSnRestart) && matches!(pdu, Numbered::DataIn(data) if data.final_bit) {
            self.next = 0;
        }
        self.r2ts = self.r2ts.wrapping_add(u32::from(matches!(pdu, Numbered::R2t(_))));
        if self.keep {
            self.entries.push_back(pdu);
        }
        if let Numbered::DataIn(data) = pdu {
            self.since_asked = self.since_asked.saturating_add(data.len);
            if let Some(ttt) = data.ack {
                self.since_asked = 0;
                self.asked.push_back((number, ttt));
            }
        }
        number
    }

    /// Whether `len` more bytes make enough for another acknowledgement: once every MaxBurstLength (rfc7143/11.7.2-1).
    pub(crate) const fn may_ask(&self, len: u32, max_burst: u32) -> bool {
        // Nothing is kept at ErrorRecoveryLevel 0 (rfc7143/11.7.2-2).
        self.keep && self.since_asked.saturating_add(len) >= max_burst
    }

    /// The DataSN whose acknowledgement was asked for with that tag.
    pub(crate) fn asked(&self, ttt: u32) -> Option<u32> {
        self.asked.iter().find(|(_, other)| *other == ttt).map(|(number, _)| *number)
    }

    /// The number of the next PDU.
    pub(crate) const fn next(&self) -> u32 {
        self.next
    }

    /// The first number that is not acknowledged.
    pub(crate) const fn base(&self) -> u32 {
        self.base
    }

    /// Data-Ins sent: the ExpDataSN of the response (RFC 7143 11.4.8).
    pub(crate) const fn data_ins(&self) -> u32 {
        self.next.wrapping_sub(self.r2ts)
    }

    /// The PDU of that number, if it was sent and is not acknowledged.
    pub(crate) fn find(&self, number: u32) -> Option<Numbered> {
        let at = number.checked_sub(self.base)?;
        self.entries.get(usize::try_from(at).ok()?).copied()
    }

    /// Everything before `number` arrived. False if that was acknowledged before, or not sent yet.
    pub(crate) fn acknowledge(&mut self, number: u32) -> bool {
        if number < self.base || number > self.next {
            return false;
        }
        while self.base < number {
            self.entries.pop_front();
            self.base += 1;
        }
        while self.asked.front().is_some_and(|(asked, _)| *asked < number) {
            self.asked.pop_front();
        }
        true
    }

    /// Takes back every Data-In that is not acknowledged, so that the data can be cut anew: its numbers are given again
    /// (RFC 7143 11.16.3). R2Ts, which come before all data of their command, stay.
    pub(crate) fn take_data(&mut self) -> impl Iterator<Item = SentData> {
        let first = self.entries.iter().position(|pdu| matches!(pdu, Numbered::DataIn(_)));
        let data = self.entries.split_off(first.unwrap_or(self.entries.len()));
        // There are no more entries than numbers.
        self.next = self.next.wrapping_sub(u32::try_from(data.len()).unwrap_or(0));
        self.asked.clear();
        self.since_asked = 0;
        data.into_iter().filter_map(|pdu| if let Numbered::DataIn(data) = pdu { Some(data) } else { None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn data(offset: u32) -> Numbered {
        Numbered::DataIn(SentData { offset, len: 10, final_bit: false, ack: None, status: false })
    }

    fn r2t(r2t_sn: u32) -> Numbered {
        Numbered::R2t(R2tSpec { ttt: 7, r2t_sn, buffer_offset: 0, desired_length: 10 })
    }

    #[test]
    fn data_and_r2ts_share_their_numbers() {
        let mut log = SentLog::new(true);
        assert_eq!([log.push(r2t(0)), log.push(data(0)), log.push(data(10))], [0, 1, 2]);
        assert_eq!((log.data_ins(), log.find(1), log.find(3)), (2, Some(data(0)), None));
        assert!(log.acknowledge(2) && log.acknowledge(2));
        assert!(!log.acknowledge(1) && !log.acknowledge(4));
        assert_eq!((log.find(1), log.find(2), log.base()), (None, Some(data(10)), 2));
    }

    #[test]
    fn acknowledgements_are_asked_for_once_a_burst() {
        let mut log = SentLog::new(true);
        let sent = SentData { offset: 0, len: 10, final_bit: true, ack: Some(9), status: false };
        assert!(!log.may_ask(10, 20));
        log.push(data(0));
        assert!(log.may_ask(10, 20));
        log.push(Numbered::DataIn(sent));
        assert_eq!((log.may_ask(10, 20), log.asked(9), log.asked(8)), (false, Some(1), None));
        assert!(log.acknowledge(2));
        assert_eq!(log.asked(9), None);
    }

    #[test]
    fn what_is_taken_back_gives_its_numbers_again() {
        let mut log = SentLog::new(true);
        for pdu in [r2t(0), data(0), data(10), data(20)] {
            log.push(pdu);
        }
        assert!(log.acknowledge(2));
        assert_eq!(log.take_data().map(|data| data.offset).collect::<Vec<_>>(), [10, 20]);
        assert_eq!((log.next(), log.push(data(10))), (2, 2));
        let mut none = SentLog::new(false);
        none.push(data(0));
        assert_eq!((none.take_data().count(), none.next(), none.find(0)), (0, 1, None));
    }
}
