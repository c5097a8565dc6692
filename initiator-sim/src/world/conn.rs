//! One connection: two lanes, the target's socket, the initiator's socket, and the tap that reads along.

use super::tap::Tap;
use crate::codec::Digests;
use crate::net::lane::{Lane, LaneContext};
use crate::net::{Dir, NetConfig};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use target_core::conn::batch::TxBatch;
use target_core::conn::framing::{Frame, Framer};

/// Bytes the target serialises before they are handed to the network.
const BATCH_BYTES: usize = 64 << 10;

/// The target's end.
pub(super) struct Server {
    pub(super) state: ServerState,
    pub(super) framer: Framer,
    /// Was cut, but comes after what the frames before it lead to.
    pub(super) behind: Option<Frame>,
    pub(super) batch: TxBatch,
    /// The core takes no frames at present.
    pub(super) paused: bool,
    /// There is more to send, but the socket was full.
    pub(super) waiting: bool,
    /// Close when the batch is out.
    pub(super) closing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerState {
    /// The target has not seen the connection yet.
    Unseen,
    Open,
    Ended,
}

/// The initiator's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientState {
    Open,
    /// It sends no more but still reads.
    HalfClosed,
    /// It has let go.
    Gone,
}

pub(super) struct Conn {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) lanes: [Lane; 2],
    pub(super) server: Server,
    pub(super) client: ClientState,
    pub(super) tap: Tap,
    /// The operation each task tag belongs to, for naming what the target sends.
    pub(super) operations: BTreeMap<u32, u64>,
    pub(super) cut: bool,
    /// The probe that fired last for it.
    pub(super) last_probe: Option<target_core::probe::Probe>,
    /// The connection request waits for a partition to heal.
    pub(super) asking: bool,
}

impl Conn {
    pub(super) fn new(
        key: u32,
        local: SocketAddr,
        remote: SocketAddr,
        net: &NetConfig,
        segment_max: u32,
    ) -> Self {
        Self {
            local,
            remote,
            lanes: [Lane::new(net.out.clone(), Dir::Out, key), Lane::new(net.inward.clone(), Dir::In, key)],
            server: Server {
                state: ServerState::Unseen,
                framer: Framer::new(segment_max, crc32c::crc32c_append),
                behind: None,
                batch: TxBatch::new(BATCH_BYTES),
                paused: false,
                waiting: false,
                closing: false,
            },
            client: ClientState::Open,
            tap: Tap::default(),
            operations: BTreeMap::new(),
            cut: false,
            last_probe: None,
            asking: false,
        }
    }

    pub(super) const fn lane(&mut self, dir: Dir) -> &mut Lane {
        &mut self.lanes[dir as usize]
    }

    /// Runs `act` on a lane with the context that needs the rest of the connection.
    pub(super) fn with_lane<T>(
        &mut self,
        dir: Dir,
        cx: &mut LaneShare<'_>,
        act: impl FnOnce(&mut Lane, &mut LaneContext<'_>) -> T,
    ) -> T {
        let mut context = LaneContext {
            now: cx.now,
            planner: cx.planner,
            hits: cx.hits,
            lost: Vec::new(),
            operations: &self.operations,
            ending: None,
        };
        let out = act(&mut self.lanes[dir as usize], &mut context);
        cx.ending = context.ending.or(cx.ending);
        cx.lost.append(&mut context.lost);
        out
    }

    /// The login is over: both directions use these digests from here on.
    pub(super) fn switch_digests(&mut self, inward_offset: u64, digests: Digests) {
        self.lane(Dir::Out).set_digests(None, digests);
        self.lane(Dir::In).set_digests(Some(inward_offset), digests);
    }
}

/// What lanes borrow from the world.
pub(super) struct LaneShare<'a> {
    pub(super) now: crate::clock::Nanos,
    pub(super) planner: &'a mut crate::fault::plan::Planner,
    pub(super) hits: &'a mut Vec<crate::fault::FaultId>,
    pub(super) lost: Vec<bytes::Bytes>,
    pub(super) ending: Option<crate::net::lane::Ending>,
}
