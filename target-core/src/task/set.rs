//! Which commands of a logical unit may run now? The task set and the task attributes (SAM-5 8; RFC 7143 11.3.1).
//!
//! One set for each logical unit, shared by all sessions (TST=000b), or one for each session (TST=001b). A SIMPLE (or untagged) task waits for older ORDERED
//! tasks and for HEAD OF QUEUE tasks to end, an ORDERED one for everything older, a HEAD OF QUEUE one for nothing.
//!
//! An ACA condition (SAM-5 5.9) stops all of that until it is cleared: tasks that run may not complete, none
//! starts, and of what comes only one ACA task of the faulted nexus at a time is let in.

use crate::scsi::{NexusId, status};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Names a task set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SetKey {
    /// Number of the logical unit.
    pub(crate) number: u16,
    /// Whose it is; `None` if all nexuses share it.
    pub(crate) nexus: Option<NexusId>,
}

/// Task attributes that decide about order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    /// Untagged counts as this (SAM-3 dropped it).
    Simple,
    /// Waits for everything older.
    Ordered,
    /// Waits for nothing.
    HeadOfQueue,
    /// Serves the nexus whose ACA condition is in effect; without one the device server refuses it when it starts.
    Aca,
}

/// What is asked of [`TaskSet::refusal`] about a command that comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newcomer {
    /// From whom.
    pub(crate) nexus: NexusId,
    /// Its attribute.
    pub(crate) attribute: Attribute,
    /// NACA of its CDB.
    pub(crate) asks_for_aca: bool,
    /// It is PERSISTENT RESERVE OUT with PREEMPT AND ABORT.
    pub(crate) preempts: bool,
}

/// The tasks of one logical unit that were delivered and have not ended. `T` names a task.
#[derive(Debug)]
pub(crate) struct TaskSet<T> {
    /// With their attribute and command priority.
    dormant: VecDeque<(T, Attribute, u8)>,
    /// How many of those have a priority.
    ranked: usize,
    simple: u32,
    ordered: u32,
    head_of_queue: u32,
    aca_tasks: u32,
    /// The nexus whose command established the ACA condition that is in effect.
    aca: Option<NexusId>,
    /// Tasks whose outcome waits for its end.
    blocked: Vec<T>,
}

impl<T> Default for TaskSet<T> {
    fn default() -> Self {
        Self {
            dormant: VecDeque::new(),
            ranked: 0,
            simple: 0,
            ordered: 0,
            head_of_queue: 0,
            aca_tasks: 0,
            aca: None,
            blocked: Vec::new(),
        }
    }
}

impl<T: Copy + PartialEq> TaskSet<T> {
    /// Adds a task. True if it may run at once; otherwise it comes out of [`TaskSet::next`] in its turn.
    pub(crate) fn enter(&mut self, task: T, attribute: Attribute, priority: u8) -> bool {
        let may = match attribute {
            Attribute::HeadOfQueue | Attribute::Aca => true,
            Attribute::Simple | Attribute::Ordered => {
                (self.dormant.is_empty() || planted!(SimpleOvertakes)) && self.may_run(attribute)
            }
        };
        if may {
            *self.count(attribute) += 1;
        } else {
            self.ranked += usize::from(priority != 0);
            self.dormant.push_back((task, attribute, priority));
        }
        may
    }

    /// A running task ended, with status or by force. Ask [`TaskSet::next`] afterwards.
    pub(crate) fn end(&mut self, attribute: Attribute) {
        let count = self.count(attribute);
        *count = count.saturating_sub(1);
    }

    /// A running task has another attribute from now on. Ask [`TaskSet::next`] afterwards.
    pub(crate) fn change(&mut self, from: Attribute, to: Attribute) {
        self.end(from);
        *self.count(to) += 1;
    }

    /// Takes out a task that has not run.
    pub(crate) fn forget(&mut self, task: T) {
        if let Some(at) = self.dormant.iter().position(|(other, ..)| *other == task) {
            self.take(at);
        }
    }

