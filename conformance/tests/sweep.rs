//! Does the way from many seeds to one small file hold? Shards as processes, the files of runs that once failed, exit codes.

#[path = "common/lab.rs"]
mod lab;

use lab::lab;
use std::path::{Path, PathBuf};

fn dir(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sweep").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

fn says(at: &Path, args: &[&str]) -> (i32, String, String) {
    let output = lab(at, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn shards_in_processes_give_what_one_sweep_gives() {
    let dir = dir("shards");
    let all = ["sweep", "--seeds", "7..52", "--profile", "all", "--json"];
    let (exit, whole, _) = says(&dir, &all);
    assert_eq!(exit, 0, "{whole}");
    assert_eq!(says(&dir, &[&all[..], &["--jobs", "1"]].concat()).1, whole);
    for shard in 1..=3 {
        let name = format!("{shard}/3");
        let (exit, text, _) = says(&dir, &[&all[..], &["--shard", &name]].concat());
        assert_eq!(exit, 0, "{text}");
        std::fs::write(dir.join(format!("s{shard}.jsonl")), text).expect("written");
    }
    let (exit, merged, _) = says(&dir, &["merge", "s2.jsonl", "s3.jsonl", "s1.jsonl", "--json"]);
    assert_eq!((exit, merged), (0, whole));
    std::fs::write(dir.join("cut.jsonl"), "").expect("written");
    let (exit, _, error) = says(&dir, &["merge", "cut.jsonl"]);
    assert_eq!(exit, 2);
    assert!(error.contains("the sum is missing"), "{error}");
    for (files, says_so) in [
        (&["s1.jsonl", "s2.jsonl"][..], "shard 3/3 is missing"),
        (&["s1.jsonl", "s2.jsonl", "s3.jsonl", "s2.jsonl"], "it is there twice"),
    ] {
        let (exit, _, error) = says(&dir, &[&["merge"], files].concat());
        assert_eq!(exit, 2);
        assert!(error.contains(says_so), "{error}");
    }
}

#[test]
fn the_seed_comes_first_and_a_commit_is_one() {
    let dir = dir("first");
    let commit = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let (exit, text, _) = says(&dir, &["sweep", "--seeds", commit, "--profile", "lite", "--json"]);
    assert_eq!(exit, 0, "{text}");
    let first: serde_json::Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&first["kind"], &first["profile"]), (&"begin".into(), &"lite".into()));
    let seed = first["first"].as_u64().expect("a seed");
    let (exit, text, _) = says(&dir, &["replay", "--seed", commit, "--profile", "lite"]);
    assert_eq!(exit, 0, "{text}");
    let lines: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(lines[0], format!("seed {seed}"));
    assert!(lines[1].contains("profile lite") && lines[2].contains("clients"), "{lines:?}");
}

#[test]
fn reports_of_a_sweep_have_its_profiles() {
    let dir = dir("reports");
    let args = [
        "sweep",
        "--seeds",
        "0..12",
        "--profile",
        "all",
        "--report",
        "json=r.json",
        "--report",
        "junit=r.xml",
    ];
    let (exit, text, _) = says(&dir, &args);
    assert_eq!(exit, 0, "{text}");
    let report: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.join("r.json")).expect("a report")).expect("JSON");
    let suites = report["scenarios"].as_array().expect("groups");
    let seeds: u64 = suites
        .iter()
        .map(|suite| {
            suite["title"].as_str().and_then(|it| it.split(' ').next()?.parse::<u64>().ok()).expect("a count")
        })
        .sum();
    assert_eq!(seeds, 12);
    assert!(suites.iter().all(|suite| suite["name"].as_str().is_some_and(|it| it.starts_with("sweep/"))));
    assert!(std::fs::read_to_string(dir.join("r.xml")).expect("a report").contains("<testsuite "));
}

#[test]
fn a_floor_that_is_not_reached_is_stale() {
    let dir = dir("floor");
    let (exit, _, _) = says(&dir, &["sweep", "--seeds", "0..4", "--write-floor", "floor.txt"]);
    assert_eq!(exit, 0);
    let path = dir.join("floor.txt");
    assert_eq!(says(&dir, &["sweep", "--seeds", "0..4", "--floor", "floor.txt"]).0, 0);
    let text = std::fs::read_to_string(&path).expect("read") + "violation Unheard\n";
    std::fs::write(&path, text).expect("written");
    let (exit, _, error) = says(&dir, &["sweep", "--seeds", "0..4", "--floor", "floor.txt"]);
    assert_eq!(exit, 3);
    assert!(error.contains("no longer hit: violation Unheard"), "{error}");
}

#[test]
fn mistakes_on_the_command_line_are_told() {
    let dir = dir("mistakes");
    for (args, says_so) in [
        (&["sweep"][..], "--seeds A..B"),
        (&["sweep", "--seeds", "9..3"], "seeds are A..B"),
        (&["sweep", "--seeds", "0..9", "--shard", "5/4"], "K from 1 to N"),
        (&["sweep", "--for", "soon"], "a time is a number"),
        (&["minimize", "--seed", "x"], "a seed is a number"),
        (&["minimize", "--seed", "3", "--profile", "lite"], "it does not fail"),
        (&["replay", "nothing.run.yaml"], "nothing.run.yaml"),
        (&["replay", "--seed", "1", "--until", "event=x"], "an event is event=N"),
        (&["sweep", "--seeds", "0..1", "--report", "pdf=x"], "there is no report `pdf`"),
        (&["explain", "nothing.run.yaml"], "nothing.run.yaml"),
    ] {
        let (exit, _, error) = says(&dir, args);
        assert_eq!(exit, 2, "{args:?}: {error}");
        assert!(error.contains(says_so), "{args:?}: {error}");
    }
    assert_eq!(says(&dir, &["sweep", "--seeds", "0..1", "--shard", "2/2"]).0, 7);
}

#[test]
fn a_run_can_end_early_and_take_another_turn() {
    let dir = dir("until");
    let hash = |args: &[&str]| {
        let (exit, text, _) = says(&dir, &[&["replay", "--seed", "3"], args].concat());
        assert_eq!(exit, 0, "{text}");
        text.lines().find(|line| line.contains(" events, ")).unwrap_or_default().to_owned()
    };
    let whole = hash(&[]);
    let events = |line: &str| -> u64 {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == "events,").expect("a count of events");
        words[at - 1].parse().expect("a number")
    };
    let early = hash(&["--until", "event=50"]);
    assert!((50..70).contains(&events(&early)) && events(&early) < events(&whole), "{early}\n{whole}");
    let other = hash(&["--until", "50", "--then", "5"]);
    assert!(whole != early && whole != other && other != early, "{whole}\n{early}\n{other}");
}

#[test]
fn runs_that_once_failed_do_no_more() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let mut files = 0;
    for entry in std::fs::read_dir(root.join("scenarios/regress")).expect("a folder") {
        let path = entry.expect("an entry").path();
        let (exit, text, error) = says(root, &["replay", &path.to_string_lossy()]);
        assert_eq!(exit, 0, "{}: {text}{error}", path.display());
        files += 1;
    }
    assert!(files >= 6);
}
