//! Are the probe events those that the wire calls for? Every expected event is derived from the bytes by the definitions, and
//! every field of every event is compared.

use super::definitions::{Compiled, MEMBERS, ProbeDefinitions};
use super::expression::Value;
use super::task::TaskLun;
use super::{Sink, WirePdu};
use crate::codec::{Kind, ahs};
use crate::net::Dir;
use crate::world::ProbeRecord;
use crate::world::tap::Track;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use target_core::probe::{NAME_BYTES_MAX, Probe};

/// An event that the wire calls for.
#[derive(Clone, Debug)]
struct Expected {
    probe: Probe,
    info: [Value; 8],
    target: Arc<str>,
    initiator: Arc<str>,
    /// The names may not be known yet.
    names_pending: bool,
    cdb: Option<Vec<u8>>,
}

/// What is expected on one connection.
#[derive(Debug, Default)]
struct ConnProbes {
    expected: [VecDeque<Expected>; 2],
    strings: Option<[Arc<str>; 3]>,
    target: Arc<str>,
    initiator: Arc<str>,
}

/// The check.
pub(super) struct ProbeOracle {
    definitions: Arc<Vec<Compiled>>,
    /// Index into `definitions`, by kind of PDU.
    by_kind: [Option<u8>; 18],
    by_probe: [Option<Dir>; 16],
    conns: BTreeMap<u32, ConnProbes>,
    broken: Option<String>,
}

impl ProbeOracle {
    pub(super) fn new(definitions: Arc<ProbeDefinitions>) -> Self {
        let (definitions, broken) = match definitions.compiled() {
            Ok(compiled) => (compiled, None),
            Err(error) => (Arc::default(), Some(error.to_string())),
        };
        let (mut by_kind, mut by_probe) = ([None; 18], [None; 16]);
        for (at, definition) in definitions.iter().enumerate() {
            by_kind[definition.kind as usize] = u8::try_from(at).ok();
            by_probe[definition.probe as usize] = Some(definition.dir);
        }
        Self { definitions, by_kind, by_probe, conns: BTreeMap::new(), broken }
    }

    /// A PDU passed that may call for an event. `lun` is that of the command it belongs to.
    pub(super) fn expect(
        &mut self,
        track: &Track,
        pdu: &WirePdu<'_>,
        kind: Kind,
        lun: Option<TaskLun<'_>>,
        ends: (SocketAddr, SocketAddr),
    ) {
        let definition = self.by_kind[kind as usize].and_then(|at| self.definitions.get(usize::from(at)));
        let Some(definition) = definition.filter(|definition| definition.dir == pdu.dir) else { return };
        let conn = self.conns.entry(pdu.conn).or_default();
        if conn.strings.is_none() {
            let (local, remote) = ends;
            let (local, protocol) = address(local);
            conn.strings = Some([local, address(remote).0, protocol.into()]);
        }
        same(&mut conn.target, &track.target);
        same(&mut conn.initiator, &track.initiator);
        let expected = Expected {
            probe: definition.probe,
            info: definition.info.map(|expression| expression.value(pdu.view.bhs, lun)),
            target: conn.target.clone(),
            initiator: conn.initiator.clone(),
            names_pending: track.names_pending,
            cdb: definition.cdb.then(|| whole_cdb(pdu)),
        };
        conn.expected[pdu.dir as usize].push_back(expected);
    }

    /// The core fired an event.
    pub(super) fn fired(&mut self, record: &ProbeRecord, sink: &mut Sink) {
        if let Some(broken) = self.broken.take() {
            sink.add("probe", "probes", format!("the definitions cannot be used: {broken}"));
        }
        let Some(dir) = self.by_probe[record.probe as usize] else { return };
        let name = record.probe.name();
        let conn = self.conns.entry(record.conn).or_default();
        let Some(expected) = conn.expected[dir as usize].pop_front() else {
            sink.add("probe", "probes/1", format!("{name} fired for no PDU"));
            return;
        };
        if expected.probe != record.probe {
            let wanted = expected.probe.name();
            sink.add("probe", "probes/1", format!("{name} fired where the wire calls for {wanted}"));
            return;
        }
        let got = [
            record.lun,
            record.itt.into(),
            record.ttt.into(),
            record.cmd_sn.into(),
            record.stat_sn.into(),
            record.data_sn.into(),
            record.data_len.into(),
            record.flags.into(),
        ];
        for ((member, want), got) in MEMBERS.into_iter().zip(expected.info).zip(got) {
            let right = match &want {
                Value::Known(value) => got == *value,
                Value::OneOf(values) => values.contains(&got),
            };
            if !right {
                sink.add("probe", "probes", format!("{name}: {member} is {got:#x}, the wire says {want:x?}"));
            }
        }
        let none = Default::default();
        let [local, remote, protocol] = conn.strings.as_ref().unwrap_or(&none);
        let late = expected.names_pending;
        for (member, got, want, may_lack) in [
            ("ci_local", &record.local, local, false),
            ("ci_remote", &record.remote, remote, false),
            ("ci_protocol", &record.protocol, protocol, false),
            ("ii_target", &record.target, &expected.target, late),
            ("ii_initiator", &record.initiator, &expected.initiator, late),
        ] {
            if got != want && !(may_lack && got.is_empty()) {
                sink.add("probe", "probes", format!("{name}: {member} is {got:?}, expected {want:?}"));
            }
        }
        if record.cdb != expected.cdb {
            let (got, want) = (&record.cdb, &expected.cdb);
            sink.add("probe", "probes", format!("{name}: args[2] is {got:02x?}, the wire says {want:02x?}"));
        }
    }

    /// The event is over: what is still expected on this connection was not fired.
    pub(super) fn event_over(&mut self, conn: u32, paused: bool, sink: &mut Sink) {
        let Some(probes) = self.conns.get_mut(&conn) else { return };
        for (dir, expected) in probes.expected.iter_mut().enumerate() {
            if dir == Dir::Out as usize && paused {
                continue;
            }
            for missing in expected.drain(..) {
                sink.add("probe", "probes/1", format!("{} did not fire", missing.probe.name()));
            }
        }
    }

    /// Nothing more is expected for what this connection receives.
    pub(super) fn deaf(&mut self, conn: u32) {
        if let Some(probes) = self.conns.get_mut(&conn) {
            probes.expected[Dir::Out as usize].clear();
        }
    }

    pub(super) fn forget(&mut self) {
        self.conns.clear();
    }
}

/// The name as probes show it: at most 223 bytes, cut between characters.
fn same(known: &mut Arc<str>, name: &str) {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if **known != name[..end] {
        *known = name[..end].into();
    }
}

/// An address without port or brackets, v4-mapped ones as IPv4, and its protocol.
fn address(address: SocketAddr) -> (Arc<str>, &'static str) {
    let ip = address.ip().to_canonical();
    (ip.to_string().into(), if matches!(ip, IpAddr::V4(_)) { "ipv4" } else { "ipv6" })
}

/// The CDB with what an extended-CDB AHS adds (RFC 7143 11.2.2.3).
fn whole_cdb(pdu: &WirePdu<'_>) -> Vec<u8> {
    let mut cdb = pdu.view.bhs[32..].to_vec();
    // The first byte of what AHSLength counts is reserved.
    let extra = ahs::find(pdu.view.ahs, ahs::EXTENDED_CDB).and_then(|specific| specific.get(1..));
    cdb.extend_from_slice(extra.unwrap_or_default());
    cdb
}
