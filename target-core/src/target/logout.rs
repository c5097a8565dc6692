//! Logout: closing a session, closing a connection, and what is answered (RFC 7143 11.14, 11.15).

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::Frame;
use crate::conn::out::Out;
use crate::conn::states::Transition;
use crate::fault::Fault;
use crate::probe::ProbeSink;
use crate::session::{Pending, SessionKey};
use crate::wire::{LogoutReason, LogoutRequest, LogoutResult};
use alloc::boxed::Box;

impl<S: ProbeSink> Target<S> {
    /// Judges a Logout Request and puts it in CmdSN order.
    pub(super) fn logout_request(&mut self, id: ConnId, session_key: SessionKey, frame: &Frame) {
        let pdu = LogoutRequest::parse(&frame.bhs);
        if !self.may_submit(id, session_key, pdu.itt, pdu.cmd_sn, pdu.immediate, frame) {
            return;
        }
        let discovery = self.sessions.get(session_key).is_some_and(|session| session.is_discovery());
        let fault = match LogoutReason::from_u8(pdu.reason) {
            None => Fault::LogoutReason,
            Some(LogoutReason::CloseConnection | LogoutReason::RemoveConnectionForRecovery) if discovery => {
                // rfc7143/4.2.9.1-1.
                Fault::NotInDiscovery
            }
            Some(_) => {
                let item = Pending::Logout(Box::new((id, pdu)));
                return self.submit(session_key, pdu.cmd_sn, pdu.immediate, item);
            }
        };
        self.violation(id, fault, frame);
    }

    /// Its turn has come. Nothing is waited for: commands are terminated, storage operations given up.
    pub(super) fn logout_delivered(&mut self, session_key: SessionKey, id: ConnId, pdu: &LogoutRequest) {
        if !pdu.immediate
            && let Some(session) = self.sessions.get_mut(session_key)
        {
            session.window.finish();
        }
        match LogoutReason::from_u8(pdu.reason) {
            Some(LogoutReason::CloseSession) => {
                self.enter_logout(id);
                // rfc7143/11.14-4.
                self.end_session(session_key, Some(id), "logout");
                self.answer_logout(id, pdu.itt, LogoutResult::Closed, (0, 0));
                // rfc7143/11.15-1.
                self.close_after_output(id, "logged out");
            }
            Some(LogoutReason::CloseConnection) => self.logout_connection(session_key, id, pdu, false),
            Some(LogoutReason::RemoveConnectionForRecovery) | None => {
                let Some(session) = self.sessions.get(session_key) else { return };
                let times = (session.params.time2wait, session.params.time2retain);
                if session.params.error_recovery_level >= 2 {
                    return self.logout_connection(session_key, id, pdu, true);
                }
                // T9 or T10, then T17: a connection whose own logout fails waits for its cleanup, as one that is lost does.
                // Of others the states say nothing (RFC 7143 8.1.2, 8.2).
                let fails = session.conn(pdu.cid) == Some(id) && !planted!(LogoutFailedStays);
                if fails {
                    self.enter_logout(id);
                    self.fail_logout(id);
                }
                // Below ErrorRecoveryLevel 2 no task could be continued (rfc7143/11.15.1).
                self.answer_logout(id, pdu.itt, LogoutResult::RecoveryNotSupported, times);
                if fails {
                    // rfc7143/11.15-1.
                    self.close_after_output(id, "its logout failed");
                    self.connection_was_lost(session_key, "its logout failed");
                }
            }
        }
    }

    /// Closes a connection, or removes it so that its commands can be continued elsewhere (`recover`): this one, another
    /// one of the session, or one that is gone already (RFC 7143 11.14).
    fn logout_connection(&mut self, session_key: SessionKey, id: ConnId, pdu: &LogoutRequest, recover: bool) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let times = if recover { (session.params.time2wait, session.params.time2retain) } else { (0, 0) };
        let Some(closing) = session.conn(pdu.cid) else {
            let found = if recover {
                self.log_out_lost(session_key, pdu.cid)
            } else {
                self.close_lost(session_key, pdu.cid)
            };
            let result = if found || planted!(LogoutUnknownCid) {
                LogoutResult::Closed
            } else {
                LogoutResult::CidNotFound
            };
            return self.answer_logout(id, pdu.itt, result, if found { times } else { (0, 0) });
        };
        let closes_session = session.conns.len() == 1 && !recover && !session.has_unfinished_recovery();
        if closing == id {
            self.enter_logout(id);
        }
        if closes_session {
            self.end_session(session_key, Some(id), "logout");
        } else if recover {
            // rfc7143/11.14-5.
            self.leave_recoverably(closing, true);
        } else {
            // rfc7143/11.14-4.
            self.leave_session(closing);
        }
        self.answer_logout(id, pdu.itt, LogoutResult::Closed, times);
        if closing == id {
            // rfc7143/11.15-1.
            self.close_after_output(id, "logged out");
        } else {
            self.close_now(closing, "logged out over another connection");
        }
        self.connection_was_lost(session_key, "logged out");
    }

    /// T9 or T10: the connection is being logged out; its deadline for doing so is void.
    fn enter_logout(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.go(Transition::T9);
            conn.go(Transition::T10);
            conn.deadline = None;
        }
    }

    /// T17: the connection leaves its session as one that failed, with the same times for its commands (RFC 7143 7.5).
    fn fail_logout(&mut self, id: ConnId) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.go(Transition::T17);
        }
        self.leave_recoverably(id, false);
    }

    fn answer_logout(&mut self, id: ConnId, itt: u32, result: LogoutResult, times: (u16, u16)) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let (time2wait, time2retain) = if planted!(LogoutTimes) { (times.1, times.0) } else { times };
        conn.out.push(Out::Logout { itt, result, time2wait, time2retain });
        self.wake(id);
    }
}
