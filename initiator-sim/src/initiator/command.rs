//! How does one SCSI command run? Its data in both directions and its end (RFC 7143 11.3, 11.4, 11.7, 11.8).

use std::collections::BTreeSet;

use bytes::Bytes;

use super::compose::NO_TAG;
use super::program::{Step, rejected};
use super::sense::Sense;
use super::{Draft, FieldValue, Incoming, Session};
use crate::codec::ahs::Ahs;
use crate::codec::{Kind, Pdu};

/// How much of a write is sent unasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unsolicited {
    /// As much as was negotiated (RFC 7143 4.2.5.2).
    #[default]
    Negotiated,
    /// Immediate data only, as much as was negotiated.
    ImmediateOnly,
    /// Nothing: all data waits for R2Ts.
    Nothing,
}

/// A command to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandPlan {
    /// The LUN field, eight bytes as a number; see [`lun`].
    pub lun: u64,
    /// The CDB; more than 16 bytes go into an AHS.
    pub cdb: Vec<u8>,
    /// Bytes expected from the target; sets R.
    pub read_len: u32,
    /// Bytes to be sent to the target; sets W. May differ from what `data` holds: zeros follow.
    pub write_len: u32,
    /// What to write.
    pub data: Bytes,
    /// How much of it unasked.
    pub unsolicited: Unsolicited,
    /// Data-Out PDUs of at most this size, less than the target's MaxRecvDataSegmentLength.
    pub data_pdu_max: Option<u32>,
    /// Task attribute; simple when absent.
    pub attr: Option<u8>,
    /// For immediate delivery.
    pub immediate: bool,
    /// Overrides of the command's fields.
    pub fields: Vec<(String, FieldValue)>,
}

/// The LUN field of a number: peripheral addressing below 256, flat up to 16383 (SAM-5 4.7).
pub fn lun(number: u16) -> u64 {
    let flat = if number < 256 { 0 } else { 0x4000 };
    u64::from(flat | number) << 48
}

/// The difference between expected and presented bytes (11.4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Residual {
    /// None.
    #[default]
    None,
    /// The target had this many more.
    Overflow(u32),
    /// The target had this many fewer.
    Underflow(u32),
}

/// How a command ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandOutcome {
    /// The reason, if the command itself was rejected; then nothing below counts.
    pub rejected: Option<u8>,
    /// iSCSI service response: 0 is Command Completed at Target.
    pub response: u8,
    /// SCSI status.
    pub status: u8,
    /// Decoded sense data.
    pub sense: Option<Sense>,
    /// Sense data as it came.
    pub sense_bytes: Vec<u8>,
    /// What was read: as far as data came, holes are zeros.
    pub data: Vec<u8>,
    /// The residual; of a bidirectional command the write's.
    pub residual: Residual,
    /// A bidirectional command's read residual.
    pub bidi_residual: Residual,
    /// Data-In PDUs and R2Ts that came.
    pub data_ins: u32,
    /// R2Ts that came.
    pub r2ts: u32,
}

/// Runs one command.
#[derive(Debug)]
pub struct CommandProgram {
    plan: CommandPlan,
    conn: usize,
    itt: u32,
    outcome: CommandOutcome,
    /// Numbers of Data-In and R2T that came, where what is missing can be asked for.
    came: BTreeSet<u32>,
    /// What is missing before this number was asked for.
    asked: u32,
    /// The status that came before all data had.
    status: Option<Pdu>,
}

impl CommandProgram {
    /// A command on a connection.
    pub fn new(conn: usize, plan: CommandPlan) -> CommandProgram {
        CommandProgram {
            plan,
            conn,
            itt: NO_TAG,
            outcome: CommandOutcome::default(),
            came: BTreeSet::new(),
            asked: 0,
            status: None,
        }
    }

    /// Its Initiator Task Tag, after [`CommandProgram::start`].
    pub fn itt(&self) -> u32 {
        self.itt
    }

    /// The command, and the unsolicited data that goes with it.
    pub fn start(&mut self, session: &mut Session) -> Step<CommandOutcome> {
        let named = self.plan.fields.iter().rev().find(|(name, _)| name == "ITT");
        self.itt = match named {
            Some((_, FieldValue::Number(itt))) => *itt as u32,
            _ => session.take_itt(),
        };
        let link = session.connection(self.conn).params;
        let params = &session.params;
        let total = self.plan.write_len;
        let burst = total.min(params.first_burst);
        let immediate = match self.plan.unsolicited {
            Unsolicited::Nothing => 0,
            _ if params.immediate_data => burst.min(link.send_max),
            _ => 0,
        };
        let more =
            self.plan.unsolicited == Unsolicited::Negotiated && !params.initial_r2t && immediate < burst;
        let mut send = vec![self.command(immediate, !more)];
        if more {
            self.data_out(session, NO_TAG, immediate, burst - immediate, &mut send);
        }
        Step::send(send)
    }

