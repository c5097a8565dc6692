//! Which PDU is this header? (RFC 7143 11.2.1)

use super::BHS_LEN;
use super::field::{
    DataSegmentLength, ExpCmdSn, Field, Immediate, Itt, MaxCmdSn, OpcodeBits, TotalAhsLength,
};

super::pdu::codes! {
    /// Opcodes (RFC 7143 11.2.1.2), without the I bit.
    pub enum Opcode: u8, from_u8 {
        /// NOP-Out (11.18).
        NopOut = 0x00,
        /// SCSI Command (11.3).
        ScsiCommand = 0x01,
        /// SCSI Task Management Function Request (11.5).
        TaskRequest = 0x02,
        /// Login Request (11.12).
        LoginRequest = 0x03,
        /// Text Request (11.10).
        TextRequest = 0x04,
        /// SCSI Data-Out (11.7).
        DataOut = 0x05,
        /// Logout Request (11.14).
        LogoutRequest = 0x06,
        /// SNACK Request (11.16).
        Snack = 0x10,
        /// NOP-In (11.19).
        NopIn = 0x20,
        /// SCSI Response (11.4).
        ScsiResponse = 0x21,
        /// SCSI Task Management Function Response (11.6).
        TaskResponse = 0x22,
        /// Login Response (11.13).
        LoginResponse = 0x23,
        /// Text Response (11.11).
        TextResponse = 0x24,
        /// SCSI Data-In (11.7).
        DataIn = 0x25,
        /// Logout Response (11.15).
        LogoutResponse = 0x26,
        /// Ready To Transfer (11.8).
        R2t = 0x31,
        /// Asynchronous Message (11.9).
        AsyncMessage = 0x32,
        /// Reject (11.17).
        Reject = 0x3f,
    }
}

impl Opcode {
    /// The opcode of a header; `None` if it is none of RFC 7143's.
    pub fn of(bhs: &[u8; BHS_LEN]) -> Option<Self> {
        Self::from_u8(OpcodeBits::load(bhs))
    }

    /// True for what a target sends.
    pub const fn is_target(self) -> bool {
        self.code() >= 0x20
    }
}

/// The I bit (RFC 7143 11.2.1.1).
pub fn immediate(bhs: &[u8; BHS_LEN]) -> bool {
    Immediate::load(bhs)
}

/// The Initiator Task Tag (RFC 7143 11.2.1.8).
pub fn itt(bhs: &[u8; BHS_LEN]) -> u32 {
    Itt::load(bhs)
}

/// TotalAHSLength in 4-byte words (RFC 7143 11.2.1.5).
pub fn total_ahs_length(bhs: &[u8; BHS_LEN]) -> u8 {
    TotalAhsLength::load(bhs)
}

/// DataSegmentLength in bytes, without padding (RFC 7143 11.2.1.6).
pub fn data_segment_length(bhs: &[u8; BHS_LEN]) -> u32 {
    DataSegmentLength::load(bhs)
}

pub(crate) fn set_total_ahs_length(bhs: &mut [u8; BHS_LEN], words: u8) {
    TotalAhsLength::store(bhs, words);
}

pub(crate) fn set_data_segment_length(bhs: &mut [u8; BHS_LEN], bytes: u32) {
    DataSegmentLength::store(bhs, bytes);
}

/// Puts the command window of this moment into a target PDU that was made before.
pub(crate) fn set_window(bhs: &mut [u8; BHS_LEN], exp_cmd_sn: u32, max_cmd_sn: u32) {
    ExpCmdSn::store(bhs, exp_cmd_sn);
    MaxCmdSn::store(bhs, max_cmd_sn);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_immediate_bit_is_not_part_of_the_opcode() {
        let mut bhs = [0; BHS_LEN];
        bhs[0] = 0x43;
        assert_eq!(Opcode::of(&bhs), Some(Opcode::LoginRequest));
        assert!(immediate(&bhs));
        bhs[0] = 0x83;
        assert_eq!(Opcode::of(&bhs), Some(Opcode::LoginRequest));
        assert!(!immediate(&bhs));
    }

    #[test]
    fn there_are_eighteen() {
        let assigned = (0..=0xff).filter(|code| Opcode::from_u8(*code).is_some()).count();
        assert_eq!((assigned, Opcode::ALL.len()), (18, 18));
        assert_eq!(Opcode::ALL.iter().filter(|opcode| opcode.is_target()).count(), 10);
    }

    #[test]
    fn lengths_and_tags_of_any_header() {
        let mut bhs = [0; BHS_LEN];
        set_total_ahs_length(&mut bhs, 2);
        set_data_segment_length(&mut bhs, 0x01_0203);
        bhs[16..20].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(bhs[4..8], [2, 1, 2, 3]);
        assert_eq!((total_ahs_length(&bhs), data_segment_length(&bhs)), (2, 0x01_0203));
        assert_eq!(itt(&bhs), 0xdead_beef);
    }
}
