//! What does the target know about one connection? Data and small rules; the verbs are in [`target`](crate::target).

use crate::api::ConnId;
use crate::conn::keepalive::KeepAlive;
use crate::conn::login::Login;
use crate::conn::out::Outbox;
use crate::conn::states::{ConnState, Transition};
use crate::conn::text::TextExchange;
use crate::io::SgList;
use crate::probe::{ConnInfo, Fields, Probe, ProbeName};
use crate::session::SessionKey;
use crate::session::params::ConnParams;
use crate::task::TaskKey;
use crate::task::abort::Terminations;
use crate::time::Instant;
use crate::wire::{BHS_LEN, Digests, serial};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::ToString;
use core::net::{IpAddr, SocketAddr};

/// First StatSN of every connection; any would do (RFC 7143 4.2.2.2).
const FIRST_STAT_SN: u32 = 1;

/// How many pings that ask for an acknowledgement may be unanswered.
const SOLICITED_MAX: usize = 8;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It does not.
    Open,
    /// In good order, once everything is sent.
    Flush,
    /// In good order, and the driver knows.
    Closing,
    /// At once.
    Abort,
}

/// What the deadline of a connection is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The end of the login.
    Login,
    /// The Logout Request it was asked for.
    Logout,
    /// The end of the transport connection.
    Close,
}

/// The strings that probes carry, made once.
#[derive(Debug)]
pub(crate) struct Names {
    local: ProbeName,
    remote: ProbeName,
    protocol: ProbeName,
    /// Target name as far as it is known.
    pub(crate) target: ProbeName,
    /// Initiator name as far as it is known.
    pub(crate) initiator: ProbeName,
}

impl Names {
    fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        let (local, remote) = (local.ip().to_canonical(), remote.ip().to_canonical());
        let protocol = match local {
            IpAddr::V4(_) => "ipv4",
            IpAddr::V6(_) => "ipv6",
        };
        Self {
            local: ProbeName::new(&local.to_string()),
            remote: ProbeName::new(&remote.to_string()),
            protocol: ProbeName::new(protocol),
            target: ProbeName::EMPTY,
            initiator: ProbeName::EMPTY,
        }
    }

    /// `args[0]` of every probe.
    pub(crate) fn conn_info(&self) -> ConnInfo<'_> {
        ConnInfo { local: &self.local, remote: &self.remote, protocol: &self.protocol }
    }
}

/// A response that the initiator has not acknowledged, kept for a Status SNACK (RFC 7143 11.16).
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Its number.
    pub(crate) stat_sn: u32,
    /// Its header as it was sent.
    pub(crate) bhs: [u8; BHS_LEN],
    /// Its data segment.
    pub(crate) data: SgList,
    /// What its probe showed.
    pub(crate) shown: Option<(Probe, Fields)>,
}

/// How much a connection keeps for recovery; nothing below ErrorRecoveryLevel 1.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeepLimit {
    /// Responses.
    pub(crate) responses: usize,
    /// Bytes of their data segments.
    pub(crate) bytes: u64,
}

/// One transport connection and the iSCSI connection on it.
#[derive(Debug)]
pub(crate) struct Connection {
    /// The driver's name for it.
    pub(crate) id: ConnId,
    /// The target's end.
    pub(crate) local: SocketAddr,
    /// Target Portal Group Tag of the portal.
    pub(crate) group: u16,
    /// For the probes.
    pub(crate) names: Names,
    /// Where it is in RFC 7143 8.1.4.
    pub(crate) state: ConnState,
    /// The transitions it took, a bit each.
    pub(crate) cells: u16,
    /// Connection ID, from the login.
    pub(crate) cid: u16,
    /// The login while it lasts.
    pub(crate) login: Option<Box<Login>>,
    /// The login is to be refused: there are too many connections.
    pub(crate) refused: bool,
    /// Its session, from the end of the login to the end of the session.
    pub(crate) session: Option<SessionKey>,
    /// The session it has left, whose numbers what it still has to say carries.
    pub(crate) left: Option<SessionKey>,
    /// Text exchanges in full feature phase.
    pub(crate) text: Option<TextExchange>,
    /// What was negotiated.
    pub(crate) params: ConnParams,
    /// Digests of what is sent; they begin after the last Login Response.
    pub(crate) send_digests: Digests,
    /// The next StatSN.
    pub(crate) stat_sn: u32,
    /// ExpStatSN as last heard.
    pub(crate) exp_stat_sn: u32,
    /// ExpCmdSN and MaxCmdSN to stamp while there is no session.
    pub(crate) numbers: (u32, u32),
    /// What is to be sent.
    pub(crate) out: Outbox,
    /// It stands in the queue of connections with something to send.
    pub(crate) queued: bool,
    /// Whether and how it ends.
    pub(crate) ending: Ending,
    /// The driver was told to stop reading.
    pub(crate) paused: bool,
    /// Pings, in full feature phase of a normal session.
    pub(crate) keepalive: Option<KeepAlive>,
    /// Target Transfer Tag of the ping that waits for its answer.
    pub(crate) ping: Option<u32>,
    /// StatSN of the Text Response that declared another MaxRecvDataSegmentLength, and that.
    pub(crate) receive_change: Option<(u32, u32)>,
    /// Target Transfer Tags of pings that ask for an acknowledgement.
    pub(crate) solicited: VecDeque<u32>,
    /// StatSN of the response with a Response Fence that went out last.
    pub(crate) fenced: Option<u32>,
    /// Messages about terminated tasks that wait for their acknowledgement.
    pub(crate) terminations: Terminations,
    /// Something else that must happen in time.
    pub(crate) deadline: Option<(Instant, Due)>,
    /// Tasks that wait for write data, by the time they were last known to have heard something.
    pub(crate) data_wait: VecDeque<(Instant, TaskKey)>,
    /// Immediate requests not answered yet, other than task management.
    pub(crate) immediate: u32,
    /// Immediate task management functions not answered yet.
    pub(crate) immediate_tmfs: u32,
    /// When the timer queue will look at this connection.
    pub(crate) armed: Option<Instant>,
    kept: VecDeque<Kept>,
    kept_bytes: u64,
}