    fn command(&self, immediate: u32, last: bool) -> Draft {
        let plan = &self.plan;
        let (read, write) = (plan.read_len > 0, plan.write_len > 0);
        let edtl = if write { plan.write_len } else { plan.read_len };
        let mut draft = Draft::new(Kind::ScsiCommand)
            .with("ITT", u64::from(self.itt))
            .with("LUN", plan.lun)
            .with("F", u64::from(last))
            .with("R", u64::from(read))
            .with("W", u64::from(write))
            .with("I", u64::from(plan.immediate))
            .with("ATTR", u64::from(plan.attr.unwrap_or(1)))
            .with("EDTL", u64::from(edtl))
            .with_cdb(&plan.cdb)
            .with_data(self.slice(0, immediate));
        if read && write {
            Ahs::bidi_read_length(plan.read_len).emit(&mut draft.ahs);
        }
        for (name, value) in &plan.fields {
            draft = draft.with(name.clone(), value.clone());
        }
        draft
    }

    /// One sequence of Data-Out: offsets ascend, DataSN counts from 0, F is on the last (11.7).
    fn data_out(&self, session: &Session, ttt: u32, offset: u32, len: u32, send: &mut Vec<Draft>) {
        let limit = session.connection(self.conn).params.send_max;
        let limit = self.plan.data_pdu_max.unwrap_or(limit).min(limit).max(1);
        let mut done = 0;
        for data_sn in 0u64.. {
            let piece = limit.min(len - done);
            let at = offset.saturating_add(done);
            done += piece;
            let draft = Draft::new(Kind::DataOut)
                .with("ITT", u64::from(self.itt))
                .with("TTT", u64::from(ttt))
                // The LUN accompanies a valid TTT (11.7.4); else it is reserved.
                .with("LUN", if ttt == NO_TAG { 0 } else { self.plan.lun })
                .with("DataSN", data_sn)
                .with("BufferOffset", u64::from(at))
                .with("F", u64::from(done == len))
                .with_data(self.slice(at, piece));
            send.push(draft);
            if done == len {
                break;
            }
        }
    }

    /// Bytes to write; zeros where the plan has none.
    fn slice(&self, at: u32, len: u32) -> Bytes {
        let (at, end) = (at as usize, at as usize + len as usize);
        let data = &self.plan.data;
        if end <= data.len() {
            return data.slice(at..end);
        }
        let mut piece = data.get(at.min(data.len())..).unwrap_or(&[]).to_vec();
        piece.resize(len as usize, 0);
        piece.into()
    }

    /// Takes what came; PDUs of other tasks are passed over.
    pub fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<CommandOutcome> {
        if let Some(reason) = rejected(incoming, Kind::ScsiCommand, self.itt) {
            self.outcome.rejected = Some(reason);
            return Step::done(core::mem::take(&mut self.outcome));
        }
        let Some((kind, pdu)) = incoming.pdu().filter(|(_, pdu)| pdu.itt() == self.itt) else {
            return Step::wait();
        };
        if session.params.error_recovery_level > 0
            && let Some(step) = self.recover(kind, pdu, session)
        {
            return step;
        }
        self.take(kind, pdu, session)
    }

