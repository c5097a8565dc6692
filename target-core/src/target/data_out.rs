//! Write data: receiving it, asking for more, and handing it on (RFC 7143 4.2.5.2, 11.7, 11.8).

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::{Frame, Verdict};
use crate::conn::out::Out;
use crate::fault::{Fault, Reaction};
use crate::io::SgList;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::task::sent::Numbered;
use crate::task::write::{DataOutInfo, NO_TTT, WriteFault};
use crate::task::{Stage, TaskKey};
use crate::wire::DataOut;
use bytes::Bytes;

/// How often write data that does not come is asked for again before its connection counts as dead.
const RECOVERIES_MAX: u8 = 3;

impl<S: ProbeSink> Target<S> {
    /// Takes a Data-Out to its command.
    pub(super) fn data_out(&mut self, id: ConnId, session_key: SessionKey, frame: &Frame) {
        let pdu = DataOut::parse(&frame.bhs);
        let Some(session) = self.sessions.get(session_key) else { return };
        // Whichever write it is for, in whatever order they take turns (rfc7143/4.2.5.2-9).
        let found = session.tasks.find(pdu.itt);
        let late = session.aborted.contains(pdu.itt);
        let damaged = frame.verdict == Verdict::DataDigest;
        let Some((task_key, task)) = found.and_then(|key| Some((key, session.tasks.get(key)?))) else {
            let fault = match (damaged, late) {
                (true, _) => Fault::DataDigest,
                // rfc7143/10.7-2.
                (false, true) => Fault::AbortedTask,
                (false, false) => Fault::NoSuchTask,
            };
            return self.violation(id, fault, frame);
        };
        if task.conn != id {
            // What cannot be believed is rejected for that, wherever it came (rfc7143/7.8-2).
            let fault = if damaged { Fault::DataDigest } else { Fault::WrongConnection };
            return self.violation(id, fault, frame);
        }
        let known = task.write_data.as_ref().is_some_and(|write| {
            // Where losses are recovered, what comes late or twice is no fault.
            write.is_open(pdu.ttt) || write.has_ended(pdu.ttt)
        });
        if !known && (pdu.ttt != NO_TTT || task.write_data.is_none()) {
            // A tag of no transfer of this task. What is left of an aborted one with the same tag is no fault.
            let fault = match (damaged, late) {
                (true, _) => Fault::DataDigest,
                (false, true) => Fault::AbortedTask,
                (false, false) => Fault::Write(WriteFault::UnknownTtt),
            };
            return self.violation(id, fault, frame);
        }
        let fault = self.take_data(session_key, task_key, &pdu, frame);
        if let Some(fault) = fault {
            self.violation(id, fault, frame);
            if let Reaction::Sense(code) | Reaction::RejectAndSense(_, code) = fault.reaction() {
                self.fail(session_key, task_key, code);
            }
        }
        self.data_arrived(session_key, task_key);
    }

    /// Puts the data into the command's transfer. Of a PDU that cannot be believed only the F bit counts.
    fn take_data(
        &mut self,
        session_key: SessionKey,
        task_key: TaskKey,
        pdu: &DataOut,
        frame: &Frame,
    ) -> Option<Fault> {
        let session = self.sessions.get_mut(session_key)?;
        let task = session.tasks.get_mut(task_key)?;
        task.heard = self.now;
        let info = DataOutInfo {
            ttt: pdu.ttt,
            data_sn: pdu.data_sn,
            buffer_offset: pdu.buffer_offset,
            final_bit: pdu.final_bit,
        };
        // rfc7143/4.2.5.3-1.
        let wrong_lun = !planted!(DataOutLun) && pdu.ttt != NO_TTT && pdu.lun != task.lun;
        let recovers = session.params.error_recovery_level > 0;
        let write = task.write_data.as_mut()?;
        if frame.verdict == Verdict::DataDigest && recovers {
            // A recovery R2T asks for it again (rfc7143/7.8-3).
            write.damaged(info);
            return Some(Fault::DataDigest);
        }
        let lost = if frame.verdict == Verdict::DataDigest {
            Some(Fault::DataOutDigest)
        } else if wrong_lun {
            Some(Fault::WrongLun)
        } else {
            None
        };
        if lost.is_some() {
            write.abandon();
            // Abandoned, the transfer looks at nothing but the F bit.
            let _ = write.data_out(info, Bytes::new());
            return lost;
        }
        let before = write.held() as u64;
        let result = write.data_out(info, frame.data.clone());
        // What an R2T asked for was counted when it was sent.
        if pdu.ttt == NO_TTT {
            let more = (write.held() as u64).saturating_sub(before);
            task.held = task.held.saturating_add(more);
            session.held = session.held.saturating_add(more);
        }
        result.err().map(Fault::Write)
    }

