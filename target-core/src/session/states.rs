//! In which state is a session, and where may it go from there? (RFC 7143 section 8.3.2)

use crate::session::table::Table;

/// The states of a session at a target (RFC 7143 8.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionState {
    /// Q1 FREE: does not exist.
    Free,
    /// Q2 ACTIVE: its first connection is in login.
    Active,
    /// Q3 LOGGED_IN: full feature phase.
    LoggedIn,
    /// Q4 FAILED: without a connection, waits to be continued.
    Failed,
    /// Q5 IN_CONTINUE: an attempt to continue it is under way.
    InContinue,
}

/// The transitions of RFC 7143 8.3.4 that a target can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the transition of that name")]
pub enum Transition {
    N1,
    N2,
    N3,
    N5,
    N6,
    N7,
    N8,
    N9,
    N10,
    N11,
}

use SessionState::{Active, Failed, Free, InContinue, LoggedIn};
use Transition::{N1, N2, N3, N5, N6, N7, N8, N9, N10, N11};

/// The table of RFC 7143 8.3.2.
pub const SESSION: Table<SessionState, Transition, 5> = Table {
    states: [(Free, "Q1"), (Active, "Q2"), (LoggedIn, "Q3"), (Failed, "Q4"), (InContinue, "Q5")],
    cells: [
        [None, Some(N1), None, None, None],
        [Some(N9), None, Some(N2), None, None],
        [Some(N3), None, None, Some(N5), None],
        [Some(N6), None, None, None, Some(N7)],
        [Some(N11), None, Some(N10), Some(N8), None],
    ],
};

impl SessionState {
    /// Where `transition` leads from here.
    pub fn next(self, transition: Transition) -> Option<Self> {
        SESSION.next(self, transition)
    }

    /// The transition that ends the session.
    pub const fn end(self) -> Option<Transition> {
        match self {
            Free => None,
            Active => Some(N9),
            LoggedIn => Some(N3),
            Failed => Some(N6),
            InContinue => Some(N11),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_that_of_the_rfc() {
        let want = "\
\x20   Q1  Q2  Q3  Q4  Q5
Q1  -   N1  -   -   -
Q2  N9  -   N2  -   -
Q3  N3  -   -   N5  -
Q4  N6  -   -   -   N7
Q5  N11 -   N10 N8  -
";
        assert_eq!(SESSION.matrix(), want);
        SESSION.check_cells();
    }

    #[test]
    fn every_state_can_end() {
        for (state, _) in SESSION.states {
            let end = state.end().map(|by| state.next(by));
            assert_eq!(end, if state == Free { None } else { Some(Some(Free)) });
        }
    }
}
