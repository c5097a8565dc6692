//! A complete iSCSI target (RFC 7143) that does no I/O of its own.
//!
//! # Driving it
//!
//! ```text
//!  socket ──bytes──> Framer ──Frame──> Target::handle ──> poll_io  ──> storage ──IoDone──┐
//!                                          ^    │                                        │
//!                                          └────┼────────────────────────────────────────┘
//!  socket <──bytes── TxBatch <──poll_transmit───┘    poll_timeout / poll_event / poll_ready
//! ```
//!
//! [`Target::handle`] is the one way in; everything comes out by polling, in this order, until each is dry:
//! [`Target::poll_io`], [`Target::poll_ready`] with [`Target::poll_transmit`], [`Target::poll_event`]; then
//! [`Target::poll_timeout`] tells when to call again at the latest with [`Input::Timeout`]. Polling has no effect on
//! what is sent, only on when: the bytes of one connection are the same in whatever order connections are polled.
//! `now` never goes back. The whole run is a function of the configuration, the seed and the list of
//! `(Instant, Input)`, so that list can be recorded and played again.
//!
//! [`Target::handle`]: target::Target::handle
//! [`Target::poll_io`]: target::Target::poll_io
//! [`Target::poll_ready`]: target::Target::poll_ready
//! [`Target::poll_transmit`]: target::Target::poll_transmit
//! [`Target::poll_event`]: target::Target::poll_event
//! [`Target::poll_timeout`]: target::Target::poll_timeout
//! [`Input::Timeout`]: api::Input::Timeout
#![no_std]
#![forbid(unsafe_code)]
// No panic can be reached from the wire: the compiler points at every expression that could.
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]
#![cfg_attr(not(test), warn(clippy::unreachable, clippy::todo, clippy::unimplemented))]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[macro_use]
pub mod planted;

pub mod api;
pub mod config;
pub mod conn;
pub mod drive;
pub mod fault;
pub mod io;
pub mod probe;
pub mod scsi;
pub mod session;
mod slab;
pub mod target;
pub mod task;
pub mod time;
pub mod wire;
