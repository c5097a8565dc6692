//! Data of a write, from the initiator (RFC 7143 11.7).

use super::Lun;
use super::field::{
    BufferOffset, DataSegmentLength, DataSn, ExpStatSn, Final, Itt, LunAt8, TotalAhsLength, Ttt,
};
use super::pdu::pdu;

pdu! {
    /// SCSI Data-Out.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct DataOut = DataOut {
        /// F: last of the unsolicited data, or last of the sequence that answers an R2T.
        pub final_bit: bool = Final,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        /// Of the R2T this answers, or 0xffffffff if unsolicited.
        pub ttt: u32 = Ttt,
        pub exp_stat_sn: u32 = ExpStatSn,
        pub data_sn: u32 = DataSn,
        pub buffer_offset: u32 = BufferOffset,
    }
    fixed {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x0500_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x0080_0000, ALL, ALL, ALL, ALL, ALL, 0, ALL, 0, ALL, ALL, 0];

    pdu_tests!(DataOut);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x0580_0000, 0x200, 0x0001_0000, 0, 1, 0xffff_ffff, 0, 3, 0, 4, 0x1000, 0]);
        let value = DataOut {
            final_bit: true,
            total_ahs_length: 0,
            data_segment_length: 512,
            lun: Lun::from_number(1),
            itt: 1,
            ttt: 0xffff_ffff,
            exp_stat_sn: 3,
            data_sn: 4,
            buffer_offset: 4096,
        };
        assert_eq!(DataOut::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
