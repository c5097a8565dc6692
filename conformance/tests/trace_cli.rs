//! `iscsi-lab trace` as a user meets it: the binary, its output and its exit codes.

use conformance::trace::{ProbeRecord, Record, RecordKind, write_jsonl};
use initiator_sim::codec::{Kind, Pdu};
use std::path::{Path, PathBuf};
use std::process::Command;
use target_core::probe::Probe;

/// A folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trace").join(name);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

fn probe(probe: Probe) -> RecordKind {
    RecordKind::Probe(ProbeRecord {
        probe,
        ci_local: "192.0.2.1".into(),
        ci_remote: "192.0.2.2".into(),
        ci_protocol: "ipv4".into(),
        ii_target: "iqn.2026-01.com.example:disk".into(),
        ii_initiator: "iqn.2026-01.com.example:host".into(),
        ii_lun: 0,
        ii_itt: 0x10,
        ii_ttt: 0xffff_ffff,
        ii_cmdsn: 1,
        ii_statsn: 2,
        ii_datasn: 0,
        ii_datalen: 0,
        ii_flags: 0x80,
        ic_len: None,
        ic_cdb: None,
    })
}

/// Two connections, a PDU and an event each.
fn records() -> Vec<Record> {
    let ping = |itt| RecordKind::Pdu { from_target: false, pdu: Pdu::new(Kind::NopOut).with("ITT", itt) };
    let record = |time_ns, conn, what| Record { time_ns, conn, what };
    vec![
        record(0, 3, RecordKind::Opened),
        record(1_000, 3, ping(0x10)),
        record(1_000, 3, probe(Probe::NopReceive)),
        record(2_000, 5, ping(0x20)),
        record(2_000, 5, probe(Probe::ScsiResponse)),
    ]
}

fn lab(args: &[&str]) -> (i32, String, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_iscsi-lab")).arg("trace").args(args).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("it exits"), text(output.stdout), text(output.stderr))
}

#[test]
fn show_selects_and_keeps_the_names() {
    let folder = folder("show");
    let file = folder.join("t.jsonl");
    std::fs::write(&file, write_jsonl(&records())).expect("written");
    let file = file.to_str().expect("text");

    let (code, all, _) = lab(&["show", file]);
    assert_eq!((code, all.lines().count()), (0, 5));
    assert!(
        all.starts_with("0.000000000 c1 =  opened\n0.000001000 c1 -> NopOut [F] ITT=t1 TTT=- CmdSN=0"),
        "{all}"
    );

    let (code, second, _) = lab(&["show", file, "--conn", "c2"]);
    assert_eq!((code, second.lines().count()), (0, 2));
    assert!(second.starts_with("0.000002000 c2 -> NopOut [F] ITT=t2 "), "{second}");
    assert_eq!(lab(&["show", file, "--conn", "2"]).1, second);

    let (code, events, _) = lab(&["show", file, "--probe", "*-receive", "--probe", "task-*"]);
    assert_eq!((code, events.lines().count()), (0, 1));
    assert!(events.starts_with("0.000001000 c1 !  nop-receive ii_lun=0 ii_itt=t1 ii_ttt=- "), "{events}");
    assert_eq!(lab(&["show", file, "--log", "pdu"]).1.lines().count(), 3);

    let (code, json, _) = lab(&["show", file, "--conn", "2", "--log", "probes", "--json"]);
    assert_eq!((code, json), (0, write_jsonl(&records()[4..])));
}

#[test]
fn show_tells_what_is_wrong() {
    let folder = folder("wrong");
    let file = folder.join("t.jsonl");
    std::fs::write(&file, write_jsonl(&records()) + "{\"event\":\"opened\"\n").expect("written");
    let file = file.to_str().expect("text");
    let (code, out, error) = lab(&["show", file]);
    assert!(code == 2 && out.is_empty() && error.contains("t.jsonl:6: column"), "{error}");
    let missing = folder.join("missing");
    let (code, _, error) = lab(&["show", missing.to_str().expect("text")]);
    assert!(code == 2 && error.contains("missing: No such file"), "{error}");
    std::fs::write(folder.join("t.jsonl"), write_jsonl(&records())).expect("written");
    for (args, want, exit) in [
        (["--conn", "0"], "say 1 or c1", 2),
        (["--conn", "x"], "say 1 or c1", 2),
        (["--probe", "[a"], "--probe: ", 2),
        (["--probe", "none"], "nothing to show of 5 record(s)", 7),
        (["--conn", "3"], "nothing to show", 7),
    ] {
        let (code, _, error) = lab(&["show", file, args[0], args[1]]);
        assert!(code == exit && error.contains(want), "{args:?}: {code} {error}");
    }
}

