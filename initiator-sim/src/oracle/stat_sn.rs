//! Does StatSN count the statuses of a connection, one by one? (RFC 7143 4.2.2.2)

use super::fields::Fields;
use super::task::NO_TAG;
use super::{Sink, WirePdu};
use crate::codec::Kind;
use crate::initiator::serial;

/// The last ping of the target on one connection, and what its answer said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ping {
    /// Its Target Transfer Tag, and the next StatSN as it showed it.
    sent: Option<(u32, u32)>,
    /// The initiator read a ping, and acknowledged less than was sent before it: something was lost on the way to it.
    pub(super) shows_gap: bool,
}

impl Ping {
    /// A NOP-In passed.
    pub(super) fn sent(&mut self, fields: &Fields, pdu: &WirePdu<'_>) {
        let bhs = pdu.view.bhs;
        let ttt = fields.nop_ttt.word(bhs);
        if ttt != NO_TAG && fields.itt.word(bhs) == NO_TAG {
            self.sent = Some((ttt, fields.stat_sn.word(bhs)));
        }
    }

    /// A NOP-Out came; `acknowledges` says whether its ExpStatSN is one that can be.
    pub(super) fn answered(&mut self, fields: &Fields, pdu: &WirePdu<'_>, acknowledges: bool) {
        let bhs = pdu.view.bhs;
        if let Some((ttt, stat_sn)) = self.sent
            && fields.nop_ttt.word(bhs) == ttt
        {
            self.shows_gap = !acknowledges || serial::lt(fields.exp_stat_sn.word(bhs), stat_sn);
        }
    }
}

/// The counter of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StatSn {
    next: Option<u32>,
}

impl StatSn {
    /// The number that the next status has, once there was one.
    pub(super) const fn next(self) -> Option<u32> {
        self.next
    }

    pub(super) fn check(&mut self, fields: &Fields, pdu: &WirePdu<'_>, kind: Kind, sink: &mut Sink) {
        let bhs = pdu.view.bhs;
        let (carries, consumes) = match kind {
            Kind::DataIn => {
                let status = fields.data_in_s.is_set(bhs);
                (status, status)
            }
            // These show the next StatSN and leave it (11.8.3, 11.19.1).
            Kind::R2T => (true, false),
            Kind::NopIn if fields.itt.word(bhs) == NO_TAG => (true, false),
            // Valid only with status class 0 (11.13.4).
            Kind::LoginResponse => {
                let good = !fields.login_class.is_set(bhs);
                (good, good)
            }
            _ => (true, true),
        };
        if !carries {
            return;
        }
        let got = fields.stat_sn.word(bhs);
        if let Some(want) = self.next
            && got != want
        {
            sink.add("stat_sn", "rfc7143/4.2.2.2", format!("{kind}: StatSN {got}, expected {want}"));
        }
        self.next = Some(if consumes { got.wrapping_add(1) } else { got });
    }
}
