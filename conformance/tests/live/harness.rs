//! A running `serve`, where it can be reached, and how it must end.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Every target of these tests, if a test has but one.
pub const TARGET: &str = "iqn.2026-01.org.example:live";

/// Long enough for a loaded machine; nothing waits for it to pass.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where reports, captures and logs go: `target/live/`, made if it is not there.
pub fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let folder = target.join("live");
    fs::create_dir_all(&folder).expect("target/live");
    folder
}

/// The program under test.
pub fn lab() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iscsi-lab"));
    command.stdin(Stdio::null());
    command
}

/// A running `serve`. Killed when dropped; a test that is content calls [`Serve::stop`].
pub struct Serve {
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Serve {
    /// Starts one target with these logical units at any port of the loopback; `name` names its log.
    pub fn luns(name: &str, luns: &[&str]) -> Self {
        let mut args = vec!["--listen", "127.0.0.1:0", "--target", TARGET];
        args.extend(luns.iter().flat_map(|lun| ["--lun", *lun]));
        Self::start(name, &args)
    }

    /// Starts with a configuration file of this text, which names no portal.
    pub fn config(name: &str, text: &str, more: &[&str]) -> Self {
        let path = folder().join(format!("{name}.toml"));
        fs::write(&path, text).expect("a configuration file");
        let path = path.to_str().expect("a plain path").to_owned();
        let mut args = vec!["--listen", "127.0.0.1:0", "--config", &path];
        args.extend(more);
        Self::start(name, &args)
    }

    /// Starts with these arguments; the first address it listens on is [`Serve::address`].
    pub fn start(name: &str, args: &[&str]) -> Self {
        let log = folder().join(format!("{name}.log"));
        let err = File::create(&log).expect("a log file");
        let mut child =
            lab().arg("serve").args(args).stdout(Stdio::piped()).stderr(err).spawn().expect("it starts");
        let out = child.stdout.take().expect("piped");
        // Read by a thread, to its end: a server that says nothing must not hang the test, nor a full pipe the server.
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let first = lines.recv_timeout(PATIENCE);
        let address = first.as_deref().ok().and_then(|line| line.strip_prefix("listening on ")?.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            panic!("serve {args:?} said {first:?}; {}", fs::read_to_string(&log).unwrap_or_default());
        };
        Self { child, address, log }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `iscsi://HOST:PORT`.
    pub fn portal(&self) -> String {
        format!("iscsi://{}", self.address)
    }

    /// The URL of one logical unit of [`TARGET`].
    pub fn url(&self, lun: u16) -> String {
        format!("{}/{TARGET}/{lun}", self.portal())
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// True as long as it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
    }

    /// Asks it to end, waits and expects exit code 0 and a log without errors.
    #[track_caller]
    pub fn stop(mut self) {
        assert!(self.is_running(), "serve ended before it was asked to: {}", self.log());
        self.terminate();
        let status = wait(&mut self.child, PATIENCE);
        let log = self.log();
        assert_eq!(status.and_then(|status| status.code()), Some(0), "serve after SIGTERM: {log}");
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
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

/// A file that is removed in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Names a file that does not exist yet; `name` must be the test's own.
    pub fn new(name: &str) -> Self {
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("live-{}-{name}", std::process::id())))
    }

    /// Writes it.
    pub fn with(name: &str, bytes: &[u8]) -> Self {
        let scratch = Self::new(name);
        fs::write(&scratch.0, bytes).expect("a temporary file");
        scratch
    }

    /// Its path.
    pub fn path(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }

    /// What is in it.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.0).expect("a temporary file")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// So many bytes without a pattern (splitmix64), the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut word = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    };
    let mut out: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| word()).collect();
    out.truncate(len);
    out
}
