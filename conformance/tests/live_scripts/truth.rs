//! What the clients and the server sent each other, as the relays saw it.

use conformance::runner::definitions;
use initiator_sim::codec::{Kind, Pdu};
use initiator_sim::oracle::ProbeDefinitions;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// One PDU that has a probe.
#[derive(Clone, Debug)]
pub struct Seen {
    pub conn: usize,
    pub client: String,
    pub target: String,
    pub initiator: String,
    pub kind: Kind,
    pub probe: String,
    pub flags: u8,
    pub len: u32,
    /// The command's, where the PDU belongs to one.
    pub lun: u64,
    pub itt: u32,
    /// Of the task that a task management request is about.
    pub task: u32,
    /// Of a SCSI command.
    pub opcode: Option<u8>,
    /// Status class of a login response.
    pub class: u32,
}

impl Seen {
    /// Whether it carries data of a command: `Some(true)` to the client.
    pub fn moves(&self) -> Option<bool> {
        match self.kind {
            Kind::DataIn => Some(true),
            Kind::DataOut => Some(false),
            Kind::ScsiCommand if self.len > 0 => Some(false),
            _ => None,
        }
    }
}

/// A command that was answered.
#[derive(Clone, Debug)]
pub struct End {
    pub client: String,
    /// Byte 1 of the command.
    pub flags: u8,
}

impl End {
    /// As iscsirwlat calls it.
    pub fn dir(&self) -> &'static str {
        match (self.flags & 0x20 != 0, self.flags & 0x40 != 0) {
            (true, _) => "write",
            (false, true) => "read",
            (false, false) => "no data",
        }
    }
}

struct Conn {
    client: String,
    target: String,
    initiator: String,
    luns: BTreeMap<u32, u64>,
}

#[derive(Default)]
struct State {
    conns: Vec<Conn>,
    pdus: Vec<Seen>,
}

/// Everything that passed.
pub struct Truth {
    definitions: Arc<ProbeDefinitions>,
    state: Mutex<State>,
}

impl Truth {
    pub fn new() -> Arc<Self> {
        let definitions = definitions().expect("the shipped definitions are right");
        Arc::new(Self { definitions, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }

    pub fn definitions(&self) -> &ProbeDefinitions {
        &self.definitions
    }

    /// A new connection; its number.
    pub fn connection(&self, client: String) -> usize {
        let mut state = self.state();
        state.conns.push(Conn {
            client,
            target: String::new(),
            initiator: String::new(),
            luns: BTreeMap::new(),
        });
        state.conns.len() - 1
    }

    pub fn add(&self, conn: usize, outward: bool, pdu: &Pdu) {
        let kind = pdu.kind().expect("an opcode of the RFC");
        assert_eq!(kind.from_initiator(), outward, "{kind} goes the wrong way");
        let mut state = self.state();
        let State { conns, pdus } = &mut *state;
        let one = &mut conns[conn];
        if kind == Kind::LoginRequest {
            let text = String::from_utf8_lossy(&pdu.data);
            for pair in text.split('\0') {
                match pair.split_once('=') {
                    Some(("TargetName", name)) => one.target = name.to_owned(),
                    Some(("InitiatorName", name)) => one.initiator = name.to_owned(),
                    _ => {}
                }
            }
        }
        let itt = pdu.itt();
        // Byte 1 of a LUN field is the number, as long as there are fewer than 256 (SAM peripheral addressing).
        let wire = u64::from(pdu.bhs[9]);
        let lun = match kind {
            Kind::ScsiCommand => {
                one.luns.insert(itt, wire);
                wire
            }
            Kind::DataIn | Kind::DataOut | Kind::R2T | Kind::ScsiResponse => {
                one.luns.get(&itt).copied().unwrap_or(0)
            }
            Kind::TaskRequest => wire,
            _ => 0,
        };
        let opcode = pdu.bhs[0] & 0x3f;
        let Some(probe) = self.definitions.probes.iter().find(|probe| probe.opcode == opcode) else { return };
        pdus.push(Seen {
            conn,
            client: one.client.clone(),
            target: one.target.clone(),
            initiator: one.initiator.clone(),
            kind,
            probe: probe.name.clone(),
            flags: pdu.bhs[1],
            len: pdu.data.len() as u32,
            lun,
            itt,
            task: if kind == Kind::TaskRequest { pdu.word("RefTaskTag") } else { u32::MAX },
            opcode: (kind == Kind::ScsiCommand).then(|| pdu.bhs[32]),
            class: if kind == Kind::LoginResponse { pdu.word("StatusClass") } else { 0 },
        });
    }

    pub fn pdus(&self) -> Vec<Seen> {
        self.state().pdus.clone()
    }

    /// The commands that were answered.
    pub fn ends(&self) -> Vec<End> {
        let (mut open, mut out) = (BTreeMap::new(), Vec::new());
        for pdu in self.pdus() {
            let ends = match pdu.kind {
                Kind::ScsiCommand => {
                    open.insert((pdu.conn, pdu.itt), pdu.flags);
                    false
                }
                Kind::DataIn => pdu.flags & 1 != 0,
                kind => kind == Kind::ScsiResponse,
            };
            if ends && let Some(flags) = open.remove(&(pdu.conn, pdu.itt)) {
                out.push(End { client: pdu.client, flags });
            }
        }
        out
    }

    /// What iscsiterr shows, word by word and without the time.
    pub fn errors(&self) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        for pdu in self.pdus() {
            let mut say = |text: String| {
                let words = format!("{} {text}", pdu.client);
                out.push(words.split_whitespace().map(str::to_owned).collect());
            };
            let place = format!("LUN {}, itt {:08x}", pdu.lun, pdu.itt);
            let (over, under) = match pdu.kind {
                Kind::ScsiResponse => (0x14, 0x0a),
                Kind::DataIn => (0x04, 0x02),
                _ => (0, 0),
            };
            if pdu.kind == Kind::ScsiResponse && pdu.len > 0 {
                say(format!("sense data, {place}"));
            }
            if pdu.flags & over != 0 {
                say(format!("overflow, {place}"));
            }
            if pdu.flags & under != 0 {
                say(format!("underflow, {place}"));
            }
            if pdu.class != 0 {
                say(format!("login refused, initiator {}", pdu.initiator));
            }
            if pdu.kind == Kind::TaskRequest {
                let function = pdu.flags & 0x7f;
                let name = self.definitions.task_functions.get(&function).expect("a function of the RFC");
                say(format!("function {function} {name}, LUN {}, of itt {:08x}", pdu.lun, pdu.task));
            }
        }
        out
    }
}
