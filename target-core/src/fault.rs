//! What can a peer do wrong, what happens then, and which clause says so?
//!
//! Two total functions over one enum, neither with a wildcard: a new violation does not compile before its reaction and
//! its clause are decided. Where RFC 7143 leaves a choice at ErrorRecoveryLevel 0, the least destructive one is taken:
//! a PDU that names a wrong thing is rejected, a command whose data cannot be trusted ends with sense, and connections
//! are dropped only when what follows in the stream cannot be believed (7.7, 7.8) or nothing follows any more.

use crate::conn::login::LoginFault;
use crate::conn::text::TextFault;
use crate::scsi::SenseCode;
use crate::task::write::WriteFault;
use crate::wire::{LoginStatus, RejectReason};
use alloc::vec::Vec;

/// One variant per violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// A header digest is wrong.
    HeaderDigest,
    /// The data digest of a PDU other than Data-Out is wrong.
    DataDigest,
    /// The data digest of a Data-Out is wrong.
    DataOutDigest,
    /// A data segment longer than the declared MaxRecvDataSegmentLength.
    SegmentTooLong,
    /// Additional header segments that cannot be taken apart.
    MalformedAhs,
    /// Additional header segments or data in a PDU that has none.
    SegmentNotAllowed,
    /// The first PDU of a connection was no Login Request.
    NotLoginFirst,
    /// Something other than a Login Request came in the Login Phase.
    NotLoginDuringLogin,
    /// A login broke a rule.
    Login(LoginFault),
    /// The login did not end in time.
    LoginTimeout,
    /// More connections than the limits allow.
    TooManyConnections,
    /// A Login Request in full feature phase.
    LoginInFullFeature,
    /// An opcode that is reserved, vendor-specific or a target's.
    UnknownOpcode,
    /// In a discovery session, something other than SendTargets or "close the session".
    NotInDiscovery,
    /// A request that needs an answer has the reserved Initiator Task Tag.
    ReservedItt,
    /// The Initiator Task Tag belongs to a task that exists.
    TaskInProgress,
    /// More immediate requests than the limits allow.
    TooManyImmediate,
    /// A non-immediate command outside the window, or a second time inside it.
    OutsideWindow,
    /// The command's flags and lengths contradict each other.
    Direction,
    /// A reserved task attribute.
    ReservedAttribute,
    /// A bidirectional command without its read length.
    NoBidirectionalLength,
    /// Write data breaks the rules of its transfer.
    Write(WriteFault),
    /// A Data-Out for a task that does not exist.
    NoSuchTask,
    /// A Data-Out for a task that was aborted a moment ago.
    AbortedTask,
    /// A Data-Out whose LUN is not that of its command.
    WrongLun,
    /// A Data-Out on another connection than its command.
    WrongConnection,
    /// Write data did not arrive in time.
    DataOutTimeout,
    /// A NOP-Out with both tags, or with the tag of no ping.
    NopTags,
    /// A NOP-Out without a task tag that is not immediate.
    NopNotImmediate,
    /// A Text Request broke a rule.
    Text(TextFault),
    /// A reserved logout reason.
    LogoutReason,
    /// No logout in the time that was asked for.
    LogoutTimeout,
    /// A SNACK at a recovery level that has none.
    Snack,
    /// A SNACK of a reserved type.
    SnackKind,
    /// A SNACK for something that was not sent, or that was acknowledged.
    SnackRun,
    /// A SNACK for what cannot be sent again: a response that had to give way to later ones, or a PDU longer than the initiator
    /// takes now.
    SnackGone,
    /// A DataACK that fits no acknowledgement that was asked for.
    DataAck,
    /// An R-Data SNACK without a tag, or with a run.
    SnackTag,
    /// No answer to a ping.
    PingTimeout,
}

const fn sense(key: u8, asc: u8, ascq: u8) -> SenseCode {
    SenseCode { key, asc, ascq }
}

/// RFC 7143 11.4.7.2, unexpected unsolicited data: ABORTED COMMAND, WRITE ERROR.
pub const UNEXPECTED_UNSOLICITED_DATA: SenseCode = sense(0x0b, 0x0c, 0x0c);
/// RFC 7143 11.4.7.2, incorrect amount of data: ABORTED COMMAND, WRITE ERROR.
pub const INCORRECT_AMOUNT_OF_DATA: SenseCode = sense(0x0b, 0x0c, 0x0d);
/// RFC 7143 11.4.7.2, protocol service CRC error: ABORTED COMMAND.
pub const PROTOCOL_SERVICE_CRC_ERROR: SenseCode = sense(0x0b, 0x47, 0x05);
/// SPC-4, INVALID FIELD IN COMMAND INFORMATION UNIT: ILLEGAL REQUEST.
pub const INVALID_FIELD_IN_INFORMATION_UNIT: SenseCode = sense(0x05, 0x0e, 0x03);
/// SPC-4, LOGICAL UNIT NOT SUPPORTED: ILLEGAL REQUEST.
pub const LOGICAL_UNIT_NOT_SUPPORTED: SenseCode = sense(0x05, 0x25, 0x00);

