//! Is the initiator told where tasks end, if and only if it asked for fast aborts? (RFC 7143 4.2.3.4 d, 11.9.1 event 5)

use super::expression::lun_number;
use super::fields::Fields;
use super::{Sink, WirePdu};
use std::collections::BTreeSet;

const TASK_TERMINATION: u32 = 5;

/// What one connection has been, and must be, told.
#[derive(Debug, Default)]
pub(super) struct Terminations {
    /// TaskReporting=FastAbort is operational.
    pub(super) fast: bool,
    /// Logical units at which a function may have ended tasks of this connection.
    possible: BTreeSet<u64>,
    told: BTreeSet<u64>,
    owed: BTreeSet<u64>,
}

impl Terminations {
    /// A function came that can end a task there. What was told holds for a task that another function could end before.
    pub(super) fn may_come(&mut self, lun: u64, is_first: bool) {
        self.possible.insert(lun);
        if is_first {
            self.told.remove(&lun);
        }
    }

    /// A command came there that a function under way can end: what was told of others holds.
    pub(super) fn may_meet(&mut self, lun: u64) {
        self.possible.insert(lun);
    }

    /// A function that came over another connection ended a task there.
    pub(super) fn owed(&mut self, lun: u64) {
        if self.fast && !self.told.contains(&lun) {
            self.owed.insert(lun);
        }
    }

    /// An Asynchronous Message passed.
    pub(super) fn message(&mut self, fields: &Fields, pdu: &WirePdu<'_>, sink: &mut Sink) {
        let bhs = pdu.view.bhs;
        if fields.async_event.word(bhs) != TASK_TERMINATION {
            return;
        }
        let lun = lun_number(fields.lun.long(bhs));
        if !self.fast {
            let text = "tasks are announced as terminated, but FastAbort was not negotiated";
            sink.add("termination", "rfc7143/11.9.1-8", text);
        }
        if !self.possible.contains(&lun) {
            let text =
                format!("tasks of LUN {lun:#x} are announced as terminated, and nothing terminates any");
            sink.add("termination", "rfc7143/4.2.3.4", text);
        }
        self.told.insert(lun);
        self.owed.remove(&lun);
    }

    /// All the time in the world has passed.
    pub(super) fn demand(&self, sink: &mut Sink) {
        for lun in &self.owed {
            let text = format!(
                "tasks of LUN {lun:#x} ended by a function over another connection were not announced"
            );
            sink.add("termination", "rfc7143/4.2.3.4", text);
        }
    }
}
