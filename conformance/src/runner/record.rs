//! What does a world's log look like as records? PDUs and probe events in one order: each event behind the PDU it is about.

use crate::trace::{ProbeRecord, Record, RecordKind};
use initiator_sim::net::Dir;
use initiator_sim::world::tap::Quality;
use initiator_sim::world::{self, WireRecord, World};
use target_core::probe::Probe;

/// Everything that a world has kept.
pub fn records(world: &World) -> Vec<Record> {
    merge(world.wire(), world.probes())
}

/// Puts the beginnings of connections before, their ends behind what else happened at that time.
pub(super) fn with_links(records: Vec<Record>, links: Vec<Record>) -> Vec<Record> {
    let mut out = Vec::with_capacity(records.len() + links.len());
    let mut records = records.into_iter().peekable();
    for link in links {
        let behind = !matches!(link.what, RecordKind::Opened);
        let before = |record: &Record| record.time_ns < link.time_ns.saturating_add(u64::from(behind));
        while let Some(record) = records.next_if(before) {
            out.push(record);
        }
        out.push(link);
    }
    out.extend(records);
    out
}

fn merge(wire: &[WireRecord], probes: &[world::ProbeRecord]) -> Vec<Record> {
    let mut out = Vec::with_capacity(wire.len() + probes.len());
    let mut probes = probes.iter().peekable();
    for record in wire {
        // What belongs to no PDU kept here comes first in time.
        while let Some(probe) = probes.next_if(|probe| probe.at < record.at) {
            out.push(event(probe));
        }
        out.push(pdu(record));
        out.extend(note(record));
        // A PDU fires at most one probe, at once; so events stand in the order of their PDUs.
        if let Some(probe) = probes.next_if(|probe| belongs(probe, record)) {
            out.push(event(probe));
        }
    }
    out.extend(probes.map(event));
    out
}

fn pdu(record: &WireRecord) -> Record {
    let what = RecordKind::Pdu { from_target: record.dir == Dir::In, pdu: record.pdu.clone() };
    Record { time_ns: record.at, conn: record.conn, what }
}

fn note(record: &WireRecord) -> Option<Record> {
    let text = match record.quality {
        Quality::Good => return None,
        Quality::DataDigest => "the data digest of this PDU is wrong",
        Quality::HeaderDigest => "the header digest of this PDU is wrong",
    };
    Some(Record { time_ns: record.at, conn: record.conn, what: RecordKind::Note(text.to_owned()) })
}

/// True if the event is about this PDU.
fn belongs(probe: &world::ProbeRecord, record: &WireRecord) -> bool {
    probe.at == record.at
        && probe.conn == record.conn
        && sends(probe.probe) == (record.dir == Dir::In)
        && (probe.itt == u32::MAX || probe.itt == record.pdu.itt())
        && probe.flags == u32::from(record.pdu.bhs[1])
}

pub(crate) const fn sends(probe: Probe) -> bool {
    matches!(
        probe,
        Probe::AsyncSend
            | Probe::LoginResponse
            | Probe::LogoutResponse
            | Probe::DataRequest
            | Probe::DataSend
            | Probe::NopSend
            | Probe::ScsiResponse
            | Probe::TaskResponse
            | Probe::TextResponse
    )
}

fn event(probe: &world::ProbeRecord) -> Record {
    let what = RecordKind::Probe(ProbeRecord {
        probe: probe.probe,
        ci_local: probe.local.to_string(),
        ci_remote: probe.remote.to_string(),
        ci_protocol: probe.protocol.to_string(),
        ii_target: probe.target.to_string(),
        ii_initiator: probe.initiator.to_string(),
        ii_lun: probe.lun,
        ii_itt: probe.itt,
        ii_ttt: probe.ttt,
        ii_cmdsn: probe.cmd_sn,
        ii_statsn: probe.stat_sn,
        ii_datasn: probe.data_sn,
        ii_datalen: probe.data_len,
        ii_flags: probe.flags,
        ic_len: probe.cdb.as_ref().map(|cdb| cdb.len() as u64),
        ic_cdb: probe.cdb.clone(),
    });
    Record { time_ns: probe.at, conn: probe.conn, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_begin_before_and_end_behind_what_else_happens_then() {
        let record = |time_ns, what: RecordKind| Record { time_ns, conn: 0, what };
        let note = |time_ns, text: &str| record(time_ns, RecordKind::Note(text.into()));
        let end = || RecordKind::Closed { how: "fin".into() };
        let merged = with_links(
            vec![note(0, "a"), note(5, "b"), note(5, "c"), note(9, "d")],
            vec![record(0, RecordKind::Opened), record(5, end()), record(u64::MAX, end())],
        );
        let shown: Vec<_> = merged
            .iter()
            .map(|record| match &record.what {
                RecordKind::Note(text) => text.as_str(),
                RecordKind::Opened => "opened",
                _ => "closed",
            })
            .collect();
        assert_eq!(shown, ["opened", "a", "b", "c", "closed", "d", "closed"]);
    }
}
