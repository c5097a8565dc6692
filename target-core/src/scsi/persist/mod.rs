//! Who may use it, for good? PERSISTENT RESERVE IN and OUT (SPC-4 5.12, 6.15, 6.16)
//!
//! Registrations name the two ports, not the session: they outlive it, and every reset. They do not outlive the target:
//! PTPL_C is 0, and APTPL is refused.

mod kind;
mod out;
mod registry;
mod report;
pub(super) mod transport_id;

#[cfg(test)]
pub(super) use kind::Kind;
pub(crate) use out::preempts_and_aborts;
pub(super) use out::{Job, out, with_data};
pub(super) use registry::Registry;
pub(super) use report::{capabilities, full_status, keys, reservation};
