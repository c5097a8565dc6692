//! What does a run look like in its golden trace, and is it still the same? One event a line, tags and connections
//! named in the order they appear, nothing in it that differs from run to run.
//!
//! ```text
//! 0.000200000 c1 -> ScsiCommand [F R] ATTR=1 ITT=t2 EDTL=512 CmdSN=1 ExpStatSN=3 CDB=28.. {read10 lba=1 blocks=1}
//! 0.000200000 c1 !  scsi-command ii_lun=0 ii_itt=t2 ii_ttt=- ii_cmdsn=1 ii_statsn=3 .. ci_protocol=ipv4 ..
//! 0.000200000 c1 <- DataIn [F S] Status=GOOD ITT=t2 TTT=- StatSN=3 .. BufferOffset=0 data=512#076a27c7
//! ```
//!
//! `->` comes from the initiator, `<-` from the target, `!` is a probe event, `=` all else. Task tags are t1, t2, ..,
//! transfer tags x1, .., session handles s1, .., connections c1, ..; `-` is the reserved tag. Of CHAP's random bytes only
//! the length is shown. The files are insta's, so `cargo insta review` works on them.

mod data;
mod divergence;
mod line;
mod names;
mod snapshot;
mod text;
mod tree;

pub use crate::trace::{CONN_UNKNOWN, ProbeRecord, Record, RecordKind};
pub(crate) use data::short_hash;
pub use divergence::{Divergence, coloured, divergence};
pub use line::Renderer;
pub use snapshot::{GoldenError, Outcome, SOURCE, check, read, write};
pub use tree::{Unpaired, snapshot_path, unpaired};

use sha2::{Digest, Sha256};

/// What a golden trace shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldenOptions {
    /// Which probe events.
    pub probes: Probes,
    /// How much of the PDUs.
    pub wire: Wire,
    /// Longer traces keep their head and their tail; a digest stands for the middle.
    pub lines_max: usize,
}

impl Default for GoldenOptions {
    fn default() -> Self {
        Self { probes: Probes::Full, wire: Wire::Digest, lines_max: 200 }
    }
}

/// Which probe events are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Probes {
    /// All.
    #[default]
    Full,
    /// Those of these names.
    Names(Vec<String>),
    /// None.
    Off,
}

/// How PDUs are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// Their fields, and a short hash of the data.
    #[default]
    Digest,
    /// Their fields and the data, in hexadecimal digits up to a bound.
    Full,
    /// Not at all.
    Off,
}

impl GoldenOptions {
    fn shows(&self, what: &RecordKind) -> bool {
        match (what, &self.probes) {
            (RecordKind::Probe(_), Probes::Off) => false,
            (RecordKind::Probe(event), Probes::Names(names)) => {
                names.iter().any(|name| name == event.probe.name())
            }
            (RecordKind::Pdu { .. }, _) => self.wire != Wire::Off,
            _ => true,
        }
    }
}

/// The golden trace of a run. Every line ends with a line feed.
pub fn render(records: &[Record], options: &GoldenOptions) -> String {
    let mut renderer = Renderer::new(options.wire);
    let shown = records.iter().filter(|record| options.shows(&record.what));
    let lines: Vec<String> = shown.map(|record| renderer.line(record)).collect();
    clip(&lines, options.lines_max)
}

/// The lines as one text; if there are more than `lines_max`, a line with their number and digest stands for those in the
/// middle.
pub fn clip(lines: &[String], lines_max: usize) -> String {
    let mut out = String::new();
    let mut add = |lines: &[String]| {
        for line in lines {
            out.push_str(line);
            out.push('\n');
        }
    };
    if lines.len() <= lines_max.max(3) {
        add(lines);
        return out;
    }
    let room = lines_max.max(3) - 1;
    let (head, rest) = lines.split_at(room.div_ceil(2));
    let (middle, tail) = rest.split_at(rest.len() - room / 2);
    let mut hash = Sha256::new();
    for line in middle {
        hash.update(line.as_bytes());
        hash.update(b"\n");
    }
    let digest = crate::trace::hex::encode(&hash.finalize());
    add(head);
    add(&[format!("... {} lines, sha256 {digest}", middle.len())]);
    add(tail);
    out
}

#[cfg(test)]
pub(crate) mod tests;
