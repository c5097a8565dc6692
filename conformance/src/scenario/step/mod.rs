//! What can happen in a scenario? One variant a verb, with what the file says and nothing else.

mod world;

pub use world::{AdminVerb, Fault, FaultTrigger, NetVerb, ProbeMatch, Repeat, StorageVerb, TargetVerb};

use super::data::Data;
use super::expr::Expr;
use super::matcher::Matcher;
use super::model::{At, Cdb, SenseMatch};
use initiator_sim::codec::Kind;
use initiator_sim::initiator::Unsolicited;

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Stable name.
    pub id: String,
    /// Where it stands.
    pub at: At,
    /// What it does.
    pub action: Action,
}

/// A time that may be computed.
pub type TimeExpr = Expr;

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `connect`
    Connect(Connect),
    /// `login`
    Login(Box<Login>),
    /// `send`
    Send(Box<Send>),
    /// `expect`
    Expect(Expect),
    /// `expect_none`
    ExpectNone {
        /// Connection.
        on: String,
        /// How long.
        time: TimeExpr,
        /// What may come.
        allow: Vec<Kind>,
    },
    /// `expect_close`, and the PDUs that may come before
    ExpectClose(Expect),
    /// `scsi`
    Scsi(Box<Scsi>),
    /// `tmf`
    Tmf(Box<Tmf>),
    /// `logout`
    Logout(Logout),
    /// `text`
    Text(Text),
    /// `nop`
    Nop(Nop),
    /// `fault`
    Fault(Fault),
    /// `net`: what, and on which connection
    Net(NetVerb, String),
    /// `clock: {advance}`
    Advance(TimeExpr),
    /// `clock: {until: idle}`
    UntilIdle,
    /// `target`
    Target(TargetVerb),
    /// `expect_probe`
    ExpectProbe(ProbeMatch),
    /// `forbid_probe`
    ForbidProbe(ProbeMatch),
    /// `let`
    Let(Vec<(String, Expr)>),
    /// `check`
    Check(Expr, Matcher),
    /// `par`: the branches by name
    Par(Vec<(String, Vec<Step>)>),
    /// `repeat`
    Repeat(Repeat),
    /// `use`: parameters and steps
    Use(Vec<(String, Expr)>, Vec<Step>),
}

/// `connect`
#[derive(Clone, Debug, Default)]
pub struct Connect {
    /// Its name.
    pub name: String,
    /// The initiator's address.
    pub from: Option<std::net::IpAddr>,
    /// The portal.
    pub to: Option<std::net::SocketAddr>,
    /// Whose session it joins.
    pub join: Option<String>,
    /// Connection ID.
    pub cid: Option<Expr>,
    /// The scenario answers the target's pings.
    pub manual_pings: bool,
}

/// `login`
#[derive(Clone, Debug, Default)]
pub struct Login {
    /// How to connect if it is not yet.
    pub connect: Connect,
    /// ISID.
    pub isid: Option<Expr>,
    /// TSIH.
    pub tsih: Option<Expr>,
    /// The first CmdSN.
    pub cmd_sn: Option<Expr>,
    /// InitiatorName.
    pub initiator: Option<Expr>,
    /// TargetName.
    pub target: Option<Expr>,
    /// SessionType=Discovery.
    pub discovery: bool,
    /// CHAP.
    pub auth: Option<LoginAuth>,
    /// Operational keys.
    pub keys: Vec<(String, Expr)>,
    /// Keys of the first request.
    pub security_keys: Vec<(String, Expr)>,
    /// Begin in the operational stage.
    pub skip_security: bool,
    /// Status expected.
    pub status: Option<Matcher>,
    /// Keys expected.
    pub expect_keys: Vec<(String, Matcher)>,
    /// How long.
    pub within: Option<TimeExpr>,
}

/// What the initiator presents.
#[derive(Clone, Debug)]
pub struct LoginAuth {
    /// CHAP_N.
    pub name: Expr,
    /// Secret.
    pub secret: Expr,
    /// By name or number, in order of preference.
    pub algorithms: Vec<Expr>,
    /// What the target is to prove: name and secret.
    pub mutual: Option<(Expr, Expr)>,
    /// The challenge for the target.
    pub challenge: Option<Data>,
    /// The target's own challenge is sent back.
    pub reflect: bool,
    /// Base64 instead of hex.
    pub base64: bool,
    /// Offer None too.
    pub none_too: bool,
}

/// `send`
#[derive(Clone, Debug, Default)]
pub struct Send {
    /// Connection.
    pub on: String,
    /// A name for it.
    pub name: Option<String>,
    /// Which PDU; `None` with raw bytes only.
    pub kind: Option<Kind>,
    /// Fields to override; a value that is data is for fields of bytes.
    pub fields: Vec<(String, Data)>,
    /// Data segment.
    pub data: Option<Data>,
    /// CDB.
    pub cdb: Option<Cdb>,
    /// AHS bytes.
    pub ahs: Option<Data>,
    /// AHS of a bidirectional read.
    pub bidi_read: Option<Expr>,
    /// Whether CmdSN goes on.
    pub advance_sn: Option<bool>,
    /// `right`, `wrong` or `omit`.
    pub header_digest: Option<String>,
    /// `right`, `wrong` or `omit`.
    pub data_digest: Option<String>,
    /// Padding.
    pub padding: Option<Data>,
    /// Canned deviation.
    pub bug: Option<String>,
    /// Bytes instead.
    pub raw: Option<Data>,
    /// First so many bytes only.
    pub cut: Option<Expr>,
}

