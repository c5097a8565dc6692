//! NOP-Out: pings, and answers to ours (RFC 7143 11.18, 11.19).

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::Frame;
use crate::conn::out::Out;
use crate::fault::Fault;
use crate::probe::ProbeSink;
use crate::session::{Pending, SessionKey};
use crate::wire::{NopOut, RESERVED_TAG};
use alloc::boxed::Box;
use bytes::Bytes;

impl<S: ProbeSink> Target<S> {
    /// Tells the three uses of NOP-Out apart.
    pub(super) fn nop_out(&mut self, id: ConnId, session_key: SessionKey, frame: &Frame) {
        let pdu = NopOut::parse(&frame.bhs);
        // rfc7143/11.19-4.
        if pdu.itt == RESERVED_TAG {
            return self.nop_answer(id, session_key, &pdu, frame);
        }
        if !self.may_submit(id, session_key, pdu.itt, pdu.cmd_sn, pdu.immediate, frame) {
            return;
        }
        if pdu.ttt != RESERVED_TAG {
            return self.violation(id, Fault::NopTags, frame);
        }
        if pdu.immediate
            && let Some(conn) = self.conns.get_mut(&id)
        {
            conn.immediate += 1;
        }
        let item = Pending::Nop(Box::new((id, pdu, frame.data.clone())));
        self.submit(session_key, pdu.cmd_sn, pdu.immediate, item);
    }

    /// Without a task tag it wants no answer: it answers a ping of ours, or only brings ExpStatSN.
    fn nop_answer(&mut self, id: ConnId, session_key: SessionKey, pdu: &NopOut, frame: &Frame) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let fault = if !pdu.immediate {
            Fault::NopNotImmediate
        } else if pdu.ttt == RESERVED_TAG {
            // That may be how it says that it sends no more data for terminated tasks (RFC 7143 11.9.1, event 5).
            if conn.terminations.acknowledged(pdu.lun, pdu.exp_stat_sn)
                && let Some(session) = self.sessions.get_mut(session_key)
            {
                // rfc7143/4.2.3.4-16.
                session.aborted.release(id, pdu.lun);
            }
            return;
        } else if conn.answers_ping(pdu.ttt) {
            return;
        } else {
            Fault::NopTags
        };
        self.violation(id, fault, frame);
    }

    /// Its turn has come: the echo goes out.
    pub(super) fn nop_delivered(&mut self, session_key: SessionKey, id: ConnId, pdu: &NopOut, data: &Bytes) {
        if !pdu.immediate
            && let Some(session) = self.sessions.get_mut(session_key)
        {
            session.window.finish();
        }
        let Some(conn) = self.conns.get_mut(&id) else { return };
        // rfc7143/11.18.1-3, rfc7143/11.19-1, rfc7143/4.2.5.1-1.
        conn.out.push(Out::NopEcho { itt: pdu.itt, data: data.clone(), immediate: pdu.immediate });
        self.wake(id);
    }
}
