//! Does the command line do what its help says, with the exit codes that it promises?

#[path = "common/lab.rs"]
mod lab;

use std::path::{Path, PathBuf};
use std::process::Output;

const PING: &str = "title: A ping\nsteps:\n  - login: {on: c1}\n  - nop: {data: x}\n";

/// A root of the test's own.
struct Root(PathBuf);

impl Root {
    fn new(name: &str, scenarios: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("scenarios")).expect("a folder");
        let root = Self(path);
        for (name, text) in scenarios {
            root.scenario(name, text);
        }
        root
    }

    fn scenario(&self, name: &str, text: &str) {
        let path = self.0.join("scenarios").join(format!("{name}.scn.yaml"));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn snapshot(&self, name: &str) -> PathBuf {
        self.0.join("snapshots").join(format!("{name}.snap"))
    }

    fn lab(&self, args: &[&str]) -> Output {
        lab::lab(&self.0, args)
    }

    /// Exit code and standard output.
    fn says(&self, args: &[&str]) -> (i32, String) {
        let output = self.lab(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code().expect("an exit code"), text)
    }
}

#[test]
fn a_golden_trace_is_made_kept_and_missed() {
    let root = Root::new("golden", &[("nop/ping", PING)]);
    let (exit, text) = root.says(&["run"]);
    assert_eq!(exit, 3, "no golden trace is a stale expectation: {text}");
    assert!(text.contains("there is no golden trace"), "{text}");
    assert_eq!(root.says(&["accept"]).0, 0);
    assert_eq!(root.says(&["run"]), (0, "1 passed, 0 failed, 0 skipped\n".to_owned()));
    root.scenario("nop/ping", &PING.replace("data: x", "data: yy"));
    let (exit, text) = root.says(&["run"]);
    assert_eq!(exit, 1, "{text}");
    assert!(
        text.contains("from line 11 on") && text.contains("-   11 ") && text.contains("+   11 "),
        "{text}"
    );
    assert!(text.ends_with("0 passed, 1 failed, 0 skipped\n"), "{text}");
    let (exit, text) = root.says(&["accept", "--dry-run"]);
    assert_eq!(exit, 0);
    assert!(text.contains("1 would change"), "{text}");
    assert_eq!(root.says(&["run"]).0, 1, "a dry run writes nothing");
    assert_eq!(root.says(&["accept", "nop"]).0, 0);
    assert_eq!(root.says(&["run", "nop/*"]).0, 0);
    std::fs::rename(root.0.join("scenarios/nop/ping.scn.yaml"), root.0.join("scenarios/nop/pong.scn.yaml"))
        .expect("renamed");
    assert_eq!(root.says(&["accept", "nop/pong"]).0, 0);
    assert_eq!(root.says(&["run"]).0, 3, "a golden trace that nothing refers to is stale");
    assert_eq!(root.says(&["accept"]).0, 0);
    assert!(!root.snapshot("nop/ping").exists() && root.snapshot("nop/pong").exists());
}

