//! Tasks: moving a command's data and ending it, well or by force (RFC 7143 sections 4.2.5 and 11.3 to 11.8).

pub(crate) mod abort;
mod pieces;
pub mod read;
pub(crate) mod sent;
pub(crate) mod set;
#[allow(clippy::module_inception, reason = "the thing itself, beside its parts")]
mod task;
pub mod write;

pub(crate) use task::{Cdb, Stage, Task, TaskKey, Tasks};
