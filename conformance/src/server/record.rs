//! Probe events as JSON lines, beside the live probes: the same calls, seen without a tracer.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use target_core::probe::{Probe, ProbeEvent, ProbeSink};

/// Writes events to a file, or does nothing. The file is written by a thread of its own: a probe fires while the core
/// is locked.
#[derive(Debug, Default)]
pub struct Recorder(Option<Recording>);

#[derive(Debug)]
struct Recording {
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
        Self(None)
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
        Ok(Self(Some(Recording { shared, thread: Some(thread) })))
    }

    /// Writes what is left and closes the file; later events are not recorded.
    pub(super) fn finish(&mut self) {
        self.0 = None;
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
        let Some(recording) = &self.0 else { return };
        let line = to_json(event);
        let mut state = recording.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.lines.extend_from_slice(line.as_bytes());
        drop(state);
        recording.shared.more.notify_one();
    }

    #[inline]
    fn is_enabled(&self, _: Probe) -> bool {
        self.0.is_some()
    }
}

/// One line, with the member names of the published structs; the CDB in hexadecimal digits.
pub fn to_json(event: &ProbeEvent<'_>) -> String {
    let mut line = serde_json::json!({
        "probe": event.probe.name(),
        "ci_local": event.conn.local.as_str(),
        "ci_remote": event.conn.remote.as_str(),
        "ci_protocol": event.conn.protocol.as_str(),
        "ii_target": event.info.target.as_str(),
        "ii_initiator": event.info.initiator.as_str(),
        "ii_lun": event.info.lun,
        "ii_itt": event.info.itt,
        "ii_ttt": event.info.ttt,
        "ii_cmdsn": event.info.cmd_sn,
        "ii_statsn": event.info.stat_sn,
        "ii_datasn": event.info.data_sn,
        "ii_datalen": event.info.data_len,
        "ii_flags": event.info.flags,
    });
    if let (Some(cmd), Some(members)) = (event.cmd, line.as_object_mut()) {
        members.insert("ic_len".into(), cmd.cdb.len().into());
        members.insert(
            "ic_cdb".into(),
            cmd.cdb.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        );
    }
    format!("{line}\n")
}
