//! News from the target that answers no request (RFC 7143 11.9).

use super::field::{DataSegmentLength, ExpCmdSn, Final, Itt, LunAt8, MaxCmdSn, StatSn, U8, U16};
use super::pdu::{codes, pdu};
use super::{Lun, RESERVED_TAG};

pdu! {
    /// Asynchronous Message.
    #[allow(missing_docs, reason = "each field is the RFC's of that name")]
    pub struct AsyncMessage = AsyncMessage {
        pub data_segment_length: u32 = DataSegmentLength,
        pub lun: Lun = LunAt8,
        pub stat_sn: u32 = StatSn,
        pub exp_cmd_sn: u32 = ExpCmdSn,
        pub max_cmd_sn: u32 = MaxCmdSn,
        /// See [`AsyncEvent`].
        pub event: u8 = U8<36>,
        /// AsyncVCode: the vendor's code; valid only with a vendor's event.
        pub vcode: u8 = U8<37>,
        pub parameter1: u16 = U16<38>,
        pub parameter2: u16 = U16<40>,
        pub parameter3: u16 = U16<42>,
    }
    fixed { Final = true, Itt = RESERVED_TAG, }
}

codes! {
    /// Asynchronous events (RFC 7143 11.9.1).
    pub enum AsyncEvent: u8, from_u8 {
        /// A SCSI asynchronous event; its sense data is in the data segment.
        ScsiAsyncEvent = 0,
        /// The target wants this connection logged out within Parameter3 seconds.
        LogoutRequest = 1,
        /// The target drops the connection whose CID is Parameter1.
        ConnectionDropNotification = 2,
        /// The target drops all connections of the session.
        SessionDropNotification = 3,
        /// The target wants a parameter negotiation within Parameter3 seconds.
        NegotiationRequest = 4,
        /// All tasks of the LUN are being terminated (TaskReporting=FastAbort).
        TaskTermination = 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pdu::pdu_tests;
    use crate::wire::pdu::testing::{ALL, bhs};

    const FIXED: [u32; 12] = [0x3280_0000, 0, 0, 0, 0xffff_ffff, 0, 0, 0, 0, 0, 0, 0];
    const USED: [u32; 12] = [0, 0x00ff_ffff, ALL, ALL, 0, 0, ALL, ALL, ALL, ALL, ALL, 0];

    pdu_tests!(AsyncMessage);

    #[test]
    fn literal_bytes() {
        let bytes = bhs([0x3280_0000, 0, 0, 0, 0xffff_ffff, 0, 3, 4, 5, 0x0200_0007, 0x0002_0014, 0]);
        let value = AsyncMessage {
            stat_sn: 3,
            exp_cmd_sn: 4,
            max_cmd_sn: 5,
            event: AsyncEvent::ConnectionDropNotification.code(),
            parameter1: 7,
            parameter2: 2,
            parameter3: 20,
            ..AsyncMessage::default()
        };
        assert_eq!(AsyncMessage::parse(&bytes), value);
        assert_eq!(value.emit(), bytes);
    }
}
