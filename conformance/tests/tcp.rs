//! Do the same files run over TCP? Against our own server, as against any other target.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const TARGET: &str = "iqn.2026-01.example.lab:tcp";

struct Serve {
    child: Child,
    address: String,
    /// Kept open: the server goes on saying how to connect.
    _output: BufReader<ChildStdout>,
}

impl Serve {
    fn start() -> Self {
        let mut child = lab(&["serve", "--listen", "127.0.0.1:0", "--target", TARGET, "--lun", "mem:8M"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        output.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("the address").to_owned();
        Self { child, address, _output: output }
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Nothing can be done about a server that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lab(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iscsi-lab"));
    command.args(args).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

#[test]
fn the_suite_passes_over_tcp_and_says_what_it_skips() {
    let serve = Serve::start();
    let output =
        lab(&["run", "--addr", &serve.address, "--target", TARGET, "--json"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let json: serde_json::Value = serde_json::from_str(&text).expect("one JSON document");
    assert_eq!(output.status.code(), Some(0), "{:#}", json["scenarios"]);
    let cases = || {
        json["scenarios"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|one| one["cases"].as_array().into_iter().flatten())
    };
    assert!(cases().filter(|case| case["verdict"] == "passed").count() >= 8, "{json:#}");
    let silent = cases().filter(|case| case["verdict"] == "skipped" && case["reason"].is_null()).count();
    assert_eq!(silent, 0, "every skip has its reason");
}

#[test]
fn a_target_that_is_not_there_fails_and_a_wrong_name_does_too() {
    let refused =
        lab(&["run", "login/plain", "--addr", "127.0.0.1:9", "--target", TARGET]).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stdout));
    let serve = Serve::start();
    let wrong =
        lab(&["run", "login/plain", "--addr", &serve.address, "--target", "iqn.2026-01.example:nobody"])
            .output()
            .expect("it runs");
    let text = String::from_utf8_lossy(&wrong.stdout);
    assert_eq!(wrong.status.code(), Some(1), "{text}");
    assert!(
        text.contains("NOT_FOUND (0x203)") && text.contains("rerun: iscsi-lab run login/plain --addr"),
        "{text}"
    );
}
