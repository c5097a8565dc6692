//! EXTENDED COPY(LID1), EXTENDED COPY(LID4) (SPC-4 6.4, 6.5)

use super::lists::{ListKey, Refusal};
use super::moves::{Job, Move, advance};
use super::{
    BLOCK_TO_BLOCK, CSCD_LEN, CSCDS_MAX, DESCRIPTORS_LEN_MAX, IDENTIFICATION, SEGMENT_LEN, SEGMENTS_MAX,
};
use crate::io::SgList;
use crate::scsi::cdb::{Cdb, Span};
use crate::scsi::next::{Context, Handled, Next, WithData};
use crate::scsi::outcome::Failure;
use crate::scsi::sense::{Sense, code};
use crate::scsi::unit::UnitKey;
use crate::scsi::vpd;
use alloc::vec::Vec;

/// Lengths of what is before the descriptors.
const HEADER_LID1: usize = 16;
const HEADER_LID4: usize = 48;

pub(in crate::scsi) fn extended_lid1(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    begin(context, cdb, true)
}

pub(in crate::scsi) fn extended_lid4(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    begin(context, cdb, false)
}

fn begin(context: &mut Context<'_>, cdb: Cdb<'_>, short: bool) -> Handled {
    let len = cdb.be32(10);
    context.unit()?;
    let header = if short { HEADER_LID1 } else { HEADER_LID4 };
    let most = DESCRIPTORS_LEN_MAX.saturating_mul(2);
    match usize::try_from(len).unwrap_or(usize::MAX) {
        0 => Ok(Next::GOOD),
        bytes if bytes < header || len > most => Err(code::PARAMETER_LIST_LENGTH.into()),
        _ => Ok(Next::DataOut { len, then: WithData::ExtendedCopy { short, len } }),
    }
}

/// What the header says.
struct Header {
    id: Option<u32>,
    len: usize,
    cscds: u32,
    segments: u32,
    inline: u32,
}

fn header(list: Cdb<'_>, short: bool) -> Result<Header, Failure> {
    let usage = (list.byte(1) >> 3) & 0x03;
    let (id_at, id) = if short { (0, u32::from(list.byte(0))) } else { (20, list.be32(20)) };
    let id = match usage {
        0b00 => Some(id),
        0b10 => None,
        0b11 if id == 0 => None,
        0b11 => return Err(wrong(id_at, None)),
        _ => return Err(wrong(1, Some(4))),
    };
    if short {
        let (cscds, segments, inline) = (u32::from(list.be16(2)), list.be32(8), list.be32(12));
        return Ok(Header { id, len: HEADER_LID1, cscds, segments, inline });
    }
    if list.byte(0) != 1 {
        return Err(wrong(0, None));
    }
    // IMMED: copies are not continued behind a status. HEADER CSCD DESCRIPTOR LIST LENGTH and type are given.
    if list.byte(15) & 0x02 != 0 {
        return Err(wrong(15, Some(1)));
    }
    if list.be16(2) != 0x20 {
        return Err(wrong(2, None));
    }
    if list.byte(16) != 0xff {
        return Err(wrong(16, None));
    }
    let (cscds, segments, inline) = (list.be16(42), list.be16(44), list.be16(46));
    let (cscds, segments, inline) = (u32::from(cscds), u32::from(segments), u32::from(inline));
    Ok(Header { id, len: HEADER_LID4, cscds, segments, inline })
}

fn wrong(at: usize, bit: Option<u8>) -> Failure {
    Sense::parameter_field(u16::try_from(at).unwrap_or(u16::MAX), bit).into()
}

