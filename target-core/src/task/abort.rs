//! What is left of a task that was aborted, and of a function that aborts several? (RFC 7143 4.2.3, 11.5)

use crate::api::ConnId;
use crate::task::TaskKey;
use crate::wire::TaskRequest;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Tags of tasks that were aborted while write data was on its way: what still comes for them is dropped in silence.
#[derive(Debug)]
pub(crate) struct Aborted {
    tags: VecDeque<u32>,
    limit: usize,
}

impl Aborted {
    /// Remembers the last `limit` tags.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { tags: VecDeque::new(), limit }
    }

    /// A task with this tag was aborted.
    pub(crate) fn remember(&mut self, itt: u32) {
        if !self.contains(itt) {
            self.tags.push_back(itt);
            if self.tags.len() > self.limit {
                self.tags.pop_front();
            }
        }
    }

    /// Whether a task with this tag was aborted not long ago.
    pub(crate) fn contains(&self, itt: u32) -> bool {
        self.tags.contains(&itt)
    }
}

/// A task management function that was received and cannot be answered yet.
#[derive(Debug)]
pub(crate) struct PendingTmf {
    /// The connection its response goes to.
    pub(crate) conn: ConnId,
    /// The request.
    pub(crate) request: TaskRequest,
    /// What it waits for.
    pub(crate) wait: TmfWait,
}

/// What a task management function waits for (RFC 7143 4.2.3.3). Never for storage.
#[derive(Debug)]
pub(crate) enum TmfWait {
    /// Commands with a smaller CmdSN that have not come.
    Commands,
    /// Write data that these tasks were asked for.
    Data(Vec<TaskKey>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_last_few() {
        let mut aborted = Aborted::new(2);
        aborted.remember(1);
        aborted.remember(2);
        aborted.remember(1);
        assert!(aborted.contains(1) && aborted.contains(2));
        aborted.remember(3);
        assert!(!aborted.contains(1) && aborted.contains(2) && aborted.contains(3));
    }
}
