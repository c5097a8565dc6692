//! Which keys has a scenario file outside its steps? Tables; see [`shape`](super::shape) for what reads them.

use super::shape::{Kind, Rest, Shape, key, must};

/// A whole scenario.
pub static SCENARIO: Shape = Shape {
    name: "scenario",
    doc: "A file `scenarios/TOPIC/NAME.scn.yaml`.",
    keys: &[
        must("title", Kind::Text, "What is checked, in one sentence."),
        key("about", Kind::Text, "Why it matters, or how it works; for readers."),
        key("req", Kind::List(&Kind::Text), "Clauses that it checks: `rfc7143/11.7.5-2`."),
        key("level", Kind::OneOf(levels), "How binding they are [must]."),
        key("tags", Kind::List(&Kind::Text), "Words to select by."),
        key(
            "needs",
            Kind::List(&Kind::OneOf(needs)),
            "What the implementation has to have; what it lacks is a skip, with the reason.",
        ),
        key(
            "extends",
            Kind::Text,
            "A file of `scenarios/lib/` whose target, net, vars and steps come first.",
        ),
        key("seed", Kind::Int, "Seed of the simulated world [0]."),
        key("target", Kind::Map(&TARGET), "What the simulated target is; on TCP the target is as it is."),
        key("net", Kind::Map(&NET), "The simulated network."),
        key("vars", Kind::MapOf(&Kind::Scalar), "Names for values, used as $name."),
        key(
            "matrix",
            Kind::Map(&MATRIX),
            "Variables that take each of several values: one case for each combination.",
        ),
        must("steps", Kind::Steps, "What happens."),
        key(
            "faults",
            Kind::List(&Kind::Map(&PLANNED_FAULT)),
            "Faults attached to steps by id; normally written by tools.",
        ),
        key("xfail", Kind::Map(&XFAIL), "The scenario is known to fail; passing is then an error (exit 3)."),
        key("origin", Kind::MapOf(&Kind::Any), "Where a written file comes from; by tools, for people."),
        key(
            "tolerate",
            Kind::List(&Kind::Text),
            "Rules of findings that the scenario provokes, as failure reports name them.",
        ),
        key("golden", Kind::Map(&GOLDEN), "What the golden trace shows."),
        key("limits", Kind::Map(&RUN_LIMITS), "Bounds of the run."),
    ],
    rest: Rest::Refused,
};

/// A file of scenarios/lib/.
pub static LIBRARY: Shape = Shape {
    name: "library file",
    doc: "A file `scenarios/lib/NAME.yaml`: a beginning to be extended, or a macro to be used.",
    keys: &[
        must("about", Kind::Text, "What it does."),
        key(
            "params",
            Kind::MapOf(&Kind::Scalar),
            "Parameters of a macro with their defaults; `required` has none.",
        ),
        key("needs", Kind::List(&Kind::OneOf(needs)), "As in a scenario."),
        key("target", Kind::Map(&TARGET), "As in a scenario."),
        key("net", Kind::Map(&NET), "As in a scenario."),
        key("vars", Kind::MapOf(&Kind::Scalar), "As in a scenario."),
        must("steps", Kind::Steps, "Steps that come before those of the scenario, or that `use` inserts."),
    ],
    rest: Rest::Refused,
};

fn levels() -> Vec<&'static str> {
    vec!["must", "should", "may", "robust"]
}

/// What a scenario can need.
pub fn needs() -> Vec<&'static str> {
    vec![
        "simulator",
        "lab_disk",
        "chap",
        "chap_mutual",
        "chap_one_way",
        "discovery",
        "digests",
        "mcs",
        "erl1",
        "erl2",
        "two_luns",
        "two_targets",
        "read_only_lun",
        "initial_r2t_no",
        "immediate_data",
        "response_fence",
        "fast_abort",
        "rfc7144",
        "write",
    ]
}

static TARGET: Shape = Shape {
    name: "target",
    doc: "The simulated target. Without it: one target with one LUN of 1 MiB in 512-byte blocks, no CHAP.",
    keys: &[
        key("name", Kind::Scalar, "iSCSI name [iqn.2026-01.example.lab:disk]."),
        key("alias", Kind::Scalar, "TargetAlias [none]."),
        key("luns", Kind::List(&Kind::Map(&LUN)), "Logical units [one]."),
        key("auth", Kind::Map(&AUTH), "Who may log in [everybody]."),
        key("initiators", Kind::List(&Kind::Scalar), "Names that may log in [all]."),
        key("redirect", Kind::Map(&REDIRECT), "Send every login elsewhere."),
        key("groups", Kind::List(&Kind::Int), "Portal groups it is reached through [all]."),
        key("refuse_resets", Kind::Bool, "Refuse target resets [false]."),
        key("more", Kind::List(&Kind::Map(&MORE_TARGET)), "Further targets of the same node."),
        key("discovery_auth", Kind::Map(&AUTH), "Who may open a discovery session [everybody]."),
        key("portals", Kind::List(&Kind::Map(&PORTAL)), "Where it listens [192.0.2.1:3260, group 1]."),
        key(
            "params",
            Kind::MapOf(&Kind::Scalar),
            "What it offers in negotiation at most, by the key's name; see below.",
        ),
        key("limits", Kind::MapOf(&Kind::Count), "Bounds by the names of target-core's Limits."),
        key("timers", Kind::MapOf(&Kind::Time), "Times by the names of target-core's Timers."),
        key("storage", Kind::Map(&STORAGE), "How the simulated disks behave."),
    ],
    rest: Rest::Refused,
};