/// The whole list is checked before anything is copied, but for what a unit would say at the time.
pub(in crate::scsi) fn with_data(context: &mut Context<'_>, short: bool, len: u32, data: &SgList) -> Handled {
    let list = data.to_bytes();
    if u32::try_from(list.len()).ok() != Some(len) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let Header { id, len: header_len, cscds, segments, inline } = header(Cdb(&list), short)?;
    let whole = u64::from(cscds) + u64::from(segments) + u64::from(inline);
    let there = list.len().saturating_sub(header_len);
    if whole > u64::try_from(there).unwrap_or(0) || cscds.saturating_add(segments) > DESCRIPTORS_LEN_MAX {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    if inline > 0 {
        return Err(code::INLINE_DATA_EXCEEDED.into());
    }
    let (cscd_count, segment_count) = (cscds / u32::from(CSCD_LEN), segments / u32::from(SEGMENT_LEN));
    if cscd_count > u32::from(CSCDS_MAX) {
        return Err(code::TOO_MANY_CSCDS.into());
    }
    if segment_count > u32::from(SEGMENTS_MAX) {
        return Err(code::TOO_MANY_SEGMENTS.into());
    }
    let cscd_bytes = usize::try_from(cscds).unwrap_or(0);
    let segments_at = header_len.saturating_add(cscd_bytes);
    let segments_end = segments_at.saturating_add(usize::try_from(segments).unwrap_or(0));
    let mut units = Vec::new();
    for (index, descriptor) in
        list.get(header_len..segments_at).unwrap_or_default().chunks(usize::from(CSCD_LEN)).enumerate()
    {
        let at = header_len.saturating_add(index.saturating_mul(usize::from(CSCD_LEN)));
        units.push(cscd(context, descriptor, at)?);
    }
    let mut moves = Vec::new();
    for (index, descriptor) in
        list.get(segments_at..segments_end).unwrap_or_default().chunks(usize::from(SEGMENT_LEN)).enumerate()
    {
        let at = segments_at.saturating_add(index.saturating_mul(usize::from(SEGMENT_LEN)));
        moves.push(segment(context, descriptor, at, &units)?);
    }
    let bytes: u64 = moves.iter().map(|(_, bytes)| *bytes).fold(0, u64::saturating_add);
    if bytes > u64::from(context.server.transfer_bytes) {
        // MAXIMUM SEGMENT LENGTH holds for all of them together: one command does not copy for ever.
        return Err(code::COPY_SEGMENT_GRANULARITY.into());
    }
    let moves = moves.into_iter().map(|(run, _)| run).collect();
    let action = if short { 0x00 } else { 0x01 };
    let list = id.map(|id| ListKey { nexus: context.nexus, id, short });
    let under_way = match list {
        None => None,
        Some(list) => Some(context.server.lists.begin(list, action).map_err(refused)?),
    };
    advance(context, Job::new(moves, list, under_way))
}

pub(super) fn refused(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::InUse => code::OPERATION_IN_PROGRESS.into(),
        Refusal::Full => code::INSUFFICIENT_RESOURCES.into(),
    }
}

/// The unit that an identification descriptor names (SPC-4 6.4.5.6); `None` if there is none with that name.
fn cscd(context: &mut Context<'_>, descriptor: &[u8], at: usize) -> Result<Option<UnitKey>, Failure> {
    let fields = Cdb(descriptor);
    if fields.byte(0) != IDENTIFICATION {
        return Err(code::UNSUPPORTED_CSCD.into());
    }
    if descriptor.len() < usize::from(CSCD_LEN) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    if fields.byte(1) >> 6 != 0 {
        return Err(wrong(at.saturating_add(1), Some(7)));
    }
    if fields.bit(1, 5) {
        // NUL: a device that is none.
        return Ok(None);
    }
    let len = usize::from(fields.byte(7));
    let Some(value) = descriptor.get(8..8_usize.saturating_add(len)).filter(|_| len <= 20) else {
        return Err(wrong(at.saturating_add(7), None));
    };
    let name = (fields.byte(4) & 0x0f, fields.byte(5) & 0x3f, value);
    let block_size = fields.be32(28) & 0x00ff_ffff;
    for unit in context.server.units() {
        let designators = vpd::unit_designators(unit);
        if designators.iter().any(|(set, kind, value)| (*set, *kind, &**value) == name) {
            if fields.byte(1) & 0x1f != 0 || block_size != unit.block_size() {
                return Err(code::INCORRECT_COPY_TARGET.into());
            }
            return Ok(Some(unit.key));
        }
    }
    Ok(None)
}

/// One segment, and how many bytes it copies.
fn segment(
    context: &mut Context<'_>,
    descriptor: &[u8],
    at: usize,
    units: &[Option<UnitKey>],
) -> Result<(Move, u64), Failure> {
    let fields = Cdb(descriptor);
    if fields.byte(0) != BLOCK_TO_BLOCK {
        return Err(code::UNSUPPORTED_SEGMENT.into());
    }
    if descriptor.len() < usize::from(SEGMENT_LEN) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    if fields.be16(2) != SEGMENT_LEN.saturating_sub(4) {
        return Err(wrong(at.saturating_add(2), None));
    }
    let unit = |id_at: usize| match units.get(usize::from(fields.be16(id_at))) {
        None => Err(code::UNREACHABLE_COPY_TARGET),
        Some(None) => Err(code::COPY_TARGET_NOT_REACHABLE),
        Some(Some(key)) => Ok(*key),
    };
    let (from, to) = (unit(4)?, unit(6)?);
    let blocks = u32::from(fields.be16(10));
    let run = Move { from: Some((from, fields.be64(12))), to: (to, fields.be64(20)), blocks };
    let size = fits(context, from, fields.be64(12), blocks)?;
    if size != fits(context, to, fields.be64(20), blocks)? {
        return Err(code::COPY_SEGMENT_GRANULARITY.into());
    }
    Ok((run, u64::from(size).saturating_mul(u64::from(blocks))))
}

/// Block length of a unit that has these blocks.
fn fits(context: &mut Context<'_>, key: UnitKey, lba: u64, blocks: u32) -> Result<u32, Failure> {
    let at = context.server.find_key(key).ok_or(code::COPY_TARGET_NOT_REACHABLE)?;
    let unit = context.server.unit(at).ok_or(code::COPY_TARGET_NOT_REACHABLE)?;
    unit.in_range(Span { lba, blocks, length_at: 0 }).map_err(|_| Failure::from(code::COPY_ABORTED))?;
    Ok(unit.block_size())
}
