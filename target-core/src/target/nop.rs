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
        if pdu.itt == RESERVED_TAG {
            return self.nop_answer(id, &pdu, frame);
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
    fn nop_answer(&mut self, id: ConnId, pdu: &NopOut, frame: &Frame) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let fault = if !pdu.immediate {
            Fault::NopNotImmediate
        } else if pdu.ttt == RESERVED_TAG {
            return;
        } else if conn.ping == Some(pdu.ttt) {
            conn.ping = None;
            if let Some(keepalive) = &mut conn.keepalive {
                keepalive.answered();
            }
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
        conn.out.push(Out::NopEcho { itt: pdu.itt, data: data.clone(), immediate: pdu.immediate });
        self.wake(id);
    }
}