/// What a violation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reaction {
    /// Nothing: the PDU counts as never sent.
    Ignore,
    /// A Reject with this reason and the header; the PDU is discarded.
    Reject(RejectReason),
    /// A Login Response with this status (class in the high byte), then the connection is closed.
    LoginStatus(u16),
    /// The command ends with CHECK CONDITION, once all the data announced for it has come (rfc7143/11.4.2-1).
    Sense(SenseCode),
    /// A Reject, and the command that the PDU belongs to ends with CHECK CONDITION (rfc7143/11.17.1-4).
    RejectAndSense(RejectReason, SenseCode),
    /// The connection is closed at once.
    DropConnection,
    /// Every connection of the session is closed at once (rfc7143/7.7-1).
    DropSession,
}

impl Fault {
    /// One of each kind, in the order of the enum: to tell which were never seen.
    pub fn every() -> Vec<Self> {
        use Fault::*;
        let writes = [
            WriteFault::UnexpectedUnsolicited,
            WriteFault::TooMuchUnsolicited,
            WriteFault::UnknownTtt,
            WriteFault::DataSn,
            WriteFault::BufferOffset,
            WriteFault::SequenceLength,
        ];
        let mut all = Vec::from([
            HeaderDigest,
            DataDigest,
            DataOutDigest,
            SegmentTooLong,
            MalformedAhs,
            SegmentNotAllowed,
            NotLoginFirst,
            NotLoginDuringLogin,
            Login(LoginFault::Version),
            LoginTimeout,
            TooManyConnections,
            LoginInFullFeature,
            UnknownOpcode,
            NotInDiscovery,
            ReservedItt,
            TaskInProgress,
            TooManyImmediate,
            OutsideWindow,
            Direction,
            ReservedAttribute,
            NoBidirectionalLength,
            NoSuchTask,
            AbortedTask,
            WrongLun,
            WrongConnection,
            DataOutTimeout,
            NopTags,
            NopNotImmediate,
            Text(TextFault::WrongTag),
            LogoutReason,
            LogoutTimeout,
            Snack,
            SnackKind,
            SnackRun,
            SnackGone,
            DataAck,
            SnackTag,
            PingTimeout,
        ]);
        all.extend(writes.map(Write));
        all
    }

    /// What happens.
    pub const fn reaction(self) -> Reaction {
        use Reaction::{DropConnection, DropSession, Ignore, Reject, RejectAndSense, Sense};
        match self {
            Self::HeaderDigest => DropConnection,
            Self::DataDigest => Reject(RejectReason::DataDigestError),
            Self::DataOutDigest => RejectAndSense(RejectReason::DataDigestError, PROTOCOL_SERVICE_CRC_ERROR),
            Self::SegmentTooLong | Self::MalformedAhs | Self::SegmentNotAllowed => DropSession,
            Self::NotLoginFirst | Self::LoginTimeout => DropConnection,
            Self::NotLoginDuringLogin => Reaction::LoginStatus(LoginStatus::InvalidDuringLogin as u16),
            Self::Login(fault) => Reaction::LoginStatus(fault.status().code()),
            Self::TooManyConnections => Reaction::LoginStatus(LoginStatus::OutOfResources as u16),
            Self::LoginInFullFeature => Reject(RejectReason::ProtocolError),
            Self::UnknownOpcode => Reject(RejectReason::CommandNotSupported),
            Self::NotInDiscovery => Reject(RejectReason::ProtocolError),
            Self::ReservedItt => Reject(RejectReason::InvalidPduField),
            Self::TaskInProgress => Reject(RejectReason::TaskInProgress),
            Self::TooManyImmediate => Reject(RejectReason::ImmediateCommandReject),
            Self::OutsideWindow | Self::AbortedTask => Ignore,
            Self::Direction => Sense(INVALID_FIELD_IN_INFORMATION_UNIT),
            Self::ReservedAttribute => Reject(RejectReason::ProtocolError),
            Self::NoBidirectionalLength => Reject(RejectReason::InvalidPduField),
            Self::Write(WriteFault::UnexpectedUnsolicited) => Sense(UNEXPECTED_UNSOLICITED_DATA),
            Self::Write(WriteFault::TooMuchUnsolicited | WriteFault::SequenceLength) => {
                Sense(INCORRECT_AMOUNT_OF_DATA)
            }
            Self::Write(WriteFault::UnknownTtt) => Reject(RejectReason::InvalidPduField),
            Self::Write(WriteFault::DataSn) => Sense(PROTOCOL_SERVICE_CRC_ERROR),
            Self::Write(WriteFault::BufferOffset) | Self::WrongLun => {
                RejectAndSense(RejectReason::InvalidPduField, INCORRECT_AMOUNT_OF_DATA)
            }
            Self::NoSuchTask => Reject(RejectReason::InvalidPduField),
            Self::WrongConnection => Reject(RejectReason::ProtocolError),
            Self::DataOutTimeout | Self::LogoutTimeout | Self::PingTimeout => DropConnection,
            Self::NopTags => Reject(RejectReason::InvalidPduField),
            Self::NopNotImmediate => Reject(RejectReason::ProtocolError),
            Self::Text(fault) => Reject(fault.reason()),
            Self::LogoutReason => Reject(RejectReason::ProtocolError),
            Self::Snack => Reject(RejectReason::SnackReject),
            Self::SnackKind | Self::SnackRun => Reject(RejectReason::ProtocolError),
            Self::SnackGone => Reject(RejectReason::SnackReject),
            Self::DataAck => Reject(RejectReason::InvalidDataAck),
            Self::SnackTag => Reject(RejectReason::InvalidPduField),
        }
    }

