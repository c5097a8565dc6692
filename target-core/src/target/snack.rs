//! SNACK: sending again what did not arrive, and taking note of what did (RFC 7143 11.16).

use super::Target;
use crate::api::ConnId;
use crate::conn::framing::Frame;
use crate::conn::out::{Again, Out};
use crate::fault::{Fault, Reaction};
use crate::probe::ProbeSink;
use crate::scsi::code;
use crate::session::SessionKey;
use crate::session::fence::Response;
use crate::task::sent::Numbered;
use crate::task::{Stage, Task, TaskKey};
use crate::wire::{RESERVED_TAG, Snack, SnackType, serial};
use alloc::vec::Vec;

impl<S: ProbeSink> Target<S> {
    /// Does what a SNACK asks for, or rejects it.
    pub(super) fn snack(&mut self, id: ConnId, session_key: SessionKey, frame: &Frame) {
        let pdu = Snack::parse(&frame.bhs);
        let Some(session) = self.sessions.get(session_key) else { return };
        let Some(kind) = SnackType::from_u8(pdu.kind) else {
            return self.violation(id, Fault::SnackKind, frame);
        };
        if session.params.error_recovery_level == 0 {
            self.violation(id, Fault::Snack, frame);
            return self.data_is_lost(id, session_key, kind, pdu.itt);
        }
        // rfc7143/11.16-1.
        let done = match kind {
            SnackType::DataOrR2t => self.data_snack(id, session_key, &pdu),
            SnackType::Status => self.status_snack(id, &pdu),
            SnackType::DataAck => self.data_ack(id, session_key, &pdu),
            SnackType::RData => self.r_data_snack(id, session_key, &pdu),
        };
        let Err(fault) = done else { return };
        let next = self.sessions.get(session_key).and_then(|session| session.find_numbered(id, pdu.itt));
        let data_sn = next.filter(|_| kind == SnackType::DataOrR2t).map_or(0, |task| task.sent.next());
        self.note_violation(id, fault);
        if let Reaction::Reject(reason) = fault.reaction() {
            // rfc7143/7.8-7.
            self.reject(id, reason, frame, data_sn);
        }
    }

    /// A SNACK was refused, so what it asked for does not come again: its command, if it is not answered yet, ends with CHECK
    /// CONDITION (rfc7143/7.8-8). Where recovery is agreed on, what an unanswered command sent can always be sent again.
    fn data_is_lost(&mut self, id: ConnId, session_key: SessionKey, kind: SnackType, itt: u32) {
        let Some(session) = self.sessions.get(session_key) else { return };
        let key = session.tasks.find(itt);
        let is_own = key.and_then(|key| session.tasks.get(key)).is_some_and(|task| task.conn == id);
        if is_own
            && matches!(kind, SnackType::DataOrR2t | SnackType::RData)
            && let Some(key) = key
        {
            self.spoil(session_key, key, code::SNACK_REJECTED);
        }
    }

    /// Data-Ins and R2Ts of a command once more, the same as before.
    fn data_snack(&mut self, id: ConnId, session_key: SessionKey, pdu: &Snack) -> Result<(), Fault> {
        let session = self.sessions.get(session_key).ok_or(Fault::SnackRun)?;
        let task = session.find_numbered(id, pdu.itt).ok_or(Fault::SnackRun)?;
        let (first, end) = run(pdu, task.sent.base(), task.sent.next()).ok_or(Fault::SnackRun)?;
        if first == end {
            return Ok(());
        }
        // R2Ts are acknowledged by the data that answers them.
        let is_open = |number| match task.sent.find(number) {
            Some(Numbered::R2t(spec)) => {
                task.write_data.as_ref().is_some_and(|write| write.is_open(spec.ttt))
            }
            Some(Numbered::DataIn(_)) => true,
            None => false,
        };
        if (pdu.beg_run, pdu.run_length) != (0, 0) && !(first..end).any(is_open) {
            return Err(Fault::SnackRun);
        }
        let conn = self.conns.get_mut(&id).ok_or(Fault::SnackRun)?;
        // What is longer than the initiator takes now cannot come as it was; an R-Data SNACK has it cut anew (11.16.3).
        let fits = |number| match task.sent.find(number) {
            Some(Numbered::DataIn(sent)) => conn.takes(sent.len as usize),
            _ => true,
        };
        if !(first..end).all(fits) {
            return Err(Fault::SnackGone);
        }
        conn.out.push_again(Again { itt: pdu.itt, next: first, end });
        self.wake(id);
        Ok(())
    }

    /// Responses once more, the same as before.
    fn status_snack(&mut self, id: ConnId, pdu: &Snack) -> Result<(), Fault> {
        let conn = self.conns.get_mut(&id).ok_or(Fault::SnackRun)?;
        let (first, end) = run(pdu, conn.exp_stat_sn, conn.stat_sn).ok_or(Fault::SnackRun)?;
        if first == end {
            return Ok(());
        }
        // Of "all" those that are left are sent; a number that was named and is not kept any more cannot be.
        let named = pdu.beg_run != 0 || pdu.run_length != 0;
        if named && conn.kept(first).is_none() {
            return Err(Fault::SnackGone);
        }
        if !conn.takes_kept(first, end) {
            return Err(Fault::SnackGone);
        }
        conn.out.push(Out::Statuses(first, end));
        self.wake(id);
        Ok(())
    }

