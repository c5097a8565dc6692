//! How does a capture of iSCSI traffic become a scenario? The initiator's PDUs are sent again, the target's answers are what is
//! expected.
//!
//! What another run cannot repeat is loosened: sequence numbers and windows are not compared, transfer tags and session handles
//! are saved and used, data that was read is compared by its length, keys that depend on the installation by their presence.
//! A login with CHAP becomes a `login` step with the scenario's own credentials, because a challenge is new each time.

mod expects;
mod sends;
mod text;

use crate::capture::{Cut, Cutter, Piece, segments, streams};
use initiator_sim::codec::{Kind, Pdu, text as pairs};
use initiator_sim::net::Dir;
use initiator_sim::world::tap::Quality;
use std::collections::BTreeMap;
use text::{map, scalar};

/// A scenario made of a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The file.
    pub text: String,
    /// What was left out or changed, for people.
    pub notes: Vec<String>,
}

/// Something on a connection that is imported.
enum Item {
    Opened,
    Pdu(Cut),
    Ended(Dir, bool),
}

/// Values that another run chooses anew.
#[derive(Default)]
struct Names {
    /// Variable of each transfer tag, by connection.
    transfer: BTreeMap<(usize, u32), String>,
    /// Variable of each session handle.
    session: BTreeMap<u64, String>,
}

/// Makes a scenario of a capture; `source` is the file's name.
///
/// # Errors
/// It is no capture, has no iSCSI login, or lost a part of one that it has.
pub fn import(source: &str, bytes: &[u8]) -> Result<Imported, String> {
    let (found, pieces) = streams(segments(bytes)?);
    let mut notes = Vec::new();
    let mut cutters: Vec<Cutter> = found.iter().map(|_| Cutter::default()).collect();
    let mut items: Vec<(usize, Item)> = Vec::new();
    let mut logins = vec![None; found.len()];
    for (at, piece) in pieces {
        match piece {
            Piece::Opened => items.push((at, Item::Opened)),
            Piece::Ended(dir, reset) => items.push((at, Item::Ended(dir, reset))),
            Piece::Bytes(dir, bytes) => {
                for cut in cutters[at].push(dir, &bytes) {
                    logins[at].get_or_insert(dir == Dir::Out && cut.pdu.kind() == Some(Kind::LoginRequest));
                    items.push((at, Item::Pdu(cut)));
                }
            }
        }
    }
    let mut chosen: BTreeMap<usize, String> = BTreeMap::new();
    for (at, stream) in found.iter().enumerate() {
        let ends = format!("{} to {}", stream.initiator, stream.target);
        match (logins[at], &stream.problem) {
            (Some(true), Some(problem)) => return Err(format!("the connection {ends}: {problem}")),
            (Some(true), None) => {
                chosen.insert(at, format!("c{}", chosen.len() + 1));
            }
            (_, Some(problem)) => notes.push(format!("left out {ends}: {problem}")),
            (_, None) => notes.push(format!("left out {ends}: it does not begin with an iSCSI login")),
        }
    }
    if chosen.is_empty() {
        let why =
            if notes.is_empty() { "there is no TCP connection in it".to_owned() } else { notes.join("; ") };
        return Err(format!("no iSCSI login to import: {why}"));
    }
    let mut writer = Writer {
        steps: Vec::new(),
        names: Names::default(),
        waiting: Vec::new(),
        notes,
        over: BTreeMap::new(),
        chap: BTreeMap::new(),
    };
    writer.find_chap(&items);
    for (at, item) in &items {
        if let Some(name) = chosen.get(at) {
            writer.item(*at, name, item);
        }
    }
    writer.flush();
    Ok(writer.finish(source, chosen.len()))
}

