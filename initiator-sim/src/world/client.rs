//! What can a client do? Open connections, send, end them, and let time pass.

use super::conn::{ClientState, Conn, LaneShare};
use super::{Happened, Happening, Inner, Seen, World};
use crate::clock::Nanos;
use crate::codec::Kind;
use crate::net::Dir;
use crate::net::lane::Ending;
use crate::trace::Tag;
use bytes::Bytes;
use std::net::SocketAddr;

impl World {
    /// Opens a connection from `remote` (the initiator) to `local` (the target's portal). Returns its ordinal at once; the client
    /// may send right away, what it sends waits for the handshake.
    pub fn connect(&mut self, local: SocketAddr, remote: SocketAddr) -> u32 {
        let key = self.connections();
        self.connect_as(key, local, remote)
    }

    /// Opens a connection whose random choices are keyed by `key` instead of its ordinal, so that they stay the same when
    /// connections before it go away.
    pub fn connect_as(&mut self, key: u32, local: SocketAddr, remote: SocketAddr) -> u32 {
        let ordinal = self.connections();
        let segment_max = self.inner.config.target.offer.max_recv_data_segment_length;
        let mut conn = Conn::new(key, local, remote, &self.inner.config.net, segment_max);
        let at = self.now().saturating_add(conn.lanes[Dir::Out as usize].crossing(&self.inner.planner));
        conn.lane(Dir::Out).open_at(at);
        self.inner.conns.push(conn);
        self.inner.queue.schedule(at, Happening::Open(ordinal));
        ordinal
    }

    /// Sends bytes. `op` names the operation they belong to, for the faults of chance (0 if there is none). On a connection that
    /// is closed or unknown this does nothing and returns false.
    pub fn send(&mut self, conn: u32, bytes: impl Into<Bytes>, op: u64) -> bool {
        let bytes = bytes.into();
        let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return false };
        if entry.client != ClientState::Open {
            return false;
        }
        // Sites must not depend on whether faults are drawn, played back or absent.
        if self.inner.planner.is_active() || self.inner.config.net.inward.is_random() {
            learn_operation(entry, &bytes, op);
        }
        self.inner.tell(|| Happened::Sent { conn, dir: Dir::Out, bytes: bytes.clone() });
        self.inner.on_lane(conn, Dir::Out, |lane, cx| lane.send(bytes, op, cx));
        true
    }

    /// The client sends no more, but still reads.
    pub fn half_close(&mut self, conn: u32) {
        if let Some(entry) = self.inner.conns.get_mut(conn as usize)
            && entry.client == ClientState::Open
        {
            entry.client = ClientState::HalfClosed;
            self.inner.on_lane(conn, Dir::Out, |lane, cx| lane.fin(cx));
        }
    }

    /// The client closes: it sends no more and reads no more.
    pub fn close(&mut self, conn: u32) {
        self.half_close(conn);
        self.let_go(conn);
    }

    /// The client breaks the connection.
    pub fn reset(&mut self, conn: u32) {
        let now = self.now();
        if let Some(entry) = self.inner.conns.get_mut(conn as usize)
            && entry.client != ClientState::Gone
        {
            entry.lanes[Dir::Out as usize].reset(now, &self.inner.planner);
            self.inner.plan(conn, Dir::Out);
        }
        self.let_go(conn);
    }

    fn let_go(&mut self, conn: u32) {
        if let Some(entry) = self.inner.conns.get_mut(conn as usize) {
            entry.client = ClientState::Gone;
            entry.lane(Dir::In).pipe().discard();
        }
    }

    /// Stops the client from reading, so that buffers fill, or lets it read again.
    pub fn clog(&mut self, conn: u32, clogged: bool) {
        let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
        if clogged {
            self.inner.marks.act("clog");
        }
        entry.lane(Dir::In).pipe().set_reading(!clogged);
        while let Some(what) = self.inner.conns[conn as usize].lane(Dir::In).pipe().read() {
            self.inner.client_sees(conn, what);
        }
        self.inner.room_for_target(conn);
        self.inner.want_transmit.push(conn);
        self.settle();
    }

    /// Cuts or mends the wire of a connection. While it is cut nothing arrives on either side and nothing is lost.
    pub fn partition(&mut self, conn: u32, cut: bool) {
        let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
        if cut {
            self.inner.marks.act("partition");
        }
        entry.cut = cut;
        let text = if cut { "partition" } else { "mend" };
        entry.lanes.iter_mut().for_each(|lane| lane.pipe().partition(cut));
        let asking = !cut && std::mem::take(&mut entry.asking);
        self.inner.tell(|| Happened::Act { conn: Some(conn), text: text.to_owned() });
        if asking {
            let now = self.now();
            self.inner.queue.schedule(now, Happening::Open(conn));
        }
        self.inner.plan(conn, Dir::Out);
        self.inner.plan(conn, Dir::In);
    }

    /// Asks for a [`Seen::Wake`] with this token at this time.
    pub fn wake_at(&mut self, at: Nanos, token: u64) {
        self.inner.wakes += 1;
        self.inner.queue.schedule(at, Happening::Wake(token));
    }

    /// Takes what was seen already, without letting time pass.
    pub fn poll_seen(&mut self) -> Option<Seen> {
        self.inner.seen.pop_front()
    }

    /// Lets time pass until something is seen, but not beyond `limit`; `None` if nothing was seen until then.
    pub fn next_seen(&mut self, limit: Nanos) -> Option<Seen> {
        loop {
            if let Some(seen) = self.inner.seen.pop_front() {
                return Some(seen);
            }
            if !self.step_until(limit) {
                return None;
            }
        }
    }

    /// Lets time pass until `until`. What is seen on the way waits for [`World::poll_seen`].
    pub fn run_until(&mut self, until: Nanos) {
        while self.step_until(until) {}
    }

    /// Lets time pass until nothing is under way (only timers are left), or until `limit`. True if it is idle.
    pub fn run_until_idle(&mut self, limit: Nanos) -> bool {
        while !self.is_idle() {
            if !self.step_until(limit) {
                break;
            }
        }
        self.is_idle()
    }

    /// True if nothing is under way: only timers will make something happen.
    pub fn is_idle(&self) -> bool {
        self.inner.queue.len() == self.inner.wakes
    }
}