static MORE_TARGET: Shape = Shape {
    name: "further target",
    doc: "A further target.",
    keys: &[
        must("name", Kind::Scalar, "iSCSI name."),
        key("alias", Kind::Scalar, "TargetAlias."),
        key("luns", Kind::List(&Kind::Map(&LUN)), "Logical units."),
        key("auth", Kind::Map(&AUTH), "Who may log in."),
        key("initiators", Kind::List(&Kind::Scalar), "Names that may log in."),
        key("redirect", Kind::Map(&REDIRECT), "Send every login elsewhere."),
        key("groups", Kind::List(&Kind::Int), "Portal groups it is reached through."),
        key("refuse_resets", Kind::Bool, "Refuse target resets."),
    ],
    rest: Rest::Refused,
};

static LUN: Shape = Shape {
    name: "logical unit",
    doc: "A disk.",
    keys: &[
        key("lun", Kind::Int, "Its number [the place in the list]."),
        key("blocks", Kind::Count, "Number of blocks [2048]."),
        key("block_size", Kind::OneOf(block_sizes), "Bytes of a block [512]."),
        key("read_only", Kind::Bool, "Refuse writes [false]."),
        key("write_cache", Kind::Bool, "WCE at start [true]."),
        key("transition", Kind::Int, "Seconds that a change of an access state takes [0]."),
        key("queue_depth", Kind::Int, "Commands of all sessions that it takes at once [no limit]."),
        key("thin", Kind::Bool, "Blocks can be unmapped and anchored [true]."),
        key(
            "keeps",
            Kind::Bool,
            "The disk keeps records over a crash of the target, so that APTPL is possible [false].",
        ),
        key("removable", Kind::Bool, "The medium can be taken out [false]."),
        key("physical_exponent", Kind::Int, "Logical blocks of a physical block, as a power of two [0]."),
        key(
            "atomic_blocks",
            Kind::Int,
            "Blocks that WRITE ATOMIC may write; more than one can be torn by a crash [1].",
        ),
        key("atomic_alignment", Kind::Int, "Of its first block [1]."),
        key("atomic_granularity", Kind::Int, "Of their number [1]."),
        key("vendor", Kind::Text, "T10 vendor, up to 8 characters."),
        key("product", Kind::Text, "Product, up to 16 characters."),
        key("revision", Kind::Text, "Revision, up to 4 characters."),
        key("serial", Kind::Text, "Serial number, up to 36 characters."),
    ],
    rest: Rest::Refused,
};

fn block_sizes() -> Vec<&'static str> {
    vec!["512", "4096"]
}

static AUTH: Shape = Shape {
    name: "authentication",
    doc: "CHAP secrets. Without `users` no proof is asked.",
    keys: &[
        key("users", Kind::MapOf(&Kind::Scalar), "CHAP names and secrets that initiators may present."),
        key(
            "initiators",
            Kind::MapOf(&Kind::Scalar),
            "Of users by name: the one initiator that may present the secret [any].",
        ),
        key("mutual", Kind::Map(&CREDENTIAL), "What the target presents when asked."),
        key(
            "algorithms",
            Kind::List(&Kind::OneOf(algorithms)),
            "Accepted algorithms in order of preference [all, strongest first].",
        ),
    ],
    rest: Rest::Refused,
};

/// CHAP algorithms by name; RFC 7143 12.1.3 and the IANA registry number them.
pub fn algorithms() -> Vec<&'static str> {
    vec!["md5", "sha1", "sha256", "sha3-256"]
}

/// A CHAP name and secret.
pub static CREDENTIAL: Shape = Shape {
    name: "credential",
    doc: "A CHAP name and its secret.",
    keys: &[must("name", Kind::Scalar, "CHAP_N."), must("secret", Kind::Scalar, "The secret.")],
    rest: Rest::Refused,
};

static REDIRECT: Shape = Shape {
    name: "redirect",
    doc: "Target moved.",
    keys: &[
        must("address", Kind::Scalar, "TargetAddress: `host[:port][,tag]`."),
        key("permanent", Kind::Bool, "Status 0102 instead of 0101 [false]."),
    ],
    rest: Rest::Refused,
};

