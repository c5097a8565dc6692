//! Is what is sent again what was asked for, and the same as before? (RFC 7143 11.16; for reassigned commands 7.2.2)
//!
//! From ErrorRecoveryLevel 1 on, everything numbered is remembered until it is acknowledged: responses by StatSN, Data-Ins and
//! R2Ts by task and number, and the bytes that were read.

use super::fields::Fields;
use super::task::NO_TAG;
use super::{Sink, WirePdu};
use crate::codec::Kind;
use crate::initiator::serial;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

const DATA_R2T: u32 = 0;
const STATUS: u32 = 1;
const DATA_ACK: u32 = 2;
const R_DATA: u32 = 3;

/// A PDU without what may differ when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Image {
    bhs: [u8; 48],
    data: u64,
    offset: u32,
}

/// A run of numbers that was asked for; without a length all from the first on.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: u32,
    len: u32,
}

impl Run {
    fn covers(self, number: u32) -> bool {
        serial::le(self.first, number) && (self.len == 0 || number.wrapping_sub(self.first) < self.len)
    }
}

/// What one connection sent and may send again.
#[derive(Debug, Default)]
pub(super) struct Resends {
    statuses: BTreeMap<u32, Image>,
    numbered: BTreeMap<(u32, u32), Image>,
    reads: BTreeMap<u32, Vec<u8>>,
    asked_statuses: Vec<Run>,
    asked_data: Vec<(u32, Run)>,
    /// SNACK Tag of the last R-Data SNACK of a task.
    tags: BTreeMap<u32, u32>,
    /// Tags of the A bit: which Data-In of which task, and the LUN that it showed.
    ack_tags: BTreeMap<u32, (u32, u32, u64)>,
    /// First number of a task that is not acknowledged.
    acknowledged: BTreeMap<u32, u32>,
    /// Offset of the first Data-In that an R-Data SNACK makes the target cut anew.
    restart: BTreeMap<u32, u32>,
}

impl Resends {
    /// A new command has this tag.
    pub(super) fn begin(&mut self, itt: u32) {
        self.numbered.retain(|(task, _), _| *task != itt);
        self.asked_data.retain(|(task, _)| *task != itt);
        self.reads.remove(&itt);
        self.tags.remove(&itt);
        self.acknowledged.remove(&itt);
    }

    /// Everything before this StatSN arrived.
    pub(super) fn acknowledge(&mut self, exp_stat_sn: u32) {
        self.statuses.retain(|stat_sn, _| !serial::lt(*stat_sn, exp_stat_sn));
    }

    /// The first number of a task that is not acknowledged.
    pub(super) fn base(&self, itt: u32) -> u32 {
        self.acknowledged.get(&itt).copied().unwrap_or(0)
    }

    /// Where the data of that Data-In of a task begins.
    pub(super) fn offset_of(&self, itt: u32, number: u32) -> Option<u32> {
        self.numbered.get(&(itt, number)).map(|image| image.offset)
    }

    /// Where data starts anew: behind what is acknowledged, which goes on where the last of it ended.
    pub(super) fn restart_offset(&self, itt: u32) -> u32 {
        self.restart.get(&itt).copied().unwrap_or(0)
    }

    /// What was read for a task, so that another connection can be held against it.
    pub(super) fn take_read(&mut self, itt: u32) -> Option<Vec<u8>> {
        self.reads.remove(&itt)
    }

    /// A task was reassigned from a connection that sent this for it.
    pub(super) fn continue_read(&mut self, itt: u32, read: Option<Vec<u8>>, base: u32) {
        self.begin(itt);
        self.reads.extend(read.map(|read| (itt, read)));
        self.acknowledged.insert(itt, base);
    }

    /// A SNACK came. True if the task's data starts anew (R-Data). What a target has to reject asks for nothing.
    pub(super) fn asked(&mut self, fields: &Fields, pdu: &WirePdu<'_>, reads: bool) -> bool {
        let bhs = pdu.view.bhs;
        let (itt, ttt) = (fields.itt.word(bhs), fields.snack_ttt.word(bhs));
        let run = Run { first: fields.beg_run.word(bhs), len: fields.run_length.word(bhs) };
        match fields.snack_type.word(bhs) {
            STATUS => {
                let all = run.first == 0 && run.len == 0;
                let oldest = self.statuses.keys().next().copied();
                let first = if all { oldest.unwrap_or(0) } else { run.first };
                self.asked_statuses.push(Run { first, ..run });
            }
            DATA_R2T => self.asked_data.push((itt, run)),
            DATA_ACK => {
                // One that was damaged on its way, and acknowledges what was not sent, is rejected (11.16.2).
                let last = |task| self.numbered.range((task, 0)..=(task, u32::MAX)).next_back();
                if let Some((task, number, lun)) = self.ack_tags.get(&ttt).copied()
                    && (itt, run.len, fields.lun.long(bhs)) == (NO_TAG, 0, lun)
                    && run.first > number
                    && last(task).is_some_and(|((_, last), _)| run.first <= last.saturating_add(1))
                {
                    self.acknowledged.insert(task, run.first);
                    self.numbered.retain(|(other, number), _| *other != task || *number >= run.first);
                }
            }
            R_DATA if reads && !matches!(ttt, 0 | NO_TAG) && run.first == 0 && run.len == 0 => {
                let base = self.base(itt);
                self.tags.insert(itt, ttt);
                let restart = self.offset_of(itt, base).unwrap_or(0);
                self.restart.insert(itt, restart);
                self.numbered.retain(|(task, number), _| *task != itt || *number < base);
                return true;
            }
            _ => {}
        }
        false
    }

