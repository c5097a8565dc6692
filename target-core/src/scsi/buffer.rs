//! Memory that is no medium: READ BUFFER(10), WRITE BUFFER(10) (SPC-4 6.18, 6.49)
//!
//! One data buffer to a logical unit, one echo buffer to each nexus of it (EBOS), so that nobody overwrites another's echo.
//! Both are made when they are first written and go with a reset.

use super::cdb::Cdb;
use super::next::{Context, Handled, Next, WithData};
use super::outcome::Failure;
use super::sense::code;
use crate::io::SgList;
use alloc::vec::Vec;

/// Length of the data buffer.
const DATA_BYTES: u32 = 1 << 16;
/// Longest echo.
const ECHO_BYTES: u32 = 4096;
/// EBOS of the echo buffer descriptor.
const EBOS: u8 = 0x01;

/// A WRITE BUFFER that waits for its data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Job {
    /// For the data buffer, from that offset.
    Data { offset: usize },
    /// For the nexus's echo buffer.
    Echo,
}

/// BUFFER OFFSET or a length: three bytes.
fn be24(cdb: Cdb<'_>, at: usize) -> u32 {
    cdb.be32(at) >> 8
}

/// BUFFER ID and BUFFER OFFSET of the one data buffer there is.
fn place(cdb: Cdb<'_>) -> Result<u32, Failure> {
    if cdb.byte(2) != 0 {
        return Err(Cdb::reject(2, None));
    }
    let offset = be24(cdb, 3);
    if offset > DATA_BYTES { Err(Cdb::reject(3, None)) } else { Ok(offset) }
}

pub(super) fn write_data(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (offset, len) = (place(cdb)?, be24(cdb, 6));
    if len > DATA_BYTES.saturating_sub(offset) {
        return Err(Cdb::reject(6, None));
    }
    context.unit()?;
    let offset = usize::try_from(offset).unwrap_or(0);
    Ok(wanting(len, Job::Data { offset }))
}

pub(super) fn write_echo(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let len = be24(cdb, 6);
    if len > ECHO_BYTES {
        return Err(Cdb::reject(6, None));
    }
    context.unit()?;
    Ok(wanting(len, Job::Echo))
}

fn wanting(len: u32, job: Job) -> Next {
    if len == 0 { Next::GOOD } else { Next::DataOut { len, then: WithData::Buffer(job) } }
}

pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: &SgList) -> Handled {
    let nexus = context.nexus;
    let unit = context.unit()?;
    match job {
        Job::Data { offset } => {
            let whole = usize::try_from(DATA_BYTES).unwrap_or(0);
            if unit.buffer.len() < whole {
                unit.buffer.resize(whole, 0);
            }
            let room = unit.buffer.iter_mut().skip(offset);
            for (to, from) in room.zip(data.pieces().flatten()) {
                *to = *from;
            }
        }
        Job::Echo => {
            if let Some(side) = unit.side(nexus) {
                side.echo = Some(data.to_bytes().to_vec());
            }
        }
    }
    Ok(Next::GOOD)
}

/// What was never written is zero.
pub(super) fn read_data(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let offset = place(cdb)?;
    let take = be24(cdb, 6).min(DATA_BYTES.saturating_sub(offset));
    let (offset, take) = (usize::try_from(offset).unwrap_or(0), usize::try_from(take).unwrap_or(0));
    let buffer = &context.unit()?.buffer;
    let mut data: Vec<u8> = buffer.iter().skip(offset).take(take).copied().collect();
    data.resize(take, 0);
    Ok(Next::Done(data.into()))
}

/// Capacity and OFFSET BOUNDARY (any byte); of a buffer that is not there, nothing.
pub(super) fn describe_data(_: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let capacity = if cdb.byte(2) == 0 { DATA_BYTES } else { 0 };
    Ok(Next::data(Vec::from(capacity.to_be_bytes()), be24(cdb, 6)))
}

/// Nothing was echoed by this nexus before: there is nothing to read.
pub(super) fn read_echo(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let nexus = context.nexus;
    let echo = context.unit()?.side(nexus).and_then(|side| side.echo.clone());
    Ok(Next::data(echo.ok_or(code::COMMAND_SEQUENCE)?, be24(cdb, 6)))
}

pub(super) fn describe_echo(_: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let [.., high, low] = ECHO_BYTES.to_be_bytes();
    Ok(Next::data(Vec::from([EBOS, 0, high, low]), be24(cdb, 6)))
}
