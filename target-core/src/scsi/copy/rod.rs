//! POPULATE TOKEN, WRITE USING TOKEN (SBC-3 5.7, 5.47)

use super::extended::refused;
use super::lists::{End, ListKey};
use super::moves::{Job, Move, advance};
use super::token::{self, Ranges};
use super::{INACTIVITY_DEFAULT, INACTIVITY_MAX, RANGES_MAX};
use crate::io::SgList;
use crate::scsi::cdb::{Cdb, Span};
use crate::scsi::next::{Context, Handled, Next, WithData};
use crate::scsi::outcome::Failure;
use crate::scsi::sense::{Sense, code};
use crate::scsi::unit::UnitKey;
use alloc::vec::Vec;
use core::time::Duration;

/// What is before the range descriptors, for each command.
const POPULATE_HEADER: usize = 16;
const USE_HEADER: usize = 536;
const RANGE: usize = 16;

/// A command that waits for its list.
#[derive(Clone, Copy, Debug)]
pub(in crate::scsi) struct Wanted {
    uses: bool,
    id: u32,
    len: u32,
}

pub(in crate::scsi) fn populate(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    begin(context, cdb, false)
}

pub(in crate::scsi) fn use_token(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    begin(context, cdb, true)
}

fn begin(context: &mut Context<'_>, cdb: Cdb<'_>, uses: bool) -> Handled {
    let (id, len) = (cdb.be32(6), cdb.be32(10));
    context.unit()?;
    let header = if uses { USE_HEADER } else { POPULATE_HEADER };
    let most = header.saturating_add(RANGE.saturating_mul(usize::from(RANGES_MAX)));
    match usize::try_from(len).unwrap_or(usize::MAX) {
        0 => Ok(Next::GOOD),
        bytes if bytes < header.saturating_add(RANGE) || bytes > most => {
            Err(code::PARAMETER_LIST_LENGTH.into())
        }
        _ => Ok(Next::DataOut { len, then: WithData::Token(Wanted { uses, id, len }) }),
    }
}

fn wrong(at: usize, bit: Option<u8>) -> Failure {
    Sense::parameter_field(u16::try_from(at).unwrap_or(u16::MAX), bit).into()
}

/// The blocks that a list names: each there, none twice, not more than one command may copy.
fn ranges(context: &mut Context<'_>, list: &[u8], header: usize) -> Result<Ranges, Failure> {
    let transfer_bytes = context.server.transfer_bytes;
    let unit = context.unit()?;
    let len = usize::from(Cdb(list).be16(header.saturating_sub(2)));
    if !len.is_multiple_of(RANGE) || len == 0 {
        return Err(wrong(header.saturating_sub(2), None));
    }
    let end = header.saturating_add(len);
    let Some(descriptors) = list.get(header..end) else { return Err(code::PARAMETER_LIST_LENGTH.into()) };
    let mut out: Ranges = Vec::new();
    let mut sum = 0_u64;
    for (index, descriptor) in descriptors.chunks(RANGE).enumerate() {
        let at = header.saturating_add(index.saturating_mul(RANGE));
        let (lba, blocks) = (Cdb(descriptor).be64(0), Cdb(descriptor).be32(8));
        if blocks > 0 {
            unit.in_range(Span { lba, blocks, length_at: 0 })?;
        }
        let end = lba.saturating_add(u64::from(blocks));
        let overlaps = |(other, count): &(u64, u32)| {
            *other < end && lba < other.saturating_add(u64::from(*count)) && blocks > 0
        };
        if out.iter().any(overlaps) {
            return Err(wrong(at, None));
        }
        sum = sum.saturating_add(u64::from(blocks));
        if sum > u64::from(unit.transfer_blocks_max(transfer_bytes)) {
            return Err(wrong(at.saturating_add(8), None));
        }
        out.push((lba, blocks));
    }
    Ok(out)
}

pub(in crate::scsi) fn with_data(context: &mut Context<'_>, wanted: Wanted, data: &SgList) -> Handled {
    let list = data.to_bytes();
    if u32::try_from(list.len()).ok() != Some(wanted.len) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    // What the list says of its own length, without that field.
    if usize::from(Cdb(&list).be16(0)).saturating_add(2) != list.len() {
        return Err(wrong(0, None));
    }
    // IMMED: nothing is continued behind a status.
    if list.get(2).is_some_and(|flags| flags & 1 != 0) {
        return Err(wrong(2, Some(0)));
    }
    if wanted.uses { write(context, wanted, &list) } else { make(context, wanted, &list) }
}

