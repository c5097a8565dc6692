//! Block commands: reading, writing and what becomes of blocks (SBC-3, SBC-4)

use super::row::flag::{ATOMIC, MEDIUM, THIN, UNDER_UPKEEP, WRITES};
use super::row::{
    ANCHOR_UNMAP, ANCHOR_UNMAP_NDOB, DPO_BYTCHK, DPO_COMPARE, DPO_FUA, DPO_FUA_DISABLE, Entry, GROUP, IMMED,
    UPKEEP_SECS, X, changes, entry, free,
};
use crate::scsi::{
    atomic, cache, capacity, defects, format, prefetch, provisioning, read, same, sanitize, verify, write,
};

#[rustfmt::skip]
pub(super) const ROWS: &[Entry] = &[
    entry(0x04, "FORMAT UNIT", &[0x04, 0x3f, 0, 0, 0, 0], WRITES | ATOMIC, format::format).timed(UPKEEP_SECS),
    entry(0x08, "READ(6)", &[0x08, 0x1f, X, X, X, 0], MEDIUM, read::read),
    entry(0x0a, "WRITE(6)", &[0x0a, 0x1f, X, X, X, 0], MEDIUM | WRITES, write::write),
    entry(0x25, "READ CAPACITY(10)", &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, capacity::short).access(free),
    entry(0x28, "READ(10)", &[0x28, DPO_FUA, X, X, X, X, 0, X, X, 0], MEDIUM, read::read),
    entry(0x2a, "WRITE(10)", &[0x2a, DPO_FUA, X, X, X, X, 0, X, X, 0], MEDIUM | WRITES, write::write),
    entry(0x2e, "WRITE AND VERIFY(10)", &[0x2e, DPO_COMPARE, X, X, X, X, 0, X, X, 0], MEDIUM | WRITES, write::write_and_verify),
    entry(0x2f, "VERIFY(10)", &[0x2f, DPO_BYTCHK, X, X, X, X, 0, X, X, 0], MEDIUM, verify::verify),
    entry(0x34, "PRE-FETCH(10)", &[0x34, IMMED, X, X, X, X, GROUP, X, X, 0], MEDIUM, prefetch::prefetch),
    entry(0x35, "SYNCHRONIZE CACHE(10)", &[0x35, IMMED, X, X, X, X, 0, X, X, 0], MEDIUM, cache::synchronize).access(changes),
    entry(0x37, "READ DEFECT DATA(10)", &[0x37, 0, 0x1f, 0, 0, 0, 0, X, X, 0], 0, defects::short),
    entry(0x41, "WRITE SAME(10)", &[0x41, ANCHOR_UNMAP, X, X, X, X, 0, X, X, 0], MEDIUM | WRITES, same::write_same),
    entry(0x42, "UNMAP", &[0x42, 0x01, 0, 0, 0, 0, 0, X, X, 0], MEDIUM | WRITES | THIN, provisioning::unmap),
    entry(0x48, "SANITIZE, OVERWRITE", &[0x48, 0xa1, 0, 0, 0, 0, 0, X, X, 0], WRITES | ATOMIC | UNDER_UPKEEP, sanitize::overwrite).action(0x01).timed(UPKEEP_SECS),
    entry(0x48, "SANITIZE, BLOCK ERASE", &[0x48, 0xa2, 0, 0, 0, 0, 0, X, X, 0], WRITES | ATOMIC | UNDER_UPKEEP, sanitize::erase).action(0x02).timed(UPKEEP_SECS),
    entry(0x48, "SANITIZE, CRYPTOGRAPHIC ERASE", &[0x48, 0xa3, 0, 0, 0, 0, 0, X, X, 0], WRITES | ATOMIC | UNDER_UPKEEP, sanitize::erase).action(0x03).timed(UPKEEP_SECS),
    entry(0x48, "SANITIZE, EXIT FAILURE MODE", &[0x48, 0x1f, 0, 0, 0, 0, 0, X, X, 0], WRITES | UNDER_UPKEEP, sanitize::exit_failure_mode).action(0x1f),
    entry(0x53, "XDWRITEREAD(10)", &[0x53, DPO_FUA_DISABLE, X, X, X, X, 0, X, X, 0], MEDIUM | WRITES | ATOMIC, atomic::exchange),
    entry(0x88, "READ(16)", &[0x88, DPO_FUA, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, read::read),
    entry(0x89, "COMPARE AND WRITE", &[0x89, DPO_FUA, X, X, X, X, X, X, X, X, 0, 0, 0, X, 0, 0], MEDIUM | WRITES | ATOMIC,
        atomic::compare_and_write),
    entry(0x8a, "WRITE(16)", &[0x8a, DPO_FUA, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, write::write),
    entry(0x8b, "ORWRITE(16)", &[0x8b, DPO_FUA, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES | ATOMIC, atomic::or_write),
    entry(0x8e, "WRITE AND VERIFY(16)", &[0x8e, DPO_COMPARE, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES,
        write::write_and_verify),
    entry(0x8f, "VERIFY(16)", &[0x8f, DPO_BYTCHK, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, verify::verify),
    entry(0x90, "PRE-FETCH(16)", &[0x90, IMMED, X, X, X, X, X, X, X, X, X, X, X, X, GROUP, 0], MEDIUM, prefetch::prefetch),
    entry(0x91, "SYNCHRONIZE CACHE(16)", &[0x91, IMMED, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, cache::synchronize).access(changes),
    entry(0x93, "WRITE SAME(16)", &[0x93, ANCHOR_UNMAP_NDOB, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, same::write_same),
    entry(0x9c, "WRITE ATOMIC(16)", &[0x9c, DPO_FUA, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, write::write_atomic),
    entry(0x9e, "READ CAPACITY(16)", &[0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, capacity::long)
        .action(0x10).access(free),
    entry(0x9e, "GET LBA STATUS", &[0x9e, 0x12, X, X, X, X, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | THIN, provisioning::status)
        .action(0x12),
    entry(0xa8, "READ(12)", &[0xa8, DPO_FUA, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, read::read),
    entry(0xaa, "WRITE(12)", &[0xaa, DPO_FUA, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, write::write),
    entry(0xae, "WRITE AND VERIFY(12)", &[0xae, DPO_COMPARE, X, X, X, X, X, X, X, X, 0, 0], MEDIUM | WRITES, write::write_and_verify),
    entry(0xaf, "VERIFY(12)", &[0xaf, DPO_BYTCHK, X, X, X, X, X, X, X, X, 0, 0], MEDIUM, verify::verify),
    entry(0xb7, "READ DEFECT DATA(12)", &[0xb7, 0x1f, 0, 0, 0, 0, X, X, X, X, 0, 0], 0, defects::long),
];
