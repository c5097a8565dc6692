//! Traces go to a file and come back the same; nothing else comes back.

use super::*;
use crate::golden::tests::{Folder, probe};
use initiator_sim::codec::{Kind, Pdu};
use proptest::prelude::*;
use target_core::probe::Probe;

fn at(time_ns: u64, conn: u32, what: RecordKind) -> Record {
    Record { time_ns, conn, what }
}

fn pdu(kind: Kind, cmd_sn: u64) -> RecordKind {
    let mut pdu = Pdu::new(kind).with_data(&b"data"[..]);
    let _ = pdu.set("CmdSN", cmd_sn);
    RecordKind::Pdu { from_target: !kind.from_initiator(), pdu }
}

fn read(text: &str) -> Result<Vec<Record>, String> {
    read_jsonl(text.as_bytes(), "t.jsonl").map_err(|error| error.to_string())
}

#[test]
fn one_line_of_each_kind_as_it_is_written() {
    let mut command = probe(Probe::ScsiCommand);
    (command.ic_len, command.ic_cdb) = (Some(2), Some(vec![0x28, 0]));
    let records = [
        at(1, 0, RecordKind::Opened),
        at(2, 1, pdu(Kind::NopOut, 7)),
        at(3, CONN_UNKNOWN, RecordKind::Probe(command)),
        at(4, 0, RecordKind::Closed { how: "fin".into() }),
        at(5, 0, RecordKind::Note("a \"note\"\n".into())),
    ];
    let bhs = "0080000000000004000000000000000000000000ffffffff00000007".to_owned() + &"0".repeat(40);
    let bhs = bhs.replacen("00000000ffffffff", "ffffffffffffffff", 1);
    let want = format!(
        "{{\"time_ns\":1,\"conn\":0,\"event\":\"opened\"}}\n\
         {{\"time_ns\":2,\"conn\":1,\"pdu\":\"NopOut\",\"from\":\"initiator\",\"bhs\":\"{bhs}\",\"data\":\"64617461\"}}\n\
         {{\"time_ns\":3,\"probe\":\"scsi-command\",\"ci_local\":\"192.0.2.1\",\"ci_remote\":\"2001:db8::7\",\
         \"ci_protocol\":\"ipv6\",\"ii_target\":\"\",\"ii_initiator\":\"iqn.2001-04.com.example:ini\",\"ii_lun\":3,\
         \"ii_itt\":4660,\"ii_ttt\":4294967295,\"ii_cmdsn\":5,\"ii_statsn\":6,\"ii_datasn\":0,\"ii_datalen\":0,\
         \"ii_flags\":129,\"ic_len\":2,\"ic_cdb\":\"2800\"}}\n\
         {{\"time_ns\":4,\"conn\":0,\"event\":\"closed\",\"how\":\"fin\"}}\n\
         {{\"time_ns\":5,\"conn\":0,\"event\":\"note\",\"text\":\"a \\\"note\\\"\\n\"}}\n"
    );
    assert_eq!(write_jsonl(&records), want);
    assert_eq!(read(&want).expect("what was written"), records);
}

