//! Initiators in the world: one that runs programs, and a workload drawn from a seed.

pub mod client;
