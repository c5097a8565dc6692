//! Text requests in full feature phase: the exchange decides, this hands it what it needs (RFC 7143 11.10, 11.11).

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::{Frame, Verdict};
use crate::conn::out::{Out, TextOut};
use crate::conn::text::{TextEnv, TextStep};
use crate::fault::Fault;
use crate::probe::ProbeSink;
use crate::session::{Pending, SessionKey};
use crate::wire::{BHS_LEN, TextRequest, TmfResponse};
use alloc::boxed::Box;
use bytes::Bytes;

impl<S: ProbeSink> Target<S> {
    /// Puts a Text Request in CmdSN order.
    pub(super) fn text_request(&mut self, id: ConnId, session_key: SessionKey, frame: &Frame) {
        let pdu = TextRequest::parse(&frame.bhs);
        if !self.may_submit(id, session_key, pdu.itt, pdu.cmd_sn, pdu.immediate, frame) {
            return;
        }
        if pdu.immediate
            && let Some(conn) = self.conns.get_mut(&id)
        {
            conn.immediate += 1;
        }
        let item = Pending::Text(Box::new((id, frame.bhs, frame.data.clone())));
        self.submit(session_key, pdu.cmd_sn, pdu.immediate, item);
    }

    /// ABORT TASK of an exchange that is open: it ends without a word, nothing of it takes effect, and a further request of
    /// it that waits for its turn counts as received (RFC 7143 11.5.1). `None` if there is no such exchange.
    pub(super) fn abort_text(
        &mut self,
        session_key: SessionKey,
        id: ConnId,
        itt: u32,
    ) -> Option<TmfResponse> {
        let session = self.sessions.get_mut(session_key)?;
        let conns = &mut self.conns;
        let is_there =
            |id: ConnId| conns.get(&id)?.text.as_ref().filter(|text| text.is_about(itt)).map(|_| id);
        let owner = session.conns.iter().find_map(|(_, id)| is_there(*id))?;
        if owner != id {
            // It belongs to a connection that works (rfc7143/11.5.1-10).
            return Some(TmfResponse::FunctionRejected);
        }
        session.take_held_request(itt);
        if let Some(text) = conns.get_mut(&id).and_then(|conn| conn.text.as_mut()) {
            text.abort();
        }
        Some(TmfResponse::FunctionComplete)
    }

    /// Its turn has come.
    pub(super) fn text_delivered(
        &mut self,
        session_key: SessionKey,
        id: ConnId,
        bhs: [u8; BHS_LEN],
        data: Bytes,
    ) {
        let pdu = TextRequest::parse(&bhs);
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let env = TextEnv {
            config: &self.config,
            local: conn.local,
            group: conn.group,
            max_send_segment: conn.params.max_send_segment,
            max_recv_segment: conn.receive_change.map_or(conn.params.max_recv_segment, |(_, length)| length),
        };
        let Some(exchange) = &mut conn.text else { return };
        match exchange.receive(&env, &pdu, &data) {
            TextStep::Reply(reply) => {
                // rfc7143/11.10.4-3.
                let out = TextOut { reply, itt: pdu.itt, lun: pdu.lun, immediate: pdu.immediate };
                conn.out.push(Out::Text(Box::new(out)));
                if !pdu.immediate
                    && let Some(session) = self.sessions.get_mut(session_key)
                {
                    session.window.finish();
                }
                self.wake(id);
            }
            TextStep::Reject(fault) => {
                if pdu.immediate {
                    conn.immediate = conn.immediate.saturating_sub(1);
                } else if let Some(session) = self.sessions.get_mut(session_key) {
                    // A rejected request counts as not received; the initiator fills the gap (rfc7143/7.3-2).
                    if planted!(RejectedTextCounts) {
                        session.window.finish();
                    } else {
                        session.window.undeliver();
                    }
                }
                let frame = Frame { bhs, ahs: Bytes::new(), data, verdict: Verdict::Good };
                self.violation(id, Fault::Text(fault), &frame);
            }
        }
    }
}
