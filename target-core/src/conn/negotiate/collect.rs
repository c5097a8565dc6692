//! How long may a peer go on talking? Joins text that comes in several PDUs, within limits (RFC 7143 6.1, C bit).

use crate::config::Limits;
use alloc::vec::Vec;
use bytes::Bytes;

/// Which limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overrun {
    /// [`Limits::text_bytes`].
    Bytes,
    /// [`Limits::text_rounds`].
    Rounds,
}

/// The text of one negotiation as it comes in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collector {
    held: Vec<u8>,
    bytes: usize,
    rounds: u32,
}

impl Collector {
    /// Counts one more request.
    pub(crate) fn round(&mut self, limits: &Limits) -> Result<(), Overrun> {
        self.rounds = self.rounds.saturating_add(1);
        // rfc7143/6.2-22, rfc7143/10.2-4.
        if self.rounds > limits.text_rounds { Err(Overrun::Rounds) } else { Ok(()) }
    }

    /// Counts the text of one request against the whole negotiation.
    pub(crate) fn count(&mut self, limits: &Limits, data: &[u8]) -> Result<(), Overrun> {
        self.bytes = self.bytes.saturating_add(data.len());
        // rfc7143/6.1-4.
        if self.bytes > limits.text_bytes as usize { Err(Overrun::Bytes) } else { Ok(()) }
    }

    /// Keeps text that goes on in the next request.
    pub(crate) fn hold(&mut self, data: &[u8]) {
        self.held.extend_from_slice(data);
    }

    /// What is kept so far.
    pub(crate) fn held(&self) -> &[u8] {
        &self.held
    }

    /// The whole logical segment, of which `data` is the end.
    pub(crate) fn complete(&mut self, data: &Bytes) -> Bytes {
        if self.held.is_empty() {
            return data.clone();
        }
        let mut whole = core::mem::take(&mut self.held);
        whole.extend_from_slice(data);
        whole.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_counted_together() {
        let limits = Limits { text_bytes: 5, text_rounds: 2, ..Limits::default() };
        let mut collector = Collector::default();
        assert_eq!(collector.count(&limits, b"ab"), Ok(()));
        collector.hold(b"ab");
        assert_eq!(collector.held(), b"ab");
        assert_eq!(collector.count(&limits, b"cd"), Ok(()));
        assert_eq!(collector.complete(&Bytes::from_static(b"cd")), "abcd");
        assert!(collector.held().is_empty());
        assert_eq!(collector.complete(&Bytes::from_static(b"e")), "e");
        assert_eq!(collector.count(&limits, b"ef"), Err(Overrun::Bytes));
        assert_eq!(collector.round(&limits), Ok(()));
        assert_eq!(collector.round(&limits), Ok(()));
        assert_eq!(collector.round(&limits), Err(Overrun::Rounds));
    }
}
