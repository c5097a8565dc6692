//! Logins: handing requests to the login machine, and making or joining a session with what comes out (RFC 7143 6.3).

use super::Target;
use super::sessions::{Directory, scope_of};
use crate::api::{ConnId, Event, Tsih};
use crate::conn::framing::Frame;
use crate::conn::keepalive::KeepAlive;
use crate::conn::login::{LoginEnv, LoginOutcome, LoginReply, LoginStep};
use crate::conn::out::{LoginOut, Out};
use crate::conn::states::{ConnState, Transition};
use crate::conn::text::TextExchange;
use crate::fault::{Fault, Reaction};
use crate::probe::{ProbeName, ProbeSink};
use crate::scsi::NexusId;
use crate::session::params::SessionKind;
use crate::session::{Identity, Session, states};
use crate::wire::{LoginRequest, itt};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use rand_chacha::rand_core::Rng;

impl<S: ProbeSink> Target<S> {
    /// Takes note of the names in a Login Request, before its probe fires.
    pub(super) fn observe_names(&mut self, id: ConnId, frame: &Frame) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(login) = &mut conn.login else { return };
        login.observe(&frame.data);
        for (name, known) in [
            (&mut conn.names.initiator, login.initiator_name()),
            (&mut conn.names.target, login.target_name()),
        ] {
            if name.as_str() != known {
                *name = ProbeName::new(known);
            }
        }
    }

    /// Takes one Login Request.
    pub(super) fn login_request(&mut self, id: ConnId, pdu: &LoginRequest, frame: &Frame) {
        let accepting = !self.draining;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.state == ConnState::XptUp {
            conn.go(Transition::T4);
            // A login to a session that exists says how far that session is, so that the numbers never go back on it.
            let sessions = self.sessions.iter().map(|(_, session)| session);
            let joined = sessions.filter(|session| pdu.tsih != 0 && session.tsih.0 == pdu.tsih);
            let window =
                joined.filter(|session| session.isid == pdu.isid).map(|session| &session.window).next();
            conn.numbers = match window {
                Some(window) => (window.exp_cmd_sn(), window.max_cmd_sn()),
                None => (pdu.cmd_sn, pdu.cmd_sn.wrapping_add(self.config.limits.commands).wrapping_sub(1)),
            };
        }
        if conn.refused {
            return self.violation(id, Fault::TooManyConnections, frame);
        }
        if !frame.ahs.is_empty() {
            return self.violation(id, Fault::SegmentNotAllowed, frame);
        }
        let Some(login) = &mut conn.login else { return };
        let directory = Directory { sessions: &self.sessions, config: &self.config, local: conn.local };
        let rng = &mut self.rng;
        let step = login.receive(
            &mut LoginEnv {
                config: &self.config,
                directory: &directory,
                challenges: &self.challenges,
                group: conn.group,
                rng: &mut |bytes| rng.fill_bytes(bytes),
                accepting,
            },
            pdu,
            &frame.data,
        );
        match step {
            // One response to a request (rfc7143/6.3-1).
            LoginStep::Reply(reply) => self.login_reply(id, pdu, reply, Tsih(pdu.tsih), false),
            LoginStep::Done(reply, outcome) => {
                let tsih = self.logged_in(id, pdu, *outcome);
                // rfc7143/6.3.1-4, rfc7143/11.13.3-1.
                self.login_reply(id, pdu, reply, tsih, true);
            }
            LoginStep::Refuse { reply, fault } => {
                let reason = fault.why().to_string();
                self.login_failed(id, reply.status, reason);
                self.note_violation(id, Fault::Login(fault));
                // rfc7143/6.3.1-5, rfc7143/7.12-1.
                self.login_reply(id, pdu, reply, Tsih(pdu.tsih), false);
                // rfc7143/11.13.5-5.
                self.close_after_output(id, "login refused");
            }
        }
    }

    /// Something other than a Login Request came in the Login Phase.
    pub(super) fn not_login(&mut self, id: ConnId, frame: &Frame) {
        let begun = self.conns.get(&id).is_some_and(|conn| conn.state != ConnState::XptUp);
        let fault = if begun { Fault::NotLoginDuringLogin } else { Fault::NotLoginFirst };
        self.violation(id, fault, frame);
    }

    /// Refuses the login for a reason that the login machine does not know, and closes.
    pub(super) fn refuse_login(&mut self, id: ConnId, status: u16, frame: &Frame) {
        let mut pdu = LoginRequest::parse(&frame.bhs);
        if crate::wire::Opcode::of(&frame.bhs) != Some(crate::wire::Opcode::LoginRequest) {
            // The answer is the login's, whatever it was that came (RFC 7143 6.3). Only the tag of a PDU that is no Login
            // Request lies where it does in one.
            let login = self.conns.get(&id).and_then(|conn| conn.login.as_ref()?.first().copied());
            pdu = login.unwrap_or(LoginRequest { itt: itt(&frame.bhs), ..LoginRequest::default() });
        }
        let reason = match Fault::TooManyConnections.reaction() {
            Reaction::LoginStatus(full) if full == status => "too many connections",
            _ => "something other than a login request",
        };
        self.login_failed(id, status, reason.to_string());
        let reply = LoginReply { status, ..LoginReply::default() };
        self.login_reply(id, &pdu, reply, Tsih(pdu.tsih), false);
        self.close_after_output(id, "login refused");
    }

    fn login_failed(&mut self, id: ConnId, status: u16, reason: String) {
        let initiator = self.conns.get(&id).map(|conn| conn.names.initiator.as_str().to_string());
        let initiator = initiator.unwrap_or_default();
        self.events.push_back(Event::LoginFailed { conn: id, initiator, status, reason });
    }

    fn login_reply(&mut self, id: ConnId, pdu: &LoginRequest, reply: LoginReply, tsih: Tsih, last: bool) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let out = LoginOut { reply, itt: pdu.itt, isid: pdu.isid, tsih: tsih.0, last };
        conn.out.push(Out::Login(Box::new(out)));
        self.wake(id);
    }

    /// The login is complete: makes the session, or joins the one it was for.
    fn logged_in(&mut self, id: ConnId, pdu: &LoginRequest, outcome: LoginOutcome) -> Tsih {
        let timers = self.config.timers;
        let normal = outcome.session.kind == SessionKind::Normal;
        let existing = if outcome.leading { None } else { self.session_by_tsih(Tsih(outcome.tsih)) };
        let (initiator, target) =
            (outcome.access.initiator().to_string(), outcome.access.target().map(ToString::to_string));
        let session_key = match existing {
            Some(session_key) => {
                let first = self.conns.get(&id).and_then(|conn| conn.login.as_ref()?.first().copied());
                self.join_session(session_key, outcome.cid, id, first.unwrap_or(*pdu).exp_stat_sn);
                session_key
            }
            None => self.new_session(id, pdu, &outcome),
        };
        // rfc7143/4.4.3-1.
        let tsih = self.sessions.get(session_key).map_or(Tsih(0), |session| session.tsih);
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.go(Transition::T5);
            conn.session = Some(session_key);
            conn.cid = outcome.cid;
            conn.params = outcome.conn;
            conn.text = Some(TextExchange::new(outcome.access));
            conn.login = None;
            conn.deadline = None;
            // rfc7143/7.4.3-1.
            if normal {
                conn.keepalive = Some(KeepAlive::new(self.now, timers.nop_interval, timers.nop_timeout));
            }
        }
        let target = target.filter(|_| normal);
        self.events.push_back(Event::LoggedIn { conn: id, session: tsih, initiator, target });
        tsih
    }

    fn new_session(
        &mut self,
        id: ConnId,
        pdu: &LoginRequest,
        outcome: &LoginOutcome,
    ) -> crate::session::SessionKey {
        // The CmdSN of the first request counts (rfc7143/11.12.8-1): the responses so far have said so.
        // rfc7143/4.2.2.1-3.
        let (local, group, first_cmd_sn) = match self.conns.get(&id) {
            Some(conn) => (conn.local, conn.group, conn.numbers.0),
            // The connection that is being answered is there.
            None => (core::net::SocketAddr::from(([0, 0, 0, 0], 0)), 0, pdu.cmd_sn),
        };
        let scope = scope_of(outcome.target.or(outcome.named), group, local);
        self.reinstate(outcome.access.initiator(), outcome.isid, scope);
        self.make_session_room(outcome.access.initiator());
        self.last_nexus = self.last_nexus.wrapping_add(1);
        let who = Identity {
            tsih: self.new_tsih(),
            initiator: outcome.access.initiator().to_string(),
            alias: outcome.alias.clone(),
            isid: outcome.isid,
            scope,
            node: outcome.target,
            nexus: NexusId(self.last_nexus),
            identity: outcome.access.identity().map(ToString::to_string),
        };
        if let Some(node) = who.node.and_then(|node| self.nodes.get_mut(node)) {
            // SAM names of the two SCSI ports (RFC 7143 4.4.3).
            let isid = outcome.isid.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
            let initiator_port = format!("{},i,0x{isid}", who.initiator);
            // rfc7143/4.4.2-2, rfc7143/4.4.2-3.
            let target_port = format!("{},t,0x{group:04x}", node.name);
            node.scsi.nexus_up(who.nexus, &initiator_port, &target_port, group);
            node.scsi.speaks(who.nexus, outcome.session.protocol_level);
        }
        let commands = self.config.limits.commands;
        let mut session = Session::new(who, outcome.session.clone(), first_cmd_sn, commands);
        session.go(states::Transition::N1);
        session.go(states::Transition::N2);
        // rfc7143/4.2.1-1.
        session.conns.push((outcome.cid, id));
        self.sessions.insert(session)
    }
}
