//! Which blocks are bad? READ DEFECT DATA(10), READ DEFECT DATA(12) (SBC-3 5.17, 5.18)
//!
//! Blocks are never reassigned here, so both lists are there and empty, in whatever format.

use super::cdb::Cdb;
use super::next::{Context, Handled, Next};
use alloc::vec::Vec;

/// Last DEFECT LIST FORMAT that has a meaning.
const FORMAT_MAX: u8 = 5;

pub(super) fn short(_: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let asked = checked(cdb, 2)?;
    Ok(Next::data(Vec::from([0, asked, 0, 0]), u32::from(cdb.be16(7))))
}

pub(super) fn long(_: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let asked = checked(cdb, 1)?;
    Ok(Next::data(Vec::from([0, asked, 0, 0, 0, 0, 0, 0]), cdb.be32(6)))
}

/// REQ_PLIST, REQ_GLIST and DEFECT LIST FORMAT, which come back as PLISTV, GLISTV and the format.
fn checked(cdb: Cdb<'_>, at: usize) -> Result<u8, super::outcome::Failure> {
    let asked = cdb.byte(at) & 0x1f;
    if asked & 0x07 > FORMAT_MAX {
        return Err(Cdb::reject(u16::try_from(at).unwrap_or(0), Some(2)));
    }
    Ok(asked)
}
