//! Does the description of the scenario language say what the reader does?

use std::path::Path;

#[test]
fn the_reference_is_the_one_that_the_reader_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/LANGUAGE.md");
    let text = std::fs::read_to_string(&path).expect("scenarios/LANGUAGE.md can be read");
    let marker = "## Keys of a scenario\n";
    let at = text.find(marker).expect("it has the reference");
    assert!(
        text[at..] == conformance::scenario::reference(),
        "replace everything from `{}` on in scenarios/LANGUAGE.md by what `iscsi-lab schema --reference` prints",
        marker.trim()
    );
}

#[test]
fn the_examples_of_the_reference_can_be_read() {
    let text = conformance::scenario::reference();
    let examples: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("    - ")).collect();
    assert!(examples.len() > 20, "{} examples", examples.len());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for example in examples {
        let scenario = format!("title: t\nsteps:\n  - {example}\n");
        if let Err(error) = conformance::scenario::parse_text(&root, "t/x", "x", scenario) {
            panic!("{example}: {}", error.message);
        }
    }
}
