//! Keys after the login: negotiation and SendTargets in full feature phase (RFC 7143 6.4, 11.10, 11.11, appendix C).

use crate::config::Config;
use bytes::Bytes;
use core::net::SocketAddr;

/// What a text exchange needs from around it, for one request.
pub(crate) struct TextEnv<'a> {
    /// The configuration of this moment.
    pub(crate) config: &'a Config,
    /// Our end of the connection; stands for portals with an unspecified address.
    pub(crate) local: SocketAddr,
    /// Target Portal Group Tag of the portal that was connected to.
    pub(crate) group: u16,
    /// Longest data segment the initiator takes now.
    pub(crate) max_send_segment: u32,
}

/// The answer to one Text Request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TextStep {
    /// Send it.
    Reply(TextReply),
    /// Send a Reject with this reason; the exchange is over, nothing of it took effect.
    Reject(TextFault),
}

/// The parts of a Text Response that an exchange decides. The LUN is that of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextReply {
    /// F.
    pub(crate) final_bit: bool,
    /// C.
    pub(crate) continue_bit: bool,
    /// Target Transfer Tag; 0xffffffff exactly with F.
    pub(crate) ttt: u32,
    /// The data segment.
    pub(crate) text: Bytes,
    /// What takes effect once this response has been serialised.
    pub(crate) changed: Changed,
}

/// What a completed negotiation changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The initiator declared a new MaxRecvDataSegmentLength.
    pub(crate) max_send_segment: Option<u32>,
}

/// Why a Text Request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "`why` says it in words")]
pub enum TextFault {
    FinalWithContinue,
    WrongTag,
    WrongTask,
    WrongLun,
    ImmediateChanged,
    TextDuringContinuation,
    MalformedText,
    KeyTwice,
    KeyReservedValue,
    KeyNotYours,
    KeyLoginOnly,
    DeclaredValue,
    NotAlone,
    NotDiscovery,
    TooMuch,
}
