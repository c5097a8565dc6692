//! bpftrace with one of the shipped scripts, from attached to ended.

use crate::harness::{PATIENCE, folder};
use crate::serve::program;
use conformance::usdt::notes;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at whether something outside has happened.
const PAUSE: Duration = Duration::from_millis(50);

/// A running script.
pub struct Tracer {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

/// The folder of the scripts.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("probes")
}

impl Tracer {
    /// Starts a script for one server and waits until all its probes are attached.
    pub fn start(script: &str, server: u32) -> Self {
        let path = scripts().join(format!("{script}.bt"));
        let text = fs::read_to_string(&path).expect("a script");
        let (out, err) = (folder().join(format!("{script}.out")), folder().join(format!("{script}.err")));
        let mut command = Command::new("bpftrace");
        command.arg("-I").arg(scripts()).args(["-p", &server.to_string()]).arg(&path).arg(program());
        command.env("BPFTRACE_PERF_RB_PAGES", "1024").stdin(Stdio::null());
        command.stdout(File::create(&out).expect("a file")).stderr(File::create(&err).expect("a file"));
        let mut tracer = Self { child: command.spawn().expect("bpftrace (package bpftrace)"), out, err };
        let semaphores = Semaphores::of(&text, server);
        let until = Instant::now() + PATIENCE * 2;
        while !(semaphores.are_up() && tracer.waits_for_events()) {
            let ended = tracer.child.try_wait().expect("a child").is_some();
            assert!(!ended && Instant::now() < until, "{script} is not attached: {}", tracer.said());
            thread::sleep(PAUSE);
        }
        tracer
    }

    fn said(&self) -> String {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        format!("{}{}", read(&self.out), read(&self.err))
    }

    /// True while its first thread is in a system call that waits for several files: everything is set up then.
    fn waits_for_events(&self) -> bool {
        const EPOLL_WAIT: [&str; 2] =
            if cfg!(target_arch = "x86_64") { ["232", "281"] } else { ["22", "22"] };
        let call = fs::read_to_string(format!("/proc/{}/syscall", self.child.id())).unwrap_or_default();
        call.split(' ').next().is_some_and(|number| EPOLL_WAIT.contains(&number))
    }

    /// What it has printed so far.
    pub fn text(&self) -> String {
        fs::read_to_string(&self.out).expect("the output")
    }

    /// Ends it as the user would: what it printed in all. Again and again, because bpftrace 0.17 overlooks a signal that
    /// comes while it is busy.
    pub fn finish(mut self) -> String {
        while self.child.try_wait().expect("a child").is_none() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
            thread::sleep(PAUSE);
        }
        let said = self.said();
        assert!(!said.contains("Lost"), "events were lost: {said}");
        self.text()
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The counters of the probes a script has, in the memory of the server: the kernel raises them for a tracer.
struct Semaphores {
    memory: File,
    places: Vec<u64>,
}

impl Semaphores {
    fn of(script: &str, server: u32) -> Self {
        let binary = fs::read(program()).expect("the binary");
        let maps = fs::read_to_string(format!("/proc/{server}/maps")).expect("it runs");
        // A position-independent program (ELF type 3) lies where its first page does.
        let base = if binary[16] == 3 {
            let line = maps.lines().find(|line| line.ends_with(program())).expect("its own file is mapped");
            u64::from_str_radix(line.split('-').next().expect("an address"), 16).expect("an address")
        } else {
            0
        };
        let notes = notes::read(&binary).expect("its notes");
        let used: Vec<&str> = script
            .split("usdt:$1:iscsi:")
            .skip(1)
            .map(|rest| rest.split([' ', ',', '\n']).next().unwrap_or_default())
            .collect();
        let places: Vec<u64> = notes
            .iter()
            .filter(|note| used.contains(&"*") || used.contains(&note.probe.as_str()))
            .map(|note| base + note.semaphore)
            .collect();
        assert!(!places.is_empty(), "no probe in the script");
        Self { memory: File::open(format!("/proc/{server}/mem")).expect("root may look"), places }
    }

    fn are_up(&self) -> bool {
        self.places.iter().all(|place| {
            let mut value = [0; 2];
            self.memory.read_exact_at(&mut value, *place).expect("a counter");
            value != [0; 2]
        })
    }
}
