//! Reservations: PERSISTENT RESERVE IN and OUT, RESERVE, RELEASE (SPC-4 6.15, 6.16; SPC-2)

use super::row::{Entry, X, entry, persist_in, persist_out, releases, reserves};
use crate::scsi::{persist, reserve};

#[rustfmt::skip]
pub(super) const ROWS: &[Entry] = &[
    entry(0x16, "RESERVE(6)", &[0x16, 0, 0, 0, 0, 0], 0, reserve::reserve).access(reserves),
    entry(0x17, "RELEASE(6)", &[0x17, 0, 0, 0, 0, 0], 0, reserve::release).access(releases),
    entry(0x56, "RESERVE(10)", &[0x56, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, reserve::reserve).access(reserves),
    entry(0x57, "RELEASE(10)", &[0x57, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, reserve::release).access(releases),
    entry(0x5e, "PERSISTENT RESERVE IN, READ KEYS", &[0x5e, 0x00, 0, 0, 0, 0, 0, X, X, 0], 0, persist::keys).action(0x00).access(persist_in),
    entry(0x5e, "PERSISTENT RESERVE IN, READ RESERVATION", &[0x5e, 0x01, 0, 0, 0, 0, 0, X, X, 0], 0, persist::reservation).action(0x01).access(persist_in),
    entry(0x5e, "PERSISTENT RESERVE IN, REPORT CAPABILITIES", &[0x5e, 0x02, 0, 0, 0, 0, 0, X, X, 0], 0, persist::capabilities).action(0x02).access(persist_in),
    entry(0x5e, "PERSISTENT RESERVE IN, READ FULL STATUS", &[0x5e, 0x03, 0, 0, 0, 0, 0, X, X, 0], 0, persist::full_status).action(0x03).access(persist_in),
    entry(0x5f, "PERSISTENT RESERVE OUT, REGISTER", &[0x5f, 0x00, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x00).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, RESERVE", &[0x5f, 0x01, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x01).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, RELEASE", &[0x5f, 0x02, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x02).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, CLEAR", &[0x5f, 0x03, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x03).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, PREEMPT", &[0x5f, 0x04, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x04).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, PREEMPT AND ABORT", &[0x5f, 0x05, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x05).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY", &[0x5f, 0x06, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x06).access(persist_out),
    entry(0x5f, "PERSISTENT RESERVE OUT, REGISTER AND MOVE", &[0x5f, 0x07, X, 0, 0, X, X, X, X, 0], 0, persist::out).action(0x07).access(persist_out),
];
