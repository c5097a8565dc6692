//! A running `serve`, where it can be reached, and how it ends. What it logs goes to a file too, if a test wants to keep it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use rustix::process::{Pid, Signal, kill_process};
use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test: what the variable ISCSI_LAB names (in CI the release build), else the one of this build.
pub fn program() -> &'static str {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        std::env::var("ISCSI_LAB").unwrap_or_else(|_| env!("CARGO_BIN_EXE_iscsi-lab").to_owned())
    })
}

/// The program under test, started at the root of the repository.
pub fn lab() -> Command {
    let mut command = Command::new(program());
    command.stdin(Stdio::null()).current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

/// Killed when dropped; a test that is content calls [`Serve::end`].
pub struct Serve {
    child: Child,
    address: SocketAddr,
    /// Standard output behind the first line.
    out: Receiver<String>,
    log: Arc<Log>,
    /// Reads the log; ends with it.
    reader: Option<JoinHandle<()>>,
    /// Lines of the log that were waited for.
    passed: Cell<usize>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Serve {
    /// Starts it with these arguments and waits until it says where it listens.
    pub fn start(args: &[&str]) -> Self {
        Self::keeping(None, args)
    }

    /// The same; the log goes to this file too.
    pub fn keeping(mut file: Option<File>, args: &[&str]) -> Self {
        let mut command = lab();
        command.arg("serve").args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        // Read by threads, to their ends: a server that says nothing must not hang the test, nor a full pipe the server.
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let log = Arc::new(Log::default());
        let kept = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                if let Some(file) = &mut file {
                    let _ = writeln!(file, "{line}");
                }
                kept.lines.lock().expect("no reader panics").push(line);
                kept.more.notify_all();
            }
        });
        let first = lines.recv_timeout(PATIENCE);
        let address = first.as_deref().ok().and_then(|line| line.strip_prefix("listening on ")?.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("serve {args:?} said {first:?}; {}", log.text());
        };
        Self { child, address, out: lines, log, reader: Some(reader), passed: Cell::new(0) }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens: the first address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next address that it listens on, if it has several.
    pub fn next_address(&self) -> SocketAddr {
        let line = self.out.recv_timeout(PATIENCE).unwrap_or_default();
        let address = line.strip_prefix("listening on ").and_then(|text| text.parse().ok());
        address.unwrap_or_else(|| panic!("serve said {line:?}: {}", self.log()))
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// The same, also when it has ended.
    pub fn watch(&self) -> impl Fn() -> String + use<> {
        let log = Arc::clone(&self.log);
        move || log.text()
    }

    /// Waits for a line of the log, behind the last one that was waited for.
    pub fn logged(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().expect("no writer panics");
        loop {
            while let Some(line) = lines.get(self.passed.get()) {
                self.passed.set(self.passed.get() + 1);
                if line.contains(text) {
                    return line.clone();
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{text:?} was not logged: {lines:#?}");
            lines = self.log.more.wait_timeout(lines, left).expect("no writer panics").0;
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// True as long as it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end. The exit code, and what it said on standard output behind the first line.
    pub fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        self.signal(signal);
        let status = wait(&mut self.child, PATIENCE);
        if status.is_some() {
            let _ = self.reader.take().map(JoinHandle::join);
        }
        let rest: Vec<_> = self.out.iter().map(|line| line + "\n").collect();
        (status.and_then(|status| status.code()), rest.concat())
    }
}

impl Log {
    fn text(&self) -> String {
        self.lines.lock().expect("no writer panics").join("\n")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        // Nothing can be done about a server that is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a child at most that long.
pub fn wait(child: &mut Child, at_most: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + at_most;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
            _ => return None,
        }
    }
}