impl Connection {
    /// A connection that was just accepted.
    pub(crate) fn new(id: ConnId, local: SocketAddr, remote: SocketAddr, group: u16) -> Self {
        Self {
            id,
            local,
            group,
            names: Names::new(local, remote),
            state: ConnState::Free.next(Transition::T3).unwrap_or(ConnState::XptUp),
            cells: 1 << Transition::T3 as u16,
            cid: 0,
            login: Some(Box::new(Login::new())),
            refused: false,
            session: None,
            left: None,
            text: None,
            params: ConnParams::default(),
            send_digests: Digests::default(),
            stat_sn: FIRST_STAT_SN,
            exp_stat_sn: FIRST_STAT_SN,
            numbers: (0, 0),
            out: Outbox::default(),
            queued: false,
            ending: Ending::Open,
            paused: false,
            keepalive: None,
            ping: None,
            receive_change: None,
            solicited: VecDeque::new(),
            fenced: None,
            terminations: Terminations::default(),
            deadline: None,
            data_wait: VecDeque::new(),
            immediate: 0,
            immediate_tmfs: 0,
            armed: None,
            kept: VecDeque::new(),
            kept_bytes: 0,
        }
    }

    /// Takes a transition of RFC 7143 8.1.4. One that the table does not have changes nothing: the caller checked.
    pub(crate) fn go(&mut self, transition: Transition) {
        if let Some(state) = self.state.next(transition) {
            self.state = state;
            self.cells |= 1 << transition as u16;
        }
    }

