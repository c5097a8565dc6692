//! What do the steps of a run share? Connections with what came on them, sessions, variables, and the lab.

use super::failure::{Class, Failure};
use super::lab::{Dial, Happened, Lab};
use crate::scenario::expr::Value;
use crate::scenario::fields;
use crate::scenario::matcher::slice;
use crate::scenario::model::RunLimits;
use crate::scenario::step::Ending;
use crate::scenario::units::Nanos;
use crate::trace::{Record, RecordKind};
use initiator_sim::codec::{CodecError, Kind, Pdu};
use initiator_sim::fault::FaultId;
use initiator_sim::initiator::{Composed, DigestPart, Draft, Incoming, Session, Side, automatic_answer};
use std::collections::{BTreeMap, VecDeque};

/// How many PDUs a failure report shows.
const LAST_MAX: usize = 12;

/// What came on a connection and nobody has taken yet.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// A PDU, or what is left of one.
    Pdu(Incoming),
    /// The end.
    End(Ending),
}

/// A connection, open or not.
#[derive(Debug)]
pub(super) struct Conn {
    /// Its name in the scenario.
    pub(super) name: String,
    /// Index of its session.
    pub(super) session: usize,
    /// Its index in the session.
    pub(super) index: usize,
    /// Its name at the lab.
    pub(super) lab: u32,
    /// What nobody has taken yet.
    pub(super) inbox: VecDeque<Item>,
    /// It has ended from the target's side.
    pub(super) ended: Option<Ending>,
    /// This side has ended it.
    pub(super) left: bool,
    /// Tags of programs under way; `None` is a login, which takes everything.
    pub(super) claims: Vec<Option<u32>>,
    /// Pings of the target are left to the scenario.
    pub(super) manual_pings: bool,
}

/// A fault that was asked for.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) id: FaultId,
    pub(super) conn: u32,
    pub(super) step: String,
    pub(super) at: crate::scenario::At,
    pub(super) maybe: bool,
}

/// Who logs in where, when a step does not say.
#[derive(Clone, Debug, Default)]
pub(super) struct Defaults {
    pub(super) initiator: String,
    pub(super) target: String,
    /// CHAP name and secret, presented to a target that does not content itself with None.
    pub(super) chap: Option<(String, String)>,
}

/// Everything that the steps of a run share.
pub(super) struct State {
    pub(super) lab: Box<dyn Lab>,
    pub(super) sessions: Vec<Session>,
    pub(super) conns: Vec<Conn>,
    /// The present connection of a name.
    pub(super) names: BTreeMap<String, usize>,
    pub(super) vars: BTreeMap<String, Value>,
    pub(super) pdus: BTreeMap<String, Pdu>,
    pub(super) faults: Vec<Armed>,
    /// Probe events that steps have passed.
    pub(super) probes_passed: usize,
    /// Everything that happened, where the lab does not keep it.
    pub(super) records: Vec<Record>,
    /// How long to wait when a step does not say.
    pub(super) patience: Nanos,
    /// How long silence is waited for at most, in real time.
    pub(super) silence_max: Nanos,
    /// Counts everything that may let somebody go on.
    pub(super) progress: u64,
    /// When the first waiting step wants to go on at the latest.
    pub(super) wake_at: Nanos,
    pub(super) limits: RunLimits,
    /// Rules whose findings the scenario provokes.
    pub(super) tolerate: Vec<String>,
    /// What passed last, to be shown if something fails.
    last: VecDeque<Note>,
    pub(super) defaults: Defaults,
    /// Keeps the sessions of runs beside each other apart, where they meet at one target.
    pub(super) isid_base: u16,
    /// ISID qualifiers by connection name.
    isids: BTreeMap<String, usize>,
    /// Block sizes by LUN.
    pub(super) block_sizes: BTreeMap<u64, u32>,
}

/// A field of a PDU as a value, or some of its bytes.
pub(super) fn field_value(pdu: &Pdu, name: &str) -> Option<Value> {
    let (name, bytes) = fields::part(name)?;
    match (whole_field(pdu, name)?, bytes) {
        (value, None) => Some(value),
        (value, Some(bytes)) => part(&value, bytes),
    }
}

