//! Probe events as a trace file, beside the live probes: the same calls, seen without a tracer.

use crate::trace::{ConnIds, ProbeRecord, Record, RecordKind, write_line};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use target_core::probe::{Probe, ProbeEvent, ProbeSink};

/// Writes events to a file, calls a function, or does nothing. The file is written by a thread of its own: a probe fires
/// while the core is locked.
#[derive(Default)]
pub struct Recorder(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Off,
    File(Recording),
    Watcher(Box<dyn FnMut(&ProbeEvent<'_>) + Send>),
}

#[derive(Debug)]
struct Recording {
    started: Instant,
    ids: ConnIds,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    ended: bool,
    /// The file takes no more: nothing is kept for it.
    failed: bool,
    /// Events that were left out because the file is too slow.
    lost: u64,
}

/// What waits to be written at most; a disk that is slower than that loses events, and the file says how many.
const WAITING_BYTES_MAX: usize = 64 << 20;

impl Recorder {
    /// Records nothing and costs nothing.
    pub const fn off() -> Self {
        Self(Kind::Off)
    }

    /// Records into a new file at `path`. It is complete when the recorder is dropped, and never far behind.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let file = File::create(path)?;
        let shared = Arc::<Shared>::default();
        let other = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("record".into()).spawn(move || write(file, &other))?;
        Ok(Self(Kind::File(Recording {
            started: Instant::now(),
            ids: ConnIds::default(),
            shared,
            thread: Some(thread),
        })))
    }

    /// Calls this with every event, inside the core.
    pub fn watching(watcher: impl FnMut(&ProbeEvent<'_>) + Send + 'static) -> Self {
        Self(Kind::Watcher(Box::new(watcher)))
    }

    /// Writes what is left and closes the file; later events are not recorded.
    pub(super) fn finish(&mut self) {
        self.0 = Kind::Off;
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
        self.shared.more.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(mut file: File, shared: &Shared) {
    let mut out = Vec::new();
    loop {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.lines.is_empty() && !state.ended {
            state = shared.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.lines, &mut out);
        let ended = state.ended;
        let lost = std::mem::take(&mut state.lost);
        drop(state);
        if lost > 0 {
            tracing::error!(lost, "the recording is incomplete: the file is too slow");
            // Memory takes everything.
            let _ = write_line(&mut out, &Record { time_ns: 0, conn: 0, what: RecordKind::Lost(lost) });
        }
        if let Err(error) = file.write_all(&out) {
            tracing::error!(%error, "the recording is incomplete: nothing more is recorded");
            let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.failed = true;
            state.lines = Vec::new();
            return;
        }
        out.clear();
        if ended {
            return;
        }
    }
}

impl ProbeSink for Recorder {
    fn fire(&mut self, event: &ProbeEvent<'_>) {
        let recording = match &mut self.0 {
            Kind::Off => return,
            Kind::Watcher(watcher) => return watcher(event),
            Kind::File(recording) => recording,
        };
        let owned = ProbeRecord::from(event);
        // As a tracer tells connections apart: by where their strings are.
        let strings = std::ptr::from_ref(event.conn.local).addr() as u64;
        let record = Record {
            time_ns: recording.started.elapsed().as_nanos().try_into().unwrap_or(u64::MAX),
            conn: recording.ids.of((0, strings), &owned),
            what: RecordKind::Probe(owned),
        };
        let mut line = Vec::with_capacity(512);
        // Memory takes everything.
        let _ = write_line(&mut line, &record);
        let mut state = recording.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed {
            return;
        }
        if state.lines.len() + line.len() > WAITING_BYTES_MAX {
            state.lost += 1;
            return;
        }
        state.lines.extend_from_slice(&line);
        drop(state);
        recording.shared.more.notify_one();
    }

    #[inline]
    fn is_enabled(&self, _: Probe) -> bool {
        !matches!(self.0, Kind::Off)
    }
}
