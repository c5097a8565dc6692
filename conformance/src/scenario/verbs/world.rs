//! Tables of the steps about faults, network, time, target and probes, and of those that hold other steps.

use super::{ID, ON, SAVE, WITHIN, directions, pdus, probes};
use crate::scenario::keys::LATENCY;
use crate::scenario::shape::{Kind, Rest, Shape, key, must};

pub(in crate::scenario) static FAULT: Shape = Shape {
    name: "fault",
    doc: "A fault that is set off by what passes.",
    keys: &[
        ID,
        ON,
        key("dir", Kind::OneOf(directions), "Which way [out]."),
        key("next", Kind::Map(&FAULT_NEXT), "The next PDU that fits sets it off [the next one]."),
        key("byte", Kind::Scalar, "The byte with this offset in the stream sets it off."),
        key("after", Kind::Time, "So much time sets it off."),
        must("do", Kind::OneOrMany(&Kind::Map(&FAULT_DO)), "What to do, in order."),
        key("maybe", Kind::Bool, "It is no error if it never hits [false]."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static FAULT_NEXT: Shape = Shape {
    name: "fault trigger",
    doc: "Which PDU.",
    keys: &[
        key("pdu", Kind::OneOf(pdus), "Its kind [any]."),
        key("skip", Kind::Int, "How many such PDUs pass before [0]."),
    ],
    rest: Rest::Refused,
};

/// One fault verb with its value.
pub(in crate::scenario) static FAULT_DO: Shape = Shape {
    name: "fault verb",
    doc: "One of these. The first ones concern the byte stream, those from `drop` on whole PDUs (a middlebox).",
    keys: &[
        key("split", Kind::Int, "Cut so many bytes after the start; what follows concerns the second part."),
        key("coalesce", Kind::Int, "Keep it until so many more PDUs came, then deliver all at once."),
        key("delay", Kind::Time, "This and what follows comes so much later."),
        key("hold", Kind::Bool, "This and what follows waits for `net: {release: ...}`."),
        key("stall", Kind::Time, "Nothing at all arrives for this long."),
        key("reset", Kind::Bool, "Reset the connection instead."),
        key("half_close", Kind::Bool, "End this direction instead."),
        key("close", Kind::Bool, "End the connection instead."),
        key("corrupt_bit", Kind::Map(&BIT), "Flip one bit."),
        key("drop", Kind::Bool, "The PDU vanishes."),
        key("dup", Kind::Bool, "The PDU comes twice."),
        key("swap", Kind::Bool, "The PDU changes places with the next."),
        key("corrupt_field", Kind::Map(&CORRUPT_FIELD), "A field gets another value."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static BIT: Shape = Shape {
    name: "bit",
    doc: "A bit of a PDU.",
    keys: &[
        must("byte", Kind::Int, "Counted from the start of the PDU."),
        must("bit", Kind::Int, "0 (least significant) to 7."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static CORRUPT_FIELD: Shape = Shape {
    name: "corrupted field",
    doc: "A field of a PDU.",
    keys: &[
        must("field", Kind::Text, "Its name; `data` for the first eight bytes of the data segment."),
        must("value", Kind::Int, "The new value."),
        key("fix_digest", Kind::Bool, "Compute the digests anew [false]."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static NET_STEP: Shape = Shape {
    name: "net step",
    doc: "What happens to the network or to a connection.",
    keys: &[
        ID,
        key("partition", Kind::Ref, "Nothing passes on this connection any more, in either direction."),
        key("heal", Kind::Ref, "It passes again."),
        key("clog", Kind::Ref, "The initiator stops reading this connection."),
        key("unclog", Kind::Ref, "It reads again."),
        key("release", Kind::Ref, "Lets go what a `hold` fault keeps."),
        key("close", Kind::Ref, "The initiator closes the connection."),
        key("half_close", Kind::Ref, "The initiator ends its direction."),
        key("reset", Kind::Ref, "The initiator resets the connection."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static CLOCK: Shape = Shape {
    name: "clock",
    doc: "Time.",
    keys: &[
        ID,
        key("advance", Kind::Time, "So much."),
        key("until", Kind::OneOf(|| vec!["idle"]), "Until nothing is under way."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static TARGET_STEP: Shape = Shape {
    name: "target step",
    doc: "Lifecycle, storage, operator.",
    keys: &[
        ID,
        key("crash", Kind::Bool, "The target loses its memory and its connections."),
        key("restart", Kind::Bool, "It comes back."),
        key("admin", Kind::Map(&ADMIN), "The operator asks for something."),
        key("storage", Kind::Map(&STORAGE_STEP), "The disks change their ways."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static ADMIN: Shape = Shape {
    name: "operator's request",
    doc: "One of these.",
    keys: &[
        key("request_logout", Kind::Ref, "Asynchronous event 1 to the session of this connection."),
        key("drop_connection", Kind::Ref, "Asynchronous event 2, then the connection is dropped."),
        key("drop_session", Kind::Ref, "Asynchronous event 3, then the session is dropped."),
        key("request_negotiation", Kind::Ref, "Asynchronous event 4."),
        key("drain", Kind::Bool, "No new logins; every session is asked to log out."),
        key("resize", Kind::Map(&RESIZE), "A disk has another size now."),
        key("remove_lun", Kind::Int, "This LUN goes."),
        key("add_lun", Kind::Int, "A LUN with this number comes."),
        key(
            "eject",
            Kind::Int,
            "The medium of this LUN is taken out, or asked for where an initiator prevents that.",
        ),
        key("load", Kind::Int, "The medium of this LUN comes back."),
        key("access", Kind::Map(&ACCESS), "A LUN is used in another way through a portal group."),
        key("redirect", Kind::Text, "The target moves to this address for now."),
        key("max_recv", Kind::Int, "The target takes data segments of another length from now on."),
        key("seconds", Kind::Int, "Parameter3, or the time a drain takes [3]."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static ACCESS: Shape = Shape {
    name: "access state",
    doc: "How a LUN can be used through the portals of a group.",
    keys: &[
        key("lun", Kind::Int, "Which [0]."),
        must("group", Kind::Int, "Portal group."),
        must("state", Kind::OneOf(access_states), "The state."),
    ],
    rest: Rest::Refused,
};

fn access_states() -> Vec<&'static str> {
    target_core::config::AccessState::NAMES.iter().map(|(name, _)| *name).collect()
}

pub(in crate::scenario) static RESIZE: Shape = Shape {
    name: "resize",
    doc: "A disk and its new size.",
    keys: &[key("lun", Kind::Int, "Which [0]."), must("blocks", Kind::Count, "How many blocks.")],
    rest: Rest::Refused,
};

pub(in crate::scenario) static STORAGE_STEP: Shape = Shape {
    name: "storage step",
    doc: "What the disk of a LUN does from now on; give one of the keys beside `lun`.",
    keys: &[
        key("lun", Kind::Int, "Which [0]."),
        key("latency", Kind::Either(&[Kind::Map(&LATENCY), Kind::Time]), "Operations take so long."),
        key("fail", Kind::Map(&FAIL), "Operations on some blocks fail."),
        key("stall", Kind::Bool, "Nothing completes."),
        key("resume", Kind::Bool, "What stalled completes; nothing fails any more."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static FAIL: Shape = Shape {
    name: "storage failure",
    doc: "Which operations fail, and how.",
    keys: &[
        key("lba", Kind::Int, "First block [0]."),
        key("blocks", Kind::Count, "How many [1]."),
        key(
            "error",
            Kind::OneOf(|| vec!["medium", "no_space", "write_protected", "not_ready", "hardware"]),
            "How [medium].",
        ),
        key(
            "op",
            Kind::OneOf(|| vec!["any", "read", "write", "flush"]),
            "Which: `any` is reads and writes; flushes fail whatever they cover [any].",
        ),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static EXPECT_PROBE: Shape = Shape {
    name: "probe expectation",
    doc: "One event; members of the arguments are keys.",
    keys: &[
        ID,
        must("probe", Kind::OneOf(probes), "Which probe."),
        key("on", Kind::Ref, "Of which connection [any]."),
        SAVE,
        WITHIN,
    ],
    rest: Rest::ProbeFields,
};

pub(in crate::scenario) static FORBID_PROBE: Shape = Shape {
    name: "probe prohibition",
    doc: "An event that may not have happened.",
    keys: &[
        ID,
        must("probe", Kind::OneOf(probes), "Which probe."),
        key("on", Kind::Ref, "Of which connection [any]."),
    ],
    rest: Rest::ProbeFields,
};

pub(in crate::scenario) static CHECK: Shape = Shape {
    name: "check",
    doc: "A comparison.",
    keys: &[ID, must("value", Kind::Scalar, "What."), must("is", Kind::Match, "What it should be.")],
    rest: Rest::Refused,
};

pub(in crate::scenario) static REPEAT: Shape = Shape {
    name: "repeat",
    doc: "A loop.",
    keys: &[
        ID,
        key("times", Kind::Scalar, "How often."),
        key("each", Kind::List(&Kind::Scalar), "Once for each of these; `$item` is the value."),
        must("steps", Kind::Steps, "What."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static USE: Shape = Shape {
    name: "use",
    doc: "A macro.",
    keys: &[ID, must("file", Kind::Text, "A file of lib/.")],
    rest: Rest::Params,
};
