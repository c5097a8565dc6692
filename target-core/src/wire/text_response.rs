//! Keys from the target in full feature phase (RFC 7143 11.11).

use super::Lun;
use super::field::{Continue, DataSegmentLength, ExpCmdSn, Final, Itt, LunAt8, MaxCmdSn, StatSn, Ttt};
use super::pdu::pdu;

pdu! {
    /// Text Response.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct TextResponse = TextResponse {
        /// F: the exchange is over.
        pub final_bit: bool = Final,
        /// C: the text goes on in the next response.
        pub continue_bit: bool = Continue,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        /// 0xffffffff if and only if F is set.
        pub ttt: u32 = Ttt,
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
    }
    fixed {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x2400_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x00c0_0000, 0x00ff_ffff, ALL, ALL, ALL, ALL, ALL, ALL, ALL, 0, 0, 0];

    pdu_tests!(TextResponse);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x2440_0000, 0x10, 0, 0, 1, 2, 3, 4, 5, 0, 0, 0]);
        let value = TextResponse {
            continue_bit: true,
            data_segment_length: 16,
            itt: 1,
            ttt: 2,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            ..TextResponse::default()
        };
        assert_eq!(TextResponse::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
