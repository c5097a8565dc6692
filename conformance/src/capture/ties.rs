//! Which probe event belongs to which PDU? Both are in the order of the stream, each direction by itself.

use super::{Cut, Cutter};
use crate::runner::sends;
use initiator_sim::clock::Nanos;
use initiator_sim::net::Dir;
use initiator_sim::world::{Happened, Moment, ProbeRecord};
use std::collections::BTreeMap;

/// The PDUs at the target's socket, each with the event that it fired.
#[derive(Debug, Default)]
pub struct Ties<'a> {
    /// In the order in which they passed.
    pub pdus: Vec<Tied<'a>>,
    /// Events that belong to no PDU that passed, each with the place of the moment at which it fired.
    pub single: Vec<(usize, &'a ProbeRecord)>,
}

/// A PDU at the target's socket.
#[derive(Debug)]
pub struct Tied<'a> {
    /// The place of the moment at which it was whole.
    pub moment: usize,
    /// When.
    pub at: Nanos,
    /// The connection.
    pub conn: u32,
    /// The PDU.
    pub cut: Cut,
    /// What it fired, and the place of that moment.
    pub probe: Option<(usize, &'a ProbeRecord)>,
}

impl<'a> Ties<'a> {
    /// Cuts what the target read and wrote, and finds the events' places.
    pub fn of(moments: &'a [Moment]) -> Self {
        let mut cutters: BTreeMap<u32, Cutter> = BTreeMap::new();
        let mut pdus: Vec<Tied<'a>> = Vec::new();
        let mut events: BTreeMap<(u32, bool), Vec<(usize, &'a ProbeRecord)>> = BTreeMap::new();
        for (moment, Moment { at, what }) in moments.iter().enumerate() {
            match what {
                Happened::Received { conn, dir: Dir::Out, bytes }
                | Happened::Sent { conn, dir: Dir::In, bytes } => {
                    let dir = if matches!(what, Happened::Sent { .. }) { Dir::In } else { Dir::Out };
                    let cuts = cutters.entry(*conn).or_default().push(dir, bytes);
                    pdus.extend(cuts.into_iter().map(|cut| Tied {
                        moment,
                        at: *at,
                        conn: *conn,
                        cut,
                        probe: None,
                    }));
                }
                Happened::Probe(probe) => {
                    events.entry((probe.conn, sends(probe.probe))).or_default().push((moment, probe));
                }
                _ => {}
            }
        }
        let mut single = Vec::new();
        for ((conn, sent), list) in events {
            let dir = if sent { Dir::In } else { Dir::Out };
            let mut list = list.into_iter().peekable();
            for pdu in pdus.iter_mut().filter(|pdu| pdu.conn == conn && pdu.cut.dir == dir) {
                // What fired for PDUs that never passed must not keep the others from theirs.
                while list.peek().is_some_and(|(_, probe)| probe.at.saturating_add(GIVEN_UP) < pdu.at) {
                    single.extend(list.next());
                }
                pdu.probe = list.next_if(|(_, probe)| belongs(probe, &pdu.cut));
            }
            single.extend(list);
        }
        single.sort_by_key(|(moment, _)| *moment);
        Self { pdus, single }
    }
}

/// So long a PDU can wait in the target's batch for room in the socket.
const GIVEN_UP: Nanos = 60_000_000_000;

fn belongs(probe: &ProbeRecord, cut: &Cut) -> bool {
    (probe.itt == u32::MAX || probe.itt == cut.pdu.itt()) && probe.flags == u32::from(cut.pdu.bhs[1])
}
