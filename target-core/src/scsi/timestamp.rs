//! What time is it? REPORT TIMESTAMP, SET TIMESTAMP (SPC-4 6.39, 6.48, 5.2)

use super::attention::Attention;
use super::cdb::Cdb;
use super::next::{Context, Handled, Next, WithData};
use super::sense::{Sense, code};
use crate::io::SgList;
use crate::time::Instant;
use alloc::vec::Vec;

/// Length of the parameter data, both ways.
const LEN: u32 = 12;
/// TIMESTAMP ORIGIN: zero at power on; set by SET TIMESTAMP.
const FROM_POWER_ON: u8 = 0b000;
const FROM_SET: u8 = 0b010;
/// The timestamp has 48 bits.
const MASK: u64 = 0xffff_ffff_ffff;

/// A clock that was set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    millis: u64,
    at: Instant,
}

/// Milliseconds, of the day's count of 1970 if it was set so.
pub(super) fn report(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let now = context.server.now;
    let (origin, base, since) = match context.unit()?.clock {
        None => (FROM_POWER_ON, 0, Instant::ZERO),
        Some(clock) => (FROM_SET, clock.millis, clock.at),
    };
    let passed = u64::try_from(now.since(since).as_millis()).unwrap_or(u64::MAX);
    let [_, _, timestamp @ ..] = (base.wrapping_add(passed) & MASK).to_be_bytes();
    let mut data = Vec::from([0, 10, origin, 0]);
    data.extend(timestamp);
    data.extend([0, 0]);
    Ok(Next::data(data, cdb.be32(6)))
}

pub(super) fn set(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    context.unit()?;
    match cdb.be32(6) {
        0 => Ok(Next::GOOD),
        LEN => Ok(Next::DataOut { len: LEN, then: WithData::Timestamp }),
        _ => Err(code::PARAMETER_LIST_LENGTH.into()),
    }
}

pub(super) fn with_data(context: &mut Context<'_>, data: &SgList) -> Handled {
    let (nexus, limit, at) = (context.nexus, context.server.attentions_max, context.server.now);
    let list = data.to_bytes();
    if u32::try_from(list.len()).ok() != Some(LEN) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let reserved = |(at, byte): (usize, &u8)| !(4..10).contains(&at) && *byte != 0;
    if let Some(wrong) = list.iter().enumerate().position(reserved) {
        return Err(Sense::parameter_field(u16::try_from(wrong).unwrap_or(0), None).into());
    }
    let unit = context.unit()?;
    unit.clock = Some(Clock { millis: Cdb(&list).be64(2) & MASK, at });
    unit.attention(Attention::TimestampChanged, Some(nexus), limit);
    Ok(Next::GOOD)
}
