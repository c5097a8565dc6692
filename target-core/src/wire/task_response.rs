//! What became of a task management function (RFC 7143 11.6, RFC 7144 6.4).

use super::field::{ExpCmdSn, Final, Itt, MaxCmdSn, StatSn, U8, U24};
use super::pdu::{codes, pdu};

pdu! {
    /// Task Management Function Response. It has no data segment (11.6.2).
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct TaskResponse = TaskResponse {
        /// See [`TmfResponse`].
        pub response: u8 = U8<2>,
        /// Additional Response Information: three bytes, for QUERY ASYNCHRONOUS EVENT (RFC 7144 6.4.1, SAM-5 7.10).
        pub additional: u32 = U24<8>,
        pub itt: u32 = Itt,
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
    }
    fixed { Final = true, }
}

codes! {
    /// Responses to a task management function (RFC 7143 11.6.1; 7 is RFC 7144 6.4.2).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum TmfResponse: u8, from_u8 {
        FunctionComplete = 0,
        TaskDoesNotExist = 1,
        LunDoesNotExist = 2,
        TaskStillAllegiant = 3,
        TaskAllegianceReassignmentNotSupported = 4,
        FunctionNotSupported = 5,
        FunctionAuthorizationFailed = 6,
        FunctionSucceeded = 7,
        FunctionRejected = 255,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::bhs;

    const FIXED: [u32; 12] = [0x2280_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] =
        [0x0000_ff00, 0, 0xffff_ff00, 0, 0xffff_ffff, 0, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0, 0, 0];

    pdu_tests!(TaskResponse);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x2280_ff00, 0, 0x1629_0300, 0, 1, 0, 3, 4, 5, 0, 0, 0]);
        let value = TaskResponse {
            response: TmfResponse::FunctionRejected.code(),
            additional: 0x16_2903,
            itt: 1,
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
        };
        assert_eq!(TaskResponse::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
