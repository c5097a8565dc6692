//! What a peer can do wrong, and what happens then.

/// One variant per violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {}
