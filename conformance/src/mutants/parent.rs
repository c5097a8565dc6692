//! How are many errors tried? A process each, some at a time, each with an end.

use super::{Against, Found};
use crate::cli::Exit;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use target_core::planted::Planted;

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What came of one error.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The process came to its end.
    Ended(Found),
    /// It did not within the time it had: for an operator that is noticed as well.
    Hung,
    /// It died: the error brings down more than the core's own panics, which are caught.
    Died(String),
}

impl Verdict {
    /// Whether anything noticed.
    pub fn is_noticed(&self) -> bool {
        match self {
            Self::Ended(found) => found.is_noticed(),
            Self::Hung | Self::Died(_) => true,
        }
    }
}

/// Tries every error, `jobs` at a time; `None` in place of one is the core as it is. `done` hears of each as it ends.
pub fn try_all(
    root: &Path,
    bugs: &[Option<Planted>],
    against: Against,
    jobs: usize,
    limit: Duration,
    done: &(dyn Fn() + Sync),
) -> Result<Vec<Verdict>, String> {
    let program = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let next = AtomicUsize::new(0);
    let verdicts: Vec<Mutex<Option<Result<Verdict, String>>>> =
        bugs.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some((bug, slot)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            bugs.get(at).zip(verdicts.get(at))
        } {
            let verdict = try_one(&program, root, bug.as_ref(), against, limit);
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(verdict);
            }
            done();
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..jobs.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let lost = || Err("a thread died".to_owned());
    verdicts.into_iter().map(|slot| slot.into_inner().ok().flatten().unwrap_or_else(lost)).collect()
}

fn try_one(
    program: &Path,
    root: &Path,
    bug: Option<&Planted>,
    against: Against,
    limit: Duration,
) -> Result<Verdict, String> {
    let mut command = Command::new(program);
    command.arg("mutants").arg("--root").arg(root).arg("--planted").arg(bug.map_or("none", |bug| bug.name));
    match against {
        Against::Suite { first: true } => command.args(["--run", "--first"]),
        Against::Suite { first: false } => command.arg("--run"),
        Against::Seeds { budget, tries } => {
            command.arg(format!("--seeds={budget}")).arg(format!("--tries={tries}")).arg("--sweep")
        }
        Against::Minimizer { budget } => command.arg(format!("--seeds={budget}")).arg("--minimize"),
    };
    let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| format!("{}: {error}", program.display()))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    // Read all the time, so that the process never waits for a full pipe.
    let (status, out, err) = std::thread::scope(|scope| {
        let out = scope.spawn(|| text_of(out));
        let err = scope.spawn(|| text_of(err));
        let status = wait(&mut child, limit);
        (status, out.join().unwrap_or_default(), err.join().unwrap_or_default())
    });
    let Some(status) = status else { return Ok(Verdict::Hung) };
    if status.code() == Some(Exit::Usage.code().into()) {
        // A scenario that cannot be read, and the like: that says nothing about the error.
        return Err(err.trim_end().trim_start_matches("error: ").to_owned());
    }
    let last = || err.lines().last().unwrap_or("it said nothing").to_owned();
    Ok(serde_json::from_str(&out).map_or_else(|_| Verdict::Died(last()), Verdict::Ended))
}

/// Waits for the process; one that takes too long is ended and has no status.
fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(LOOK),
            Ok(None) | Err(_) => {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
        }
    }
}

fn text_of(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
