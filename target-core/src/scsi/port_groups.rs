//! Which port is the best way? REPORT TARGET PORT GROUPS, SET TARGET PORT GROUPS (SPC-4 6.37, 6.45)

use super::access_state::ChangedBy;
use super::attention::Attention;
use super::cdb::Cdb;
use super::next::{Context, Handled, Next, WithData};
use super::sense::{Sense, code};
use crate::config::AccessState;
use crate::io::SgList;
use alloc::vec::Vec;

/// T_SUP, O_SUP, U_SUP, S_SUP, AN_SUP, AO_SUP: all states but those that depend on the block.
const SUPPORTED: u8 = 0xcf;
/// What is before the descriptors of SET TARGET PORT GROUPS, and the length of each.
const LIST_HEADER: usize = 4;
const DESCRIPTOR: usize = 4;
/// More descriptors than there can be groups to tell of are not taken.
const DESCRIPTORS_MAX: u32 = 256;

/// PARAMETER DATA FORMAT 001b asks for the extended header, with the IMPLICIT TRANSITION TIME.
pub(super) fn report(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (extended, now) = (cdb.bit(1, 5), context.server.now);
    let groups = context.server.groups.clone();
    let unit = context.unit()?;
    let mut body = Vec::new();
    if extended {
        let seconds = unit.config.policy.transition.as_secs().max(1);
        body.extend([0x10, u8::try_from(seconds).unwrap_or(u8::MAX), 0, 0]);
    }
    for group in groups {
        let (state, by) = unit.access.of(group, now);
        body.extend([state as u8, SUPPORTED]);
        body.extend(group.to_be_bytes());
        // One port, whose relative identifier is the group's number.
        body.extend([0, by as u8, 0, 1, 0, 0]);
        body.extend(group.to_be_bytes());
    }
    let mut data = Vec::from(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    data.extend(body);
    Ok(Next::data(data, cdb.be32(6)))
}

pub(super) fn set(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let len = cdb.be32(6);
    context.unit()?;
    match len {
        0 => Ok(Next::GOOD),
        len if len % 4 != 0 || len > DESCRIPTORS_MAX * 4 => Err(code::PARAMETER_LIST_LENGTH.into()),
        len => Ok(Next::DataOut { len, then: WithData::PortGroups { len } }),
    }
}

/// Nothing changes unless all descriptors are right. An offline port is named by its relative identifier, which here is the
/// number of its group too.
pub(super) fn with_data(context: &mut Context<'_>, len: u32, data: &SgList) -> Handled {
    let (nexus, limit, now) = (context.nexus, context.server.attentions_max, context.server.now);
    let list = data.to_bytes();
    if u32::try_from(list.len()).ok() != Some(len) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let mut changes = Vec::new();
    for (index, descriptor) in list.get(LIST_HEADER..).unwrap_or_default().chunks(DESCRIPTOR).enumerate() {
        let at = LIST_HEADER.saturating_add(index.saturating_mul(DESCRIPTOR));
        let wrong = |offset: usize, bit: Option<u8>| {
            Sense::parameter_field(u16::try_from(at.saturating_add(offset)).unwrap_or(u16::MAX), bit)
        };
        let fields = Cdb(descriptor);
        let state = match fields.byte(0) & 0x0f {
            0x0 => AccessState::ActiveOptimized,
            0x1 => AccessState::ActiveNonOptimized,
            0x2 => AccessState::Standby,
            0x3 => AccessState::Unavailable,
            0xe => AccessState::Offline,
            _ => return Err(wrong(0, Some(3)).into()),
        };
        let group = fields.be16(2);
        if !context.server.groups.contains(&group) {
            return Err(wrong(2, None).into());
        }
        changes.push((group, state));
    }
    let unit = context.unit()?;
    let takes = unit.config.policy.transition;
    let mut changed = false;
    for (group, state) in changes {
        changed |= unit.access.set(group, state, ChangedBy::Command, now, takes);
    }
    if changed {
        unit.attention(Attention::AccessStateChanged, Some(nexus), limit);
    }
    Ok(Next::GOOD)
}
