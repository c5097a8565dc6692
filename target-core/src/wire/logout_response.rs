//! The answer to a logout, the last PDU of a connection (RFC 7143 11.15).

use super::field::{ExpCmdSn, Final, Itt, MaxCmdSn, StatSn, U8, U16};
use super::pdu::{codes, pdu};

pdu! {
    /// Logout Response. It has no data segment (11.15.2).
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct LogoutResponse = LogoutResponse {
        /// See [`LogoutResult`].
        pub response: u8 = U8<2>,
        pub itt: u32 = Itt,
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
        /// Seconds.
        pub time2wait: u16 = U16<40>,
        /// Seconds.
        pub time2retain: u16 = U16<42>,
    }
    fixed { Final = true, }
}

codes! {
    /// How a logout ended: the Response field (RFC 7143 11.15.1).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum LogoutResult: u8, from_u8 {
        Closed = 0,
        CidNotFound = 1,
        RecoveryNotSupported = 2,
        CleanupFailed = 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::bhs;

    const FIXED: [u32; 12] = [0x2680_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] =
        [0x0000_ff00, 0, 0, 0, 0xffff_ffff, 0, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0, 0xffff_ffff, 0];

    pdu_tests!(LogoutResponse);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x2680_0100, 0, 0, 0, 1, 0, 3, 4, 5, 0, 0x0002_0014, 0]);
        let value = LogoutResponse {
            response: LogoutResult::CidNotFound.code(),
            itt: 1,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            time2wait: 2,
            time2retain: 20,
        };
        assert_eq!(LogoutResponse::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
