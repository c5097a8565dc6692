//! `serve` as a program: signals, exit codes, messages.

mod common;

use common::Client;
use common::serve::{Serve, lab};
use rustix::process::Signal;
use std::path::PathBuf;

fn scratch(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("iscsi-lab-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("a temporary file");
    path
}

const CONFIG: &str = "[server]\ndrain = 0\n[[target]]\nname = \"iqn.2026-01.org.example:test\"\n[[target.lun]]\nmemory = \"1M\"\n";

#[test]
fn sigterm_ends_it_in_peace_and_the_start_says_how_to_connect() {
    let serve = Serve::start(&["--listen", "127.0.0.1:0", "--target", common::TARGET]);
    let address = serve.address();
    let mut client = Client::login(address, 1);
    assert_eq!(client.read(0, 1).0, 0);
    drop(client);
    let (code, out) = serve.end(Signal::TERM);
    assert_eq!(code, Some(0));
    let url = format!("iscsi://{address}/{}/0", common::TARGET);
    assert!(out.contains(&format!("connect to {url}\n")), "{out}");
    for tool in ["iscsi-ls -s", "qemu-img info", "iscsiadm -m discovery"] {
        assert!(out.contains(tool), "{out}");
    }
}

#[test]
fn sighup_takes_a_good_file_and_keeps_the_old_one_for_a_bad_one() {
    let path = scratch("hup.toml", CONFIG);
    let name = path.to_str().expect("a plain path");
    let serve = Serve::start(&["--config", name, "--listen", "127.0.0.1:0"]);
    let mut client = Client::login(serve.address(), 1);
    assert_eq!(client.write(0, &[5; 512]), 0);

    std::fs::write(&path, format!("{CONFIG}colour = 1\n")).expect("writable");
    serve.signal(Signal::HUP);
    let line = serve.logged("unknown key");
    assert!(line.contains(":7:1:") && line.contains("stays in force"), "{line}");
    assert_eq!(client.read(0, 1), (0, vec![5; 512]));

    std::fs::write(&path, format!("{CONFIG}[[target.lun]]\nlun = 9\nnull = \"1M\"\n")).expect("writable");
    serve.signal(Signal::HUP);
    serve.logged("read again");
    let report = [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0];
    let luns = (0..4).map(|_| client.command(&report, 255, None)).find(|(status, _)| *status == 0);
    assert_eq!(luns.map(|(_, data)| data.len()), Some(8 + 2 * 8));
    std::fs::remove_file(&path).expect("removable");
    assert_eq!(serve.end(Signal::INT).0, Some(0), "a session that does not log out is dropped");
}

#[test]
fn mistakes_end_with_2_and_say_what_to_do() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = held.local_addr().expect("an address").to_string();
    let bad = scratch("bad.toml", &format!("{CONFIG}[limits]\nsessions = 0\n"));
    let odd = scratch("odd.img", "not a whole block");
    for (args, text) in [
        (vec!["serve", "--listen", &taken], "is in use"),
        (vec!["serve", "--config", "/no/such.toml"], "/no/such.toml"),
        (vec!["serve", "--config", bad.to_str().expect("plain")], "sessions is 1 to 65535"),
        (vec!["serve", "--lun", "mem:1000"], "not a multiple of the block size 512"),
        (vec!["serve", "--lun", "tape:1"], "unknown kind"),
        (vec!["serve", "--lun", &format!("file:{}", odd.display())], "not a multiple"),
        (vec!["serve", "--target", "disk"], "is not an iSCSI name"),
        (vec!["serve", "--log", "conformance=loud"], "--log"),
        (vec!["serve", "--record", "/no/such/folder/x"], "/no/such/folder/x"),
    ] {
        let mut command = lab();
        command.args(&args);
        if !args.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let output = command.output().expect("runs");
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains(text), "{args:?} said {err}");
    }
    for path in [bad, odd] {
        std::fs::remove_file(path).expect("removable");
    }
}

#[test]
fn the_log_can_be_json_and_events_can_be_recorded() {
    let path = scratch("events.jsonl", "");
    let name = path.to_str().expect("a plain path");
    let args =
        ["--listen", "127.0.0.1:0", "--target", common::TARGET, "--log-format", "json", "--record", name];
    let serve = Serve::start(&args);
    let mut client = Client::login(serve.address(), 1);
    assert_eq!(client.write(0, &[5; 512]), 0);
    let line: serde_json::Value = serde_json::from_str(&serve.logged("logged in")).expect("JSON");
    assert_eq!(line["fields"]["target"], common::TARGET);
    drop(client);
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
    let events: Vec<serde_json::Value> = std::fs::read_to_string(&path)
        .expect("the recording")
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let trace = conformance::trace::read_jsonl_file(&path).expect("a trace that `trace show` reads");
    assert!(trace.len() == events.len() && trace.is_sorted_by_key(|record| record.time_ns));
    std::fs::remove_file(&path).expect("removable");
    let names: Vec<_> = events.iter().filter_map(|event| event["probe"].as_str()).collect();
    assert_eq!(names[..2], ["login-command", "login-response"]);
    // Behind them there may be a message of the shutdown.
    let last = names.iter().rposition(|name| *name == "scsi-command").expect("a command");
    assert_eq!(names[last..last + 4], ["scsi-command", "data-request", "data-receive", "scsi-response"]);
    let write = &events[last];
    assert_eq!(write["ic_cdb"], "2a000000000000000100000000000000");
    assert_eq!((&write["ic_len"], &write["ci_local"]), (&16.into(), &"127.0.0.1".into()));
}

#[test]
fn the_binary_carries_exactly_the_sixteen_probes() {
    let output = lab().arg("probes").output().expect("runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let mut names: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.dedup();
    assert_eq!(names.len(), 16, "{text}");
    assert!(names.iter().all(|name| name.starts_with("iscsi:")), "{text}");
}
