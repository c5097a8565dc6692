//! From what happened to what is shown.

use super::pdus::{Passed, arrows};
use super::{CutPoint, Lane, Page, Shown};
use crate::capture::{Ties, describe_fault};
use initiator_sim::clock::show;
use initiator_sim::net::Dir;
use initiator_sim::rng::Domain;
use initiator_sim::world::{DiskOp, Happened, Moment, ProbeRecord};
use std::collections::BTreeMap;
use target_core::api::Event;

/// What ran and how it ended.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The scenario's title or the seed.
    pub title: String,
    /// Seed, hash and the like.
    pub about: String,
    /// What failed, and its signature.
    pub failure: Option<(String, String)>,
    /// The causality curve, if it was measured.
    pub causality: Vec<CutPoint>,
}

/// The page of a run.
pub fn page(moments: &[Moment], subject: Subject) -> Page {
    let mut page = Page {
        title: subject.title,
        failed: subject.failure.is_some(),
        failure: subject.failure,
        causality: subject.causality,
        ..Page::default()
    };
    let lanes = Lanes::of(moments, &mut page.lanes);
    let (mut events, passed) = arrows(moments, |conn| lanes.conn(Some(conn)));
    others(moments, &lanes, &owners(moments, &passed), &mut events);
    let last = moments.last().map_or(0, |moment| moment.at);
    if let Some((headline, signature)) = &page.failure
        && !events.iter().any(|event| event.k == "fail")
    {
        let f = vec![("signature".to_owned(), signature.clone())];
        events.push(Shown { t: last, k: "fail", l: -1, n: headline.clone(), f, ..Shown::default() });
    }
    // At one time: what begins connections first, then PDUs, then what came of them.
    events.sort_by_key(|event| (event.t, rank(event)));
    let count = page.lanes.iter().filter(|lane| lane.kind == "conn").count();
    page.about =
        format!("{} \u{b7} {count} connection(s) \u{b7} {} s of virtual time", subject.about, show(last));
    page.events = events;
    page
}

fn rank(event: &Shown) -> u8 {
    match event.k {
        "state" if event.n.starts_with("connection opened") => 0,
        "fault" => 1,
        "pdu" if event.d == 0 => 2,
        "probe" => 3,
        "disk" => 4,
        "pdu" => 5,
        "state" => 6,
        _ => 7,
    }
}

/// Which lane is whose.
struct Lanes {
    conns: BTreeMap<u32, i64>,
    disks: BTreeMap<u32, i64>,
}

impl Lanes {
    fn of(moments: &[Moment], lanes: &mut Vec<Lane>) -> Self {
        let mut conns: BTreeMap<u32, String> = BTreeMap::new();
        let mut devices: BTreeMap<u32, ()> = BTreeMap::new();
        for moment in moments {
            match &moment.what {
                Happened::Opened { conn, local, remote } => {
                    conns.insert(*conn, format!("{remote} \u{2192} {local}"));
                }
                Happened::Sent { conn, .. } => {
                    conns.entry(*conn).or_default();
                }
                Happened::DiskBegan { device, .. } => {
                    devices.insert(*device, ());
                }
                _ => {}
            }
        }
        let mut place = |kind, name: String, about: String| {
            lanes.push(Lane { kind, name, about });
            i64::try_from(lanes.len()).unwrap_or(0) - 1
        };
        let conns = conns
            .into_iter()
            .map(|(conn, about)| (conn, place("conn", format!("c{}", conn + 1), about)))
            .collect();
        let disks = devices
            .into_keys()
            .map(|device| (device, place("disk", format!("disk {device}"), String::new())))
            .collect();
        Self { conns, disks }
    }

    fn conn(&self, conn: Option<u32>) -> i64 {
        conn.and_then(|conn| self.conns.get(&conn)).copied().unwrap_or(-1)
    }
}

/// The number of the PDU that each probe event is about, by the place of the event among the moments.
fn owners(moments: &[Moment], passed: &Passed) -> BTreeMap<usize, usize> {
    let ties = Ties::of(moments);
    let mut count: BTreeMap<(u32, Dir), usize> = BTreeMap::new();
    let mut owners = BTreeMap::new();
    for tied in &ties.pdus {
        let ordinal = count.entry((tied.conn, tied.cut.dir)).or_default();
        let number = passed.get(&(tied.conn, tied.cut.dir)).and_then(|list| list.get(*ordinal)).copied();
        *ordinal += 1;
        if let (Some((place, _)), Some(number)) = (tied.probe, number) {
            owners.insert(place, number);
        }
    }
    owners
}

