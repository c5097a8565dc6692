//! Which command may be delivered next, and how many more may come? (RFC 7143 section 4.2.2.1)
//!
//! Holds the commands that arrived early, whatever connection brought them, and hands every command out once, in CmdSN
//! order. The window closes as commands are outstanding and opens as they finish; the MaxCmdSN it advertises never
//! moves back, so a command that an initiator was allowed to send is never out of the window when it arrives.

use crate::wire::serial;
use alloc::collections::VecDeque;

/// What became of a command that arrived.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival<T> {
    /// It is the next one: deliver it, then ask [`CmdWindow::next_ready`].
    Ready(T),
    /// It came early and is held.
    Held,
    /// It is outside the window or was there before: silently ignored (rfc7143/4.2.2.1-14).
    Ignored(T),
}

#[derive(Debug)]
enum Slot<T> {
    Empty,
    Held(T),
    /// Counts as received though nothing will be delivered.
    Plugged,
}

/// The command window of one session.
#[derive(Debug)]
pub struct CmdWindow<T> {
    exp_cmd_sn: u32,
    max_cmd_sn: u32,
    size: u32,
    outstanding: u32,
    /// Slot `i` is for ExpCmdSN + i; no longer than the window.
    slots: VecDeque<Slot<T>>,
}

impl<T> CmdWindow<T> {
    /// A window of `size` commands (at least 1, below 2^31) that starts with `first_cmd_sn`.
    pub fn new(first_cmd_sn: u32, size: u32) -> Self {
        let size = size.clamp(1, (1 << 31) - 1);
        Self {
            exp_cmd_sn: first_cmd_sn,
            max_cmd_sn: first_cmd_sn.wrapping_add(size - 1),
            size,
            outstanding: 0,
            slots: VecDeque::new(),
        }
    }

    /// The next CmdSN to be delivered.
    pub const fn exp_cmd_sn(&self) -> u32 {
        self.exp_cmd_sn
    }

    /// Whether the initiator may send no more commands for now.
    pub const fn is_closed(&self) -> bool {
        self.max_cmd_sn.wrapping_add(1) == self.exp_cmd_sn
    }

    /// The last CmdSN the initiator may send.
    pub const fn max_cmd_sn(&self) -> u32 {
        self.max_cmd_sn
    }

    /// Commands delivered and not finished.
    pub const fn outstanding(&self) -> u32 {
        self.outstanding
    }

    /// True if a command with that number would be taken: it is in the window and was not there before.
    pub fn accepts(&self, cmd_sn: u32) -> bool {
        if planted!(CmdSnNoWrap) && cmd_sn < self.exp_cmd_sn {
            return false;
        }
        let slot = self.index(cmd_sn).map(|index| self.slots.get(index));
        matches!(slot, Some(None | Some(Slot::Empty)))
    }

    /// Takes back that the last command was delivered: it was rejected, so its number counts as not received
    /// (rfc7143/7.3-2).
    pub fn undeliver(&mut self) {
        self.exp_cmd_sn = self.exp_cmd_sn.wrapping_sub(1);
        self.outstanding = self.outstanding.saturating_sub(1);
        self.slots.push_front(Slot::Empty);
    }

    /// Takes a non-immediate command.
    pub fn arrive(&mut self, cmd_sn: u32, item: T) -> Arrival<T> {
        let Some(index) = self.index(cmd_sn) else { return Arrival::Ignored(item) };
        if index == 0 && !matches!(self.slots.front(), Some(Slot::Held(_) | Slot::Plugged)) {
            self.slots.pop_front();
            self.deliver();
            return Arrival::Ready(item);
        }
        match self.slot(index) {
            Some(slot @ Slot::Empty) => {
                *slot = Slot::Held(item);
                Arrival::Held
            }
            _ => Arrival::Ignored(item),
        }
    }

    /// The next held command whose turn has come.
    pub fn next_ready(&mut self) -> Option<T> {
        loop {
            match self.slots.front() {
                Some(Slot::Held(_) | Slot::Plugged) => {}
                // A gap holds up what is behind it (rfc7143/4.2.2.1-9).
                Some(Slot::Empty) | None => return None,
            }
            if let Some(Slot::Held(item)) = self.slots.pop_front() {
                self.deliver();
                return Some(item);
            }
            // A plugged number passes without a command behind it.
            self.deliver();
            if !planted!(PluggedLeaks) {
                self.finish();
            }
        }
    }

    /// Counts `cmd_sn` as received, though it never came (rfc7143/11.5.1: an abort names a command that is missing).
    /// False if it is outside the window or did come.
    pub fn plug(&mut self, cmd_sn: u32) -> bool {
        let Some(index) = self.index(cmd_sn) else { return false };
        match self.slot(index) {
            Some(slot @ Slot::Empty) => {
                if !planted!(AbortLeavesGap) {
                    *slot = Slot::Plugged;
                }
                true
            }
            _ => false,
        }
    }

    /// Takes out the held commands that `wanted` picks, in order; their numbers count as received.
    pub fn remove_held(&mut self, mut wanted: impl FnMut(&T) -> bool, mut each: impl FnMut(T)) {
        for slot in &mut self.slots {
            if matches!(slot, Slot::Held(item) if wanted(item))
                && let Slot::Held(item) = core::mem::replace(slot, Slot::Plugged)
            {
                each(item);
            }
        }
    }

    /// Takes out the held commands that `wanted` picks; their numbers count as never received (RFC 7143 11.14).
    pub fn discard_held(&mut self, mut wanted: impl FnMut(&T) -> bool, mut each: impl FnMut(T)) {
        for slot in &mut self.slots {
            if matches!(slot, Slot::Held(item) if wanted(item))
                && let Slot::Held(item) = core::mem::replace(slot, Slot::Empty)
            {
                each(item);
            }
        }
    }

