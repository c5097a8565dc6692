//! What comes after the program: faults are lifted, progress is demanded, and everything that was written is read again.

use super::{PROGRESS_MAX, Run};
use crate::initiator::{CommandPlan, LoginPlan, lun};
use crate::workload::case::{PORTAL, target_name};
use crate::workload::client::Client;
use std::collections::VecDeque;

/// Blocks on each side of what was used that are read as well: a write one too long shows there.
const MARGIN: u64 = 2;
/// Blocks that a client reads at most, from the first on; the disks themselves are looked at whole.
const BLOCKS_READ: u64 = 224;

impl Run {
    /// Lifts faults and waits until what was begun is over.
    pub(super) fn calm_down(&mut self) {
        for undo in std::mem::take(&mut self.undo).into_iter().flatten() {
            self.undo(undo);
        }
        self.world.lift_faults();
        let limit = self.world.now() + PROGRESS_MAX;
        while self.actors.iter().any(|actor| actor.pending() > 0) {
            let Some(seen) = self.world.next_seen(limit) else { break };
            self.see(&seen);
        }
        // What a client that has hung up left behind is still on its way.
        self.world.run_until_idle(limit);
        if self.world.is_stopped() {
            return; // Whoever stopped the world cannot demand progress.
        }
        self.world.demand_progress();
        for actor in &mut self.actors {
            if let Some(mut client) = actor.client.take() {
                client.hang_up(&mut self.world, false);
            }
        }
        let limit = self.world.now() + PROGRESS_MAX;
        self.world.run_until_idle(limit);
    }

    /// A new client reads the blocks that the others used, and the content check judges what comes; then it looks at the disks
    /// themselves, which costs less than reading and shows every block.
    pub(super) fn read_back(&mut self) {
        for target in 0..self.case.target.targets {
            self.read_target(target);
        }
        if self.world.core_panic().is_none() && !self.world.is_stopped() {
            self.world.look_at_disks();
        }
    }

    /// What is to be read of a target: the runs of blocks that were used, a margin around them, and something of what never was.
    fn reads(&self, target: &str) -> VecDeque<CommandPlan> {
        let mut plans = VecDeque::new();
        let targets = &self.world.target_config().targets;
        let units = targets.iter().filter(|it| it.name == target).flat_map(|it| &it.luns);
        for unit in units {
            let plan = CommandPlan { lun: lun(unit.lun), cdb: vec![0; 6], ..CommandPlan::default() };
            // The first command of a nexus meets unit attentions, so it is one that does not matter.
            plans.extend(std::iter::repeat_n(plan.clone(), 3));
            let mut runs = self.world.used_blocks(unit.device.0);
            if runs.is_empty() {
                runs.push(0..MARGIN);
            }
            for run in runs {
                let first = run.start.saturating_sub(MARGIN);
                let blocks = (run.end + MARGIN).min(BLOCKS_READ).saturating_sub(first);
                let (Ok(first), Ok(blocks)) = (u32::try_from(first), u16::try_from(blocks)) else { continue };
                if blocks == 0 {
                    continue;
                }
                let ([a, b, c, d], [e, f]) = (first.to_be_bytes(), blocks.to_be_bytes());
                let cdb = vec![0x28, 0, a, b, c, d, 0, e, f, 0];
                let read_len = u32::from(blocks) * self.case.target.block_size;
                plans.push_back(CommandPlan { cdb, read_len, ..plan.clone() });
            }
        }
        plans
    }

    fn read_target(&mut self, target: u16) {
        let key = u32::MAX - u32::from(target);
        let name = target_name(target);
        let ends = (PORTAL, ([192, 0, 2, 200], 40_000).into());
        let mut client =
            Client::connect(&mut self.world, key, ends, ("iqn.2007-07.com.example:reader", &name), 9);
        client.credentials = self.case.target.credentials(u64::from(key));
        client.login(&mut self.world, 1, LoginPlan::default());
        let mut op = 1;
        let mut plans = self.reads(&name);
        let limit = self.world.now() + PROGRESS_MAX;
        loop {
            if client.alive && client.pending() == 0 {
                let Some(plan) = plans.pop_front() else { break };
                op += 1;
                client.command(&mut self.world, op, plan);
            }
            let Some(seen) = self.world.next_seen(limit) else { break };
            client.see(&mut self.world, &seen);
            client.take_done();
            if !client.alive {
                break;
            }
        }
        if (!plans.is_empty() || client.pending() > 0) && !self.world.is_stopped() {
            self.complain(
                "progress",
                "after all faults were lifted a new client could not read".to_owned(),
                client.conn,
            );
        }
        client.hang_up(&mut self.world, false);
        let limit = self.world.now() + PROGRESS_MAX;
        self.world.run_until_idle(limit);
    }
}
