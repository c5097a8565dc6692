//! Where in the bytes of a connection are the PDUs? The lab's own codec cuts both directions and follows the login, so that
//! digests are found where they were negotiated.

use bytes::Bytes;
use initiator_sim::codec::{Digests, Pdu};
use initiator_sim::net::Dir;
use initiator_sim::world::tap::{Quality, Tap};

/// A PDU as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which way.
    pub dir: Dir,
    /// Its values.
    pub pdu: Pdu,
    /// Its bytes, digests and padding included.
    pub raw: Bytes,
    /// Whether its digests were right.
    pub quality: Quality,
}

/// Cuts one connection.
#[derive(Debug, Default)]
pub struct Cutter {
    tap: Tap,
    raw: [Vec<u8>; 2],
    digests: Digests,
}

impl Cutter {
    /// Bytes of one direction, in order; gives what is whole by now.
    pub fn push(&mut self, dir: Dir, bytes: &[u8]) -> Vec<Cut> {
        let mut cuts = Vec::new();
        if self.tap.is_lost(dir) {
            return cuts;
        }
        self.tap.push(dir, bytes);
        self.raw[dir as usize].extend_from_slice(bytes);
        loop {
            let mut found = None;
            let (more, login) = self.tap.next(dir, |_, view, quality| found = Some((view.to_pdu(), quality)));
            let Some((pdu, quality)) = found.filter(|_| more) else { return cuts };
            let held = self.raw[dir as usize].len();
            let len = match quality {
                // Where the next one begins cannot be told.
                Quality::HeaderDigest => held,
                Quality::Good | Quality::DataDigest => self.wire_len(&pdu).min(held),
            };
            let raw = &mut self.raw[dir as usize];
            let bytes: Vec<u8> = raw.drain(..len).collect();
            cuts.push(Cut { dir, pdu, raw: bytes.into(), quality });
            if let Some((_, digests)) = login {
                self.digests = digests;
            }
        }
    }

    /// What is left of a direction: the beginning of a PDU that never came.
    pub fn rest(&self, dir: Dir) -> &[u8] {
        &self.raw[dir as usize]
    }

    /// True once the login is complete.
    pub const fn is_full_feature(&self) -> bool {
        self.tap.track.full_feature
    }

    /// Bytes of a PDU on the wire.
    fn wire_len(&self, pdu: &Pdu) -> usize {
        let header = 48 + pdu.ahs.len() + if self.digests.header { 4 } else { 0 };
        let data = pdu.data.len().next_multiple_of(4);
        header + data + if self.digests.data && data > 0 { 4 } else { 0 }
    }
}
