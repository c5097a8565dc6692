//! Any records in a discovery session.
#![no_main]

use conformance::fuzzing::{Phase, hostile};

libfuzzer_sys::fuzz_target!(|input: &[u8]| hostile(Phase::Text, input));
