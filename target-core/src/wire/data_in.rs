//! Data of a read, to the initiator, with or without the command's end (RFC 7143 11.7).

use super::Lun;
use super::field::{
    Bit, BufferOffset, DataSegmentLength, DataSn, ExpCmdSn, Final, Itt, LunAt8, MaxCmdSn, StatSn, Ttt, U8,
    U32,
};
use super::pdu::pdu;

pdu! {
    /// SCSI Data-In.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct DataIn = DataIn {
        /// F: last of a sequence.
        pub final_bit: bool = Final,
        /// A: asks for a DataACK.
        pub acknowledge: bool = Bit<1, 1>,
        /// O: Residual Overflow; valid only with S.
        pub overflow: bool = Bit<1, 5>,
        /// U: Residual Underflow; valid only with S.
        pub underflow: bool = Bit<1, 6>,
        /// S: status, StatSN and residual count are valid, and the command ends.
        pub status_bit: bool = Bit<1, 7>,
        /// SCSI status; valid only with S.
        pub status: u8 = U8<3>,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        /// For the DataACK if A is set, else 0xffffffff.
        pub ttt: u32 = Ttt,
        /// Valid only with S.
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
        pub data_sn: u32 = DataSn,
        pub buffer_offset: u32 = BufferOffset,
        pub residual_count: u32 = U32<44>,
    }
    fixed {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x2500_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x00c7_00ff, 0x00ff_ffff, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL];

    pdu_tests!(DataIn);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x2583_0000, 0x1000, 0, 0, 1, 0xffff_ffff, 3, 4, 5, 6, 7, 8]);
        let value = DataIn {
            final_bit: true,
            underflow: true,
            status_bit: true,
            data_segment_length: 4096,
            itt: 1,
            ttt: 0xffff_ffff,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            data_sn: 6,
            buffer_offset: 7,
            residual_count: 8,
            ..DataIn::default()
        };
        assert_eq!(DataIn::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
