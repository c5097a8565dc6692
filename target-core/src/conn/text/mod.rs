//! Keys after the login: negotiation and SendTargets in full feature phase (RFC 7143 6.4, 11.10, 11.11, appendix C).
//!
//! One exchange at a time lives on a connection. A request with the reserved Target Transfer Tag starts one and forgets
//! the one before; every response that is not final carries a tag that the next request must bring back. Whatever
//! is negotiated takes effect with the final response; a Reject ends the exchange and leaves the old values.

use crate::config::Config;
use crate::wire::RejectReason;
use bytes::Bytes;
use core::net::SocketAddr;

mod exchange;
mod send_targets;

#[cfg(test)]
mod tests;

pub(crate) use exchange::TextExchange;

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
    /// The MaxRecvDataSegmentLength that the target declared last.
    pub(crate) max_recv_segment: u32,
}

/// The answer to one Text Request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TextStep {
    /// Send it.
    Reply(TextReply),
    /// Send a Reject with [`TextFault::reason`]; the exchange is over, nothing of it took effect.
    Reject(TextFault),
}

/// The parts of a Text Response that an exchange decides. ITT and LUN are those of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// The initiator declared a new MaxRecvDataSegmentLength.
    pub(crate) max_send_segment: Option<u32>,
    /// The target declared a new one.
    pub(crate) max_recv_segment: Option<u32>,
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

impl TextFault {
    /// The reason to reject with (RFC 7143 6.4, 11.17.1).
    pub const fn reason(self) -> RejectReason {
        match self {
            Self::WrongTag | Self::WrongTask | Self::WrongLun => RejectReason::InvalidPduField,
            Self::TooMuch => RejectReason::LongOperationReject,
            Self::FinalWithContinue
            | Self::ImmediateChanged
            | Self::TextDuringContinuation
            | Self::MalformedText
            | Self::KeyTwice
            | Self::KeyReservedValue
            | Self::KeyNotYours
            | Self::KeyLoginOnly
            | Self::DeclaredValue
            | Self::NotAlone
            | Self::NotDiscovery => RejectReason::ProtocolError,
        }
    }

    /// What was wrong, for people.
    pub const fn why(self) -> &'static str {
        match self {
            Self::FinalWithContinue => "F and C are both set",
            Self::WrongTag => "the target transfer tag is not that of the exchange",
            Self::WrongTask => "the initiator task tag changed inside an exchange",
            Self::WrongLun => "the LUN does not belong to the target transfer tag",
            Self::ImmediateChanged => "the I bit changed inside an exchange",
            Self::TextDuringContinuation => {
                "text sent where an empty request must ask for the rest of the answer"
            }
            Self::MalformedText => "not a list of key=value pairs",
            Self::KeyTwice => "a key was sent twice",
            Self::KeyReservedValue => "a reserved constant was sent as a value",
            Self::KeyNotYours => "a key that only targets send",
            Self::KeyLoginOnly => "a key that belongs to the login",
            Self::DeclaredValue => "a declared value that is not admissible",
            Self::NotAlone => "SendTargets is not the only key of its request",
            Self::NotDiscovery => "a discovery session takes nothing but SendTargets",
            Self::TooMuch => "more text, keys or requests than the limits allow",
        }
    }

    /// Section of RFC 7143 that asks for the Reject.
    pub const fn section(self) -> &'static str {
        match self {
            Self::FinalWithContinue => "11.10.2",
            Self::WrongTag | Self::WrongLun => "11.10.4",
            Self::WrongTask | Self::ImmediateChanged => "11.10.3",
            Self::TextDuringContinuation | Self::KeyReservedValue => "6.2",
            Self::MalformedText => "6.1",
            Self::KeyTwice => "6.4",
            Self::KeyNotYours | Self::KeyLoginOnly => "13",
            Self::DeclaredValue => "7.12",
            Self::NotAlone => "C",
            Self::NotDiscovery => "4.3",
            Self::TooMuch => "11.11.4",
        }
    }
}