    /// The next waiting task that may run now. Of SIMPLE tasks that may run together the one of the highest priority is
    /// first: 1 before 15 (SAM-5 8.7), and those without one last.
    pub(crate) fn next(&mut self) -> Option<T> {
        let (_, attribute, _) = *self.dormant.front()?;
        if self.aca.is_some() || !self.may_run(attribute) {
            return None;
        }
        let mut at = 0;
        if attribute == Attribute::Simple && self.ranked > 0 {
            let together = self.dormant.iter().take_while(|(_, other, _)| *other == Attribute::Simple);
            let ranks = together.enumerate().map(|(at, (.., priority))| (priority.wrapping_sub(1), at));
            at = ranks.min().map_or(0, |(_, at)| at);
        }
        let task = self.take(at)?;
        *self.count(attribute) += 1;
        Some(task)
    }

    /// The status that a new command ends with because of the ACA condition in effect (SAM-5 5.9.4); `None` lets it in.
    pub(crate) fn refusal(&self, new: Newcomer) -> Option<u8> {
        let faulted = self.aca?;
        let serves = new.nexus == faulted && new.attribute == Attribute::Aca && self.aca_tasks == 0;
        if serves || (new.preempts && new.nexus != faulted) {
            None
        } else if new.nexus == faulted || new.attribute == Attribute::Aca || new.asks_for_aca {
            Some(status::ACA_ACTIVE)
        } else {
            Some(status::BUSY)
        }
    }

    /// How many tasks were delivered and have not ended.
    pub(crate) fn len(&self) -> usize {
        self.dormant.len().saturating_add(self.running())
    }

    /// How many of them are being executed.
    pub(crate) fn running(&self) -> usize {
        let all = [self.simple, self.ordered, self.head_of_queue, self.aca_tasks];
        all.into_iter().map(|count| count as usize).fold(0, usize::saturating_add)
    }

    /// The nexus whose ACA condition is in effect.
    pub(crate) const fn aca(&self) -> Option<NexusId> {
        self.aca
    }

    /// A command of that nexus that asked for it ended with CHECK CONDITION.
    pub(crate) const fn establish_aca(&mut self, nexus: NexusId) {
        self.aca = Some(nexus);
    }

    /// A task came to its end, which the ACA condition keeps back.
    pub(crate) fn block(&mut self, task: T) {
        self.blocked.push(task);
    }

    /// Ends the ACA condition; gives the tasks that it kept from completing. Ask [`TaskSet::next`] afterwards.
    pub(crate) fn clear_aca(&mut self) -> Vec<T> {
        self.aca = None;
        core::mem::take(&mut self.blocked)
    }

    fn take(&mut self, at: usize) -> Option<T> {
        let (task, _, priority) = self.dormant.remove(at)?;
        self.ranked = self.ranked.saturating_sub(usize::from(priority != 0));
        Some(task)
    }

    fn may_run(&self, attribute: Attribute) -> bool {
        match attribute {
            Attribute::Simple => self.ordered == 0 && self.head_of_queue == 0,
            Attribute::Ordered => {
                (self.simple == 0 || planted!(OrderedOvertakes))
                    && self.ordered == 0
                    && self.head_of_queue == 0
            }
            Attribute::HeadOfQueue | Attribute::Aca => true,
        }
    }

