//! Which planted errors does nothing notice, and why is that so? Whatever is noticed all the same must be taken out.

/// By the scenarios.
pub const SURVIVORS: &[(&str, &str)] = &[
    (
        "hex-odd-digit",
        "a binary value that a peer can be held to has whole bytes; the tests of wire/binary have the odd ones",
    ),
    (
        "first-burst-default",
        "no scenario yet leaves FirstBurstLength out and sends more than the default allows",
    ),
    (
        "status-without-good",
        "no scenario yet has a SNACK refused while the Data-Ins of its command wait to be read",
    ),
    (
        "held-leak",
        "one command at a time always gets memory, and no scenario yet needs two after many have ended",
    ),
    (
        "fence-lost",
        "no scenario yet has a unit attention in a session of several connections with unread responses",
    ),
    (
        "fua-ignored",
        "no scenario yet has the disk lose what was not flushed in a crash after a WRITE with FUA",
    ),
];

/// Within the default budget of seeds. Only looked at when `mutants --sweep` asks for that budget or more.
pub const BEYOND_SEEDS: &[(&str, &str)] = &[];
