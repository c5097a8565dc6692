//! What does the initiator remember between PDUs? The session and its connections (RFC 7143 4.2.2, 4.4.2).

use std::collections::{BTreeMap, BTreeSet};

use super::audit::Audit;
use super::{ConnParams, Incoming, Negotiation, SessionParams, Violation};
use crate::codec::{Digests, Splitter};

/// How far a connection got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Login PDUs only (RFC 7143 6.3).
    Login,
    /// The final login response has come.
    FullFeature,
    /// Logged out, refused, or lost in the byte stream.
    Closed,
}

/// One connection of a session.
#[derive(Debug)]
pub struct Connection {
    /// Connection ID, 16 bits.
    pub cid: u16,
    /// The StatSN expected next: what goes out as ExpStatSN.
    pub exp_stat_sn: u32,
    /// How far it got.
    pub phase: Phase,
    /// What was negotiated for it.
    pub params: ConnParams,
    /// The text of the login, and later of each text exchange.
    pub negotiation: Negotiation,
    /// The Initiator Task Tag of the login in progress.
    pub login_itt: Option<u32>,
    /// ExpCmdSN and MaxCmdSN as this connection last carried them: here they may not move back.
    pub(super) window_seen: Option<(u32, u32)>,
    /// Statuses that came although one before them is missing.
    pub(super) ahead: BTreeSet<u32>,
    /// Statuses whose data did not all come, with their tasks: not acknowledged before it has (7.9).
    pub(super) held: BTreeMap<u32, u32>,
    /// No StatSN has come yet, so any is right.
    pub(super) stat_sn_open: bool,
    pub(super) splitter: Splitter,
    pub(super) audit_login: super::audit::LoginSeen,
}

impl Connection {
    fn new(cid: u16, receive_max: u32) -> Connection {
        Connection {
            cid,
            exp_stat_sn: 0,
            phase: Phase::Login,
            params: ConnParams { receive_max, ..ConnParams::default() },
            negotiation: Negotiation::new(),
            login_itt: None,
            window_seen: None,
            ahead: BTreeSet::new(),
            held: BTreeMap::new(),
            stat_sn_open: true,
            splitter: Splitter::new(),
            audit_login: super::audit::LoginSeen::default(),
        }
    }

    /// The digests in use: none during login (RFC 7143 13.1).
    pub fn digests(&self) -> Digests {
        if self.phase == Phase::Login { Digests::NONE } else { self.params.digests }
    }

    /// Bytes of a PDU that is not complete yet.
    pub fn partial(&self) -> &[u8] {
        self.splitter.rest()
    }
}

/// One iSCSI session as its initiator sees it. All fields may be changed between PDUs: a tester may want any state.
#[derive(Debug)]
pub struct Session {
    /// Initiator part of the session identifier, 6 bytes.
    pub isid: [u8; 6],
    /// Target part; 0 until the first login has ended.
    pub tsih: u16,
    /// This side's iSCSI name.
    pub initiator_name: String,
    /// The target's iSCSI name; empty for discovery.
    pub target_name: String,
    /// The number of the next command.
    pub cmd_sn: u32,
    /// The next Initiator Task Tag to be given out.
    pub next_itt: u32,
    /// Highest ExpCmdSN received.
    pub exp_cmd_sn: u32,
    /// Highest MaxCmdSN received.
    pub max_cmd_sn: u32,
    /// What was negotiated.
    pub params: SessionParams,
    /// No ExpCmdSN and MaxCmdSN have come yet.
    pub(super) window_open: bool,
    pub(super) connections: Vec<Connection>,
    pub(super) audit: Audit,
    pub(super) violations: Vec<Violation>,
}

impl Session {
    /// A session that is not logged in, without connections. The ISID is of the "random" format (11.12.5).
    pub fn new(initiator_name: impl Into<String>, target_name: impl Into<String>) -> Session {
        Session {
            isid: [0x80, 0x00, 0x00, 0x01, 0x00, 0x00],
            tsih: 0,
            initiator_name: initiator_name.into(),
            target_name: target_name.into(),
            cmd_sn: 1,
            next_itt: 1,
            exp_cmd_sn: 1,
            max_cmd_sn: 1,
            params: SessionParams::default(),
            window_open: true,
            connections: Vec::new(),
            audit: Audit::default(),
            violations: Vec::new(),
        }
    }

    /// Adds a connection and returns its index, which names it in all calls.
    pub fn open(&mut self, cid: u16) -> usize {
        self.connections.push(Connection::new(cid, ConnParams::default().receive_max));
        self.connections.len() - 1
    }

    /// A connection.
    ///
    /// # Panics
    /// If [`Session::open`] never returned this index.
    pub fn connection(&self, conn: usize) -> &Connection {
        &self.connections[conn]
    }

    /// A connection, to change it.
    ///
    /// # Panics
    /// If [`Session::open`] never returned this index.
    pub fn connection_mut(&mut self, conn: usize) -> &mut Connection {
        &mut self.connections[conn]
    }

    /// All connections ever opened, by index.
    pub fn connections(&self) -> &[Connection] {
        &self.connections
    }

    /// Takes a fresh Initiator Task Tag, never the reserved one (11.2.1.8).
    pub fn take_itt(&mut self) -> u32 {
        if self.next_itt == u32::MAX {
            self.next_itt = 0;
        }
        let itt = self.next_itt;
        self.next_itt = itt.wrapping_add(1);
        itt
    }

    /// How many more non-immediate commands the target's window admits (4.2.2.1).
    pub fn credits(&self) -> u32 {
        let next = self.max_cmd_sn.wrapping_add(1);
        if super::serial::lt(self.cmd_sn, next) { next.wrapping_sub(self.cmd_sn) } else { 0 }
    }

    /// Findings about what the target sent, in order; forgets them.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        core::mem::take(&mut self.violations)
    }

    /// The transport of a connection is gone: its tasks will not be answered, which is no finding.
    pub fn closed(&mut self, conn: usize) {
        self.connections[conn].phase = Phase::Closed;
        self.audit.connection_gone(conn, self.params.error_recovery_level >= 2);
    }

    /// The session ended over another connection: on this one nothing more is owed, but what was sent before may still be under way.
    pub fn ended_elsewhere(&mut self, conn: usize) {
        // A login that is under way is still answered, if only that its session is gone.
        if self.connections[conn].phase != Phase::Login {
            self.connections[conn].phase = Phase::Closed;
        }
        self.audit.doubt(conn);
    }

    /// Requests the target still owes an answer, by Initiator Task Tag.
    pub fn outstanding(&self) -> BTreeMap<u32, crate::codec::Kind> {
        self.audit.outstanding()
    }

    /// True if the target still owes an answer to the request with this tag.
    pub fn is_owed(&self, itt: u32) -> bool {
        self.audit.is_open(itt)
    }

    /// The CmdSN of a command that is still open and was not immediate: what ABORT TASK names as RefCmdSN (11.5.5).
    pub fn task_cmd_sn(&self, itt: u32) -> Option<u32> {
        self.audit.cmd_sn_of(itt)
    }

    /// Takes bytes of a connection as they came and returns the PDUs they complete. Numbering, negotiation and
    /// findings are up to date when it returns.
    pub fn receive(&mut self, conn: usize, bytes: &[u8]) -> Vec<Incoming> {
        self.feed(conn, bytes);
        core::iter::from_fn(|| self.poll(conn)).collect()
    }
}
