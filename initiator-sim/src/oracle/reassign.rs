//! Commands that go on over another connection (RFC 7143 7.2.2, 11.5.6): which they are, and where they go on.

use super::task::Task;
use super::{Oracles, WirePdu};

/// TASK REASSIGN.
pub(super) const TASK_REASSIGN: u32 = 8;
/// QUERY TASK.
pub(super) const QUERY_TASK: u32 = 9;
/// "Function complete" (RFC 7143 11.6.1): of a query, that there is no such task.
const FUNCTION_COMPLETE: u32 = 0;
/// "Function succeeded" (RFC 7144 6.4.2).
const FUNCTION_SUCCEEDED: u32 = 7;

impl Oracles {
    /// Takes a command that another connection of the session of `conn` left.
    pub(super) fn take_left(&mut self, conn: u32, itt: u32) -> Option<Task> {
        let key = self.conns.get(&conn)?.session?;
        let orphan = self.sessions.get_mut(&key).and_then(|session| session.orphans.remove(&itt));
        let mut twins =
            self.conns.iter_mut().filter(|(other, twin)| **other != conn && twin.session == Some(key));
        // A connection that was removed for recovery may not have ended yet.
        orphan.or_else(|| twins.find_map(|(_, twin)| twin.tasks.take_command(itt)))
    }

    /// A response came for a command that is not of this connection: if it is to be aborted over it, this is the status that
    /// was sent before and not acknowledged (RFC 7143 11.5.1).
    pub(super) fn adopt_for_abort(&mut self, conn: u32, itt: u32) {
        let asked = |task: &Task| task.function == super::abort::ABORT_TASK && task.ref_task_tag == itt;
        if !self.conns.get(&conn).is_some_and(|conn| conn.tasks.iter().any(asked)) {
            return;
        }
        if let Some(mut task) = self.take_left(conn, itt)
            && let Some(conn) = self.conns.get_mut(&conn)
        {
            task.copies = 1;
            task.doubtful = true;
            conn.tasks.adopt(task);
        }
    }

    /// The response to the request `by` passed: from now on its command belongs to this connection.
    pub(super) fn reassigned(&mut self, pdu: &WirePdu<'_>, by: &Task) {
        if !self.fields.task_response.is_set(pdu.view.bhs) {
            self.goes_on_here(pdu, by);
        }
    }

    /// The response to QUERY TASK passed: a command that is there, and was not of this connection, is from now on (RFC 7144
    /// 6.3).
    pub(super) fn queried(&mut self, pdu: &WirePdu<'_>, by: &Task) {
        let response = self.fields.task_response.word(pdu.view.bhs);
        if response == FUNCTION_COMPLETE {
            self.overtook(pdu.conn, by);
        }
        let is_there = response == FUNCTION_SUCCEEDED;
        let conn = self.conns.get_mut(&pdu.conn);
        // One that was there when the query came may have been answered since, before this response.
        if is_there && !by.finds && conn.is_some_and(|conn| conn.tasks.open(by.ref_task_tag).is_none()) {
            self.goes_on_here(pdu, by);
        }
    }

    fn goes_on_here(&mut self, pdu: &WirePdu<'_>, by: &Task) {
        let Some(session_key) = self.conns.get(&pdu.conn).and_then(|conn| conn.session) else { return };
        let itt = by.ref_task_tag;
        let Some(mut task) = self.take_left(pdu.conn, itt) else {
            let text =
                format!("command {itt:#x} is to go on here, and no such command is left to be continued");
            return self.sink.add("reassign", "rfc7143/7.2.2-8", text);
        };
        let old = self
            .conns
            .iter_mut()
            .filter(|(other, conn)| **other != pdu.conn && conn.session == Some(session_key));
        let (mut base, mut offset, mut read) = (0, None, None);
        for (_, conn) in old {
            base = base.max(conn.resends.base(itt));
            let from = if by.exp_data_sn > base { by.exp_data_sn } else { base };
            offset = conn.resends.offset_of(itt, from).or(offset);
            read = conn.resends.take_read(itt).or(read);
        }
        // 0 and what is not possible leave the reference number as it is (11.5.6).
        let told = Some(by.exp_data_sn).filter(|told| *told > base && *told <= task.next_data_sn);
        let next = told.unwrap_or(base);
        if next != task.next_data_sn {
            task.next_data_in_offset = offset.unwrap_or(0);
        }
        task.next_data_sn = next;
        task.burst = 0;
        task.copies = 1;
        task.r2ts.clear();
        task.unsolicited_over = true;
        if let Some(conn) = self.conns.get_mut(&pdu.conn) {
            conn.resends.continue_read(itt, read, next);
            conn.tasks.adopt(task);
        }
    }
}
