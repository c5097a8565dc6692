use super::*;
use crate::wire::digest::{crc32c, to_wire};
use crate::wire::{set_data_segment_length, set_total_ahs_length};
use alloc::vec;
use alloc::vec::Vec;

const BOTH: Digests = Digests { header: true, data: true };
const NONE: Digests = Digests { header: false, data: false };

/// A PDU on the wire, and the frame it is.
fn pdu(opcode: u8, ahs: &[u8], data: &[u8], digests: Digests) -> (Vec<u8>, Frame) {
    let mut bhs = [opcode; BHS_LEN];
    set_total_ahs_length(&mut bhs, u8::try_from(ahs.len() / 4).unwrap());
    set_data_segment_length(&mut bhs, u32::try_from(data.len()).unwrap());
    let mut out = [&bhs, ahs].concat();
    if digests.header {
        out.extend(to_wire(crc32c(0, &out)));
    }
    if !data.is_empty() {
        let from = out.len();
        out.extend(data);
        out.resize(out.len() + padding(data.len()), 0);
        if digests.data {
            out.extend(to_wire(crc32c(0, &out[from..])));
        }
    }
    let (ahs, data) = (Bytes::copy_from_slice(ahs), Bytes::copy_from_slice(data));
    (out, Frame { bhs, ahs, data, verdict: Verdict::Good })
}

fn framer(digests: Digests) -> Framer {
    let mut framer = Framer::new(1 << 20, crc32c);
    framer.set_digests(digests);
    framer
}

fn frames(framer: &mut Framer) -> Vec<Frame> {
    core::iter::from_fn(|| framer.next_frame()).collect()
}

