//! Does a capture become a scenario that runs, and is what cannot be imported told?

#[path = "common/lab.rs"]
mod lab;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("import").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

/// Exit code, and everything that was said.
fn lab(args: &[&str]) -> (Option<i32>, String) {
    let output = lab::lab(&root(), args);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// Captures a simulated scenario; gives the file.
fn captured(dir: &Path, scenario: &str) -> String {
    let file = dir.join("run.pcapng").to_string_lossy().into_owned();
    let (exit, text) = lab(&["replay", scenario, "--log", "probes", "--pcap", &file]);
    assert_eq!(exit, Some(0), "{text}");
    file
}

#[test]
fn a_simulated_capture_becomes_a_scenario_that_passes() {
    let scenarios =
        ["data/wrong-datasn-split", "login/digest-choice", "login/continue-response", "data/bidirectional"];
    for name in scenarios {
        let dir = folder(&name.replace('/', "-"));
        let file = captured(&dir, &format!("scenarios/{name}.scn.yaml"));
        let made = dir.join("made.scn.yaml").to_string_lossy().into_owned();
        if !Path::new(&file).exists() {
            continue; // A matrix leaves a file for each case.
        }
        let (exit, text) = lab(&["import", &file, "-o", &made]);
        assert_eq!(exit, Some(0), "{name}: {text}");
        let (exit, text) = lab(&["replay", &made, "--log", "probes"]);
        assert_eq!(exit, Some(0), "{name}: {text}");
        let written = std::fs::read_to_string(&made).expect("the scenario");
        assert!(written.contains("send: {on: c1, pdu: LoginRequest"), "{written}");
    }
}

#[test]
fn transfer_tags_are_saved_and_a_wrong_answer_fails() {
    let dir = folder("tags");
    let file = captured(&dir, "scenarios/data/wrong-datasn-split.scn.yaml");
    let path = dir.join("made.scn.yaml");
    assert_eq!(lab(&["import", &file, "-o", &path.to_string_lossy()]).0, Some(0));
    let text = std::fs::read_to_string(&path).expect("the scenario");
    assert!(text.contains("save: {ttt1: TTT}") && text.contains("TTT: $ttt1"), "{text}");
    let wrong = text.replacen("R2TSN: 0", "R2TSN: 1", 1);
    std::fs::write(&path, wrong).expect("a file");
    let (exit, text) = lab(&["replay", &path.to_string_lossy(), "--log", "probes"]);
    assert!(exit == Some(1) && text.contains("R2TSN: expected 1, got 0"), "{text}");
}

#[test]
fn a_login_with_chap_uses_the_scenarios_own_credentials() {
    let dir = folder("chap");
    let scenario = dir.join("chap.scn.yaml");
    std::fs::write(
        &scenario,
        "title: t\nneeds: [chap]\ntarget:\n  auth: {users: {$chap_name: $chap_secret}}\nsteps:\n  - login: {on: c1, auth: {name: $chap_name, secret: $chap_secret}}\n  - nop: {data: hello}\n",
    )
    .expect("a file");
    let file = captured(&dir, &scenario.to_string_lossy());
    let made = dir.join("made.scn.yaml").to_string_lossy().into_owned();
    let (exit, text) = lab(&["import", &file, "-o", &made]);
    assert!(exit == Some(0) && text.contains("instead of the captured credentials"), "{text}");
    let (exit, text) = lab(&["replay", &made, "--log", "probes"]);
    assert_eq!(exit, Some(0), "{text}");
}

#[test]
fn what_cannot_be_imported_is_told_and_nothing_panics() {
    let dir = folder("wrong");
    let file = captured(&dir, "scenarios/data/wrong-datasn-split.scn.yaml");
    let bytes = std::fs::read(&file).expect("a capture");
    let says = |name: &str, bytes: &[u8], want: &str| {
        let path = dir.join(name);
        std::fs::write(&path, bytes).expect("a file");
        let (exit, text) = lab(&["import", &path.to_string_lossy()]);
        assert!(exit == Some(2) && text.contains(want), "{name}: {exit:?} {text}");
    };
    says("empty", b"", "this is no capture");
    says("text", b"these are no packets at all, only words", "this is no capture");
    says("login-only-half", &without_packet(&bytes, 4), "the capture lost a segment");
    for len in (0..bytes.len()).step_by(997) {
        let path = dir.join("part");
        std::fs::write(&path, &bytes[..len]).expect("a file");
        let (exit, text) = lab(&["import", &path.to_string_lossy()]);
        assert!(matches!(exit, Some(0 | 2)) && !text.contains("panicked"), "{len} bytes: {text}");
    }
    assert_eq!(lab(&["import", "/nowhere"]).0, Some(2));
}

/// The capture without its nth packet of a stream, from 1.
fn without_packet(bytes: &[u8], nth: usize) -> Vec<u8> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let (mut out, mut at, mut packets) = (Vec::new(), 0, 0);
    while at < bytes.len() {
        let len = word(at + 4);
        // Enhanced packets of the first interface.
        let is_packet = word(at) == 6 && word(at + 8) == 0;
        packets += usize::from(is_packet);
        if !(is_packet && packets == nth) {
            out.extend_from_slice(&bytes[at..at + len]);
        }
        at += len;
    }
    out
}
