//! Is everything answered that the target has to answer, once nothing stands in its way?

use super::task::{Task, Tasks};
use super::{SessionState, Sink};
use crate::codec::Kind;

/// Reports the requests of one connection that should have been answered by now.
pub(super) fn check(
    open: bool,
    session: Option<&SessionState>,
    tasks: &Tasks,
    held_up: impl Fn(&Task) -> bool,
    sink: &mut Sink,
) {
    if !open {
        return;
    }
    for task in tasks.iter().filter(|task| is_due(task, session) && !held_up(task)) {
        let text = format!("{} {:#x} was accepted but not answered", task.kind, task.itt);
        sink.add("progress", "rfc7143/4.2.2", text);
    }
}

fn is_due(task: &Task, session: Option<&SessionState>) -> bool {
    // While the initiator owes data, or a command before it, the target rightly waits.
    let waits = task.write && (!task.unsolicited_over || !task.r2ts.is_empty());
    // An immediate abort waits for the commands before it, which it may have to abort (11.5.1).
    let last = if task.immediate { task.cmd_sn.wrapping_sub(1) } else { task.cmd_sn };
    let waits_for_order = !task.immediate || task.kind == Kind::TaskRequest;
    let taken = !waits_for_order || session.is_none_or(|session| session.is_in_order(last));
    task.certain && !task.excused && !waits && taken
}
