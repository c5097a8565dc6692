//! A target of a few lines for the tests of the programs: it numbers its PDUs right and says what it is told to.

use super::{Composed, Draft, Incoming, Session, Step};
use crate::codec::{Digests, Kind, Pdu, Split, Splitter, encode};

pub(super) struct FakeTarget {
    pub stat_sn: u32,
    pub exp_cmd_sn: u32,
    pub window: u32,
    pub digests: Digests,
    splitter: Splitter,
}

impl FakeTarget {
    pub fn new() -> FakeTarget {
        let splitter = Splitter::new();
        FakeTarget { stat_sn: 1000, exp_cmd_sn: 1, window: 32, digests: Digests::NONE, splitter }
    }

    /// The PDUs in what the initiator sent; counts their CmdSN.
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<Pdu> {
        self.splitter.set_digests(self.digests);
        self.splitter.push(bytes);
        let mut list = Vec::new();
        while let Some(split) = self.splitter.next_split() {
            let Split::Pdu(view) = split else { panic!("the initiator sent a wrong digest") };
            let pdu = view.to_pdu();
            let kind = pdu.kind().expect("an assigned opcode");
            if kind.has_cmd_sn() && kind != Kind::LoginRequest && !pdu.flag("I") {
                assert_eq!(pdu.word("CmdSN"), self.exp_cmd_sn, "{pdu}");
                self.exp_cmd_sn += 1;
            }
            list.push(pdu);
        }
        list
    }

    /// The bytes of a PDU with the numbers stamped.
    pub fn say(&mut self, mut pdu: Pdu) -> Vec<u8> {
        let kind = pdu.kind().expect("an assigned opcode");
        let counts = super::receive::counts_status(kind, &pdu);
        let carries = counts || kind != Kind::DataIn;
        let stat_sn = if carries { self.stat_sn } else { 0 };
        self.stat_sn += u32::from(counts);
        pdu = pdu
            .with("StatSN", stat_sn.into())
            .with("ExpCmdSN", self.exp_cmd_sn.into())
            .with("MaxCmdSN", (self.exp_cmd_sn + self.window - 1).into());
        pdu.fix_lengths();
        encode(&pdu, self.digests)
    }
}

/// A response to a request, with its tag.
pub(super) fn to(request: &Pdu, kind: Kind) -> Pdu {
    Pdu::new(kind).with("ITT", request.itt().into())
}

/// Composes drafts and lets the target hear them.
pub(super) fn deliver(
    session: &mut Session,
    target: &mut FakeTarget,
    conn: usize,
    drafts: &[Draft],
) -> Vec<Pdu> {
    let compose = |draft| session.compose(conn, draft).expect("programs name known fields");
    let sent: Vec<Composed> = drafts.iter().map(compose).collect();
    sent.iter().flat_map(|composed| target.hear(&composed.bytes)).collect()
}

/// What a program did with bytes of the target: everything it wants sent, and its outcome.
pub(super) fn feed<O>(
    session: &mut Session,
    conn: usize,
    bytes: &[u8],
    mut receive: impl FnMut(&mut Session, &Incoming) -> Step<O>,
) -> Step<O> {
    let mut all = Step { send: Vec::new(), done: None };
    for incoming in session.receive(conn, bytes) {
        let step = receive(session, &incoming);
        all.send.extend(step.send);
        all.done = step.done.or(all.done);
    }
    all
}

/// A session logged in with these keys in both directions; panics on findings.
pub(super) fn logged_in(keys: &[(&str, &str)]) -> (Session, FakeTarget, usize) {
    let (mut session, mut target) =
        (Session::new("iqn.2001-04.com.example:i", "iqn.2001-04.com.example:t"), FakeTarget::new());
    let conn = session.open(1);
    let text = crate::codec::text::join(keys.iter().copied());
    let draft =
        Draft::new(Kind::LoginRequest).with("T", 1).with("CSG", 1).with("NSG", 3).with_data(text.clone());
    let request = deliver(&mut session, &mut target, conn, &[draft]).remove(0);
    let response = to(&request, Kind::LoginResponse)
        .with("T", 1)
        .with("CSG", 1)
        .with("NSG", 3)
        .with("TSIH", 1)
        .with("ISID", request.field("ISID").expect("a number"))
        .with_data(text);
    session.receive(conn, &target.say(response));
    assert_eq!(session.take_violations(), []);
    target.digests = session.connection(conn).digests();
    (session, target, conn)
}
