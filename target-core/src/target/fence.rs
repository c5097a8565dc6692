//! The Response Fence: holding responses back, and letting them go (RFC 7143 4.2.2.3).
//!
//! A session with one connection needs none: what is handed over first is sent first (4.2.2.3.3 a). With several, the
//! response of a function that aborts several tasks is always fenced (rfc7143/4.2.3.3-11, 11.6.1-2); unit attentions and
//! what concerns ACA are where TaskReporting says so (rfc7143/4.2.2.3.4-2).

use super::Target;
use crate::api::ConnId;
use crate::conn::out::Out;
use crate::probe::ProbeSink;
use crate::session::SessionKey;
use crate::session::fence::{Fence, Response, Scope, Step};
use crate::session::params::TaskReporting;
use crate::task::{Stage, TaskKey};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

impl<S: ProbeSink> Target<S> {
    /// Takes a response from the SCSI layer and sends it as soon as the order allows.
    pub(super) fn hand_over(&mut self, key: SessionKey, response: Response, scope: Scope, fenced: bool) {
        self.hand_over_before(key, response, scope, fenced, &[]);
    }

    /// The same, ahead of what was held with it: a fence must not wait for what waits behind it.
    fn hand_over_before(
        &mut self,
        key: SessionKey,
        response: Response,
        scope: Scope,
        fenced: bool,
        behind: &[TaskKey],
    ) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        if let Some(fence) = &mut session.fence
            && (fenced || fence.scope.meets(scope))
        {
            // rfc7143/4.2.2.3.2-3, rfc7143/4.2.2.3.2-8.
            return fence.held.push_back((response, scope, fenced));
        }
        // rfc7143/4.2.2.3.2-1, rfc7143/4.2.2.3.2-4, rfc7143/13.23-3, rfc7143/13.23-4.
        let reporting = session.params.task_reporting != TaskReporting::Rfc3720;
        let binding = reporting || matches!(response, Response::Tmf(..));
        if !fenced || !binding || session.conns.len() < 2 {
            return self.let_go(key, response);
        }
        let before = |(task_key, task): (TaskKey, &crate::task::Task)| {
            let earlier = task.stage == Stage::Responding && scope.meets(Scope::Unit(task.lun.number()));
            let ahead = response != Response::Task(task_key) && !behind.contains(&task_key);
            (earlier && ahead).then_some(task_key)
        };
        let unsent = session.tasks.iter().filter_map(before).collect();
        session.fence = Some(Fence { response, scope, step: Step::Unsent(unsent), held: VecDeque::new() });
        self.advance_fence(key);
    }

    /// Takes the fence of a session as far as it can go.
    pub(super) fn advance_fence(&mut self, key: SessionKey) {
        while let Some(session) = self.sessions.get_mut(key)
            && let Some(fence) = &mut session.fence
        {
            let tasks = &session.tasks;
            let conns = &self.conns;
            let member = |id: ConnId| conns.get(&id).filter(|conn| conn.session == Some(key));
            match &mut fence.step {
                Step::Unsent(unsent) => {
                    // What a lost connection owes is not delivered, so nothing has to come after it.
                    // rfc7143/4.2.2.3.2-2.
                    unsent.retain(|task| tasks.get(*task).is_some_and(|task| member(task.conn).is_some()));
                    if !unsent.is_empty() {
                        return;
                    }
                    let owed = |(_, id): &(u16, ConnId)| {
                        let conn = member(*id)?;
                        let next = conn.stat_sn.wrapping_add(conn.out.statuses());
                        (!conn.has_acknowledged(next)).then_some((*id, next))
                    };
                    let owed: Vec<_> = session.conns.iter().filter_map(owed).collect();
                    let ask: Vec<ConnId> = owed.iter().map(|(id, _)| *id).collect();
                    fence.step = Step::Unacknowledged(owed);
                    for id in ask {
                        self.solicit(key, id);
                    }
                }
                Step::Unacknowledged(owed) => {
                    // rfc7143/4.2.2.3.2-6.
                    owed.retain(|(id, next)| member(*id).is_some_and(|conn| !conn.has_acknowledged(*next)));
                    if !owed.is_empty() {
                        return;
                    }
                    let response = fence.response;
                    let to = match response {
                        Response::Task(task) => tasks.get(task).map(|task| task.conn),
                        Response::Tmf(id, _) => Some(id),
                    };
                    let Some(to) = to.filter(|id| member(*id).is_some()) else {
                        // It was aborted, or its connection is gone.
                        self.end_behind(key, response);
                        self.lift_fence(key);
                        continue;
                    };
                    fence.step = Step::Sent(to);
                    if let Some(conn) = self.conns.get_mut(&to) {
                        conn.fenced = None;
                    }
                    self.let_go_fenced(key, response);
                    self.solicit(key, to);
                }
                Step::Sent(id) => {
                    let gone = match fence.response {
                        Response::Task(task) => tasks.get(task).is_none(),
                        Response::Tmf(..) => false,
                    };
                    // rfc7143/4.2.2.3.2-7.
                    let waits = member(*id).is_some_and(|conn| match conn.fenced {
                        Some(stat_sn) => !conn.has_acknowledged(stat_sn.wrapping_add(1)),
                        None => !gone,
                    });
                    if waits {
                        return;
                    }
                    self.lift_fence(key);
                }
            }
        }
    }

    /// What was held goes on, and may be fenced itself.
    fn lift_fence(&mut self, key: SessionKey) {
        let fence = self.sessions.get_mut(key).and_then(|session| session.fence.take());
        let mut held = fence.map(|fence| fence.held).unwrap_or_default();
        while let Some((response, scope, fenced)) = held.pop_front() {
            let task = |(response, ..): &(Response, Scope, bool)| match response {
                Response::Task(task) => Some(*task),
                Response::Tmf(..) => None,
            };
            let behind: Vec<TaskKey> = held.iter().filter_map(task).collect();
            self.hand_over_before(key, response, scope, fenced, &behind);
        }
    }

    fn let_go(&mut self, key: SessionKey, response: Response) {
        match response {
            Response::Task(task) => self.dispatch(key, task),
            Response::Tmf(id, answer) => self.push_tmf(id, Out::Tmf { answer, fenced: false }),
        }
        self.end_behind(key, response);
    }

    fn let_go_fenced(&mut self, key: SessionKey, response: Response) {
        match response {
            Response::Task(task) => {
                if let Some(task) = self.sessions.get_mut(key).and_then(|it| it.tasks.get_mut(task)) {
                    task.fenced = true;
                }
                self.dispatch(key, task);
            }
            Response::Tmf(id, answer) => self.push_tmf(id, Out::Tmf { answer, fenced: true }),
        }
        self.end_behind(key, response);
    }

    /// Ends the session if the response is that of a function that does so; its connection goes when it was sent.
    fn end_behind(&mut self, key: SessionKey, response: Response) {
        let Response::Tmf(id, answer) = response else { return };
        if let Some(reason) = answer.ends {
            // rfc7144/6.3-10, rfc7143/11.6.1-1.
            self.end_session(key, Some(id), reason);
            self.close_after_output(id, reason);
        }
    }

    pub(super) fn push_tmf(&mut self, id: ConnId, out: Out) {
        // A connection that left its session says nothing more for it.
        if let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.session.is_some()) {
            conn.out.push(out);
            self.wake(id);
        }
    }

    /// Asks for an acknowledgement by a ping, so that the fence does not wait for the initiator's next PDU
    /// (rfc7143/4.2.2.3.2-5).
    fn solicit(&mut self, key: SessionKey, id: ConnId) {
        let lun = self.any_lun(id);
        let Some(session) = self.sessions.get_mut(key) else { return };
        let ttt = session.new_ttt();
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.solicit(ttt);
        conn.out.push(Out::NopPing { lun, ttt });
        self.wake(id);
    }
}
