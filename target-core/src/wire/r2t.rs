//! The target's demand for a part of the data of a write (RFC 7143 11.8).

use super::Lun;
use super::field::{BufferOffset, ExpCmdSn, Final, Itt, LunAt8, MaxCmdSn, StatSn, Ttt, U32};
use super::pdu::pdu;

pdu! {
    /// Ready To Transfer. It has no data segment (11.8.1).
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct R2t = R2t {
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        /// Never 0xffffffff.
        pub ttt: u32 = Ttt,
        /// The next StatSN; not counted up (11.8.3).
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
        pub r2t_sn: u32 = U32<36>,
        pub buffer_offset: u32 = BufferOffset,
        pub desired_data_transfer_length: u32 = U32<44>,
    }
    fixed { Final = true, }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x3180_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0, 0, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL];

    pdu_tests!(R2t);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x3180_0000, 0, 0x0002_0000, 0, 1, 2, 3, 4, 5, 6, 0x1_0000, 0x2_0000]);
        let value = R2t {
            lun: Lun::from_number(2),
            itt: 1,
            ttt: 2,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            r2t_sn: 6,
            buffer_offset: 0x1_0000,
            desired_data_transfer_length: 0x2_0000,
        };
        assert_eq!(R2t::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
