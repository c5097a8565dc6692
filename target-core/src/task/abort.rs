//! What is left of a task that was aborted, and of a function that aborts several? (RFC 7143 4.2.3, 11.5)

use crate::api::ConnId;
use crate::task::TaskKey;
use crate::wire::{Lun, TaskRequest, TmfResponse, serial};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Tags of tasks that were aborted while write data was on its way: what still comes for them is dropped in silence.
#[derive(Debug)]
pub(crate) struct Aborted {
    tags: VecDeque<Tag>,
    limit: usize,
}

#[derive(Clone, Copy, Debug)]
struct Tag {
    itt: u32,
    conn: ConnId,
    lun: Lun,
}

impl Aborted {
    /// Remembers the last `limit` tags.
    pub(crate) const fn new(limit: usize) -> Self {
        Self { tags: VecDeque::new(), limit }
    }

    /// A task with this tag was aborted.
    pub(crate) fn remember(&mut self, itt: u32, conn: ConnId, lun: Lun) {
        if !self.contains(itt) {
            self.tags.push_back(Tag { itt, conn, lun });
            if self.tags.len() > self.limit {
                self.tags.pop_front();
            }
        }
    }

    /// Whether a task with this tag was aborted not long ago.
    pub(crate) fn contains(&self, itt: u32) -> bool {
        self.tags.iter().any(|tag| tag.itt == itt)
    }

    /// The initiator confirmed that it sends no more data for that logical unit on that connection (rfc7143/4.2.3.4, g).
    pub(crate) fn release(&mut self, conn: ConnId, lun: Lun) {
        self.tags.retain(|tag| tag.conn != conn || tag.lun.number() != lun.number());
    }
}

/// Messages about terminated tasks (AsyncEvent 5) that the initiator of a connection has still to acknowledge: one for each
/// logical unit, with the StatSN of the last.
#[derive(Debug, Default)]
pub(crate) struct Terminations(Vec<(Lun, u32)>);

impl Terminations {
    /// One was sent.
    pub(crate) fn sent(&mut self, lun: Lun, stat_sn: u32) {
        self.0.retain(|(other, _)| *other != lun);
        self.0.push((lun, stat_sn));
    }

    /// A NOP-Out with that LUN and ExpStatSN came. True if it acknowledges what was sent.
    pub(crate) fn acknowledged(&mut self, lun: Lun, exp_stat_sn: u32) -> bool {
        let before = self.0.len();
        self.0.retain(|(other, stat_sn)| *other != lun || !serial::lt(*stat_sn, exp_stat_sn));
        self.0.len() < before
    }
}

/// The response to a task management function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TmfAnswer {
    /// Initiator Task Tag.
    pub(crate) itt: u32,
    /// Response code.
    pub(crate) response: TmfResponse,
    /// Additional Response Information, three bytes.
    pub(crate) additional: u32,
    /// The request was immediate.
    pub(crate) immediate: bool,
    /// Why the session ends behind this response, if it does.
    pub(crate) ends: Option<&'static str>,
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
        for itt in [1, 2, 1] {
            aborted.remember(itt, ConnId(1), Lun(0));
        }
        assert!(aborted.contains(1) && aborted.contains(2));
        aborted.remember(3, ConnId(2), Lun(0));
        assert!(!aborted.contains(1) && aborted.contains(2) && aborted.contains(3));
        aborted.release(ConnId(2), Lun::from_number(1));
        assert!(aborted.contains(3));
        aborted.release(ConnId(2), Lun(0));
        assert!(aborted.contains(2) && !aborted.contains(3));
    }

    #[test]
    fn a_termination_is_acknowledged_by_its_unit_and_number() {
        let mut sent = Terminations::default();
        for (lun, stat_sn) in [(Lun(0), 7), (Lun::from_number(1), 8), (Lun(0), 9)] {
            sent.sent(lun, stat_sn);
        }
        assert!(!sent.acknowledged(Lun(0), 8) && !sent.acknowledged(Lun::from_number(2), 20));
        assert!(sent.acknowledged(Lun(0), 10) && !sent.acknowledged(Lun(0), 10));
        assert!(sent.acknowledged(Lun::from_number(1), 9));
    }
}
