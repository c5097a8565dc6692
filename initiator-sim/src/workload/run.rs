//! How does a drawn program run? Each client works through its operations; at the end faults are lifted, progress is demanded,
//! and everything that was written is read again.

mod after;

use super::case::{Case, INITIATOR, PORTAL, target_name};
use super::client::{Client, Outcome};
use super::op::{Op, Way, What};
use super::program::Units;
use super::report::{Report, Signature};
use crate::clock::{Nanos, SECOND, TargetClock};
use crate::codec::Kind;
use crate::disk::BadRange;
use crate::initiator::{CommandPlan, Draft, LoginOutcome, LoginPlan, Unsolicited, lun, pattern::pattern};
use crate::oracle::{ProbeDefinitions, Violation};
use crate::world::{Keep, Seen, World, WorldConfig};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Virtual time after which a client that is still busy is given up.
const WORK_MAX: Nanos = 600 * SECOND;
/// Virtual time that progress may take once faults are lifted: longer than any timer of the target's.
const PROGRESS_MAX: Nanos = 180 * SECOND;
/// Wakes beyond this are not those of a client.
const UNDO: u64 = 1 << 48;

/// What undoes an operation that lasts.
#[derive(Clone, Copy, Debug)]
enum Undo {
    Unclog(u32),
    Mend(u32),
    ReleaseDisk(u32),
    Restart,
}

struct Actor {
    client: Option<Client>,
    ops: VecDeque<Op>,
    depth: usize,
    /// The next operation waits for this one to end.
    barrier: Option<u64>,
    /// Commands under way: (operation, task tag).
    commands: Vec<(u64, u32)>,
    /// Not before this time.
    ready_at: Nanos,
    logged_in: bool,
    discovery: bool,
    logins: u32,
}

/// One run.
pub struct Run {
    case: Case,
    world: World,
    actors: Vec<Actor>,
    undo: Vec<Option<Undo>>,
    skipped: u64,
    done: BTreeMap<&'static str, u64>,
    /// Operations that were begun, and when.
    begun: Vec<(u64, Nanos)>,
}

impl Run {
    /// A run of `case` that has not begun.
    ///
    /// # Errors
    /// The core refuses the configuration.
    pub fn new(case: Case, definitions: Option<Arc<ProbeDefinitions>>, keep: Keep) -> Result<Self, String> {
        let config = WorldConfig {
            seed: case.seed,
            target: case.target.config(),
            disks: case.disks(),
            net: case.net.clone(),
            clock: TargetClock { drift_ppm: case.target.drift_ppm },
            plan: case.faults.plan(),
            definitions,
            keep,
        };
        let world = World::new(config).map_err(|error| format!("{error:?}"))?;
        let actor = |(client, depth): (usize, &usize)| Actor {
            client: None,
            ops: case.steps.iter().filter(|op| op.client as usize == client).cloned().collect(),
            depth: (*depth).max(1),
            barrier: None,
            commands: Vec::new(),
            ready_at: 0,
            logged_in: false,
            discovery: false,
            logins: 0,
        };
        let actors = case.depths.iter().enumerate().map(actor).collect();
        let (undo, done, begun) = (Vec::new(), BTreeMap::new(), Vec::new());
        Ok(Self { case, world, actors, undo, skipped: 0, done, begun })
    }

    /// The world, to look at or to make more faulty.
    pub const fn world(&mut self) -> &mut World {
        &mut self.world
    }

    /// Runs to the end.
    pub fn finish(mut self) -> (Report, World) {
        self.work();
        if !self.world.is_stopped() {
            self.calm_down();
        }
        if self.world.core_panic().is_none() && !self.world.is_stopped() {
            self.read_back();
        }
        self.report()
    }

    /// Lets the clients do all their operations.
    fn work(&mut self) {
        loop {
            if let Some(seed) = self.world.take_fork() {
                self.redraw(seed);
            }
            for at in 0..self.actors.len() {
                self.act(at);
            }
            let busy = self.actors.iter().any(|actor| !actor.ops.is_empty() || actor.pending() > 0);
            if !busy {
                return;
            }
            match self.world.next_seen(WORK_MAX) {
                Some(seen) => self.see(&seen),
                None => return,
            }
        }
    }