    fn count(&mut self, attribute: Attribute) -> &mut u32 {
        match attribute {
            Attribute::Simple => &mut self.simple,
            Attribute::Ordered => &mut self.ordered,
            Attribute::HeadOfQueue => &mut self.head_of_queue,
            Attribute::Aca => &mut self.aca_tasks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Attribute::{Aca, HeadOfQueue, Ordered, Simple};
    use super::*;

    #[test]
    fn ordered_waits_for_the_older_and_holds_up_the_newer() {
        let mut set = TaskSet::default();
        assert!(set.enter(1, Simple, 0));
        assert!(set.enter(2, Simple, 0));
        assert!(!set.enter(3, Ordered, 0));
        assert!(!set.enter(4, Simple, 0));
        set.end(Simple);
        assert_eq!(set.next(), None);
        set.end(Simple);
        assert_eq!((set.next(), set.next()), (Some(3), None));
        set.end(Ordered);
        assert_eq!((set.next(), set.next()), (Some(4), None));
    }

    #[test]
    fn head_of_queue_passes_and_new_simple_tasks_wait_for_it() {
        let mut set = TaskSet::default();
        assert!(set.enter(1, Simple, 0));
        assert!(!set.enter(2, Ordered, 0));
        assert!(set.enter(3, HeadOfQueue, 0));
        set.end(Simple);
        assert_eq!(set.next(), None);
        set.end(HeadOfQueue);
        assert_eq!(set.next(), Some(2));
    }

    #[test]
    fn a_forgotten_task_holds_up_nobody() {
        let mut set = TaskSet::default();
        assert!(set.enter(1, Simple, 0));
        assert!(!set.enter(2, Ordered, 0));
        assert!(!set.enter(3, Simple, 0));
        set.forget(2);
        assert_eq!(set.next(), Some(3));
        assert!(!set.enter(4, Ordered, 0) && set.enter(5, HeadOfQueue, 0));
    }

    #[test]
    fn of_simple_tasks_that_wait_together_the_highest_priority_is_first() {
        let mut set = TaskSet::default();
        assert!(set.enter(1, Ordered, 0));
        for (task, priority) in [(2, 0), (3, 15), (4, 1), (5, 1)] {
            assert!(!set.enter(task, Simple, priority));
        }
        assert!(!set.enter(6, Ordered, 1) && !set.enter(7, Simple, 1));
        set.forget(5);
        set.end(Ordered);
        let order: Vec<i32> = core::iter::from_fn(|| set.next()).collect();
        assert_eq!(order, [4, 3, 2], "priority does not pass an ORDERED task");
    }

    #[test]
    fn an_aca_condition_lets_in_one_task_of_its_nexus_and_starts_nothing() {
        let (one, two) = (NexusId(1), NexusId(2));
        let mut set = TaskSet::default();
        let new =
            |nexus, attribute, asks_for_aca| Newcomer { nexus, attribute, asks_for_aca, preempts: false };
        assert!(set.enter(1, Ordered, 0) && !set.enter(2, Simple, 0));
        assert_eq!(set.refusal(new(one, Aca, false)), None, "the device server's to refuse");
        set.establish_aca(one);
        set.end(Ordered);
        assert_eq!(set.next(), None);
        for (newcomer, refusal) in [
            (new(one, Simple, false), Some(status::ACA_ACTIVE)),
            (new(one, HeadOfQueue, true), Some(status::ACA_ACTIVE)),
            (new(two, Simple, false), Some(status::BUSY)),
            (new(two, Simple, true), Some(status::ACA_ACTIVE)),
            (new(two, Aca, false), Some(status::ACA_ACTIVE)),
            (new(one, Aca, false), None),
        ] {
            assert_eq!(set.refusal(newcomer), refusal, "{newcomer:?}");
        }
        assert!(set.enter(3, Aca, 0));
        assert_eq!(set.refusal(new(one, Aca, true)), Some(status::ACA_ACTIVE), "one at a time");
        let preempts = |nexus| Newcomer { preempts: true, ..new(nexus, Simple, false) };
        assert_eq!(set.refusal(preempts(one)), Some(status::ACA_ACTIVE));
        assert_eq!(set.refusal(preempts(two)), None, "the way out for everybody else");
        set.block(4);
        assert_eq!(set.clear_aca(), [4]);
        assert_eq!((set.next(), set.aca()), (Some(2), None));
    }
}
