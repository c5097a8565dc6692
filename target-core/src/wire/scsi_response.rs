//! The end of a SCSI command (RFC 7143 11.4, RFC 7144 5.2).

use super::field::{Bit, DataSegmentLength, ExpCmdSn, Final, Itt, MaxCmdSn, StatSn, U8, U16, U32};
use super::pdu::{codes, pdu};

pdu! {
    /// SCSI Response.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct ScsiResponse = ScsiResponse {
        /// o: Bidirectional Read Residual Overflow.
        pub bidi_overflow: bool = Bit<1, 3>,
        /// u: Bidirectional Read Residual Underflow.
        pub bidi_underflow: bool = Bit<1, 4>,
        /// O: Residual Overflow.
        pub overflow: bool = Bit<1, 5>,
        /// U: Residual Underflow.
        pub underflow: bool = Bit<1, 6>,
        /// See [`ServiceResponse`].
        pub response: u8 = U8<2>,
        /// SCSI status; valid only with response 0.
        pub status: u8 = U8<3>,
        pub data_segment_length: u32 = DataSegmentLength,
        /// Means something only at iSCSIProtocolLevel 2 (RFC 7144 5.2.1).
        pub status_qualifier: u16 = U16<8>,
        pub itt: u32 = Itt,
        pub snack_tag: u32 = U32<20>,
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
        pub exp_data_sn: u32 = U32<36>,
        pub bidi_residual_count: u32 = U32<40>,
        pub residual_count: u32 = U32<44>,
    }
    fixed { Final = true, }
}

codes! {
    /// iSCSI service response codes (RFC 7143 11.4.3).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum ServiceResponse: u8, from_u8 {
        CommandCompletedAtTarget = 0x00,
        TargetFailure = 0x01,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x2180_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] =
        [0x001e_ffff, 0x00ff_ffff, 0xffff_0000, 0, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL];

    pdu_tests!(ScsiResponse);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x2182_0002, 0x14, 0xbeef_0000, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let value = ScsiResponse {
            underflow: true,
            status: 2,
            data_segment_length: 20,
            status_qualifier: 0xbeef,
            itt: 1,
            snack_tag: 2,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            exp_data_sn: 6,
            bidi_residual_count: 7,
            residual_count: 8,
            ..ScsiResponse::default()
        };
        assert_eq!(ScsiResponse::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }

    #[test]
    fn each_residual_flag_has_its_bit() {
        let flags = |value: ScsiResponse| value.emit()[1];
        assert_eq!(flags(ScsiResponse { bidi_overflow: true, ..ScsiResponse::default() }), 0x90);
        assert_eq!(flags(ScsiResponse { bidi_underflow: true, ..ScsiResponse::default() }), 0x88);
        assert_eq!(flags(ScsiResponse { overflow: true, ..ScsiResponse::default() }), 0x84);
        assert_eq!(flags(ScsiResponse { underflow: true, ..ScsiResponse::default() }), 0x82);
    }
}
