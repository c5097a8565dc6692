//! How shall it be set? MODE SELECT(6), MODE SELECT(10) (SPC-4 6.11, 6.12)
//!
//! The whole list is checked before anything changes. What is saved (SP) is brought back by a reset, and where storage keeps
//! records by a restart of the target too: there the command ends, and takes effect, once the record is durable. One that is
//! aborted meanwhile may have been saved for the next start.

use super::attention::Attention;
use super::cdb::Cdb;
use super::exceptions::Reported;
use super::keep;
use super::mode_page::{ModePage, PS, SPF};
use super::mode_record;
use super::mode_values::ModeParameters;
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::outcome::{Failure, NexusId};
use super::sense::{Sense, code};
use super::unit::LogicalUnit;
use crate::io::{IoOp, SgList};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// DEVICE-SPECIFIC PARAMETER bits that an initiator may echo; WP and DPOFUA have no meaning here (SBC-3 6.4.1).
const DEVICE_ECHO: u8 = 0x90;

pub(super) fn mode_select(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let long_form = cdb.byte(0) == 0x55;
    let len = if long_form { u32::from(cdb.be16(7)) } else { u32::from(cdb.byte(4)) };
    context.unit()?;
    if len == 0 {
        return Ok(Next::GOOD);
    }
    if !cdb.bit(1, 4) {
        // PF 0: pages in a vendor's own format, of which there are none.
        return Err(Cdb::reject(1, Some(4)));
    }
    Ok(Next::DataOut { len, then: WithData::ModeSelect { long_form, save: cdb.bit(1, 0) } })
}

pub(super) fn with_data(context: &mut Context<'_>, long_form: bool, save: bool, data: &SgList) -> Handled {
    let (nexus, limit) = (context.nexus, context.server.attentions_max);
    let unit = context.unit()?;
    if data.is_empty() {
        return Ok(Next::GOOD);
    }
    let list = data.to_bytes();
    let pages_at = header(unit, &list, long_form)?;
    let modes = pages(&unit.modes, unit.modes, &list, pages_at)?;
    if !save {
        return Ok(put_in_force(unit, modes, nexus, limit));
    }
    let saved = pages(&unit.modes, unit.saved(), &list, pages_at)?;
    if !unit.keeps_records() {
        unit.saved = Some(saved);
        return Ok(put_in_force(unit, modes, nexus, limit));
    }
    if unit.saving_modes.strong_count() > 0 {
        // Two records on their way could arrive in any order.
        return Err(Failure::Busy);
    }
    let under_way = Arc::new(());
    unit.saving_modes = Arc::downgrade(&under_way);
    let op = IoOp::Keep { name: keep::modes_name(&unit.record_name), record: mode_record::encode(&saved) };
    Ok(Next::Io { op, then: AfterIo::ModesKept(Box::new(Job { modes, saved, under_way })) })
}

/// A MODE SELECT whose record is on its way.
#[derive(Clone, Debug)]
pub(super) struct Job {
    modes: ModeParameters,
    saved: ModeParameters,
    under_way: Arc<()>,
}

/// The record is durable.
pub(super) fn kept(context: &mut Context<'_>, job: Job) -> Handled {
    let (nexus, limit) = (context.nexus, context.server.attentions_max);
    let unit = context.unit()?;
    drop(job.under_way);
    unit.saved = Some(job.saved);
    Ok(put_in_force(unit, job.modes, nexus, limit))
}

fn put_in_force(unit: &mut LogicalUnit, modes: ModeParameters, nexus: NexusId, limit: u32) -> Next {
    if modes.exceptions != unit.modes.exceptions {
        unit.reported = Reported::default();
    }
    if modes != unit.modes {
        unit.modes = modes;
        if !planted!(ModeChangedUntold) {
            unit.attention(Attention::ModeChanged, Some(nexus), limit);
        }
    }
    Next::GOOD
}