    /// Asks for what is missing (7.8, 7.9) and acknowledges what the target wants acknowledged (11.7.2). A status waits
    /// until all data is there. `None`: take the PDU as it is.
    fn recover(&mut self, kind: Kind, pdu: &Pdu, session: &Session) -> Option<Step<CommandOutcome>> {
        let expected = self.came.iter().zip(0..).find(|(sn, at)| **sn != *at).map(|(_, at)| at);
        let expected = expected.unwrap_or(self.came.len() as u32);
        let (number, is_status) = match kind {
            Kind::DataIn => (pdu.word("DataSN"), pdu.flag("S")),
            Kind::R2T => (pdu.word("R2TSN"), false),
            Kind::ScsiResponse if self.came.is_empty() && pdu.word("ExpDataSN") == 0 => return None,
            Kind::ScsiResponse => (pdu.word("ExpDataSN"), true),
            _ => return None,
        };
        let numbered = kind != Kind::ScsiResponse;
        if numbered && !self.came.insert(number) {
            return Some(Step::wait()); // A duplicate (7.9).
        }
        let mut step = match kind {
            Kind::DataIn => {
                self.data_in(pdu);
                Step::wait()
            }
            Kind::R2T => self.take(kind, pdu, session),
            _ => Step::wait(),
        };
        let from = expected.max(self.asked);
        if number > from {
            step.send.push(self.snack(0, NO_TAG, from, number - from));
        }
        // Each gap is asked for once.
        self.asked = self.asked.max(if numbered { number + 1 } else { number });
        if is_status {
            self.status = Some(pdu.clone());
        } else if kind == Kind::DataIn
            && pdu.flag("A")
            // A status that was acknowledged acknowledges the data (11.7.2).
            && session.is_owed(self.itt)
            && self.came.len() as u32 == number + 1
        {
            let lun = pdu.field("LUN").unwrap_or(0);
            let ack = self.snack(2, pdu.word("TTT"), number + 1, 0);
            step.send.push(ack.with("LUN", lun).with("ITT", u64::from(NO_TAG)));
        }
        let all = self.status.as_ref().map(|status| match status.kind() {
            Some(Kind::ScsiResponse) => {
                // Its ExpDataSN counts Data-Ins; R2Ts share their numbers (11.4.8).
                self.outcome.data_ins >= status.word("ExpDataSN")
            }
            _ => self.came.len() as u32 == status.word("DataSN") + 1,
        });
        if all == Some(true)
            && let Some(status) = self.status.take()
        {
            let end = match status.kind() {
                Some(Kind::ScsiResponse) => self.take(Kind::ScsiResponse, &status, session),
                _ => self.finish(&status),
            };
            step.done = end.done;
        }
        Some(step)
    }

    fn snack(&self, kind: u64, ttt: u32, first: u32, len: u32) -> Draft {
        Draft::new(Kind::Snack)
            .with("Type", kind)
            .with("ITT", u64::from(self.itt))
            .with("TTT", u64::from(ttt))
            .with("BegRun", u64::from(first))
            .with("RunLength", u64::from(len))
    }

    fn take(&mut self, kind: Kind, pdu: &Pdu, session: &Session) -> Step<CommandOutcome> {
        match kind {
            Kind::DataIn => {
                self.data_in(pdu);
                if pdu.flag("S") { self.finish(pdu) } else { Step::wait() }
            }
            Kind::R2T => {
                self.outcome.r2ts += 1;
                let (offset, len) = (pdu.word("BufferOffset"), pdu.word("DesiredLen"));
                let mut send = Vec::new();
                // More than was announced is not sent: the audit reports such an R2T.
                let len = len.min(self.plan.write_len.saturating_sub(offset));
                self.data_out(session, pdu.word("TTT"), offset, len, &mut send);
                Step::send(send)
            }
            Kind::ScsiResponse => {
                self.outcome.response = pdu.word("Response") as u8;
                self.outcome.sense = Sense::of_response(&pdu.data);
                if let Some((len, rest)) = pdu.data.split_first_chunk::<2>() {
                    let len = usize::from(u16::from_be_bytes(*len)).min(rest.len());
                    self.outcome.sense_bytes = rest[..len].to_vec();
                }
                let count = pdu.word("BidiResidualCount");
                self.outcome.bidi_residual = residual(pdu.flag("o"), pdu.flag("u"), count);
                self.finish(pdu)
            }
            _ => Step::wait(),
        }
    }

    fn data_in(&mut self, pdu: &Pdu) {
        self.outcome.data_ins += 1;
        let at = pdu.word("BufferOffset") as usize;
        let room = self.plan.read_len as usize;
        let end = at.saturating_add(pdu.data.len()).min(room);
        if at >= end {
            return;
        }
        if self.outcome.data.len() < end {
            self.outcome.data.resize(end, 0);
        }
        self.outcome.data[at..end].copy_from_slice(&pdu.data[..end - at]);
    }

    fn finish(&mut self, pdu: &Pdu) -> Step<CommandOutcome> {
        self.outcome.status = pdu.word("Status") as u8;
        self.outcome.residual = residual(pdu.flag("O"), pdu.flag("U"), pdu.word("ResidualCount"));
        Step::done(core::mem::take(&mut self.outcome))
    }
}

fn residual(over: bool, under: bool, count: u32) -> Residual {
    match (over, under) {
        (true, _) => Residual::Overflow(count),
        (false, true) => Residual::Underflow(count),
        (false, false) => Residual::None,
    }
}