    /// The Data-Ins before BegRun arrived: they, and the memory behind them, are given back (RFC 7143 11.16.2).
    fn data_ack(&mut self, id: ConnId, session_key: SessionKey, pdu: &Snack) -> Result<(), Fault> {
        let session = self.sessions.get_mut(session_key).ok_or(Fault::DataAck)?;
        let asked = |task: &Task| {
            task.conn == id
                && task.lun == pdu.lun
                && task.sent.asked(pdu.ttt).is_some_and(|number| number < pdu.beg_run)
        };
        if pdu.itt != RESERVED_TAG || pdu.run_length != 0 {
            return Err(Fault::DataAck);
        }
        let key = session.tasks.iter().find(|(_, task)| asked(task)).map(|(key, _)| key);
        let task = match key {
            Some(key) => session.tasks.get_mut(key),
            None => session.answered.iter_mut().find(|task| asked(task)),
        };
        let freed = task.and_then(|task| acknowledge_data(task, pdu.beg_run)).ok_or(Fault::DataAck)?;
        session.held = session.held.saturating_sub(freed);
        if freed > 0 && !(session.parked.is_empty() && session.starved.is_empty()) {
            self.relieved.push(session_key);
        }
        Ok(())
    }

    /// All data that is not acknowledged once more, cut anew, and a response with the SNACK Tag (RFC 7143 11.16.3).
    fn r_data_snack(&mut self, id: ConnId, session_key: SessionKey, pdu: &Snack) -> Result<(), Fault> {
        if matches!(pdu.ttt, 0 | RESERVED_TAG) || pdu.beg_run != 0 || pdu.run_length != 0 {
            return Err(Fault::SnackTag);
        }
        let session = self.sessions.get_mut(session_key).ok_or(Fault::SnackRun)?;
        session.find_numbered(id, pdu.itt).filter(|task| task.read).ok_or(Fault::SnackRun)?;
        let key = session.take_up_again(pdu.itt).ok_or(Fault::SnackRun)?;
        let task = session.tasks.get_mut(key).ok_or(Fault::SnackRun)?;
        task.snack_tag = pdu.ttt;
        if task.stage == Stage::Responding {
            self.start_over(session_key, key);
        }
        Ok(())
    }

    /// Sends the data of a command that is not acknowledged, and its status, from the beginning.
    pub(super) fn start_over(&mut self, session_key: SessionKey, task_key: TaskKey) {
        let Some(session) = self.sessions.get_mut(session_key) else { return };
        let Some(task) = session.tasks.get_mut(task_key) else { return };
        if let Some(conn) = self.conns.get_mut(&task.conn) {
            conn.out.forget_answer(task_key, task.itt);
        }
        let sent: Vec<_> =
            task.sent.take_data().map(|data| (data.offset, data.len, data.final_bit)).collect();
        if let Some(data) = &mut task.data_in {
            data.send_again(sent.into_iter());
        }
        if session.fence.as_ref().is_some_and(|fence| fence.holds(Response::Task(task_key))) {
            // It goes out when its turn in the order of responses comes, where the task is allegiant then.
            return;
        }
        self.dispatch(session_key, task_key);
    }
}

/// Takes note that the Data-Ins before `number` arrived; the bytes are returned that need not be held any more. `None` if
/// they were not sent, or acknowledged before.
pub(super) fn acknowledge_data(task: &mut Task, number: u32) -> Option<u64> {
    if !task.sent.acknowledge(number) {
        return None;
    }
    let Some(data) = &mut task.data_in else { return Some(0) };
    let offset = match task.sent.find(number) {
        Some(Numbered::DataIn(sent)) => sent.offset,
        // Nothing of what was sent is open, so what follows is what was not sent.
        _ => data.sent(),
    };
    let freed = u64::from(data.release(offset)).min(task.held);
    task.held -= freed;
    Some(freed)
}

/// The run that a SNACK names, as first number and number after the last; `None` if any of it was acknowledged or not sent
/// (rfc7143/11.16-5). `base` is the first that is not acknowledged, `next` the first that was not sent.
fn run(pdu: &Snack, base: u32, next: u32) -> Option<(u32, u32)> {
    let (first, end) = match (pdu.beg_run, pdu.run_length) {
        (0, 0) => return Some((base, next)),
        (first, 0) => (first, next.wrapping_sub(u32::from(planted!(SnackRunEnd)))),
        (first, length) => (first, first.wrapping_add(length)),
    };
    (serial::le(base, first) && serial::lt(first, end) && serial::le(end, next)).then_some((first, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_what_was_sent_and_is_not_acknowledged() {
        let ask =
            |beg_run, run_length| run(&Snack { beg_run, run_length, ..Snack::default() }, u32::MAX - 1, 3);
        assert_eq!(ask(0, 0), Some((u32::MAX - 1, 3)));
        assert_eq!((ask(1, 0), ask(0, 3), ask(2, 1)), (Some((1, 3)), Some((0, 3)), Some((2, 3))));
        for (beg_run, run_length) in [(0, 4), (3, 1), (3, 0), (u32::MAX - 2, 1), (1, u32::MAX)] {
            assert_eq!(ask(beg_run, run_length), None, "{beg_run} {run_length}");
        }
    }
}
