//! Sessions: who may begin or join one, reinstatement, failure and end (RFC 7143 4.4.3, 6.3.1, 6.3.4, 6.3.5, 7.4, 8.3).

use super::Target;
use super::timers::Timer;
use crate::api::{ConnId, Event, Tsih};
use crate::config::Config;
use crate::conn::login::{Admission, Admitted, NotAdmitted, SessionDirectory};
use crate::probe::ProbeSink;
use crate::scsi::Attention;
use crate::session::params::SessionKind;
use crate::session::states::{SessionState, Transition};
use crate::session::{Scope, Session, SessionKey};
use crate::slab::Slab;
use crate::wire::Lun;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;

/// The sessions as a login over one connection sees them.
#[derive(Debug)]
pub(super) struct Directory<'a> {
    pub(super) sessions: &'a Slab<Session>,
    pub(super) config: &'a Config,
    pub(super) local: SocketAddr,
}

/// Where a session's name must be unique.
pub(super) fn scope_of(target: Option<usize>, group: u16, local: SocketAddr) -> Scope {
    // rfc7143/7.4.2.1-1, rfc7143/7.4.2.1-3, rfc7143/7.4.2.2-1, rfc7143/7.4.2.1-2.
    target.map_or(Scope::Portal(local), |target| Scope::Target(target, group))
}

impl SessionDirectory for Directory<'_> {
    fn admit(&self, ask: &Admission<'_>) -> Result<Admitted, NotAdmitted> {
        if ask.tsih == 0 { self.admit_new(ask) } else { self.admit_later(ask) }
    }
}

impl Directory<'_> {
    /// A new session; one of the same name gives way to it and so does not count, nor do those that have no connection
    /// ([`Target::make_session_room`]).
    fn admit_new(&self, ask: &Admission<'_>) -> Result<Admitted, NotAdmitted> {
        let scope = scope_of(ask.target, ask.group, self.local);
        let limits = &self.config.limits;
        let (mut all, mut own) = (0, 0);
        for (_, session) in self.sessions.iter() {
            let same_initiator = session.initiator == ask.initiator;
            let same_name = same_initiator && session.isid == ask.isid && session.scope == scope;
            if same_name || session.retain_until.is_some() {
                continue;
            }
            all += 1;
            own += u32::from(same_initiator);
        }
        own = own.saturating_sub(u32::from(planted!(SessionsPerInitiator)));
        if all >= limits.sessions || own >= limits.sessions_per_initiator {
            return Err(NotAdmitted::OutOfResources);
        }
        Ok(Admitted::Leading)
    }

    /// A further connection, or one that takes the place of another with the same CID.
    fn admit_later(&self, ask: &Admission<'_>) -> Result<Admitted, NotAdmitted> {
        let found = self.sessions.iter().map(|(_, session)| session).find(|session| {
            session.tsih.0 == ask.tsih && session.isid == ask.isid && session.initiator == ask.initiator
        });
        let session = found.ok_or(NotAdmitted::NoSuchSession)?;
        if session.params.kind != ask.kind || session.params.kind == SessionKind::Discovery {
            return Err(NotAdmitted::WrongType);
        }
        match session.scope {
            Scope::Target(target, _) if Some(target) != ask.target => return Err(NotAdmitted::NoSuchSession),
            Scope::Target(_, group) if group != ask.group => return Err(NotAdmitted::CannotInclude),
            Scope::Target(..) => {}
            Scope::Portal(_) => return Err(NotAdmitted::WrongType),
        }
        // rfc7143/6.3.4-2.
        let reinstates = session.conn(ask.cid).is_some();
        // A reinstating one is let in beyond it (rfc7143/4.2.1-2).
        if !reinstates && session.conns.len() >= usize::from(session.params.max_connections) {
            return Err(NotAdmitted::TooManyConnections);
        }
        let params = Box::new(session.params.clone());
        Ok(Admitted::Later { params, identity: session.identity.clone() })
    }
}

impl<S: ProbeSink> Target<S> {
    /// A TSIH that no session has.
    pub(super) fn new_tsih(&mut self) -> Tsih {
        // There are fewer sessions than handles (`Config::check`), so this ends.
        loop {
            self.last_tsih = self.last_tsih.wrapping_add(1);
            let tsih = Tsih(self.last_tsih);
            if tsih.0 != 0 && self.session_by_tsih(tsih).is_none() {
                return tsih;
            }
        }
    }

    /// The session of that handle.
    pub(super) fn session_by_tsih(&self, tsih: Tsih) -> Option<SessionKey> {
        self.sessions.iter().find(|(_, session)| session.tsih == tsih).map(|(key, _)| key)
    }

    /// Ends the session whose place a new one takes (RFC 7143 6.3.5).
    pub(super) fn reinstate(&mut self, initiator: &str, isid: [u8; 6], scope: Scope) {
        let old = self.sessions.iter().find(|(_, session)| {
            session.initiator == initiator
                && (session.isid == isid || planted!(ReinstateAnyIsid))
                && session.scope == scope
        });
        if let Some(old) = old.map(|(key, _)| key) {
            // Whatever state it is in; who begins anew has precedence (rfc7143/7.4.2.1-4, rfc7143/7.14-4,
            // rfc7143/7.15-2).
            self.end_session(old, None, "reinstated");
        }
    }

