//! Which PDU is this? The eighteen kinds and their opcodes (RFC 7143 11.2.1.2).

use core::fmt;

/// The eighteen PDUs of RFC 7143 section 11, named as scenarios name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// NOP-Out, 0x00.
    NopOut,
    /// SCSI Command, 0x01.
    ScsiCommand,
    /// SCSI Task Management Function Request, 0x02.
    TaskRequest,
    /// Login Request, 0x03.
    LoginRequest,
    /// Text Request, 0x04.
    TextRequest,
    /// SCSI Data-Out, 0x05.
    DataOut,
    /// Logout Request, 0x06.
    LogoutRequest,
    /// SNACK Request, 0x10.
    Snack,
    /// NOP-In, 0x20.
    NopIn,
    /// SCSI Response, 0x21.
    ScsiResponse,
    /// SCSI Task Management Function Response, 0x22.
    TaskResponse,
    /// Login Response, 0x23.
    LoginResponse,
    /// Text Response, 0x24.
    TextResponse,
    /// SCSI Data-In, 0x25.
    DataIn,
    /// Logout Response, 0x26.
    LogoutResponse,
    /// Ready To Transfer, 0x31.
    R2T,
    /// Asynchronous Message, 0x32.
    AsyncMessage,
    /// Reject, 0x3f.
    Reject,
}

/// Opcode, kind and name in the order of the opcodes; the one list everything else is derived from.
const KINDS: [(u8, Kind, &str); 18] = [
    (0x00, Kind::NopOut, "NopOut"),
    (0x01, Kind::ScsiCommand, "ScsiCommand"),
    (0x02, Kind::TaskRequest, "TaskRequest"),
    (0x03, Kind::LoginRequest, "LoginRequest"),
    (0x04, Kind::TextRequest, "TextRequest"),
    (0x05, Kind::DataOut, "DataOut"),
    (0x06, Kind::LogoutRequest, "LogoutRequest"),
    (0x10, Kind::Snack, "Snack"),
    (0x20, Kind::NopIn, "NopIn"),
    (0x21, Kind::ScsiResponse, "ScsiResponse"),
    (0x22, Kind::TaskResponse, "TaskResponse"),
    (0x23, Kind::LoginResponse, "LoginResponse"),
    (0x24, Kind::TextResponse, "TextResponse"),
    (0x25, Kind::DataIn, "DataIn"),
    (0x26, Kind::LogoutResponse, "LogoutResponse"),
    (0x31, Kind::R2T, "R2T"),
    (0x32, Kind::AsyncMessage, "AsyncMessage"),
    (0x3f, Kind::Reject, "Reject"),
];

/// The kinds by their opcodes: looked up for every PDU.
const BY_OPCODE: [Option<Kind>; 64] = {
    let mut table = [None; 64];
    let mut at = 0;
    while at < KINDS.len() {
        table[KINDS[at].0 as usize] = Some(KINDS[at].1);
        at += 1;
    }
    table
};

impl Kind {
    /// All eighteen, by ascending opcode.
    pub fn all() -> impl Iterator<Item = Kind> {
        KINDS.iter().map(|(_, kind, _)| *kind)
    }

    /// The kind with this six-bit opcode, if it is assigned.
    pub fn of_opcode(opcode: u8) -> Option<Kind> {
        BY_OPCODE.get(usize::from(opcode)).copied().flatten()
    }

    /// The kind of a basic header; the I bit is not part of the opcode.
    pub fn of(bhs: &[u8; 48]) -> Option<Kind> {
        Kind::of_opcode(bhs[0] & 0x3f)
    }

    /// The kind with this name, exactly as scenarios spell it.
    pub fn of_name(name: &str) -> Option<Kind> {
        KINDS.iter().find(|(_, _, n)| *n == name).map(|(_, kind, _)| *kind)
    }

    /// The name that scenarios use.
    pub fn name(self) -> &'static str {
        KINDS[self as usize].2
    }

    /// The six-bit opcode.
    pub fn opcode(self) -> u8 {
        KINDS[self as usize].0
    }

    /// True for what initiators send (RFC 7143 11.2.1.2: opcodes below 0x20).
    pub fn from_initiator(self) -> bool {
        self.opcode() < 0x20
    }

    /// True when the PDU carries a CmdSN and so takes part in command ordering (RFC 7143 4.2.2.1).
    pub fn has_cmd_sn(self) -> bool {
        self.from_initiator() && !matches!(self, Kind::DataOut | Kind::Snack)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_enum() {
        for (at, (code, kind, name)) in KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, at);
            assert_eq!((kind.opcode(), kind.name()), (*code, *name));
            assert_eq!(Kind::of_opcode(*code), Some(*kind));
            assert_eq!(Kind::of_name(name), Some(*kind));
        }
        assert_eq!(Kind::of_opcode(0x1c), None);
    }
}
