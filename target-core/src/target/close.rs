//! How connections begin and end: opened, closed by the transport, closed in order, dropped (RFC 7143 4.2.6, 7.14, 8.1).

use super::Target;
use crate::api::{ConnId, Event};
use crate::conn::connection::{Connection, Due, Ending};
use crate::conn::states::ConnState;
use crate::probe::ProbeSink;
use alloc::boxed::Box;
use core::net::SocketAddr;

impl<S: ProbeSink> Target<S> {
    /// A transport connection was accepted.
    ///
    /// Beyond a limit its login is refused (0302). So that silent peers cannot keep others out until their time is up,
    /// a connection that has not even begun its login gives way to the newcomer; so does one that waits to be refused.
    pub(super) fn opened(&mut self, id: ConnId, local: SocketAddr, remote: SocketAddr) {
        let limits = self.config.limits;
        let mut refused = self.conns.len() >= limits.connections as usize;
        if !refused && self.is_crowded(false) {
            refused = !self.gives_way(false);
        }
        if refused && self.is_crowded(true) {
            self.gives_way(true);
        }
        let group = self.portal_group(local);
        let mut conn = Box::new(Connection::new(id, local, remote, group));
        conn.refused = refused;
        if !planted!(LoginTimer) {
            conn.deadline = Some((self.now + self.config.timers.login, Due::Login));
        }
        self.conns.insert(id, conn);
        // Connections that only wait to be refused are bounded as well.
        if self.conns.len() >= (limits.connections as usize).saturating_add(limits.half_open as usize) {
            self.drop_connection(id, "too many connections");
        }
        self.arm_conn(id);
    }

    /// How many are not through with their login: of those that are let in, or of those to be refused.
    pub(super) fn half_open(&self, refused: bool) -> usize {
        self.conns.values().filter(|conn| conn.is_half_open() && conn.refused == refused).count()
    }

    fn is_crowded(&self, refused: bool) -> bool {
        self.half_open(refused) >= self.config.limits.half_open as usize
    }

    /// Drops one of those that has sent nothing; false if there is none.
    fn gives_way(&mut self, refused: bool) -> bool {
        let silent = self
            .conns
            .values()
            .find(|conn| !conn.is_ending() && conn.state == ConnState::XptUp && conn.refused == refused);
        let Some(id) = silent.map(|conn| conn.id) else { return false };
        self.drop_connection(id, "gave way: too many connections without a login");
        true
    }

    /// The portal group tag of the portal that was connected to; 1 if no portal is configured for the address.
    fn portal_group(&self, local: SocketAddr) -> u16 {
        let ip = local.ip().to_canonical();
        let matches = |any: bool| {
            self.config.portals.iter().find(move |portal| {
                let address = portal.address.ip().to_canonical();
                portal.address.port() == local.port()
                    && if any { address.is_unspecified() } else { address == ip }
            })
        };
        matches(false).or_else(|| matches(true)).map_or(1, |portal| portal.group)
    }

    /// The transport connection is gone.
    pub(super) fn closed(&mut self, id: ConnId) {
        if self.conns.get(&id).is_some_and(|conn| !conn.is_ending()) {
            self.lose_connection(id, "closed by the peer");
        }
        if let Some(conn) = self.conns.remove(&id) {
            self.cells.add(super::Cells::of(conn.cells, 0));
            if let Some(at) = conn.armed {
                self.timers.remove(&(at, super::timers::Timer::Conn(id)));
            }
        }
        self.paused.retain(|other| *other != id);
    }

    /// Closes a connection at once, whatever is unsent.
    pub(super) fn drop_connection(&mut self, id: ConnId, reason: &'static str) {
        self.lose_connection(id, reason);
        self.end_conn(id, Ending::Abort);
    }

    /// Closes a connection in good order without sending anything more.
    pub(super) fn close_now(&mut self, id: ConnId, reason: &'static str) {
        self.report_end(id, reason);
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.out.clear();
        }
        self.end_conn(id, Ending::Flush);
    }

    /// Closes a connection in good order once everything is sent.
    pub(super) fn close_after_output(&mut self, id: ConnId, reason: &'static str) {
        self.report_end(id, reason);
        self.end_conn(id, Ending::Flush);
    }

    /// The connection fails: its session goes on without it, waits to be continued, or ends.
    fn lose_connection(&mut self, id: ConnId, reason: &'static str) {
        self.report_end(id, reason);
        if let Some(conn) = self.conns.get_mut(&id)
            && let Some(failure) = conn.state.failure()
        {
            conn.out.clear();
            conn.go(failure);
        }
        let session = self.conns.get(&id).and_then(|conn| Some((conn.session?, conn.cid)));
        self.leave_recoverably(id, false);
        if let Some((session, cid)) = session {
            self.announce_loss(session, cid);
            self.connection_was_lost(session, reason);
        }
    }

    fn end_conn(&mut self, id: ConnId, ending: Ending) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        // What is closed already is not closed again, but a close in good order may be cut short.
        if conn.ending == Ending::Abort || (conn.ending == Ending::Closing && ending == Ending::Flush) {
            return;
        }
        conn.ending = ending;
        conn.login = None;
        conn.keepalive = None;
        conn.data_wait.clear();
        conn.deadline = match ending {
            Ending::Flush => Some((now + self.config.timers.logout, Due::Close)),
            Ending::Open | Ending::Closing | Ending::Abort => None,
        };
        self.wake(id);
        self.arm_conn(id);
    }

    fn report_end(&mut self, id: ConnId, reason: &'static str) {
        if self.conns.get(&id).is_some_and(|conn| !conn.is_ending()) {
            self.events.push_back(Event::Disconnected { conn: id, reason });
        }
    }
}
