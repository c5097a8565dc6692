//! How does a text exchange run? Requests and responses until both sides are done (RFC 7143 11.10, 11.11, appendix C).

use super::answers::answer_to;
use super::compose::NO_TAG;
use super::program::{Step, rejected};
use super::{Draft, Incoming, Session};
use crate::codec::{Kind, text};

/// Rounds after which an exchange is given up; 6.2 wants at least six.
const ROUNDS_MAX: u32 = 10_000;

/// How a text exchange ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextOutcome {
    /// The target has finished; everything it said.
    Pairs(Vec<(String, String)>),
    /// A request was rejected with this reason.
    Rejected(u8),
    /// The exchange does not end.
    Endless,
}

/// Runs a text exchange.
#[derive(Debug)]
pub struct TextProgram {
    conn: usize,
    itt: u32,
    immediate: bool,
    /// What is left to say.
    pending: Vec<u8>,
    /// What the target said with the C bit so far.
    carry: Vec<u8>,
    heard: Vec<(String, String)>,
    rounds: u32,
    /// At most this much text in a request.
    pdu_max: usize,
}

impl TextProgram {
    /// An exchange that starts with these pairs. Text beyond the target's MaxRecvDataSegmentLength goes into several
    /// requests.
    pub fn new<K: AsRef<str>, V: AsRef<str>>(
        conn: usize,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> TextProgram {
        TextProgram {
            conn,
            itt: NO_TAG,
            immediate: false,
            pending: text::join(pairs),
            carry: Vec::new(),
            heard: Vec::new(),
            rounds: 0,
            pdu_max: usize::MAX,
        }
    }

    /// The question of discovery: `All`, a name, or empty for the session's own target.
    pub fn send_targets(conn: usize, which: &str) -> TextProgram {
        TextProgram::new(conn, [("SendTargets", which)])
    }

    /// All requests for immediate delivery (11.10.3: all or none).
    pub fn immediate(mut self) -> TextProgram {
        self.immediate = true;
        self
    }

    /// At most this many bytes of text in a request, less than the target would take.
    pub fn pdu_max(mut self, bytes: usize) -> TextProgram {
        self.pdu_max = bytes.max(1);
        self
    }

    /// The first request.
    pub fn start(&mut self, session: &mut Session) -> Step<TextOutcome> {
        self.itt = session.take_itt();
        Step::send(vec![self.next(session, NO_TAG, 0, false)])
    }

    /// The next request: some of the text that is left, or nothing when the target has more to say itself.
    fn next(&mut self, session: &Session, ttt: u32, lun: u64, listen: bool) -> Draft {
        self.rounds += 1;
        let limit = self.pdu_max.min(session.connection(self.conn).params.send_max as usize);
        let len = if listen { 0 } else { self.pending.len().min(limit) };
        let piece: Vec<u8> = self.pending.drain(..len).collect();
        let more = !listen && !self.pending.is_empty();
        Draft::new(Kind::TextRequest)
            .with("ITT", u64::from(self.itt))
            .with("TTT", u64::from(ttt))
            .with("LUN", lun)
            .with("I", u64::from(self.immediate))
            .with("C", u64::from(more))
            .with("F", u64::from(!more))
            .with_data(piece)
    }

    /// Takes what came.
    pub fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<TextOutcome> {
        if let Some(reason) = rejected(incoming, Kind::TextRequest, self.itt) {
            return Step::done(TextOutcome::Rejected(reason));
        }
        let Some(pdu) = incoming.answer(Kind::TextResponse, self.itt) else { return Step::wait() };
        let more = pdu.flag("C");
        self.carry.extend_from_slice(&pdu.data);
        if !more {
            let said = core::mem::take(&mut self.carry);
            self.heard.extend(text::pairs(&said).0);
        }
        if pdu.flag("F") {
            return Step::done(TextOutcome::Pairs(core::mem::take(&mut self.heard)));
        }
        if self.rounds >= ROUNDS_MAX {
            return Step::done(TextOutcome::Endless);
        }
        if !more {
            for open in session.connection(self.conn).negotiation.to_answer() {
                text::push(&mut self.pending, &open.key, &answer_to(&open.key, &open.offer));
            }
        }
        let (ttt, lun) = (pdu.word("TTT"), pdu.field("LUN").unwrap_or(0));
        Step::send(vec![self.next(session, ttt, lun, more)])
    }
}

/// A target as SendTargets tells it (appendix C).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoveredTarget {
    /// TargetName.
    pub name: String,
    /// TargetAddress values: `address[:port],portal-group-tag`.
    pub addresses: Vec<String>,
}

/// The targets in the answer to SendTargets: each name is followed by its addresses.
pub fn discovered(pairs: &[(String, String)]) -> Vec<DiscoveredTarget> {
    let mut list: Vec<DiscoveredTarget> = Vec::new();
    for (key, value) in pairs {
        match (key.as_str(), list.last_mut()) {
            ("TargetName", _) => list.push(DiscoveredTarget { name: value.clone(), addresses: Vec::new() }),
            ("TargetAddress", Some(target)) => target.addresses.push(value.clone()),
            _ => {}
        }
    }
    list
}
