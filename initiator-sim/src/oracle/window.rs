//! Does the command window only ever open? (RFC 7143 4.2.2.1)

use super::fields::Fields;
use super::{Sink, WirePdu};
use crate::codec::Kind;
use crate::initiator::serial;

/// The window of one session, as the target announced it last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    last: Option<(u32, u32)>,
}

impl Window {
    /// ExpCmdSN and MaxCmdSN of the last PDU.
    pub(super) const fn last(&self) -> Option<(u32, u32)> {
        self.last
    }

    /// `commands` is how many commands the target is configured to admit.
    pub(super) fn check(
        &mut self,
        fields: &Fields,
        pdu: &WirePdu<'_>,
        kind: Kind,
        commands: u32,
        sink: &mut Sink,
    ) {
        let bhs = pdu.view.bhs;
        if kind == Kind::LoginResponse && fields.login_class.is_set(bhs) {
            return; // Counters of a failed login mean nothing (11.13.4).
        }
        let (exp, max) = (fields.exp_cmd_sn.word(bhs), fields.max_cmd_sn.word(bhs));
        if serial::lt(max, exp.wrapping_sub(1)) {
            sink.add("window", "rfc7143/4.2.2.1", format!("{kind}: MaxCmdSN {max} < ExpCmdSN {exp} - 1"));
        }
        let open = max.wrapping_sub(exp).wrapping_add(1);
        if serial::le(exp, max) && open > commands {
            sink.add(
                "window",
                "limits/commands",
                format!("{kind}: window of {open} commands, configured are {commands}"),
            );
        }
        if let Some((last_exp, last_max)) = self.last {
            if serial::lt(exp, last_exp) {
                sink.add(
                    "window",
                    "rfc7143/4.2.2.1",
                    format!("{kind}: ExpCmdSN went back from {last_exp} to {exp}"),
                );
            }
            if serial::lt(max, last_max) {
                sink.add(
                    "window",
                    "rfc7143/4.2.2.1",
                    format!("{kind}: MaxCmdSN went back from {last_max} to {max}"),
                );
            }
        }
        self.last = Some((exp, max));
    }
}