#[test]
fn a_bare_probe_line_in_any_order_is_a_record() {
    let line = r#"
        {"ci_local":"192.0.2.1","ci_protocol":"ipv4","ci_remote":"192.0.2.9","ii_cmdsn":1,"ii_datalen":0,
         "ii_datasn":0,"ii_flags":128,"ii_initiator":"i","ii_itt":1,"ii_lun":0,"ii_statsn":2,"ii_target":"t",
         "ii_ttt":4294967295,"probe":"nop-send"}"#;
    let records = read(&line.replace('\n', " ")).expect("a probe event");
    assert!(matches!(
        records.as_slice(),
        [Record {
            time_ns: 0,
            conn: CONN_UNKNOWN,
            what: RecordKind::Probe(ProbeRecord { probe: Probe::NopSend, .. })
        }]
    ));
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    let good = r#"{"time_ns":1,"conn":0,"event":"opened"}"#;
    let nop = |bhs: &str| format!(r#"{{"pdu":"NopOut","from":"target","bhs":"{bhs}"}}"#);
    let cases = [
        ("{", "column"),
        ("[]", "expected an object"),
        ("{}", "neither"),
        (r#"{"time_ns":-1,"event":"opened"}"#, "time_ns: invalid value"),
        (r#"{"conn":4294967296,"event":"opened"}"#, "conn: invalid value"),
        (r#"{"event":"opened","event":"opened"}"#, "\"event\" is there twice"),
        (r#"{"event":"opened","how":"fin"}"#, "unknown field `how`"),
        (r#"{"event":"closed"}"#, "missing field `how`"),
        (r#"{"event":"exploded"}"#, "unknown variant `exploded`"),
        (r#"{"probe":"scsi__command"}"#, "there is no probe \"scsi__command\""),
        (r#"{"probe":"nop-send","ii_lun":0}"#, "missing field"),
        (r#"{"probe":"nop-send","pdu":"NopIn"}"#, "unknown field `probe`"),
        (&nop("00"), "bhs has 1 bytes, not 48"),
        (&nop("0"), "no whole number of bytes"),
        (&nop("zz"), "'z' at position 0"),
        (&nop(&"21".repeat(48)), "\"pdu\" says \"NopOut\", its bhs is of a ScsiResponse"),
        (&format!("{good} x"), "trailing characters"),
    ];
    for (line, want) in cases {
        let error = read(&format!("{good}\n\n{line}\n{good}\n")).expect_err(line);
        assert!(error.starts_with("t.jsonl:3: ") && error.contains(want), "{line}: {error}");
    }
    let error = read_jsonl(&b"{\"event\":\"opened\"}\n\xff\n"[..], "t").expect_err("not text");
    assert!(error.line == 2 && error.message.contains("UTF-8"));
    let folder = Folder::new("trace-read");
    let error = read_jsonl_file(&folder.path().join("none")).expect_err("no file");
    assert!(error.line == 0 && error.to_string().contains("none: No such file"), "{error}");
}

#[test]
fn the_first_difference_is_shown_with_its_members() {
    let base: Vec<Record> = (0..40).map(|n| at(n, 0, pdu(Kind::ScsiCommand, n))).collect();
    let none = Ignored::default();
    assert_eq!(diff(&base, &base, &none), None);
    let mut other = base.clone();
    other[20] = at(99, 0, pdu(Kind::ScsiCommand, 7));
    let found = diff(&base, &other, &none).expect("a difference");
    assert_eq!(found.record, 21);
    assert_eq!(found.members, [("time_ns", "20".into(), "99".into()), ("CmdSN", "20".into(), "7".into()),]);
    assert_eq!(found.text.lines().count(), 22);
    let ignored = |names: &[&str]| Ignored::new(names).expect("known");
    assert_eq!(diff(&base, &other, &ignored(&["time_ns"])).map(|d| d.members.len()), Some(1));
    assert_eq!(diff(&base, &other, &ignored(&["time_ns", "CmdSN"])), None);
    other[20] = at(20, 0, RecordKind::Opened);
    let found = diff(&base, &other, &none).expect("a difference");
    assert!(found.members.is_empty() && found.text.contains("event=opened"));
    let found = diff(&base, &base[..3], &none).expect("a difference");
    assert_eq!((found.record, found.members.len()), (4, 0));
    // A PDU with data against one without: the member is there once only.
    let RecordKind::Pdu { pdu: mut bare, .. } = pdu(Kind::ScsiCommand, 20) else { panic!("a PDU") };
    bare.data = bytes::Bytes::new();
    other[20] = at(20, 0, RecordKind::Pdu { from_target: false, pdu: bare });
    let found = diff(&base, &other, &none).expect("a difference");
    assert_eq!(found.members, [("data", "\"data\"".into(), "none".into())]);
}

#[test]
fn a_name_that_no_record_has_cannot_be_ignored() {
    let error = Ignored::new(["time_ns", "StatSn"]).expect_err("no such member");
    assert_eq!(error, "no record of a trace has a member \"StatSn\"; did you mean StatSN?");
}

fn any_record() -> impl Strategy<Value = Record> {
    let any_pdu = (any::<bool>(), prop::array::uniform::<_, 48>(any::<u8>()), any::<[u8; 8]>(), 0_usize..9)
        .prop_map(|(from_target, bhs, bytes, len)| RecordKind::Pdu {
            from_target,
            pdu: Pdu { bhs, ahs: bytes[..len].to_vec(), data: bytes[len..].to_vec().into() },
        });
    let any_probe = (0_usize..16, ".*", any::<(u64, u32, u32)>(), any::<Option<Vec<u8>>>()).prop_map(
        |(which, text, (lun, word, flags), cdb)| {
            RecordKind::Probe(ProbeRecord {
                ii_initiator: text,
                ii_lun: lun,
                ii_ttt: word,
                ii_flags: flags,
                ic_len: cdb.as_ref().map(|_| lun),
                ic_cdb: cdb,
                ..probe(Probe::ALL[which])
            })
        },
    );
    let what = prop_oneof![
        any_pdu,
        any_probe,
        Just(RecordKind::Opened),
        ".*".prop_map(|how| RecordKind::Closed { how }),
        ".*".prop_map(RecordKind::Note),
        any::<u64>().prop_map(RecordKind::Lost),
    ];
    (any::<u64>(), any::<u32>(), what).prop_map(|(time_ns, conn, what)| Record { time_ns, conn, what })
}

proptest! {
    #[test]
    fn what_is_written_is_read(records in prop::collection::vec(any_record(), 0..8)) {
        let text = write_jsonl(&records);
        prop_assert_eq!(text.lines().count(), records.len());
        prop_assert_eq!(read(&text), Ok(records.clone()));
        // Nor does any record break the rendering, or take more than its line.
        let shown = crate::golden::render(&records, &crate::golden::GoldenOptions::default());
        prop_assert_eq!(shown.lines().count(), records.len());
        prop_assert_eq!(diff(&records, &records, &Ignored::default()), None);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_jsonl(bytes.as_slice(), "t");
    }

    #[test]
    fn no_damage_to_a_trace_makes_the_reader_panic(record in any_record(), place in any::<prop::sample::Index>(), byte: u8) {
        let mut text = write_jsonl(&[record]).into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        let _ = read_jsonl(text.as_slice(), "t");
        let _ = read_jsonl(&text[..place], "t");
    }
}
