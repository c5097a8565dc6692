//! Every kind of line, by its text.

use super::*;
use initiator_sim::codec::{Kind, Pdu, ahs::Ahs, text::join};
use std::path::{Path, PathBuf};
use target_core::probe::Probe;

/// A folder of a test's own that goes away with it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("iscsi-lab-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn sent(pdu: Pdu) -> Record {
    Record { time_ns: 1_500, conn: 4, what: RecordKind::Pdu { from_target: false, pdu } }
}

fn answered(pdu: Pdu) -> Record {
    Record { time_ns: 2_000_000_001, conn: 4, what: RecordKind::Pdu { from_target: true, pdu } }
}

pub(crate) fn probe(probe: Probe) -> ProbeRecord {
    ProbeRecord {
        probe,
        ci_local: "192.0.2.1".into(),
        ci_remote: "2001:db8::7".into(),
        ci_protocol: "ipv6".into(),
        ii_target: String::new(),
        ii_initiator: "iqn.2001-04.com.example:ini".into(),
        ii_lun: 3,
        ii_itt: 0x1234,
        ii_ttt: 0xffff_ffff,
        ii_cmdsn: 5,
        ii_statsn: 6,
        ii_datasn: 0,
        ii_datalen: 0,
        ii_flags: 0x81,
        ic_len: None,
        ic_cdb: None,
    }
}

fn fired(event: ProbeRecord) -> Record {
    Record { time_ns: 1_500, conn: 4, what: RecordKind::Probe(event) }
}

/// The lines after the time.
fn lines_of(records: &[Record], wire: Wire) -> Vec<String> {
    let text = render(records, &GoldenOptions { wire, ..GoldenOptions::default() });
    text.lines().map(|line| line.split_once(' ').expect("time first").1.to_owned()).collect()
}

fn lines(records: &[Record]) -> Vec<String> {
    lines_of(records, Wire::Digest)
}

fn login(c: u64, data: &[u8]) -> Record {
    answered(Pdu::new(Kind::LoginResponse).with("C", c).with_data(data.to_vec()))
}

#[test]
fn tags_and_handles_are_named_as_they_appear() {
    let read = Pdu::new(Kind::ScsiCommand).with("R", 1).with("ITT", 0x1234).with("EDTL", 512);
    let mut read = read.with("CmdSN", 9).with("ExpStatSN", 3);
    read.set_bytes("CDB", &[0x28, 0, 0, 0, 0, 1, 0, 0, 1, 0]).expect("a CDB");
    let data = Pdu::new(Kind::DataIn).with("ITT", 0x1234).with("F", 1).with("S", 1).with_data(vec![7; 512]);
    let r2t = Pdu::new(Kind::R2T).with("ITT", 0x9999).with("TTT", 0x77).with("DesiredLen", 8);
    let abort = Pdu::new(Kind::TaskRequest).with("ITT", 5).with("RefTaskTag", 0x9999).with("Function", 1);
    let mut response = Pdu::new(Kind::LoginResponse).with("TSIH", 0x4444).with("ITT", 5);
    response.set("StatusClass", 2).expect("a field");
    let ping = Pdu::new(Kind::NopIn);
    let records =
        [sent(read), answered(data), answered(r2t), sent(abort), answered(response), answered(ping)];
    assert_eq!(
        lines(&records),
        [
            "c1 -> ScsiCommand [F R] ATTR=1 ITT=t1 EDTL=512 CmdSN=9 ExpStatSN=3 \
             CDB=28000000000100000100000000000000 {read10 lba=1 blocks=1}",
            "c1 <- DataIn [F S] Status=GOOD ITT=t1 TTT=- StatSN=0 ExpCmdSN=0 MaxCmdSN=0 DataSN=0 \
             BufferOffset=0 data=512#15933044",
            "c1 <- R2T [F] ITT=t2 TTT=x1 StatSN=0 ExpCmdSN=0 MaxCmdSN=0 BufferOffset=0 DesiredLen=8",
            "c1 -> TaskRequest [F] Function=1 ITT=t3 RefTaskTag=t2 CmdSN=0 ExpStatSN=0",
            "c1 <- LoginResponse CSG=0 NSG=0 ISID=0x0 TSIH=s1 ITT=t3 StatSN=0 ExpCmdSN=0 MaxCmdSN=0 \
             StatusClass=2",
            "c1 <- NopIn [F] ITT=- TTT=- StatSN=0 ExpCmdSN=0 MaxCmdSN=0",
        ]
    );
    let text = render(&records, &GoldenOptions::default());
    assert!(text.starts_with("0.000001500 c1 -> ") && text.contains("\n2.000000001 c1 <- "));
}

