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

const fn sends(probe: Probe) -> bool {
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
