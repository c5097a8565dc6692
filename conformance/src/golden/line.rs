//! How does one record look on its line?

use super::Wire;
use super::names::Names;
use super::{data, text};
use crate::trace::{ProbeRecord, Record, RecordKind, hex};
use initiator_sim::clock;
use initiator_sim::codec::{Field, Kind, Pdu, Wording};
use initiator_sim::initiator::sense;
use std::collections::BTreeSet;
use std::fmt::Write;
use target_core::probe::Probe;

/// Renders the records of one trace, in their order: names depend on what came before.
#[derive(Debug)]
pub struct Renderer {
    wire: Wire,
    names: Names,
    /// Directions of connections whose last text was cut off by the C bit (RFC 7143 6.2).
    continued: BTreeSet<(u32, bool)>,
}

impl Renderer {
    /// For a new trace; with [`Wire::Off`] PDUs look as with [`Wire::Digest`], leaving them out is the caller's choice.
    pub const fn new(wire: Wire) -> Self {
        Self { wire, names: Names::new(), continued: BTreeSet::new() }
    }

    /// The record on one line, without a line feed.
    pub fn line(&mut self, record: &Record) -> String {
        let mut line = format!("{} {} ", clock::show(record.time_ns), self.names.conn(record.conn));
        match &record.what {
            RecordKind::Pdu { from_target, pdu } => {
                line.push_str(if *from_target { "<- " } else { "-> " });
                line.push_str(&self.pdu(record.conn, *from_target, pdu));
            }
            RecordKind::Probe(event) => {
                line.push_str("!  ");
                self.probe(&mut line, event);
            }
            RecordKind::Opened => line.push_str("=  opened"),
            RecordKind::Closed { how } => line.push_str(&format!("=  closed: {}", text::escape(how))),
            RecordKind::Lost(count) => line.push_str(&format!("=  {count} event(s) lost")),
            RecordKind::Note(note) => line.push_str(&format!("=  {}", text::escape(note))),
        }
        line
    }

    fn pdu(&mut self, conn: u32, from_target: bool, pdu: &Pdu) -> String {
        let full = self.wire == Wire::Full;
        let stream = (conn, from_target);
        let continued = self.continued.contains(&stream);
        if is_text(pdu.kind()) {
            if pdu.flag("C") {
                self.continued.insert(stream);
            } else {
                self.continued.remove(&stream);
            }
        }
        pdu.worded(&mut Words { names: &mut self.names, full, continued })
    }

    /// Numbers first: the names at the end hardly ever change.
    fn probe(&mut self, line: &mut String, event: &ProbeRecord) {
        // In the order of the PDU's fields: without PDUs the names are then the same.
        let itt = self.names.task(event.ii_itt);
        let ttt = match event.probe {
            // It carries the Referenced Task Tag there.
            Probe::TaskCommand => self.names.task(event.ii_ttt),
            _ => self.names.transfer(event.ii_ttt),
        };
        let ProbeRecord { ii_lun, ii_cmdsn, ii_statsn, ii_datasn, ii_datalen, ii_flags, .. } = event;
        // A string takes everything.
        let _ = write!(
            line,
            "{} ii_lun={ii_lun} ii_itt={itt} ii_ttt={ttt} ii_cmdsn={ii_cmdsn} ii_statsn={ii_statsn} \
             ii_datasn={ii_datasn} ii_datalen={ii_datalen} ii_flags={ii_flags:#04x}",
            event.probe.name(),
        );
        if let Some(len) = event.ic_len {
            let _ = write!(line, " ic_len={len}");
        }
        if let Some(cdb) = &event.ic_cdb {
            let _ = write!(line, " ic_cdb={}", hex::encode(cdb));
        }
        let strings = [
            ("ci_local", &event.ci_local),
            ("ci_remote", &event.ci_remote),
            ("ci_protocol", &event.ci_protocol),
            ("ii_target", &event.ii_target),
            ("ii_initiator", &event.ii_initiator),
        ];
        for (name, value) in strings {
            let shown = if value.is_empty() { "\"\"".into() } else { text::escape(value) };
            let _ = write!(line, " {name}={shown}");
        }
    }
}

/// True for the PDUs whose data segment is text.
pub(super) const fn is_text(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind::LoginRequest | Kind::LoginResponse | Kind::TextRequest | Kind::TextResponse))
}

/// The wording of a golden trace.
pub(super) struct Words<'a> {
    pub(super) names: &'a mut Names,
    pub(super) full: bool,
    pub(super) continued: bool,
}

impl Wording for Words<'_> {
    fn value(&mut self, pdu: &Pdu, field: &Field, value: u64) -> Option<String> {
        let number = u32::try_from(value).ok()?;
        match field.name {
            "ITT" | "RefTaskTag" => Some(self.names.task(number)),
            "TTT" => Some(self.names.transfer(number)),
            "TSIH" => Some(self.names.session(number)),
            // Without the S bit there is no status (RFC 7143 11.7.3).
            "Status" if pdu.kind() == Some(Kind::DataIn) && !pdu.flag("S") && value == 0 => None,
            "Status" => {
                let name = u8::try_from(number).ok().and_then(sense::status_name);
                Some(name.map_or_else(|| format!("{number:#04x}"), str::to_owned))
            }
            _ => None,
        }
    }

    fn tail(&mut self, pdu: &Pdu) -> String {
        data::tail(self, pdu)
    }
}
