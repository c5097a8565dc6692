//! What the target says of its own: asynchronous messages and window updates (RFC 7143 11.4.11, 11.9).

use super::Target;
use crate::api::ConnId;
use crate::config::CONNECTIONS_MAX;
use crate::conn::connection::Due;
use crate::conn::out::{AsyncOut, Out};
use crate::conn::states::Transition;
use crate::probe::ProbeSink;
use crate::scsi::{Sense, SenseCode};
use crate::session::SessionKey;
use crate::wire::{AsyncEvent, Lun};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

impl<S: ProbeSink> Target<S> {
    /// Queues an Asynchronous Message. Discovery sessions get none (RFC 7143 7.4.3).
    pub(super) fn notify(&mut self, id: ConnId, message: AsyncOut) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let session = conn.session.and_then(|session| self.sessions.get(session));
        if conn.is_ending() || session.is_none_or(|session| session.is_discovery()) {
            return;
        }
        conn.out.push(Out::Async(Box::new(message)));
        self.wake(id);
    }

    /// Event 1: asks for a logout within `seconds`.
    pub(super) fn request_logout(&mut self, id: ConnId, seconds: u16) {
        // rfc7143/11.9.1-1.
        self.notify(id, event(AsyncEvent::LogoutRequest, [0, 0, seconds]));
        let due = self.now + Duration::from_secs(u64::from(seconds));
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.go(Transition::T11);
            conn.go(Transition::T12);
            conn.deadline = Some((due, Due::Logout));
        }
        self.arm_conn(id);
    }

    /// Event 2: drops a connection with a word. Without a session there is nobody to tell.
    pub(super) fn announce_drop(&mut self, id: ConnId, reason: &'static str) {
        let Some(conn) = self.conns.get(&id) else { return };
        let Some(session) = conn.session.and_then(|session| self.sessions.get(session)) else {
            return self.drop_connection(id, reason);
        };
        let parameters = [conn.cid, session.params.time2wait, session.params.time2retain];
        // rfc7143/4.2.5.4-1, rfc7143/4.2.5.4-2.
        self.notify(id, event(AsyncEvent::ConnectionDropNotification, parameters));
        self.leave_and_close(id, reason);
    }

    /// Event 2 over another connection of the session: that one failed (rfc7143/7.1.4.3-4).
    pub(super) fn announce_loss(&mut self, session_key: SessionKey, cid: u16) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let retain = if self.draining { 0 } else { session.params.time2retain };
        let parameters = [cid, session.params.time2wait, retain];
        // Who drops connections faster than it reads about them is not told of all.
        let hears = |id: &ConnId| {
            let conn = self.conns.get(id);
            conn.is_some_and(|conn| !conn.is_ending() && conn.out.messages() < usize::from(CONNECTIONS_MAX))
        };
        let Some(id) = session.conns.iter().map(|(_, id)| *id).find(hears) else { return };
        self.notify(id, event(AsyncEvent::ConnectionDropNotification, parameters));
    }

    /// Event 3: drops a session with a word on each of its connections.
    pub(super) fn announce_session_drop(&mut self, session_key: SessionKey, reason: &'static str) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let conns: Vec<ConnId> = session.conns.iter().map(|(_, conn)| *conn).collect();
        // Nothing is kept for a reconnection.
        let parameters = [0, session.params.time2wait, 0];
        for id in conns {
            self.notify(id, event(AsyncEvent::SessionDropNotification, parameters));
            self.leave_session(id);
            self.close_after_output(id, reason);
        }
        self.end_session(session_key, None, reason);
    }

    /// Event 4: asks for a negotiation.
    pub(super) fn request_negotiation(&mut self, id: ConnId, seconds: u16) {
        self.notify(id, event(AsyncEvent::NegotiationRequest, [0, 0, seconds]));
    }

    /// Event 5: the tasks of a logical unit are being terminated. Only for sessions with TaskReporting=FastAbort
    /// (rfc7143/11.9.1-8).
    pub(super) fn announce_termination(&mut self, id: ConnId, lun: Lun) {
        // rfc7143/4.2.3.4-13, rfc7143/4.2.3.5-2.
        self.notify(id, AsyncOut { lun, ..event(AsyncEvent::TaskTermination, [0; 3]) });
    }

    /// Event 0: reports a condition of a logical unit to a session, over its first connection.
    pub(super) fn report_condition(&mut self, session_key: SessionKey, lun: Lun, code: SenseCode) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let Some((_, id)) = session.conns.first().copied() else { return };
        let sense = Sense::new(code);
        let node = session.node.and_then(|node| self.nodes.get(node));
        let sense = node.map_or(sense, |node| node.scsi.formatted(lun, sense));
        let message =
            AsyncOut { lun, data: sense_segment(&sense), ..event(AsyncEvent::ScsiAsyncEvent, [0; 3]) };
        self.notify(id, message);
    }

    /// The window opened though no PDU is due that could say so (rfc7143/11.4.11-1).
    pub(super) fn announce_window(&mut self, session_key: SessionKey) {
        let Some(session) = self.sessions.get(session_key) else { return };
        // One that has something to send will say so, unless its peer does not read: then another can.
        let quiet =
            |id: &ConnId| self.conns.get(id).is_some_and(|conn| conn.out.is_empty() && !conn.is_ending());
        let Some(id) = session.conns.iter().map(|(_, id)| *id).find(quiet) else { return };
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.out.push(Out::NopWindow);
            self.wake(id);
        }
    }

    /// The connection goes in good order; its session fails or ends as when a connection is lost.
    fn leave_and_close(&mut self, id: ConnId, reason: &'static str) {
        let session = self.conns.get(&id).and_then(|conn| conn.session);
        self.leave_recoverably(id, false);
        self.close_after_output(id, reason);
        if let Some(session) = session {
            self.connection_was_lost(session, reason);
        }
    }

    /// A LUN that the connection's session has; 0 if it has none.
    pub(super) fn any_lun(&self, id: ConnId) -> Lun {
        let session = self.conns.get(&id).and_then(|conn| conn.session);
        let node = session.and_then(|session| self.sessions.get(session)).and_then(|session| session.node);
        let target = node.and_then(|node| self.config.targets.get(node));
        let number = target.and_then(|target| target.luns.iter().map(|lun| lun.lun).min());
        number.map_or(Lun(0), Lun::from_number)
    }
}

fn event(event: AsyncEvent, parameters: [u16; 3]) -> AsyncOut {
    AsyncOut { event, lun: Lun(0), parameters, data: Bytes::new() }
}

/// SenseLength and sense data (RFC 7143 11.4.7); empty without sense data.
pub(super) fn sense_segment(sense: &Sense) -> Bytes {
    let bytes = sense.bytes();
    let bytes: &[u8] = &bytes;
    if bytes.is_empty() {
        return Bytes::new();
    }
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut segment = Vec::with_capacity(2 + bytes.len());
    if !planted!(SenseLength) {
        segment.extend_from_slice(&length.to_be_bytes());
    }
    segment.extend_from_slice(bytes);
    segment.into()
}
