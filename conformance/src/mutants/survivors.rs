//! Which planted errors does nothing notice, and why is that so? Whatever is noticed all the same must be taken out.

/// By the scenarios.
pub const SURVIVORS: &[(&str, &str)] = &[
    (
        "hex-odd-digit",
        "a binary value that a peer can be held to has whole bytes; the tests of wire/binary have the odd ones",
    ),
    (
        "status-without-good",
        "no scenario yet has a SNACK refused while the Data-Ins of its command wait to be read",
    ),
    (
        "fua-ignored",
        "the disks of scenarios keep all they cached over a crash; only drawn runs lose some of it",
    ),
];

/// Within the default budget of seeds. Only looked at when `mutants --sweep` asks for that budget or more.
pub const BEYOND_SEEDS: &[(&str, &str)] = &[];