struct Writer {
    steps: Vec<String>,
    names: Names,
    /// Answers since the last request, with the number and name of their connection.
    waiting: Vec<(usize, String, Pdu)>,
    notes: Vec<String>,
    /// Connections that have ended.
    over: BTreeMap<usize, ()>,
    /// Connections whose login uses CHAP, until its step is written and until the login is over.
    chap: BTreeMap<usize, Chap>,
}

#[derive(Default)]
struct Chap {
    written: bool,
    over: bool,
    keys: Vec<(String, String)>,
    first: Option<Pdu>,
}

impl Writer {
    fn find_chap(&mut self, items: &[(usize, Item)]) {
        for (at, item) in items {
            let Item::Pdu(cut) = item else { continue };
            if cut.pdu.kind() != Some(Kind::LoginRequest) {
                continue;
            }
            let list = pairs::pairs(&cut.pdu.data).0;
            if list.iter().any(|(key, _)| key == "CHAP_N") {
                self.chap.entry(*at).or_default();
            }
        }
        for (at, item) in items {
            let (Item::Pdu(cut), Some(chap)) = (item, items_chap(&mut self.chap, item, *at)) else {
                continue;
            };
            chap.first.get_or_insert_with(|| cut.pdu.clone());
            if cut.pdu.field("CSG") == Some(1) {
                chap.keys.extend(pairs::pairs(&cut.pdu.data).0);
            }
        }
    }

    fn item(&mut self, at: usize, name: &str, item: &Item) {
        match item {
            Item::Opened => {
                self.flush();
                if !self.chap.contains_key(&at) {
                    self.steps.push(format!("connect: {{as: {name}}}"));
                }
            }
            Item::Ended(dir, reset) => {
                self.flush();
                if self.over.insert(at, ()).is_none() {
                    self.steps.push(match (dir, reset) {
                        (Dir::Out, true) => format!("net: {{reset: {name}}}"),
                        (Dir::Out, false) => format!("net: {{close: {name}}}"),
                        (Dir::In, _) => format!("expect_close: {{on: {name}}}"),
                    });
                }
            }
            Item::Pdu(cut) if self.of_chap(at, name, cut) => {}
            Item::Pdu(cut) if is_ping(&cut.pdu) => {
                // The initiator answers pings by itself, and those of another run come at other times.
                self.note("the target's own pings and their answers are left to the runner");
            }
            Item::Pdu(cut) if cut.dir == Dir::Out => {
                self.flush();
                if cut.quality != Quality::Good {
                    self.note("a PDU of the initiator had a wrong digest; it is sent with a right one");
                }
                let entries = sends::entries(&cut.pdu, at, &self.names, &mut self.notes);
                self.steps.push(format!(
                    "send: {}",
                    map(&[vec![("on".to_owned(), name.to_owned())], entries].concat())
                ));
            }
            Item::Pdu(cut) => {
                self.learn(at, &cut.pdu);
                self.waiting.push((at, name.to_owned(), cut.pdu.clone()));
            }
        }
    }

    /// Login PDUs of a connection that uses CHAP: one step stands for all of them.
    fn of_chap(&mut self, at: usize, name: &str, cut: &Cut) -> bool {
        let Some(chap) = self.chap.get_mut(&at).filter(|chap| !chap.over) else { return false };
        if cut.dir == Dir::In && cut.pdu.kind() == Some(Kind::LoginResponse) {
            chap.over = cut.pdu.flag("T") && cut.pdu.field("NSG") == Some(3);
        }
        if !std::mem::replace(&mut chap.written, true) {
            let keys: Vec<_> = chap.keys.iter().map(|(key, value)| (key.clone(), scalar(value))).collect();
            let mut entries = vec![
                ("on".to_owned(), name.to_owned()),
                ("auth".to_owned(), "{name: $chap_name, secret: $chap_secret}".to_owned()),
            ];
            for (key, field) in [("isid", "ISID"), ("cmd_sn", "CmdSN"), ("cid", "CID")] {
                let value = chap.first.as_ref().and_then(|first| first.field(field));
                entries.extend(value.map(|value| (key.to_owned(), value.to_string())));
            }
            if !keys.is_empty() {
                entries.push(("keys".to_owned(), map(&keys)));
            }
            self.flush();
            self.steps.push(format!("login: {}", map(&entries)));
            self.note(
                "a login with CHAP uses $chap_name and $chap_secret instead of the captured credentials",
            );
        }
        true
    }

