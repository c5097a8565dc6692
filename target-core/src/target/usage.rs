//! How much of everything is there now? For operators, and for tests that limits hold.

use super::Target;
use crate::probe::ProbeSink;

/// What a target holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Transport connections.
    pub connections: usize,
    /// Of them, those whose login is not complete.
    pub half_open: usize,
    /// Sessions.
    pub sessions: usize,
    /// Commands of all sessions, in whatever state.
    pub tasks: usize,
    /// Most commands of one session.
    pub tasks_of_one_session: usize,
    /// Bytes of data that commands of all sessions hold or were promised room for.
    pub held_bytes: u64,
    /// Storage operations on their way.
    pub operations: usize,
    /// Of them, those that nobody waits for any more.
    pub orphans: usize,
    /// PDUs that wait to be sent, a read with data left counting as one.
    pub unsent: usize,
}

impl<S: ProbeSink> Target<S> {
    /// Counts. Walks over everything, so it is nothing for the path of a command.
    pub fn usage(&self) -> Usage {
        let sessions = || self.sessions.iter().map(|(_, session)| session);
        Usage {
            connections: self.conns.len(),
            half_open: self.conns.values().filter(|conn| conn.is_half_open()).count(),
            sessions: self.sessions.len(),
            tasks: sessions().map(|session| session.tasks.len()).sum(),
            tasks_of_one_session: sessions().map(|session| session.tasks.len()).max().unwrap_or(0),
            held_bytes: sessions().map(|session| session.held).sum(),
            operations: self.ios.len(),
            orphans: self.orphans,
            unsent: self.conns.values().map(|conn| conn.out.len()).sum(),
        }
    }
}
