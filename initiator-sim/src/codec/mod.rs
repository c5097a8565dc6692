//! How do names become bytes and bytes names? The lab's own PDU codec, driven by tables written from RFC 7143
//! section 11 alone.
//!
//! It shares nothing with the target's: were one offset wrong in both, the tests would pass and the wire would be
//! wrong. It is made for testers: every field can be reached by name and set to anything, a [`Pdu`] may contradict
//! itself, digests and padding may be wrong, and what arrives broken is a value ([`Split`]), never a panic.
//!
//! ```
//! use initiator_sim::codec::{Digests, Kind, Pdu, Split, Splitter, encode};
//!
//! let ping = Pdu::new(Kind::NopOut).with("ITT", 7).with_data(&b"hello"[..]);
//! let mut splitter = Splitter::new();
//! splitter.push(&encode(&ping, Digests::NONE));
//! let Some(Split::Pdu(view)) = splitter.next_split() else { panic!("one PDU went in") };
//! assert_eq!(view.to_pdu(), ping);
//! assert_eq!(ping.to_string(), "NopOut [F] ITT=0x7 CmdSN=0 ExpStatSN=0 data=5");
//! ```

pub mod ahs;
mod encode;
mod error;
mod field;
mod kind;
pub(crate) mod pdu;
mod render;
mod splitter;
mod tables;
#[cfg(test)]
mod tests;
pub mod text;

pub use encode::{DigestChoice, Digests, WireChoice, crc32c, encode, encode_into};
pub use error::{CodecError, nearest};
pub use field::{Field, Shape};
pub use kind::Kind;
pub use pdu::{Pdu, lookup};
pub use render::Wording;
pub use splitter::{PduView, Split, Splitter};
pub use tables::{common_fields, fields};