    /// Sessions without a connection give way to a new one that would exceed a limit, the one that is over first before the
    /// others: who logs in and vanishes, again and again, must not keep others out.
    pub(super) fn make_session_room(&mut self, initiator: &str) {
        loop {
            let limits = &self.config.limits;
            let is_own = |session: &Session| session.initiator == initiator;
            let all = self.sessions.len();
            let own = self.sessions.iter().filter(|(_, session)| is_own(session)).count();
            let own_only = all < limits.sessions as usize;
            if own_only && own < limits.sessions_per_initiator as usize {
                return;
            }
            let failed = self.sessions.iter().filter(|(_, session)| !own_only || is_own(session));
            let failed = failed.filter_map(|(key, session)| Some((session.retain_until?, key)));
            let Some((_, oldest)) = failed.min_by_key(|(until, _)| *until) else { return };
            self.end_session(oldest, None, "gave way: too many sessions");
        }
    }

    /// A session lost a connection. Without any it fails: it may be continued for a while, or ends at once if that was
    /// negotiated (Time2Retain 0) or makes no sense.
    pub(super) fn connection_was_lost(&mut self, session_key: SessionKey, reason: &'static str) {
        let now = self.now;
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if !session.conns.is_empty() {
            return;
        }
        if (session.params.time2retain == 0 && !planted!(RetainZero))
            || session.is_discovery()
            || self.draining
        {
            return self.end_session(session_key, None, reason);
        }
        session.go(Transition::N5);
        // Kept to be recovered, or ended above (rfc7143/7.14-3).
        session.retain_until = Some(now + session.retention());
        self.arm_session(session_key);
    }

    /// A connection joins a session that exists: it was failed, or it is one of several. `exp_stat_sn`, from its first Login
    /// Request, is about the connection whose place it takes, if any (RFC 7143 11.12.9).
    pub(super) fn join_session(&mut self, session_key: SessionKey, cid: u16, id: ConnId, exp_stat_sn: u32) {
        self.acknowledge_other(session_key, cid, exp_stat_sn);
        // A connection with the same CID is logged out by this one (RFC 7143 6.3.4).
        let old = self.sessions.get(session_key).and_then(|session| session.conn(cid));
        if let Some(old) = old {
            // At ErrorRecoveryLevel 2 as if for recovery, below it for good (RFC 7143 11.14).
            self.leave_recoverably(old, true);
            self.close_now(old, "reinstated");
        }
        self.log_out_lost(session_key, cid);
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        session.conns.push((cid, id));
        session.retain_until = None;
        if session.state == SessionState::Failed {
            session.go(Transition::N7);
        }
        session.go(Transition::N10);
        self.arm_session(session_key);
    }

    /// Tells a session that commands at these logical units were terminated (rfc7143/11.14.5-1).
    pub(super) fn commands_lost(&mut self, session_key: SessionKey, luns: &[Lun]) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let Some(node) = session.node.and_then(|node| self.nodes.get_mut(node)) else { return };
        for lun in luns.iter().filter(|_| !planted!(LostUntold)) {
            node.scsi.unit_attention(*lun, session.nexus, Attention::ClearedByProtocol);
        }
    }

    /// Ends a session: terminates its commands without a word, closes its connections but `keep`, forgets it.
    pub(super) fn end_session(
        &mut self,
        session_key: SessionKey,
        keep: Option<ConnId>,
        reason: &'static str,
    ) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let conns: Vec<ConnId> = session.conns.iter().map(|(_, conn)| *conn).collect();
        for id in conns {
            self.leave_session(id);
            if Some(id) != keep {
                self.close_now(id, reason);
            }
        }
        self.bury_session(session_key, reason);
    }

    /// Ends a session by dropping all its connections at once (rfc7143/7.7-1).
    pub(super) fn abort_session(&mut self, session_key: SessionKey, reason: &'static str) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let conns: Vec<ConnId> = session.conns.iter().map(|(_, conn)| *conn).collect();
        for id in conns {
            self.leave_session(id);
            self.drop_connection(id, reason);
        }
        self.bury_session(session_key, reason);
    }

    /// The session has no connection any more: the nexus is lost (RFC 7143 6.3.5.1).
    fn bury_session(&mut self, session_key: SessionKey, reason: &'static str) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        if let Some(end) = session.state.end() {
            session.go(end);
        }
        for task in session.tasks.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            self.drop_task(session_key, task);
        }
        let Some(session) = self.sessions.remove(session_key) else { return };
        self.cells.add(super::Cells::of(0, session.cells));
        if let Some(at) = session.armed {
            self.timers.remove(&(at, Timer::Session(session_key)));
        }
        if let Some(at) = session.node {
            if let Some(node) = self.nodes.get_mut(at) {
                // rfc7144/6.3-9.
                node.scsi.nexus_down(session.nexus);
            }
            self.end_acas_of(at, session.nexus);
        }
        self.events.push_back(Event::SessionEnded { session: session.tsih, reason });
        self.note_drained();
    }
}
