//! What can be wrong with a login: one variant a violation, one status each (RFC 7143 11.13.5).

use super::NotAdmitted;
use crate::conn::negotiate::KeyFault;
use crate::conn::negotiate::collect::Overrun;
use crate::wire::LoginStatus;
use crate::wire::text::TextWriter;
use bytes::Bytes;

/// Why a login was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "`why` says it in words")]
pub enum LoginFault {
    Version,
    NotAccepting,
    HeaderChanged,
    StageCode,
    StageChanged,
    NextStage,
    TransitWithContinue,
    SegmentTooLong,
    TextDuringContinuation,
    TextTooLong,
    TooManyKeys,
    TooManyRounds,
    AnswerTooLong,
    MalformedText,
    KeyTwice,
    KeyReservedValue,
    KeyNotYours,
    KeyWrongStage,
    KeyNotInLogin,
    KeyLeadingOnly,
    DeclaredValue,
    NoInitiatorName,
    NoTargetName,
    InitiatorName,
    TargetName,
    NoSuchTarget,
    TargetRemoved,
    NotAllowed,
    MovedForNow,
    MovedForGood,
    SessionType,
    TooLate,
    Refused(NotAdmitted),
    AuthRequired,
    AuthMethod,
    AuthOutOfStep,
    AuthMissing,
    AuthValue,
    ChapAlgorithm,
    ChapResponse,
    ChapIdentity,
    ChapReflected,
    ChapSameSecret,
    ChapNoMutual,
    IdentityChanged,
    DigestRequired,
    Over,
}

impl LoginFault {
    /// Status-Class and Status-Detail to answer with.
    pub const fn status(self) -> LoginStatus {
        match self {
            Self::MovedForNow => LoginStatus::TargetMovedTemporarily,
            Self::MovedForGood => LoginStatus::TargetMovedPermanently,
            Self::HeaderChanged
            | Self::StageCode
            | Self::StageChanged
            | Self::NextStage
            | Self::TransitWithContinue
            | Self::SegmentTooLong
            | Self::TextDuringContinuation
            | Self::TextTooLong
            | Self::TooManyKeys
            | Self::TooManyRounds
            | Self::MalformedText
            | Self::KeyTwice
            | Self::KeyReservedValue
            | Self::KeyNotYours
            | Self::KeyWrongStage
            | Self::KeyNotInLogin
            | Self::KeyLeadingOnly
            | Self::DeclaredValue
            | Self::InitiatorName
            | Self::TargetName
            | Self::TooLate
            | Self::AuthOutOfStep
            | Self::AuthValue
            | Self::DigestRequired
            // rfc7143/6.3-13.
            | Self::Over => LoginStatus::InitiatorError,
            Self::AuthRequired
            | Self::AuthMethod
            | Self::ChapAlgorithm
            | Self::ChapResponse
            | Self::ChapIdentity
            | Self::ChapReflected
            | Self::ChapSameSecret
            | Self::ChapNoMutual
            | Self::IdentityChanged => LoginStatus::AuthenticationFailure,
            Self::NotAllowed => LoginStatus::AuthorizationFailure,
            Self::NoSuchTarget => LoginStatus::NotFound,
            Self::TargetRemoved => LoginStatus::TargetRemoved,
            Self::Version => LoginStatus::UnsupportedVersion,
            Self::NoInitiatorName | Self::NoTargetName | Self::AuthMissing => LoginStatus::MissingParameter,
            Self::SessionType => LoginStatus::SessionTypeNotSupported,
            Self::NotAccepting => LoginStatus::ServiceUnavailable,
            Self::AnswerTooLong => LoginStatus::OutOfResources,
            Self::Refused(not_admitted) => not_admitted.status(),
        }
    }

