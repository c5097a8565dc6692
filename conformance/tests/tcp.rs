//! Do the same files run over TCP? Against our own server, as against any other target: with another disk and other
//! credentials than the simulator has.

#[path = "common/serve.rs"]
mod serve;

use serde_json::Value;
use serve::{Serve, lab};
use std::path::PathBuf;
use std::process::Output;

const TARGET: &str = "iqn.2026-01.example.lab:tcp";

fn run(serve: &Serve, args: &[&str]) -> Output {
    let address = serve.address().to_string();
    let mut command = lab();
    command.args(["run", "--addr", &address, "--target", TARGET]).args(args);
    command.output().expect("it runs")
}

/// Runs with `--json` and expects no failure; all cases with what became of them.
#[track_caller]
fn judged(serve: &Serve, args: &[&str]) -> Vec<Value> {
    let output = run(serve, &[args, &["--json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let json: Value = serde_json::from_str(&text).expect("one JSON document");
    let scenarios = json["scenarios"].as_array().expect("a list");
    let cases: Vec<_> =
        scenarios.iter().flat_map(|one| one["cases"].as_array().expect("a list")).cloned().collect();
    let failed: Vec<_> = cases.iter().filter(|case| case["verdict"] == "failed").collect();
    assert_eq!(output.status.code(), Some(0), "{failed:#?}");
    let silent = cases.iter().filter(|case| case["verdict"] == "skipped" && case["reason"].is_null()).count();
    assert_eq!(silent, 0, "every skip has its reason");
    cases
}

fn count(cases: &[Value], verdict: &str) -> usize {
    cases.iter().filter(|case| case["verdict"] == verdict).count()
}

/// Cases that are skipped with a reason like this.
fn skipped(cases: &[Value], why: &str) -> usize {
    let reason = |case: &&Value| case["reason"].as_str().is_some_and(|reason| reason.contains(why));
    cases.iter().filter(reason).count()
}

fn with_lun(lun: &str) -> Serve {
    Serve::start(&["--listen", "127.0.0.1:0", "--target", TARGET, "--lun", lun])
}

#[test]
fn the_suite_passes_over_tcp_and_says_what_it_skips() {
    let cases = judged(&with_lun("mem:8M"), &[]);
    assert!(count(&cases, "passed") >= 200, "{} passed", count(&cases, "passed"));
}

#[test]
fn the_suite_takes_the_disk_as_it_is() {
    let cases = judged(&with_lun("mem:64M,bs=4096"), &[]);
    assert!(count(&cases, "passed") >= 200, "{} passed", count(&cases, "passed"));
}

#[test]
fn the_suite_leaves_a_disk_alone_that_may_not_be_written() {
    let cases = judged(&with_lun("mem:8M,ro"), &[]);
    assert!(count(&cases, "passed") >= 150, "{} passed", count(&cases, "passed"));
    assert!(skipped(&cases, "write-protected") > 0 && skipped(&cases, "needs write") > 0);
}

/// A configuration file of its own for each test.
fn config(name: &str, more: &str) -> PathBuf {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tcp-{name}-{}.toml", std::process::id()));
    let text = format!(
        "[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"64M\"\nblock_size = 4096\n[target.auth]\n\
         chap = [{{ name = \"somebody else\", secret = \"words that nobody expects\" }}]\n{more}"
    );
    std::fs::write(&path, text).expect("a temporary file");
    path
}

#[test]
fn recovery_and_several_connections_hold_over_tcp() {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tcp-all-{}.toml", std::process::id()));
    let text = format!(
        "[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"1M\"\n\
         [offer]\nmax_connections = 16\nerror_recovery_level = 2\ntime2retain = 60\n\
         [limits]\nsessions = 4096\nsessions_per_initiator = 4096\n"
    );
    std::fs::write(&path, text).expect("a temporary file");
    let serve = Serve::start(&["--listen", "127.0.0.1:0", "--config", path.to_str().expect("a plain path")]);
    std::fs::remove_file(path).expect("removable");
    let cases = judged(&serve, &["mcs", "erl1", "erl2"]);
    assert!(count(&cases, "passed") >= 15, "{} passed", count(&cases, "passed"));
    assert_eq!(skipped(&cases, "does not offer"), 0);
    // And everything else against a target that has it all.
    let cases = judged(&serve, &[]);
    assert!(count(&cases, "passed") >= 220, "{} passed", count(&cases, "passed"));
}

fn with_chap(name: &str, more: &str) -> Serve {
    let path = config(name, more);
    let serve = Serve::start(&["--listen", "127.0.0.1:0", "--config", path.to_str().expect("a plain path")]);
    std::fs::remove_file(path).expect("removable");
    serve
}

const CHAP: [&str; 2] = ["--chap", "somebody else:words that nobody expects"];

#[test]
fn the_suite_takes_the_credentials_as_they_are() {
    let serve = with_chap("mutual", "mutual = { name = \"the other\", secret = \"a proof of its own\" }\n");
    let mutual = ["--chap-mutual", "the other:a proof of its own"];
    let cases = judged(&serve, &[&CHAP[..], &mutual].concat());
    // What logs in by hand does so without CHAP; everything else is to hold behind it too.
    assert!(count(&cases, "passed") >= 150, "{} passed", count(&cases, "passed"));
    assert!(skipped(&cases, "logs in without CHAP") > 0);
    assert_eq!(skipped(&cases, "no credentials"), 0);
    let chap = judged(&serve, &[&["chap"], &CHAP[..], &mutual].concat());
    assert!(count(&chap, "passed") >= 35, "{} passed", count(&chap, "passed"));

    let one_way = judged(&with_chap("one-way", ""), &[&["chap"], &CHAP[..]].concat());
    assert!(skipped(&one_way, "--chap-mutual") > 0);
    assert!(one_way.iter().any(|case| case["verdict"] == "passed"));
}

#[test]
fn what_the_target_does_not_ask_for_is_not_checked() {
    let cases = judged(&with_lun("mem:8M"), &[&["chap/one-way"], &CHAP[..]].concat());
    assert_eq!(skipped(&cases, "does not ask of this initiator"), cases.len());
}

#[test]
fn a_target_that_is_not_there_fails_and_a_wrong_name_does_too() {
    let refused = lab()
        .args(["run", "login/plain", "--addr", "127.0.0.1:9", "--target", TARGET])
        .output()
        .expect("it runs");
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stdout));
    let serve = with_lun("mem:8M");
    let address = serve.address().to_string();
    let wrong = lab()
        .args(["run", "login/plain", "--addr", &address, "--target", "iqn.2026-01.example:nobody"])
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&wrong.stdout);
    assert_eq!(wrong.status.code(), Some(1), "{text}");
    assert!(
        text.contains("NOT_FOUND (0x203)") && text.contains("rerun: iscsi-lab run login/plain --addr"),
        "{text}"
    );
}
