//! When do changed registrations take effect? At once, or when storage has kept the record of them.

use super::super::attention::Attention;
use super::super::keep::Saving;
use super::super::next::{Context, Handled, Next, Wait};
use super::super::outcome::NexusId;
use super::super::server::DeviceServer;
use super::record;
use super::registry::{Registry, Told};
use alloc::vec::Vec;

/// What a PERSISTENT RESERVE OUT leads to.
#[derive(Clone, Debug)]
pub(in crate::scsi) struct Change {
    /// Whose command it is.
    pub(in crate::scsi) by: NexusId,
    /// The registrations and the reservation from then on.
    pub(super) registry: Registry,
    pub(super) told: Told,
    /// Lost their registrations to CLEAR.
    pub(super) cleared: Vec<NexusId>,
    /// The commands of those who were preempted end.
    pub(super) aborts: bool,
}

/// Puts a change in force; if it is to be kept, or was, the command waits for that.
pub(super) fn commit(context: &mut Context<'_>, change: Change) -> Handled {
    let at = context.unit;
    let unit = context.unit()?;
    let record = record::encode(&change.registry);
    if record != record::encode(&unit.persistent) {
        unit.saving = Some(Saving::new(change, record));
        return Ok(Next::Wait(Wait::Saved));
    }
    if let Some(at) = at {
        install(context.server, at, change);
    }
    Ok(Next::GOOD)
}

/// Puts a change in force at the unit in that place, and tells whom it concerns.
pub(in crate::scsi) fn install(server: &mut DeviceServer, at: usize, change: Change) {
    let Change { by: _, mut registry, told, cleared, aborts } = change;
    // Sessions may have come and gone since.
    registry.reattach(|ports| server.session_of(&ports.initiator, ports.group));
    let limit = server.attentions_max;
    let Some(unit) = server.unit(at) else { return };
    unit.persistent = registry;
    let number = unit.key.number;
    for (attention, whom) in [
        (Attention::ReservationsPreempted, &cleared),
        (Attention::RegistrationsPreempted, &told.preempted),
        (Attention::ReservationsReleased, &told.released),
    ] {
        for nexus in whom {
            if let Some(side) = unit.side(*nexus) {
                side.pending.establish(attention, limit);
            }
        }
    }
    if aborts {
        // What they asked for goes as well.
        for nexus in &told.preempted {
            if let Some(side) = unit.side(*nexus) {
                side.prevents_removal = false;
            }
        }
        server.preempted.extend(told.preempted.iter().map(|nexus| (number, *nexus)));
    }
}