#[test]
fn a_probe_event_shows_all_its_fields() {
    let mut task = probe(Probe::TaskCommand);
    task.ii_ttt = 0x1234;
    let mut command = probe(Probe::ScsiCommand);
    (command.ii_itt, command.ic_len, command.ic_cdb) = (9, Some(16), Some(vec![0x12; 16]));
    let tail = "ci_local=192.0.2.1 ci_remote=2001:db8::7 ci_protocol=ipv6 ii_target=\"\" \
                ii_initiator=iqn.2001-04.com.example:ini";
    assert_eq!(
        lines(&[fired(task), fired(command)]),
        [
            format!(
                "c1 !  task-command ii_lun=3 ii_itt=t1 ii_ttt=t1 ii_cmdsn=5 ii_statsn=6 ii_datasn=0 \
                 ii_datalen=0 ii_flags=0x81 {tail}"
            ),
            format!(
                "c1 !  scsi-command ii_lun=3 ii_itt=t2 ii_ttt=- ii_cmdsn=5 ii_statsn=6 ii_datasn=0 \
                 ii_datalen=0 ii_flags=0x81 ic_len=16 ic_cdb=12121212121212121212121212121212 {tail}"
            ),
        ]
    );
}

#[test]
fn what_chap_draws_shows_only_its_length() {
    let with = |challenge: &str| {
        let text = join([("CHAP_A", "7"), ("CHAP_I", "211"), ("CHAP_C", challenge), ("CHAP_N", "user")]);
        lines(&[login(0, &text)])
    };
    let line = with("0x00112233").join("");
    assert!(line.ends_with("{CHAP_A=7, CHAP_I=<id>, CHAP_C=<10 characters>, CHAP_N=user}"), "{line}");
    assert_eq!(with("0x00112233"), with("0xffeeddcc"));
    assert_ne!(with("0x00112233"), with("0x0011223344"));
}

#[test]
fn a_challenge_cut_by_the_c_bit_stays_hidden() {
    let cut = |challenge: &[u8]| {
        let (first, second) = challenge.split_at(5);
        lines(&[
            login(1, &[b"CHAP_N=user\0CHAP_C=", first].concat()),
            login(0, &[second, b"\0CHAP_A=5\0"].concat()),
            login(0, b"X=1\0"),
        ])
    };
    let shown = cut(b"0bAAAA12AA==");
    assert_eq!(shown, cut(b"0bzzzz12zz=="));
    assert!(shown[0].ends_with("{CHAP_N=user, CHAP_C=<5 characters>, (no zero at the end)}"), "{}", shown[0]);
    assert!(shown[1].ends_with("{..<7 bytes>, CHAP_A=5}"), "{}", shown[1]);
    assert!(shown[2].ends_with("{X=1}"), "{}", shown[2]);
}

