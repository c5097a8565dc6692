//! Keys from the initiator in full feature phase (RFC 7143 11.10).

use super::Lun;
use super::field::{
    CmdSn, Continue, DataSegmentLength, ExpStatSn, Final, Immediate, Itt, LunAt8, TotalAhsLength, Ttt,
};
use super::pdu::pdu;

pdu! {
    /// Text Request.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct TextRequest = TextRequest {
        pub immediate: bool = Immediate,
        /// F: the initiator has nothing more to say.
        pub final_bit: bool = Final,
        /// C: the text goes on in the next request.
        pub continue_bit: bool = Continue,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        pub ttt: u32 = Ttt,
        pub cmd_sn: u32 = CmdSn,
        pub exp_stat_sn: u32 = ExpStatSn,
    }
    fixed {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x0400_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x40c0_0000, ALL, ALL, ALL, ALL, ALL, ALL, ALL, 0, 0, 0, 0];

    pdu_tests!(TextRequest);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x4480_0000, 0x10, 0, 0, 1, 0xffff_ffff, 3, 4, 0, 0, 0, 0]);
        let value = TextRequest {
            immediate: true,
            final_bit: true,
            data_segment_length: 16,
            itt: 1,
            ttt: 0xffff_ffff,
            cmd_sn: 3,
            exp_stat_sn: 4,
            ..TextRequest::default()
        };
        assert_eq!(TextRequest::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
