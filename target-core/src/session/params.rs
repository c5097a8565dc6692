//! The outcome of login negotiation (RFC 7143 section 13).

use crate::task::read::ReadRules;
use crate::task::write::WriteRules;

/// Whether a session may do SCSI (RFC 7143 13.21).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// SessionType=Discovery.
    Discovery,
    /// SessionType=Normal.
    Normal,
}

/// What holds for the whole session; starts as the defaults of section 13.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is the key of that name")]
pub struct SessionParams {
    pub kind: SessionKind,
    pub max_connections: u16,
    pub initial_r2t: bool,
    pub immediate_data: bool,
    pub max_burst_length: u32,
    pub first_burst_length: u32,
    pub time2wait: u16,
    pub time2retain: u16,
    pub max_outstanding_r2t: u16,
    pub data_pdu_in_order: bool,
    pub data_sequence_in_order: bool,
    pub error_recovery_level: u8,
    pub task_reporting: TaskReporting,
    /// iSCSIProtocolLevel (RFC 7144 7.1.1).
    pub protocol_level: u8,
}

impl Default for SessionParams {
    fn default() -> Self {
        Self {
            kind: SessionKind::Normal,
            max_connections: 1,
            initial_r2t: true,
            immediate_data: true,
            max_burst_length: 262_144,
            first_burst_length: 65_536,
            time2wait: 2,
            time2retain: 20,
            max_outstanding_r2t: 1,
            data_pdu_in_order: true,
            data_sequence_in_order: true,
            error_recovery_level: 0,
            // rfc7143/4.2.3.3-1.
            task_reporting: TaskReporting::Rfc3720,
            protocol_level: 1,
        }
    }
}

impl From<&SessionParams> for WriteRules {
    fn from(params: &SessionParams) -> Self {
        Self {
            initial_r2t: params.initial_r2t,
            immediate_data: params.immediate_data,
            first_burst_length: params.first_burst_length,
            max_burst_length: params.max_burst_length.max(1),
            max_outstanding_r2t: params.max_outstanding_r2t.max(1),
            data_pdu_in_order: params.data_pdu_in_order,
            data_sequence_in_order: params.data_sequence_in_order,
            recover: params.error_recovery_level > 0,
        }
    }
}

impl From<&SessionParams> for ReadRules {
    /// The longest segment is the connection's to say, PDU by PDU.
    fn from(params: &SessionParams) -> Self {
        Self {
            max_segment: u32::MAX,
            max_burst: params.max_burst_length,
            pdu_in_order: params.data_pdu_in_order,
            sequence_in_order: params.data_sequence_in_order,
        }
    }
}

/// TaskReporting (RFC 7143 13.23); each one promises what those before it do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each variant is the value of that name")]
pub enum TaskReporting {
    Rfc3720,
    ResponseFence,
    FastAbort,
}

impl TaskReporting {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc3720 => "RFC3720",
            Self::ResponseFence => "ResponseFence",
            Self::FastAbort => "FastAbort",
        }
    }

    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rfc3720, Self::ResponseFence, Self::FastAbort];
}

/// What holds for one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnParams {
    /// Digests in full feature phase.
    pub digests: crate::wire::Digests,
    /// MaxRecvDataSegmentLength the initiator declared: the longest data segment to send.
    pub max_send_segment: u32,
    /// MaxRecvDataSegmentLength the target declared: the longest data segment to accept.
    pub max_recv_segment: u32,
}

impl Default for ConnParams {
    fn default() -> Self {
        Self { digests: crate::wire::Digests::default(), max_send_segment: 8192, max_recv_segment: 8192 }
    }
}
