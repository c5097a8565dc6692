//! Any records in a normal session.
#![no_main]

use conformance::fuzzing::{Phase, hostile};

libfuzzer_sys::fuzz_target!(|input: &[u8]| hostile(Phase::FullFeature, input));
