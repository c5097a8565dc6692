//! What does a key mean, and what is answered to it? (RFC 7143 sections 6.2 and 13)
//!
//! `keys` is the one table: who may send which key, when, and by what rule it is negotiated. `answer` applies a row of it
//! to a `Draft`, of which nothing takes effect before the negotiation is complete.

pub(crate) mod answer;
pub(crate) mod collect;
pub(crate) mod draft;
pub(crate) mod keys;
pub mod names;
pub(crate) mod outbox;
pub(crate) mod segment;

/// What is wrong with a key or its value, whatever phase it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KeyFault {
    /// The text is not a list of key=value pairs.
    Malformed,
    /// A key was sent twice in one negotiation.
    Twice,
    /// `Reject`, `Irrelevant` or `NotUnderstood` as a value (RFC 7143 6.2).
    ReservedValue,
    /// More keys than [`Limits::text_keys`](crate::config::Limits::text_keys).
    TooMany,
    /// A declared value that is not admissible (RFC 7143 7.12).
    Declared,
}