    /// What was wrong, for people.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Version => "version 0 is not in the range that was offered",
            Self::NotAccepting => "no new logins are taken",
            Self::HeaderChanged => "ISID, TSIH, CID, task tag or version changed during the login",
            Self::StageCode => "CSG is not a stage that a login can be in",
            Self::StageChanged => "CSG is not the current stage",
            Self::NextStage => "NSG is not a stage that can follow",
            Self::TransitWithContinue => "T and C are both set",
            Self::SegmentTooLong => "data segment longer than 8192 bytes",
            Self::TextDuringContinuation => {
                "text sent where an empty request must ask for the rest of the answer"
            }
            Self::TextTooLong => "more text than a negotiation may send",
            Self::TooManyKeys => "more keys than a negotiation may send",
            Self::TooManyRounds => "more requests than a login may take",
            Self::AnswerTooLong => "the answer would be longer than the limit",
            Self::MalformedText => "not a list of key=value pairs",
            Self::KeyTwice => "a key was sent twice",
            Self::KeyReservedValue => "a reserved constant was sent as a value",
            Self::KeyNotYours => "a key that only targets send",
            Self::KeyWrongStage => "a key that does not belong to this stage",
            Self::KeyNotInLogin => "a key that belongs to full feature phase",
            Self::KeyLeadingOnly => "a key that only the leading connection may send",
            Self::DeclaredValue => "a declared value that is not admissible",
            Self::NoInitiatorName => "InitiatorName is missing",
            Self::NoTargetName => "TargetName is missing",
            Self::InitiatorName => "InitiatorName is not an iSCSI name",
            Self::TargetName => "TargetName is not an iSCSI name",
            Self::NoSuchTarget => "there is no such target",
            Self::TargetRemoved => "the target was removed",
            Self::NotAllowed => "the initiator may not use this target",
            Self::MovedForNow => "the target is elsewhere for now",
            Self::MovedForGood => "the target has moved",
            Self::SessionType => "no such session type here",
            Self::TooLate => "a key that belongs to the first request",
            Self::Refused(NotAdmitted::TooManyConnections) => {
                "the session has all the connections it may have"
            }
            Self::Refused(NotAdmitted::CannotInclude) => "the session cannot span to this portal",
            Self::Refused(NotAdmitted::WrongType) => "the session is of another type",
            Self::Refused(NotAdmitted::NoSuchSession) => "there is no such session",
            Self::Refused(NotAdmitted::Unavailable) => "the target is going away",
            Self::Refused(NotAdmitted::OutOfResources) => "too many sessions or connections",
            Self::AuthRequired => "authentication is required",
            Self::AuthMethod => "no authentication method in common",
            Self::AuthOutOfStep => "a key that does not belong to this step of authentication",
            Self::AuthMissing => "a key of this step of authentication is missing",
            Self::AuthValue => "a value of the authentication exchange cannot be read",
            Self::ChapAlgorithm => "no CHAP algorithm in common",
            Self::ChapResponse => "wrong name or secret",
            Self::ChapIdentity => "the CHAP name belongs to another initiator",
            Self::ChapReflected => "a challenge of ours was reflected",
            Self::ChapSameSecret => "the same secret serves both directions",
            Self::ChapNoMutual => "the target has no secret to authenticate with",
            Self::IdentityChanged => "the session was authenticated as somebody else",
            Self::DigestRequired => "a digest is required and was not agreed on",
            Self::Over => "the login is over",
        }
    }

    /// Section of RFC 7143 that asks for the refusal.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Version => "11.12.4",
            Self::NotAccepting | Self::TargetRemoved | Self::MovedForNow | Self::MovedForGood => "11.13.5",
            Self::HeaderChanged => "11.12.6",
            Self::StageCode | Self::NextStage => "11.12.3",
            Self::StageChanged | Self::KeyWrongStage | Self::KeyTwice | Self::Over => "6.3",
            Self::TransitWithContinue => "11.12.2",
            Self::SegmentTooLong => "13.12",
            Self::TextDuringContinuation
            | Self::TextTooLong
            | Self::TooManyKeys
            | Self::TooManyRounds
            | Self::AnswerTooLong
            | Self::KeyReservedValue => "6.2",
            Self::MalformedText => "6.1",
            Self::KeyNotYours | Self::KeyNotInLogin | Self::KeyLeadingOnly => "13",
            Self::DeclaredValue => "7.12",
            Self::NoInitiatorName => "13.5",
            Self::NoTargetName | Self::NoSuchTarget | Self::NotAllowed => "13.4",
            Self::InitiatorName | Self::TargetName => "4.2.7",
            Self::SessionType | Self::TooLate => "13.21",
            Self::Refused(_) | Self::AuthRequired => "6.3.1",
            Self::AuthMethod => "12.1",
            Self::AuthOutOfStep | Self::AuthMissing | Self::AuthValue | Self::IdentityChanged => "9.2",
            Self::ChapAlgorithm | Self::ChapResponse | Self::ChapNoMutual => "12.1.3",
            Self::ChapIdentity => "9.2-9",
            Self::ChapReflected | Self::ChapSameSecret => "9.2.1",
            Self::DigestRequired => "13.1",
        }
    }
}

impl NotAdmitted {
    /// Status-Class and Status-Detail to answer with.
    pub const fn status(self) -> LoginStatus {
        match self {
            Self::TooManyConnections => LoginStatus::TooManyConnections,
            Self::CannotInclude => LoginStatus::CantIncludeInSession,
            Self::WrongType => LoginStatus::SessionTypeNotSupported,
            Self::NoSuchSession => LoginStatus::SessionDoesNotExist,
            Self::Unavailable => LoginStatus::ServiceUnavailable,
            Self::OutOfResources => LoginStatus::OutOfResources,
        }
    }
}

impl From<KeyFault> for LoginFault {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Malformed => Self::MalformedText,
            KeyFault::Twice => Self::KeyTwice,
            KeyFault::ReservedValue => Self::KeyReservedValue,
            KeyFault::TooMany => Self::TooManyKeys,
            KeyFault::Declared => Self::DeclaredValue,
        }
    }
}

impl From<Overrun> for LoginFault {
    fn from(overrun: Overrun) -> Self {
        match overrun {
            Overrun::Bytes => Self::TextTooLong,
            Overrun::Rounds => Self::TooManyRounds,
        }
    }
}

/// A fault with what the refusing response says beside its status.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) fault: LoginFault,
    pub(super) text: Bytes,
}

impl Refusal {
    /// With one key in the response.
    pub(super) fn with(fault: LoginFault, key: &str, value: &str) -> Self {
        let mut text = TextWriter::new();
        text.pair(key, value);
        Self { fault, text: text.into_bytes().into() }
    }
}

impl<F: Into<LoginFault>> From<F> for Refusal {
    fn from(fault: F) -> Self {
        Self { fault: fault.into(), text: Bytes::new() }
    }
}
