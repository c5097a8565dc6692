//! The target's part of a login (RFC 7143 11.13).

use super::field::{Bit, Bits, Continue, DataSegmentLength, ExpCmdSn, Itt, MaxCmdSn, Raw, StatSn, U8, U16};
use super::pdu::{codes, pdu};

pdu! {
    /// Login Response.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct LoginResponse = LoginResponse {
        /// T: goes on to the stage NSG.
        pub transit: bool = Bit<1, 0>,
        /// C: the text goes on in the next response.
        pub continue_bit: bool = Continue,
        /// Current stage, two bits.
        pub csg: u8 = Bits<1, 4, 2>,
        /// Next stage, two bits; valid only with T.
        pub nsg: u8 = Bits<1, 6, 2>,
        pub version_max: u8 = U8<2>,
        pub version_active: u8 = U8<3>,
        pub data_segment_length: u32 = DataSegmentLength,
        pub isid: [u8; 6] = Raw<8, 6>,
        pub tsih: u16 = U16<14>,
        pub itt: u32 = Itt,
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
        /// Status-Class in the upper byte, Status-Detail in the lower; see [`LoginStatus`].
        pub status: u16 = U16<36>,
    }
    fixed {}
}

codes! {
    /// Status-Class and Status-Detail as one number (RFC 7143 11.13.5).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum LoginStatus: u16, from_u16 {
        Success = 0x0000,
        TargetMovedTemporarily = 0x0101,
        TargetMovedPermanently = 0x0102,
        InitiatorError = 0x0200,
        AuthenticationFailure = 0x0201,
        AuthorizationFailure = 0x0202,
        NotFound = 0x0203,
        TargetRemoved = 0x0204,
        UnsupportedVersion = 0x0205,
        TooManyConnections = 0x0206,
        MissingParameter = 0x0207,
        CantIncludeInSession = 0x0208,
        SessionTypeNotSupported = 0x0209,
        SessionDoesNotExist = 0x020a,
        InvalidDuringLogin = 0x020b,
        TargetError = 0x0300,
        ServiceUnavailable = 0x0301,
        OutOfResources = 0x0302,
    }
}

impl LoginStatus {
    /// Status-Class: 0 success, 1 redirection, 2 initiator error, 3 target error.
    pub const fn class(self) -> u8 {
        self.code().to_be_bytes()[0]
    }

    /// Status-Detail, within its class.
    pub const fn detail(self) -> u8 {
        self.code().to_be_bytes()[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x2300_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x00cf_ffff, 0x00ff_ffff, ALL, ALL, ALL, 0, ALL, ALL, ALL, 0xffff_0000, 0, 0];

    pdu_tests!(LoginResponse);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x2387_0000, 0x80, 0x0002_3d01, 0x0203_0102, 1, 0, 3, 4, 5, 0x0201_0000, 0, 0]);
        let value = LoginResponse {
            transit: true,
            csg: 1,
            nsg: 3,
            data_segment_length: 128,
            isid: [0, 2, 0x3d, 1, 2, 3],
            tsih: 0x0102,
            itt: 1,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            status: LoginStatus::AuthenticationFailure.code(),
            ..LoginResponse::default()
        };
        assert_eq!(LoginResponse::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }

    #[test]
    fn class_and_detail_make_the_status() {
        assert_eq!(
            (LoginStatus::SessionDoesNotExist.class(), LoginStatus::SessionDoesNotExist.detail()),
            (2, 10)
        );
        assert_eq!(LoginStatus::from_u16(0x0302), Some(LoginStatus::OutOfResources));
        assert_eq!(LoginStatus::from_u16(0x020c), None);
        assert_eq!(LoginStatus::ALL.len(), 18);
    }
}
