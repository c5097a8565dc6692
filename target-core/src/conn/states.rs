//! In which state is a connection, and where may it go from there? (RFC 7143 sections 8.1.4 and 8.2)
//!
//! Both tables are data in the layout of the RFC: a row is a state, a column the next one, a cell the transition.

pub use crate::session::cleanup::{CLEANUP, CleanupState, CleanupTransition};
use crate::session::table::Table;

/// The standard states of a connection at a target (RFC 7143 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConnState {
    /// S1 FREE: does not exist.
    Free,
    /// S3 XPT_UP: waits for the first Login Request.
    XptUp,
    /// S4 IN_LOGIN: waits for the login to conclude.
    InLogin,
    /// S5 LOGGED_IN: full feature phase.
    LoggedIn,
    /// S6 IN_LOGOUT: waits for the logout to be processed.
    InLogout,
    /// S7 LOGOUT_REQUESTED: waits for the Logout Request it asked for.
    LogoutRequested,
    /// S8 CLEANUP_WAIT: waits for the cleanup to start.
    CleanupWait,
}

/// The transitions of RFC 7143 8.1.2 that a target can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the transition of that name")]
pub enum Transition {
    T3,
    T4,
    T5,
    T6,
    T7,
    T8,
    T9,
    T10,
    T11,
    T12,
    T13,
    T15,
    T16,
    T17,
    T18,
}

use ConnState::{CleanupWait, Free, InLogin, InLogout, LoggedIn, LogoutRequested, XptUp};
use Transition::{T3, T4, T5, T6, T7, T8, T9, T10, T11, T12, T13, T15, T16, T17, T18};

/// The table of RFC 7143 8.1.4.
pub const CONNECTION: Table<ConnState, Transition, 7> = Table {
    states: [
        (Free, "S1"),
        (XptUp, "S3"),
        (InLogin, "S4"),
        (LoggedIn, "S5"),
        (InLogout, "S6"),
        (LogoutRequested, "S7"),
        (CleanupWait, "S8"),
    ],
    cells: [
        [None, Some(T3), None, None, None, None, None],
        [Some(T6), None, Some(T4), None, None, None, None],
        [Some(T7), None, None, Some(T5), None, None, None],
        [Some(T8), None, None, None, Some(T9), Some(T11), Some(T15)],
        [Some(T13), None, None, None, None, None, Some(T17)],
        [Some(T18), None, None, None, Some(T10), Some(T12), Some(T16)],
        [None, None, None, None, None, None, None],
    ],
};

impl ConnState {
    /// Where `transition` leads from here.
    pub fn next(self, transition: Transition) -> Option<Self> {
        CONNECTION.next(self, transition)
    }

    /// S5, S6 or S7.
    pub const fn is_full_feature(self) -> bool {
        matches!(self, LoggedIn | InLogout | LogoutRequested)
    }

    /// The transition that ends the connection in good order: login failure, logout elsewhere or done, reinstatement.
    pub const fn orderly_end(self) -> Option<Transition> {
        match self {
            Free | CleanupWait => None,
            XptUp => Some(T6),
            InLogin => Some(T7),
            LoggedIn => Some(T8),
            InLogout => Some(T13),
            LogoutRequested => Some(T18),
        }
    }

    /// The transition when the transport is lost or dropped.
    pub const fn failure(self) -> Option<Transition> {
        match self {
            Free | CleanupWait => None,
            XptUp => Some(T6),
            InLogin => Some(T7),
            LoggedIn => Some(T15),
            InLogout => Some(T17),
            LogoutRequested => Some(T16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_table_is_that_of_the_rfc() {
        let want = "\
\x20   S1  S3  S4  S5  S6  S7  S8
S1  -   T3  -   -   -   -   -
S3  T6  -   T4  -   -   -   -
S4  T7  -   -   T5  -   -   -
S5  T8  -   -   -   T9  T11 T15
S6  T13 -   -   -   -   -   T17
S7  T18 -   -   -   T10 T12 T16
S8  -   -   -   -   -   -   -
";
        assert_eq!(CONNECTION.matrix(), want);
    }

    #[test]
    fn every_cell_leads_where_its_column_says() {
        CONNECTION.check_cells();
    }

    #[test]
    fn every_state_that_can_end_has_a_way_to_end() {
        for (state, _) in CONNECTION.states {
            let orderly = state.orderly_end().map(|by| state.next(by));
            let failed = state.failure().map(|by| state.next(by));
            match state {
                Free | CleanupWait => assert_eq!((orderly, failed), (None, None)),
                XptUp | InLogin => assert_eq!((orderly, failed), (Some(Some(Free)), Some(Some(Free)))),
                _ => assert_eq!((orderly, failed), (Some(Some(Free)), Some(Some(CleanupWait)))),
            }
        }
    }
}