/// Some of the bytes of a value.
pub(super) fn part(value: &Value, (from, to): (usize, usize)) -> Option<Value> {
    match value {
        Value::Bytes(bytes) => slice(bytes, from, to - from).map(Value::Bytes),
        Value::Num(_) | Value::Text(_) => None,
    }
}

fn whole_field(pdu: &Pdu, name: &str) -> Option<Value> {
    match name {
        "data" => Some(Value::Bytes(pdu.data.clone())),
        "bhs" => Some(Value::Bytes(bytes::Bytes::copy_from_slice(&pdu.bhs))),
        name => fields::number(pdu, name)
            .map(Value::Num)
            .or_else(|| pdu.bytes(name).map(|bytes| Value::Bytes(bytes::Bytes::copy_from_slice(bytes)))),
    }
}

impl State {
    pub(super) fn new(lab: Box<dyn Lab>, limits: RunLimits) -> Self {
        Self {
            lab,
            sessions: Vec::new(),
            conns: Vec::new(),
            names: BTreeMap::new(),
            vars: BTreeMap::new(),
            pdus: BTreeMap::new(),
            faults: Vec::new(),
            probes_passed: 0,
            records: Vec::new(),
            patience: 10_000_000_000,
            silence_max: Nanos::MAX,
            progress: 0,
            wake_at: Nanos::MAX,
            limits,
            tolerate: Vec::new(),
            last: VecDeque::new(),
            defaults: Defaults::default(),
            isid_base: 0,
            isids: BTreeMap::new(),
            block_sizes: BTreeMap::new(),
        }
    }

    /// Bytes of a block of this unit; where there is no such unit, those of LUN 0.
    pub(super) fn block_size(&self, lun: u64) -> u32 {
        self.block_sizes.get(&lun).or_else(|| self.block_sizes.get(&0)).copied().unwrap_or(512)
    }

    pub(super) fn now(&self) -> Nanos {
        self.lab.now()
    }

    /// Opens a connection in a session under a name.
    pub(super) fn open(
        &mut self,
        name: &str,
        session: usize,
        cid: u16,
        dial: &Dial,
    ) -> Result<usize, String> {
        let lab = self.lab.connect(dial)?;
        let index = self.sessions[session].open(cid);
        self.conns.push(Conn {
            name: name.to_owned(),
            session,
            index,
            lab,
            inbox: VecDeque::new(),
            ended: None,
            left: false,
            claims: Vec::new(),
            manual_pings: false,
        });
        let conn = self.conns.len() - 1;
        self.names.insert(name.to_owned(), conn);
        self.record_link(conn, RecordKind::Opened);
        Ok(conn)
    }

    /// True if a connection can still bring PDUs.
    pub(super) fn is_open(&self, name: &str) -> bool {
        let conn = self.names.get(name).and_then(|conn| self.conns.get(*conn));
        conn.is_some_and(|conn| conn.ended.is_none() && !conn.left)
    }

    /// What makes sessions of one initiator differ: the same for the same connection name, also when it comes back.
    pub(super) fn isid_qualifier(&mut self, name: &str) -> u8 {
        let next = self.isids.len();
        let number = *self.isids.entry(name.to_owned()).or_insert(next);
        u8::try_from(number).unwrap_or(u8::MAX)
    }

    /// The session of a connection.
    pub(super) fn session(&mut self, conn: usize) -> &mut Session {
        let session = self.conns[conn].session;
        &mut self.sessions[session]
    }

    /// What the target answered to a key on this connection, or declared itself.
    pub(super) fn said_by_target(&mut self, conn: usize, key: &str) -> Option<String> {
        let index = self.conns[conn].index;
        let negotiation = &self.session(conn).connections().get(index)?.negotiation;
        let mut settled = negotiation.keys().iter().rev().filter(|settled| settled.key == key);
        settled.find_map(|settled| match settled.proposer {
            Side::Target => Some(settled.offer.clone()),
            Side::Initiator => settled.answer.clone(),
        })
    }