/// Checks mode parameter header and block descriptor; gives the offset of the first page.
fn header(unit: &LogicalUnit, list: &[u8], long_form: bool) -> Result<usize, Failure> {
    let (medium_at, device_at, len, descriptor_len_at, long_addresses) =
        if long_form { (2, 3, 8, 6, Cdb(list).bit(4, 0)) } else { (1, 2, 4, 3, false) };
    if list.len() < len {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let fields = Cdb(list);
    if fields.byte(medium_at) != 0 {
        return Err(reject(medium_at, None));
    }
    if fields.byte(device_at) & !DEVICE_ECHO != 0 {
        return Err(reject(device_at, None));
    }
    let descriptor_len =
        if long_form { usize::from(fields.be16(descriptor_len_at)) } else { usize::from(fields.byte(3)) };
    let end = len.saturating_add(descriptor_len);
    match (descriptor_len, long_addresses) {
        (0, _) => return Ok(end),
        (8, false) | (16, true) if list.len() < end => return Err(code::PARAMETER_LIST_LENGTH.into()),
        (8, false) => {
            let blocks = u64::from(fields.be32(len));
            let now = unit.config.blocks.min(u64::from(u32::MAX));
            descriptor(unit, blocks, now, len, fields.be32(len + 4) & 0x00ff_ffff, len + 5)?;
        }
        (16, true) => {
            let blocks = fields.be64(len);
            descriptor(unit, blocks, unit.config.blocks, len, fields.be32(len + 12), len + 12)?;
        }
        _ => return Err(reject(descriptor_len_at, None)),
    }
    Ok(end)
}

/// Neither the number of blocks nor their length can be changed; 0 blocks stands for no change.
fn descriptor(
    unit: &LogicalUnit,
    blocks: u64,
    blocks_now: u64,
    blocks_at: usize,
    length: u32,
    length_at: usize,
) -> Result<(), Failure> {
    if blocks != 0 && blocks != blocks_now {
        return Err(reject(blocks_at, None));
    }
    if length != unit.block_size() {
        return Err(reject(length_at, None));
    }
    Ok(())
}

/// Goes through the pages from `at` on; gives `modes` with what they ask for.
fn pages(
    current: &ModeParameters,
    mut modes: ModeParameters,
    list: &[u8],
    mut at: usize,
) -> Result<ModeParameters, Failure> {
    while let Some(rest) = list.get(at..).filter(|rest| !rest.is_empty()) {
        let fields = Cdb(rest);
        // PS is reserved here. It is not looked at, so that what MODE SENSE gave can be sent back.
        let head = fields.byte(0) & !PS;
        let (header_len, subpage) = if head & SPF == 0 { (2, 0) } else { (4, fields.byte(1)) };
        if rest.len() < header_len {
            return Err(code::PARAMETER_LIST_LENGTH.into());
        }
        let code = head & !SPF;
        let page = ModePage::with_code(code, subpage).filter(|page| page.header_len() == header_len);
        let page = page.ok_or_else(|| match ModePage::with_code(code, 0) {
            Some(_) if subpage != 0 => reject(at.saturating_add(1), None),
            Some(_) => reject(at, Some(6)),
            None => reject(at, Some(5)),
        })?;
        let length_at = if header_len == 2 { 1 } else { 2 };
        let len = if header_len == 2 { usize::from(fields.byte(1)) } else { usize::from(fields.be16(2)) };
        if len.saturating_add(header_len) != page.len() {
            return Err(reject(at.saturating_add(length_at), None));
        }
        let Some(given) = rest.get(..page.len()) else {
            return Err(code::PARAMETER_LIST_LENGTH.into());
        };
        unchangeable(page, current, given, at)?;
        page.absorb(given, &mut modes).map_err(|(byte, bit)| reject(at.saturating_add(byte), Some(bit)))?;
        at = at.saturating_add(page.len());
    }
    Ok(modes)
}

/// Refuses a page that differs from the current one in a bit that cannot be changed.
fn unchangeable(page: ModePage, current: &ModeParameters, given: &[u8], at: usize) -> Result<(), Failure> {
    let (now, changeable) = (page.values(current), page.changeable());
    for (offset, ((given, now), changeable)) in
        given.iter().zip(&now).zip(&changeable).enumerate().skip(page.header_len())
    {
        let wrong = (given ^ now) & !changeable;
        if wrong != 0 {
            let bit = 7_u32.saturating_sub(wrong.leading_zeros());
            return Err(reject(at.saturating_add(offset), u8::try_from(bit).ok()));
        }
    }
    Ok(())
}

fn reject(at: usize, bit: Option<u8>) -> Failure {
    Sense::parameter_field(u16::try_from(at).unwrap_or(u16::MAX), bit).into()
}
