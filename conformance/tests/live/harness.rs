//! What the tests with real initiators share: a running `serve` whose log is kept, files, and bytes.

pub use crate::serve::{PATIENCE, Serve, wait};
use rustix::process::Signal;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Every target of these tests, if a test has but one.
pub const TARGET: &str = "iqn.2026-01.org.example:live";

/// Where reports, captures and logs go: `target/live/`, made if it is not there.
pub fn folder() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let folder = target.join("live");
    fs::create_dir_all(&folder).expect("target/live");
    folder
}

impl Serve {
    /// Starts one target with these logical units at any port of the loopback; `name` names its log.
    pub fn luns(name: &str, luns: &[&str]) -> Self {
        let mut args = vec!["--listen", "127.0.0.1:0", "--target", TARGET];
        args.extend(luns.iter().flat_map(|lun| ["--lun", *lun]));
        Self::named(name, &args)
    }

    /// Starts with a configuration file of this text, which names no portal.
    pub fn config(name: &str, text: &str, more: &[&str]) -> Self {
        let path = folder().join(format!("{name}.toml"));
        fs::write(&path, text).expect("a configuration file");
        let path = path.to_str().expect("a plain path").to_owned();
        let mut args = vec!["--listen", "127.0.0.1:0", "--config", &path];
        args.extend(more);
        Self::named(name, &args)
    }

    /// Starts with these arguments.
    pub fn named(name: &str, args: &[&str]) -> Self {
        let log = File::create(folder().join(format!("{name}.log"))).expect("a log file");
        Self::keeping(Some(log), args)
    }

    /// `iscsi://HOST:PORT`.
    pub fn portal(&self) -> String {
        format!("iscsi://{}", self.address())
    }

    /// The URL of one logical unit of [`TARGET`].
    pub fn url(&self, lun: u16) -> String {
        format!("{}/{TARGET}/{lun}", self.portal())
    }

    /// Asks it to end, waits and expects exit code 0 and a log without errors.
    #[track_caller]
    pub fn stop(mut self) {
        assert!(self.is_running(), "serve ended before it was asked to: {}", self.log());
        let log = self.watch();
        let (code, _) = self.end(Signal::TERM);
        assert_eq!(code, Some(0), "serve after SIGTERM: {}", log());
        assert!(!log().contains("panicked") && !log().contains("ERROR"), "{}", log());
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
