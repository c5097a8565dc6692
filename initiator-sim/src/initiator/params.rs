//! What did the two sides agree on? The operational parameters with the defaults of RFC 7143 section 13.

use crate::codec::Digests;

/// What holds for all connections of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionParams {
    /// A discovery session (13.21).
    pub discovery: bool,
    /// R2T is needed before any Data-Out (13.10).
    pub initial_r2t: bool,
    /// Data may come with the command (13.11).
    pub immediate_data: bool,
    /// Most unsolicited data of a command, bytes (13.14).
    pub first_burst: u32,
    /// Most data of one sequence, bytes (13.13).
    pub max_burst: u32,
    /// R2Ts a command may have open at once (13.17).
    pub max_outstanding_r2t: u32,
    /// Data PDUs of a sequence come by ascending offset (13.18).
    pub data_pdu_in_order: bool,
    /// Sequences come by ascending offset (13.19).
    pub data_sequence_in_order: bool,
    /// Recovery level (13.20).
    pub error_recovery_level: u8,
    /// Connections the session may have (13.2).
    pub max_connections: u32,
    /// Seconds (13.15).
    pub time2wait: u32,
    /// Seconds (13.16).
    pub time2retain: u32,
    /// `RFC3720`, `ResponseFence` or `FastAbort` (13.23).
    pub task_reporting: String,
    /// iSCSIProtocolLevel, 1 for RFC 7143 alone (13.24, RFC 7144).
    pub protocol_level: u32,
    /// What the target said at login (13.9).
    pub portal_group_tag: Option<u16>,
    /// What the target said at login (13.6).
    pub target_alias: Option<String>,
}

impl Default for SessionParams {
    fn default() -> Self {
        SessionParams {
            discovery: false,
            initial_r2t: true,
            immediate_data: true,
            first_burst: 65536,
            max_burst: 262_144,
            max_outstanding_r2t: 1,
            data_pdu_in_order: true,
            data_sequence_in_order: true,
            error_recovery_level: 0,
            max_connections: 1,
            time2wait: 2,
            time2retain: 20,
            task_reporting: "RFC3720".to_owned(),
            protocol_level: 1,
            portal_group_tag: None,
            target_alias: None,
        }
    }
}

/// What holds for one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnParams {
    /// Digests in the full feature phase.
    pub digests: Digests,
    /// The target's MaxRecvDataSegmentLength: the most this side may send in a data segment.
    pub send_max: u32,
    /// This side's MaxRecvDataSegmentLength as it was declared.
    pub receive_max: u32,
}

impl Default for ConnParams {
    fn default() -> Self {
        ConnParams { digests: Digests::NONE, send_max: 8192, receive_max: 8192 }
    }
}
