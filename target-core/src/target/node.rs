//! One target of the node: its device server and the task sets of its logical units.

use crate::config::{Config, TargetConfig};
use crate::io::DeviceId;
use crate::scsi::DeviceServer;
use crate::session::TaskRef;
use crate::task::set::TaskSet;
use alloc::collections::BTreeMap;
use alloc::string::String;

/// What belongs to one target.
#[derive(Debug)]
pub(super) struct Node {
    /// iSCSI name.
    pub(super) name: String,
    /// Its logical units.
    pub(super) scsi: DeviceServer,
    /// Task sets by logical unit number.
    pub(super) sets: BTreeMap<u16, TaskSet<TaskRef>>,
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

    /// Takes over another list of logical units.
    pub(super) fn reconfigure(&mut self, target: &TargetConfig) {
        self.scsi.reconfigure(target);
        self.block_sizes = block_sizes(target);
    }
}

fn block_sizes(target: &TargetConfig) -> BTreeMap<DeviceId, u32> {
    target.luns.iter().map(|lun| (lun.device, lun.block_size)).collect()
}
