//! Is an auto contingent allegiance kept to? (SAM-5 5.9, with one task set for all nexuses)
//!
//! While it surely is in effect, of the commands that come only an ACA task of the faulted nexus may do anything; all
//! others end with ACA ACTIVE, or BUSY at other nexuses. Whatever may end it makes it doubtful, and then nothing is said.

use super::expression::lun_number;
use super::fields::Fields;
use super::lun::LunModel;
use super::task::{ATTR_ACA, Task, Tasks};
use super::{Sink, WirePdu};
use crate::codec::Kind;
use crate::initiator::asks_for_aca;
use std::collections::{BTreeMap, BTreeSet};

const CHECK_CONDITION: u32 = 0x02;
const BUSY: u32 = 0x08;
const ACA_ACTIVE: u32 = 0x30;

/// Target name and the number of the logical unit, in whichever form its LUN came.
type Unit = (String, u64);

/// What a task means for the condition, kept with it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Role {
    /// CHECK CONDITION for it establishes one.
    asks: bool,
    /// It came while one was in effect that it does not serve; of its own nexus or not.
    refused: Option<bool>,
    /// It serves one.
    serves: bool,
}

/// The conditions of all logical units.
#[derive(Debug, Default)]
pub(super) struct Acas {
    /// Surely in effect, by the session that has it.
    standing: BTreeMap<Unit, u64>,
    /// Where some command has ever asked for one.
    asked: BTreeSet<Unit>,
}

impl Acas {
    /// A command came. Where there is no unit there is nothing that could have a condition.
    pub(super) fn command(
        &mut self,
        units: &LunModel,
        target: &str,
        session: Option<u64>,
        pdu: &WirePdu<'_>,
        task: &mut Task,
    ) {
        let Some(cdb) = pdu.view.bhs.last_chunk::<16>() else { return };
        let asks = asks_for_aca(cdb) && units.is_there(target, task.lun);
        if !asks && self.asked.is_empty() {
            return;
        }
        let unit = (target.to_ascii_lowercase(), task.unit());
        if asks {
            self.asked.insert(unit.clone());
        }
        let faulted = self.standing.get(&unit).copied();
        let own = faulted.is_some() && faulted == session;
        let serves = own && task.attribute == ATTR_ACA;
        // Others may preempt the faulted nexus, which ends the condition (SAM-5 5.9.4).
        let is_way_out = task.preempts && !own;
        if is_way_out {
            self.standing.remove(&unit);
        }
        let refused = faulted.filter(|_| !serves && !is_way_out && task.certain).map(|_| own);
        task.aca = Role { asks: asks && task.certain, refused, serves };
    }

    /// A command came that shares its tag with another one: it may ask for a condition, or not be there at all.
    pub(super) fn may_ask(&mut self, units: &LunModel, target: &str, pdu: &WirePdu<'_>, lun: u64) {
        let asks = pdu.view.bhs.last_chunk::<16>().is_some_and(|cdb| asks_for_aca(cdb));
        if asks && units.is_there(target, lun) {
            self.asked.insert((target.to_ascii_lowercase(), lun_number(lun)));
        }
    }

    /// Something came that may end conditions: commands under way are judged no more.
    pub(super) fn doubt<'a>(&mut self, tasks: impl Iterator<Item = &'a mut Tasks>) {
        if self.asked.is_empty() {
            return;
        }
        self.standing.clear();
        for task in tasks.flat_map(Tasks::iter_mut) {
            task.aca = Role::default();
        }
    }

    /// A command got its status.
    pub(super) fn answered(
        &mut self,
        fields: &Fields,
        target: &str,
        session: Option<u64>,
        pdu: &WirePdu<'_>,
        task: &Task,
        sink: &mut Sink,
    ) {
        if fields.response.is_set(pdu.view.bhs) {
            return;
        }
        let status = fields.status.word(pdu.view.bhs);
        if status != ACA_ACTIVE && self.asked.is_empty() {
            return;
        }
        let unit = (target.to_ascii_lowercase(), task.unit());
        let is_there = self.asked.contains(&unit) || (!self.asked.is_empty() && !task.other_luns.is_empty());
        if status == ACA_ACTIVE && !is_there {
            sink.add(
                "aca",
                "sam5/5.9",
                format!("task {:#x} ends with ACA ACTIVE; nobody asked for ACA", task.itt),
            );
        }
        let wrong = match task.aca.refused {
            Some(true) => status != ACA_ACTIVE,
            Some(false) => status != ACA_ACTIVE && status != BUSY,
            None => false,
        };
        if wrong {
            let text =
                format!("task {:#x} ends with status {status:#x} although an ACA is in effect", task.itt);
            sink.add("aca", "sam5/5.9", text);
        }
        if status != CHECK_CONDITION {
            return;
        }
        if task.aca.serves {
            self.standing.remove(&unit);
        }
        if let Some(session) = session.filter(|_| task.aca.asks) {
            self.standing.insert(unit, session);
        }
    }

    /// Whether commands there may rightly wait.
    pub(super) fn holds_up(&self, target: &str, task: &Task) -> bool {
        task.kind == Kind::ScsiCommand
            && !self.standing.is_empty()
            && self.standing.contains_key(&(target.to_ascii_lowercase(), task.unit()))
    }
}
