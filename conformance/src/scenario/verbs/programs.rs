//! Tables of the steps that run a whole exchange.

use super::wire::SENSE;
use super::{AS, ID, ON, SAVE, WITHIN, ops};
use crate::scenario::keys::CREDENTIAL;
use crate::scenario::shape::{Kind, Rest, Shape, key, must};

pub(in crate::scenario) static CONNECT: Shape = Shape {
    name: "connect",
    doc: "Opens a connection.",
    keys: &[
        ID,
        key("as", Kind::Ref, "Its name [c1]."),
        key("from", Kind::Text, "The initiator's address in the simulator [192.0.2.100]."),
        key("to", Kind::Text, "The portal's address in the simulator [the first portal]."),
        key("join", Kind::Ref, "A connection whose session this one is to join."),
        key("cid", Kind::Scalar, "Connection ID [1, then 2, ... in a session]."),
        key(
            "pings",
            Kind::OneOf(pings),
            "Who answers the target's pings: `auto`, or the scenario (`manual`) [auto].",
        ),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static LOGIN: Shape = Shape {
    name: "login",
    doc: "A whole login.",
    keys: &[
        ID,
        ON,
        key("join", Kind::Ref, "A connection whose session this one is to join."),
        key("cid", Kind::Scalar, "Connection ID."),
        key(
            "pings",
            Kind::OneOf(pings),
            "Who answers the target's pings: `auto`, or the scenario (`manual`) [auto].",
        ),
        key("isid", Kind::Scalar, "ISID as a number [0x800000010000]."),
        key("tsih", Kind::Scalar, "TSIH [0, or that of the session it joins]."),
        key("cmd_sn", Kind::Scalar, "CmdSN that the session begins with [1]."),
        key("initiator", Kind::Scalar, "InitiatorName [iqn.2026-01.example.lab:initiator]."),
        key("target", Kind::Scalar, "TargetName [that of the target]."),
        key("session", Kind::OneOf(session_types), "SessionType [normal]."),
        key("auth", Kind::Map(&LOGIN_AUTH), "CHAP [offers None only]."),
        key(
            "keys",
            Kind::MapOf(&Kind::Scalar),
            "Keys of the operational stage to offer, beside or instead of the usual.",
        ),
        key("security_keys", Kind::MapOf(&Kind::Scalar), "Further keys of the first request."),
        key("skip_security", Kind::Bool, "Begin in the operational stage [false]."),
        key("expect", Kind::Map(&LOGIN_EXPECT), "How it ends [SUCCESS]."),
        WITHIN,
    ],
    rest: Rest::Refused,
};

fn session_types() -> Vec<&'static str> {
    vec!["normal", "discovery"]
}

pub(in crate::scenario) static LOGIN_AUTH: Shape = Shape {
    name: "login authentication",
    doc: "What the initiator presents.",
    keys: &[
        must("name", Kind::Scalar, "CHAP_N."),
        must("secret", Kind::Scalar, "The secret."),
        key(
            "algorithms",
            Kind::List(&Kind::Scalar),
            "CHAP_A in order of preference: md5, sha1, sha256, sha3-256 or numbers [strongest first].",
        ),
        key("mutual", Kind::Map(&CREDENTIAL), "Asks the target to prove this."),
        key(
            "challenge",
            Kind::Data,
            "CHAP_C for the target, also as it was saved from another login [fresh bytes].",
        ),
        key("reflect", Kind::Bool, "Send the target its own challenge back [false]."),
        key("base64", Kind::Bool, "Write binary values as base64 instead of hex [false]."),
        key("none_too", Kind::Bool, "Offer AuthMethod=CHAP,None instead of CHAP [false]."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static LOGIN_EXPECT: Shape = Shape {
    name: "login outcome",
    doc: "How a login ends.",
    keys: &[
        key("status", Kind::Match, "Status class and detail: a name or 0x0201 [SUCCESS]."),
        key("keys", Kind::MapOf(&Kind::Match), "What the target answered or declared."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static SCSI: Shape = Shape {
    name: "scsi",
    doc: "A SCSI command. Operands of the command are keys of the step.",
    keys: &[
        ID,
        ON,
        AS,
        key("op", Kind::OneOf(ops), "The command by name."),
        key("cdb", Kind::Cdb, "The CDB, for a command without a name."),
        key("lun", Kind::Scalar, "Logical unit [0]."),
        key("data", Kind::Data, "Data to write."),
        key("read", Kind::Scalar, "Expected length of the data to read [as the CDB says]."),
        key("write", Kind::Scalar, "Expected length of the data to write [that of `data`]."),
        key("attr", Kind::Scalar, "Task attribute [SIMPLE]."),
        key("immediate", Kind::Bool, "Send it as an immediate command [false]."),
        key("unsolicited", Kind::OneOf(unsolicited), "How much data goes out unasked [negotiated]."),
        key("data_pdu_max", Kind::Scalar, "Data-Out PDUs of at most so many bytes [as negotiated]."),
        key("fields", Kind::MapOf(&Kind::Scalar), "Fields of the ScsiCommand to override."),
        key("answer_r2t", Kind::Bool, "Send the data that R2Ts ask for [true]."),
        key("expect", Kind::Map(&SCSI_EXPECT), "How it ends [GOOD, no residual]."),
        SAVE,
        WITHIN,
    ],
    rest: Rest::Operands,
};

pub(in crate::scenario) static SCSI_EXPECT: Shape = Shape {
    name: "command outcome",
    doc: "How a command ends. Without `residual`: none if the CDB names its blocks, no overflow if it has an allocation length.",
    keys: &[
        key("status", Kind::Match, "SCSI status [GOOD]."),
        key("response", Kind::Match, "iSCSI response [COMPLETED]."),
        key("sense", Kind::Map(&SENSE), "Sense data."),
        key("data", Kind::Match, "The data read."),
        key("residual", Kind::Map(&RESIDUAL), "Underflow or overflow."),
        key("r2ts", Kind::Match, "How many R2Ts came."),
        key("data_ins", Kind::Match, "How many Data-In PDUs came."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static RESIDUAL: Shape = Shape {
    name: "residual",
    doc: "A difference between what was expected and what was there.",
    keys: &[key("under", Kind::Match, "Bytes fewer (U)."), key("over", Kind::Match, "Bytes more (O).")],
    rest: Rest::Refused,
};

pub(in crate::scenario) static TMF: Shape = Shape {
    name: "tmf",
    doc: "A task management function.",
    keys: &[
        ID,
        ON,
        AS,
        must("function", Kind::Scalar, "By name or number."),
        key("lun", Kind::Scalar, "Logical unit [0]."),
        key("task", Kind::Ref, "The command it is about, by its name; sets RefTaskTag and RefCmdSN."),
        key("fields", Kind::MapOf(&Kind::Scalar), "Fields of the TaskRequest to override."),
        key("expect", Kind::MapOf(&Kind::Match), "Fields of the TaskResponse [Response: FUNCTION_COMPLETE]."),
        WITHIN,
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static LOGOUT: Shape = Shape {
    name: "logout",
    doc: "A logout.",
    keys: &[
        ID,
        ON,
        key("reason", Kind::Scalar, "By name or number [CLOSE_SESSION]."),
        key("cid", Kind::Scalar, "The connection it is about [this one]."),
        key("fields", Kind::MapOf(&Kind::Scalar), "Fields of the LogoutRequest to override."),
        key("expect", Kind::MapOf(&Kind::Match), "Fields of the LogoutResponse [Response: CLOSED]."),
        key("closes", Kind::Bool, "Wait until the target closes [true]."),
        WITHIN,
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static TEXT: Shape = Shape {
    name: "text",
    doc: "A text exchange.",
    keys: &[
        ID,
        ON,
        key("keys", Kind::MapOf(&Kind::Scalar), "What to send."),
        key("data", Kind::Data, "What to send, as bytes."),
        key("expect", Kind::Map(&TEXT_EXPECT), "What comes back."),
        WITHIN,
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static TEXT_EXPECT: Shape = Shape {
    name: "text outcome",
    doc: "What a text exchange brings.",
    keys: &[
        key("keys", Kind::MapOf(&Kind::Match), "Pairs that must be there."),
        key("text", Kind::Match, "The whole text, `;` for the zero bytes."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static NOP: Shape = Shape {
    name: "nop",
    doc: "A ping.",
    keys: &[
        ID,
        ON,
        key("data", Kind::Data, "Ping data [none]; the answer brings it back as far as it fits."),
        key("immediate", Kind::Bool, "Send it as an immediate PDU [false]."),
        key("expect", Kind::MapOf(&Kind::Match), "Fields of the NopIn."),
        WITHIN,
    ],
    rest: Rest::Refused,
};

fn unsolicited() -> Vec<&'static str> {
    vec!["negotiated", "immediate", "none"]
}

fn pings() -> Vec<&'static str> {
    vec!["auto", "manual"]
}
