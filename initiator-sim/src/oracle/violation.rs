//! What did a check find, and where does it go?

use crate::clock::{Nanos, show};
use std::fmt;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which check found it.
    pub rule: &'static str,
    /// The clause that asks for it.
    pub clause: String,
    /// What was wrong, for people.
    pub text: String,
    /// When.
    pub at: Nanos,
    /// On which connection, if on one.
    pub conn: Option<u32>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} [{}]", show(self.at), self.rule, self.clause)?;
        if let Some(conn) = self.conn {
            write!(f, " c{conn}")?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Where findings go.
pub(super) struct Sink {
    pub(super) found: Vec<Violation>,
    pub(super) at: Nanos,
    pub(super) conn: u32,
}

impl Sink {
    pub(super) fn add(&mut self, rule: &'static str, clause: &str, text: impl Into<String>) {
        // A target that is wrong once is often wrong a million times.
        if self.found.len() < 1000 {
            let conn = (self.conn != u32::MAX).then_some(self.conn);
            self.found.push(Violation { rule, clause: clause.into(), text: text.into(), at: self.at, conn });
        }
    }
}