    /// The clause of RFC 7143 that is broken, such as `11.7.5-2`; a section where no clause of it says so.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::HeaderDigest => "7.8-1",
            Self::DataDigest => "7.8-2",
            Self::DataOutDigest => "7.8-3",
            Self::SegmentTooLong => "11.7.1-2",
            Self::MalformedAhs => "7.7-1",
            Self::SegmentNotAllowed => "11.2.1.5-1",
            Self::NotLoginFirst => "4.2.3.6-6",
            Self::NotLoginDuringLogin => "4.2.3.6-7",
            Self::Login(fault) => fault.section(),
            Self::LoginTimeout => "8.1.2",
            Self::TooManyConnections => "11.13.5",
            Self::LoginInFullFeature => "4.2.3.6-5",
            Self::UnknownOpcode => "11.2.1.2-1",
            Self::NotInDiscovery => "4.2.9.1-2",
            Self::ReservedItt => "11.2.1.8-2",
            Self::TaskInProgress => "11.2.1.8-1",
            Self::TooManyImmediate => "4.2.2.1-5",
            Self::OutsideWindow => "4.2.2.1-12",
            Self::Direction => "11.3.1-2",
            Self::ReservedAttribute => "10.7-6",
            Self::NoBidirectionalLength => "11.3.4-1",
            Self::Write(WriteFault::UnexpectedUnsolicited) => "4.2.5.2-1",
            Self::Write(WriteFault::TooMuchUnsolicited) => "4.2.5.2-5",
            Self::Write(WriteFault::UnknownTtt) => "11.7.4",
            Self::Write(WriteFault::DataSn) => "7.9-2",
            Self::Write(WriteFault::BufferOffset) => "11.8-6",
            Self::Write(WriteFault::SequenceLength) => "11.8-3",
            Self::NoSuchTask => "11.7.4",
            Self::AbortedTask => "11.5.1-5",
            Self::WrongLun => "11.7.4-2",
            Self::WrongConnection => "4.2.5.1-3",
            Self::DataOutTimeout => "11.5.1-8",
            Self::NopTags => "11.18.2-1",
            Self::NopNotImmediate => "11.18.1-4",
            Self::Text(fault) => fault.section(),
            Self::LogoutReason => "10.7-6",
            Self::LogoutTimeout => "11.9.1-2",
            Self::Snack => "11.16",
            Self::SnackKind => "10.7-6",
            Self::SnackRun => "11.16-5",
            Self::SnackGone => "11.16",
            Self::DataAck => "11.16.5-3",
            Self::SnackTag => "11.16.5-1",
            Self::PingTimeout => "7.14",
        }
    }
}

impl From<WriteFault> for Fault {
    fn from(fault: WriteFault) -> Self {
        Self::Write(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_violation_names_a_section() {
        for fault in Fault::every() {
            let clause = fault.clause();
            assert!(clause.starts_with(|c: char| c.is_ascii_digit()), "{fault:?}: {clause}");
            assert!(
                clause.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '-'),
                "{fault:?}: {clause}"
            );
        }
    }

    #[test]
    fn reject_never_has_a_deprecated_or_reserved_reason() {
        for fault in Fault::every() {
            if let Reaction::Reject(reason) | Reaction::RejectAndSense(reason, _) = fault.reaction() {
                assert!(!matches!(reason.code(), 0 | 1 | 0x0b), "{fault:?}");
            }
        }
    }

    #[test]
    fn only_a_stream_that_cannot_go_on_costs_the_connection() {
        let dropped: Vec<Fault> = Fault::every()
            .into_iter()
            .filter(|fault| matches!(fault.reaction(), Reaction::DropConnection | Reaction::DropSession))
            .collect();
        let want = [
            Fault::HeaderDigest,
            Fault::SegmentTooLong,
            Fault::MalformedAhs,
            Fault::SegmentNotAllowed,
            Fault::NotLoginFirst,
            Fault::LoginTimeout,
            Fault::DataOutTimeout,
            Fault::LogoutTimeout,
            Fault::PingTimeout,
        ];
        assert_eq!(dropped, want);
    }
}
