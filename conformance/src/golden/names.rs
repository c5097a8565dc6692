//! Which task is this? Numbers that an implementation picks become names in the order in which they first appear.

use crate::trace::CONN_UNKNOWN;
use std::collections::BTreeMap;

/// The tag that stands for none (RFC 7143 11.2.1.8).
pub(super) const RESERVED_TAG: u32 = 0xffff_ffff;

/// A kind of number, the letter before its names, and the numbers seen so far.
#[derive(Debug)]
struct Space {
    letter: char,
    seen: BTreeMap<u32, usize>,
}

impl Space {
    const fn new(letter: char) -> Self {
        Self { letter, seen: BTreeMap::new() }
    }

    fn name(&mut self, number: u32) -> String {
        let next = self.seen.len() + 1;
        let ordinal = *self.seen.entry(number).or_insert(next);
        format!("{}{ordinal}", self.letter)
    }
}

/// The names of one trace.
#[derive(Debug)]
pub(super) struct Names {
    conns: Space,
    tasks: Space,
    transfers: Space,
    sessions: Space,
}

impl Names {
    pub(super) const fn new() -> Self {
        Self {
            conns: Space::new('c'),
            tasks: Space::new('t'),
            transfers: Space::new('x'),
            sessions: Space::new('s'),
        }
    }

    /// A connection's ordinal.
    pub(super) fn conn(&mut self, ordinal: u32) -> String {
        if ordinal == CONN_UNKNOWN { "-".into() } else { self.conns.name(ordinal) }
    }

    /// An Initiator Task Tag or a Referenced Task Tag.
    pub(super) fn task(&mut self, tag: u32) -> String {
        if tag == RESERVED_TAG { "-".into() } else { self.tasks.name(tag) }
    }

    /// A Target Transfer Tag.
    pub(super) fn transfer(&mut self, tag: u32) -> String {
        if tag == RESERVED_TAG { "-".into() } else { self.transfers.name(tag) }
    }

    /// A TSIH; 0 asks for a new session and stays 0.
    pub(super) fn session(&mut self, tsih: u32) -> String {
        if tsih == 0 { "0".into() } else { self.sessions.name(tsih) }
    }
}
