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
}

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
        drop(state);
        if let Err(error) = file.write_all(&out) {
            tracing::error!(%error, "the recording is incomplete");
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
        state.lines.extend_from_slice(&line);
        drop(state);
        recording.shared.more.notify_one();
    }

    #[inline]
    fn is_enabled(&self, _: Probe) -> bool {
        !matches!(self.0, Kind::Off)
    }
}
