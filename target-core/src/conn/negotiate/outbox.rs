//! How is an answer sent that is longer than a PDU may be? In pieces, each asked for (RFC 7143 6.2, 11.10.4).

use bytes::Bytes;

/// An answer on its way out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    rest: Bytes,
}

impl Outbox {
    /// With this to send.
    pub(crate) fn new(text: Bytes) -> Self {
        Self { rest: text }
    }

    /// The next piece of at most `max` bytes.
    pub(crate) fn take(&mut self, max: u32) -> Bytes {
        let over = if planted!(AnswerOverMax) { 8 } else { 0 };
        // rfc7143/11.11.6-1.
        let len = self.rest.len().min(max as usize + over);
        self.rest.split_to(len)
    }

    /// True if nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_up_the_answer() {
        let mut outbox = Outbox::new(Bytes::from_static(b"abcdefg"));
        assert_eq!(outbox.take(3), "abc");
        assert_eq!(outbox.take(3), "def");
        assert!(!outbox.is_empty());
        assert_eq!(outbox.take(3), "g");
        assert!(outbox.is_empty());
        assert_eq!(outbox.take(3), "");
    }
}
