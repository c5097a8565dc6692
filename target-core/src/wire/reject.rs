//! The target refuses a PDU (RFC 7143 11.17).

use super::RESERVED_TAG;
use super::field::{DataSegmentLength, ExpCmdSn, Final, Itt, MaxCmdSn, StatSn, U8, U32};
use super::pdu::{codes, pdu};

pdu! {
    /// Reject. The header of the refused PDU is its data segment.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct Reject = Reject {
        /// See [`RejectReason`].
        pub reason: u8 = U8<2>,
        pub data_segment_length: u32 = DataSegmentLength,
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
        /// DataSN or R2TSN; valid only if a Data/R2T SNACK is refused.
        pub data_sn: u32 = U32<36>,
    }
    fixed { Final = true, Itt = RESERVED_TAG, }
}

codes! {
    /// Why a PDU is refused (RFC 7143 11.17.1). 0x01 is reserved and 0x0b must not be used.
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum RejectReason: u8, from_u8 {
        DataDigestError = 0x02,
        SnackReject = 0x03,
        ProtocolError = 0x04,
        CommandNotSupported = 0x05,
        ImmediateCommandReject = 0x06,
        TaskInProgress = 0x07,
        InvalidDataAck = 0x08,
        InvalidPduField = 0x09,
        LongOperationReject = 0x0a,
        WaitingForLogout = 0x0c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::bhs;

    const FIXED: [u32; 12] = [0x3f80_0000, 0, 0, 0, 0xffff_ffff, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] =
        [0x0000_ff00, 0x00ff_ffff, 0, 0, 0, 0, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0, 0];

    pdu_tests!(Reject);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x3f80_0900, 0x30, 0, 0, 0xffff_ffff, 0, 3, 4, 5, 6, 0, 0]);
        let value = Reject {
            reason: RejectReason::InvalidPduField.code(),
            data_segment_length: 48,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            data_sn: 6,
        };
        assert_eq!(Reject::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
