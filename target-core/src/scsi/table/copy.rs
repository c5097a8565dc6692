//! Third-party copy commands (SPC-4, SBC-3)

use super::row::flag::{FLUSHES, MEDIUM, WRITES};
use super::row::{Entry, GROUP, X, changes, entry};
use crate::scsi::copy;

#[rustfmt::skip]
pub(super) const ROWS: &[Entry] = &[
    entry(0x83, "EXTENDED COPY(LID1)", &[0x83, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], FLUSHES, copy::extended_lid1)
        .action(0x00).access(changes),
    entry(0x83, "EXTENDED COPY(LID4)", &[0x83, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], FLUSHES, copy::extended_lid4)
        .action(0x01).access(changes),
    entry(0x83, "POPULATE TOKEN", &[0x83, 0x10, 0, 0, 0, 0, X, X, X, X, X, X, X, X, GROUP, 0], MEDIUM, copy::populate)
        .action(0x10),
    entry(0x83, "WRITE USING TOKEN", &[0x83, 0x11, 0, 0, 0, 0, X, X, X, X, X, X, X, X, GROUP, 0], MEDIUM | WRITES, copy::use_token)
        .action(0x11),
    entry(0x84, "RECEIVE COPY STATUS(LID1)", &[0x84, 0x00, X, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, copy::status_lid1)
        .action(0x00).access(changes),
    entry(0x84, "RECEIVE COPY DATA(LID1)", &[0x84, 0x01, X, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, copy::data_lid1)
        .action(0x01).access(changes),
    entry(0x84, "RECEIVE COPY OPERATING PARAMETERS", &[0x84, 0x03, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, copy::operating_parameters)
        .action(0x03).access(changes),
    entry(0x84, "RECEIVE COPY FAILURE DETAILS(LID1)", &[0x84, 0x04, X, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, copy::details_lid1)
        .action(0x04).access(changes),
    entry(0x84, "RECEIVE COPY STATUS(LID4)", &[0x84, 0x05, X, X, X, X, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, copy::status_lid4)
        .action(0x05).access(changes),
    entry(0x84, "RECEIVE ROD TOKEN INFORMATION", &[0x84, 0x07, X, X, X, X, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, copy::token_information)
        .action(0x07).access(changes),
];
