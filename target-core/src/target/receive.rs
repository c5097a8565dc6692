//! A frame came in: what is it, and may it come now? (RFC 7143 sections 4.2.3, 7.8, 11)

use super::Target;
use super::command::Extras;
use crate::api::{ConnId, Flow, RxStatus};
use crate::conn::framing::{Frame, Verdict};
use crate::fault::Fault;
use crate::probe::ProbeSink;
use crate::wire::{
    DataOut, Digests, LoginRequest, LogoutReason, LogoutRequest, Lun, NopOut, Opcode, ScsiCommand,
};

/// Which segments a PDU may have besides its basic header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Additional headers and data.
    Any,
    /// Data.
    Data,
    /// Neither.
    Bare,
}

impl<S: ProbeSink> Target<S> {
    /// Takes one frame of a connection.
    pub(super) fn receive(&mut self, id: ConnId, frame: Frame) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.is_ending() {
            return;
        }
        if let Some(keepalive) = &mut conn.keepalive {
            keepalive.heard(now);
        }
        let full_feature = conn.state.is_full_feature();
        match frame.verdict {
            Verdict::Good if full_feature => self.full_feature(id, &frame),
            Verdict::Good => self.login_phase(id, &frame),
            Verdict::HeaderDigest => self.violation(id, Fault::HeaderDigest, &frame),
            Verdict::TooLong => self.violation(id, Fault::SegmentTooLong, &frame),
            Verdict::DataDigest => self.bad_data(id, &frame),
        }
        self.arm_conn(id);
    }

    /// A PDU whose header is good and whose data is not (RFC 7143 7.8).
    fn bad_data(&mut self, id: ConnId, frame: &Frame) {
        let session = self.conns.get(&id).and_then(|conn| conn.session);
        match (Opcode::of(&frame.bhs), session) {
            (Some(Opcode::DataOut), Some(session)) => self.data_out(id, session, frame),
            _ => self.violation(id, Fault::DataDigest, frame),
        }
    }

    /// Any initiator PDU fires its probe here before it is judged, whatever the phase.
    fn full_feature(&mut self, id: ConnId, frame: &Frame) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(session) = conn.session else { return };
        let data_max = conn.params.max_recv_segment;
        let Some(opcode) = Opcode::of(&frame.bhs).filter(|opcode| !opcode.is_target()) else {
            return self.violation(id, Fault::UnknownOpcode, frame);
        };
        // ExpStatSN lies in the same place in every initiator PDU. That of a logout is about the connection to be closed
        // (RFC 7143 11.14.4).
        let exp_stat_sn = NopOut::parse(&frame.bhs).exp_stat_sn;
        let logout = (opcode == Opcode::LogoutRequest).then(|| LogoutRequest::parse(&frame.bhs));
        match logout.filter(|pdu| !closes(conn.cid, pdu)) {
            Some(pdu) => self.acknowledge_other(session, pdu.cid, exp_stat_sn),
            None => {
                if conn.acknowledge(exp_stat_sn) {
                    self.forget_acknowledged(session);
                }
            }
        }
        if self.sessions.get(session).is_some_and(|session| session.fence.is_some()) {
            self.unsettled.push(session);
        }
        match opcode {
            Opcode::ScsiCommand => {
                // Reserved bits are not looked at, here and in the others (rfc7143/10.7-5).
                let pdu = ScsiCommand::parse(&frame.bhs);
                let extras = Extras::read(&pdu, &frame.ahs);
                self.fire_scsi_command(id, frame, &pdu, &extras);
                if self.is_welcome(id, opcode, frame, data_max) {
                    self.scsi_command(id, session, frame, &pdu, extras);
                }
            }
            Opcode::DataOut => {
                let pdu = DataOut::parse(&frame.bhs);
                let lun = self.lun_of_task(id, pdu.itt);
                self.fire_data_out(id, frame, &pdu, lun);
                if self.is_welcome(id, opcode, frame, data_max) {
                    self.data_out(id, session, frame);
                }
            }
            other => {
                self.fire_other(id, other, frame);
                if self.is_welcome(id, opcode, frame, data_max) {
                    self.other(id, opcode, frame);
                }
            }
        }
    }

    fn other(&mut self, id: ConnId, opcode: Opcode, frame: &Frame) {
        let Some(session) = self.conns.get(&id).and_then(|conn| conn.session) else { return };
        match opcode {
            Opcode::NopOut => self.nop_out(id, session, frame),
            Opcode::TaskRequest => self.task_request(id, session, frame),
            Opcode::TextRequest => self.text_request(id, session, frame),
            Opcode::LogoutRequest => self.logout_request(id, session, frame),
            // rfc7143/4.2.3.6-4.
            Opcode::LoginRequest => self.violation(id, Fault::LoginInFullFeature, frame),
            Opcode::Snack => self.snack(id, session, frame),
            Opcode::ScsiCommand
            | Opcode::DataOut
            | Opcode::NopIn
            | Opcode::ScsiResponse
            | Opcode::TaskResponse
            | Opcode::LoginResponse
            | Opcode::TextResponse
            | Opcode::DataIn
            | Opcode::LogoutResponse
            | Opcode::R2t
            | Opcode::AsyncMessage
            | Opcode::Reject => self.violation(id, Fault::UnknownOpcode, frame),
        }
    }

    /// Whether the PDU has the segments its kind may have, and its kind is one that this session takes.
    fn is_welcome(&mut self, id: ConnId, opcode: Opcode, frame: &Frame, data_max: u32) -> bool {
        let shape = match opcode {
            Opcode::ScsiCommand => Shape::Any,
            Opcode::DataOut | Opcode::NopOut | Opcode::TextRequest | Opcode::LoginRequest => Shape::Data,
            _ => Shape::Bare,
        };
        let stray_ahs = shape != Shape::Any && !frame.ahs.is_empty();
        let stray_data = shape == Shape::Bare && !frame.data.is_empty();
        let discovery =
            // rfc7143/4.2.9.1-1.
            self.is_discovery(id) && !matches!(opcode, Opcode::TextRequest | Opcode::LogoutRequest);
        let fault = if frame.data.len() > data_max as usize {
            Fault::SegmentTooLong
        } else if stray_ahs || stray_data {
            Fault::SegmentNotAllowed
        } else if discovery {
            Fault::NotInDiscovery
        } else {
            return true;
        };
        self.violation(id, fault, frame);
        false
    }

    /// Nothing but Login Requests may come now (rfc7143/4.2.3.6-6 and 4.2.3.6-7).
    fn login_phase(&mut self, id: ConnId, frame: &Frame) {
        match Opcode::of(&frame.bhs) {
            Some(Opcode::LoginRequest) => {
                self.observe_names(id, frame);
                self.fire_other(id, Opcode::LoginRequest, frame);
                self.login_request(id, &LoginRequest::parse(&frame.bhs), frame);
            }
            Some(Opcode::ScsiCommand) => {
                let pdu = ScsiCommand::parse(&frame.bhs);
                self.fire_scsi_command(id, frame, &pdu, &Extras::read(&pdu, &frame.ahs));
                self.not_login(id, frame);
            }
            Some(Opcode::DataOut) => {
                self.fire_data_out(id, frame, &DataOut::parse(&frame.bhs), Lun(0));
                self.not_login(id, frame);
            }
            // A SNACK, too (rfc7143/7.1.4-3).
            Some(opcode) => {
                self.fire_other(id, opcode, frame);
                self.not_login(id, frame);
            }
            None => self.not_login(id, frame),
        }
    }

    fn lun_of_task(&self, id: ConnId, itt: u32) -> Lun {
        let session = self.conns.get(&id).and_then(|conn| conn.session);
        let tasks = session.and_then(|session| self.sessions.get(session)).map(|session| &session.tasks);
        tasks.and_then(|tasks| tasks.get(tasks.find(itt)?)).map_or(Lun(0), |task| task.lun)
    }

    fn is_discovery(&self, id: ConnId) -> bool {
        let session = self.conns.get(&id).and_then(|conn| conn.session);
        session.and_then(|session| self.sessions.get(session)).is_some_and(|session| session.is_discovery())
    }

    /// What the driver must know after a frame.
    pub(super) fn rx_status(&mut self, id: ConnId) -> RxStatus {
        let pause = self.is_overloaded(id);
        let Some(conn) = self.conns.get_mut(&id) else {
            return RxStatus { flow: Flow::Ended, ..RxStatus::default() };
        };
        // As soon as the target would declare more, more may come.
        let data_max = conn.params.max_recv_segment.max(self.config.offer.max_recv_data_segment_length);
        // rfc7143/13.1-2.
        let digests = if conn.state.is_full_feature() { conn.params.digests } else { Digests::default() };
        if conn.is_ending() {
            return RxStatus { flow: Flow::Ended, digests, data_max: 0 };
        }
        if pause && !conn.paused {
            conn.paused = true;
            self.paused.push(id);
        }
        RxStatus { flow: if pause { Flow::Paused } else { Flow::Open }, digests, data_max }
    }

    /// Whether nothing more should be read from a connection for now: it does not read what it is sent, or its session
    /// holds too much and will give some of it back without a word from its initiator. What was asked for by an R2T must be read:
    /// nothing else ends the command that waits for it.
    fn is_overloaded(&self, id: ConnId) -> bool {
        let Some(conn) = self.conns.get(&id) else { return false };
        let limits = &self.config.limits;
        let commands = limits.commands as usize;
        let immediate = limits.immediate as usize;
        let r2ts = usize::from(self.config.offer.max_outstanding_r2t);
        if planted!(NeverPaused) {
            return false;
        }
        if conn.out.len() > commands * (1 + r2ts) + 2 * immediate + 16 {
            return true;
        }
        let Some(session) = conn.session.and_then(|session| self.sessions.get(session)) else { return false };
        session.tasks.len() > 2 * commands + immediate
            || (session.held > self.held_limit() && session.gives_back())
    }

    /// Lets the drivers of paused connections read on where that is possible again.
    pub(super) fn resume_paused(&mut self) {
        if self.paused.is_empty() {
            return;
        }
        let paused = core::mem::take(&mut self.paused);
        for id in paused {
            if self.is_overloaded(id) {
                self.paused.push(id);
            } else if let Some(conn) = self.conns.get_mut(&id) {
                conn.paused = false;
                if !conn.is_ending() {
                    self.events.push_back(crate::api::Event::Resume(id));
                    self.restart_waiting(id);
                }
            }
        }
    }
}

/// Whether a logout is about the connection `cid` that it came over.
fn closes(cid: u16, pdu: &LogoutRequest) -> bool {
    LogoutReason::from_u8(pdu.reason) == Some(LogoutReason::CloseSession) || pdu.cid == cid
}
