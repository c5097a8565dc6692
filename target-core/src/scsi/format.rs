//! FORMAT UNIT (SBC-3 5.4)
//!
//! There are no defects and no protection information, so the list may hold its header and an initialization pattern. What
//! has no pattern reads as zeros afterwards.

use super::cdb::Cdb;
use super::next::{Context, Handled, Next, WithData};
use super::sense::{Sense, code};
use super::upkeep::{Fill, Purpose, begin};
use crate::io::SgList;
use alloc::vec::Vec;

/// Initialization pattern descriptor.
const PATTERN_HEADER_LEN: usize = 4;
/// INITIALIZATION PATTERN TYPE: default; repeat the pattern.
const DEFAULT: u8 = 0;
const REPEAT: u8 = 1;

/// A FORMAT UNIT that waits for its list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    long: bool,
}

/// FMTDATA (byte 1, bit 4), LONGLIST (bit 5). Without a list everything is as it pleases the device server. FFMT
/// is refused as reserved bits.
pub(super) fn format(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    if !cdb.bit(1, 4) {
        return begin(context, Purpose::Format, Fill::Nothing, false);
    }
    let long = cdb.bit(1, 5);
    let header = if long { 8 } else { 4 };
    let most = header + 4 + context.unit()?.block_size();
    let len = context.data_out.min(most);
    if len < header {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    Ok(Next::DataOut { len, then: WithData::Format(Job { long }) })
}

pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: &SgList) -> Handled {
    let unit = context.unit()?;
    if let Some(sense) = unit.write_protection() {
        return Err(sense.into());
    }
    let bytes = data.to_bytes();
    let list = Cdb(&bytes);
    let (header, defects) = if job.long { (8, list.be32(4)) } else { (4, u32::from(list.be16(2))) };
    if bytes.len() < header {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    if list.byte(0) & 0x07 != 0 {
        return Err(Sense::parameter_field(0, Some(2)).into());
    }
    let flags = list.byte(1);
    let (valid, options) = (flags & 0x80 != 0, flags & 0x78);
    if !valid && options != 0 {
        // Options without FOV.
        return Err(Sense::parameter_field(1, Some(6)).into());
    }
    if defects != 0 {
        return Err(Sense::parameter_field(if job.long { 4 } else { 2 }, None).into());
    }
    let fill = match list.bit(1, 3) {
        false => Fill::Nothing,
        true => {
            let size = usize::try_from(unit.block_size()).unwrap_or(0);
            pattern(&bytes, header, size)?
        }
    };
    begin(context, Purpose::Format, fill, list.bit(1, 1))
}

/// The initialization pattern descriptor at `at`.
fn pattern(list: &[u8], at: usize, size: usize) -> Result<Fill, Sense> {
    let here = u16::try_from(at).unwrap_or(0);
    let descriptor = Cdb(list.get(at..).unwrap_or_default());
    if descriptor.0.len() < PATTERN_HEADER_LEN {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    if descriptor.byte(0) & 0xc0 != 0 {
        return Err(Sense::parameter_field(here, Some(7)));
    }
    let length = usize::from(descriptor.be16(2));
    match descriptor.byte(1) {
        DEFAULT if length == 0 => Ok(Fill::Nothing),
        REPEAT if length > 0 && length <= size => {
            let Some(pattern) = descriptor.0.get(PATTERN_HEADER_LEN..).and_then(|rest| rest.get(..length))
            else {
                return Err(code::PARAMETER_LIST_LENGTH.into());
            };
            Ok(Fill::Pattern { block: whole_block(pattern, size), passes: 1, invert: false })
        }
        DEFAULT | REPEAT => Err(Sense::parameter_field(here.saturating_add(2), None)),
        _ => Err(Sense::parameter_field(here.saturating_add(1), None)),
    }
}

/// A block of that pattern again and again, cut off at its end.
pub(super) fn whole_block(pattern: &[u8], size: usize) -> Vec<u8> {
    pattern.iter().copied().cycle().take(size).collect()
}
