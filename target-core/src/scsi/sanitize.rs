//! SANITIZE (SBC-4 5.30, 4.11)
//!
//! While it is at work everything but INQUIRY, REPORT LUNS and REQUEST SENSE is refused; resets, aborts and lost sessions do
//! not stop it. A failure stays until another SANITIZE succeeds or, if AUSE allowed that, until EXIT FAILURE MODE. No key
//! encrypts the medium, so CRYPTOGRAPHIC ERASE erases the blocks.

use super::cdb::Cdb;
use super::format::whole_block;
use super::next::{Context, Handled, Next, WithData};
use super::sense::Sense;
use super::upkeep::{Condition, Fill, Purpose, begin, forgive};
use crate::io::SgList;

/// Header of the overwrite list.
const HEADER_LEN: u32 = 4;

/// An OVERWRITE that waits for its list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    len: u32,
    immediate: bool,
    exit_allowed: bool,
}

/// IMMED (byte 1, bit 7) and AUSE (bit 5).
fn job(cdb: Cdb<'_>) -> Job {
    Job { len: u32::from(cdb.be16(7)), immediate: cdb.bit(1, 7), exit_allowed: cdb.bit(1, 5) }
}

/// A unit that is busy with one refuses the next.
fn idle(context: &mut Context<'_>) -> Result<(), Sense> {
    let Ok(unit) = context.unit() else { return Ok(()) };
    match unit.condition.refusal(unit.config.blocks) {
        Some(sense) if unit.condition.is_busy() => Err(sense),
        _ => Ok(()),
    }
}

pub(super) fn overwrite(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    idle(context)?;
    let job = job(cdb);
    let most = HEADER_LEN + context.unit()?.block_size();
    if job.len <= HEADER_LEN || job.len > most {
        return Err(Cdb::reject(7, None));
    }
    Ok(Next::DataOut { len: job.len, then: WithData::Sanitize(job) })
}

pub(super) fn with_data(context: &mut Context<'_>, job: Job, data: &SgList) -> Handled {
    let size = context.unit()?.block_size();
    if let Some(sense) = context.unit()?.write_protection() {
        return Err(sense.into());
    }
    idle(context)?;
    let bytes = data.to_bytes();
    let list = Cdb(&bytes);
    if u32::try_from(bytes.len()).ok() != Some(job.len) {
        return Err(super::sense::code::PARAMETER_LIST_LENGTH.into());
    }
    let (passes, invert, length) = (list.byte(0) & 0x1f, list.bit(0, 7), u32::from(list.be16(2)));
    // TEST asks for something vendor specific, of which there is nothing.
    if list.byte(0) & 0x60 != 0 {
        return Err(Sense::parameter_field(0, Some(6)).into());
    }
    if passes == 0 {
        return Err(Sense::parameter_field(0, Some(4)).into());
    }
    if length == 0 || length > size || length.saturating_add(HEADER_LEN) != job.len {
        return Err(Sense::parameter_field(2, None).into());
    }
    let pattern = bytes.get(4..).unwrap_or_default();
    let block = whole_block(pattern, usize::try_from(size).unwrap_or(0));
    let fill = Fill::Pattern { block, passes, invert };
    begin(context, Purpose::Sanitize { exit_allowed: job.exit_allowed }, fill, job.immediate)
}

pub(super) fn erase(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    idle(context)?;
    let job = job(cdb);
    if job.len != 0 {
        return Err(Cdb::reject(7, None));
    }
    begin(context, Purpose::Sanitize { exit_allowed: job.exit_allowed }, Fill::Nothing, job.immediate)
}

/// Nothing to leave is no error.
pub(super) fn exit_failure_mode(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    idle(context)?;
    if cdb.be16(7) != 0 {
        return Err(Cdb::reject(7, None));
    }
    let unit = context.unit()?;
    match unit.condition {
        Condition::Failed(Purpose::Sanitize { exit_allowed: false }) => return Err(Cdb::reject(1, Some(4))),
        Condition::Failed(Purpose::Sanitize { exit_allowed: true }) => return forgive(context),
        Condition::Failed(Purpose::Format) | Condition::Fit | Condition::Busy(_) => {}
    }
    Ok(Next::GOOD)
}
