//! The initiator wants a connection or session closed (RFC 7143 11.14).

use super::field::{Bits, CmdSn, DataSegmentLength, ExpStatSn, Final, Immediate, Itt, TotalAhsLength, U16};
use super::pdu::{codes, pdu};

pdu! {
    /// Logout Request.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct LogoutRequest = LogoutRequest {
        pub immediate: bool = Immediate,
        /// Seven bits; see [`LogoutReason`].
        pub reason: u8 = Bits<1, 1, 7>,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub itt: u32 = Itt,
        /// Which connection; nothing if the session is to be closed.
        pub cid: u16 = U16<20>,
        pub cmd_sn: u32 = CmdSn,
        pub exp_stat_sn: u32 = ExpStatSn,
    }
    fixed { Final = true, }
}

codes! {
    /// What to close (RFC 7143 11.14.1).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum LogoutReason: u8, from_u8 {
        CloseSession = 0,
        CloseConnection = 1,
        RemoveConnectionForRecovery = 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::bhs;

    const FIXED: [u32; 12] = [0x0680_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] =
        [0x407f_0000, 0xffff_ffff, 0, 0, 0xffff_ffff, 0xffff_0000, 0xffff_ffff, 0xffff_ffff, 0, 0, 0, 0];

    pdu_tests!(LogoutRequest);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x4681_0000, 0, 0, 0, 1, 0x0007_0000, 3, 4, 0, 0, 0, 0]);
        let value = LogoutRequest {
            immediate: true,
            reason: LogoutReason::CloseConnection.code(),
            itt: 1,
            cid: 7,
            cmd_sn: 3,
            exp_stat_sn: 4,
            ..LogoutRequest::default()
        };
        assert_eq!(LogoutRequest::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
