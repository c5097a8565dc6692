//! Tasks: moving a command's data and ending it, well or by force (RFC 7143 sections 4.2.5 and 11.3 to 11.8).

mod pieces;
pub mod read;
pub mod write;
