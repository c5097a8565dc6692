//! What can a box between initiator and target do to whole PDUs? Find them in the stream, then drop, repeat, swap or rewrite
//! them (RFC 7143 6.1 lists what an iSCSI receiver must detect).
//!
//! The box ends TCP on both sides, so the bytes of each side stay in order and whole; what digests, DataSN and the windows
//! exist for happens here.

pub mod boundary;
pub mod rewrite;

pub use boundary::Boundary;
