//! Which transitions of the state tables were taken? A bit each, for those who measure what a test has touched.

use super::Target;
use crate::conn::states::Transition;
use crate::probe::ProbeSink;
use crate::session::states;

/// Transitions taken: cells of the tables of RFC 7143 8.1.4 and 8.3.2, where each transition is in one cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    connection: u16,
    session: u16,
}

impl Cells {
    /// What connections and sessions took, as they keep it.
    pub(super) const fn of(connection: u16, session: u16) -> Self {
        Self { connection, session }
    }

    /// True if a connection took this transition.
    pub const fn has_connection(self, transition: Transition) -> bool {
        self.connection & 1 << transition as u16 != 0
    }

    /// True if a session took this transition.
    pub const fn has_session(self, transition: states::Transition) -> bool {
        self.session & 1 << transition as u16 != 0
    }

    /// Adds what others took.
    pub const fn add(&mut self, other: Self) {
        self.connection |= other.connection;
        self.session |= other.session;
    }
}

impl<S: ProbeSink> Target<S> {
    /// The transitions that its connections and sessions took so far, those that are gone included.
    pub fn cells(&self) -> Cells {
        let mut cells = self.cells;
        self.conns.values().for_each(|conn| cells.add(Cells::of(conn.cells, 0)));
        self.sessions.iter().for_each(|(_, session)| cells.add(Cells::of(0, session.cells)));
        cells
    }
}
