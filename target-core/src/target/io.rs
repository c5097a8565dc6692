//! Storage operations: starting, giving up, completing; and the memory they need.

use super::Target;
use crate::fault::{Fault, INVALID_FIELD_IN_INFORMATION_UNIT};
use crate::io::{DeviceId, IoDone, IoId, IoOp, IoRequest};
use crate::probe::ProbeSink;
use crate::scsi::{Step, UnitKey};
use crate::session::{SessionKey, TaskRef};
use crate::slab::{Key, Slab};
use crate::task::TaskKey;
use alloc::collections::VecDeque;
use alloc::string::String;

/// The R and W bits of a command that declares Data-In alone.
const READ: (bool, bool) = (true, false);

/// Whom a storage operation serves.
#[derive(Debug)]
pub(super) enum Owner {
    Task(TaskRef),
    /// Its task is gone.
    Nobody,
    /// FORMAT UNIT or SANITIZE, at a unit of the target of that name.
    Upkeep {
        node: String,
        unit: UnitKey,
        op: IoOp,
    },
    /// A change of registrations, at a unit of the target of that name.
    Saving {
        node: String,
        unit: UnitKey,
    },
}

/// Asks storage for an operation.
pub(super) fn ask(
    ios: &mut Slab<Owner>,
    requests: &mut VecDeque<IoRequest>,
    owner: Owner,
    device: DeviceId,
    op: IoOp,
) -> IoId {
    let id = IoId(ios.insert(owner).to_u64());
    requests.push_back(IoRequest::Start { id, device, op });
    id
}

impl<S: ProbeSink> Target<S> {
    /// Starts an operation for a task, or parks it until there is memory for what it brings.
    pub(super) fn start_io(
        &mut self,
        session_key: SessionKey,
        task_key: TaskKey,
        device: DeviceId,
        op: IoOp,
    ) {
        let need = self.bytes_brought(session_key, device, &op);
        let room = need == 0 || self.make_room(session_key, need);
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        if !room {
            task.parked = Some((device, op));
            session.parked.push_back(task_key);
            return;
        }
        task.held = task.held.saturating_add(need);
        session.held = session.held.saturating_add(need);
        let owner = Owner::Task(TaskRef { session: session_key, task: task_key });
        task.io = Some(ask(&mut self.ios, &mut self.requests, owner, device, op));
    }

    /// Gives an operation up: its completion will find nobody.
    pub(super) fn cancel_io(&mut self, id: IoId) {
        if let Some(owner) = self.ios.get_mut(Key::from_u64(id.0))
            && matches!(owner, Owner::Task(_))
        {
            *owner = Owner::Nobody;
            self.orphans += 1;
            self.requests.push_back(IoRequest::Cancel { id });
        }
    }

    /// Whether a completion of that operation is due.
    pub(super) fn io_is_known(&self, id: IoId) -> bool {
        self.ios.get(Key::from_u64(id.0)).is_some()
    }

    /// Takes a completion to the command it is for.
    pub(super) fn io_done(&mut self, done: IoDone) {
        let Some(owner) = self.ios.remove(Key::from_u64(done.id.0)) else { return };
        let (session_key, task_key) = match owner {
            Owner::Task(TaskRef { session, task }) => (session, task),
            Owner::Nobody => {
                self.orphans = self.orphans.saturating_sub(1);
                return;
            }
            Owner::Saving { node, unit } => return self.saved(&node, unit, done.result),
            Owner::Upkeep { node, unit, op } => return self.upkept(&node, unit, &op, done.result),
        };
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        task.io = None;
        let node = session.node.and_then(|node| self.nodes.get_mut(node));
        if let (Some(command), Some(node)) = (&mut task.command, node) {
            node.scsi.set_now(self.now);
            let step = command.io_done(&mut node.scsi, done.result);
            self.step(session_key, task_key, step);
        }
    }

    /// Does what the device server wants next for a command.
    pub(super) fn step(&mut self, session_key: SessionKey, task_key: TaskKey, step: Step) {
        self.watch_upkeep(session_key, &step);
        match step {
            Step::Done(outcome) => self.finish(session_key, task_key, outcome),
            Step::Io { device, op } => self.start_io(session_key, task_key, device, op),
            Step::Wait => self.let_others(session_key, task_key),
            Step::DataOut { .. } if self.declares(session_key, task_key) == READ => {
                self.wrong_direction(session_key, task_key);
            }
            Step::DataOut { len } => {
                let Some(session) = self.sessions.get_mut(session_key) else { return };
                let Some(task) = session.tasks.get_mut(task_key) else { return };
                task.wants_data = true;
                if let Some(write) = &mut task.write_data {
                    write.want(len);
                }
                self.feed(session_key, task_key);
            }
        }
    }

    /// The R and W bits of a command.
    fn declares(&self, session_key: SessionKey, task_key: TaskKey) -> (bool, bool) {
        let task = self.sessions.get(session_key).and_then(|session| session.tasks.get(task_key));
        task.map_or((false, false), |task| (task.read, task.write))
    }

    /// The CDB wants Data-Out and the R and W bits declare Data-In alone. Ending it well would claim a write that has no
    /// data (RFC 7143 11.3.1). A read that declares Data-Out ends well: its residual says that nothing was moved.
    fn wrong_direction(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let task = self.sessions.get(session_key).and_then(|session| session.tasks.get(task_key));
        let Some(conn) = task.map(|task| task.conn) else { return };
        self.note_violation(conn, Fault::Direction);
        self.fail(session_key, task_key, INVALID_FIELD_IN_INFORMATION_UNIT);
    }

    /// A session holds less: operations and R2Ts that waited may go on, in the order in which they came to wait.
    pub(super) fn hand_on_memory(&mut self, session_key: SessionKey) {
        while let Some(session) = self.sessions.get_mut(session_key)
            && let Some(task_key) = session.parked.front().copied()
        {
            let parked = session.tasks.get_mut(task_key).and_then(|task| task.parked.take());
            session.parked.pop_front();
            let Some((device, op)) = parked else { continue };
            let need = self.bytes_brought(session_key, device, &op);
            let room = self.make_room(session_key, need);
            let Some(session) = self.sessions.get_mut(session_key) else { return };
            if room {
                self.start_io(session_key, task_key, device, op);
            } else {
                if let Some(task) = session.tasks.get_mut(task_key) {
                    task.parked = Some((device, op));
                }
                session.parked.push_front(task_key);
                break;
            }
        }
        let waiting = self.sessions.get(session_key).map_or(0, |session| session.starved.len());
        for _ in 0..waiting {
            let Some(session) = self.sessions.get_mut(session_key) else { return };
            let Some(task_key) = session.starved.pop_front() else { return };
            if let Some(task) = session.tasks.get_mut(task_key) {
                task.starved = false;
                self.ask_for_data(session_key, task_key);
            }
        }
    }

    /// Bytes that an operation will bring in.
    fn bytes_brought(&self, session_key: SessionKey, device: DeviceId, op: &IoOp) -> u64 {
        let blocks = match op {
            IoOp::Read { blocks, .. } => blocks,
            IoOp::Status { runs, .. } => return u64::from(*runs) * 16,
            _ => return 0,
        };
        let node = self.sessions.get(session_key).and_then(|session| session.node);
        let node = node.and_then(|node| self.nodes.get(node));
        let block_size = node.and_then(|node| node.block_sizes.get(&device)).copied().unwrap_or(4096);
        u64::from(*blocks) * u64::from(block_size)
    }
}
