//! Who may use it, for good? PERSISTENT RESERVE IN and OUT (SPC-4 5.12, 6.15, 6.16)
//!
//! Registrations name the two ports, not the session: they outlive it, and every reset. With APTPL they outlive the target,
//! where storage can keep a record of them; elsewhere PTPL_C is 0, and APTPL is refused.

mod change;
mod kind;
mod out;
mod record;
mod registry;
mod report;
pub(super) mod transport_id;

pub(super) use change::{Change, install};
#[cfg(test)]
pub(super) use kind::Kind;
pub(crate) use out::preempts_and_aborts;
pub(super) use out::{Job, out, with_data};
pub(super) use record::decode;
pub(super) use registry::Registry;
pub(super) use report::{capabilities, full_status, keys, reservation};
