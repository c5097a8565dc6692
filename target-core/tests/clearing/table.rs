//! The tables, one letter a cell, and why a cell cannot be played.

/// The objects, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// IT: Target Transfer Tags on which something is still expected.
    Ttt,
    /// IC: immediate commands that wait for execution.
    Immediate,
    /// CT: tasks of the connection in question.
    ConnTask,
    /// ST: tasks of the whole session.
    SessionTask,
    /// PP: what waits for the transport to take more.
    Partial,
    /// DC: commands of the connection that wait for their turn.
    Held,
    /// DD: data that came behind a gap in DataSN.
    HeldData,
    /// SS
    StatSn,
    /// CS
    CmdSn,
    /// DS, of Data-Outs and R2Ts
    DataSn,
}

pub const OBJECTS: [Object; 10] = [
    Object::Ttt,
    Object::Immediate,
    Object::ConnTask,
    Object::SessionTask,
    Object::Partial,
    Object::Held,
    Object::HeldData,
    Object::StatSn,
    Object::CmdSn,
    Object::DataSn,
];

/// The events, in the order of the rows. Those that are one row of the appendix with notes for some of them are rows of
/// their own: timeout, closure and reinstatement of a session, and the logins that reinstate a connection (notes 11 to 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    ConnFailure,
    ConnTimeout,
    SessionTimeout,
    SessionClosure,
    SessionReinstatement,
    SessionContinuation,
    /// The login that continues the session has the CID of the connection in question.
    ContinuationSameCid,
    CloseLogout,
    SessionFailure,
    RecoveryLogout,
    FailedLogout,
    LeadingLogin,
    LaterLogin,
    /// A later login with the CID of the connection in question.
    ConnReinstatement,
    ColdReset,
    WarmReset,
    UnitReset,
    PowerCycle,
    /// Nothing happens: what every look must see then.
    Nothing,
}

impl Event {
    /// No session is left.
    pub fn ends_session(self) -> bool {
        matches!(
            self,
            Self::SessionTimeout
                | Self::SessionClosure
                | Self::SessionReinstatement
                | Self::LeadingLogin
                | Self::ColdReset
                | Self::PowerCycle
        )
    }

    /// The connection in question is gone or logged out, and its tasks wait for one that takes them over.
    pub fn leaves_tasks(self) -> bool {
        matches!(
            self,
            Self::ConnFailure
                | Self::SessionContinuation
                | Self::ContinuationSameCid
                | Self::SessionFailure
                | Self::RecoveryLogout
                | Self::FailedLogout
                | Self::ConnReinstatement
        )
    }

    pub fn is_reset(self) -> bool {
        matches!(self, Self::ColdReset | Self::WarmReset | Self::UnitReset)
    }
}

/// Y: cleared, N: stays, -: not applicable, R: Y below ErrorRecoveryLevel 2 and N at it, D: Y at 2 only, S: N at 2 only.
pub const ROWS: [(Event, &str); 18] = [
    //                           IT IC CT ST PP  DC DD SS CS DS
    (Event::ConnFailure, "         Y Y N N Y  N Y N N N"),
    (Event::ConnTimeout, "         - - Y N -  Y - Y N -"),
    (Event::SessionTimeout, "      Y Y Y Y Y  Y Y Y Y -"),
    (Event::SessionClosure, "      Y Y Y Y Y  Y Y Y Y -"),
    (Event::SessionReinstatement, "Y Y Y Y Y  Y Y Y Y -"),
    (Event::SessionContinuation, " - - N N -  N - - N -"),
    (Event::ContinuationSameCid, " - - R N -  Y D - N S"),
    (Event::CloseLogout, "         Y Y Y N Y  Y Y Y N -"),
    (Event::SessionFailure, "      Y Y N N Y  N Y N N N"),
    (Event::RecoveryLogout, "      Y Y N N Y  Y Y Y N N"),
    (Event::FailedLogout, "        Y Y N N Y  N Y N N N"),
    (Event::LeadingLogin, "        - - - Y -  - - N N -"),
    (Event::LaterLogin, "          - - N N Y  N - N N -"),
    (Event::ConnReinstatement, "   - - R N Y  Y D N N S"),
    (Event::ColdReset, "           Y Y Y Y Y  Y Y Y Y -"),
    (Event::WarmReset, "           Y Y Y Y Y  Y Y N N -"),
    (Event::UnitReset, "           Y Y Y Y Y  N Y N N N"),
    (Event::PowerCycle, "          Y Y Y Y Y  Y Y Y Y -"),
];

/// What the appendix says at a level.
pub fn expected(cell: &str, level: u8) -> &'static str {
    match (cell, level) {
        ("Y", _) | ("R", 0 | 1) | ("D", 2) => "Y",
        ("N", _) | ("R" | "S", 2) => "N",
        ("-" | "D" | "S", _) => "-",
        (other, _) => panic!("no such cell: {other}"),
    }
}

/// Why a cell cannot be played.
pub fn unseen(event: Event, object: Object, level: u8) -> Option<&'static str> {
    match (event, object) {
        (_, Object::HeldData) if level == 0 => {
            Some("there is none below ErrorRecoveryLevel 1: data behind a gap ends its command (7.9)")
        }
        (Event::LaterLogin, Object::Partial) => Some(
            "a connection that begins has none; what one that it takes the place of had is in the next row",
        ),
        (
            Event::ConnFailure | Event::SessionFailure | Event::FailedLogout,
            Object::StatSn | Object::DataSn,
        ) if level < 2 => {
            Some("below ErrorRecoveryLevel 2 nothing names a number of a connection that is gone")
        }
        _ => None,
    }
}
