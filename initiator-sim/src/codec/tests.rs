//! Literal bytes from the RFC's figures, and properties over all kinds and fields.

use proptest::prelude::*;

use super::*;

/// Every field of a PDU set to a value that shows its place, against bytes written down by hand from the figure.
fn literal(kind: Kind, set: &[(&str, u64)], want: [u8; 48]) {
    let mut pdu = Pdu::new(kind);
    for (name, value) in set {
        pdu.set(name, *value).unwrap_or_else(|error| panic!("{error}"));
    }
    assert_eq!(pdu.bhs, want, "{kind}");
    for (name, value) in set {
        assert_eq!(pdu.field(name), Some(*value), "{kind} {name}");
    }
}

const LUN1: u64 = 0x0001_0000_0000_0000;

#[rustfmt::skip]
#[test]
fn requests_as_the_figures_draw_them() {
    literal(Kind::ScsiCommand, &[
        ("I", 1), ("F", 1), ("R", 1), ("W", 0), ("ATTR", 3), ("TotalAHSLength", 2), ("DataSegmentLength", 0x010203),
        ("LUN", LUN1), ("ITT", 0x11121314), ("EDTL", 0x21222324), ("CmdSN", 0x31323334), ("ExpStatSN", 0x41424344),
    ], [
        0x41, 0xc3, 0, 0, 2, 1, 2, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0x11, 0x12, 0x13, 0x14, 0x21, 0x22, 0x23, 0x24,
        0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    literal(Kind::TaskRequest, &[
        ("I", 1), ("Function", 5), ("LUN", LUN1), ("ITT", 9), ("RefTaskTag", 0x21222324), ("CmdSN", 0x31323334),
        ("ExpStatSN", 0x41424344), ("RefCmdSN", 0x51525354), ("ExpDataSN", 0x61626364),
    ], [
        0x42, 0x85, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x21, 0x22, 0x23, 0x24,
        0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54, 0x61, 0x62, 0x63, 0x64, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    literal(Kind::DataOut, &[
        ("F", 1), ("LUN", LUN1), ("ITT", 9), ("TTT", 0x21222324), ("ExpStatSN", 0x41424344), ("DataSN", 0x61626364),
        ("BufferOffset", 0x71727374),
    ], [
        0x05, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x21, 0x22, 0x23, 0x24,
        0, 0, 0, 0, 0x41, 0x42, 0x43, 0x44, 0, 0, 0, 0, 0x61, 0x62, 0x63, 0x64, 0x71, 0x72, 0x73, 0x74, 0, 0, 0, 0,
    ]);
    literal(Kind::LoginRequest, &[
        ("T", 1), ("C", 0), ("CSG", 1), ("NSG", 3), ("VersionMax", 7), ("VersionMin", 6), ("ISID", 0x8081_8283_8485),
        ("TSIH", 0x9091), ("ITT", 9), ("CID", 0xa0a1), ("CmdSN", 0x31323334), ("ExpStatSN", 0x41424344),
    ], [
        0x43, 0x87, 7, 6, 0, 0, 0, 0, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x90, 0x91, 0, 0, 0, 9, 0xa0, 0xa1, 0, 0,
        0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    literal(Kind::TextRequest, &[
        ("I", 1), ("F", 0), ("C", 1), ("LUN", LUN1), ("ITT", 9), ("TTT", 0x21222324), ("CmdSN", 0x31323334),
        ("ExpStatSN", 0x41424344),
    ], [
        0x44, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x21, 0x22, 0x23, 0x24,
        0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    literal(Kind::LogoutRequest, &[
        ("I", 1), ("Reason", 2), ("ITT", 9), ("CID", 0xa0a1), ("CmdSN", 0x31323334), ("ExpStatSN", 0x41424344),
    ], [
        0x46, 0x82, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0xa0, 0xa1, 0, 0,
        0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
    literal(Kind::Snack, &[
        ("Type", 3), ("LUN", LUN1), ("ITT", 9), ("SNACKTag", 0x21222324), ("ExpStatSN", 0x41424344),
        ("BegRun", 0x71727374), ("RunLength", 0x81828384),
    ], [
        0x10, 0x83, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x21, 0x22, 0x23, 0x24,
        0, 0, 0, 0, 0x41, 0x42, 0x43, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x71, 0x72, 0x73, 0x74, 0x81, 0x82, 0x83, 0x84,
    ]);
    literal(Kind::NopOut, &[
        ("I", 1), ("LUN", LUN1), ("ITT", 9), ("TTT", 0x21222324), ("CmdSN", 0x31323334), ("ExpStatSN", 0x41424344),
    ], [
        0x40, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0x21, 0x22, 0x23, 0x24,
        0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]);
}

#[rustfmt::skip]
#[test]
fn responses_as_the_figures_draw_them() {
    let sns = [("StatSN", 0x31323334), ("ExpCmdSN", 0x41424344), ("MaxCmdSN", 0x51525354)];
    let with = |more: &[(&'static str, u64)]| -> Vec<(&'static str, u64)> {
        [("ITT", 9)].into_iter().chain(sns).chain(more.iter().copied()).collect()
    };
    let mut base = [0u8; 48];
    base[19] = 9;
    base[24..36].copy_from_slice(&[0x31, 0x32, 0x33, 0x34, 0x41, 0x42, 0x43, 0x44, 0x51, 0x52, 0x53, 0x54]);
    let bytes = |patches: &[(usize, &[u8])]| {
        let mut bhs = base;
        for (at, patch) in patches {
            bhs[*at..at + patch.len()].copy_from_slice(patch);
        }
        bhs
    };
    literal(Kind::ScsiResponse, &with(&[
        ("o", 1), ("u", 0), ("O", 0), ("U", 1), ("Response", 1), ("Status", 2), ("SNACKTag", 0x21222324),
        ("ExpDataSN", 0x61626364), ("BidiResidualCount", 0x71727374), ("ResidualCount", 0x81828384),
    ]), bytes(&[
        (0, &[0x21, 0x92, 1, 2]), (20, &[0x21, 0x22, 0x23, 0x24]),
        (36, &[0x61, 0x62, 0x63, 0x64, 0x71, 0x72, 0x73, 0x74, 0x81, 0x82, 0x83, 0x84]),
    ]));
    literal(Kind::TaskResponse, &with(&[("Response", 255)]), bytes(&[(0, &[0x22, 0x80, 255, 0])]));
    literal(Kind::DataIn, &with(&[
        ("F", 1), ("A", 1), ("O", 1), ("U", 0), ("S", 1), ("Status", 4), ("LUN", LUN1), ("TTT", 0x21222324),
        ("DataSN", 0x61626364), ("BufferOffset", 0x71727374), ("ResidualCount", 0x81828384),
    ]), bytes(&[
        (0, &[0x25, 0xc5, 0, 4]), (8, &[0, 1]), (20, &[0x21, 0x22, 0x23, 0x24]),
        (36, &[0x61, 0x62, 0x63, 0x64, 0x71, 0x72, 0x73, 0x74, 0x81, 0x82, 0x83, 0x84]),
    ]));
    literal(Kind::R2T, &with(&[
        ("LUN", LUN1), ("TTT", 0x21222324), ("R2TSN", 0x61626364), ("BufferOffset", 0x71727374), ("DesiredLen", 0x81828384),
    ]), bytes(&[
        (0, &[0x31, 0x80]), (8, &[0, 1]), (20, &[0x21, 0x22, 0x23, 0x24]),
        (36, &[0x61, 0x62, 0x63, 0x64, 0x71, 0x72, 0x73, 0x74, 0x81, 0x82, 0x83, 0x84]),
    ]));
    literal(Kind::AsyncMessage, &with(&[
        ("LUN", LUN1), ("AsyncEvent", 0xe0), ("AsyncVCode", 0xe1), ("Parameter1", 0xe2e3), ("Parameter2", 0xe4e5),
        ("Parameter3", 0xe6e7),
    ]), bytes(&[(0, &[0x32, 0x80]), (8, &[0, 1]), (36, &[0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7])]));
    literal(Kind::LoginResponse, &with(&[
        ("T", 0), ("C", 1), ("CSG", 2), ("NSG", 1), ("VersionMax", 7), ("VersionActive", 6), ("ISID", 0x8081_8283_8485),
        ("TSIH", 0x9091), ("StatusClass", 2), ("StatusDetail", 0x0b),
    ]), bytes(&[
        (0, &[0x23, 0x49, 7, 6]), (8, &[0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x90, 0x91]), (36, &[2, 0x0b]),
    ]));
    literal(Kind::TextResponse, &with(&[("F", 0), ("C", 1), ("LUN", LUN1), ("TTT", 0x21222324)]),
        bytes(&[(0, &[0x24, 0x40]), (8, &[0, 1]), (20, &[0x21, 0x22, 0x23, 0x24])]));
    literal(Kind::LogoutResponse, &with(&[("Response", 3), ("Time2Wait", 0xe4e5), ("Time2Retain", 0xe6e7)]),
        bytes(&[(0, &[0x26, 0x80, 3, 0]), (40, &[0xe4, 0xe5, 0xe6, 0xe7])]));
    literal(Kind::Reject, &with(&[("Reason", 9), ("DataSN", 0x61626364)]),
        bytes(&[(0, &[0x3f, 0x80, 9, 0]), (36, &[0x61, 0x62, 0x63, 0x64])]));
    literal(Kind::NopIn, &with(&[("LUN", LUN1), ("TTT", 0x21222324)]),
        bytes(&[(0, &[0x20, 0x80]), (8, &[0, 1]), (20, &[0x21, 0x22, 0x23, 0x24])]));
}

#[test]
fn defaults_fit_and_fields_overlap_only_where_the_rfc_names_a_word_twice() {
    for kind in Kind::all() {
        assert_eq!(Pdu::new(kind).kind(), Some(kind));
        let mut taken = [0u8; 48];
        for field in fields(kind) {
            assert!(
                field.width() > 64 || field.put(&mut [0; 48], field.default).is_ok(),
                "{kind} {}",
                field.name
            );
            let mut mask = [0u8; 48];
            match field.slice(&mask) {
                Some(bytes) => {
                    let ones = vec![0xff; bytes.len()];
                    assert_eq!(field.put_slice(&mut mask, &ones), Ok(()));
                }
                None => assert_eq!(field.put(&mut mask, (1 << field.width()) - 1), Ok(())),
            }
            let twice = matches!((kind, field.name), (Kind::Snack, "SNACKTag") | (Kind::Reject, "R2TSN"));
            for (seen, new) in taken.iter_mut().zip(mask) {
                assert!(*seen & new == 0 || twice, "{kind} {}", field.name);
                *seen |= new;
            }
        }
    }
}

#[test]
fn mistakes_are_explained() {
    let mut pdu = Pdu::new(Kind::ScsiCommand);
    let text = |r: Result<(), CodecError>| r.expect_err("must be refused").to_string();
    assert_eq!(text(pdu.set("CmdSm", 1)), "ScsiCommand has no field \"CmdSm\"; did you mean CmdSN?");
    assert_eq!(text(pdu.set("ATTR", 8)), "0x8 does not fit into ATTR, which has 3 bit(s)");
    assert_eq!(text(pdu.set("CDB", 8)), "CDB takes 16 bytes, not a number");
    assert_eq!(text(pdu.set_bytes("CDB", &[0; 17])), "CDB has 16 byte(s), not 17");
    assert_eq!(text(pdu.set_bytes("F", &[1])), "F is part of a byte and takes a number");
    assert_eq!(pdu.set_bytes("CDB", &[0x12, 0, 0, 0, 36, 0]), Ok(()));
    assert_eq!(pdu.set("ExpectedDataTransferLength", 36), Ok(()));
    assert_eq!(pdu.set("Byte2", 0xff), Ok(()));
    assert_eq!((pdu.word("EDTL"), pdu.bhs[2]), (36, 0xff));
}

/// RFC 7143 appendix A.4 gives these digests as bytes in wire order.
#[test]
fn digests_of_the_appendix() {
    let ascending: Vec<u8> = (0..32).collect();
    let descending: Vec<u8> = (0..32).rev().collect();
    let read10 = [
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0,
        0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,
    ];
    let vectors: [(&[u8], [u8; 4]); 5] = [
        (&[0; 32], [0xaa, 0x36, 0x91, 0x8a]),
        (&[0xff; 32], [0x43, 0xab, 0xa8, 0x62]),
        (&ascending, [0x4e, 0x79, 0xdd, 0x46]),
        (&descending, [0x5c, 0xdb, 0x3f, 0x11]),
        (&read10, [0x56, 0x3a, 0x96, 0xd9]),
    ];
    for (data, want) in vectors {
        let pdu = Pdu::new(Kind::NopOut).with_data(data.to_vec());
        let wire = encode(&pdu, Digests { header: false, data: true });
        assert_eq!(wire[48 + data.len()..], want);
    }
}

#[test]
fn every_part_of_the_encoding_can_be_wrong() {
    let pdu = Pdu::new(Kind::NopOut).with_data(&b"abcde"[..]);
    let bytes = |choice: WireChoice| {
        let mut out = Vec::new();
        encode_into(&mut out, &pdu, Digests::BOTH, &choice);
        out
    };
    let right = bytes(WireChoice::default());
    assert_eq!(right.len(), 48 + 4 + 8 + 4);
    assert_eq!(right[57..60], [0, 0, 0]);
    let wrong = bytes(WireChoice { data_digest: DigestChoice::Wrong, ..WireChoice::default() });
    assert_eq!(wrong[60], right[60] ^ 1);
    let value = DigestChoice::Value(0x0403_0201);
    assert_eq!(bytes(WireChoice { header_digest: value, ..WireChoice::default() })[48..52], [1, 2, 3, 4]);
    assert_eq!(bytes(WireChoice { header_digest: DigestChoice::Omit, ..WireChoice::default() }).len(), 60);
    let padded = bytes(WireChoice { padding: Some(vec![9, 9, 9]), ..WireChoice::default() });
    assert_eq!(padded[57..60], [9, 9, 9]);
    let mut lying = pdu.clone().with("DataSegmentLength", 4096);
    assert_eq!(lying.to_string(), "NopOut [F] CmdSN=0 ExpStatSN=0 data=5(header says 4096)");
    lying.fix_lengths();
    assert_eq!(lying, pdu);
}

#[test]
fn a_broken_digest_is_a_value() {
    let first = Pdu::new(Kind::NopOut).with_data(&b"abc"[..]);
    let mut wire = encode(&first, Digests::BOTH);
    wire[52] ^= 0x80;
    wire.extend(encode(&first, Digests::BOTH));
    let mut splitter = Splitter::new();
    splitter.set_digests(Digests::BOTH);
    splitter.push(&wire);
    assert!(matches!(splitter.next_split(), Some(Split::DataDigest { pdu, .. }) if pdu.data.len() == 3));
    assert!(matches!(splitter.next_split(), Some(Split::Pdu(pdu)) if pdu.to_pdu() == first));
    let mut header = encode(&first, Digests::BOTH);
    header[20] ^= 1;
    splitter.push(&header);
    splitter.push(&wire);
    assert!(matches!(splitter.next_split(), Some(Split::HeaderDigest { .. })));
    assert!(splitter.next_split().is_none());
}

/// Cuts `wire` at the given places and collects what comes out.
fn split(wire: &[u8], cuts: &[prop::sample::Index], digests: Digests) -> Vec<Pdu> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
    at.extend([0, wire.len()]);
    at.sort_unstable();
    let mut splitter = Splitter::new();
    splitter.set_digests(digests);
    let mut out = Vec::new();
    for window in at.windows(2) {
        splitter.push(&wire[window[0]..window[1]]);
        while let Some(found) = splitter.next_split() {
            match found {
                Split::Pdu(view) | Split::DataDigest { pdu: view, .. } => out.push(view.to_pdu()),
                Split::HeaderDigest { .. } => {}
            }
        }
    }
    out
}

fn any_pdu() -> impl Strategy<Value = Pdu> {
    let parts = (any::<[u8; 48]>(), 0usize..4, prop::collection::vec(any::<u8>(), 0..70));
    parts.prop_map(|(bhs, words, data)| {
        let mut pdu = Pdu { bhs, ahs: vec![7; words * 4], data: data.into() };
        pdu.fix_lengths();
        pdu
    })
}

proptest! {
    /// What is put into a field comes out of it and changes no other field.
    #[test]
    fn fields_round_trip(kind in 0usize..18, pick in any::<prop::sample::Index>(), bhs in any::<[u8; 48]>(), value in any::<u64>()) {
        let kind = Kind::all().nth(kind).expect("eighteen");
        let field = pick.get(fields(kind));
        prop_assume!(field.width() <= 64 && field.name != "Opcode");
        let value = if field.width() == 64 { value } else { value & ((1 << field.width()) - 1) };
        let mut pdu = Pdu { bhs, ahs: Vec::new(), data: bytes::Bytes::new() };
        pdu.bhs[0] = pdu.bhs[0] & 0xc0 | kind.opcode();
        let before = pdu.clone();
        pdu.set(field.name, value).expect("masked to its width");
        prop_assert_eq!(pdu.field(field.name), Some(value));
        for other in fields(kind).iter().filter(|other| other.byte != field.byte || other.shape != field.shape) {
            prop_assert_eq!(other.value(&pdu.bhs), other.value(&before.bhs));
        }
        let restored = before.field(field.name).expect("a number");
        pdu.set(field.name, restored).expect("it was there");
        prop_assert_eq!(pdu, before);
    }

    /// However the bytes are cut, the PDUs that went in come out.
    #[test]
    fn splitting_anywhere(pdus in prop::collection::vec(any_pdu(), 0..5), header: bool, data: bool,
                          cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let digests = Digests { header, data };
        let wire: Vec<u8> = pdus.iter().flat_map(|pdu| encode(pdu, digests)).collect();
        prop_assert_eq!(split(&wire, &cuts, digests), pdus);
    }

    /// Garbage neither panics the splitter nor the rendering, and cutting it elsewhere finds the same in it.
    #[test]
    fn garbage(wire in prop::collection::vec(any::<u8>(), 0..700), header: bool, data: bool,
               cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12)) {
        let digests = Digests { header, data };
        let whole = split(&wire, &[], digests);
        for pdu in &whole {
            prop_assert!(!pdu.to_string().is_empty());
        }
        prop_assert_eq!(split(&wire, &cuts, digests), whole);
    }
}
