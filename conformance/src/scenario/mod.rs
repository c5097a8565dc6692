//! What is a scenario, and how is it read? The language of `scenarios/**/*.scn.yaml`.
//!
//! ```text
//!  text ──yaml──> tree ──shape::check (tables in keys, verbs)──> read ──> model::Scenario ──matrix──> cases
//!                              │
//!                              └──> schema (JSON Schema, reference in scenarios/LANGUAGE.md)
//! ```

pub mod cdb;
pub mod data;
pub mod expr;
pub mod fields;
mod keys;
mod load;
pub mod matcher;
mod matrix;
pub mod model;
mod read;
mod reference;
mod schema;
mod shape;
pub mod step;
pub mod symbols;
pub mod units;
mod verbs;

pub use keys::needs;
pub use load::{Collection, LoadError, load, parse_text};
pub use matrix::{Case, case_named, cases, expanded};
pub use model::{At, Level, Scenario, Xfail};
pub use reference::reference;
pub use schema::schema;
pub use verbs::bugs;

/// All steps with those inside them, outermost first.
pub fn walk<'a>(steps: &'a [step::Step], visit: &mut dyn FnMut(&'a step::Step)) {
    read::file::walk(steps, visit);
}
