#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| conformance::fuzzing::config_file(input));
