//! Read, look, write, with nothing in between: COMPARE AND WRITE, ORWRITE(16), XDWRITEREAD (SBC-3 5.3, 5.9, 5.41, 5.42); and
//! WRITE ATOMIC(16) of several blocks, which nobody may see half done
//!
//! The engine lets such a command run alone in its task set, as if it were ORDERED ([`is_atomic`]). What may still come in
//! between are HEAD OF QUEUE commands: while one of these is under way they are told that the unit is BUSY.

use super::cdb::{Cdb, Span};
use super::compare::first_difference;
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::outcome::Failure;
use super::sense::{Sense, code};
use super::table::{self, flag};
use super::unit::Extent;
use super::write::whole_blocks;
use crate::io::{IoOp, SgList};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// It must be alone only for more than one block.
const WRITE_ATOMIC: u8 = 0x9c;

/// What to do with the blocks once they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judge {
    /// The first half of the data must be there; then the second half is written.
    Compare,
    /// The data is added, bit by bit.
    Or,
    /// The data takes their place, if it is to be written, and what it changes, bit by bit, is the answer.
    Exchange { write: bool },
    /// Nothing is read: the data takes their place.
    Replace,
}

/// A command under way, and that it is: the unit knows as long as this exists.
#[derive(Clone, Debug)]
pub(super) struct Job {
    extent: Extent,
    fua: bool,
    judge: Judge,
    under_way: Arc<()>,
}

/// Whether a command must have its logical unit for itself.
pub(crate) fn is_atomic(cdb: &[u8]) -> bool {
    let cdb = Cdb(cdb);
    table::find(cdb).is_ok_and(|entry| {
        entry.flags & flag::ATOMIC != 0 || (entry.opcode == WRITE_ATOMIC && cdb.atomic_span().blocks > 1)
    })
}

pub(super) fn compare_and_write(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let transfer_bytes = context.server.transfer_bytes;
    let unit = context.unit()?;
    let span = Span { lba: cdb.be64(2), blocks: u32::from(cdb.byte(13)), length_at: 13 };
    unit.in_range(span)?;
    if span.blocks > u32::from(unit.compare_blocks_max(transfer_bytes)) {
        return Err(Cdb::reject(span.length_at, None));
    }
    let extent = Extent { lba: span.lba, blocks: span.blocks };
    // With more data than that, nobody knows which half was meant to be compared.
    if context.data_out > context.unit()?.bytes(extent.blocks.saturating_mul(2)) {
        return Err(Cdb::reject(span.length_at, None));
    }
    begin(context, cdb, extent, Judge::Compare)
}

pub(super) fn or_write(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let extent = context.extent(cdb)?;
    begin(context, cdb, extent, Judge::Or)
}

/// XDWRITEREAD(10) and (32), the commands that move data both ways. DISABLE WRITE is bit 2 of the byte that has FUA.
pub(super) fn exchange(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let extent = context.extent(cdb)?;
    begin(context, cdb, extent, Judge::Exchange { write: !cdb.flag(2) })
}

/// WRITE ATOMIC of several blocks, checked.
pub(super) fn replace(context: &mut Context<'_>, cdb: Cdb<'_>, extent: Extent) -> Handled {
    begin(context, cdb, extent, Judge::Replace)
}

fn begin(context: &mut Context<'_>, cdb: Cdb<'_>, extent: Extent, judge: Judge) -> Handled {
    if extent.blocks == 0 {
        return Ok(Next::GOOD);
    }
    let unit = context.unit()?;
    if Arc::strong_count(&unit.visitors) > 1 {
        return Err(Failure::Busy);
    }
    let under_way = Arc::new(());
    if !planted!(CompareNotAlone) {
        unit.atomic = Arc::downgrade(&under_way);
    }
    let fua = cdb.flag(3) || !unit.modes.write_cache;
    let blocks = if judge == Judge::Compare { extent.blocks.saturating_mul(2) } else { extent.blocks };
    let job = Job { extent, fua, judge, under_way };
    Ok(Next::DataOut { len: unit.bytes(blocks), then: WithData::Atomic(job) })
}

/// There is no such thing as a part of a comparison: all of its data must be here.
pub(super) fn with_data(context: &mut Context<'_>, mut job: Job, mut data: SgList) -> Handled {
    let unit = context.unit()?;
    if let Some(sense) = unit.write_protection() {
        return Err(sense.into());
    }
    if job.judge == Judge::Replace {
        unit.still_there(job.extent)?;
        if u32::try_from(data.len()).ok() != Some(unit.bytes(job.extent.blocks)) && !planted!(AtomicShort) {
            return Err(Cdb::reject(12, None));
        }
        let op = IoOp::Write { lba: job.extent.lba, data, fua: job.fua };
        return Ok(Next::Io {
            op,
            then: AfterIo::Atomic { under_way: job.under_way, answer: SgList::new() },
        });
    }
    if job.judge != Judge::Compare {
        match whole_blocks(context, job.extent, data)? {
            Some((extent, whole)) => (job.extent, data) = (extent, whole),
            None => return Ok(Next::GOOD),
        }
    } else {
        unit.still_there(job.extent)?;
        let both = unit.bytes(job.extent.blocks.saturating_mul(2));
        if u32::try_from(data.len()).ok() != Some(both) {
            return Err(Cdb::reject(13, None));
        }
    }
    let Extent { lba, blocks } = job.extent;
    Ok(Next::Io { op: IoOp::Read { lba, blocks }, then: AfterIo::Judge { job, data } })
}

/// What the blocks hold is here. A difference is reported with the offset of its first byte in the data.
pub(super) fn judge(context: &mut Context<'_>, job: Job, data: &SgList, found: &SgList) -> Handled {
    let unit = context.unit()?;
    let half = usize::try_from(unit.bytes(job.extent.blocks)).unwrap_or(usize::MAX);
    if found.len() != half {
        return Err(code::INTERNAL_TARGET_FAILURE.into());
    }
    unit.still_there(job.extent)?;
    let mut answer = SgList::new();
    let new = match job.judge {
        Judge::Compare => {
            if let Some(at) = first_difference(found, &data.slice(0, half)) {
                let at = if planted!(MiscompareOffset) { 0 } else { u64::try_from(at).unwrap_or(u64::MAX) };
                return Err(Sense::new(code::MISCOMPARE).with_information(at).into());
            }
            data.slice(half, half)
        }
        Judge::Or => {
            let (found, data) = (found.to_bytes(), data.to_bytes());
            let both: Vec<u8> = found.iter().zip(&data).map(|(old, new)| old | new).collect();
            both.into()
        }
        Judge::Exchange { write } => {
            let (found, sent) = (found.to_bytes(), data.to_bytes());
            let changes: Vec<u8> = found.iter().zip(&sent).map(|(old, new)| old ^ new).collect();
            answer = changes.into();
            if !write {
                return Ok(Next::Done(answer));
            }
            data.clone()
        }
        Judge::Replace => data.clone(),
    };
    let op = IoOp::Write { lba: job.extent.lba, data: new, fua: job.fua };
    Ok(Next::Io { op, then: AfterIo::Atomic { under_way: job.under_way, answer } })
}
