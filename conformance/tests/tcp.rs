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
    cases(&run(serve, &[args, &["--json"]].concat()))
}

/// The same for the whole suite, in parts, each against a server of its own: most of its time is waiting.
#[track_caller]
fn whole(start: impl Fn(usize) -> Serve + Sync, args: &[&str]) -> Vec<Value> {
    const PARTS: usize = 4;
    let part = &|number: usize| {
        let serve = start(number);
        let shard = format!("{number}/{PARTS}");
        run(&serve, &[args, &["--json", "--shard", &shard]].concat())
    };
    let outputs: Vec<_> = std::thread::scope(|scope| {
        let parts: Vec<_> = (1..=PARTS).map(|number| scope.spawn(move || part(number))).collect();
        parts.into_iter().map(|part| part.join().expect("no panic")).collect()
    });
    outputs.iter().flat_map(cases).collect()
}

#[track_caller]
fn cases(output: &Output) -> Vec<Value> {
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
    let cases = whole(|_| with_lun("mem:8M"), &[]);
    assert!(count(&cases, "passed") >= 200, "{} passed", count(&cases, "passed"));
}

#[test]
fn the_suite_takes_the_disk_as_it_is() {
    let cases = whole(|_| with_lun("mem:64M,bs=4096"), &[]);
    assert!(count(&cases, "passed") >= 200, "{} passed", count(&cases, "passed"));
}

#[test]
fn the_suite_leaves_a_disk_alone_that_may_not_be_written() {
    let cases = whole(|_| with_lun("mem:8M,ro"), &[]);
    assert!(count(&cases, "passed") >= 150, "{} passed", count(&cases, "passed"));
    assert!(skipped(&cases, "write-protected") > 0 && skipped(&cases, "needs write") > 0);
}

/// A configuration file of its own for each test.
fn with_config(name: &str, text: &str) -> Serve {
    let path =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tcp-{name}-{}.toml", std::process::id()));
    std::fs::write(&path, text).expect("a temporary file");
    let serve = Serve::start(&["--listen", "127.0.0.1:0", "--config", path.to_str().expect("a plain path")]);
    std::fs::remove_file(path).expect("removable");
    serve
}

#[test]
fn recovery_and_several_connections_hold_over_tcp() {
    let text = format!(
        "[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"1M\"\n\
         [offer]\nmax_connections = 16\nerror_recovery_level = 2\ntime2retain = 60\n\
         [limits]\nsessions = 4096\nsessions_per_initiator = 4096\n"
    );
    let start = |number: usize| with_config(&format!("all-{number}"), &text);
    let cases = judged(&start(0), &["mcs", "erl1", "erl2"]);
    assert!(count(&cases, "passed") >= 15, "{} passed", count(&cases, "passed"));
    assert_eq!(skipped(&cases, "does not offer"), 0);
    // And everything else against a target that has it all.
    let cases = whole(start, &[]);
    assert!(count(&cases, "passed") >= 220, "{} passed", count(&cases, "passed"));
}

fn with_chap(name: &str, more: &str) -> Serve {
    with_config(
        name,
        &format!(
            "[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"64M\"\nblock_size = 4096\n[target.auth]\n\
             chap = [{{ name = \"somebody else\", secret = \"words that nobody expects\" }}]\n{more}"
        ),
    )
}

const CHAP: [&str; 2] = ["--chap", "somebody else:words that nobody expects"];

#[test]
fn the_suite_takes_the_credentials_as_they_are() {
    let more = "mutual = { name = \"the other\", secret = \"a proof of its own\" }\n";
    let start = |number: usize| with_chap(&format!("mutual-{number}"), more);
    let mutual = ["--chap-mutual", "the other:a proof of its own"];
    let cases = whole(start, &[&CHAP[..], &mutual].concat());
    // What logs in by hand does so without CHAP; everything else is to hold behind it too.
    assert!(count(&cases, "passed") >= 150, "{} passed", count(&cases, "passed"));
    assert!(skipped(&cases, "logs in without CHAP") > 0);
    assert_eq!(skipped(&cases, "no credentials"), 0);
    let chap = judged(&start(0), &[&["chap"], &CHAP[..], &mutual].concat());
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
    let why = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{why}");
    assert!(why.contains("--addr 127.0.0.1:9: cannot connect"), "{why}");
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
