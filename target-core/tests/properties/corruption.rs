//! With digests, no changed bit gets through (RFC 7143 11.2.3).

use crate::stream::{Pdu, decode, encode, short_pdus};
use proptest::prelude::*;
use target_core::conn::framing::{Frame, Verdict};
use target_core::io::SgList;
use target_core::wire::{BHS_LEN, Digests};

const BOTH: Digests = Digests { header: true, data: true };

/// PDUs without data, enough of them that a header with a wrong TotalAHSLength does not wait for more.
fn filler() -> Vec<Pdu> {
    vec![Pdu { bhs: [0x40; BHS_LEN], ahs: Vec::new(), data: SgList::new() }; 40]
}

/// The frames up to the first that was refused are what was sent; returns how the stream went on.
fn refused(frames: &[Frame], pdus: &[Pdu]) -> Option<Verdict> {
    for (frame, pdu) in frames.iter().zip(pdus) {
        match frame.verdict {
            Verdict::Good => assert_eq!(*frame, pdu.frame(), "a changed PDU was taken for good"),
            bad => return Some(bad),
        }
    }
    None
}

proptest! {
    #[test]
    fn one_bit_changed_anywhere_is_found(pdus in short_pdus(), at: prop::sample::Index, bit in 0_u32..8) {
        let mut stream = encode(&pdus, BOTH);
        let at = at.index(stream.len());
        let last = pdus.len();
        let all = [pdus, filler()].concat();
        stream.extend(encode(&all[last..], BOTH));
        stream[at] ^= 1 << bit;
        let frames = decode(&stream, BOTH);
        match refused(&frames, &all) {
            Some(Verdict::HeaderDigest) => {}
            Some(Verdict::DataDigest) => {
                let good = frames.iter().filter(|frame| frame.verdict == Verdict::Good).count();
                prop_assert_eq!((frames.len(), good), (all.len(), all.len() - 1), "only one PDU is lost");
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_burst_of_32_bits_is_found(pdus in short_pdus(), at: prop::sample::Index, burst in 1_u32..) {
        // CRC32C finds every burst no longer than itself.
        let mut stream = encode(&pdus, BOTH);
        let at = at.index(stream.len() - 3);
        for (byte, flips) in stream[at..].iter_mut().zip(burst.to_be_bytes()) {
            *byte ^= flips;
        }
        let last = pdus.len();
        let all = [pdus, filler()].concat();
        stream.extend(encode(&all[last..], BOTH));
        prop_assert!(matches!(refused(&decode(&stream, BOTH), &all), Some(Verdict::HeaderDigest | Verdict::DataDigest)));
    }
}
