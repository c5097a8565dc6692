//! What a login has agreed on so far. Nothing of it is in force before the login is complete (RFC 7143 6.2).

use super::keys::Key;
use crate::config::{DigestPolicy, Offer};
use crate::session::params::{ConnParams, SessionKind, SessionParams};

/// Parameters in negotiation.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Of the session.
    pub(crate) session: SessionParams,
    /// Of the connection.
    pub(crate) conn: ConnParams,
    /// FirstBurstLength was agreed on, not only defaulted.
    first_burst_agreed: bool,
}

impl Draft {
    /// The defaults of a session of this type.
    pub(crate) fn new(kind: SessionKind) -> Self {
        Self {
            // Nothing is left of an earlier negotiation (rfc7143/6.2-6).
            session: SessionParams { kind, ..SessionParams::default() },
            conn: ConnParams::default(),
            first_burst_agreed: false,
        }
    }

    /// Takes over a boolean.
    pub(super) fn set_boolean(&mut self, key: Key, value: bool) {
        let session = &mut self.session;
        match key {
            Key::InitialR2T => session.initial_r2t = value,
            Key::ImmediateData => session.immediate_data = value,
            Key::DataPduInOrder => session.data_pdu_in_order = value,
            Key::DataSequenceInOrder => session.data_sequence_in_order = value,
            _ => {}
        }
    }

    /// Takes over a number that is within the bounds of its key.
    pub(super) fn set_number(&mut self, key: Key, value: u32) {
        let session = &mut self.session;
        // Bounded by the table; saturating keeps this total.
        let small = u16::try_from(value).unwrap_or(u16::MAX);
        match key {
            Key::MaxConnections => session.max_connections = small,
            Key::MaxRecvDataSegmentLength => self.conn.max_send_segment = value,
            Key::MaxBurstLength => session.max_burst_length = value,
            Key::FirstBurstLength => {
                session.first_burst_length = value;
                self.first_burst_agreed = true;
            }
            Key::DefaultTime2Wait => session.time2wait = small,
            Key::DefaultTime2Retain => session.time2retain = small,
            Key::ErrorRecoveryLevel => session.error_recovery_level = u8::try_from(value).unwrap_or(0),
            Key::MaxOutstandingR2T => session.max_outstanding_r2t = small,
            Key::ProtocolLevel => session.protocol_level = u8::try_from(value).unwrap_or(0),
            _ => {}
        }
    }

    /// The largest value that the rules between keys leave for a key with the result function Minimum.
    pub(super) fn ceiling(&self, key: Key) -> u32 {
        let session = &self.session;
        match key {
            // rfc7143/13.14-1.
            Key::FirstBurstLength => session.max_burst_length,
            // Without recovery of single sequences several R2Ts may be outstanding, with it only one (RFC 7143 13.19).
            // rfc7143/13.19-2.
            Key::MaxOutstandingR2T if session.error_recovery_level > 0 && session.data_sequence_in_order => 1,
            // rfc7143/7.4.1-1, rfc7143/7.4.1-2, rfc7143/13.21-1.
            Key::ErrorRecoveryLevel if session.kind == SessionKind::Discovery => 0,
            Key::ErrorRecoveryLevel if session.max_outstanding_r2t > 1 && session.data_sequence_in_order => 0,
            _ => u32::MAX,
        }
    }

    /// The smallest value they leave for it.
    pub(super) fn floor(&self, key: Key) -> u32 {
        match key {
            Key::MaxBurstLength if self.first_burst_agreed => self.session.first_burst_length,
            _ => 0,
        }
    }

    /// True if the answers given so far make a key of a normal session irrelevant (RFC 7143 13.14).
    pub(super) fn is_irrelevant(&self, key: Key) -> bool {
        key == Key::FirstBurstLength && self.session.initial_r2t && !self.session.immediate_data
    }

    /// Settles what depends on several keys; `false` if a digest is required that was not agreed on.
    pub(crate) fn finish(&mut self, offer: &Offer) -> bool {
        let session = &mut self.session;
        if !self.first_burst_agreed && !planted!(FirstBurstDefault) {
            // The default would pass MaxBurstLength, which it must not (RFC 7143 13.14).
            session.first_burst_length = session.first_burst_length.min(session.max_burst_length);
        }
        let digests = self.conn.digests;
        let missing = |policy, agreed: bool| policy == DigestPolicy::Required && !agreed;
        session.kind == SessionKind::Discovery
            || !(missing(offer.header_digest, digests.header) || missing(offer.data_digest, digests.data))
    }
}
