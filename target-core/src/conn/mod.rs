//! One connection: framing, login, text exchanges, transmit, keep-alive (RFC 7143 sections 4.2, 6 and 8.1).

pub mod batch;
pub(crate) mod connection;
pub mod framing;
pub mod keepalive;
pub mod login;
pub mod negotiate;
pub(crate) mod out;
pub mod states;
pub mod text;
