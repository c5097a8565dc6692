//! Who is there, and what do we agree on? The Login Phase of one connection (RFC 7143 sections 6.3, 11.12 and 12).
//!
//! ```text
//!  AwaitFirst ──names, session type, admission──> AwaitSecurity ──proof──> AwaitOperational ──> Done
//!       └───────────────(no authentication asked for)─────────────────────────┘
//! ```
//!
//! A `Login` takes one Login Request after the other and answers each with exactly one `LoginStep`. It never looks
//! at sequence numbers: StatSN, ExpCmdSN, MaxCmdSN and the TSIH are stamped by the engine.

use crate::config::Config;
use crate::conn::login::access::Access;
use crate::conn::login::challenge::Challenges;
use crate::session::params::{ConnParams, SessionKind, SessionParams};
use alloc::boxed::Box;
use alloc::string::String;
use bytes::Bytes;

pub(crate) mod access;
mod auth;
pub(crate) mod challenge;
mod chap;
pub mod fault;
mod keys;
mod machine;
mod start;

#[cfg(test)]
mod tests;

pub use fault::LoginFault;
pub(crate) use machine::Login;

/// What a login asks of the sessions that exist.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission<'a> {
    /// The session type asked for; a later connection that does not say asks for Normal.
    pub(crate) kind: SessionKind,
    /// Index in [`Config::targets`]; `None` for a discovery session that named no target (RFC 7143 7.4.2.1).
    pub(crate) target: Option<usize>,
    /// Initiator name, normalised.
    pub(crate) initiator: &'a str,
    /// ISID as on the wire.
    pub(crate) isid: [u8; 6],
    /// TSIH; 0 asks for a new session or for session reinstatement.
    pub(crate) tsih: u16,
    /// Connection ID.
    pub(crate) cid: u16,
    /// Tag of the portal group that serves the login.
    pub(crate) group: u16,
}

/// A login may go on.
#[derive(Clone, Debug)]
pub(crate) enum Admitted {
    /// As the leading connection of a new session, or of one that takes the place of another (same ISID, TSIH 0).
    Leading,
    /// As a further or reinstated connection of a session that exists.
    Later {
        /// What the session agreed on.
        params: Box<SessionParams>,
        /// Who its other connections proved to be (RFC 7143 9.2: must not vary inside a session).
        identity: Option<String>,
    },
}

/// Why a login may not go on (RFC 7143 6.3.1 and 11.13.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotAdmitted {
    /// 0206: MaxConnections of the session is reached.
    TooManyConnections,
    /// 0208: the session belongs to another portal group.
    CannotInclude,
    /// 0209: the session is of another type.
    WrongType,
    /// 020a: no session of this initiator and ISID has that TSIH.
    NoSuchSession,
    /// 0301: the target is going away.
    Unavailable,
    /// 0302: a limit on sessions or connections is reached.
    OutOfResources,
}

/// The sessions of the node, as far as a login needs to know.
pub(crate) trait SessionDirectory {
    /// Applies the table of RFC 7143 6.3.1 and the limits. Asked with the first request and again right before the
    /// final response, because other logins go on meanwhile. Changes nothing.
    fn admit(&self, ask: &Admission<'_>) -> Result<Admitted, NotAdmitted>;
}

/// What a login needs from around it, for one request.
pub(crate) struct LoginEnv<'a> {
    /// The configuration of this moment.
    pub(crate) config: &'a Config,
    /// The sessions of this moment.
    pub(crate) directory: &'a dyn SessionDirectory,
    /// Makes CHAP challenges and knows its own again; one for the whole node.
    pub(crate) challenges: &'a Challenges,
    /// Target Portal Group Tag of the portal that was connected to.
    pub(crate) group: u16,
    /// Fills a buffer with bytes that nobody can predict.
    pub(crate) rng: &'a mut dyn FnMut(&mut [u8]),
    /// False while the node takes no new logins (status 0301).
    pub(crate) accepting: bool,
}

/// The answer to one Login Request.
#[derive(Debug)]
pub(crate) enum LoginStep {
    /// Send it; the login goes on.
    Reply(LoginReply),
    /// Send it as the Login Final-Response; the connection is in full feature phase.
    Done(LoginReply, Box<LoginOutcome>),
    /// Send it, then close the connection.
    Refuse {
        /// With the status set.
        reply: LoginReply,
        /// What was wrong.
        fault: LoginFault,
    },
}

/// The parts of a Login Response that a login decides. Version-max and Version-active are always 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LoginReply {
    /// T.
    pub(crate) transit: bool,
    /// C.
    pub(crate) continue_bit: bool,
    /// CSG; 0 with a status class other than 0, where it is reserved.
    pub(crate) csg: u8,
    /// NSG; 0 without T, where it is reserved.
    pub(crate) nsg: u8,
    /// Status-Class in the high byte, Status-Detail in the low one.
    pub(crate) status: u16,
    /// The data segment: key=value pairs, at most 8192 bytes (RFC 7143 6.3).
    pub(crate) text: Bytes,
}

/// What a completed login agreed on.
#[derive(Debug)]
pub(crate) struct LoginOutcome {
    /// Who proved what; the only key to a text exchange.
    pub(crate) access: Access,
    /// InitiatorAlias, empty if none was declared.
    pub(crate) alias: String,
    /// Index of the target in [`Config::targets`]; `None` for a discovery session.
    pub(crate) target: Option<usize>,
    /// For a discovery session that named a target: its index (RFC 7143 7.4.2.2, the scope of its ISID).
    pub(crate) named: Option<usize>,
    /// ISID.
    pub(crate) isid: [u8; 6],
    /// TSIH of the request: 0 for a new session.
    pub(crate) tsih: u16,
    /// Connection ID.
    pub(crate) cid: u16,
    /// Parameters of the session; for a later connection those that it has already.
    pub(crate) session: SessionParams,
    /// Parameters of this connection.
    pub(crate) conn: ConnParams,
    /// True for the first connection of a session.
    pub(crate) leading: bool,
}