#[test]
fn odd_text_is_bounded_and_on_one_line() {
    let long = "v".repeat(400);
    let line = lines(&[login(0, &join([("A", "a\nb'\""), ("B", &long)]))]).join("|");
    assert!(line.contains("{A=a\\nb'\", B=vvv") && line.contains("vv..(400)#") && line.len() < 400, "{line}");
    let full = lines_of(&[login(0, &join([("B", &long)]))], Wire::Full).join("|");
    assert!(full.contains(&long));
    let broken = lines(&[login(0, b"nonsense\0\xff=2\0=x\0")]).join("|");
    assert!(
        broken.contains("{(no pair: nonsense), (not UTF-8: ff3d32#") && broken.ends_with("(key of 0 bytes)}"),
        "{broken}"
    );
    let many: Vec<(String, String)> = (0..100).map(|n| (format!("X-{n}"), "1".into())).collect();
    let line = lines(&[login(0, &join(many.clone()))]).join("|");
    assert!(line.contains("X-39=1, 60 more #") && !line.contains("X-40"), "{line}");
}

#[test]
fn data_sense_refused_headers_and_reserved_bytes() {
    let mut segment = vec![0, 18, 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0];
    let response = |data: Vec<u8>| answered(Pdu::new(Kind::ScsiResponse).with("Status", 2).with_data(data));
    let line = lines(&[response(segment.clone())]).join("");
    assert!(line.contains(" Status=CHECK_CONDITION ") && line.ends_with("{ILLEGAL_REQUEST 24/00}"), "{line}");
    segment[14] = 0x25;
    assert_ne!(lines(&[response(segment)]).join(""), line);

    let refused = Pdu::new(Kind::NopOut).with("ITT", 8).with("CmdSN", 77);
    let reject = Pdu::new(Kind::Reject).with("Reason", 4).with_data(refused.bhs.to_vec());
    let line = lines(&[answered(reject)]).join("");
    assert!(line.ends_with(" data=48 {NopOut [F] ITT=t1 TTT=- CmdSN=77 ExpStatSN=0}"), "{line}");

    let mut odd = Pdu::new(Kind::LogoutResponse).with("Byte37", 9).with_data(vec![1, 2, 3]);
    Ahs { kind: 9, specific: vec![0, 1] }.emit(&mut odd.ahs);
    odd.bhs[7] = 5;
    let line = lines_of(&[answered(odd)], Wire::Full).join("");
    assert!(line.ends_with(" byte37=0x09 ahs=0002090001000000 data=3(header says 5):010203"), "{line}");

    let out = |data: Vec<u8>| lines_of(&[sent(Pdu::new(Kind::DataOut).with_data(data))], Wire::Full).join("");
    assert!(out(vec![0xab; 4096]).ends_with(" data=4096:4096*ab"));
    let mixed: Vec<u8> = (0..1000_u32).map(|n| n as u8).collect();
    let shown = out(mixed);
    assert!(shown.len() < 700 && shown.contains(":00010203") && shown.contains("fdfeff..#"), "{shown}");
    // A status without the S bit belongs to nobody, but is not hidden.
    let status = lines(&[answered(Pdu::new(Kind::DataIn).with("Status", 8))]).join("");
    assert!(status.contains(" Status=BUSY "), "{status}");
    assert!(
        lines(&[answered(Pdu { bhs: [0x1d; 48], ahs: vec![], data: vec![].into() })])[0]
            .contains("Opcode0x1d")
    );
}

#[test]
fn events_and_notes_stay_on_their_line() {
    let event = |conn, what| Record { time_ns: 0, conn, what };
    assert_eq!(
        lines(&[
            event(7, RecordKind::Opened),
            event(2, RecordKind::Opened),
            event(7, RecordKind::Closed { how: "reset\n".into() }),
            event(CONN_UNKNOWN, RecordKind::Note("target: \"crash\"".into())),
        ]),
        ["c1 =  opened", "c2 =  opened", "c1 =  closed: reset\\n", "- =  target: \"crash\""]
    );
}

