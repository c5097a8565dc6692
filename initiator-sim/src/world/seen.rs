//! What does the initiator's side see? Its sockets, its timers, and for reports the target's news.

use crate::clock::Nanos;
use crate::codec::Pdu;
use crate::net::Dir;
use bytes::Bytes;
use target_core::api::Event;

use super::tap::Quality;

/// One thing that happened to the initiators, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The connection was accepted.
    Connected {
        /// Its ordinal.
        conn: u32,
    },
    /// The connection was refused: the target is down.
    Refused {
        /// Its ordinal.
        conn: u32,
    },
    /// Bytes came.
    Bytes {
        /// The connection.
        conn: u32,
        /// As one read returns them.
        bytes: Bytes,
    },
    /// The target sends no more.
    Fin {
        /// The connection.
        conn: u32,
    },
    /// The connection is broken.
    Reset {
        /// The connection.
        conn: u32,
    },
    /// A timer set by [`World::wake_at`](super::World::wake_at) ran.
    Wake {
        /// What was given then.
        token: u64,
    },
    /// News of the target for its operator. Not on any wire.
    News(Event),
}

/// One PDU as it passed at the target's socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireRecord {
    /// When it was handed to the core, or serialised by it.
    pub at: Nanos,
    /// The connection.
    pub conn: u32,
    /// Which way.
    pub dir: Dir,
    /// The PDU.
    pub pdu: Pdu,
    /// Whether its digests were right.
    pub quality: Quality,
}
