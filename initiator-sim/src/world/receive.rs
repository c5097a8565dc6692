//! What happens when something arrives, on either side?

use super::conn::{ClientState, ServerState};
use super::{Happened, Inner, Seen, World};
use crate::net::Dir;
use crate::net::pipe::Arrival;
use crate::trace::Tag;
use target_core::api::{ConnId, Flow, Input};
use target_core::conn::framing::Verdict;
use target_core::drive;

impl World {
    /// The connection request reaches the target's host.
    pub(super) fn opened(&mut self, conn: u32) {
        let now = self.now();
        let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
        if entry.cut {
            entry.asking = true;
            return;
        }
        let (local, remote) = (entry.local, entry.remote);
        let back = now.saturating_add(entry.lanes[Dir::In as usize].crossing(&self.inner.planner));
        if self.target.is_none() {
            entry.server.state = ServerState::Ended;
            entry.client = ClientState::Gone;
            entry.lane(Dir::Out).pipe().discard();
            self.inner.queue.schedule(back, super::Happening::Refused(conn));
            return;
        }
        entry.server.state = ServerState::Open;
        entry.lane(Dir::In).open_at(back);
        self.inner.queue.schedule(back, super::Happening::Connected(conn));
        self.inner.note(Tag::Open, u64::from(conn), format!("{local} {remote}").as_bytes());
        self.inner.tell(|| Happened::Opened { conn, local, remote });
        if let Some(oracles) = &mut self.inner.oracles {
            oracles.opened(conn, local, remote);
        }
        self.hand_in(conn, Input::Opened { conn: ConnId(u64::from(conn)), local, remote });
    }

    /// Something arrives at the end of a lane.
    pub(super) fn arrived(&mut self, conn: u32, dir: Dir) {
        let now = self.now();
        let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
        let lane = entry.lane(dir);
        if lane.planned != Some(now) {
            return; // Something earlier came in between.
        }
        lane.planned = None;
        let what = lane.pipe().arrive(now);
        match (dir, what) {
            (_, None) => {}
            (Dir::Out, Some(what)) => self.target_reads(conn, what),
            (Dir::In, Some(what)) => {
                self.inner.client_sees(conn, what);
                self.inner.room_for_target(conn);
                self.inner.want_transmit.push(conn);
            }
        }
        // What was read has made room.
        self.inner.pump(conn, dir);
    }

    fn target_reads(&mut self, conn: u32, what: Arrival) {
        let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
        if entry.server.state != ServerState::Open {
            return;
        }
        match what {
            Arrival::Bytes(bytes) => {
                entry.server.framer.push(&bytes);
                entry.tap.push(Dir::Out, &bytes);
                self.inner.note(Tag::ToTarget, u64::from(conn), &bytes);
                self.inner.tell(|| Happened::Received { conn, dir: Dir::Out, bytes: bytes.clone() });
                self.hand_frames(conn);
            }
            // The target's host gives up the socket either way: what is unsent after an end of file may still go out.
            Arrival::Fin => {
                self.inner.tell(|| Happened::Ended { conn, dir: Dir::Out, reset: false });
                self.inner.on_lane(conn, Dir::In, |lane, cx| lane.fin(cx));
                self.inner.target_let_go(conn);
            }
            Arrival::Reset => {
                self.inner.tell(|| Happened::Ended { conn, dir: Dir::Out, reset: true });
                self.inner.target_let_go(conn);
            }
        }
    }

