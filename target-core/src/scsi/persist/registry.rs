//! Who is registered at a logical unit, and who holds the reservation?

use super::super::access::Access;
use super::super::cdb::Cdb;
use super::super::outcome::{Failure, NexusId};
use super::super::sense::{Sense, code};
use super::kind::{Kind, Role};
use alloc::string::String;
use alloc::vec::Vec;

/// The two ports of an I_T nexus. A session comes and goes, they stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scsi) struct Ports {
    /// Name of the initiator port.
    pub(in crate::scsi) initiator: String,
    /// Relative target port identifier: the portal group.
    pub(in crate::scsi) group: u16,
}

/// One registered I_T nexus.
#[derive(Clone, Debug)]
pub(in crate::scsi) struct Registration {
    pub(super) ports: Ports,
    pub(super) key: u64,
    /// The session that it is now, if it is one.
    pub(super) nexus: Option<NexusId>,
    /// Holds a reservation that is not for all registrants.
    pub(super) holds: bool,
}

/// Registrations and reservation of one logical unit.
#[derive(Clone, Debug, Default)]
pub(in crate::scsi) struct Registry {
    /// APTPL of the last registration: all this is kept over a loss of power.
    pub(super) is_kept: bool,
    /// PRGENERATION.
    pub(super) generation: u32,
    pub(super) registrations: Vec<Registration>,
    pub(super) kind: Option<Kind>,
}

/// Whom an action of another nexus concerns.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Lost their registrations.
    pub(super) preempted: Vec<NexusId>,
    /// The reservation under which they could work has gone.
    pub(super) released: Vec<NexusId>,
}

impl Registry {
    /// A session between these ports is there now.
    pub(in crate::scsi) fn attach(&mut self, nexus: NexusId, initiator: &str, group: u16) {
        for registration in &mut self.registrations {
            if registration.ports.group == group
                && registration.ports.initiator.eq_ignore_ascii_case(initiator)
            {
                registration.nexus = Some(nexus);
            }
        }
    }

    /// That session is gone.
    pub(in crate::scsi) fn detach(&mut self, nexus: NexusId) {
        for registration in self.registrations.iter_mut().filter(|it| it.nexus == Some(nexus)) {
            registration.nexus = None;
        }
    }

    /// Finds out anew which sessions the registered nexuses are.
    pub(super) fn reattach(&mut self, live: impl Fn(&Ports) -> Option<NexusId>) {
        for registration in &mut self.registrations {
            registration.nexus = live(&registration.ports);
        }
    }

    /// Whether anybody is registered.
    pub(in crate::scsi) fn is_in_use(&self) -> bool {
        !self.registrations.is_empty()
    }

    /// Whether a nexus may have a command of that class.
    pub(in crate::scsi) fn permits(&self, nexus: NexusId, access: Access) -> bool {
        if !self.is_in_use() {
            return true;
        }
        match self.kind {
            Some(kind) => kind.permits(self.role(nexus), access),
            // SPC-2 5.5.1: with registrations there is no other kind of reservation, whoever asks.
            None => !matches!(access, Access::Reserve | Access::Release),
        }
    }

    fn role(&self, nexus: NexusId) -> Role {
        match self.of(nexus) {
            Some(registration) if self.is_holder(registration) => Role::Holder,
            Some(_) => Role::Registrant,
            None => Role::Other,
        }
    }

    /// Whether that registration holds the reservation.
    pub(super) fn is_holder(&self, registration: &Registration) -> bool {
        self.kind.is_some_and(|kind| kind.is_for_all() || registration.holds)
    }

    /// The registration of a session.
    pub(super) fn of(&self, nexus: NexusId) -> Option<&Registration> {
        self.registrations.iter().find(|registration| registration.nexus == Some(nexus))
    }

    /// Key of the one that holds the reservation; `None` without one, and if all registrants do.
    pub(super) fn holder_key(&self) -> Option<u64> {
        self.registrations.iter().find(|registration| registration.holds).map(|registration| registration.key)
    }

    /// Live sessions of registrants for which `which` holds.
    fn sessions(&self, which: impl Fn(&Registration) -> bool) -> Vec<NexusId> {
        self.registrations.iter().filter(|it| which(it)).filter_map(|it| it.nexus).collect()
    }

    /// One more action that PRGENERATION counts.
    fn count(&mut self) {
        self.generation = self.generation.wrapping_add(1);
    }

    /// Gives these nexuses that key, registered before or not; `live` tells which session each is. Nothing is done if
    /// there would be more than `limit`.
    pub(super) fn register(
        &mut self,
        all: &[Ports],
        key: u64,
        limit: usize,
        live: impl Fn(&Ports) -> Option<NexusId>,
    ) -> Result<(), Failure> {
        let new = all.iter().filter(|ports| self.registrations.iter().all(|it| it.ports != **ports)).count();
        if self.registrations.len().saturating_add(new) > limit {
            return Err(code::NO_REGISTRATION_RESOURCES.into());
        }
        for ports in all {
            match self.registrations.iter_mut().find(|it| it.ports == *ports) {
                Some(old) => old.key = key,
                None => self.registrations.push(Registration {
                    ports: ports.clone(),
                    key,
                    nexus: live(ports),
                    holds: false,
                }),
            }
        }
        if !planted!(Generation) {
            self.count();
        }
        Ok(())
    }

