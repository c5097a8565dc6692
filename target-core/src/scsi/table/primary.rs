//! Primary commands: what any device has (SPC-4)

use super::row::flag::{FLUSHES, MEDIUM, NO_UNIT, UNDER_ATTENTION, UNDER_UPKEEP};
use super::row::{Entry, X, changes, entry, free, informs, readiness};
use crate::scsi::{
    buffer, diagnostic, identifying, inquiry, log, luns, mode_select, mode_sense, port_groups, priority,
    ready, supported, timestamp,
};

#[rustfmt::skip]
pub(super) const ROWS: &[Entry] = &[
    entry(0x00, "TEST UNIT READY", &[0x00, 0, 0, 0, 0, 0], MEDIUM, ready::test_unit_ready).access(readiness),
    entry(0x03, "REQUEST SENSE", &[0x03, 0x01, 0, 0, X, 0], NO_UNIT | UNDER_ATTENTION | UNDER_UPKEEP, ready::request_sense).access(free),
    entry(0x12, "INQUIRY", &[0x12, 0x01, X, X, X, 0], NO_UNIT | UNDER_ATTENTION | UNDER_UPKEEP, inquiry::inquiry).access(free),
    entry(0x15, "MODE SELECT(6)", &[0x15, 0x11, 0, 0, X, 0], 0, mode_select::mode_select).access(changes),
    entry(0x1a, "MODE SENSE(6)", &[0x1a, 0x08, X, X, X, 0], 0, mode_sense::mode_sense),
    entry(0x1b, "START STOP UNIT", &[0x1b, 0x01, 0, 0x0f, 0xf7, 0], FLUSHES, ready::start_stop).access(ready::stops),
    entry(0x1c, "RECEIVE DIAGNOSTIC RESULTS", &[0x1c, 0x01, X, X, X, 0], 0, diagnostic::receive),
    entry(0x1d, "SEND DIAGNOSTIC", &[0x1d, 0xf7, 0, X, X, 0], FLUSHES, diagnostic::send).access(changes),
    entry(0x1e, "PREVENT ALLOW MEDIUM REMOVAL", &[0x1e, 0, 0, 0, 0x01, 0], 0, ready::prevent_allow)
        .access(ready::prevents),
    entry(0x3b, "WRITE BUFFER, DATA", &[0x3b, 0x02, X, X, X, X, X, X, X, 0], 0, buffer::write_data).action(0x02).access(changes),
    entry(0x3b, "WRITE BUFFER, ECHO", &[0x3b, 0x0a, X, X, X, X, X, X, X, 0], 0, buffer::write_echo).action(0x0a).access(changes),
    entry(0x3c, "READ BUFFER, DATA", &[0x3c, 0x02, X, X, X, X, X, X, X, 0], 0, buffer::read_data).action(0x02),
    entry(0x3c, "READ BUFFER, DESCRIPTOR", &[0x3c, 0x03, X, X, X, X, X, X, X, 0], 0, buffer::describe_data).action(0x03),
    entry(0x3c, "READ BUFFER, ECHO", &[0x3c, 0x0a, X, X, X, X, X, X, X, 0], 0, buffer::read_echo).action(0x0a),
    entry(0x3c, "READ BUFFER, ECHO DESCRIPTOR", &[0x3c, 0x0b, X, X, X, X, X, X, X, 0], 0, buffer::describe_echo).action(0x0b),
    entry(0x4c, "LOG SELECT", &[0x4c, 0x02, 0xc0, 0, 0, 0, 0, X, X, 0], 0, log::select).access(changes),
    entry(0x4d, "LOG SENSE", &[0x4d, 0, X, X, 0, X, X, X, X, 0], 0, log::sense).access(free),
    entry(0x55, "MODE SELECT(10)", &[0x55, 0x11, 0, 0, 0, 0, 0, X, X, 0], 0, mode_select::mode_select).access(changes),
    entry(0x5a, "MODE SENSE(10)", &[0x5a, 0x18, X, X, 0, 0, 0, X, X, 0], 0, mode_sense::mode_sense),
    entry(0xa0, "REPORT LUNS", &[0xa0, 0, X, 0, 0, 0, X, X, X, X, 0, 0], NO_UNIT | UNDER_ATTENTION | UNDER_UPKEEP, luns::report_luns)
        .access(free),
    entry(0xa3, "REPORT IDENTIFYING INFORMATION", &[0xa3, 0x05, 0, 0, 0, 0, X, X, X, X, 0xfe, 0], 0, identifying::report)
        .action(0x05).access(free),
    entry(0xa3, "REPORT TARGET PORT GROUPS", &[0xa3, 0x2a, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, port_groups::report)
        .action(0x0a).access(free),
    entry(0xa3, "REPORT PRIORITY", &[0xa3, 0x0e, 0xc0, 0, 0, 0, X, X, X, X, 0, 0], 0, priority::report).action(0x0e).access(free),
    entry(0xa4, "SET IDENTIFYING INFORMATION", &[0xa4, 0x06, 0, 0, 0, 0, X, X, X, X, 0xfe, 0], 0, identifying::set)
        .action(0x06).access(changes),
    entry(0xa4, "SET TARGET PORT GROUPS", &[0xa4, 0x0a, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, port_groups::set)
        .action(0x0a).access(changes),
    entry(0xa4, "SET PRIORITY", &[0xa4, 0x0e, 0xc0, 0, 0, 0, X, X, X, X, 0, 0], 0, priority::set).action(0x0e).access(changes),
    entry(0xa3, "REPORT SUPPORTED OPERATION CODES", &[0xa3, 0x0c, 0x87, X, X, X, X, X, X, X, 0, 0], 0, supported::report)
        .action(0x0c).access(informs),
    entry(0xa3, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", &[0xa3, 0x0d, 0x80, 0, 0, 0, X, X, X, X, 0, 0], 0, supported::functions)
        .action(0x0d).access(informs),
    entry(0xa3, "REPORT TIMESTAMP", &[0xa3, 0x0f, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, timestamp::report).action(0x0f).access(free),
    entry(0xa4, "SET TIMESTAMP", &[0xa4, 0x0f, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, timestamp::set).action(0x0f).access(changes),
];