fn others(moments: &[Moment], lanes: &Lanes, owners: &BTreeMap<usize, usize>, events: &mut Vec<Shown>) {
    let mut operations: BTreeMap<u64, usize> = BTreeMap::new();
    for (place, Moment { at, what }) in moments.iter().enumerate() {
        let state =
            |lane: i64, text: String| Shown { t: *at, k: "state", l: lane, n: text, ..Shown::default() };
        let fault =
            |lane: i64, text: String| Shown { t: *at, k: "fault", l: lane, n: text, ..Shown::default() };
        match what {
            Happened::Opened { conn, .. } => {
                events.push(state(lanes.conn(Some(*conn)), "connection opened".to_owned()));
            }
            Happened::Ended { conn, dir, reset } => {
                let who = if *dir == Dir::Out { "the target" } else { "the initiator" };
                let how = if *reset { "reset" } else { "the end" };
                events.push(state(lanes.conn(Some(*conn)), format!("{who} sees {how} of the connection")));
            }
            Happened::Probe(probe) => events.push(Shown {
                t: *at,
                k: "probe",
                l: lanes.conn(Some(probe.conn)),
                n: probe.probe.name().to_owned(),
                o: owners.get(&place).copied(),
                f: probe_fields(probe),
                ..Shown::default()
            }),
            Happened::DiskBegan { device, id, op } => {
                let (name, class) = operation(*op);
                operations.insert(*id, events.len());
                events.push(Shown {
                    t: *at,
                    k: "disk",
                    l: lanes.disks.get(device).copied().unwrap_or(-1),
                    n: name,
                    c: class.to_owned(),
                    f: vec![("id".to_owned(), id.to_string())],
                    ..Shown::default()
                });
            }
            Happened::DiskCancelled { id } => {
                if let Some(event) = operations.get(id).and_then(|place| events.get_mut(*place)) {
                    event.f.push(("cancelled".to_owned(), show(*at)));
                }
            }
            Happened::DiskEnded { id, error, .. } => {
                if let Some(event) = operations.remove(id).and_then(|place| events.get_mut(place)) {
                    event.e = Some(*at);
                    if let Some(error) = error {
                        event.c.push_str(" wrong");
                        event.f.push(("error".to_owned(), error.clone()));
                        event.w.clone_from(error);
                    }
                }
            }
            Happened::Fault(recorded) => {
                let lane = match recorded.domain {
                    Domain::NetOut | Domain::NetIn => lanes.conn(Some(recorded.site.conn)),
                    Domain::Disk => lanes.disks.get(&recorded.site.conn).copied().unwrap_or(-1),
                    _ => -1,
                };
                events.push(fault(lane, describe_fault(recorded)));
            }
            Happened::Act { conn, text } => events.push(fault(lanes.conn(*conn), text.clone())),
            Happened::News(event) => {
                if let Some((conn, text)) = news(event) {
                    events.push(state(lanes.conn(conn), text));
                }
            }
            Happened::Violation(violation) => events.push(Shown {
                t: *at,
                k: "fail",
                l: -1,
                n: format!("{}: {}", violation.rule, violation.text),
                f: vec![
                    ("rule".to_owned(), violation.rule.to_owned()),
                    ("clause".to_owned(), violation.clause.clone()),
                ],
                ..Shown::default()
            }),
            Happened::Sent { .. } | Happened::Received { .. } | Happened::Lost { .. } => {}
        }
    }
}

fn operation(op: DiskOp) -> (String, &'static str) {
    match op {
        DiskOp::Read { lba, blocks } => (format!("read {lba}+{blocks}"), "read"),
        DiskOp::Write { lba, bytes, fua } => {
            (format!("write {lba} {bytes}B{}", if fua { " FUA" } else { "" }), "write")
        }
        DiskOp::Verify { lba, blocks } => (format!("verify {lba}+{blocks}"), "read"),
        DiskOp::Unmap { lba, blocks, .. } => (format!("unmap {lba}+{blocks}"), "write"),
        DiskOp::Status { lba, .. } => (format!("status {lba}"), "read"),
        DiskOp::Flush => ("flush".to_owned(), "flush"),
        DiskOp::Keep { bytes } => (format!("keep {bytes} bytes"), "flush"),
    }
}

fn news(event: &Event) -> Option<(Option<u32>, String)> {
    let of = |conn: &target_core::api::ConnId| u32::try_from(conn.0).ok();
    match event {
        Event::Resume(_) => None,
        Event::LoggedIn { conn, session, target, .. } => {
            let to = target.as_deref().unwrap_or("discovery");
            Some((of(conn), format!("logged in: session {} to {to}", session.0)))
        }
        Event::LoginFailed { conn, status, reason, .. } => {
            Some((of(conn), format!("login refused {status:#06x}: {reason}")))
        }
        Event::Violation { conn, fault } => {
            Some((of(conn), format!("the peer broke the protocol: {fault:?}")))
        }
        Event::Disconnected { conn, reason } => Some((of(conn), format!("left its session: {reason}"))),
        Event::SessionEnded { session, reason } => {
            Some((None, format!("session {} ended: {reason}", session.0)))
        }
        other => Some((None, format!("{other:?}"))),
    }
}

fn probe_fields(probe: &ProbeRecord) -> Vec<(String, String)> {
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let number = |name: &str, value: u64| (name.to_owned(), format!("{value} ({value:#x})"));
    let mut list = vec![
        text("ci_local", &probe.local),
        text("ci_remote", &probe.remote),
        text("ci_protocol", &probe.protocol),
        text("ii_target", &probe.target),
        text("ii_initiator", &probe.initiator),
        number("ii_lun", probe.lun),
        number("ii_itt", probe.itt.into()),
        number("ii_ttt", probe.ttt.into()),
        number("ii_cmdsn", probe.cmd_sn.into()),
        number("ii_statsn", probe.stat_sn.into()),
        number("ii_datasn", probe.data_sn.into()),
        number("ii_datalen", probe.data_len.into()),
        number("ii_flags", probe.flags.into()),
    ];
    if let Some(cdb) = &probe.cdb {
        list.push(("ic_cdb".to_owned(), initiator_sim::initiator::cdb::describe(cdb)));
    }
    list
}