    /// Gives the core the frames that are whole, as long as it takes them.
    pub(super) fn hand_frames(&mut self, conn: u32) {
        let mut undrained = false;
        loop {
            let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
            if entry.server.paused || entry.server.state != ServerState::Open || entry.server.closing {
                return;
            }
            let server = &mut entry.server;
            let Some(frame) = server.behind.take().or_else(|| server.framer.next_frame()) else { return };
            if undrained && frame.acts_on_others() {
                server.behind = Some(frame);
                if let Some(target) = &mut self.target {
                    let now = self.inner.config.clock.reads(self.inner.queue.now());
                    drive::drain(now, target, &mut self.inner);
                }
                undrained = false;
                continue;
            }
            undrained = true;
            if frame.verdict == Verdict::TooLong {
                // The codec has no such limit and would wait for the rest.
                entry.tap.give_up(Dir::Out);
            } else if !entry.tap.is_lost(Dir::Out) && !self.inner.tap_next(conn, Dir::Out) {
                self.inner.complain(
                    conn,
                    "rfc7143/11.2.1",
                    "the core found a PDU where the stream has none".into(),
                );
            }
            let status = self.hand_in(conn, Input::Received { conn: ConnId(u64::from(conn)), frame });
            self.inner.check_probes();
            let (Some(status), Some(entry)) = (status, self.inner.conns.get_mut(conn as usize)) else {
                return;
            };
            entry.server.framer.set_digests(status.digests);
            entry.server.framer.raise(status.data_max);
            match status.flow {
                Flow::Open => {}
                Flow::Paused => {
                    entry.server.paused = true;
                    entry.lane(Dir::Out).pipe().set_reading(false);
                }
                Flow::Ended => {
                    entry.tap.give_up(Dir::Out);
                    if let Some(oracles) = &mut self.inner.oracles {
                        oracles.deaf(conn);
                    }
                }
            }
        }
    }

    /// The core takes frames of a paused connection again.
    pub(super) fn resume(&mut self, conn: u32) {
        let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
        entry.server.paused = false;
        self.hand_frames(conn);
        loop {
            let Some(entry) = self.inner.conns.get_mut(conn as usize) else { return };
            if entry.server.paused {
                break;
            }
            entry.lane(Dir::Out).pipe().set_reading(true);
            let Some(what) = entry.lane(Dir::Out).pipe().read() else { break };
            self.target_reads(conn, what);
        }
        self.inner.pump(conn, Dir::Out);
    }

    /// Calls the core; a refusal is a bug, either here or there.
    pub(super) fn hand_in(&mut self, conn: u32, input: Input) -> Option<target_core::api::RxStatus> {
        let now = self.now();
        let clock = self.inner.config.clock;
        let target = self.target.as_mut()?;
        let sink = target.sink_mut();
        (sink.now, sink.conn) = (now, conn);
        let result = target.handle(clock.reads(now), input);
        target.sink_mut().take_into(&mut self.inner.fired);
        match result {
            Ok(status) => Some(status),
            Err(misuse) => {
                self.inner.complain(conn, "driver", format!("the core refused an input: {misuse:?}"));
                None
            }
        }
    }
}

impl Inner {
    /// Something reaches the initiator.
    pub(super) fn client_sees(&mut self, conn: u32, what: Arrival) {
        let Some(entry) = self.conns.get_mut(conn as usize) else { return };
        if entry.client == ClientState::Gone {
            return;
        }
        let seen = match what {
            Arrival::Bytes(bytes) => {
                self.note(Tag::ToInitiator, u64::from(conn), &bytes);
                self.tell(|| Happened::Received { conn, dir: Dir::In, bytes: bytes.clone() });
                Seen::Bytes { conn, bytes }
            }
            Arrival::Fin => Seen::Fin { conn },
            Arrival::Reset => {
                entry.client = ClientState::Gone;
                Seen::Reset { conn }
            }
        };
        if !matches!(seen, Seen::Bytes { .. }) {
            self.note(Tag::End, u64::from(conn), b"initiator");
            let reset = matches!(seen, Seen::Reset { .. });
            self.tell(|| Happened::Ended { conn, dir: Dir::In, reset });
        }
        self.seen.push_back(seen);
    }

    /// Moves what waited for room.
    pub(super) fn pump(&mut self, conn: u32, dir: Dir) {
        let now = self.now();
        if let Some(entry) = self.conns.get_mut(conn as usize) {
            entry.lanes[dir as usize].pump(now, &self.planner);
        }
        self.plan(conn, dir);
    }

    /// The initiator has read: the target's socket may have room again.
    pub(super) fn room_for_target(&mut self, conn: u32) {
        self.pump(conn, Dir::In);
        self.write_batch(conn);
    }
}