    /// Composes a PDU and sends it, or the first bytes of it.
    pub(super) fn send(
        &mut self,
        conn: usize,
        draft: &Draft,
        op: u64,
        cut: Option<usize>,
    ) -> Result<Composed, CodecError> {
        let index = self.conns[conn].index;
        let composed = self.session(conn).compose(index, draft)?;
        let mut bytes = composed.bytes.clone();
        bytes.truncate(cut.unwrap_or(usize::MAX));
        let note = match (&draft.raw, cut) {
            (Some(raw), _) => format!(" (as {} raw bytes)", raw.len()),
            (None, Some(cut)) => format!(" (cut after {cut} bytes)"),
            (None, None) => String::new(),
        };
        self.remember(conn, '>', Noted::Pdu(composed.pdu.clone(), note));
        self.record(conn, || RecordKind::Pdu { from_target: false, pdu: composed.pdu.clone() });
        self.lab.send(self.conns[conn].lab, bytes, op);
        Ok(composed)
    }

    /// Remembers a line for failure reports.
    pub(super) fn note(&mut self, conn: usize, direction: char, text: &str) {
        self.remember(conn, direction, Noted::Text(text.to_owned()));
    }

    fn remember(&mut self, conn: usize, direction: char, what: Noted) {
        if self.last.len() == LAST_MAX {
            self.last.pop_front();
        }
        self.last.push_back(Note { at: self.now(), conn, direction, what });
    }

    /// Keeps what happened, where the lab does not.
    fn record(&mut self, conn: usize, what: impl FnOnce() -> RecordKind) {
        if self.lab.world().is_none() {
            let record = Record { time_ns: self.now(), conn: self.conns[conn].lab, what: what() };
            self.records.push(record);
        }
    }

    /// Keeps the beginning or the end of a connection, which no lab keeps as this side sees it.
    pub(super) fn record_link(&mut self, conn: usize, what: RecordKind) {
        let record = Record { time_ns: self.now(), conn: self.conns[conn].lab, what };
        self.records.push(record);
    }

    /// Fails when the run has taken too long, or too many events.
    pub(super) fn within_limits(&self) -> Result<(), Box<Failure>> {
        if self.now() > self.limits.virtual_time || self.lab.events() > self.limits.events {
            let text = "the limits of the run are reached: is there progress?";
            return Err(self.lost(Class::Liveness, "limits", text));
        }
        Ok(())
    }

    /// Lets the lab go on until something happens or somebody's time has come.
    pub(super) fn pump(&mut self) -> Result<(), Box<Failure>> {
        self.within_limits()?;
        let until = self.wake_at;
        match self.lab.next(until) {
            Some(happened) => self.take(happened),
            None => match self.lab.dead() {
                Some(why) => return Err(self.lost(Class::Panic, "core", why)),
                None if self.now() < until => {
                    return Err(self.lost(Class::Liveness, "stuck", "time does not pass any more"));
                }
                None => self.progress += 1,
            },
        }
        Ok(())
    }

    /// A failure that belongs to no step.
    pub(super) fn lost(&self, class: Class, site: &str, text: impl Into<String>) -> Box<Failure> {
        let mut failure = Failure::new(class, site, text);
        self.decorate(&mut failure);
        failure
    }

    /// When it happened and what passed before.
    pub(super) fn decorate(&self, failure: &mut Failure) {
        failure.time = format!("{} s", initiator_sim::clock::show(self.now()));
        let line = |note: &Note| {
            let Note { at, conn, direction, what } = note;
            let time = initiator_sim::clock::show(*at);
            let name = &self.conns[*conn].name;
            match what {
                Noted::Text(text) => format!("{time} {name} {direction} {text}"),
                Noted::Pdu(pdu, more) => format!("{time} {name} {direction} {pdu}{more}"),
            }
        };
        failure.last = self.last.iter().map(line).collect();
    }

    /// True if the scenario puts up with findings of this rule.
    pub(super) fn tolerated(&self, rule: &str) -> bool {
        self.tolerate.iter().any(|known| known == rule)
    }