    /// The held commands in order.
    pub fn held(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| if let Slot::Held(item) = slot { Some(item) } else { None })
    }

    /// A delivered command is finished: its place in the window is free again.
    pub fn finish(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
        let room = self.size.saturating_sub(self.outstanding);
        let max = self.exp_cmd_sn.wrapping_add(room).wrapping_sub(u32::from(!planted!(WindowSize)));
        // It never goes back, so it is never below ExpCmdSN - 1 (rfc7143/4.2.2.1-11).
        if serial::lt(self.max_cmd_sn, max) {
            self.max_cmd_sn = max;
        }
    }

    fn deliver(&mut self) {
        self.exp_cmd_sn = self.exp_cmd_sn.wrapping_add(1);
        self.outstanding = self.outstanding.saturating_add(1);
        if planted!(MaxCmdSnBack) {
            self.max_cmd_sn = self.max_cmd_sn.wrapping_sub(1);
        }
    }

    /// Distance from ExpCmdSN, if inside the window.
    fn index(&self, cmd_sn: u32) -> Option<usize> {
        let open = self.max_cmd_sn.wrapping_sub(self.exp_cmd_sn).wrapping_add(1);
        let index = cmd_sn.wrapping_sub(self.exp_cmd_sn);
        // A closed window has MaxCmdSN = ExpCmdSN - 1, so `open` is 0.
        if index < open { usize::try_from(index).ok() } else { None }
    }

    fn slot(&mut self, index: usize) -> Option<&mut Slot<T>> {
        while self.slots.len() <= index {
            self.slots.push_back(Slot::Empty);
        }
        self.slots.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    #[test]
    fn early_commands_wait_for_the_gap_across_the_wrap() {
        let mut window = CmdWindow::new(0xffff_fffe, 8);
        assert_eq!(window.max_cmd_sn(), 5);
        assert_eq!(window.arrive(0, 'c'), Arrival::Held);
        assert_eq!(window.arrive(0xffff_ffff, 'b'), Arrival::Held);
        assert_eq!(window.arrive(0, 'x'), Arrival::Ignored('x'));
        assert_eq!(window.next_ready(), None);
        assert_eq!(window.arrive(0xffff_fffe, 'a'), Arrival::Ready('a'));
        assert_eq!(
            (window.next_ready(), window.next_ready(), window.next_ready()),
            (Some('b'), Some('c'), None)
        );
        assert_eq!(window.exp_cmd_sn(), 1);
        assert_eq!(window.arrive(0xffff_fffe, 'a'), Arrival::Ignored('a'));
    }

    #[test]
    fn a_full_window_closes_and_opens_as_commands_finish() {
        let mut window = CmdWindow::new(1, 2);
        assert_eq!(window.arrive(1, ()), Arrival::Ready(()));
        assert_eq!(window.arrive(2, ()), Arrival::Ready(()));
        assert_eq!((window.exp_cmd_sn(), window.max_cmd_sn()), (3, 2));
        assert_eq!(window.arrive(3, ()), Arrival::Ignored(()));
        window.finish();
        assert_eq!(window.max_cmd_sn(), 3);
        assert_eq!(window.arrive(3, ()), Arrival::Ready(()));
    }

    #[test]
    fn plugged_and_removed_numbers_pass_without_a_command() {
        let mut window = CmdWindow::new(10, 4);
        assert!(window.plug(10));
        assert!(!window.plug(10));
        assert!(!window.plug(9));
        assert_eq!(window.arrive(10, 'x'), Arrival::Ignored('x'));
        assert_eq!(window.arrive(11, 'a'), Arrival::Held);
        assert_eq!(window.arrive(12, 'b'), Arrival::Held);
        let mut gone = Vec::new();
        window.remove_held(|item| *item == 'a', |item| gone.push(item));
        assert_eq!(gone, ['a']);
        assert_eq!(window.next_ready(), Some('b'));
        assert_eq!((window.exp_cmd_sn(), window.max_cmd_sn(), window.outstanding()), (13, 15, 1));
    }

    proptest! {
        /// However commands arrive, each inside the window is delivered once and in order, and MaxCmdSN never moves back.
        #[test]
        fn delivers_once_in_order(first: u32, size in 1u32..12, moves in proptest::collection::vec((0u32..16, any::<bool>()), 0..200)) {
            let mut window = CmdWindow::new(first, size);
            let (mut delivered, mut arrived) = (Vec::new(), BTreeSet::new());
            for (step, finish) in moves {
                let before = window.max_cmd_sn();
                let cmd_sn = window.exp_cmd_sn().wrapping_add(step).wrapping_sub(3);
                match window.arrive(cmd_sn, cmd_sn) {
                    Arrival::Ready(item) => {
                        prop_assert!(arrived.insert(item));
                        delivered.push(item);
                        while let Some(item) = window.next_ready() {
                            delivered.push(item);
                        }
                    }
                    Arrival::Held => prop_assert!(arrived.insert(cmd_sn)),
                    Arrival::Ignored(item) => prop_assert_eq!(item, cmd_sn),
                }
                if finish && window.outstanding() > 0 {
                    window.finish();
                }
                prop_assert!(serial::le(before, window.max_cmd_sn()));
                prop_assert!(window.max_cmd_sn().wrapping_sub(window.exp_cmd_sn()).wrapping_add(1) <= size);
            }
            for (index, item) in delivered.iter().enumerate() {
                prop_assert_eq!(*item, first.wrapping_add(u32::try_from(index).unwrap_or(0)));
            }
        }
    }
}