#[test]
fn options_choose_the_lines() {
    let records = [
        sent(Pdu::new(Kind::NopOut)),
        fired(probe(Probe::NopReceive)),
        fired(probe(Probe::NopSend)),
        Record { time_ns: 0, conn: 4, what: RecordKind::Opened },
    ];
    let count = |probes: Probes, wire: Wire| {
        render(&records, &GoldenOptions { probes, wire, lines_max: 200 }).lines().count()
    };
    assert_eq!(count(Probes::Full, Wire::Digest), 4);
    assert_eq!(count(Probes::Off, Wire::Digest), 2);
    assert_eq!(count(Probes::Names(vec!["nop-send".into()]), Wire::Digest), 3);
    assert_eq!(count(Probes::Off, Wire::Off), 1);
}

#[test]
fn a_long_trace_keeps_both_ends_and_a_digest() {
    let notes = |odd: usize| -> String {
        let note = |n: usize| RecordKind::Note(if n == odd { "odd".into() } else { n.to_string() });
        let records: Vec<Record> = (0..1000).map(|n| Record { time_ns: 0, conn: 0, what: note(n) }).collect();
        render(&records, &GoldenOptions::default())
    };
    let text = notes(9999);
    let shown: Vec<&str> = text.lines().collect();
    assert_eq!(shown.len(), 200);
    assert!(shown[99].ends_with(" 99") && shown[101].ends_with(" 901") && shown[199].ends_with(" 999"));
    assert!(shown[100].starts_with("... 801 lines, sha256 ") && shown[100].len() == 22 + 64);
    assert_ne!(notes(500), text);
    assert_eq!(clip(&vec!["x".to_owned(); 200], 200).lines().count(), 200);
    assert_eq!(clip(&vec!["x".to_owned(); 9], 0).lines().count(), 3);
}

#[test]
fn a_golden_file_is_missing_then_the_same_then_differs() {
    let folder = Folder::new("golden-file");
    let path = snapshot_path(folder.path(), "ffp/some.name");
    assert!(path.ends_with("snapshots/ffp/some.name.snap"));
    assert_eq!(check(&path, "a\nb\n").expect("no file is no error"), Outcome::Missing);
    write(&path, "a\nb\n\n", SOURCE).expect("written");
    let pending = path.with_extension("snap.new");
    std::fs::write(&pending, "x").expect("written");
    assert_eq!(check(&path, "a\r\nb").expect("read"), Outcome::Same);
    let differs = check(&path, "a\nc\n").expect("read");
    let diff = "     1 a\n-    2 b\n+    2 c\n".to_owned();
    assert_eq!(differs, Outcome::Differs { first_divergence_line: 2, diff });
    write(&path, "---\nodd", SOURCE).expect("written");
    assert!(!pending.exists(), "what waits for review is out of date");
    assert_eq!(check(&path, "---\nodd").expect("read"), Outcome::Same);
    assert_eq!(std::fs::read_dir(path.parent().expect("a folder")).expect("readable").count(), 1);
}

#[test]
fn a_file_that_cannot_be_used_is_an_error_that_names_it() {
    let folder = Folder::new("golden-errors");
    let path = snapshot_path(folder.path(), "a");
    std::fs::create_dir_all(&path).expect("a folder in the file's place");
    let error = write(&path, "text", SOURCE).expect_err("a folder is no file").to_string();
    assert!(error.contains("a.snap: cannot write it (what was there before is unchanged)"), "{error}");
    assert!(check(&path, "text").is_err());
    let other = snapshot_path(folder.path(), "b");
    for text in ["no head", "---\nsource: x\n", ""] {
        std::fs::write(&other, text).expect("written");
        let error = check(&other, "text").expect_err("no snapshot").to_string();
        assert!(error.contains("b.snap: cannot read it: no snapshot"), "{error}");
    }
    std::fs::write(&other, [0xff]).expect("written");
    assert!(check(&other, "text").is_err());
    let blocked = snapshot_path(&other, "c");
    assert!(write(&blocked, "text", SOURCE).expect_err("a file is no folder").to_string().contains("folder"));
}
