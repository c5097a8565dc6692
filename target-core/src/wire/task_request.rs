//! A request to abort, reset or query tasks (RFC 7143 11.5, RFC 7144 6).

use super::Lun;
use super::field::{
    Bits, CmdSn, DataSegmentLength, ExpStatSn, Final, Immediate, Itt, LunAt8, TotalAhsLength, U32,
};
use super::pdu::{codes, pdu};

pdu! {
    /// Task Management Function Request.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct TaskRequest = TaskRequest {
        pub immediate: bool = Immediate,
        /// Seven bits; see [`TmfFunction`].
        pub function: u8 = Bits<1, 1, 7>,
        pub total_ahs_length: u8 = TotalAhsLength,
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub itt: u32 = Itt,
        pub referenced_task_tag: u32 = U32<20>,
        pub cmd_sn: u32 = CmdSn,
        pub exp_stat_sn: u32 = ExpStatSn,
        pub ref_cmd_sn: u32 = U32<32>,
        pub exp_data_sn: u32 = U32<36>,
    }
    fixed { Final = true, }
}

codes! {
    /// Task management functions (RFC 7143 11.5.1; the last four RFC 7144 6.3).
    #[allow(missing_docs, reason = "each variant is the RFC's of that name")]
    pub enum TmfFunction: u8, from_u8 {
        AbortTask = 1,
        AbortTaskSet = 2,
        ClearAca = 3,
        ClearTaskSet = 4,
        LogicalUnitReset = 5,
        TargetWarmReset = 6,
        TargetColdReset = 7,
        TaskReassign = 8,
        QueryTask = 9,
        QueryTaskSet = 10,
        ItNexusReset = 11,
        QueryAsynchronousEvent = 12,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x0280_0000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0x407f_0000, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL, 0, 0];

    pdu_tests!(TaskRequest);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x4281_0000, 0, 0x0007_0000, 0, 1, 2, 3, 4, 5, 6, 0, 0]);
        let value = TaskRequest {
            immediate: true,
            function: TmfFunction::AbortTask.code(),
            lun: Lun::from_number(7),
            itt: 1,
            referenced_task_tag: 2,
            cmd_sn: 3,
            exp_stat_sn: 4,
            ref_cmd_sn: 5,
            exp_data_sn: 6,
            ..TaskRequest::default()
        };
        assert_eq!(TaskRequest::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }

    #[test]
    fn functions_1_to_12_are_assigned() {
        let assigned = (0..=0x7f).filter(|code| TmfFunction::from_u8(*code).is_some());
        assert!(assigned.eq(1..=12));
    }
}
