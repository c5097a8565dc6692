//! Is everything answered that the target has to answer, once nothing stands in its way?

use super::task::{Task, Tasks};
use super::{SessionState, Sink};

/// Reports the requests of one connection that should have been answered by now.
pub(super) fn check(open: bool, session: Option<&SessionState>, tasks: &Tasks, sink: &mut Sink) {
    if !open {
        return;
    }
    for task in tasks.iter().filter(|task| is_due(task, session)) {
        let text = format!("{} {:#x} was accepted but not answered", task.kind, task.itt);
        sink.add("progress", "rfc7143/4.2.2", text);
    }
}

fn is_due(task: &Task, session: Option<&SessionState>) -> bool {
    // While the initiator owes data, or a command before it, the target rightly waits.
    let waits = task.write && (!task.unsolicited_over || !task.r2ts.is_empty());
    let taken = task.immediate || session.is_none_or(|session| session.is_in_order(task.cmd_sn));
    task.certain && !task.excused && !waits && taken
}