static PORTAL: Shape = Shape {
    name: "portal",
    doc: "An address of the target.",
    keys: &[
        must("address", Kind::Text, "IP address and port: `192.0.2.1:3260`, `[2001:db8::1]:3260`."),
        key("group", Kind::Int, "Target Portal Group Tag [1]."),
    ],
    rest: Rest::Refused,
};

static STORAGE: Shape = Shape {
    name: "storage",
    doc: "The simulated disks.",
    keys: &[key(
        "latency",
        Kind::Either(&[Kind::Map(&LATENCY), Kind::Time]),
        "Time an operation takes [0: answers at once].",
    )],
    rest: Rest::Refused,
};

/// A distribution of times.
pub static LATENCY: Shape = Shape {
    name: "latency",
    doc: "A distribution; give one of the keys.",
    keys: &[
        key("fixed", Kind::Time, "Always the same."),
        key("uniform", Kind::List(&Kind::Time), "Evenly between two times."),
        key("exp", Kind::List(&Kind::Time), "A least time and the mean of an exponential tail."),
        key(
            "bimodal",
            Kind::List(&Kind::Scalar),
            "The usual time, the slow time, and how often slow (0.05).",
        ),
        key("per_pair", Kind::List(&Kind::Time), "Drawn once for each connection, evenly between two times."),
    ],
    rest: Rest::Refused,
};

static NET: Shape = Shape {
    name: "net",
    doc: "The simulated network, the same in both directions.",
    keys: &[
        key(
            "latency",
            Kind::Either(&[Kind::Map(&LATENCY), Kind::Time]),
            "Time from sending to arriving [50us].",
        ),
        key("mss", Kind::Int, "Bytes of a segment: everything arrives in pieces of at most so many [whole]."),
        key("coalesce", Kind::Time, "What is sent within this time arrives together [0]."),
        key("buffer", Kind::Size, "Bytes that may be under way or unread [256KiB]."),
        key("loss", Kind::Scalar, "Share of lost segments, 0 to 1; a loss is a delay [0]."),
    ],
    rest: Rest::Refused,
};

static MATRIX: Shape = Shape {
    name: "matrix",
    doc: "Variables and the values they take.",
    keys: &[key(
        "strength",
        Kind::OneOf(strengths),
        "`all` combinations, or few in which any 1, 2 or 3 values meet [all]. `run --matrix` raises it.",
    )],
    rest: Rest::Axes,
};

fn strengths() -> Vec<&'static str> {
    vec!["all", "1", "2", "3"]
}

static XFAIL: Shape = Shape {
    name: "xfail",
    doc: "A known failure.",
    keys: &[
        must("reason", Kind::Text, "Why, with the clause or the thread."),
        key("signature", Kind::Text, "The failure that is expected; another one is a failure."),
    ],
    rest: Rest::Refused,
};

static GOLDEN: Shape = Shape {
    name: "golden",
    doc: "What snapshots/TOPIC/NAME.snap shows.",
    keys: &[
        key(
            "probes",
            Kind::Either(&[Kind::OneOf(probe_modes), Kind::List(&Kind::OneOf(super::verbs::probes))]),
            "Probe events: all, none, or those named [full].",
        ),
        key("wire", Kind::OneOf(wire_modes), "PDUs: one line each, with all bytes, or none [digest]."),
    ],
    rest: Rest::Refused,
};

fn probe_modes() -> Vec<&'static str> {
    vec!["full", "off"]
}

fn wire_modes() -> Vec<&'static str> {
    vec!["digest", "full", "off"]
}

static RUN_LIMITS: Shape = Shape {
    name: "limits",
    doc: "Where a run is given up (exit 5).",
    keys: &[
        key("virtual", Kind::Time, "Virtual time [1h]."),
        key("events", Kind::Count, "Events of the simulated world [1M]."),
    ],
    rest: Rest::Refused,
};

static PLANNED_FAULT: Shape = Shape {
    name: "planned fault",
    doc: "A fault at the PDUs of one step.",
    keys: &[
        must("at", Kind::Map(&FAULT_AT), "Where."),
        must("do", Kind::OneOrMany(&Kind::Any), "What, as in the step `fault`."),
        key("maybe", Kind::Bool, "It is no error if it never hits [false]."),
    ],
    rest: Rest::Refused,
};

static FAULT_AT: Shape = Shape {
    name: "place of a fault",
    doc: "A step and one of its PDUs.",
    keys: &[
        must("step", Kind::Text, "Id of the step."),
        key("pdu", Kind::Int, "Which of its PDUs, from 0 [0]."),
        key("dir", Kind::OneOf(super::verbs::directions), "Which way [out]."),
        key("on", Kind::Ref, "Which connection [c1]."),
    ],
    rest: Rest::Refused,
};
