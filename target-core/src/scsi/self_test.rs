//! How did the last self-tests end? (SPC-4 5.15, 7.3.21)

use super::log::{BINARY_LIST, Parameters};
use super::sense::{Sense, SenseCode, code};
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How many results are kept: as many as log page 10h has.
const RESULTS: usize = 20;
/// SELF-TEST RESULTS: without error; failed in a segment that is not known.
const PASSED: u8 = 0x0;
const FAILED: u8 = 0x3;
/// ADDRESS OF FIRST FAILURE: none that is known.
const NO_ADDRESS: u64 = u64::MAX;

/// The end of a self-test.
#[derive(Clone, Copy, Debug)]
pub(super) struct SelfTest {
    /// SELF-TEST CODE: 0 for the default self-test.
    code: u8,
    /// Hours the target has run.
    hours: u16,
    failure: Option<Sense>,
}

/// Keeps a result.
pub(super) fn note(tests: &mut VecDeque<SelfTest>, code: u8, hours: u64, failure: Option<Sense>) {
    tests.push_front(SelfTest { code, hours: u16::try_from(hours).unwrap_or(u16::MAX), failure });
    tests.truncate(RESULTS);
}

/// The parameters of log page 10h, the newest first; those of tests that were not done are zero.
pub(super) fn results(tests: &VecDeque<SelfTest>) -> Parameters {
    let all = tests.iter().map(Some).chain(core::iter::repeat(None)).take(RESULTS);
    (1_u16..).zip(all).map(|(at, test)| (at, BINARY_LIST, test.map_or(Vec::from([0; 16]), entry))).collect()
}

fn entry(test: &SelfTest) -> Vec<u8> {
    let result = if test.failure.is_some() { FAILED } else { PASSED };
    let address = test.failure.and_then(|sense| sense.information).unwrap_or(NO_ADDRESS);
    let SenseCode { key, asc, ascq } = test.failure.map_or(code::NO_SENSE, |sense| sense.code);
    let mut out = Vec::from([(test.code << 5) | result, 0]);
    out.extend(test.hours.to_be_bytes());
    out.extend(address.to_be_bytes());
    out.extend([key, asc, ascq, 0]);
    out
}