/// `expect`
#[derive(Clone, Debug)]
pub struct Expect {
    /// What.
    pub want: Want,
    /// How long.
    pub within: Option<TimeExpr>,
    /// PDUs that may come meanwhile.
    pub allow: Vec<Kind>,
}

/// One expectation or a group.
#[derive(Clone, Debug)]
pub enum Want {
    /// One thing.
    One(Box<WantOne>),
    /// In order.
    All(Vec<Want>),
    /// In any order.
    AnyOrder(Vec<Want>),
    /// One of them.
    OneOf(Vec<Want>),
}

/// A PDU or the end of a connection.
#[derive(Clone, Debug)]
pub struct WantOne {
    /// Where it stands.
    pub at: At,
    /// Connection.
    pub on: String,
    /// What.
    pub what: What,
    /// Variables and fields.
    pub save: Vec<(String, String)>,
    /// A name for the PDU.
    pub name: Option<String>,
}

/// What comes.
#[derive(Clone, Debug)]
pub enum What {
    /// A PDU.
    Pdu(Box<PduMatch>),
    /// The end of the connection.
    Close(Ending),
    /// Nothing for so long.
    Nothing(TimeExpr),
}

/// What a PDU has to be.
#[derive(Clone, Debug)]
pub struct PduMatch {
    /// Which.
    pub kind: Kind,
    /// Fields.
    pub fields: Vec<(String, Matcher)>,
    /// Data segment.
    pub data: Option<Matcher>,
    /// Pairs.
    pub keys: Vec<(String, Matcher)>,
    /// Sense data.
    pub sense: Option<SenseMatch>,
    /// The header of this PDU is in the data segment.
    pub header_of: Option<String>,
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In any way.
    Any,
    /// In an orderly way.
    Fin,
    /// By a reset.
    Reset,
}

/// `scsi`
#[derive(Clone, Debug, Default)]
pub struct Scsi {
    /// Connection.
    pub on: String,
    /// A name for the command.
    pub name: Option<String>,
    /// The command.
    pub cdb: Option<Cdb>,
    /// Logical unit.
    pub lun: Option<Expr>,
    /// Data to write.
    pub data: Option<Data>,
    /// Expected length to read.
    pub read: Option<Expr>,
    /// Expected length to write.
    pub write: Option<Expr>,
    /// Task attribute.
    pub attr: Option<Expr>,
    /// Immediate command.
    pub immediate: bool,
    /// How much data goes out unasked.
    pub unsolicited: Option<Unsolicited>,
    /// Data-Out PDUs of at most so many bytes.
    pub data_pdu_max: Option<Expr>,
    /// Fields of the command.
    pub fields: Vec<(String, Expr)>,
    /// Send what R2Ts ask for.
    pub answer_r2t: Option<bool>,
    /// Status expected.
    pub status: Option<Matcher>,
    /// Response expected.
    pub response: Option<Matcher>,
    /// Sense expected.
    pub sense: Option<SenseMatch>,
    /// Data expected.
    pub expect_data: Option<Matcher>,
    /// Residual expected: under, over.
    pub residual: Option<(Option<Matcher>, Option<Matcher>)>,
    /// Number of R2Ts.
    pub r2ts: Option<Matcher>,
    /// Number of Data-Ins.
    pub data_ins: Option<Matcher>,
    /// Variables and fields of the response.
    pub save: Vec<(String, String)>,
    /// How long.
    pub within: Option<TimeExpr>,
}

/// `tmf`
#[derive(Clone, Debug, Default)]
pub struct Tmf {
    /// Connection.
    pub on: String,
    /// A name for the request.
    pub name: Option<String>,
    /// Function.
    pub function: Option<Expr>,
    /// Logical unit.
    pub lun: Option<Expr>,
    /// The command it is about.
    pub task: Option<String>,
    /// Fields of the request.
    pub fields: Vec<(String, Expr)>,
    /// Fields of the response.
    pub expect: Vec<(String, Matcher)>,
    /// How long.
    pub within: Option<TimeExpr>,
}

/// `logout`
#[derive(Clone, Debug, Default)]
pub struct Logout {
    /// Connection.
    pub on: String,
    /// Reason.
    pub reason: Option<Expr>,
    /// Connection ID.
    pub cid: Option<Expr>,
    /// Fields of the request.
    pub fields: Vec<(String, Expr)>,
    /// Fields of the response.
    pub expect: Vec<(String, Matcher)>,
    /// Wait until the target closes.
    pub closes: bool,
    /// How long.
    pub within: Option<TimeExpr>,
}

/// `text`
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// Connection.
    pub on: String,
    /// What to send.
    pub data: Option<Data>,
    /// Pairs expected.
    pub keys: Vec<(String, Matcher)>,
    /// Whole text expected.
    pub text: Option<Matcher>,
    /// How long.
    pub within: Option<TimeExpr>,
}

/// `nop`
#[derive(Clone, Debug, Default)]
pub struct Nop {
    /// Connection.
    pub on: String,
    /// Ping data.
    pub data: Option<Data>,
    /// Immediate.
    pub immediate: bool,
    /// Fields of the answer.
    pub expect: Vec<(String, Matcher)>,
    /// How long.
    pub within: Option<TimeExpr>,
}
