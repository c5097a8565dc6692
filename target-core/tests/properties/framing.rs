//! Frames do not depend on how the stream is cut, going in or coming out (RFC 7143 11.1).

use crate::stream::{DATA_MAX, Pdu, decode, digests, drain, encode, framer, pdus};
use proptest::collection::vec;
use proptest::prelude::*;
use target_core::conn::batch::TxBatch;
use target_core::conn::framing::{Frame, Framer, Verdict};
use target_core::wire::digest::crc32c;
use target_core::wire::{BHS_LEN, Digests};

/// All that can wait in a drained framer: every header and digest, and the longest data, but for one byte.
const WAITING_MAX: usize = BHS_LEN + 255 * 4 + 4 + DATA_MAX as usize + 3 + 4;

fn frames(pdus: &[Pdu]) -> Vec<Frame> {
    pdus.iter().map(Pdu::frame).collect()
}

/// Reads the stream as a socket would give it: at most so many bytes at a time, into the framer's own buffer.
fn read_in_pieces(framer: &mut Framer, mut bytes: &[u8], sizes: &[usize], min: usize) -> Vec<Frame> {
    let mut out = Vec::new();
    for size in sizes.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let spare = framer.spare(min);
        assert!(!spare.is_empty());
        let n = spare.len().min(bytes.len()).min(*size);
        spare[..n].copy_from_slice(&bytes[..n]);
        framer.commit(n);
        bytes = &bytes[n..];
        out.extend(drain(framer));
        assert!(framer.buffered() < WAITING_MAX);
    }
    out
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1 => 1_usize..60, 2 => 100_usize..5000, 1 => 20_000_usize..200_000], 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn cutting_the_stream_anywhere_gives_the_same_frames(
        pdus in pdus(), digests in digests(), sizes in sizes(), min in 0_usize..20_000
    ) {
        let bytes = encode(&pdus, digests);
        let mut framer = framer(digests);
        prop_assert_eq!(read_in_pieces(&mut framer, &bytes, &sizes, min), frames(&pdus));
        prop_assert_eq!(framer.buffered(), 0);
        prop_assert_eq!(decode(&bytes, digests), frames(&pdus));
    }

    #[test]
    fn frames_stay_as_they_are_while_the_stream_goes_on(pdus in pdus(), digests in digests(), sizes in sizes()) {
        let bytes = encode(&pdus, digests);
        let mut framer = framer(digests);
        let mut held = Vec::new();
        // Some are dropped at once, so that their memory is used again under those that are held.
        for round in 0..4 {
            let mut now = read_in_pieces(&mut framer, &bytes, &sizes, 1);
            now.truncate(round);
            held.push(now);
        }
        for (round, held) in held.iter().enumerate() {
            let wanted = frames(&pdus);
            prop_assert_eq!(&held[..], &wanted[..round.min(wanted.len())]);
        }
    }

    #[test]
    fn digests_may_change_after_any_frame(steps in vec((pdus(), digests()), 1..4)) {
        let stream: Vec<u8> = steps.iter().flat_map(|(pdus, digests)| encode(pdus, *digests)).collect();
        let mut framer = framer(Digests::default());
        framer.push(&stream);
        for (pdus, digests) in &steps {
            framer.set_digests(*digests);
            for pdu in pdus {
                prop_assert_eq!(framer.next_frame(), Some(pdu.frame()));
            }
        }
        prop_assert_eq!((framer.next_frame(), framer.buffered()), (None, 0));
    }

    #[test]
    fn any_bytes_are_cut_the_same_way_however_they_come(
        bytes in vec(any::<u8>(), 0..3000), zeroes in 0_usize..400, digests in digests(), sizes in sizes()
    ) {
        // Random lengths are nearly all too long; zeroes in front make headers that are not.
        let mut stream = vec![0; zeroes];
        stream.extend(bytes);
        let mut framer = framer(digests);
        let frames = read_in_pieces(&mut framer, &stream, &sizes, 1);
        prop_assert_eq!(&frames, &decode(&stream, digests));
        for frame in &frames {
            prop_assert!(frame.data.len() <= DATA_MAX as usize && frame.ahs.len() <= 1020);
        }
        let ended = frames.iter().position(|frame| matches!(frame.verdict, Verdict::HeaderDigest | Verdict::TooLong));
        prop_assert!(ended.is_none_or(|at| at + 1 == frames.len()), "nothing comes after the end");
    }

    #[test]
    fn a_batch_sent_in_pieces_is_the_same_stream(
        pdus in pdus(), digests in digests(), sizes in sizes(), every in 1_usize..4
    ) {
        let mut batch = TxBatch::new(1 << 16);
        let mut sent = Vec::new();
        let mut sizes = sizes.iter().cycle();
        for (n, pdu) in pdus.iter().enumerate() {
            batch.push(&pdu.bhs, &pdu.ahs, &pdu.data, digests);
            if n % every == 0 {
                batch.seal(crc32c);
                send(&mut batch, &mut sent, *sizes.next().expect("endless"));
            }
        }
        batch.seal(crc32c);
        while !batch.is_empty() {
            send(&mut batch, &mut sent, *sizes.next().expect("endless"));
        }
        prop_assert!(batch.chunks().next().is_none() && !batch.is_full());
        prop_assert_eq!(&sent, &encode(&pdus, digests));
        prop_assert_eq!(decode(&sent, digests), frames(&pdus));
    }
}

/// A write to a socket that takes at most `size` bytes.
fn send(batch: &mut TxBatch, sent: &mut Vec<u8>, size: usize) {
    let unsent: Vec<u8> = batch.chunks().flatten().copied().collect();
    assert_eq!(unsent.len(), batch.len());
    let n = size.min(unsent.len());
    sent.extend(&unsent[..n]);
    batch.advance(n);
}
