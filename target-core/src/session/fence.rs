//! Which responses may not pass one another? The Response Fence of a session with several connections
//! (RFC 7143 4.2.2.3.2 and 4.2.2.3.3).
//!
//! A fenced response waits until everything handed over before it was sent and acknowledged on every connection; what is
//! handed over after it waits until it was acknowledged itself. The verbs are in [`target`](crate::target).

use crate::api::ConnId;
use crate::task::TaskKey;
use crate::task::abort::TmfAnswer;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// A response that the SCSI layer handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// That of a command.
    Task(TaskKey),
    /// That of a task management function, and the connection it goes to.
    Tmf(ConnId, TmfAnswer),
}

/// Whose order a response is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// One logical unit's, by its number; `None` is a LUN that has none.
    Unit(Option<u16>),
    /// That of all logical units.
    All,
}

impl Scope {
    /// Whether responses of the two may have to keep their order.
    pub(crate) fn meets(self, other: Self) -> bool {
        self == Self::All || other == Self::All || self == other
    }
}

/// How far a fence is.
#[derive(Debug)]
pub(crate) enum Step {
    /// These commands were answered before it; their responses have not all gone out.
    Unsent(Vec<TaskKey>),
    /// Everything before it has gone out; these StatSNs are the next ones of their connections once it is acknowledged.
    Unacknowledged(Vec<(ConnId, u32)>),
    /// The fenced response is on its way on that connection.
    Sent(ConnId),
}

/// One fence.
#[derive(Debug)]
pub(crate) struct Fence {
    /// The fenced response.
    pub(crate) response: Response,
    /// Whose responses it holds up.
    pub(crate) scope: Scope,
    /// How far it is.
    pub(crate) step: Step,
    /// What was handed over behind it, in order, and whether that is fenced itself.
    pub(crate) held: VecDeque<(Response, Scope, bool)>,
}

impl Fence {
    /// Whether a response waits behind it, or is the fenced one and not on its way yet.
    pub(crate) fn holds(&self, response: Response) -> bool {
        let is_behind = self.held.iter().any(|(held, ..)| *held == response);
        is_behind || (self.response == response && !matches!(self.step, Step::Sent(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_concerns_its_logical_unit_or_all() {
        let (one, two) = (Scope::Unit(Some(1)), Scope::Unit(Some(2)));
        assert!(one.meets(one) && !one.meets(two) && one.meets(Scope::All) && Scope::All.meets(two));
    }
}
