//! Do real initiators get what they expect? libiscsi's tools and test program, qemu and Wireshark against `serve`.
//!
//! These tests need packages (libiscsi-bin, qemu-utils, qemu-block-extra, tshark, tgt) and, for captures, the right to see the
//! loopback, so each is ignored with that reason and CI runs them:
//!
//! ```text
//! cargo test --release -p conformance --test live -- --ignored
//! ```
//!
//! Reports, captures and the logs of the servers stay below `target/live/`.

mod capture;
mod evidence;
mod harness;
mod import;
mod libiscsi;
mod offers;
mod peer;
mod qemu;
mod scenarios;
#[path = "../common/serve.rs"]
mod serve;
mod suite;
mod tool;
mod verdict;