    fn take(&mut self, happened: Happened) {
        self.progress += 1;
        match happened {
            Happened::Bytes(lab, bytes) => {
                let Some(conn) = self.conns.iter().position(|conn| conn.lab == lab) else { return };
                let index = self.conns[conn].index;
                let incoming = self.session(conn).receive(index, &bytes);
                for incoming in incoming {
                    self.arrived(conn, incoming);
                }
            }
            Happened::Ended(lab, ending) => {
                let how = if ending == Ending::Fin { "fin" } else { "reset" };
                self.ended(lab, ending, how, "the target ended the connection");
            }
            Happened::Refused(lab) => {
                self.ended(lab, Ending::Reset, "refused", "the target refused the connection");
            }
        }
    }

    fn ended(&mut self, lab: u32, ending: Ending, how: &str, text: &str) {
        let Some(conn) = self.conns.iter().position(|conn| conn.lab == lab) else { return };
        self.note(conn, '<', text);
        self.record_link(conn, RecordKind::Closed { how: how.to_owned() });
        let index = self.conns[conn].index;
        self.session(conn).closed(index);
        let link = &mut self.conns[conn];
        if link.ended.is_none() {
            link.ended = Some(ending);
            link.inbox.push_back(Item::End(ending));
        }
    }

    fn arrived(&mut self, conn: usize, incoming: Incoming) {
        let (pdu, more) = match &incoming {
            Incoming::Pdu { pdu, .. } | Incoming::Unknown { pdu } => (pdu, String::new()),
            Incoming::BadDigest { part, pdu, .. } => (pdu, format!(" ({part:?} digest wrong)")),
        };
        self.remember(conn, '<', Noted::Pdu(pdu.clone(), more));
        if let Incoming::Pdu { pdu, .. } | Incoming::Unknown { pdu } = &incoming {
            self.record(conn, || RecordKind::Pdu { from_target: true, pdu: pdu.clone() });
        }
        if self.is_discarded(conn, &incoming) {
            return;
        }
        if !self.conns[conn].manual_pings
            && let Some(answer) = automatic_answer(&incoming)
        {
            // A ping that can be parsed can be answered: only field names could be wrong.
            let _ = self.send(conn, &answer, 0, None);
            if incoming.pdu().is_some_and(|(kind, _)| kind == Kind::NopIn) {
                return;
            }
        }
        self.conns[conn].inbox.push_back(Item::Pdu(incoming));
    }

    /// A wrong data digest costs the PDU and no more where it can be asked for again (RFC 7143 7.8). The gap shows.
    fn is_discarded(&mut self, conn: usize, incoming: &Incoming) -> bool {
        let is_damaged = matches!(incoming, Incoming::BadDigest { part: DigestPart::Data, .. });
        is_damaged && self.session(conn).params.error_recovery_level > 0
    }

    /// The first thing on a connection that is no program's.
    pub(super) fn head(&self, conn: usize) -> Option<usize> {
        let link = &self.conns[conn];
        link.inbox.iter().position(|item| !link.claims.iter().any(|claim| claims(*claim, item)))
    }

    /// Takes the first thing that belongs to a program, or the end of the connection.
    pub(super) fn take_claimed(&mut self, conn: usize, claim: Option<u32>) -> Option<Item> {
        let link = &mut self.conns[conn];
        let at = link.inbox.iter().position(|item| claims(claim, item))?;
        if let Some(Item::End(ending)) = link.inbox.get(at) {
            // The end is there for everybody.
            return Some(Item::End(*ending));
        }
        link.inbox.remove(at)
    }
}

/// Something that passed. It becomes a line only if it is shown: few runs fail.
struct Note {
    at: Nanos,
    conn: usize,
    direction: char,
    what: Noted,
}

enum Noted {
    Text(String),
    /// A PDU, and what is to be said of it.
    Pdu(Pdu, String),
}

/// True if an item belongs to the program with this tag, or concerns every program.
fn claims(claim: Option<u32>, item: &Item) -> bool {
    match (claim, item) {
        (None, _) | (_, Item::End(_)) => true,
        (Some(itt), Item::Pdu(incoming)) => match incoming.pdu() {
            Some((Kind::Reject, pdu)) => {
                let tag = pdu.data.get(16..20).and_then(|bytes| bytes.try_into().ok());
                tag.map(u32::from_be_bytes) == Some(itt)
            }
            Some((kind, pdu)) => kind != Kind::AsyncMessage && pdu.itt() == itt,
            None => false,
        },
    }
}