    /// True once nothing more is taken from it.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending != Ending::Open
    }

    /// Whether one more immediate request is too many. There is always room for one task management function and one
    /// other request (rfc7143/4.2.2.1-6).
    pub(crate) fn has_too_many_immediate(&self, is_tmf: bool, limit: u32) -> bool {
        if is_tmf {
            self.immediate_tmfs > 0 && self.immediate.saturating_add(self.immediate_tmfs) >= limit
        } else {
            self.immediate >= limit.saturating_sub(u32::from(!planted!(ImmediateLimit)))
        }
    }

    /// Not in full feature phase, and not ending.
    pub(crate) fn is_half_open(&self) -> bool {
        !self.is_ending() && matches!(self.state, ConnState::XptUp | ConnState::InLogin)
    }

    /// Takes ExpStatSN: everything before it is acknowledged and need not be kept. True if that is news.
    pub(crate) fn acknowledge(&mut self, exp_stat_sn: u32) -> bool {
        // Only what was sent can be acknowledged, and an acknowledgement is never taken back.
        if !serial::lt(self.exp_stat_sn, exp_stat_sn) || !serial::le(exp_stat_sn, self.stat_sn) {
            return false;
        }
        self.exp_stat_sn = exp_stat_sn;
        if let Some((stat_sn, length)) = self.receive_change
            && serial::lt(stat_sn, exp_stat_sn)
        {
            self.params.max_recv_segment = length;
            self.receive_change = None;
        }
        let first = if planted!(KeptStatus) { serial::next(exp_stat_sn) } else { exp_stat_sn };
        while self.kept.front().is_some_and(|kept| serial::lt(kept.stat_sn, first)) {
            self.drop_oldest();
        }
        true
    }

    /// Whether everything before that StatSN is acknowledged.
    pub(crate) fn has_acknowledged(&self, stat_sn: u32) -> bool {
        serial::le(stat_sn, self.exp_stat_sn)
    }

    /// Remembers a ping that asks for an acknowledgement; of those that are not answered only the last few.
    pub(crate) fn solicit(&mut self, ttt: u32) {
        self.solicited.push_back(ttt);
        if self.solicited.len() > SOLICITED_MAX {
            self.solicited.pop_front();
        }
    }

    /// Whether that is the tag of a ping of ours; it is then answered.
    pub(crate) fn answers_ping(&mut self, ttt: u32) -> bool {
        if self.ping == Some(ttt) || (planted!(PingAnyTag) && self.ping.is_some()) {
            self.ping = None;
            if let Some(keepalive) = &mut self.keepalive {
                keepalive.answered();
            }
            return true;
        }
        let before = self.solicited.len();
        self.solicited.retain(|other| *other != ttt);
        self.solicited.len() < before
    }

    /// Keeps a response until it is acknowledged, in place of another with the same number; the oldest go when there is
    /// more than `limit` allows.
    pub(crate) fn keep(&mut self, kept: Kept, limit: KeepLimit) {
        if limit.responses == 0 || serial::lt(kept.stat_sn, self.exp_stat_sn) {
            return;
        }
        self.kept_bytes += kept.data.len() as u64;
        if self.kept.back().is_none_or(|last| serial::lt(last.stat_sn, kept.stat_sn)) {
            self.kept.push_back(kept);
        } else if let Some(old) = self.kept.iter_mut().find(|old| old.stat_sn == kept.stat_sn) {
            self.kept_bytes = self.kept_bytes.saturating_sub(old.data.len() as u64);
            *old = kept;
        } else {
            // It was given up while it was sent again.
            self.kept_bytes = self.kept_bytes.saturating_sub(kept.data.len() as u64);
        }
        while self.kept.len() > limit.responses || self.kept_bytes > limit.bytes {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.kept_bytes = self.kept_bytes.saturating_sub(oldest.data.len() as u64);
        }
    }

    /// The response with that number, if it is kept.
    pub(crate) fn kept(&self, stat_sn: u32) -> Option<&Kept> {
        self.kept.iter().find(|kept| kept.stat_sn == stat_sn)
    }

    /// Whether the initiator takes a data segment of so many bytes now (RFC 7143 13.12): it may have lowered the limit since
    /// the segment was sent.
    pub(crate) fn takes(&self, len: usize) -> bool {
        len <= self.params.max_send_segment as usize
    }

    /// Whether it takes all responses that are kept, from one number to the one before another.
    pub(crate) fn takes_kept(&self, first: u32, end: u32) -> bool {
        let asked = |kept: &&Kept| serial::le(first, kept.stat_sn) && serial::lt(kept.stat_sn, end);
        self.kept.iter().filter(asked).all(|kept| self.takes(kept.data.len()))
    }

    /// Gives the number for a response and moves on.
    pub(crate) fn next_stat_sn(&mut self) -> u32 {
        // rfc7143/4.2.2.2-3.
        let stat_sn = self.stat_sn;
        self.stat_sn = serial::next(stat_sn);
        stat_sn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    fn connection() -> Connection {
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST.to_ipv6_mapped(), 3260));
        Connection::new(ConnId(1), at, at, 1)
    }

    #[test]
    fn a_mapped_address_shows_as_ipv4() {
        let conn = connection();
        let info = conn.names.conn_info();
        assert_eq!((info.local.as_str(), info.remote.as_str()), ("127.0.0.1", "127.0.0.1"));
        assert_eq!(info.protocol.as_str(), "ipv4");
    }

    const LIMIT: KeepLimit = KeepLimit { responses: 2, bytes: 100 };

    fn respond(conn: &mut Connection, len: usize, limit: KeepLimit) {
        let stat_sn = conn.next_stat_sn();
        let data = SgList::from(alloc::vec![0; len]);
        conn.keep(Kept { stat_sn, bhs: [0; BHS_LEN], data, shown: None }, limit);
    }

    fn numbers(conn: &Connection) -> alloc::vec::Vec<u32> {
        conn.kept.iter().map(|kept| kept.stat_sn).collect()
    }

    #[test]
    fn an_acknowledgement_frees_what_came_before_and_nothing_else() {
        let mut conn = connection();
        for _ in 0..3 {
            respond(&mut conn, 0, KeepLimit { responses: 8, ..LIMIT });
        }
        assert!(!conn.acknowledge(9));
        assert_eq!((conn.kept.len(), conn.exp_stat_sn), (3, 1));
        assert!(conn.acknowledge(3) && !conn.acknowledge(2));
        assert_eq!((conn.kept.len(), conn.exp_stat_sn), (1, 3));
        // What is sent again takes its old place, unless it was acknowledged meanwhile.
        for stat_sn in [2, 3] {
            conn.keep(Kept { stat_sn, bhs: [1; BHS_LEN], data: SgList::new(), shown: None }, LIMIT);
        }
        assert_eq!((numbers(&conn), conn.kept(3).map(|kept| kept.bhs)), (alloc::vec![3], Some([1; BHS_LEN])));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut conn = connection();
        for _ in 0..5 {
            respond(&mut conn, 10, LIMIT);
        }
        assert_eq!(numbers(&conn), [4, 5]);
        respond(&mut conn, 95, LIMIT);
        assert_eq!((numbers(&conn), conn.kept_bytes), (alloc::vec![6], 95));
        respond(&mut conn, 1, KeepLimit::default());
        assert_eq!(numbers(&conn), [6]);
    }
}
