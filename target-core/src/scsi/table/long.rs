//! Block commands of 32 bytes (SBC-3 5.11 to 5.43). The tags for protection information are refused: there is none.

use super::row::flag::{ATOMIC, MEDIUM, WRITES};
use super::row::{ANCHOR_UNMAP_NDOB, DPO_BYTCHK, DPO_COMPARE, DPO_FUA, DPO_FUA_DISABLE, Entry, X, entry};
use crate::scsi::{atomic, read, same, verify, write};

#[rustfmt::skip]
pub(super) const ROWS: &[Entry] = &[
    entry(0x7f, "XDWRITEREAD(32)", &[0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0x07, DPO_FUA_DISABLE, 0, X, X, X, X, X, X, X, X, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X],
        MEDIUM | WRITES | ATOMIC, atomic::exchange).action(0x07),
    entry(0x7f, "READ(32)", &[0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0x09, DPO_FUA, 0, X, X, X, X, X, X, X, X, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X],
        MEDIUM, read::read).action(0x09),
    entry(0x7f, "VERIFY(32)", &[0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0x0a, DPO_BYTCHK, 0, X, X, X, X, X, X, X, X, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X],
        MEDIUM, verify::verify).action(0x0a),
    entry(0x7f, "WRITE(32)", &[0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0x0b, DPO_FUA, 0, X, X, X, X, X, X, X, X, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X],
        MEDIUM | WRITES, write::write).action(0x0b),
    entry(0x7f, "WRITE AND VERIFY(32)", &[0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0x0c, DPO_COMPARE, 0, X, X, X, X, X, X, X, X, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X],
        MEDIUM | WRITES, write::write_and_verify).action(0x0c),
    entry(0x7f, "WRITE SAME(32)", &[0x7f, 0, 0, 0, 0, 0, 0, 0x18, 0, 0x0d, ANCHOR_UNMAP_NDOB, 0, X, X, X, X, X, X, X, X, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X],
        MEDIUM | WRITES, same::write_same).action(0x0d),
];
