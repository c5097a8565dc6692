//! What goes into the target and what comes out, apart from bytes and storage operations.

use crate::config::{Config, ConfigError};
use crate::conn::framing::Frame;
use crate::io::{DeviceId, IoDone};
use alloc::boxed::Box;
use alloc::string::String;
use core::net::SocketAddr;

/// The driver's name for one transport connection. Never used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// Target Session Identifying Handle, as on the wire; never 0 for a session that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tsih(pub u16);

/// Everything that can happen to a target.
#[derive(Clone, Debug)]
pub enum Input {
    /// A transport connection was accepted.
    Opened {
        /// Its name from now on.
        conn: ConnId,
        /// The target's end; also decides the portal group.
        local: SocketAddr,
        /// The initiator's end.
        remote: SocketAddr,
    },
    /// One frame that the connection's [`Framer`](crate::conn::framing::Framer) cut out of the byte stream.
    Received {
        /// The connection.
        conn: ConnId,
        /// The PDU, with what its digests said.
        frame: Frame,
    },
    /// The transport connection is gone, for whatever reason. No more inputs for it follow.
    Closed {
        /// The connection.
        conn: ConnId,
    },
    /// A storage operation completed.
    Io(IoDone),
    /// The time of [`Target::poll_timeout`](crate::target::Target::poll_timeout) has come (early or late does no harm).
    Timeout,
    /// The operator wants something.
    Admin(Admin),
}

/// What an operator can ask of a running target.
#[derive(Clone, Debug)]
pub enum Admin {
    /// Take over this configuration, which has to pass [`Config::check`]. New sessions use all of it; running sessions see changed LUNs at once (unit
    /// attention 3F/0E) and lose their session if their target is gone.
    Reconfigure(Box<Config>),
    /// The size of a device changed: unit attention 2A/09 on every LUN that it backs.
    Resized {
        /// The device.
        device: DeviceId,
        /// Its new size in logical blocks.
        blocks: u64,
    },
    /// Ask the initiator to log out within `seconds` (asynchronous event 1), then drop the session.
    RequestLogout {
        /// The session.
        session: Tsih,
        /// Parameter3 of the message.
        seconds: u16,
    },
    /// Announce (asynchronous event 2) and drop one connection.
    DropConnection {
        /// The connection.
        conn: ConnId,
    },
    /// Announce (asynchronous event 3) and drop a session with all its connections.
    DropSession {
        /// The session.
        session: Tsih,
    },
    /// Ask the initiator to negotiate parameters again (asynchronous event 4).
    RequestNegotiation {
        /// The session.
        session: Tsih,
        /// Parameter3 of the message: seconds to start within.
        seconds: u16,
    },
    /// Take no new logins, ask every session to log out, drop what is left after `seconds`.
    Drain {
        /// How long sessions may take.
        seconds: u16,
    },
}

/// What the driver must know after a frame was handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxStatus {
    /// Whether to go on reading.
    pub flow: Flow,
    /// How the connection's framer reads the next header: see
    /// [`Framer::set_digests`](crate::conn::framing::Framer::set_digests).
    pub digests: crate::wire::Digests,
    /// Longest data segment that may come from now on: see [`Framer::raise`](crate::conn::framing::Framer::raise).
    pub data_max: u32,
}

impl Default for RxStatus {
    /// Go on, without digests.
    fn default() -> Self {
        Self { flow: Flow::Open, digests: crate::wire::Digests::default(), data_max: 0 }
    }
}

/// Whether to go on reading from a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Hand in the next frame.
    Open,
    /// Memory limits are reached: hand in nothing until [`Event::Resume`]. The frame itself was taken.
    Paused,
    /// The connection is ending: further frames are ignored.
    Ended,
}

/// What is left after a [`poll_transmit`](crate::target::Target::poll_transmit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TxStatus {
    /// Nothing more to send now.
    Idle,
    /// The batch is full; there is more.
    More,
    /// Send what is in the batch, then close the connection in an orderly way.
    Close,
    /// Close the connection at once, whatever is unsent.
    Abort,
}

/// A driver's bug; never the result of what a peer or a disk sent. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiMisuse {
    /// An input for a connection that was never opened or is closed.
    UnknownConnection(ConnId),
    /// `Opened` for a name already in use.
    DuplicateConnection(ConnId),
    /// A completion for an operation that is not outstanding.
    UnknownIo(crate::io::IoId),
    /// `now` is earlier than in a call before.
    TimeWentBack,
    /// [`Admin::Reconfigure`] with a configuration that [`Config::check`] refuses; boxed to keep results small.
    BadConfig(Box<ConfigError>),
}

/// News for logs, the operator and the driver's flow control. Nothing in the protocol depends on anyone listening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Reading from a paused connection may go on.
    Resume(ConnId),
    /// A login completed.
    LoggedIn {
        /// The connection.
        conn: ConnId,
        /// Its session.
        session: Tsih,
        /// Initiator name.
        initiator: String,
        /// Target name; `None` for a discovery session.
        target: Option<String>,
    },
    /// A login was refused.
    LoginFailed {
        /// The connection.
        conn: ConnId,
        /// Initiator name, as far as it was declared.
        initiator: String,
        /// Status-Class and Status-Detail (RFC 7143 11.13.5).
        status: u16,
        /// What was wrong, for people.
        reason: String,
    },
    /// A peer broke the protocol.
    Violation {
        /// The connection.
        conn: ConnId,
        /// What it did.
        fault: crate::fault::Fault,
    },
    /// A connection left its session or ended before it had one.
    Disconnected {
        /// The connection.
        conn: ConnId,
        /// Why, for people.
        reason: &'static str,
    },
    /// A session ended.
    SessionEnded {
        /// The session.
        session: Tsih,
        /// Why, for people.
        reason: &'static str,
    },
    /// [`Admin::Drain`] is complete: no session is left.
    Drained,
}
