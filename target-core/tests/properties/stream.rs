//! Streams of PDUs to be cut, spoiled and sent in pieces.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use target_core::conn::batch::TxBatch;
use target_core::conn::framing::{Frame, Framer, Verdict};
use target_core::io::SgList;
use target_core::wire::digest::crc32c;
use target_core::wire::{BHS_LEN, Digests};

/// Longest data segment in these streams, and what the framers allow.
pub const DATA_MAX: u32 = 100_000;

/// A PDU to be.
#[derive(Clone, Debug)]
pub struct Pdu {
    pub bhs: [u8; BHS_LEN],
    pub ahs: Vec<u8>,
    pub data: SgList,
}

impl Pdu {
    /// The frame that should come out.
    pub fn frame(&self) -> Frame {
        let mut bhs = self.bhs;
        bhs[4] = u8::try_from(self.ahs.len() / 4).expect("at most 255 words");
        bhs[5..8].copy_from_slice(&u32::try_from(self.data.len()).expect("short").to_be_bytes()[1..]);
        Frame { bhs, ahs: self.ahs.clone().into(), data: self.data.to_bytes(), verdict: Verdict::Good }
    }
}

/// Any setting of the two digests.
pub fn digests() -> impl Strategy<Value = Digests> {
    any::<(bool, bool)>().prop_map(|(header, data)| Digests { header, data })
}

/// A few PDUs: most without data, some with little, some with more than fits one read.
pub fn pdus() -> impl Strategy<Value = Vec<Pdu>> {
    let len = prop_oneof![4 => Just(0), 4 => 1_usize..600, 2 => 4000_usize..9000, 1 => 30_000_usize..=DATA_MAX as usize];
    vec(pdu(len, 0..=255), 0..6)
}

/// A few short PDUs.
pub fn short_pdus() -> impl Strategy<Value = Vec<Pdu>> {
    vec(pdu(prop_oneof![Just(0), 1_usize..300], 0..=3), 1..5)
}

fn pdu(
    len: impl Strategy<Value = usize>,
    words: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = Pdu> {
    let words = prop_oneof![4 => Just(0), 1 => words];
    (any::<[u8; BHS_LEN / 2]>(), words, len, any::<(u8, prop::sample::Index)>()).prop_map(
        |(half, words, len, (first, cut))| {
            let mut bhs = [0; BHS_LEN];
            bhs[..24].copy_from_slice(&half);
            bhs[24..].copy_from_slice(&half);
            // Neighbours differ, so bytes in a wrong place are seen.
            let data: Vec<u8> = (0..len).map(|i| first.wrapping_add((i % 251) as u8)).collect();
            let (head, tail) = data.split_at(cut.index(len + 1));
            let mut pieces = SgList::from(head.to_vec());
            pieces.push(Bytes::copy_from_slice(tail));
            Pdu { bhs, ahs: vec![first; words * 4], data: pieces }
        },
    )
}

/// The PDUs on the wire.
pub fn encode(pdus: &[Pdu], digests: Digests) -> Vec<u8> {
    let mut batch = TxBatch::new(usize::MAX);
    for pdu in pdus {
        batch.push(&pdu.bhs, &pdu.ahs, &pdu.data, digests);
    }
    batch.seal(crc32c);
    batch.chunks().flatten().copied().collect()
}

/// A framer for these streams.
pub fn framer(digests: Digests) -> Framer {
    let mut framer = Framer::new(DATA_MAX, crc32c);
    framer.set_digests(digests);
    framer
}

/// All frames that are complete.
pub fn drain(framer: &mut Framer) -> Vec<Frame> {
    std::iter::from_fn(|| framer.next_frame()).collect()
}

/// What one framer makes of the whole stream at once.
pub fn decode(bytes: &[u8], digests: Digests) -> Vec<Frame> {
    let mut framer = framer(digests);
    framer.push(bytes);
    drain(&mut framer)
}
