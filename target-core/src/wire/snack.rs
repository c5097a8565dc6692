//! A request to send something again, or an acknowledgement of data (RFC 7143 11.16).

use super::Lun;
use super::field::{Bits, DataSegmentLength, ExpStatSn, Final, Itt, LunAt8, TotalAhsLength, Ttt, U32};
use super::pdu::{codes, pdu};

pdu! {
    /// SNACK Request.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct Snack = Snack {
        /// Four bits; see [`SnackType`].
        pub kind: u8 = Bits<1, 4, 4>,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        /// Target Transfer Tag of a DataACK, SNACK Tag of an R-Data SNACK, else 0xffffffff.
        pub ttt: u32 = Ttt,
        pub exp_stat_sn: u32 = ExpStatSn,
        pub beg_run: u32 = U32<40>,
        pub run_length: u32 = U32<44>,
    }
    fixed { Final = true, }
}

codes! {
    /// What a SNACK asks for (RFC 7143 11.16.1).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum SnackType: u8, from_u8 {
        DataOrR2t = 0,
        Status = 1,
        DataAck = 2,
        RData = 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x1080_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x000f_0000, ALL, ALL, ALL, ALL, ALL, 0, ALL, 0, 0, ALL, ALL];

    pdu_tests!(Snack);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x1081_0000, 0, 0, 0, 0xffff_ffff, 0xffff_ffff, 0, 3, 0, 0, 4, 5]);
        let value = Snack {
            kind: SnackType::Status.code(),
            itt: 0xffff_ffff,
            ttt: 0xffff_ffff,
            exp_stat_sn: 3,
            beg_run: 4,
            run_length: 5,
            ..Snack::default()
        };
        assert_eq!(Snack::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
