//! What must happen in time. Deadlines that move away are only looked at when their old time comes: nothing on the path
//! of a command touches the timer queue.

use super::Target;
use crate::api::ConnId;
use crate::conn::connection::{Due, Ending};
use crate::conn::keepalive::Action;
use crate::conn::out::Out;
use crate::fault::Fault;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::time::Instant;

/// Whom an entry of the timer queue is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Login, logout, close, ping and write data of a connection.
    Conn(ConnId),
    /// The end of a failed session, or of what a lost connection left.
    Session(SessionKey),
    /// The end of a drain.
    Drain,
    /// The next operations of formatting and sanitizing.
    Upkeep,
}

impl<S: ProbeSink> Target<S> {
    /// The earliest deadline. Entries whose deadline moved are put right on the way.
    pub(super) fn next_timeout(&mut self) -> Option<Instant> {
        while let Some((at, timer)) = self.timers.first().copied() {
            let due = self.due(timer);
            if due == Some(at) {
                return due;
            }
            self.timers.remove(&(at, timer));
            self.set_armed(timer, due);
            if let Some(due) = due {
                self.timers.insert((due, timer));
            }
        }
        None
    }

    /// Carries out everything whose time has come, each at most once: one that would be due again at this very moment
    /// comes with the next time-out, so that no mistake here can keep the driver from getting its thread back.
    pub(super) fn expire(&mut self) {
        for _ in 0..self.timers.len() {
            if self.next_timeout().is_none_or(|at| at > self.now) {
                return;
            }
            let Some((_, timer)) = self.timers.pop_first() else { return };
            self.set_armed(timer, None);
            match timer {
                Timer::Conn(id) => {
                    self.expire_conn(id);
                    self.arm_conn(id);
                }
                Timer::Session(key) => self.expire_session(key),
                Timer::Drain => self.drain_ends(),
                Timer::Upkeep => self.go_on_with_upkeep(),
            }
        }
    }

    /// Sees to it that the timer queue looks at a connection in time.
    pub(super) fn arm_conn(&mut self, id: ConnId) {
        let Some(due) = self.conn_due(id) else { return };
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if let Some(armed) = conn.armed {
            if armed <= due {
                return;
            }
            self.timers.remove(&(armed, Timer::Conn(id)));
        }
        conn.armed = Some(due);
        self.timers.insert((due, Timer::Conn(id)));
    }

    /// Sees to it that the timer queue looks at a session in time.
    pub(super) fn arm_session(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let Some(due) = session.due() else { return };
        if let Some(armed) = session.armed.replace(due) {
            self.timers.remove(&(armed, Timer::Session(key)));
        }
        self.timers.insert((due, Timer::Session(key)));
    }

    /// Sees to it that the drain ends in time.
    pub(super) fn arm_drain(&mut self) {
        if let Some(due) = self.drain {
            self.timers.insert((due, Timer::Drain));
        }
    }

    fn set_armed(&mut self, timer: Timer, at: Option<Instant>) {
        match timer {
            Timer::Conn(id) => {
                if let Some(conn) = self.conns.get_mut(&id) {
                    conn.armed = at;
                }
            }
            Timer::Session(key) => {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.armed = at;
                }
            }
            Timer::Drain | Timer::Upkeep => {}
        }
    }

    fn due(&mut self, timer: Timer) -> Option<Instant> {
        match timer {
            Timer::Conn(id) => self.conn_due(id),
            Timer::Session(key) => self.sessions.get(key).and_then(|session| session.due()),
            Timer::Drain => self.drain,
            Timer::Upkeep => self.upkeep,
        }
    }

    fn conn_due(&mut self, id: ConnId) -> Option<Instant> {
        let data = self.data_due(id);
        let conn = self.conns.get(&id)?;
        let deadline = conn.deadline.map(|(at, _)| at);
        if conn.paused {
            // Who is not read from cannot be blamed for silence.
            return deadline;
        }
        let keepalive = conn.keepalive.as_ref().and_then(|keepalive| keepalive.deadline());
        [deadline, keepalive, data].into_iter().flatten().min()
    }

    /// When the first command of a connection has waited too long for write data. Entries of commands that wait no
    /// more are dropped, those of commands that heard something since are put where they belong.
    fn data_due(&mut self, id: ConnId) -> Option<Instant> {
        let conn = self.conns.get_mut(&id)?;
        let session = conn.session.and_then(|session| self.sessions.get_mut(session))?;
        loop {
            let (heard, key) = *conn.data_wait.front()?;
            match session.tasks.get_mut(key) {
                Some(task) if task.awaits_data() && task.heard == heard => {
                    return Some(heard + self.config.timers.data_out);
                }
                Some(task) if task.awaits_data() => {
                    let entry = (task.heard, key);
                    conn.data_wait.pop_front();
                    let at = conn.data_wait.partition_point(|(other, _)| *other <= entry.0);
                    conn.data_wait.insert(at, entry);
                }
                Some(task) => {
                    task.in_data_wait = false;
                    conn.data_wait.pop_front();
                }
                None => {
                    conn.data_wait.pop_front();
                }
            }
        }
    }

    /// A connection is read from again: what it owes is counted from now on.
    pub(super) fn restart_waiting(&mut self, id: ConnId) {
        let now = self.now;
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if let Some(keepalive) = &mut conn.keepalive {
            keepalive.heard(now);
        }
        let session = conn.session.and_then(|session| self.sessions.get_mut(session));
        if let Some(session) = session {
            for (heard, key) in &mut conn.data_wait {
                *heard = now;
                if let Some(task) = session.tasks.get_mut(*key) {
                    task.heard = now;
                }
            }
        }
        self.arm_conn(id);
    }

    fn expire_conn(&mut self, id: ConnId) {
        let now = self.now;
        let data_late = self.data_due(id).is_some_and(|due| due <= now);
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let due = conn.deadline.filter(|(at, _)| *at <= now).map(|(_, due)| due);
        if let Some(due) = due {
            conn.deadline = None;
            match due {
                Due::Login => {
                    self.note_violation(id, Fault::LoginTimeout);
                    self.drop_connection(id, "no login in time");
                }
                Due::Logout => {
                    self.note_violation(id, Fault::LogoutTimeout);
                    self.announce_drop(id, "no logout in time");
                }
                Due::Close => {
                    conn.ending = Ending::Abort;
                    self.wake(id);
                }
            }
            return;
        }
        if conn.paused {
            return;
        }
        if data_late {
            if self.ask_again(id) {
                return;
            }
            self.note_violation(id, Fault::DataOutTimeout);
            return self.drop_connection(id, "write data did not come in time");
        }
        match conn.keepalive.as_mut().map_or(Action::Wait, |keepalive| keepalive.poll(now)) {
            Action::Wait => {}
            Action::Ping => self.ping(id),
            Action::Dead => {
                self.note_violation(id, Fault::PingTimeout);
                self.drop_connection(id, "no answer to a ping");
            }
        }
    }

    /// Sends a ping. Its LUN must be one that the session has (rfc7143/11.19.3-1).
    fn ping(&mut self, id: ConnId) {
        let lun = self.any_lun(id);
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(session) = conn.session.and_then(|session| self.sessions.get_mut(session)) else { return };
        let ttt = session.new_ttt();
        conn.ping = Some(ttt);
        conn.out.push(Out::NopPing { lun, ttt });
        self.wake(id);
    }
}
