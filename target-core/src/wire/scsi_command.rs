//! A SCSI command on its way to a logical unit (RFC 7143 11.3, RFC 7144 5.1).

use super::Lun;
use super::field::{
    Bit, Bits, CmdSn, DataSegmentLength, ExpStatSn, Final, Immediate, Itt, LunAt8, Raw, TotalAhsLength, U32,
};
use super::pdu::{codes, pdu};

pdu! {
    /// SCSI Command.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct ScsiCommand = ScsiCommand {
        pub immediate: bool = Immediate,
        /// F: no unsolicited Data-Out follows.
        pub final_bit: bool = Final,
        /// R: the command is expected to input data.
        pub read: bool = Bit<1, 1>,
        /// W: the command is expected to output data.
        pub write: bool = Bit<1, 2>,
        /// Three bits; see [`TaskAttribute`].
        pub attr: u8 = Bits<1, 5, 3>,
        /// PRI: means something only at iSCSIProtocolLevel 2 (RFC 7144 5.1.1).
        pub priority: u8 = Bits<2, 4, 4>,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        /// Expected Data Transfer Length in bytes; of the write of a bidirectional command.
        pub edtl: u32 = U32<20>,
        pub cmd_sn: u32 = CmdSn,
        pub exp_stat_sn: u32 = ExpStatSn,
        /// The CDB, or its first 16 bytes; an Extended CDB AHS has the rest.
        pub cdb: [u8; 16] = Raw<32, 16>,
    }
    fixed {}
}

codes! {
    /// Task attributes (RFC 7143 11.3.1).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum TaskAttribute: u8, from_u8 {
        Untagged = 0,
        Simple = 1,
        Ordered = 2,
        HeadOfQueue = 3,
        Aca = 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x0100_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x40e7_0f00, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL];

    pdu_tests!(ScsiCommand);

    #[test]
    fn literal_bytes_of_a_read() {
        // The PDU of appendix A.4.
        let bytes =
            bhs([0x01c0_0000, 0, 0, 0, 0x1400_0000, 0x400, 0x14, 0x18, 0x2800_0000, 0, 0x0200_0000, 0]);
        let mut cdb = [0; 16];
        cdb[0] = 0x28;
        cdb[8] = 2;
        let value = ScsiCommand {
            final_bit: true,
            read: true,
            itt: 0x1400_0000,
            edtl: 0x400,
            cmd_sn: 0x14,
            exp_stat_sn: 0x18,
            cdb,
            ..ScsiCommand::default()
        };
        assert_eq!(ScsiCommand::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }

    #[test]
    fn literal_bytes_of_an_immediate_write() {
        let value = ScsiCommand::parse(&bhs([
            0x41a2_0700,
            0x0200_0200,
            0x4001_0000,
            0,
            5,
            0x1000,
            6,
            7,
            0x0001_0203,
            0x0405_0607,
            0x0809_0a0b,
            0x0c0d_0e0f,
        ]));
        assert!(value.immediate && value.final_bit && value.write && !value.read);
        assert_eq!(TaskAttribute::from_u8(value.attr), Some(TaskAttribute::Ordered));
        assert_eq!((value.priority, value.total_ahs_length, value.data_segment_length), (7, 2, 512));
        assert_eq!((value.lun, value.itt, value.edtl), (Lun(0x4001_0000_0000_0000), 5, 4096));
        assert_eq!((value.cmd_sn, value.exp_stat_sn), (6, 7));
        assert_eq!(value.cdb, core::array::from_fn(|i| i as u8));
    }
}