    /// Begins what the client may begin now.
    fn act(&mut self, at: usize) {
        loop {
            let now = self.world.now();
            let Some(actor) = self.actors.get_mut(at) else { return };
            let alive = actor.client.as_ref().is_some_and(|client| client.alive);
            if alive && (actor.barrier.is_some() || actor.pending() >= actor.depth || !actor.has_credit()) {
                return;
            }
            let Some(op) = actor.ops.front() else { return };
            if actor.ready_at == 0 && op.wait > 0 {
                actor.ready_at = now + op.wait;
                self.world.wake_at(actor.ready_at, at as u64);
            }
            if now < actor.ready_at {
                return;
            }
            actor.ready_at = 0;
            if let Some(op) = actor.ops.pop_front() {
                self.carry_out(at, op);
            }
        }
    }

    fn carry_out(&mut self, at: usize, op: Op) {
        let (name, id) = (op.what.name(), op.id);
        if self.begin(at, op) {
            self.begun.push((id, self.world.now()));
            *self.done.entry(name).or_default() += 1;
        } else {
            self.skipped += 1;
        }
    }

    /// Begins an operation; false if that is not possible.
    fn begin(&mut self, at: usize, op: Op) -> bool {
        let block_size = self.case.target.block_size;
        match op.what {
            What::StallDisk { device, time } => {
                self.world.stall_disk(device, true);
                self.undo_after(time, Undo::ReleaseDisk(device));
                return true;
            }
            What::Crash { time } => {
                self.world.crash();
                self.undo_after(time, Undo::Restart);
                return true;
            }
            What::Login { discovery, keys, target } => {
                let target = if discovery { String::new() } else { target_name(target) };
                self.log_in(at, op.id, &target, &keys);
                return true;
            }
            What::BadBlocks { device, lba, blocks, read, write } => {
                let lba = u64::from(lba);
                let blocks = lba..lba + u64::from(blocks);
                self.world.bad_blocks(device, BadRange { read, write, ..BadRange::of(blocks) });
                return true;
            }
            What::Freeze { time } => {
                self.world.freeze(time);
                return true;
            }
            _ => {}
        }
        let Some(actor) = self.actors.get_mut(at) else { return false };
        let Some(client) = actor.client.as_mut().filter(|client| client.alive && actor.logged_in) else {
            return false;
        };
        if actor.discovery && !op.what.suits_discovery() {
            return false;
        }
        client.choose(op.id);
        let world = &mut self.world;
        let plan = |unit: u16, cdb: Vec<u8>| CommandPlan { lun: lun(unit), cdb, ..CommandPlan::default() };
        let rw = |opcode: u8, lba: u32, blocks: u16, flags: u8| {
            let ([a, b, c, d], [e, f]) = (lba.to_be_bytes(), blocks.to_be_bytes());
            vec![opcode, flags, a, b, c, d, 0, e, f, 0]
        };
        let command = match op.what {
            What::Read { lun, lba, blocks } => {
                let read_len = u32::from(blocks) * block_size;
                Some(CommandPlan { read_len, ..plan(lun, rw(0x28, lba, blocks, 0)) })
            }
            What::Write { lun, lba, blocks, fua, solicited } => {
                let data = pattern(op.id, usize::from(blocks) * block_size as usize);
                let unsolicited = if solicited { Unsolicited::Nothing } else { Unsolicited::Negotiated };
                let write_len = data.len() as u32;
                let plan = plan(lun, rw(0x2a, lba, blocks, if fua { 8 } else { 0 }));
                Some(CommandPlan { write_len, data: data.into(), unsolicited, ..plan })
            }
            What::Rewrite { lun, lba, blocks, way } => {
                let (cdb, data) = rewrite(op.id, lba, blocks, way, block_size as usize);
                let write_len = data.len() as u32;
                Some(CommandPlan { write_len, data: data.into(), ..plan(lun, cdb) })
            }
            What::Verify { lun, lba, blocks } => Some(plan(lun, rw(0x2f, lba, blocks, 0))),
            What::Sync { lun } => Some(plan(lun, rw(0x35, 0, 0, 0))),
            What::Cdb { lun, cdb, read_len } => Some(CommandPlan { read_len, ..plan(lun, cdb) }),
            What::Order { lun, cdb, data } => {
                let write_len = data.len() as u32;
                Some(CommandPlan { write_len, data: data.into(), ..plan(lun, cdb) })
            }
            What::Tmf { function, lun: unit } => {
                let newest = actor.commands.last().map(|(_, itt)| *itt);
                let referenced = match function {
                    1 | 9 => Some(newest.unwrap_or(0x7777)),
                    8 => Some(client.orphan().unwrap_or(0x7777)),
                    _ => None,
                };
                client.tmf(world, op.id, function, lun(unit), referenced);
                None
            }
            What::Ping { len, immediate } => {
                client.ping(world, op.id, pattern(op.id, len.into()).into(), immediate);
                None
            }
            What::Text { pairs } => {
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (&**key, &**value)).collect();
                client.text(world, op.id, &pairs);
                // One text exchange at a time on a connection (RFC 7143 11.10.3).
                actor.barrier = Some(op.id);
                None
            }
            What::Logout { reason } => {
                client.logout(world, op.id, reason);
                actor.barrier = Some(op.id);
                None
            }
            What::Join => {
                let key = (at as u32 + 1) << 16 | 0x8000 | (op.id as u32 & 0x7fff);
                let remote = ([192, 0, 2, 10 + at as u8], 51_000).into();
                client.join(world, op.id, key, (PORTAL, remote));
                actor.barrier = Some(op.id);
                None
            }
            What::Leave { reset } => {
                client.leave(world, reset);
                None
            }
            What::Snack { kind, first, count } => {
                let newest = actor.commands.last().map_or(u32::MAX, |(_, itt)| *itt);
                let itt = if kind == 1 { u32::MAX } else { newest };
                let draft = Draft::new(Kind::Snack).with("Type", u64::from(kind)).with("ITT", u64::from(itt));
                let draft = draft.with("TTT", 0xffff_ffff).with("BegRun", u64::from(first));
                client.send(world, op.id, draft.with("RunLength", u64::from(count)));
                None
            }
            What::HangUp { reset } => {
                client.hang_up(world, reset);
                None
            }
            What::Hostile { bytes } => {
                world.send(client.chosen(), bytes, op.id);
                None
            }
            What::Clog { time } => {
                let conn = client.chosen();
                world.clog(conn, true);
                self.undo_after(time, Undo::Unclog(conn));
                return true;
            }
            What::Partition { time } => {
                let conn = client.chosen();
                world.partition(conn, true);
                self.undo_after(time, Undo::Mend(conn));
                return true;
            }
            What::Login { .. }
            | What::StallDisk { .. }
            | What::Crash { .. }
            | What::BadBlocks { .. }
            | What::Freeze { .. } => None,
        };
        if let Some(plan) = command {
            let itt = client.command(world, op.id, plan);
            actor.commands.push((op.id, itt));
        }
        true
    }

    /// Logs in to a target, or, without a name, for discovery.
    fn log_in(&mut self, at: usize, op: u64, target: &str, keys: &[(String, String)]) {
        let discovery = target.is_empty();
        let Some(actor) = self.actors.get_mut(at) else { return };
        if let Some(mut old) = actor.client.take() {
            old.hang_up(&mut self.world, false);
        }
        actor.logins += 1;
        actor.commands.clear();
        actor.logged_in = false;
        actor.discovery = discovery;
        let number = u16::try_from(at).unwrap_or(0);
        let remote = ([192, 0, 2, 10 + number as u8], 50_000).into();
        let name = format!("{INITIATOR}{at}");
        let key = (u32::from(number) + 1) << 16 | actor.logins;
        let mut client = Client::connect(&mut self.world, key, (PORTAL, remote), (&name, target), number + 1);
        client.credentials = self.case.target.credentials(op);
        let base = if discovery { LoginPlan::discovery() } else { LoginPlan::default() };
        let plan = keys.iter().fold(base, |plan, (key, value)| plan.with_key(key, value));
        client.login(&mut self.world, op, plan);
        actor.barrier = Some(op);
        actor.client = Some(client);
    }

    fn undo_after(&mut self, time: Nanos, undo: Undo) {
        let token = UNDO + self.undo.len() as u64;
        self.undo.push(Some(undo));
        let at = self.world.now() + time;
        self.world.wake_at(at, token);
    }

    fn undo(&mut self, undo: Undo) {
        match undo {
            Undo::Unclog(conn) => self.world.clog(conn, false),
            Undo::Mend(conn) => self.world.partition(conn, false),
            Undo::ReleaseDisk(device) => self.world.stall_disk(device, false),
            Undo::Restart => {
                if let Err(error) = self.world.restart() {
                    self.complain("lifecycle", format!("the target does not restart: {error:?}"), u32::MAX);
                }
            }
        }
    }

    fn see(&mut self, seen: &Seen) {
        if let Seen::Wake { token } = seen {
            let undo =
                token.checked_sub(UNDO).and_then(|at| self.undo.get_mut(usize::try_from(at).ok()?)?.take());
            if let Some(undo) = undo {
                self.undo(undo);
            }
            return;
        }
        for actor in &mut self.actors {
            let Some(client) = &mut actor.client else { continue };
            client.see(&mut self.world, seen);
            for (op, outcome) in client.take_done() {
                if actor.barrier == Some(op) {
                    actor.barrier = None;
                }
                actor.commands.retain(|(command, _)| *command != op);
                match outcome {
                    Outcome::Login(LoginOutcome::LoggedIn) => actor.logged_in = true,
                    Outcome::Login(_) => client.give_up_login(&mut self.world),
                    _ => {}
                }
            }
            if !client.alive {
                actor.logged_in = false;
                actor.barrier = None;
                actor.commands.clear();
            }
            let found = client.take_violations();
            if self.case.honest {
                let (at, conn) = (self.world.now(), Some(client.conn));
                for violation in found {
                    self.world.add_violation(Violation {
                        rule: "initiator",
                        clause: violation.rule.to_owned(),
                        text: violation.text,
                        at,
                        conn,
                    });
                }
            }
        }
    }

    /// The steps that are still to come are drawn anew, so that another seed really makes another future.
    fn redraw(&mut self, seed: u64) {
        for actor in &mut self.actors {
            let steps = actor.ops.make_contiguous();
            let units = Units { targets: self.case.target.targets, luns: self.case.target.luns };
            super::program::redraw(steps, seed, self.case.profile, units);
        }
    }

    fn complain(&mut self, rule: &'static str, text: String, conn: u32) {
        let (at, conn) = (self.world.now(), (conn != u32::MAX).then_some(conn));
        self.world.add_violation(Violation { rule, clause: "workload".into(), text, at, conn });
    }

    fn report(self) -> (Report, World) {
        let mut violations = self.world.violations().to_vec();
        violations.sort_by_key(|violation| violation.at);
        let signature = Signature::of(&violations, &self.world);
        let report = Report {
            seed: self.case.seed,
            options: self.case.options(),
            operations: self.done,
            begun: self.begun,
            signature,
            skipped: self.skipped,
            connections: self.world.connections(),
            faults: self.world.record().len(),
            record: self.world.record().to_vec(),
            events: self.world.trace().count(),
            virtual_time: self.world.now(),
            trace_hash: self.world.trace_hash(),
            violations,
            panic: self.world.core_panic().cloned(),
        };
        (report, self.world)
    }
}

impl Actor {
    /// The window admits the next operation; without that it would have to be sent again.
    fn has_credit(&self) -> bool {
        !self.logged_in || self.client.as_ref().is_none_or(|client| client.session.credits() > 0)
    }

    fn pending(&self) -> usize {
        self.client.as_ref().map_or(0, Client::pending)
    }
}

/// CDB and data of a command that writes in another way.
fn rewrite(op: u64, lba: u32, blocks: u8, way: Way, block_size: usize) -> (Vec<u8>, Vec<u8>) {
    let own = pattern(op, usize::from(blocks) * block_size);
    let (opcode, flags, data) = match way {
        Way::Same => (0x93, 0, pattern(op, block_size)),
        Way::Zeros => (0x93, 1, Vec::new()),
        Way::Or => (0x8b, 0, own),
        Way::CompareAndWrite => (0x89, 0, [vec![0; own.len()], own].concat()),
    };
    let [a, b, c, d] = lba.to_be_bytes();
    (vec![opcode, flags, 0, 0, 0, 0, a, b, c, d, 0, 0, 0, blocks, 0, 0], data)
}
