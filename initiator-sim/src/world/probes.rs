//! Which probe events did the core fire? A sink that keeps owned copies for the checks.

use crate::clock::Nanos;
use std::sync::Arc;
use target_core::probe::{Probe, ProbeEvent, ProbeName, ProbeSink};

/// One event as the core fired it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the provider's structs")]
pub struct ProbeRecord {
    /// Virtual time.
    pub at: Nanos,
    /// The connection it was fired for, by its ordinal.
    pub conn: u32,
    /// Which probe.
    pub probe: Probe,
    pub local: Arc<str>,
    pub remote: Arc<str>,
    pub protocol: Arc<str>,
    pub target: Arc<str>,
    pub initiator: Arc<str>,
    pub lun: u64,
    pub itt: u32,
    pub ttt: u32,
    pub cmd_sn: u32,
    pub stat_sn: u32,
    pub data_sn: u32,
    pub data_len: u32,
    pub flags: u32,
    /// args\[2\]: the whole CDB, of scsi-command only.
    pub cdb: Option<Vec<u8>>,
}

/// Collects events until the world takes them; shares the names, which hardly ever change.
#[derive(Debug, Default)]
pub struct Recorder {
    events: Vec<ProbeRecord>,
    names: Vec<(Box<ProbeName>, Arc<str>)>,
    /// Index into `names` of the last local, remote, protocol, target and initiator: most often the next ones too.
    last: [usize; 5],
    /// Stamped onto events.
    pub(super) now: Nanos,
    /// Stamped onto events.
    pub(super) conn: u32,
}

impl Recorder {
    /// Moves the events fired so far into `out`, oldest first.
    pub fn take_into(&mut self, out: &mut Vec<ProbeRecord>) {
        out.append(&mut self.events);
    }

    fn name(&mut self, place: usize, name: &ProbeName) -> Arc<str> {
        let known = |entry: Option<&(Box<ProbeName>, Arc<str>)>| {
            entry.filter(|(known, _)| known.as_ref() == name).map(|(_, text)| text.clone())
        };
        if let Some(text) = known(self.names.get(self.last[place])) {
            return text;
        }
        let at = self.names.iter().position(|(known, _)| known.as_ref() == name).unwrap_or_else(|| {
            self.names.push((Box::new(name.clone()), name.as_str().into()));
            self.names.len() - 1
        });
        self.last[place] = at;
        self.names[at].1.clone()
    }
}

impl ProbeSink for Recorder {
    fn fire(&mut self, event: &ProbeEvent<'_>) {
        let record = ProbeRecord {
            at: self.now,
            conn: self.conn,
            probe: event.probe,
            local: self.name(0, event.conn.local),
            remote: self.name(1, event.conn.remote),
            protocol: self.name(2, event.conn.protocol),
            target: self.name(3, event.info.target),
            initiator: self.name(4, event.info.initiator),
            lun: event.info.lun,
            itt: event.info.itt,
            ttt: event.info.ttt,
            cmd_sn: event.info.cmd_sn,
            stat_sn: event.info.stat_sn,
            data_sn: event.info.data_sn,
            data_len: event.info.data_len,
            flags: event.info.flags,
            cdb: event.cmd.map(|cmd| cmd.cdb.to_vec()),
        };
        self.events.push(record);
    }
}

impl ProbeRecord {
    /// Feeds every field into a hash.
    pub fn hash(&self) -> u64 {
        let mut bytes = [0; 44];
        bytes[..8].copy_from_slice(&self.lun.to_le_bytes());
        let words = [
            self.itt,
            self.ttt,
            self.cmd_sn,
            self.stat_sn,
            self.data_sn,
            self.data_len,
            self.flags,
            self.probe as u32,
            self.conn,
        ];
        for (slot, word) in bytes[8..].chunks_exact_mut(4).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        let mut hash = crate::trace::hash_bytes(0, &bytes);
        for text in [&self.local, &self.remote, &self.protocol, &self.target, &self.initiator] {
            hash = crate::trace::hash_bytes(hash, text.as_bytes());
        }
        crate::trace::hash_bytes(hash, self.cdb.as_deref().unwrap_or_default())
    }
}
