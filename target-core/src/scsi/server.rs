//! Which logical units does a target have, and who talks to them?

use super::access_state::ChangedBy;
use super::attention::Attention;
use super::copy::{Lists, Tokens};
use super::outcome::NexusId;
use super::sense::Sense;
use super::unit::{LogicalUnit, UnitKey};
use crate::config::{AccessState, Limits, LunConfig, TargetConfig};
use crate::io::DeviceId;
use crate::time::Instant;
use crate::wire::Lun;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

/// How many lost nexuses are remembered by the name of their initiator port, so that it is told 29/07 when it comes back.
/// A forgotten one is told 29/00, which says no less.
const LOST_NEXUSES_MAX: usize = 64;

/// iSCSIProtocolLevel where none was negotiated (RFC 7144 7.1.1).
pub(super) const DEFAULT_PROTOCOL_LEVEL: u8 = 1;

/// One nexus as the whole target knows it.
#[derive(Clone, Debug)]
pub(super) struct Nexus {
    pub(super) initiator_port: String,
    pub(super) target_port: String,
    pub(super) group: u16,
    pub(super) protocol_level: u8,
}

/// All logical units of one target, and the nexuses to them.
#[derive(Clone, Debug)]
pub struct DeviceServer {
    /// iSCSI name of the target.
    pub(super) target: String,
    /// By number.
    units: Vec<LogicalUnit>,
    nexuses: BTreeMap<NexusId, Nexus>,
    lost: VecDeque<String>,
    instances: u32,
    pub(super) transfer_bytes: u32,
    /// What the engine's clock said last.
    pub(super) now: Instant,
    pub(super) attentions_max: u32,
    pub(super) registrations_max: u32,
    /// Portal groups that the target is reached through: its ports.
    pub(super) groups: Vec<u16>,
    /// Some unit is being formatted or sanitized.
    pub(super) upkeep: bool,
    /// Third-party copies and the tokens they use.
    pub(super) lists: Lists,
    pub(super) tokens: Tokens,
    /// Nexuses preempted with abort, by number of the logical unit; for the engine.
    pub(super) preempted: Vec<(u16, NexusId)>,
}

impl DeviceServer {
    /// The logical units of `target`, as after power on.
    pub fn new(target: &TargetConfig, limits: &Limits) -> Self {
        let mut server = Self {
            target: target.name.clone(),
            units: Vec::new(),
            nexuses: BTreeMap::new(),
            lost: VecDeque::new(),
            instances: 0,
            transfer_bytes: limits.transfer_bytes,
            now: Instant::ZERO,
            attentions_max: limits.unit_attentions,
            registrations_max: limits.pr_registrations,
            groups: Vec::new(),
            upkeep: false,
            lists: Lists::default(),
            tokens: Tokens::default(),
            preempted: Vec::new(),
        };
        server.units = target.luns.iter().map(|lun| server.unit_of(lun)).collect();
        server.units.sort_by_key(|unit| unit.key.number);
        server.count_upkeep();
        server
    }

    fn unit_of(&mut self, lun: &LunConfig) -> LogicalUnit {
        self.instances = self.instances.wrapping_add(1);
        LogicalUnit::new(&self.target, lun, self.instances)
    }

    /// Takes over another list of logical units. What stays the same keeps its state; if any came, went or was replaced,
    /// every nexus is told 3F/0E on all that are there now.
    pub fn reconfigure(&mut self, target: &TargetConfig) {
        let limit = self.attentions_max;
        let mut old = core::mem::take(&mut self.units);
        let mut changed = false;
        for lun in &target.luns {
            let kept = old.iter().position(|unit| same_unit(&unit.config, lun));
            let mut unit = match kept {
                Some(at) => old.remove(at),
                None => {
                    changed = true;
                    let mut unit = self.unit_of(lun);
                    for (nexus, ports) in &self.nexuses {
                        unit.join(*nexus, Attention::PowerOn, limit);
                        unit.persistent.attach(*nexus, &ports.initiator_port, ports.group);
                    }
                    unit
                }
            };
            if unit.config.blocks != lun.blocks {
                unit.attention(Attention::CapacityChanged, None, limit);
            }
            let now = self.now;
            if operated(&mut unit, lun, now) {
                unit.attention(Attention::AccessStateChanged, None, limit);
            }
            if unit.config.read_only != lun.read_only {
                unit.attention(Attention::ModeChanged, None, limit);
            }
            if unit.config.policy.ejected != lun.policy.ejected {
                unit.operated(lun.policy.ejected, limit);
            }
            unit.config = lun.clone();
            self.units.push(unit);
        }
        self.units.sort_by_key(|unit| unit.key.number);
        self.count_upkeep();
        if (changed || !old.is_empty()) && !planted!(LunsChangedUntold) {
            for unit in &mut self.units {
                unit.attention(Attention::LunsChanged, None, limit);
            }
        }
    }

