//! Connections that left their session and may still be spoken of: to be logged out, or to have their commands continued
//! (RFC 7143 7.5, 8.2, 11.14).

use crate::api::ConnId;
use crate::config::CONNECTIONS_MAX;
use crate::session::cleanup::{CleanupState, CleanupTransition};
use crate::time::Instant;
use alloc::vec::Vec;

/// A connection that is gone. Its commands still name it as the one they are allegiant to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Its Connection ID.
    pub(crate) cid: u16,
    /// What the driver called it.
    pub(crate) conn: ConnId,
    /// Where it is in RFC 7143 8.2: R1 as long as nobody logged it out, R3 afterwards.
    pub(crate) state: CleanupState,
    /// The StatSN after the last that it gave.
    pub(crate) stat_sn: u32,
    /// When its state, and what is left of its commands, is discarded (Time2Wait and Time2Retain).
    pub(crate) until: Instant,
}

impl Lost {
    /// A logout of it, explicit or by reinstatement, succeeded: its commands may be reassigned from now on.
    pub(crate) fn log_out(&mut self, until: Instant) {
        for transition in [CleanupTransition::M2, CleanupTransition::M4] {
            if let Some(state) = self.state.next(transition) {
                self.state = state;
            }
        }
        self.until = until;
    }

    /// True once it is logged out.
    pub(crate) fn is_logged_out(&self) -> bool {
        self.state == CleanupState::Free
    }
}

/// The lost connections of a session, in the order in which they were lost.
#[derive(Debug, Default)]
pub(crate) struct LostConns(Vec<Lost>);

impl LostConns {
    /// Adds one. The oldest is returned if there are too many: its time is up early.
    pub(crate) fn add(&mut self, lost: Lost) -> Option<Lost> {
        let full = self.0.len() >= usize::from(CONNECTIONS_MAX);
        let oldest = full.then(|| self.0.remove(0));
        self.0.push(lost);
        oldest
    }

    /// The one that the driver called `conn`.
    pub(crate) fn find(&self, conn: ConnId) -> Option<&Lost> {
        self.0.iter().find(|lost| lost.conn == conn)
    }

    /// The one of that CID that nobody logged out. There is at most one: a later one of that CID logs it out.
    pub(crate) fn awaiting_cleanup(&self, cid: u16) -> Option<&Lost> {
        self.0.iter().find(|lost| lost.cid == cid && !lost.is_logged_out())
    }

    /// What the driver called those of that CID.
    pub(crate) fn of_cid(&self, cid: u16) -> impl Iterator<Item = ConnId> {
        self.0.iter().filter(move |lost| lost.cid == cid).map(|lost| lost.conn)
    }

    /// Logs out all of that CID that nobody has logged out; false if there is none.
    pub(crate) fn log_out(&mut self, cid: u16, until: Instant) -> bool {
        let waiting = |lost: &&mut Lost| lost.cid == cid && !lost.is_logged_out();
        let mut any = false;
        for lost in self.0.iter_mut().filter(waiting) {
            lost.log_out(until);
            any = true;
        }
        any
    }

    /// Takes out those that `wanted` picks.
    pub(crate) fn take(&mut self, mut wanted: impl FnMut(&Lost) -> bool) -> Vec<Lost> {
        self.0.extract_if(.., |lost| wanted(lost)).collect()
    }

    /// When the first of them is discarded.
    pub(crate) fn until(&self) -> Option<Instant> {
        self.0.iter().map(|lost| lost.until).min()
    }

    /// True if a connection waits to be logged out.
    pub(crate) fn await_cleanup(&self) -> bool {
        self.0.iter().any(|lost| !lost.is_logged_out())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(cid: u16, conn: u64) -> Lost {
        Lost {
            cid,
            conn: ConnId(conn),
            state: CleanupState::CleanupWait,
            stat_sn: 1,
            until: Instant::from_nanos(conn),
        }
    }

    #[test]
    fn a_logout_is_for_all_that_had_the_cid_and_only_once() {
        let mut all = LostConns::default();
        for (cid, conn) in [(1, 10), (2, 11), (1, 12)] {
            assert_eq!(all.add(lost(cid, conn)), None);
        }
        assert_eq!(all.until(), Some(Instant::from_nanos(10)));
        assert!(all.log_out(1, Instant::from_nanos(20)) && !all.log_out(1, Instant::from_nanos(30)));
        assert_eq!(all.until(), Some(Instant::from_nanos(11)));
        let state = |all: &LostConns, conn| all.find(ConnId(conn)).map(Lost::is_logged_out);
        assert_eq!(
            (state(&all, 10), state(&all, 11), state(&all, 12)),
            (Some(true), Some(false), Some(true))
        );
        assert!(all.await_cleanup());
        assert_eq!(all.take(|lost| !lost.is_logged_out()), [lost(2, 11)]);
        assert!(!all.await_cleanup());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut all = LostConns::default();
        for conn in 0..u64::from(CONNECTIONS_MAX) {
            assert_eq!(all.add(lost(1, conn)), None);
        }
        assert_eq!(all.add(lost(1, 99)), Some(lost(1, 0)));
    }
}