    /// Remembers what the initiator has to give back.
    fn learn(&mut self, at: usize, pdu: &Pdu) {
        let transfer =
            pdu.field("TTT").and_then(|tag| u32::try_from(tag).ok()).filter(|tag| *tag != u32::MAX);
        if let (Some(Kind::R2T | Kind::TextResponse), Some(tag)) = (pdu.kind(), transfer) {
            let name = format!("ttt{}", self.names.transfer.len() + 1);
            self.names.transfer.insert((at, tag), name);
        }
        let handle = pdu.field("TSIH").unwrap_or(0);
        if pdu.kind() == Some(Kind::LoginResponse) && handle != 0 && !self.names.session.contains_key(&handle)
        {
            let name = format!("tsih{}", self.names.session.len() + 1);
            self.names.session.insert(handle, name);
        }
    }

    /// Writes what the target answered since the last request: by task, because tasks may overtake each other.
    fn flush(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let mut conns: Vec<usize> = waiting.iter().map(|(at, _, _)| *at).collect();
        conns.sort_unstable();
        conns.dedup();
        for conn in conns {
            let mut tasks: Vec<(u32, Vec<String>)> = Vec::new();
            for (at, name, pdu) in waiting.iter().filter(|(at, _, _)| *at == conn) {
                let entries = expects::entries(pdu, *at, &self.names);
                let text = map(&[vec![("on".to_owned(), name.clone())], entries].concat());
                match tasks.iter_mut().find(|(itt, _)| *itt == pdu.itt()) {
                    Some((_, list)) => list.push(text),
                    None => tasks.push((pdu.itt(), vec![text])),
                }
            }
            let all = |list: &[String]| match list {
                [one] => one.clone(),
                list => format!("{{all: [{}]}}", list.join(", ")),
            };
            self.steps.push(match tasks.as_slice() {
                [(_, list)] => format!("expect: {}", all(list)),
                tasks => {
                    let parts: Vec<_> = tasks.iter().map(|(_, list)| all(list)).collect();
                    format!("expect: {{any_order: [{}]}}", parts.join(", "))
                }
            });
        }
    }

    fn note(&mut self, text: &str) {
        if !self.notes.iter().any(|known| known == text) {
            self.notes.push(text.to_owned());
        }
    }

    fn finish(self, source: &str, conns: usize) -> Imported {
        let mut text = format!("title: {}\n", scalar(&format!("As captured in {source}")));
        text.push_str("level: robust\ntags: [imported]\n");
        if !self.chap.is_empty() {
            text.push_str("needs: [chap]\ntarget:\n  auth: {users: {$chap_name: $chap_secret}}\n");
        }
        text.push_str(&format!("origin: {{capture: {}, connections: {conns}}}\nsteps:\n", scalar(source)));
        for step in &self.steps {
            text.push_str(&format!("  - {step}\n"));
        }
        Imported { text, notes: self.notes }
    }
}

fn items_chap<'a>(chap: &'a mut BTreeMap<usize, Chap>, item: &Item, at: usize) -> Option<&'a mut Chap> {
    let is_login = matches!(item, Item::Pdu(cut) if cut.pdu.kind() == Some(Kind::LoginRequest));
    if is_login { chap.get_mut(&at) } else { None }
}

/// A ping of the target, or the answer to one (RFC 7143 11.18, 11.19).
fn is_ping(pdu: &Pdu) -> bool {
    matches!(pdu.kind(), Some(Kind::NopIn | Kind::NopOut)) && pdu.itt() == u32::MAX
}