    /// A device has another size now; every nexus is told 2A/09.
    pub fn resized(&mut self, device: DeviceId, blocks: u64) {
        let limit = self.attentions_max;
        for unit in self.units.iter_mut().filter(|unit| unit.config.device == device) {
            if unit.config.blocks != blocks {
                unit.config.blocks = blocks;
                unit.attention(Attention::CapacityChanged, None, limit);
            }
        }
    }

    /// A session was established between `initiator_port` (`iqn...,i,0x<isid>`) and `target_port` (`iqn...,t,0x<tag>`) in
    /// portal group `group`.
    pub fn nexus_up(&mut self, nexus: NexusId, initiator_port: &str, target_port: &str, group: u16) {
        let known = self.lost.iter().position(|lost| lost == initiator_port);
        if let Some(at) = known {
            self.lost.remove(at);
        }
        let attention = if known.is_some() { Attention::NexusLoss } else { Attention::PowerOn };
        for unit in &mut self.units {
            unit.join(nexus, attention, self.attentions_max);
            unit.persistent.attach(nexus, initiator_port, group);
        }
        let ports = Nexus {
            initiator_port: initiator_port.into(),
            target_port: target_port.into(),
            group,
            protocol_level: DEFAULT_PROTOCOL_LEVEL,
        };
        self.nexuses.insert(nexus, ports);
    }

    /// What time it is, for the timestamp.
    pub fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    /// The portal groups that the target is reached through, for ALL_TG_PT and REGISTER AND MOVE.
    pub fn set_groups(&mut self, groups: impl IntoIterator<Item = u16>) {
        self.groups = groups.into_iter().collect();
        self.groups.sort_unstable();
        self.groups.dedup();
    }

    /// The nexuses that PREEMPT AND ABORT has taken from logical units since the last call: the engine ends their commands
    /// there.
    pub fn take_preempted(&mut self) -> Vec<(Lun, NexusId)> {
        let preempted = core::mem::take(&mut self.preempted);
        preempted.into_iter().map(|(number, nexus)| (Lun::from_number(number), nexus)).collect()
    }

    /// The session between these ports.
    pub(super) fn session_of(&self, initiator_port: &str, group: u16) -> Option<NexusId> {
        let is =
            |nexus: &Nexus| nexus.group == group && nexus.initiator_port.eq_ignore_ascii_case(initiator_port);
        self.nexuses.iter().find(|(_, nexus)| is(nexus)).map(|(id, _)| *id)
    }

    /// Names of the initiator ports that are here.
    pub(super) fn initiator_ports(&self) -> impl Iterator<Item = &str> {
        self.nexuses.values().map(|nexus| nexus.initiator_port.as_str())
    }

    /// A nexus negotiated iSCSIProtocolLevel, which INQUIRY shows (rfc7144/4.2-1).
    pub fn speaks(&mut self, nexus: NexusId, protocol_level: u8) {
        if let Some(nexus) = self.nexuses.get_mut(&nexus) {
            nexus.protocol_level = protocol_level;
        }
    }

    /// The unit attention that a nexus hears of next at a logical unit, and how many it will hear of in all.
    pub fn pending(&mut self, lun: Lun, nexus: NexusId) -> Option<(Attention, u32)> {
        let unit = self.find(lun).and_then(|at| self.units.get_mut(at))?;
        let pending = unit.side(nexus)?.pending;
        Some((pending.first()?, pending.len()))
    }

    /// A session is gone (I_T nexus loss, RFC 7143 6.3.5.1): its reservations and preventions go with it.
    pub fn nexus_down(&mut self, nexus: NexusId) {
        for unit in &mut self.units {
            unit.leave(nexus);
        }
        self.lists.forget(nexus);
        if let Some(ports) = self.nexuses.remove(&nexus) {
            self.lost.push_back(ports.initiator_port);
            if self.lost.len() > LOST_NEXUSES_MAX {
                self.lost.pop_front();
            }
        }
    }

    /// Whether a nexus reaches a logical unit by that number.
    pub fn lun_exists(&self, nexus: NexusId, lun: Lun) -> bool {
        self.nexuses.contains_key(&nexus) && self.find(lun).is_some()
    }

    /// LOGICAL UNIT RESET; the engine has dropped the unit's commands. False if there is no such unit.
    pub fn lun_reset(&mut self, lun: Lun, by: NexusId) -> bool {
        let _ = by; // SAM-5 6.3.3: the nexus that asked for it is told as well.
        let limit = self.attentions_max;
        match self.find(lun).and_then(|at| self.units.get_mut(at)) {
            Some(unit) => {
                unit.reset(limit);
                true
            }
            None => false,
        }
    }

    /// TARGET WARM RESET or TARGET COLD RESET; the engine has dropped all commands.
    pub fn target_reset(&mut self, by: NexusId) {
        let _ = by;
        for unit in &mut self.units {
            unit.reset(self.attentions_max);
        }
    }