    /// Judges a PDU of the target. True if it was sent before: the other checks have seen it.
    pub(super) fn check(
        &mut self,
        fields: &Fields,
        pdu: &WirePdu<'_>,
        kind: Kind,
        next_stat_sn: Option<u32>,
        is_open: bool,
        sink: &mut Sink,
    ) -> bool {
        let bhs = pdu.view.bhs;
        let itt = fields.itt.word(bhs);
        let image = image(fields, pdu, kind);
        let counts = match kind {
            Kind::DataIn => fields.data_in_s.is_set(bhs),
            Kind::NopIn => itt != NO_TAG,
            Kind::R2T | Kind::LoginResponse => false,
            _ => true,
        };
        let stat_sn = fields.stat_sn.word(bhs);
        let number = match kind {
            Kind::DataIn => Some(fields.data_in_sn.word(bhs)),
            Kind::R2T => Some(fields.r2t_sn.word(bhs)),
            _ => None,
        };
        if kind == Kind::DataIn {
            self.same_bytes(itt, image.offset, pdu.view.data, sink);
        }
        let asked_data = number.is_some_and(|number| {
            self.asked_data.iter().any(|(task, run)| *task == itt && run.covers(number))
        });
        if counts && next_stat_sn.is_some_and(|next| serial::lt(stat_sn, next)) {
            if kind == Kind::ScsiResponse && self.tags.get(&itt) == Some(&fields.snack_tag.word(bhs)) {
                // The response of an R-Data SNACK has the number of the one before it (11.16.3).
                self.statuses.insert(stat_sn, image);
                return true;
            }
            let asked = asked_data || self.asked_statuses.iter().any(|run| run.covers(stat_sn));
            self.judge(self.statuses.get(&stat_sn).copied(), image, asked, kind, stat_sn, sink);
            return true;
        }
        if counts {
            let tag = self.tags.get(&itt).filter(|_| matches!(kind, Kind::ScsiResponse | Kind::DataIn));
            if tag.is_some_and(|tag| kind == Kind::DataIn || *tag != fields.snack_tag.word(bhs)) {
                let text = format!("status of task {itt:#x} without the SNACK Tag of its R-Data SNACK");
                sink.add("resend", "rfc7143/11.16.3-3", text);
            }
            self.statuses.insert(stat_sn, image);
        }
        let Some(number) = number else { return false };
        if kind == Kind::DataIn && fields.data_in_a.is_set(bhs) {
            self.ack_tags.insert(fields.data_in_ttt.word(bhs), (itt, number, fields.lun.long(bhs)));
        }
        if let Some(before) = self.numbered.get(&(itt, number)).copied() {
            if kind == Kind::R2T && next_stat_sn.is_some_and(|next| stat_sn != next) {
                sink.add("resend", "rfc7143/11.16-3", format!("R2T sent again with StatSN {stat_sn}"));
            }
            self.judge(Some(before), image, asked_data, kind, number, sink);
            return true;
        }
        self.numbered.insert((itt, number), image);
        // Cut anew after the status was sent: nothing else knows the task any more.
        self.tags.contains_key(&itt) && !is_open
    }

    fn judge(
        &self,
        before: Option<Image>,
        now: Image,
        asked: bool,
        kind: Kind,
        number: u32,
        sink: &mut Sink,
    ) {
        if !asked {
            sink.add("resend", "rfc7143/11.16-5", format!("{kind} {number} once more though nobody asked"));
        } else if before != Some(now) {
            let clause = if kind == Kind::DataIn { "rfc7143/11.16-4" } else { "rfc7143/11.16-2" };
            let what = if before.is_some() { "differs from the first time" } else { "was acknowledged" };
            sink.add("resend", clause, format!("{kind} {number} sent again {what}"));
        }
    }

    /// What is read at an offset stays the same however often it is sent.
    fn same_bytes(&mut self, itt: u32, offset: u32, data: &[u8], sink: &mut Sink) {
        let read = self.reads.entry(itt).or_default();
        let (from, to) = (offset as usize, offset as usize + data.len());
        let known = read.len().min(to).max(from);
        if read.get(from..known).is_some_and(|old| old != &data[..known - from]) {
            sink.add(
                "resend",
                "rfc7143/11.16-4",
                format!("task {itt:#x}: other bytes at {offset} than before"),
            );
        }
        if read.len() < to {
            // Out of order, the bytes between come later: what is not known yet must not be compared.
            if read.len() >= from {
                read.truncate(from);
                read.extend_from_slice(data);
            }
        }
    }
}

fn image(fields: &Fields, pdu: &WirePdu<'_>, kind: Kind) -> Image {
    let mut bhs = *pdu.view.bhs;
    // ExpCmdSN and MaxCmdSN; of an R2T StatSN, of a response ExpDataSN (rfc7143/11.16-2, 11.16-3).
    bhs[28..36].fill(0);
    match kind {
        Kind::R2T => bhs[24..28].fill(0),
        Kind::ScsiResponse => bhs[36..40].fill(0),
        _ => {}
    }
    let mut hasher = DefaultHasher::new();
    pdu.view.data.hash(&mut hasher);
    let offset = if kind == Kind::DataIn { fields.data_in_offset.word(pdu.view.bhs) } else { 0 };
    Image { bhs, data: hasher.finish(), offset }
}
