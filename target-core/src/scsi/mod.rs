//! What does a direct-access block device answer to a SCSI command? (SAM-5, SPC-4, SBC-3)
//!
//! [`DeviceServer`] is all logical units of one target; a [`Command`] is one command on its way through it. Starting a
//! command gives a [`Step`]: it is done, it wants its Data-Out, or it wants one storage operation; handing that in gives
//! the next step. Everything here is a function of those calls. The transport moves the data, clips it to what the
//! initiator expects, and owns tasks: a command that is aborted is simply dropped.
//!
//! One table (`table`) drives dispatch, the check for reserved bits and REPORT SUPPORTED OPERATION CODES, so the three
//! cannot disagree. There is one file a command family; a family's file has its first step (called from the table) and
//! what follows after data or storage (called from `next`).

mod aca;
mod access;
mod access_state;
mod atomic;
mod attention;
mod buffer;
mod cache;
mod capacity;
mod cdb;
mod command;
mod compare;
mod copy;
mod counters;
mod defects;
mod diagnostic;
mod exceptions;
mod format;
mod identifying;
mod inquiry;
mod keep;
mod limits;
mod log;
mod luns;
mod medium;
mod mode_page;
mod mode_record;
mod mode_select;
mod mode_sense;
mod mode_values;
mod next;
mod outcome;
mod persist;
mod port_groups;
mod power;
mod prefetch;
mod priority;
mod provisioning;
mod read;
mod ready;
mod reserve;
mod same;
mod sanitize;
mod self_test;
mod sense;
mod server;
mod supported;
mod table;
mod timestamp;
mod unit;
mod upkeep;
mod verify;
mod vpd;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use aca::asks_for_aca;
pub(crate) use atomic::is_atomic;
pub use attention::Attention;
pub use command::{Command, Request};
pub(crate) use keep::kept_problem;
pub use outcome::{NexusId, Outcome, Step, status};
pub(crate) use persist::preempts_and_aborts;
pub use sense::{Field, Sense, SenseBytes, SenseCode, code};
pub use server::DeviceServer;
pub use table::{CommandInfo, commands};
pub(crate) use unit::UnitKey;
