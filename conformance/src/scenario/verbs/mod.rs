//! Which steps are there, and which keys has each? Tables; see [`shape`](super::shape) for what reads them.

mod programs;
mod wire;
mod world;

pub(super) use programs::{CONNECT, LOGIN, LOGOUT, NOP, SCSI, TEXT, TMF};
pub use wire::bugs;
pub(super) use wire::{EXPECT, EXPECT_CLOSE, EXPECT_NONE, SEND};
pub(super) use world::{
    CHECK, CLOCK, EXPECT_PROBE, FAULT, FAULT_DO, FORBID_PROBE, NET_STEP, REPEAT, TARGET_STEP, USE,
};

use super::shape::{Key, Kind, key};
use target_core::probe::Probe;

/// A step: `verb: body`.
#[derive(Debug)]
pub struct Verb {
    /// The one key of the step.
    pub name: &'static str,
    /// What stands behind it.
    pub body: Kind,
    /// What it does.
    pub doc: &'static str,
    /// A step that was tried.
    pub example: &'static str,
}

const fn verb(name: &'static str, body: Kind, doc: &'static str, example: &'static str) -> Verb {
    Verb { name, body, doc, example }
}

/// All steps, in the order of the reference.
pub static VERBS: &[Verb] = &[
    verb(
        "connect",
        Kind::Map(&CONNECT),
        "Opens a connection; `login` does it by itself.",
        "connect: {as: c2}",
    ),
    verb(
        "login",
        Kind::Map(&LOGIN),
        "A whole login. Connects first if the connection is not open.",
        "login: {on: c1, keys: {ImmediateData: No}, expect: {keys: {ImmediateData: No}}}",
    ),
    verb(
        "send",
        Kind::Map(&SEND),
        "Sends one PDU. Fields not named are right.",
        "send: {on: c1, pdu: NopOut, CmdSN: $c1.MaxCmdSN+1, advance_sn: false, as: far}",
    ),
    verb(
        "expect",
        Kind::Either(&[Kind::List(&Kind::Map(&EXPECT)), Kind::Map(&EXPECT)]),
        "Waits for PDUs: one, a list in order, `any_order`, or `one_of` several legal answers.",
        "expect: {on: c1, pdu: R2T, ITT: $w1.ITT, R2TSN: 0, save: {ttt: TTT}}",
    ),
    verb(
        "expect_none",
        Kind::Map(&EXPECT_NONE),
        "Nothing comes for a time.",
        "expect_none: {on: c1, for: 30s, allow: [NopIn]}",
    ),
    verb(
        "expect_close",
        Kind::Map(&EXPECT_CLOSE),
        "The target ends the connection.",
        "expect_close: {on: c1, within: 5s}",
    ),
    verb(
        "scsi",
        Kind::Map(&SCSI),
        "A SCSI command with its data: immediate, unsolicited, and for R2Ts, as negotiated.",
        "scsi: {on: c1, op: write10, lba: 0, blocks: 4, data: \"pat(1,2048)\"}",
    ),
    verb(
        "tmf",
        Kind::Map(&TMF),
        "A task management function and its response.",
        "tmf: {on: c1, function: ABORT_TASK, task: w1, expect: {Response: FUNCTION_COMPLETE}}",
    ),
    verb(
        "logout",
        Kind::Map(&LOGOUT),
        "A logout; then the target closes.",
        "logout: {on: c1, reason: CLOSE_SESSION}",
    ),
    verb(
        "text",
        Kind::Map(&TEXT),
        "A text exchange, continued as long as it takes.",
        "text: {on: c1, keys: {SendTargets: All}, expect: {keys: {TargetName: \"*\"}}}",
    ),
    verb("nop", Kind::Map(&NOP), "A ping and its answer.", "nop: {on: c1, data: hello}"),
    verb(
        "fault",
        Kind::Map(&FAULT),
        "Arms a fault on the way of the bytes. One that never hits fails the scenario. Simulator only.",
        "fault: {on: c1, dir: out, next: {pdu: DataOut}, do: [{split: 20}, {delay: 250ms}]}",
    ),
    verb(
        "net",
        Kind::Map(&NET_STEP),
        "Changes the network, now; give one of the keys.",
        "net: {half_close: c1}",
    ),
    verb("clock", Kind::Map(&CLOCK), "Lets time pass; virtual time costs nothing.", "clock: {advance: 30s}"),
    verb(
        "target",
        Kind::Map(&TARGET_STEP),
        "Does something to the target; give one of the keys. Simulator only.",
        "target: {admin: {request_logout: c1, seconds: 3}}",
    ),
    verb(
        "expect_probe",
        Kind::Map(&EXPECT_PROBE),
        "A probe fired after the last one that a step found. Simulator only.",
        "expect_probe: {probe: scsi-command, on: c1, itt: $w1.ITT, datalen: 0}",
    ),
    verb(
        "forbid_probe",
        Kind::Map(&FORBID_PROBE),
        "No such probe fired so far. Simulator only.",
        "forbid_probe: {probe: data-request}",
    ),
    verb("let", Kind::MapOf(&Kind::Scalar), "Gives values names.", "let: {next: $c1.CmdSN+1}"),
    verb("check", Kind::Map(&CHECK), "Compares a value.", "check: {value: $c1.MaxCmdSN, is: {ge: 10}}"),
    verb(
        "par",
        Kind::Either(&[Kind::MapOf(&Kind::Steps), Kind::List(&Kind::Steps)]),
        "Several lists of steps, interleaved; goes on when all are done.",
        "par: {reader: [{nop: {on: c1}}], writer: [{nop: {on: c2}}]}",
    ),
    verb(
        "repeat",
        Kind::Map(&REPEAT),
        "Steps several times; `$i` counts from 0.",
        "repeat: {times: 3, steps: [{nop: {on: c1}}]}",
    ),
    verb(
        "use",
        Kind::Map(&USE),
        "Inserts the steps of a file of lib/, with values for its parameters.",
        "use: {file: lib/write-read.yaml, lba: 8}",
    ),
];

/// The verbs, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    VERBS.iter().map(|verb| verb.name)
}

/// Names of the sixteen probes.
pub fn probes() -> Vec<&'static str> {
    Probe::ALL.iter().map(|probe| probe.name()).collect()
}

/// Which way bytes go, seen from the initiator.
pub fn directions() -> Vec<&'static str> {
    vec!["out", "in"]
}

fn pdus() -> Vec<&'static str> {
    initiator_sim::codec::Kind::all().map(initiator_sim::codec::Kind::name).collect()
}

fn ops() -> Vec<&'static str> {
    super::cdb::names().chain(["tur"]).collect()
}

const ID: Key = key("id", Kind::Text, "A name of the step that does not change when others go.");
const ON: Key = key("on", Kind::Ref, "The connection [c1].");
const AS: Key = key("as", Kind::Name, "A name for what was sent: `$w1.ITT`.");
const WITHIN: Key = key("within", Kind::Time, "How long to wait [10s].");
const SAVE: Key = key(
    "save",
    Kind::MapOf(&Kind::Text),
    "Variables, each with the field it takes; `keys.CHAP_C` is the value of a text key.",
);
const ALLOW: Key = key("allow", Kind::List(&Kind::OneOf(pdus)), "PDUs that may come meanwhile.");
