//! Which commands of a logical unit may run now? The task set and the task attributes (SAM-5 8; RFC 7143 11.3.1).
//!
//! One set for each logical unit, shared by all sessions (TST=000b). A SIMPLE (or untagged) task waits for older ORDERED
//! tasks and for HEAD OF QUEUE tasks to end, an ORDERED one for everything older, a HEAD OF QUEUE one for nothing.

use alloc::collections::VecDeque;

/// Task attributes that decide about order; ACA is refused before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attribute {
    /// Untagged counts as this (SAM-3 dropped it).
    Simple,
    /// Waits for everything older.
    Ordered,
    /// Waits for nothing.
    HeadOfQueue,
}

/// The tasks of one logical unit that were delivered and have not ended. `T` names a task.
#[derive(Debug)]
pub(crate) struct TaskSet<T> {
    dormant: VecDeque<(T, Attribute)>,
    simple: u32,
    ordered: u32,
    head_of_queue: u32,
}

impl<T> Default for TaskSet<T> {
    fn default() -> Self {
        Self { dormant: VecDeque::new(), simple: 0, ordered: 0, head_of_queue: 0 }
    }
}

impl<T: Copy + PartialEq> TaskSet<T> {
    /// Adds a task. True if it may run at once; otherwise it comes out of [`TaskSet::next`] in its turn.
    pub(crate) fn enter(&mut self, task: T, attribute: Attribute) -> bool {
        let may = match attribute {
            Attribute::HeadOfQueue => true,
            Attribute::Simple | Attribute::Ordered => self.dormant.is_empty() && self.may_run(attribute),
        };
        if may {
            *self.count(attribute) += 1;
        } else {
            self.dormant.push_back((task, attribute));
        }
        may
    }

    /// A running task ended, with status or by force. Ask [`TaskSet::next`] afterwards.
    pub(crate) fn end(&mut self, attribute: Attribute) {
        let count = self.count(attribute);
        *count = count.saturating_sub(1);
    }

    /// Takes out a task that has not run.
    pub(crate) fn forget(&mut self, task: T) {
        self.dormant.retain(|(other, _)| *other != task);
    }

    /// The next waiting task that may run now.
    pub(crate) fn next(&mut self) -> Option<T> {
        let (task, attribute) = *self.dormant.front()?;
        if !self.may_run(attribute) {
            return None;
        }
        self.dormant.pop_front();
        *self.count(attribute) += 1;
        Some(task)
    }

    fn may_run(&self, attribute: Attribute) -> bool {
        match attribute {
            Attribute::Simple => self.ordered == 0 && self.head_of_queue == 0,
            Attribute::Ordered => self.simple == 0 && self.ordered == 0 && self.head_of_queue == 0,
            Attribute::HeadOfQueue => true,
        }
    }

    fn count(&mut self, attribute: Attribute) -> &mut u32 {
        match attribute {
            Attribute::Simple => &mut self.simple,
            Attribute::Ordered => &mut self.ordered,
            Attribute::HeadOfQueue => &mut self.head_of_queue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Attribute::{HeadOfQueue, Ordered, Simple};
    use super::*;

    #[test]
    fn ordered_waits_for_the_older_and_holds_up_the_newer() {
        let mut set = TaskSet::default();
        assert!(set.enter(1, Simple));
        assert!(set.enter(2, Simple));
        assert!(!set.enter(3, Ordered));
        assert!(!set.enter(4, Simple));
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
        assert!(set.enter(1, Simple));
        assert!(!set.enter(2, Ordered));
        assert!(set.enter(3, HeadOfQueue));
        set.end(Simple);
        assert_eq!(set.next(), None);
        set.end(HeadOfQueue);
        assert_eq!(set.next(), Some(2));
    }

    #[test]
    fn a_forgotten_task_holds_up_nobody() {
        let mut set = TaskSet::default();
        assert!(set.enter(1, Simple));
        assert!(!set.enter(2, Ordered));
        assert!(!set.enter(3, Simple));
        set.forget(2);
        assert_eq!(set.next(), Some(3));
        assert!(!set.enter(4, Ordered) && set.enter(5, HeadOfQueue));
    }
}