    /// Ends the registration of a session, and the reservation if that held it (SPC-4 5.12.11.2.2); it may have none.
    pub(super) fn unregister(&mut self, nexus: NexusId) -> Told {
        self.count();
        let held = !planted!(UnregisterKeeps) && self.of(nexus).is_some_and(|it| it.holds);
        self.registrations.retain(|it| it.nexus != Some(nexus));
        let mut told = Told::default();
        if held && let Some(kind) = self.kind.take() {
            if kind.is_for_registrants() {
                told.released = self.sessions(|_| true);
            }
        } else if self.registrations.is_empty() {
            self.kind = None;
        }
        told
    }

    /// RESERVE of a registered session.
    pub(super) fn reserve(&mut self, nexus: NexusId, kind: Kind) -> Result<(), Failure> {
        match self.kind {
            None => {
                self.hold(nexus, kind);
                Ok(())
            }
            Some(old) if old == kind && self.role(nexus) == Role::Holder => Ok(()),
            Some(_) => Err(Failure::Conflict),
        }
    }

    fn hold(&mut self, nexus: NexusId, kind: Kind) {
        self.kind = Some(kind);
        for registration in &mut self.registrations {
            registration.holds = registration.nexus == Some(nexus) && !kind.is_for_all();
        }
    }

    /// RELEASE of a registered session: nothing happens unless it holds the reservation.
    pub(super) fn release(&mut self, nexus: NexusId, kind: Option<Kind>) -> Result<Told, Failure> {
        let mut told = Told::default();
        if self.role(nexus) != Role::Holder {
            return Ok(told);
        }
        if self.kind != kind {
            return Err(code::INVALID_RELEASE.into());
        }
        self.end_reservation();
        if kind.is_some_and(Kind::is_for_registrants) && !planted!(ReleasedUntold) {
            told.released = self.sessions(|it| it.nexus != Some(nexus));
        }
        Ok(told)
    }

    fn end_reservation(&mut self) {
        self.kind = None;
        for registration in &mut self.registrations {
            registration.holds = false;
        }
    }

    /// CLEAR: gives the sessions that lost their registrations with it, but for `nexus`.
    pub(super) fn clear(&mut self, nexus: NexusId) -> Vec<NexusId> {
        self.count();
        let others = self.sessions(|it| it.nexus != Some(nexus));
        self.registrations.clear();
        self.kind = None;
        others
    }

    /// PREEMPT of a registered session (SPC-4 5.12.11.2.4): takes away the registrations with `key`, and the reservation
    /// if its holder is among them. `kind` is what the CDB asks for; a new reservation needs it.
    pub(super) fn preempt(&mut self, nexus: NexusId, key: u64, kind: Option<Kind>) -> Result<Told, Failure> {
        let takes_over = match self.kind {
            Some(old) if old.is_for_all() => key == 0,
            Some(_) => self.holder_key() == Some(key),
            None => false,
        };
        let mut told = Told::default();
        if takes_over {
            let kind = kind.ok_or(Cdb::reject(2, None))?;
            told.preempted = self.remove(|it| it.nexus != Some(nexus) && (key == 0 || it.key == key), nexus);
            if self.kind != Some(kind) {
                told.released = self.sessions(|it| it.nexus != Some(nexus));
            }
            if !planted!(PreemptHolder) {
                self.hold(nexus, kind);
            }
        } else if key == 0 {
            return Err(Sense::parameter_field(8, None).into());
        } else if self.registrations.iter().all(|it| it.key != key) {
            return Err(Failure::Conflict);
        } else {
            told.preempted = self.remove(|it| it.key == key, nexus);
            if self.registrations.is_empty() {
                self.kind = None;
            }
        }
        self.count();
        Ok(told)
    }

    /// Removes registrations; gives their sessions, but for `nexus`.
    fn remove(&mut self, which: impl Fn(&Registration) -> bool, nexus: NexusId) -> Vec<NexusId> {
        let gone = self.sessions(|it| which(it) && it.nexus != Some(nexus));
        self.registrations.retain(|it| !which(it));
        gone
    }

    /// REGISTER AND MOVE by the holder: `to` is registered with `key` and holds the reservation.
    pub(super) fn hand_over(
        &mut self,
        nexus: NexusId,
        to: &Ports,
        key: u64,
        unregister: bool,
        limit: usize,
        live: impl Fn(&Ports) -> Option<NexusId>,
    ) -> Result<(), Failure> {
        // The one that goes makes room for the one that comes.
        let limit = if unregister { limit.saturating_add(1) } else { limit };
        self.register(core::slice::from_ref(to), key, limit, live)?;
        for registration in &mut self.registrations {
            registration.holds = registration.ports == *to;
        }
        if unregister {
            self.registrations.retain(|it| it.nexus != Some(nexus));
        }
        Ok(())
    }
}