fn make(context: &mut Context<'_>, wanted: Wanted, list: &[u8]) -> Handled {
    let fields = Cdb(list);
    let rod_type_valid = fields.bit(2, 1);
    if rod_type_valid && fields.be32(8) != token::ON_REFERENCE {
        return Err(wrong(8, None));
    }
    let timeout = match fields.be32(4) {
        0 => INACTIVITY_DEFAULT,
        timeout if timeout > INACTIVITY_MAX => return Err(wrong(4, None)),
        timeout => timeout,
    };
    let ranges = ranges(context, list, POPULATE_HEADER)?;
    let key = context.unit()?.key;
    let id = ListKey { nexus: context.nexus, id: wanted.id, short: false };
    let server = &mut *context.server;
    server.lists.begin(id, 0x10).map_err(refused)?;
    let blocks = ranges.iter().map(|(_, blocks)| u64::from(*blocks)).fold(0, u64::saturating_add);
    let timeout = Duration::from_secs(u64::from(timeout));
    let token = server.tokens.make(&server.target, key, ranges, timeout, server.now);
    if let Some(record) = server.lists.find(id) {
        record.end = End::Well;
        record.blocks = blocks;
        record.token = Some(token);
    }
    Ok(Next::GOOD)
}

fn write(context: &mut Context<'_>, wanted: Wanted, list: &[u8]) -> Handled {
    let delete = list.get(2).is_some_and(|flags| flags & 2 != 0);
    let (offset, now) = (Cdb(list).be64(8), context.server.now);
    let token = list.get(16..16_usize.saturating_add(token::LEN)).unwrap_or_default();
    let to = ranges(context, list, USE_HEADER)?;
    let unit = context.unit()?;
    let (key, block_size) = (unit.key, unit.block_size());
    let moves = match Cdb(token).be32(0) {
        token::ZEROS => {
            let zeros = |(lba, blocks): &(u64, u32)| Move { from: None, to: (key, *lba), blocks: *blocks };
            to.iter().map(zeros).collect()
        }
        token::ON_REFERENCE => {
            let rod = context.server.tokens.find(token, now).ok_or(code::TOKEN_UNKNOWN)?;
            let at = context.server.find_key(rod.unit).ok_or(code::TOKEN_REVOKED)?;
            let source = context.server.unit(at).ok_or(code::TOKEN_REVOKED)?;
            if source.block_size() != block_size {
                return Err(code::INVALID_TOKEN_OPERATION.into());
            }
            pair(key, &to, rod.unit, &rod.ranges, offset).ok_or_else(|| wrong(8, None))?
        }
        _ => return Err(code::UNSUPPORTED_TOKEN.into()),
    };
    let id = ListKey { nexus: context.nexus, id: wanted.id, short: false };
    let under_way = context.server.lists.begin(id, 0x11).map_err(refused)?;
    if delete {
        context.server.tokens.delete(token);
    }
    advance(context, Job::new(moves, Some(id), Some(under_way)))
}

/// Runs from the blocks of a token, after the first `offset`, to those of a list; `None` if the token has too few.
fn pair(to: UnitKey, wanted: &Ranges, from: UnitKey, rod: &Ranges, offset: u64) -> Option<Vec<Move>> {
    let mut skip = if planted!(TokenOffset) { 0 } else { offset };
    let mut sources = rod.iter().copied().filter_map(|(lba, blocks)| {
        let skipped = u32::try_from(skip).unwrap_or(u32::MAX).min(blocks);
        skip = skip.saturating_sub(u64::from(skipped));
        (skipped < blocks).then(|| (lba.saturating_add(u64::from(skipped)), blocks.saturating_sub(skipped)))
    });
    let mut moves = Vec::new();
    let mut source = (0, 0);
    for (mut lba, mut blocks) in wanted.iter().copied() {
        while blocks > 0 {
            if source.1 == 0 {
                source = sources.next()?;
            }
            let take = blocks.min(source.1);
            moves.push(Move { from: Some((from, source.0)), to: (to, lba), blocks: take });
            source = (source.0.saturating_add(u64::from(take)), source.1.saturating_sub(take));
            lba = lba.saturating_add(u64::from(take));
            blocks = blocks.saturating_sub(take);
        }
    }
    Some(moves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_paired_across_ranges() {
        let (a, b) = (UnitKey { number: 1, instance: 1 }, UnitKey { number: 2, instance: 1 });
        let rod = [(100, 4), (200, 4)].into();
        let runs = |wanted: &[(u64, u32)], offset| {
            let moves = pair(a, &wanted.to_vec(), b, &rod, offset)?;
            let plain = |run: Move| (run.from.map_or(0, |from| from.1), run.to.1, run.blocks);
            Some(moves.into_iter().map(plain).collect::<Vec<_>>())
        };
        assert_eq!(runs(&[(0, 8)], 0), Some([(100, 0, 4), (200, 4, 4)].into()));
        assert_eq!(runs(&[(0, 1), (9, 2)], 3), Some([(103, 0, 1), (200, 9, 2)].into()));
        assert_eq!(runs(&[(7, 2)], 6), Some([(202, 7, 2)].into()));
        assert_eq!(runs(&[(0, 3)], 6), None);
        assert_eq!(runs(&[(0, 1)], 1 << 40), None);
    }
}
