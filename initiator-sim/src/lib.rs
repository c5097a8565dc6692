//! A seeded world around `target-core`, and the lab's own initiator: clock, network, storage, and the checks that run
//! after every event.
//!
//! ```text
//!  workload or script ──> World ──> lanes (middlebox, pipe) ──> Framer ──> Target ──> simulated disks
//!                           │                                    │   every PDU, every probe event
//!                           └──<── what the initiator sees       └──> oracles, wire log, trace hash
//! ```
//!
//! One seed is one run: every choice is a function of the seed and of where the choice is taken, time is a number, and
//! nothing here has threads, sockets or a clock.

#![forbid(unsafe_code)]

pub mod clock;
pub mod codec;
pub mod disk;
pub mod fault;
pub mod initiator;
pub mod middlebox;
pub mod net;
pub mod oracle;
pub mod queue;
pub mod rng;
pub mod trace;
pub mod workload;
pub mod world;
