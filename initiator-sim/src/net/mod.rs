//! How do bytes travel? A pipe per direction that behaves as TCP does, and what can be configured of it.
//!
//! Fault model: bytes are never lost, repeated or reordered. They are delayed, cut into chunks, put together, stalled, held up by
//! a full buffer; a direction can be ended, a connection reset, a pair of hosts partitioned. A lost segment shows as the
//! delay of its retransmission.

pub mod config;
pub mod lane;
pub mod pipe;

pub use config::{Chunking, LaneConfig, Latency, NetConfig};

use crate::rng::Domain;
use serde::{Deserialize, Serialize};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dir {
    /// From the initiator to the target.
    Out = 0,
    /// From the target to the initiator.
    In = 1,
}

impl Dir {
    /// The other way.
    pub const fn reverse(self) -> Self {
        match self {
            Self::Out => Self::In,
            Self::In => Self::Out,
        }
    }

    /// The domain of decisions about these bytes.
    pub const fn domain(self) -> Domain {
        match self {
            Self::Out => Domain::NetOut,
            Self::In => Domain::NetIn,
        }
    }
}