#[test]
fn exit_codes_tell_the_kind_of_failure() {
    let head = "title: t\nsteps:\n  - login: {on: c1}\n";
    let cases = [
        ("fails", format!("{head}  - nop: {{data: x, expect: {{data: y}}}}\n"), 1),
        ("unreadable", "title: t\nstep: []\n".to_owned(), 2),
        ("unused", format!("{head}  - fault: {{next: {{pdu: Snack}}, do: {{drop: true}}}}\n"), 3),
        ("xfail-passes", format!("xfail: {{reason: it does}}\n{head}"), 3),
        (
            "stuck",
            format!("limits: {{virtual: 1s}}\n{head}  - expect_none: {{for: 1h, allow: [NopIn]}}\n"),
            5,
        ),
    ];
    for (name, text, want) in cases {
        let root = Root::new(name, &[("t/x", &text)]);
        let output = root.lab(&["run"]);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(want), "{name}: {out}{err}");
    }
    let root = Root::new("selection", &[("t/x", PING)]);
    assert_eq!(root.says(&["run", "nothing/*"]).0, 7);
    assert_eq!(root.says(&["run", "--no-such-flag"]).0, 2);
    assert_eq!(root.says(&["run", "--addr", "127.0.0.1:1"]).0, 2, "--addr needs --target");
    let output = root.lab(&["run", "--root", "/nowhere"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_mistake_is_told_with_file_line_column_and_suggestion() {
    let text = "title: t\nsteps:\n  - login: {on: c1}\n  - exepct: {pdu: R2T}\n";
    let root = Root::new("mistake", &[("t/x", text)]);
    let output = root.lab(&["run"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        err.contains("scenarios/t/x.scn.yaml:4:5: unknown step `exepct`, did you mean `expect`?"),
        "{err}"
    );
}

#[test]
fn an_expected_failure_passes_only_with_its_signature() {
    let text = |signature: &str| {
        format!(
            "title: t\nxfail: {{reason: known, signature: {signature}}}\nsteps:\n  - login: {{on: c1}}\n  - nop: {{data: x, expect: {{data: y}}}}\n"
        )
    };
    let root = Root::new("xfail", &[("t/x", &text("mismatch nop-1 nop.data"))]);
    assert_eq!(root.says(&["accept"]).0, 0);
    assert_eq!(root.says(&["run"]).0, 0);
    root.scenario("t/x", &text("timeout nop-1 answer"));
    let (exit, text) = root.says(&["run"]);
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("not as it is known to: `mismatch nop-1 nop.data` instead of"), "{text}");
}

#[test]
fn selection_json_and_traces() {
    let tagged = PING.replace("steps:", "req: [rfc7143/11.18-1]\nlevel: should\ntags: [quick]\nsteps:");
    let root = Root::new("select", &[("nop/a", PING), ("nop/b", &tagged), ("other/c", PING)]);
    let listed = |args: &[&str]| {
        let (exit, text) = root.says(&[&["run", "--list"], args].concat());
        assert_eq!(exit, 0);
        text.lines().filter_map(|line| line.split(':').next().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(listed(&[]), ["nop/a", "nop/b", "other/c"]);
    assert_eq!(listed(&["nop"]), ["nop/a", "nop/b"]);
    assert_eq!(listed(&["*/c", "scenarios/nop/a.scn.yaml"]), ["nop/a", "other/c"]);
    assert_eq!(listed(&["--req", "rfc7143/11.18"]), ["nop/b"]);
    assert_eq!(listed(&["--level", "should"]), ["nop/b"]);
    assert_eq!(listed(&["--tag", "quick"]), ["nop/b"]);
    assert_eq!(root.says(&["accept"]).0, 0);
    let traces = root.0.join("traces");
    let (exit, text) =
        root.says(&["run", "--json", "--jobs", "2", "--trace", traces.to_str().expect("a path")]);
    assert_eq!(exit, 0);
    let json: serde_json::Value = serde_json::from_str(&text).expect("one JSON document");
    assert_eq!((&json["passed"], &json["failed"]), (&3.into(), &0.into()));
    assert_eq!(json["scenarios"][1]["name"], "nop/b");
    assert_eq!(json["scenarios"][0]["cases"][0]["verdict"], "passed");
    let file = traces.join("nop/a.jsonl");
    let (exit, text) = root.says(&["trace", "show", file.to_str().expect("a path"), "--log", "probes"]);
    assert!(exit == 0 && text.contains("nop-receive"), "{text}");
}

#[test]
fn a_file_and_a_seed_are_replayed() {
    let root = Root::new("replay", &[("nop/a", PING)]);
    let (exit, text) = root.says(&["replay", "scenarios/nop/a.scn.yaml", "--log", "pdu"]);
    assert_eq!(exit, 0);
    assert!(text.contains("-> NopOut") && !text.contains("nop-receive"), "{text}");
    let (exit, first) = root.says(&["replay", "--seed", "3"]);
    assert_eq!(exit, 0, "{first}");
    assert_eq!(root.says(&["replay", "--seed", "3"]).1, first, "the same seed gives the same report");
    assert!(first.starts_with("seed 3\n"), "{first}");
}

#[test]
fn schema_completions_and_manual_come_from_the_same_source() {
    let root = Root::new("static", &[("nop/a", PING)]);
    let (exit, schema) = root.says(&["schema"]);
    assert_eq!(exit, 0);
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert!(schema["properties"]["steps"].is_object());
    for args in [&["completions", "bash"][..], &["man"], &["man", "run"], &["schema", "--reference"]] {
        let (exit, text) = root.says(args);
        assert!(exit == 0 && text.len() > 500, "{args:?}");
    }
}

const GRID: &str = "title: Grid\nmatrix: {strength: \"1\", a: [1, 2, 3], b: [x, \"x,y\", z], c: [1, 2]}\nsteps:\n  - login: {on: c1}\n  - nop: {data: \"pat($a,$c)\"}\n";

#[test]
fn matrices_are_expanded_on_request() {
    let root = Root::new("matrix", &[("nop/grid", GRID)]);
    assert_eq!(root.says(&["accept"]).0, 0);
    assert_eq!(root.says(&["run"]), (0, "3 passed, 0 failed, 0 skipped\n".to_owned()));
    assert_eq!(root.says(&["run", "--matrix"]), (0, "9 passed, 0 failed, 0 skipped\n".to_owned()));
    assert_eq!(root.says(&["run", "--matrix=3"]), (0, "18 passed, 0 failed, 0 skipped\n".to_owned()));
    assert_eq!(root.says(&["run", "--matrix=1"]).0, 2);
    // What a failure report names runs again, chosen or not.
    let (exit, text) = root.says(&["run", "nop/grid[a=2,b=x,y,c=2]"]);
    assert_eq!((exit, text.as_str()), (0, "1 passed, 0 failed, 0 skipped\n"));
    assert_eq!(root.says(&["run", "nop/grid[a=2,b=w,c=2]"]).0, 7);
}

/// Pairs of values of both sides of a login, and everything else: enough of them that a mistake in a rule has no place to hide.
#[test]
fn the_expanded_suite_has_three_thousand_cases() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let output = lab::lab(root, &["run", "--matrix", "--list"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let cases = |line: &str| {
        let (_, rest) = line.split_once(" (")?;
        rest.split_once(" cases)").and_then(|(count, _)| count.parse::<usize>().ok())
    };
    let total: usize = text.lines().map(|line| cases(line).unwrap_or(1)).sum();
    assert!(total >= 3000, "{total} cases");
}

#[test]
fn secrets_are_random_and_long_enough() {
    let root = Root::new("secret", &[]);
    let make = |args: &[&str]| {
        let (exit, text) = root.says(args);
        assert_eq!(exit, 0, "{args:?}");
        text.trim_end().to_owned()
    };
    let one = make(&["secret"]);
    assert!(one.len() == 34 && one.starts_with("0x"), "16 bytes, as secret_hex takes them: {one}");
    assert_ne!(one, make(&["secret"]));
    let text = make(&["secret", "--text", "--bytes", "12"]);
    assert!(
        text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&make(&["secret", "--json", "--bytes", "32"])).expect("JSON");
    assert_eq!(json["random_bits"], 256);
    assert_eq!(json["secret_hex"].as_str().map(str::len), Some(66));
    // 96 bits are the least that RFC 7143 9.2.1 trusts without IPsec.
    for bytes in ["11", "1025", "x"] {
        assert_eq!(root.says(&["secret", "--bytes", bytes]).0, 2, "{bytes}");
    }
}