#[test]
fn diff_shows_the_first_place_and_exits_with_1() {
    let folder = folder("diff");
    let (a, b) = (folder.join("a.jsonl"), folder.join("b.jsonl"));
    let mut other = records();
    other[3].time_ns = 2_500;
    std::fs::write(&a, write_jsonl(&records())).expect("written");
    std::fs::write(&b, write_jsonl(&other)).expect("written");
    let (a, b) = (a.to_str().expect("text"), b.to_str().expect("text"));

    assert_eq!(lab(&["diff", a, a]), (0, "the same: 5 records\n".into(), String::new()));
    let (code, out, _) = lab(&["diff", a, b]);
    assert_eq!(code, 1);
    assert!(out.starts_with("they part at record 4\n  time_ns: 2000 became 2500\n--- "), "{out}");
    assert!(out.contains("\n-    4 time_ns=2000 conn=5 from=initiator pdu=NopOut I=0 F=1 "), "{out}");
    assert!(out.contains("\n+    4 time_ns=2500 conn=5 "), "{out}");
    let (code, out, _) = lab(&["diff", a, b, "--ignore", "time_ns"]);
    assert_eq!((code, out.as_str()), (0, "the same: 5 records, ignoring time_ns\n"));
    let (code, _, error) = lab(&["diff", a, b, "--ignore", "time"]);
    assert!(code == 2 && error.contains("\"time\""), "{error}");
    assert_eq!(lab(&["diff", a, "/nowhere"]).0, 2);
}

#[test]
fn show_takes_an_expression() {
    let folder = folder("where");
    let file = folder.join("t.jsonl");
    std::fs::write(&file, write_jsonl(&records())).expect("written");
    let file = file.to_str().expect("text");
    let (code, out, _) = lab(&["show", file, "--where", "probe ~ 'nop-*' && ii_itt == 0x10"]);
    assert_eq!((code, out.lines().count()), (0, 1), "{out}");
    let (code, _, error) = lab(&["show", file, "--where", "ii_lum == 1"]);
    assert!(code == 2 && error.contains("--where: ") && error.contains("ii_lun"), "{error}");
}

#[test]
fn diff_aligns_by_session_and_tag_and_tells_another_order() {
    let folder = folder("align");
    let (a, b) = (folder.join("a.jsonl"), folder.join("b.jsonl"));
    let mut other = records();
    other.swap(2, 3);
    std::fs::write(&a, write_jsonl(&records())).expect("written");
    std::fs::write(&b, write_jsonl(&other)).expect("written");
    let (a, b) = (a.to_str().expect("text"), b.to_str().expect("text"));
    let (code, out, _) = lab(&["diff", a, b]);
    assert!(
        code == 1 && out.starts_with("they part at record 3: the same records in another order\n"),
        "{out}"
    );
    assert_eq!(lab(&["diff", a, b, "--ignore", "order"]).0, 0);
    // One that is missing is told as such; what follows has its partner.
    other.remove(3);
    std::fs::write(b, write_jsonl(&other)).expect("written");
    let (code, out, _) = lab(&["diff", a, b]);
    assert!(code == 1 && out.starts_with("they part at record 3\n--- ") && !out.contains("\n+  "), "{out}");
}

#[test]
fn check_judges_what_record_made() {
    let folder = folder("check");
    let (good, bad) = (folder.join("good.jsonl"), folder.join("bad.jsonl"));
    let (good, bad_name) = (good.to_str().expect("text"), bad.to_str().expect("text"));
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let (code, _, error) = lab(&["record", good, "--scenario", "login/plain", "--root", root]);
    assert_eq!(code, 0, "{error}");
    let (code, out, error) = lab(&["check", good]);
    assert_eq!((code, out.as_str()), (0, ""), "{error}");
    assert!(error.contains("6 event(s) judged, 0 violation(s), 0 lost"), "{error}");
    let text = std::fs::read_to_string(good).expect("a trace");
    let wrong = text.replacen("\"ii_statsn\":3,\"ii_datasn\"", "\"ii_statsn\":7,\"ii_datasn\"", 1);
    assert_ne!(text, wrong);
    std::fs::write(&bad, wrong + "{\"event\":\"lost\",\"count\":2}\n").expect("written");
    let (code, out, error) = lab(&["check", bad_name]);
    assert!(code == 1 && out.contains("ii_statsn: ") && error.contains("2 lost"), "{out}{error}");
    let (code, out, _) = lab(&["check", good, bad_name, "--json"]);
    let json: serde_json::Value = serde_json::from_str(out.lines().next().expect("a line")).expect("JSON");
    assert!(code == 1 && json["member"] == "ii_statsn" && json["file"] == bad_name, "{out}");
    std::fs::write(&bad, write_jsonl(&records()[..2])).expect("written");
    assert_eq!(lab(&["check", bad_name]).0, 7, "nothing to judge");
    let several = lab(&["record", bad_name, "--scenario", "login/*", "--root", root]);
    assert!(several.0 == 2 && several.2.contains("cases fit"), "{}", several.2);
}
