//! Does a sweep on many machines, as `conformance/sweep/README.md` has it, give what one machine gives? GNU parallel with local jobs, and
//! the commands of the Kubernetes Job and of the CI matrix, one shard after the other. Needs GNU parallel.

#[path = "common/serve.rs"]
mod serve;

use std::path::{Path, PathBuf};
use std::process::Command;

const SHARDS: u64 = 3;

/// The blocks of code of the page, as they stand there.
fn blocks(language: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("sweep/README.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

/// The only block that has this in it.
fn block(language: &str, part: &str) -> String {
    let found: Vec<String> = blocks(language).into_iter().filter(|text| text.contains(part)).collect();
    assert_eq!(found.len(), 1, "blocks with {part}");
    found[0].clone()
}

struct Place {
    dir: PathBuf,
    path: String,
}

impl Place {
    fn new(name: &str) -> Self {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("parallel").join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a folder");
        let bin = Path::new(serve::program()).parent().expect("a folder");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        Self { dir, path }
    }

    fn shell(&self, script: &str, vars: &[(&str, String)]) -> String {
        let output = Command::new("sh")
            .args(["-e", "-c", script])
            .current_dir(&self.dir)
            .env("PATH", &self.path)
            .envs(vars.iter().map(|(name, value)| (name, value)))
            .output()
            .expect("a shell");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn whole(&self) -> String {
        self.shell("iscsi-lab sweep --seeds 0..24 --profile all --json", &[])
    }
}

#[test]
#[ignore = "needs GNU parallel"]
fn gnu_parallel_with_local_jobs() {
    let place = Place::new("gnu");
    let script = block("sh", "parallel -j").replace("0..100000", "0..24").replace("{}/8", "{}/3");
    let script = script.replace("seq 8", "seq 3").replace(" --floor conformance/sweep/floor.txt", " --json");
    assert_eq!(place.shell(&script, &[]), place.whole(), "{script}");
}

#[test]
#[ignore = "needs GNU parallel"]
fn the_commands_of_the_job_and_of_the_matrix() {
    let job: serde_json::Value =
        serde_yaml::from_str(&block("yaml", "completionMode: Indexed")).expect("the manifest is YAML");
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], serde_json::json!(["sh", "-c"]));
    let of_job = container["args"][0].as_str().expect("a script");
    let matrix: serde_json::Value =
        serde_yaml::from_str(&block("yaml", "matrix:")).expect("the matrix is YAML");
    let of_matrix = matrix["steps"][0]["run"].as_str().expect("a step");
    for (name, script, size) in [("job", of_job, "/64"), ("matrix", of_matrix, "/4")] {
        let place = Place::new(name);
        let script = script.replace("0..10000000", "0..24").replace("0..400000", "0..24").replace(size, "/3");
        for index in 0..SHARDS {
            // What the runner of the matrix puts in.
            let number = (index + 1).to_string();
            let script = script.replace("${{ matrix.shard }}", &number);
            let vars = [("JOB_COMPLETION_INDEX", index.to_string())];
            let text = place.shell(&script, &vars);
            if name == "job" {
                std::fs::write(place.dir.join(format!("shard-{number}.jsonl")), text).expect("written");
            }
        }
        assert_eq!(place.shell("iscsi-lab merge shard-*.jsonl --json", &[]), place.whole(), "{script}");
    }
}