#[test]
fn literal_bytes_of_a_ping_with_both_digests() {
    let mut bytes =
        vec![0x40, 0x80, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
    bytes.resize(48, 0);
    bytes.extend([0x11, 0x22, 0x33, 0x44]);
    bytes.extend([b'a', 0, 0, 0]);
    bytes.extend([0x55, 0x66, 0x77, 0x88]);
    let header = ::crc32c::crc32c(&bytes[..48]).to_le_bytes();
    let data = ::crc32c::crc32c(&bytes[52..56]).to_le_bytes();
    bytes[48..52].copy_from_slice(&header);
    bytes[56..60].copy_from_slice(&data);
    let mut framer = framer(BOTH);
    framer.push(&bytes);
    let frame = framer.next_frame().unwrap();
    assert_eq!((&frame.bhs[..], &frame.data[..], frame.verdict), (&bytes[..48], &b"a"[..], Verdict::Good));
    assert_eq!((framer.next_frame(), framer.buffered()), (None, 0));
}

#[test]
fn every_shape_byte_by_byte() {
    for digests in [NONE, BOTH, Digests { header: true, data: false }, Digests { header: false, data: true }]
    {
        let mut framer = framer(digests);
        for (opcode, ahs_len, data_len) in
            [(0, 0, 0), (1, 8, 0), (2, 0, 1), (3, 1020, 7), (5, 0, 40_000), (6, 4, 0)]
        {
            let (bytes, wanted) = pdu(opcode, &vec![7; ahs_len], &vec![9; data_len], digests);
            let (last, before) = bytes.split_last().unwrap();
            for (n, byte) in before.iter().enumerate() {
                assert_eq!((framer.next_frame(), framer.buffered()), (None, n), "{opcode}");
                framer.push(&[*byte]);
            }
            assert_eq!(framer.next_frame(), None);
            framer.push(&[*last]);
            assert_eq!(framer.next_frame(), Some(wanted));
            assert_eq!((framer.next_frame(), framer.buffered()), (None, 0));
        }
    }
}

#[test]
fn digests_begin_with_the_next_header() {
    let (first, one) = pdu(0x43, &[], b"login", NONE);
    let (second, two) = pdu(0x01, &[], b"data", BOTH);
    let mut framer = framer(NONE);
    framer.push(&[first, second].concat());
    assert_eq!(framer.next_frame(), Some(one));
    framer.set_digests(BOTH);
    assert_eq!(framer.next_frame(), Some(two));
}

#[test]
fn digests_do_not_change_for_data_whose_header_is_cut() {
    let (first, one) = pdu(0x05, &[], &[1; 100], NONE);
    let mut framer = framer(NONE);
    framer.push(&first[..60]);
    assert_eq!(framer.next_frame(), None);
    framer.set_digests(BOTH);
    framer.push(&first[60..]);
    assert_eq!(framer.next_frame(), Some(one));
}

#[test]
fn a_bad_header_digest_ends_the_stream() {
    let (mut bytes, mut frame) = pdu(0x01, &[0, 5, 2, 0, 0, 0, 0, 0], b"data", BOTH);
    bytes[20] ^= 1;
    frame.bhs[20] ^= 1;
    let mut framer = framer(BOTH);
    framer.push(&bytes);
    framer.push(&pdu(0x00, &[], b"", BOTH).0);
    let expected = Frame { ahs: Bytes::new(), data: Bytes::new(), verdict: Verdict::HeaderDigest, ..frame };
    assert_eq!(frames(&mut framer), [expected]);
    framer.push(&vec![0; 1 << 20]);
    assert_eq!((framer.next_frame(), framer.buffered()), (None, 0));
    assert!(framer.spare(1).len() <= 1 << 18, "what comes after is not kept");
}

#[test]
fn a_bad_data_digest_spoils_one_frame_only() {
    for len in [5, 50_001] {
        let (mut bytes, mut bad) = pdu(0x05, &[], &vec![1; len], BOTH);
        // In the padding: the digest covers it too.
        let at = bytes.len() - 5;
        bytes[at] ^= 0x80;
        bad.verdict = Verdict::DataDigest;
        let (next, good) = pdu(0x00, &[], b"ping", BOTH);
        let mut framer = framer(BOTH);
        framer.push(&bytes);
        framer.push(&next);
        assert_eq!(frames(&mut framer), [bad, good]);
    }
}

#[test]
fn a_segment_may_be_as_long_as_allowed_and_no_longer() {
    let mut framer = Framer::new(512, crc32c);
    let (longest, good) = pdu(0x05, &[], &[1; 512], NONE);
    let (longer, frame) = pdu(0x05, &[0; 4], &[1; 513], NONE);
    framer.push(&longest);
    assert_eq!(framer.next_frame(), Some(good));
    framer.push(&longer[..51]);
    assert_eq!(framer.next_frame(), None);
    framer.push(&longer[51..52]);
    assert_eq!(framer.next_frame(), Some(Frame { data: Bytes::new(), verdict: Verdict::TooLong, ..frame }));
    framer.push(&longest);
    assert_eq!(framer.next_frame(), None);
}

#[test]
fn a_large_segment_is_read_into_place() {
    let (bytes, wanted) = pdu(0x05, &[], &vec![3; 100_000], BOTH);
    let mut framer = framer(BOTH);
    framer.push(&bytes[..1000]);
    assert_eq!(framer.next_frame(), None);
    let spare = framer.spare(usize::MAX);
    assert_eq!(spare.len(), bytes.len() - 1000, "no more than it lacks, whatever was asked for");
    spare.copy_from_slice(&bytes[1000..]);
    let place = spare.as_ptr();
    framer.commit(bytes.len() - 1000);
    let frame = framer.next_frame().unwrap();
    assert_eq!(frame, wanted);
    assert_eq!(frame.data[1000 - 52..].as_ptr(), place, "not copied");
    assert_eq!(framer.spare(1).len(), AFTER_LARGE, "a short read, for the next is likely large too");
    assert!(framer.spare(5000).len() >= 5000);
    framer.push(&pdu(0x00, &[], b"", BOTH).0);
    assert!(framer.next_frame().is_some() && framer.spare(1).len() > AFTER_LARGE);
}

#[test]
fn several_frames_from_one_read_share_it() {
    let (a, first) = pdu(0x05, &[], &[1; 4096], NONE);
    let (b, second) = pdu(0x05, &[], &[2; 4096], NONE);
    let mut framer = framer(NONE);
    framer.push(&[a, b].concat());
    let frames = frames(&mut framer);
    assert_eq!(frames, [first, second]);
    let distance = frames[1].data.as_ptr() as usize - frames[0].data.as_ptr() as usize;
    assert_eq!(distance, 4096 + BHS_LEN);
}
