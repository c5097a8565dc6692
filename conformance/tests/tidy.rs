//! Does the tree still look as ARCHITECTURE.md says? File lengths, the direction of dependencies, words that have no
//! place. (Scenarios and snapshots in step: `snapshots/in_step.rs`.)

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;

/// The modules of the core from the outside in; each may use those behind it, and `wire` (but for the last two).
const CORE_ORDER: [&str; 6] = ["target", "conn", "session", "task", "scsi", "io"];

/// Where `unsafe` may stand, each with a SAFETY comment.
const UNSAFE_ALLOWED: [&str; 2] = ["conformance/src/live/", "conformance/src/usdt/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn files(below: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, out: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                walk(&path, ending, out);
            } else if name.ends_with(ending) {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    walk(&root().join(below), ending, &mut out);
    out.sort();
    out
}

fn sources() -> Vec<(String, String)> {
    let mut out = Vec::new();
    for package in ["target-core", "initiator-sim", "conformance", "snapshots"] {
        for path in files(package, ".rs") {
            let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
            out.push((name, fs::read_to_string(&path).expect("a source file")));
        }
    }
    assert!(out.len() > 20, "found only {} source files", out.len());
    out
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/")
        || name.ends_with("/tests.rs")
        || name.contains("/fuzz/")
        || name.contains("/benches/")
}

/// The part of a file that is built into the product, with line numbers, without comments.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn the_top_level_is_what_it_should_be() {
    let expected = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "conformance",
        "deny.toml",
        "initiator-sim",
        "scenarios",
        "snapshots",
        "target-core",
    ];
    let found: BTreeSet<_> = fs::read_dir(root())
        .expect("the root")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    assert_eq!(found, expected.into_iter().map(String::from).collect());
}

#[test]
fn no_file_is_too_long() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(name, text)| (text.lines().count(), name))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .map(|(lines, name)| format!("{name}: {lines} lines"))
        .collect();
    none("split these by verb", &long);
}

#[test]
fn the_core_depends_one_way() {
    let mut wrong = Vec::new();
    for (name, text) in sources() {
        let Some(inside) = name.strip_prefix("target-core/src/") else { continue };
        let module = inside.split(['/', '.']).next().unwrap_or_default();
        let forbidden: Vec<&str> = match module {
            "wire" | "io" | "time" => CORE_ORDER
                .into_iter()
                .chain(["api", "config", "drive", "fault"])
                .filter(|other| *other != module)
                .collect(),
            _ => match CORE_ORDER.iter().position(|other| *other == module) {
                Some(at) => CORE_ORDER.into_iter().take(at).chain(["drive"]).collect(),
                None => continue,
            },
        };
        for (at, line) in product_lines(&text) {
            for other in &forbidden {
                if line.contains(&format!("crate::{other}::")) || line.contains(&format!("crate::{other};")) {
                    wrong.push(format!("{name}:{at}: `{module}` may not know `{other}`"));
                }
            }
        }
    }
    none("dependencies against the flow", &wrong);
}

#[test]
fn the_core_has_no_way_to_panic_on_purpose_or_to_ask_the_system() {
    let words = [
        ".unwrap()",
        ".expect(",
        "panic!(",
        "unreachable!(",
        "HashMap",
        "HashSet",
        "std::",
        "SystemTime",
        "Instant::now",
        "dbg!(",
        "println!",
    ];
    let mut found = Vec::new();
    for (name, text) in sources() {
        if !name.starts_with("target-core/src/") || is_test(&name) {
            continue;
        }
        for (at, line) in product_lines(&text) {
            found.extend(
                words.iter().filter(|word| line.contains(*word)).map(|word| format!("{name}:{at}: {word}")),
            );
        }
    }
    none("these words have no place in the core", &found);
}

#[test]
fn the_two_codecs_do_not_know_each_other() {
    let mut found = Vec::new();
    for (name, text) in sources() {
        let own =
            name.starts_with("initiator-sim/src/codec") || name.starts_with("initiator-sim/src/initiator");
        if own && text.contains("target_core") {
            found.push(name);
        }
    }
    none("one wrong offset could cancel itself out", &found);
}

#[test]
fn packages_depend_one_way() {
    let manifest =
        |package: &str| fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
    assert!(
        !manifest("target-core").contains("initiator-sim")
            && !manifest("target-core").contains("conformance")
    );
    assert!(!manifest("initiator-sim").contains("conformance"));
}

#[test]
fn yaml_has_one_door() {
    let users: Vec<_> = sources()
        .into_iter()
        .filter(|(name, text)| {
            !is_test(name) && product_lines(text).any(|(_, line)| line.contains("serde_yaml::"))
        })
        .map(|(name, _)| name)
        .filter(|name| name != "conformance/src/yaml.rs" && !name.starts_with("conformance/src/yaml/"))
        .collect();
    none("serde_yaml is to be exchanged in one place", &users);
}

#[test]
fn unsafe_stands_where_it_may_with_its_reason() {
    let mut found = Vec::new();
    for (name, text) in sources() {
        if name.ends_with("tests/tidy.rs") {
            continue;
        }
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if !["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"]
                .iter()
                .any(|word| code.contains(word))
            {
                continue;
            }
            let reason = lines[at.saturating_sub(6)..at]
                .iter()
                .any(|line| line.contains("SAFETY:") || line.contains("# Safety"));
            if !reason || !UNSAFE_ALLOWED.iter().any(|place| name.starts_with(place)) {
                found.push(format!("{name}:{}", at + 1));
            }
        }
    }
    none("unsafe without a reason or in the wrong place", &found);
}

#[test]
fn every_ignored_test_says_why_and_nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("#[ign", "ore]"),
        concat!("todo", "!("),
    ];
    let mut found = Vec::new();
    for (name, text) in sources() {
        for (at, line) in text.lines().enumerate() {
            found.extend(
                words
                    .iter()
                    .filter(|word| line.contains(*word))
                    .map(|word| format!("{name}:{}: {word}", at + 1)),
            );
        }
    }
    none("unfinished", &found);
}

#[test]
fn ci_runs_the_tests_that_are_ignored_elsewhere() {
    let ci = fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
    assert!(ci.contains("cargo test --workspace\n"), "CI calls the README's command");
    let entries = fs::read_dir(root().join("conformance/tests")).expect("the tests").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().trim_end_matches(".rs").to_owned());
    let forgotten: Vec<_> =
        names.filter(|name| name.starts_with("live") && !ci.contains(&format!("--test {name} "))).collect();
    none("tests that need root or packages and that CI does not run", &forgotten);
    assert!(ci.contains(" -- --ignored"), "CI runs what is ignored elsewhere");
    let elsewhere: Vec<_> = sources()
        .into_iter()
        .filter(|(name, text)| !name.starts_with("conformance/tests/live") && text.contains("#[ignore = "))
        .map(|(name, _)| name)
        .filter(|name| !name.ends_with("tests/tidy.rs"))
        .collect();
    none("ignored tests that CI would not run", &elsewhere);
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    assert!(readme.contains("cargo test --workspace") && readme.contains("cargo run --release -- run"));
}
