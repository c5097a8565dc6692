//! A seeded simulated world around the target core, and the lab's own initiator.

#![forbid(unsafe_code)]

pub mod codec;
