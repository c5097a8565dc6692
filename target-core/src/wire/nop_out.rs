//! A ping from the initiator, or its answer to one (RFC 7143 11.18).

use super::Lun;
use super::field::{CmdSn, DataSegmentLength, ExpStatSn, Final, Immediate, Itt, LunAt8, TotalAhsLength, Ttt};
use super::pdu::pdu;

pdu! {
    /// NOP-Out.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct NopOut = NopOut {
        pub immediate: bool = Immediate,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        /// 0xffffffff if no answer is wanted.
        pub itt: u32 = Itt,
        /// Of the NOP-In this answers, else 0xffffffff.
        pub ttt: u32 = Ttt,
        pub cmd_sn: u32 = CmdSn,
        pub exp_stat_sn: u32 = ExpStatSn,
    }
    fixed { Final = true, }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x0080_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x4000_0000, ALL, ALL, ALL, ALL, ALL, ALL, ALL, 0, 0, 0, 0];

    pdu_tests!(NopOut);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x4080_0000, 4, 0, 0, 1, 0xffff_ffff, 3, 4, 0, 0, 0, 0]);
        let value = NopOut {
            immediate: true,
            data_segment_length: 4,
            itt: 1,
            ttt: 0xffff_ffff,
            cmd_sn: 3,
            exp_stat_sn: 4,
            ..NopOut::default()
        };
        assert_eq!(NopOut::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
