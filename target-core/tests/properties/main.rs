//! What must hold for any input, seen from outside the crate.

mod corruption;
mod framing;
mod stream;
