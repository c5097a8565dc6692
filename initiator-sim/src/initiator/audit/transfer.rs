//! Is the data of a command moved as agreed? (RFC 7143 11.7, 11.8, section 13)

use std::collections::BTreeSet;

use super::super::{Session, SessionParams};
use super::{Task, Violation};
use crate::codec::ahs;
use crate::codec::{Kind, Pdu};

/// An R2T whose last Data-Out has not been sent.
#[derive(Debug)]
struct OpenR2t {
    ttt: u32,
    offset: u32,
    len: u32,
}

/// What moved for one command.
#[derive(Debug, Default)]
pub(super) struct Transfer {
    pub(super) read: bool,
    pub(super) write: bool,
    /// Expected bytes by direction.
    pub(super) in_len: u32,
    pub(super) out_len: u32,
    /// DataSN and R2TSN share it (4.2.2.4).
    next_sn: u32,
    /// Bytes, Data-In PDUs, and bytes of the sequence in progress.
    pub(super) in_bytes: u32,
    pub(super) in_pdus: u32,
    in_burst: u32,
    in_sequence: bool,
    in_next: u32,
    /// Bytes sent.
    pub(super) out_bytes: u32,
    r2ts: Vec<OpenR2t>,
    r2t_next: Option<u32>,
    /// Numbers that came, where what is missing can be asked for.
    seen: BTreeSet<u32>,
    /// Something was lost, asked for again or reassigned: what comes cannot be counted any more.
    loose: bool,
}

impl Transfer {
    /// From the command that starts it; empty for other requests.
    pub(super) fn of(pdu: &Pdu) -> Transfer {
        let (read, write, edtl) = (pdu.flag("R"), pdu.flag("W"), pdu.word("EDTL"));
        let both = read && write;
        let bidi = ahs::parse(&pdu.ahs).unwrap_or_default();
        let bidi = bidi.iter().find(|a| a.kind == ahs::BIDI_READ_LENGTH && a.specific.len() == 5);
        let bidi = bidi.map_or(0, |a| a.specific[1..].iter().fold(0, |n, b| n << 8 | u32::from(*b)));
        Transfer {
            read,
            write,
            in_len: if both {
                bidi
            } else if read {
                edtl
            } else {
                0
            },
            out_len: if write { edtl } else { 0 },
            out_bytes: pdu.data.len() as u32,
            // Without unsolicited Data-Out the first R2T starts where the immediate data ends.
            r2t_next: pdu.flag("F").then_some(pdu.data.len() as u32),
            ..Transfer::default()
        }
    }

    /// Some of it was lost, asked for again, or goes on elsewhere.
    pub(super) fn loosen(&mut self) {
        self.loose = true;
    }

    /// The R2Ts of the connection it came over are void.
    pub(super) fn forget_r2ts(&mut self) {
        self.r2ts.clear();
    }

    /// Which numbers before `end` did not come.
    pub(super) fn missing(&self, end: u32) -> BTreeSet<u32> {
        // What is claimed to be there is bounded by what was expected: a number stands for at least one byte.
        (0..end.min(self.in_len)).filter(|number| !self.seen.contains(number)).collect()
    }

    /// True if nothing can be counted any more.
    pub(super) fn is_loose(&self) -> bool {
        self.loose
    }

    /// This side sent a Data-Out.
    pub(super) fn data_out(&mut self, pdu: &Pdu) {
        self.out_bytes = self.out_bytes.saturating_add(pdu.data.len() as u32);
        if pdu.flag("F") {
            let ttt = pdu.word("TTT");
            self.r2ts.retain(|r2t| r2t.ttt != ttt);
        }
    }

    /// A sequence of Data-In without its last PDU, or R2Ts not answered to the end.
    pub(super) fn unfinished(&self) -> Option<String> {
        if self.in_sequence {
            return Some("the last Data-In had no F bit".to_owned());
        }
        (!self.r2ts.is_empty()).then(|| format!("{} R2T(s) are not answered yet", self.r2ts.len()))
    }

    fn number(&mut self, name: &str, got: u32, itt: u32, recovers: bool) -> Option<Violation> {
        let want = self.next_sn;
        if recovers {
            self.seen.insert(got);
        }
        if recovers && got > want {
            // A PDU between was lost: this side may ask for it (7.9).
            self.loose = true;
        }
        if self.loose {
            self.next_sn = want.max(got.wrapping_add(1));
            return None;
        }
        self.next_sn = got.wrapping_add(1);
        let text = || format!("task {itt:#x}: {name} is {got}, expected {want}");
        (got != want).then(|| Violation::must("rfc7143/4.2.2.4-1", text()))
    }

    fn check_data_in(&mut self, pdu: &Pdu, params: &SessionParams, found: &mut Vec<Violation>) {
        let itt = pdu.itt();
        let recovers = params.error_recovery_level > 0;
        found.extend(self.number("DataSN", pdu.word("DataSN"), itt, recovers));
        let (offset, len) = (pdu.word("BufferOffset"), pdu.data.len() as u32);
        let mut wrong = |rule, text| found.push(Violation::must(rule, format!("task {itt:#x}: {text}")));
        let end = offset.saturating_add(len);
        if end > self.in_len && len > 0 {
            wrong("rfc7143/11.7.6", format!("Data-In up to {end}, expected {} bytes", self.in_len));
        }
        let follows = params.data_pdu_in_order && (self.in_sequence || params.data_sequence_in_order);
        if follows && !self.loose && len > 0 && offset != self.in_next {
            wrong("rfc7143/13.18", format!("BufferOffset is {offset}, expected {}", self.in_next));
        }
        self.in_next = end;
        self.in_bytes = self.in_bytes.saturating_add(len);
        self.in_pdus = self.in_pdus.wrapping_add(1);
        self.in_burst = self.in_burst.saturating_add(len);
        // Said once, where the limit is crossed.
        if !self.loose && self.in_burst > params.max_burst && self.in_burst - len <= params.max_burst {
            wrong("rfc7143/11.7.1-2", format!("a sequence of more than {} bytes", params.max_burst));
        }
        self.in_sequence = !pdu.flag("F");
        if pdu.flag("F") {
            self.in_burst = 0;
        } else if len % 4 != 0 {
            found.push(Violation::should(
                "rfc7143/11.7.7-2",
                format!("task {itt:#x}: Data-In of {len} bytes, not last"),
            ));
        }
    }