impl Inner {
    /// Acts on a lane and deals with what comes of it: faults that hit, an ending, arrivals to plan.
    pub(super) fn on_lane<T>(
        &mut self,
        conn: u32,
        dir: Dir,
        act: impl FnOnce(&mut crate::net::lane::Lane, &mut crate::net::lane::LaneContext<'_>) -> T,
    ) -> Option<T> {
        let now = self.queue.now();
        let entry = self.conns.get_mut(conn as usize)?;
        let mut share = LaneShare {
            now,
            planner: &mut self.planner,
            hits: &mut self.hits,
            lost: Vec::new(),
            ending: None,
        };
        let out = entry.with_lane(dir, &mut share, act);
        let ending = share.ending;
        for bytes in share.lost {
            self.tell(|| Happened::Lost { conn, dir, bytes });
        }
        self.note_hits();
        match ending {
            None => {}
            Some(Ending::HalfClose) => self.note(Tag::Fault, u64::from(conn), b"half_close"),
            Some(ending) => self.end_by_network(conn, ending),
        }
        self.plan(conn, dir);
        Some(out)
    }

    /// Plans the next arrival of a lane, unless an earlier one is planned.
    pub(super) fn plan(&mut self, conn: u32, dir: Dir) {
        let now = self.queue.now();
        let Some(entry) = self.conns.get_mut(conn as usize) else { return };
        let lane = entry.lane(dir);
        let Some(due) = lane.pipe().due() else { return };
        let due = due.max(now);
        if lane.planned.is_none_or(|planned| due < planned) {
            lane.planned = Some(due);
            self.queue.schedule(due, Happening::Arrive(conn, dir));
        }
    }

    /// Both ends see the connection end.
    pub(super) fn end_by_network(&mut self, conn: u32, ending: Ending) {
        let now = self.queue.now();
        let text = if ending == Ending::Reset { "reset" } else { "close" };
        self.note(Tag::Fault, u64::from(conn), text.as_bytes());
        self.tell(|| Happened::Act { conn: Some(conn), text: text.to_owned() });
        for dir in [Dir::Out, Dir::In] {
            if ending == Ending::Reset {
                if let Some(entry) = self.conns.get_mut(conn as usize) {
                    entry.lanes[dir as usize].reset(now, &self.planner);
                }
                self.plan(conn, dir);
            } else {
                self.on_lane(conn, dir, |lane, cx| lane.fin(cx));
            }
        }
    }
}

/// Remembers which task tags the bytes of an operation use. The PDUs of one write are whole in all but the oddest cases.
fn learn_operation(conn: &mut Conn, bytes: &[u8], op: u64) {
    if op == 0 {
        return;
    }
    if let (Some(first), Some(&[a, b, c, d])) = (bytes.first(), bytes.get(16..20))
        && Kind::of_opcode(first & 0x3f).is_some_and(Kind::from_initiator)
    {
        conn.operations.insert(u32::from_be_bytes([a, b, c, d]), op);
    }
}
