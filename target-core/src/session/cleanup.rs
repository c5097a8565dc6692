//! How far is the cleanup of a connection that failed? (RFC 7143 section 8.2)

use crate::session::table::Table;

/// The states of a connection being cleaned up (RFC 7143 8.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CleanupState {
    /// R1 CLEANUP_WAIT, the same as S8.
    CleanupWait,
    /// R2 IN_CLEANUP: a logout, explicit or implicit, is under way.
    InCleanup,
    /// R3 FREE, the same as S1.
    Free,
}

/// The transitions of RFC 7143 8.2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CleanupTransition {
    /// The connection's state timed out, or its session was closed over another connection.
    M1,
    /// A logout of it began.
    M2,
    /// That logout failed.
    M3,
    /// That logout succeeded.
    M4,
}

use CleanupTransition::{M1, M2, M3, M4};

/// The table of RFC 7143 8.2.
pub const CLEANUP: Table<CleanupState, CleanupTransition, 3> = Table {
    states: [(CleanupState::CleanupWait, "R1"), (CleanupState::InCleanup, "R2"), (CleanupState::Free, "R3")],
    cells: [[None, Some(M2), Some(M1)], [Some(M3), None, Some(M4)], [None, None, None]],
};

impl CleanupState {
    /// Where `transition` leads from here.
    pub fn next(self, transition: CleanupTransition) -> Option<Self> {
        CLEANUP.next(self, transition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cleanup_table_is_that_of_the_rfc() {
        let want = "\
\x20   R1  R2  R3
R1  -   M2  M1
R2  M3  -   M4
R3  -   -   -
";
        assert_eq!(CLEANUP.matrix(), want);
        CLEANUP.check_cells();
    }
}
