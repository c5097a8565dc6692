//! Are the planted errors in order: named, described, each in one place? And does a build without them say so?

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, out: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            out.push((path.to_string_lossy().into_owned(), text));
        }
    }
}

/// Variant, name, where it was seen, what is broken; as they stand in the list.
fn list() -> Vec<(String, [String; 3])> {
    let text = fs::read_to_string(root().join("target-core/src/planted.rs")).expect("the list");
    let (_, rows) = text.split_once("bugs! {\n").expect("the list begins");
    let rows: Vec<&str> = rows.lines().map(str::trim).take_while(|row| *row != "}").collect();
    let quoted = |row: &str| row.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    rows.chunks(2)
        .map(|pair| {
            let [head, what] = pair else { panic!("half a row: {pair:?}") };
            let (variant, _) = head.split_once(' ').expect("a name after the variant");
            let [name, seen] = <[String; 2]>::try_from(quoted(head)).expect("a name and where it was seen");
            let [what] = <[String; 1]>::try_from(quoted(what)).expect("a sentence");
            (variant.to_owned(), [name, seen, what])
        })
        .collect()
}

#[test]
fn at_least_sixty_are_planted_with_names_of_their_own() {
    let list = list();
    assert!(list.len() >= 60, "only {}", list.len());
    let names: BTreeSet<_> = list.iter().map(|(_, [name, ..])| name).collect();
    let sentences: BTreeSet<_> = list.iter().map(|(_, [.., what])| what).collect();
    assert_eq!((names.len(), sentences.len()), (list.len(), list.len()));
    for (variant, [name, _, what]) in &list {
        let plain: String = name.split('-').collect();
        assert_eq!(plain, variant.to_lowercase(), "the name is not that of its variant");
        assert!(what.ends_with('.'), "{name}: not a sentence");
    }
}

#[test]
fn each_has_exactly_one_place_in_the_module_that_it_names() {
    let mut files = Vec::new();
    sources(&root().join("target-core/src"), &mut files);
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files.iter().filter(|(file, _)| !file.ends_with("planted.rs")) {
        for rest in text.split("planted!(").skip(1) {
            let variant = rest.split(')').next().unwrap_or_default().to_owned();
            places.entry(variant).or_default().push(file.clone());
        }
    }
    let list = list();
    for (variant, [_, seen, _]) in &list {
        let module = seen.split(';').next().unwrap_or_default();
        match places.remove(variant).as_deref() {
            Some([file]) => assert!(file.contains(module), "{variant} is in {file}, not in {module}"),
            other => panic!("{variant} is in {other:?}"),
        }
    }
    assert!(places.is_empty(), "not in the list: {places:?}");
}

#[test]
#[cfg(not(feature = "planted"))]
fn without_the_feature_the_command_says_how_to_build_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_iscsi-lab")).arg("mutants").output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("cargo run --release --features planted -- mutants --run"), "{text}");
}

#[test]
#[cfg(feature = "planted")]
fn an_error_is_noticed_and_nothing_without_one() {
    let lab = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_iscsi-lab"))
            .arg("mutants")
            .args(args)
            .arg("--root")
            .arg(root())
            .output()
            .expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (exit, text) = lab(&["--first", "reject-stat-sn"]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(
        text.contains("reject-stat-sn: noticed by") && text.ends_with("1 of 1 noticed: 100.0 %\n"),
        "{text}"
    );
    let (exit, text) = lab(&["--sweep", "--seeds=400", "--tries=1", "ping-takes-stat-sn"]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("noticed after"), "{text}");
    assert_eq!(lab(&["no-such-error"]).0, Some(2));
    assert_eq!(lab(&["--planted", "none", "--first"]).1, "{\"scenarios\":[],\"tries\":[],\"rules\":[]}\n");
}
