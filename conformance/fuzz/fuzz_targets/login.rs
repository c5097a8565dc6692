//! Any records as one peer's whole life, from the first byte.
#![no_main]

use conformance::fuzzing::{Phase, hostile};

libfuzzer_sys::fuzz_target!(|input: &[u8]| hostile(Phase::Login, input));