    /// `by` cleared commands of the `affected` nexuses (CLEAR TASK SET); all of them but `by` are told 2F/00.
    pub fn cleared(&mut self, lun: Lun, by: NexusId, affected: impl IntoIterator<Item = NexusId>) {
        for nexus in affected.into_iter().filter(|nexus| *nexus != by) {
            self.unit_attention(lun, nexus, Attention::CommandsCleared);
        }
    }

    /// Establishes a unit attention for one nexus at one logical unit.
    pub fn unit_attention(&mut self, lun: Lun, nexus: NexusId, attention: Attention) {
        let limit = self.attentions_max;
        let unit = self.find(lun).and_then(|at| self.units.get_mut(at));
        if let Some(side) = unit.and_then(|unit| unit.side(nexus)) {
            side.pending.establish(attention, limit);
        }
    }

    /// Whether a nexus has asked (PREVENT ALLOW MEDIUM REMOVAL) that the logical unit is not taken away; for operators.
    pub fn removal_prevented(&self, lun: Lun) -> bool {
        self.find(lun).and_then(|at| self.units.get(at)).is_some_and(LogicalUnit::removal_prevented)
    }

    /// `sense` in the format that the logical unit uses (D_SENSE), for conditions that the transport finds.
    pub fn formatted(&self, lun: Lun, sense: Sense) -> Sense {
        let unit = self.find(lun).and_then(|at| self.units.get(at));
        sense.in_format(unit.is_some_and(|unit| unit.modes.descriptor_sense))
    }

    fn numbered(&self, number: u16) -> Option<&LogicalUnit> {
        self.find(Lun::from_number(number)).and_then(|at| self.units.get(at))
    }

    /// Whether each nexus has a task set of its own at that logical unit (TST 001b).
    pub(crate) fn has_set_per_nexus(&self, number: u16) -> bool {
        self.numbered(number).is_some_and(|unit| unit.modes.set_per_nexus)
    }

    /// QERR of that logical unit.
    pub(crate) fn q_err(&self, number: u16) -> u8 {
        self.numbered(number).map_or(0, |unit| unit.modes.q_err)
    }

    /// The priority of a nexus's commands to that logical unit that have none of their own.
    pub(crate) fn priority(&self, number: u16, nexus: NexusId) -> u8 {
        self.numbered(number).map_or(0, |unit| unit.priority_of(nexus))
    }

    /// How many commands that logical unit takes at once; `None` for as many as come.
    pub(crate) fn queue_depth(&self, number: u16) -> Option<usize> {
        let depth = self.numbered(number)?.config.policy.queue_depth;
        usize::try_from(depth).ok().filter(|depth| *depth > 0)
    }

    /// Where the logical unit of that number is.
    pub(super) fn find(&self, lun: Lun) -> Option<usize> {
        let number = lun.number()?;
        self.units.binary_search_by_key(&number, |unit| unit.key.number).ok()
    }

    /// Where that very unit is, if it still is.
    pub(super) fn find_key(&self, key: UnitKey) -> Option<usize> {
        let at = self.units.binary_search_by_key(&key.number, |unit| unit.key.number).ok()?;
        self.units.get(at).filter(|unit| unit.key == key).map(|_| at)
    }

    pub(super) fn unit(&mut self, at: usize) -> Option<&mut LogicalUnit> {
        self.units.get_mut(at)
    }

    /// By number.
    pub(super) fn units(&mut self) -> &mut [LogicalUnit] {
        &mut self.units
    }

    pub(super) fn nexus(&self, nexus: NexusId) -> Option<&Nexus> {
        self.nexuses.get(&nexus)
    }
}

/// Takes over the access states that an operator has changed. True if there are any.
fn operated(unit: &mut LogicalUnit, lun: &LunConfig, now: Instant) -> bool {
    let (old, new) = (unit.config.policy.access.clone(), &lun.policy.access);
    let given_up = old.iter().filter(|(group, _)| new.iter().all(|(other, _)| other != group));
    let back = given_up.map(|(group, _)| (*group, AccessState::default()));
    let changes: Vec<_> = new.iter().filter(|change| !old.contains(change)).copied().chain(back).collect();
    let mut changed = false;
    for (group, state) in changes {
        changed |= unit.access.set(group, state, ChangedBy::Operator, now, lun.policy.transition);
    }
    changed
}

/// Whether two configurations describe one logical unit; size, write protection and access states may change under its feet.
fn same_unit(old: &LunConfig, new: &LunConfig) -> bool {
    let LunConfig {
        lun,
        device,
        block_size,
        blocks: _,
        read_only: _,
        vendor,
        product,
        revision,
        serial,
        write_cache,
        policy,
        provisioning,
        // What is kept is looked at when a unit is new.
        kept: _,
    } = old;
    *lun == new.lun
        && *device == new.device
        && *block_size == new.block_size
        && *vendor == new.vendor
        && *product == new.product
        && *revision == new.revision
        && *serial == new.serial
        && *write_cache == new.write_cache
        && policy.queue_depth == new.policy.queue_depth
        && policy.transition == new.policy.transition
        && policy.removable == new.policy.removable
        && *provisioning == new.provisioning
}
