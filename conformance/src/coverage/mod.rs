//! Which clauses of the RFCs are checked, by what, and which are not?
//!
//! ```text
//!  scenarios/clauses.tsv       every clause: whom it binds, how strongly, whether a peer can see it   ──table──┐
//!  scenarios/**/*.scn.yaml     `req:` names the clauses whose breach makes the scenario fail          ──uses───┤
//!  snapshots/**                a scenario whose golden trace is a skip or a failure proves nothing    ──uses───┼─> judge
//!  scenarios/exceptions.yaml   why a clause that binds the target has no check                        ──exceptions┤
//!  sources                     rules and tests that the table refers to, clauses that code cites      ──evidence┘
//! ```
//!
//! The table holds only what cannot be derived. A clause that binds the target is covered if a scenario names it or its row
//! says what else checks it; it is excepted if a line says why not; otherwise it is missing. An exception for a clause that
//! is covered, a clause that does not exist, or a reference to nothing is a [`Problem`].
//!
//! The target cites a clause where it meets it. [`Coverage::uncited`] are those that are checked and cited nowhere.

mod evidence;
mod exceptions;
mod floor;
mod html;
mod judge;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod uses;

pub use exceptions::Kind;
pub use floor::{Floor, Floors};
pub use html::page;
pub use judge::{Coverage, Judged, Problem, Stale, State};
pub use report::{json, text};
pub use table::{Also, Binds, Clause, Force, Level};

use std::path::Path;

/// The table, below the root.
pub const TABLE: &str = "scenarios/clauses.tsv";
/// The exceptions, below the root.
pub const EXCEPTIONS: &str = "scenarios/exceptions.yaml";

/// Reads everything below `root` and judges every clause.
///
/// # Errors
/// A file that cannot be read or is not what it should be: `file:line: what`, each mistake on a line of its own.
pub fn read(root: &Path) -> Result<Coverage, String> {
    let file =
        |name: &str| std::fs::read_to_string(root.join(name)).map_err(|error| format!("{name}: {error}"));
    let clauses = table::parse(TABLE, &file(TABLE)?)?;
    let exceptions = exceptions::parse(EXCEPTIONS, &file(EXCEPTIONS)?)?;
    let uses = uses::read(root)?;
    let evidence = evidence::read(root)?;
    Ok(judge::judge(clauses, &exceptions, &uses, &evidence))
}
