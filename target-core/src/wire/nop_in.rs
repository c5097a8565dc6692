//! A ping from the target, or its answer to one (RFC 7143 11.19).

use super::Lun;
use super::field::{DataSegmentLength, ExpCmdSn, Final, Itt, LunAt8, MaxCmdSn, StatSn, Ttt};
use super::pdu::pdu;

pdu! {
    /// NOP-In.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct NopIn = NopIn {
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        /// Of the NOP-Out this answers, else 0xffffffff.
        pub itt: u32 = Itt,
        /// 0xffffffff if no answer is wanted.
        pub ttt: u32 = Ttt,
        /// The next StatSN if ITT is 0xffffffff; not counted up then (11.19.2).
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
    }
    fixed { Final = true, }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x2080_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0, 0x00ff_ffff, ALL, ALL, ALL, ALL, ALL, ALL, ALL, 0, 0, 0];

    pdu_tests!(NopIn);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x2080_0000, 0, 0x0009_0000, 0, 0xffff_ffff, 2, 3, 4, 5, 0, 0, 0]);
        let value = NopIn {
            lun: Lun::from_number(9),
            itt: 0xffff_ffff,
            ttt: 2,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            ..NopIn::default()
        };
        assert_eq!(NopIn::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
