//! What must not be asked: carrying out the reaction to a violation (RFC 7143 7.3, 11.17).

use super::Target;
use crate::api::{ConnId, Event};
use crate::conn::framing::Frame;
use crate::conn::out::Out;
use crate::fault::{Fault, Reaction};
use crate::probe::ProbeSink;
use crate::wire::{BHS_LEN, RejectReason};
use alloc::vec::Vec;

impl<S: ProbeSink> Target<S> {
    /// Does to the connection what the violation calls for. What it does to a command is the caller's.
    pub(super) fn violation(&mut self, id: ConnId, fault: Fault, frame: &Frame) {
        self.note_violation(id, fault);
        match fault.reaction() {
            Reaction::Ignore | Reaction::Sense(_) => {}
            Reaction::Reject(reason) | Reaction::RejectAndSense(reason, _) => {
                self.reject(id, reason, frame, 0)
            }
            Reaction::LoginStatus(status) => self.refuse_login(id, status, frame),
            Reaction::DropConnection => self.drop_connection(id, "protocol violation"),
            Reaction::DropSession => match self.conns.get(&id).and_then(|conn| conn.session) {
                Some(session) => self.abort_session(session, "protocol violation"),
                None => self.drop_connection(id, "protocol violation"),
            },
        }
    }

    /// Tells whoever listens. What is ignored by the RFC's order is not worth a word.
    pub(super) fn note_violation(&mut self, id: ConnId, fault: Fault) {
        if fault.reaction() != Reaction::Ignore {
            self.events.push_back(Event::Violation { conn: id, fault });
        }
    }

    /// Queues a Reject with all header segments of the PDU (rfc7143/11.17.4), as far as the initiator takes them.
    /// `data_sn` is for refused Data and R2T SNACKs (RFC 7143 11.17.2).
    pub(super) fn reject(&mut self, id: ConnId, reason: RejectReason, frame: &Frame, data_sn: u32) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let mut header = Vec::with_capacity(BHS_LEN + frame.ahs.len());
        header.extend_from_slice(&frame.bhs);
        if !planted!(RejectWithoutAhs) {
            header.extend_from_slice(&frame.ahs);
        }
        header.truncate(conn.params.max_send_segment as usize);
        // rfc7143/7.3-1.
        conn.out.push(Out::Reject { reason, header: header.into(), data_sn });
        self.wake(id);
    }
}
