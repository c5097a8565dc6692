//! Tables of the steps that send and expect PDUs.

use super::{ALLOW, AS, ID, ON, SAVE, WITHIN, pdus};
use crate::scenario::shape::{Kind, Rest, Shape, key, must};

pub(in crate::scenario) static SEND: Shape = Shape {
    name: "send",
    doc: "One PDU. Every field of the RFC's figure can be named; `Byte0` to `Byte47` reach reserved ones.",
    keys: &[
        ID,
        ON,
        AS,
        key("pdu", Kind::OneOf(pdus), "Which PDU."),
        key("data", Kind::Data, "The data segment."),
        key("keys", Kind::MapOf(&Kind::Scalar), "A data segment of key=value pairs."),
        key(
            "cdb",
            Kind::Cdb,
            "The CDB of a ScsiCommand; sets R, W and EDTL as it needs unless they are named.",
        ),
        key("ahs", Kind::Data, "Additional header segments as bytes."),
        key("bidi_read", Kind::Scalar, "Adds the AHS of a bidirectional read of so many bytes."),
        key("advance_sn", Kind::Bool, "Whether the session's CmdSN goes on [as the RFC says]."),
        key("header_digest", Kind::OneOf(digest_choices), "[right]"),
        key("data_digest", Kind::OneOf(digest_choices), "[right]"),
        key("padding", Kind::Data, "Bytes instead of zeros after the data; their number may be wrong too."),
        key("bug", Kind::OneOf(bugs), "A canned deviation."),
        key("raw", Kind::Data, "These bytes instead of the whole PDU."),
        key("cut", Kind::Scalar, "Send only the first so many bytes; negative numbers are not used."),
    ],
    rest: Rest::SendFields,
};

fn digest_choices() -> Vec<&'static str> {
    vec!["right", "wrong", "omit"]
}

/// Canned deviations.
pub fn bugs() -> Vec<&'static str> {
    vec![
        "bad_header_digest",
        "bad_data_digest",
        "no_padding",
        "nonzero_padding",
        "reserved_bits",
        "unknown_opcode",
        "length_lies",
    ]
}

pub(in crate::scenario) static EXPECT: Shape = Shape {
    name: "expectation",
    doc: "One PDU or the end of the connection; or a group of them. Fields not named are not compared.",
    keys: &[
        ID,
        ON,
        AS,
        key("pdu", Kind::OneOf(pdus), "Which PDU."),
        key("close", Kind::OneOf(endings), "The end of the connection instead of a PDU."),
        key(
            "none",
            Kind::Time,
            "Nothing comes for so long; as an alternative in `one_of`, or a part of `all`.",
        ),
        key("data", Kind::Match, "The data segment."),
        key("keys", Kind::MapOf(&Kind::Match), "Pairs of a text or login response."),
        key("sense", Kind::Map(&SENSE), "Sense data of a ScsiResponse."),
        key("header_of", Kind::Ref, "A Reject carries the header of this PDU."),
        SAVE,
        WITHIN,
        ALLOW,
        key("all", Kind::List(&Kind::Map(&EXPECT)), "These, in order."),
        key("any_order", Kind::List(&Kind::Map(&EXPECT)), "These, in any order."),
        key("one_of", Kind::List(&Kind::Map(&EXPECT)), "One of these."),
    ],
    rest: Rest::ExpectFields,
};

/// How a connection can end.
pub fn endings() -> Vec<&'static str> {
    vec!["any", "fin", "reset"]
}

pub(in crate::scenario) static SENSE: Shape = Shape {
    name: "sense",
    doc: "Sense data, fixed or descriptor format (SPC-4 4.5).",
    keys: &[
        key("key", Kind::Match, "Sense key: a name or a number."),
        key("asc", Kind::Match, "Additional sense code."),
        key("ascq", Kind::Match, "Its qualifier."),
        key("info", Kind::Match, "INFORMATION, if it is valid."),
        key("format", Kind::Match, "`fixed` or `descriptor`."),
    ],
    rest: Rest::Refused,
};

pub(in crate::scenario) static EXPECT_NONE: Shape = Shape {
    name: "expect_none",
    doc: "Nothing comes.",
    keys: &[ID, ON, must("for", Kind::Time, "How long."), ALLOW],
    rest: Rest::Refused,
};

pub(in crate::scenario) static EXPECT_CLOSE: Shape = Shape {
    name: "expect_close",
    doc: "The connection ends.",
    keys: &[ID, ON, key("how", Kind::OneOf(endings), "In which way [any]."), WITHIN, ALLOW],
    rest: Rest::Refused,
};
