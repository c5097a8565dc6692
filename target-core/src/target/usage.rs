//! Who is there, and how much of everything? For operators, and for tests that limits hold.

use super::Target;
use crate::api::{ConnId, Tsih};
use crate::probe::ProbeSink;
use crate::session::states::SessionState;

/// One session, as an operator wants to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo<'a> {
    /// Target Session Identifying Handle.
    pub tsih: Tsih,
    /// ISID.
    pub isid: [u8; 6],
    /// Initiator name.
    pub initiator: &'a str,
    /// InitiatorAlias; empty for none.
    pub alias: &'a str,
    /// Target name; `None` for a discovery session.
    pub target: Option<&'a str>,
    /// CHAP name it was authenticated with, if it was.
    pub identity: Option<&'a str>,
    /// Where it is in RFC 7143 8.3.2.
    pub state: SessionState,
    /// Its connections with their CIDs.
    pub conns: &'a [(u16, ConnId)],
    /// Its commands, in whatever state.
    pub tasks: usize,
}

/// What a target holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Transport connections.
    pub connections: usize,
    /// Of them, those whose login is not complete and may yet be.
    pub half_open: usize,
    /// Of them, those whose login will be refused for lack of room.
    pub refused: usize,
    /// Sessions.
    pub sessions: usize,
    /// Commands of all sessions, in whatever state.
    pub tasks: usize,
    /// Most commands of one session.
    pub tasks_of_one_session: usize,
    /// Bytes of data that commands of all sessions hold or were promised room for.
    pub held_bytes: u64,
    /// Write data that commands of all sessions keep: part of [`Usage::held_bytes`], or something is not counted.
    pub stored_bytes: u64,
    /// Storage operations on their way.
    pub operations: usize,
    /// Of them, those that nobody waits for any more.
    pub orphans: usize,
    /// PDUs that wait to be sent, a read with data left counting as one.
    pub unsent: usize,
}

impl<S: ProbeSink> Target<S> {
    /// Bytes that a session may make the target hold, with as many sessions as there are. One that held more before others
    /// came keeps it until it is used up.
    pub(super) fn held_limit(&self) -> u64 {
        let limits = &self.config.limits;
        limits.held_bytes.min(limits.memory_bytes / (self.sessions.len() as u64).max(1))
    }

    /// All sessions, in an order that means nothing but is the same in every run.
    pub fn sessions(&self) -> impl Iterator<Item = SessionInfo<'_>> {
        self.sessions.iter().map(|(_, session)| SessionInfo {
            tsih: session.tsih,
            isid: session.isid,
            initiator: &session.initiator,
            alias: &session.alias,
            target: session.node.and_then(|node| self.nodes.get(node)).map(|node| node.name.as_str()),
            identity: session.identity.as_deref(),
            state: session.state,
            conns: &session.conns,
            tasks: session.tasks.len(),
        })
    }

    /// Counts. Walks over everything, so it is nothing for the path of a command.
    pub fn usage(&self) -> Usage {
        let sessions = || self.sessions.iter().map(|(_, session)| session);
        Usage {
            connections: self.conns.len(),
            half_open: self.half_open(false),
            refused: self.half_open(true),
            sessions: self.sessions.len(),
            tasks: sessions().map(|session| session.tasks.len()).sum(),
            tasks_of_one_session: sessions().map(|session| session.tasks.len()).max().unwrap_or(0),
            held_bytes: sessions().map(|session| session.held).sum(),
            stored_bytes: sessions()
                .flat_map(|session| session.tasks.iter())
                .map(|(_, task)| task.stored())
                .sum(),
            operations: self.ios.len(),
            orphans: self.orphans,
            unsent: self.conns.values().map(|conn| conn.out.len()).sum(),
        }
    }
}
