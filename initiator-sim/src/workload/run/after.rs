//! What comes after the program: faults are lifted, progress is demanded, and everything that was written is read again.

use super::{PROGRESS_MAX, Run};
use crate::initiator::{CommandPlan, LoginPlan, lun};
use crate::workload::case::{PORTAL, target_name};
use crate::workload::client::Client;
use std::collections::VecDeque;

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

    /// A new client reads the blocks that the others used; the content check judges what comes.
    pub(super) fn read_back(&mut self) {
        for target in 0..self.case.target.targets {
            self.read_target(target);
        }
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
        let luns = self.case.target.luns;
        let mut plans: VecDeque<CommandPlan> = VecDeque::new();
        for number in 0..luns {
            let block_size = self.case.target.block_size;
            let unit = lun(number);
            // The first command of a nexus meets unit attentions, so it is one that does not matter.
            for cdb in [vec![0; 6], vec![0; 6], vec![0; 6], vec![0x28, 0, 0, 0, 0, 0, 0, 0, 224, 0]] {
                let read_len = if cdb[0] == 0x28 { 224 * block_size } else { 0 };
                plans.push_back(CommandPlan { lun: unit, cdb, read_len, ..CommandPlan::default() });
            }
        }
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
