//! Which tags were last in some state? A bounded list in which looking one up does not mean looking through.

use std::collections::{BTreeMap, VecDeque};

/// Tags kept of each list: to tell a late PDU of an aborted task from one of a task that never was.
const KEPT: usize = 1024;

/// The last tags, the oldest first; a tag may be in it more than once.
#[derive(Debug, Default)]
pub(super) struct Tags {
    order: VecDeque<u32>,
    /// How often each is in `order`.
    count: BTreeMap<u32, u32>,
}

impl Tags {
    /// Adds a tag; the oldest gives way.
    pub(super) fn push(&mut self, tag: u32) {
        if self.order.len() == KEPT
            && let Some(oldest) = self.order.pop_front()
            && let Some(count) = self.count.get_mut(&oldest)
        {
            *count -= 1;
            if *count == 0 {
                self.count.remove(&oldest);
            }
        }
        self.order.push_back(tag);
        *self.count.entry(tag).or_default() += 1;
    }

    /// Takes a tag out: it is in use again.
    pub(super) fn remove(&mut self, tag: u32) {
        if self.count.remove(&tag).is_some() {
            self.order.retain(|known| *known != tag);
        }
    }

    /// True if it is there.
    pub(super) fn contains(&self, tag: u32) -> bool {
        self.count.contains_key(&tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_gives_way_and_a_tag_goes_as_a_whole() {
        let mut tags = Tags::default();
        (0..KEPT as u32).for_each(|tag| tags.push(tag));
        tags.push(1);
        assert!(!tags.contains(0) && tags.contains(1) && tags.contains(2));
        tags.push(9);
        assert!(tags.contains(1), "it is there once more");
        tags.remove(1);
        assert!(!tags.contains(1) && tags.order.len() == KEPT - 1);
        tags.push(7777);
        assert!(tags.contains(2) && tags.contains(7777), "what was taken out has left room");
    }
}
