//! Where does chance come from that nobody may foresee? The random source of the system.

use std::io::Read as _;

/// Fills `bytes`.
///
/// # Errors
///
/// The source cannot be read.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), String> {
    let source = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(bytes));
    source.map_err(|error| format!("/dev/urandom: {error}"))
}
