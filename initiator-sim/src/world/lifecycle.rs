//! How does the target go down and come back, and what does its operator do?

use super::conn::ServerState;
use super::{Happened, World, start_target};
use crate::disk::{BadRange, Disk};
use crate::net::Dir;
use crate::trace::Tag;
use std::ops::Range;
use target_core::api::{Admin, Input};
use target_core::config::{Config, ConfigError};

/// Runs of used blocks this close to each other are one.
const GAP: u64 = 8;

impl World {
    /// The target's process dies: connections are reset, requests to storage are forgotten, unsynced data may be lost.
    pub fn crash(&mut self) {
        let Some(target) = self.target.take() else { return };
        self.inner.marks.gone(target.cells());
        drop(target);
        self.deadline = None;
        self.inner.frozen_until = 0;
        self.inner.marks.act("crash");
        self.inner.note(Tag::Admin, 0, b"crash");
        self.inner.tell(|| Happened::Act { conn: None, text: "crash".to_owned() });
        self.inner.io.clear();
        let generation = self.inner.generation;
        self.inner.generation += 1;
        let mut changed: Vec<(u32, Vec<Range<u64>>)> = Vec::new();
        for (device, disk) in self.inner.disks.iter_mut().enumerate() {
            changed
                .push((u32::try_from(device).unwrap_or(0), disk.crash(generation, &mut self.inner.planner)));
        }
        let now = self.now();
        for conn in 0..self.connections() {
            let Some(entry) = self.inner.conns.get_mut(conn as usize) else { continue };
            if entry.server.state != ServerState::Open {
                continue;
            }
            entry.server.batch.clear();
            entry.lanes[Dir::In as usize].reset(now, &self.inner.planner);
            self.inner.plan(conn, Dir::In);
            self.inner.target_let_go(conn);
        }
        self.inner.closed.clear();
        self.inner.resumed.clear();
        self.inner.fired.clear();
        if let Some(oracles) = &mut self.inner.oracles {
            oracles.crashed();
        }
    }

    /// A new target on the same disks, if the old one is down.
    ///
    /// # Errors
    /// The configuration is not one.
    pub fn restart(&mut self) -> Result<(), ConfigError> {
        if self.target.is_some() {
            return Ok(());
        }
        self.inner.marks.act("restart");
        self.inner.note(Tag::Admin, 0, b"restart");
        self.inner.tell(|| Happened::Act { conn: None, text: "restart".to_owned() });
        let rng = self.inner.planner.rng();
        remember(&mut self.inner.config.target, &self.inner.disks);
        self.target = Some(start_target(&self.inner.config.target, rng, self.inner.generation)?);
        self.settle();
        Ok(())
    }

    /// Reports what the target should have answered by now. To be called when faults are lifted and enough time has passed.
    pub fn demand_progress(&mut self) {
        let now = self.now();
        if let Some(oracles) = &mut self.inner.oracles {
            oracles.demand_progress(now);
        }
        self.inner.take_findings();
    }

    /// Compares what lies on the disks with what may lie there. To be called when nothing is under way.
    pub fn look_at_disks(&mut self) {
        if let Some(oracles) = &mut self.inner.oracles {
            for (number, disk) in (0..).zip(&self.inner.disks) {
                oracles.stored(number, disk);
            }
        }
        self.inner.take_findings();
    }

    /// Runs of blocks of a disk that commands have had to do with; short gaps belong to them.
    pub fn used_blocks(&self, device: u32) -> Vec<Range<u64>> {
        let mut runs: Vec<Range<u64>> = Vec::new();
        for lba in self.inner.oracles.iter().flat_map(|oracles| oracles.used_blocks(device)) {
            match runs.last_mut() {
                Some(run) if lba - run.end < GAP => run.end = lba + 1,
                _ => runs.push(lba..lba + 1),
            }
        }
        runs
    }

    /// True if the target is up.
    pub const fn is_up(&self) -> bool {
        self.target.is_some()
    }

    /// The configuration in force: what a restart starts with.
    pub const fn target_config(&self) -> &Config {
        &self.inner.config.target
    }

    /// The operator asks for something.
    pub fn admin(&mut self, mut admin: Admin) {
        if let Admin::Reconfigure(config) = &mut admin {
            remember(config, &self.inner.disks);
        }
        self.inner.note(Tag::Admin, 0, format!("{admin:?}").as_bytes());
        if let Admin::Reconfigure(config) = &admin {
            self.inner.config.target = Config::clone(config);
            if let Some(oracles) = &mut self.inner.oracles {
                oracles.reconfigured(config);
            }
        }
        if let Admin::Resized { device, blocks } = &admin
            && let Some(disk) = self.disk(device.0)
        {
            disk.resize(*blocks);
        }
        self.hand_in(u32::MAX, Input::Admin(admin));
        self.settle();
    }

    /// A disk, to be asked or made faulty.
    pub fn disk(&mut self, device: u32) -> Option<&mut Disk> {
        self.inner.disks.get_mut(device as usize)
    }

    /// Makes blocks of a disk fail from now on.
    pub fn bad_blocks(&mut self, device: u32, range: BadRange) {
        self.inner.note(Tag::Fault, u64::from(device), format!("{range:?}").as_bytes());
        let text = format!("blocks {}..{} of disk {device} go bad", range.blocks.start, range.blocks.end);
        self.inner.tell(|| Happened::Act { conn: None, text });
        self.inner.marks.act("bad_blocks");
        if let Some(disk) = self.disk(device) {
            disk.add_bad(range);
        }
    }

    /// Lets one bit of a block go bad; the content check knows of it.
    pub fn rot(&mut self, device: u32, lba: u64, byte: u32, bit: u8) {
        if let Some(disk) = self.inner.disks.get_mut(device as usize) {
            disk.rot(lba, byte, bit);
        }
        if let Some(oracles) = &mut self.inner.oracles {
            oracles.tainted(device, lba..lba + 1);
        }
    }

    /// Stops a disk from completing operations, or lets it go on.
    pub fn stall_disk(&mut self, device: u32, stalled: bool) {
        let Some(disk) = self.inner.disks.get_mut(device as usize) else { return };
        if stalled {
            self.inner.marks.act("stall_disk");
        }
        for (id, due) in disk.stall(stalled) {
            let generation = self.inner.generation;
            self.inner.queue.schedule(due, super::Happening::Io(generation, device, id));
        }
    }
}

/// Puts what the disks keep into a configuration that is to come into force.
fn remember(config: &mut Config, disks: &[Disk]) {
    for lun in config.targets.iter_mut().flat_map(|target| &mut target.luns) {
        if let (Some(kept), Some(disk)) = (&mut lun.kept, disks.get(lun.device.0 as usize)) {
            kept.clone_from(disk.records());
        }
    }
}