    fn check_r2t(&mut self, pdu: &Pdu, params: &SessionParams, found: &mut Vec<Violation>) {
        let itt = pdu.itt();
        let recovers = params.error_recovery_level > 0;
        found.extend(self.number("R2TSN", pdu.word("R2TSN"), itt, recovers));
        let mut wrong = |rule, text| found.push(Violation::must(rule, format!("task {itt:#x}: {text}")));
        let (offset, want, ttt) = (pdu.word("BufferOffset"), pdu.word("DesiredLen"), pdu.word("TTT"));
        if want == 0 || want > params.max_burst {
            wrong("rfc7143/11.8.4-1", format!("DesiredLen is {want}, MaxBurstLength {}", params.max_burst));
        }
        if offset.saturating_add(want) > self.out_len {
            wrong("rfc7143/11.8.4", format!("R2T of {want} from {offset}, expected {} bytes", self.out_len));
        }
        if ttt == super::NO_TAG {
            wrong("rfc7143/11.8.5-1", "R2T with the reserved TTT".to_owned());
        }
        if recovers {
            // A recovery R2T takes the place of one whose data did not arrive (11.8).
            let apart = |open: &OpenR2t| {
                open.offset.saturating_add(open.len) <= offset || offset.saturating_add(want) <= open.offset
            };
            self.r2ts.retain(apart);
        }
        if self.r2ts.iter().any(|r2t| r2t.ttt == ttt) {
            wrong("rfc7143/11.8.5", format!("TTT {ttt:#x} names two open R2Ts"));
        }
        if let Some(next) = self.r2t_next.filter(|next| {
            let recovery = recovers && offset < *next;
            params.data_sequence_in_order && !self.loose && !recovery && *next != offset
        }) {
            wrong("rfc7143/11.8-9", format!("R2T from {offset}, expected {next}"));
        }
        let end = offset.saturating_add(want);
        self.r2t_next = Some(if recovers { self.r2t_next.map_or(end, |next| next.max(end)) } else { end });
        self.r2ts.push(OpenR2t { ttt, offset, len: want });
        // What was asked for again may long have been answered.
        if !self.loose && self.r2ts.len() > params.max_outstanding_r2t as usize {
            wrong(
                "rfc7143/13.17",
                format!("{} R2Ts open, agreed {}", self.r2ts.len(), params.max_outstanding_r2t),
            );
        }
    }
}

impl Session {
    pub(super) fn audit_data_in(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        if pdu.flag("A") && self.params.error_recovery_level == 0 {
            found.push(Violation::must("rfc7143/11.7.2-2", "A bit at recovery level 0"));
        }
        if !pdu.flag("A") && (pdu.word("TTT") != super::NO_TAG || pdu.field("LUN") != Some(0)) {
            found.push(Violation::must("rfc7143/11.7.4-1", "Data-In with TTT or LUN and without the A bit"));
        }
        if !pdu.flag("S") && (pdu.word("StatSN") != 0 || pdu.word("Status") != 0) {
            found.push(Violation::must(
                "rfc7143/10.7-4",
                "Data-In with StatSN or Status and without the S bit",
            ));
        }
        if pdu.flag("S") && !pdu.flag("F") {
            found.push(Violation::must("rfc7143/11.7.3-3", "Data-In with S and without F"));
        }
        let Some(task) = self.task_of(Kind::DataIn, &[Kind::ScsiCommand], pdu, found) else { return };
        if !task.transfer.read {
            let text = format!("Data-In for task {:#x}, which does not read", pdu.itt());
            return found.push(Violation::must("rfc7143/11.3.1", text));
        }
        if pdu.flag("A") && pdu.field("LUN") != Some(task.lun) {
            found.push(Violation::must("rfc7143/11.7.4-2", "Data-In with the LUN of another task"));
        }
        if let Some(task) = self.audit.tasks.get_mut(&pdu.itt()) {
            task.transfer.check_data_in(pdu, &self.params, found);
        }
        if pdu.flag("S") {
            self.audit_status_in_data(pdu, found);
        }
    }

    pub(super) fn audit_r2t(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        let Some(task) = self.task_of(Kind::R2T, &[Kind::ScsiCommand], pdu, found) else { return };
        if !task.transfer.write {
            let text = format!("R2T for task {:#x}, which does not write", pdu.itt());
            return found.push(Violation::must("rfc7143/11.8", text));
        }
        if pdu.field("LUN") != Some(task.lun) {
            found.push(Violation::must("rfc7143/11.8", "R2T with another LUN than its task's"));
        }
        if let Some(task) = self.audit.tasks.get_mut(&pdu.itt()) {
            task.transfer.check_r2t(pdu, &self.params, found);
        }
    }
}

impl Task {
    /// Bytes that did not move, in the direction the residual speaks about (11.4.5).
    pub(super) fn moved(&self) -> (u32, u32) {
        let t = &self.transfer;
        if t.write { (t.out_bytes.min(t.out_len), t.out_len) } else { (t.in_bytes, t.in_len) }
    }
}