    /// Goes on with a command for which data came.
    pub(super) fn data_arrived(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(task) = self.sessions.get(session_key).and_then(|it| it.tasks.get(task_key)) else { return };
        let open = task.awaits_data();
        match task.stage {
            Stage::Running if task.wants_data => self.feed(session_key, task_key),
            Stage::Draining if !open => self.respond(session_key, task_key),
            Stage::Aborting if !open => {
                self.drop_task(session_key, task_key);
                self.advance_tmfs(session_key);
            }
            _ => {}
        }
    }

    /// Hands a command its data if all of it is here, or asks for what is missing.
    pub(super) fn feed(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        if !task.wants_data {
            return;
        }
        let data = match &mut task.write_data {
            Some(write) if write.is_complete() => write.take(),
            Some(_) => return self.ask_for_data(session_key, task_key),
            // W was not set: there is nothing to wait for.
            None => SgList::new(),
        };
        task.wants_data = false;
        let (Some(at), by) = (session.node, session.nexus) else { return };
        let Some(node) = self.nodes.get_mut(at) else { return };
        if let Some(command) = &mut task.command {
            node.scsi.set_now(self.now);
            let step = command.data_out(&mut node.scsi, data);
            let preempted = node.scsi.take_preempted();
            self.abort_preempted(at, by, &preempted);
            self.step(session_key, task_key, step);
        }
    }

    /// Sends the R2Ts that are due, as far as memory allows.
    pub(super) fn ask_for_data(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let mut conn = None;
        while let Some(task) = self.sessions.get(session_key).and_then(|it| it.tasks.get(task_key))
            && task.wants_data
            // Without a connection there is nobody to ask.
            && self.conns.get(&task.conn).is_some_and(|conn| conn.session == Some(session_key))
            && let Some(length) = task.write_data.as_ref().and_then(|write| write.next_r2t_length())
        {
            let length = u64::from(length);
            let room = self.make_room(session_key, length);
            let Some(session) = self.sessions.get_mut(session_key) else { return };
            let ttt = if room { session.new_ttt() } else { NO_TTT };
            let Some(task) = session.tasks.get_mut(task_key) else { return };
            if !room {
                if !task.starved {
                    task.starved = true;
                    session.starved.push_back(task_key);
                }
                break;
            }
            let Some(spec) = task.write_data.as_mut().and_then(|write| write.next_r2t(ttt)) else { return };
            task.sent.push(Numbered::R2t(spec));
            task.held = task.held.saturating_add(length);
            task.heard = self.now;
            session.held = session.held.saturating_add(length);
            conn = Some(task.conn);
            if let Some(conn) = self.conns.get_mut(&task.conn) {
                // rfc7143/4.2.5.1-4.
                conn.out.push(Out::R2t(task_key, spec));
            }
        }
        if let Some(id) = conn {
            self.wake(id);
            self.watch_data(id, session_key, task_key);
        }
    }

    /// Has the timer look after a task that waits for data.
    pub(super) fn watch_data(&mut self, id: ConnId, session_key: SessionKey, task_key: TaskKey) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        let Some(task) = self.sessions.get_mut(session_key).and_then(|it| it.tasks.get_mut(task_key)) else {
            return;
        };
        if !task.in_data_wait {
            task.in_data_wait = true;
            conn.data_wait.push_back((task.heard, task_key));
            self.arm_conn(id);
        }
    }

    /// The first command of a connection has waited too long for write data. Asks for it again if losses are recovered
    /// and that was not in vain too often (RFC 7143 7.1.4.1); false if the connection has to go.
    pub(super) fn ask_again(&mut self, id: ConnId) -> bool {
        let now = self.now;
        let Some(conn) = self.conns.get(&id) else { return false };
        let Some((session_key, (_, task_key))) = conn.session.zip(conn.data_wait.front().copied()) else {
            return false;
        };
        let Some(session) = self.sessions.get_mut(session_key) else { return false };
        let recovers = session.params.error_recovery_level > 0;
        let Some(task) = session.tasks.get_mut(task_key) else { return false };
        if !recovers || task.recoveries >= RECOVERIES_MAX {
            return false;
        }
        task.recoveries += 1;
        task.heard = now;
        if let Some(write) = &mut task.write_data {
            write.give_up_sequences();
        }
        self.data_arrived(session_key, task_key);
        true
    }
}
