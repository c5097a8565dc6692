//! The initiator's part of a login (RFC 7143 11.12).

use super::field::{
    Bit, Bits, CmdSn, Continue, DataSegmentLength, ExpStatSn, Immediate, Itt, Raw, TotalAhsLength, U8, U16,
};
use super::pdu::pdu;

pdu! {
    /// Login Request. Always immediate.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct LoginRequest = LoginRequest {
        /// T: ready to go on to the stage NSG.
        pub transit: bool = Bit<1, 0>,
        /// C: the text goes on in the next request.
        pub continue_bit: bool = Continue,
        /// Current stage, two bits.
        pub csg: u8 = Bits<1, 4, 2>,
        /// Next stage, two bits; valid only with T.
        pub nsg: u8 = Bits<1, 6, 2>,
        pub version_max: u8 = U8<2>,
        pub version_min: u8 = U8<3>,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub isid: [u8; 6] = Raw<8, 6>,
        pub tsih: u16 = U16<14>,
        pub itt: u32 = Itt,
        pub cid: u16 = U16<20>,
        pub cmd_sn: u32 = CmdSn,
        pub exp_stat_sn: u32 = ExpStatSn,
    }
    fixed { Immediate = true, }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x4300_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x00cf_ffff, ALL, ALL, ALL, ALL, 0xffff_0000, ALL, ALL, 0, 0, 0, 0];

    pdu_tests!(LoginRequest);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x4387_0000, 0x80, 0x0002_3d01, 0x0203_0102, 1, 0x0005_0000, 3, 4, 0, 0, 0, 0]);
        let value = LoginRequest {
            transit: true,
            csg: 1,
            nsg: 3,
            data_segment_length: 128,
            isid: [0, 2, 0x3d, 1, 2, 3],
            tsih: 0x0102,
            itt: 1,
            cid: 5,
            cmd_sn: 3,
            exp_stat_sn: 4,
            ..LoginRequest::default()
        };
        assert_eq!(LoginRequest::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
