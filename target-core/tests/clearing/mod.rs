//! What the tables of RFC 7143 appendix E.1 say, and the plays that look at their cells.

mod event;
mod look;
mod play;
mod table;

pub use play::Play;
pub use table::{Event, OBJECTS, Object, ROWS, expected, unseen};
