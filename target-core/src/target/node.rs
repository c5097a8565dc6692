//! One target of the node: its device server and the task sets of its logical units.

use crate::config::{Config, TargetConfig};
use crate::io::DeviceId;
use crate::scsi::{DeviceServer, NexusId};
use crate::session::TaskRef;
use crate::task::set::{SetKey, TaskSet};
use alloc::collections::BTreeMap;
use alloc::string::String;

/// What belongs to one target.
#[derive(Debug)]
pub(super) struct Node {
    /// iSCSI name.
    pub(super) name: String,
    /// Its logical units.
    pub(super) scsi: DeviceServer,
    /// Task sets.
    pub(super) sets: BTreeMap<SetKey, TaskSet<TaskRef>>,
    /// Logical block length by device.
    pub(super) block_sizes: BTreeMap<DeviceId, u32>,
}

impl Node {
    /// A target as after power on.
    pub(super) fn new(target: &TargetConfig, config: &Config) -> Self {
        let mut scsi = DeviceServer::new(target, &config.limits);
        scsi.set_groups(config.portals.iter().map(|portal| portal.group));
        Self { name: target.name.clone(), scsi, sets: BTreeMap::new(), block_sizes: block_sizes(target) }
    }

    /// The task set that a command of a nexus to a logical unit belongs to, as the unit is set now (TST).
    pub(super) fn set_key(&self, number: u16, nexus: NexusId) -> SetKey {
        let own = self.scsi.has_set_per_nexus(number);
        SetKey { number, nexus: own.then_some(nexus) }
    }

    /// All task sets of a logical unit: one, or one for each nexus.
    pub(super) fn sets_of(&self, number: u16) -> impl Iterator<Item = (&SetKey, &TaskSet<TaskRef>)> {
        let (first, last) =
            (SetKey { number, nexus: None }, SetKey { number, nexus: Some(NexusId(u32::MAX)) });
        self.sets.range(first..=last)
    }

    /// Whether a logical unit has as many commands as it takes.
    pub(super) fn is_full(&self, number: u16) -> bool {
        self.scsi.queue_depth(number).is_some_and(|depth| {
            self.sets_of(number).map(|(_, set)| set.len()).fold(0, usize::saturating_add) >= depth
        })
    }

    /// Whether another task set of the same logical unit has commands under way.
    pub(super) fn has_others_running(&self, own: SetKey) -> bool {
        self.sets_of(own.number).any(|(key, set)| *key != own && set.running() > 0)
    }

    /// Takes over another list of logical units.
    pub(super) fn reconfigure(&mut self, target: &TargetConfig) {
        self.scsi.reconfigure(target);
        self.block_sizes = block_sizes(target);
    }
}

fn block_sizes(target: &TargetConfig) -> BTreeMap<DeviceId, u32> {
    target.luns.iter().map(|lun| (lun.device, lun.block_size)).collect()
}
