//! Whose commands come first? REPORT PRIORITY, SET PRIORITY (SPC-4 6.35, 6.44; SAM-5 8.7)
//!
//! A command without a priority of its own has that of its nexus: what SET PRIORITY said, else INITIAL COMMAND PRIORITY of the
//! control extension page.

use super::attention::Attention;
use super::cdb::Cdb;
use super::next::{Context, Handled, Next, WithData};
use super::outcome::NexusId;
use super::persist::transport_id::{self, TransportId};
use super::sense::{Sense, code};
use crate::io::SgList;
use alloc::vec::Vec;

/// What is before the TransportID in both directions.
const HEADER: usize = 8;
/// Longest list that is taken.
const LIST_MAX: u32 = 1024;

/// I_T_L NEXUS TO SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of this nexus.
    Own,
    /// Of the one that the list names.
    Named,
}

/// PRIORITY REPORTED: of this nexus, or of all that have one of their own.
pub(super) fn report(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let own = match cdb.byte(2) >> 6 {
        0 => true,
        1 => false,
        _ => return Err(Cdb::reject(2, Some(7))),
    };
    let nexus = context.nexus;
    let unit = context.unit()?;
    let priorities: Vec<(NexusId, u8)> =
        if own { Vec::from([(nexus, unit.priority_of(nexus))]) } else { unit.priorities().collect() };
    let mut body = Vec::new();
    for (nexus, priority) in priorities {
        let Some(ports) = context.server.nexus(nexus) else { continue };
        let id = transport_id::of_port(&ports.initiator_port);
        body.extend([priority, 0]);
        body.extend(ports.group.to_be_bytes());
        body.extend([0, 0]);
        body.extend(u16::try_from(id.len()).unwrap_or(u16::MAX).to_be_bytes());
        body.extend(id);
    }
    let mut data = Vec::from(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    data.extend(body);
    Ok(Next::data(data, cdb.be32(6)))
}

pub(super) fn set(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let len = cdb.be32(6);
    let (nexus, limit) = (context.nexus, context.server.attentions_max);
    let unit = context.unit()?;
    let whose = match cdb.byte(2) >> 6 {
        0 => Whose::Own,
        1 => Whose::Named,
        2 => {
            // All back to the initial priority; a list is not looked at.
            for other in unit.forget_priorities() {
                if other != nexus
                    && let Some(side) = unit.side(other)
                {
                    side.pending.establish(Attention::PriorityChanged, limit);
                }
            }
            return Ok(Next::GOOD);
        }
        _ => return Err(Cdb::reject(2, Some(7))),
    };
    match len {
        0 => Ok(Next::GOOD),
        1..=7 => Err(code::PARAMETER_LIST_LENGTH.into()),
        LIST_MAX.. => Err(Cdb::reject(6, None)),
        len => Ok(Next::DataOut { len, then: WithData::Priority(whose, len) }),
    }
}

pub(super) fn with_data(context: &mut Context<'_>, whose: Whose, len: u32, data: &SgList) -> Handled {
    let limit = context.server.attentions_max;
    let list = data.to_bytes();
    if u32::try_from(list.len()).ok() != Some(len) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let fields = Cdb(&list);
    let priority = fields.byte(0);
    if priority > 0x0f {
        return Err(Sense::parameter_field(0, Some(7)).into());
    }
    let nexus = match whose {
        Whose::Own => context.nexus,
        Whose::Named => {
            let group = fields.be16(2);
            let at = |at: usize| u16::try_from(at.saturating_add(HEADER)).unwrap_or(u16::MAX);
            let id = list.get(HEADER..).unwrap_or_default();
            let (id, _) = transport_id::parse(id).map_err(|wrong| Sense::parameter_field(at(wrong), None))?;
            let TransportId::Port(name) = id else { return Err(Sense::parameter_field(at(0), None).into()) };
            // One that is not there cannot be kept a priority for.
            context.server.session_of(&name, group).ok_or_else(|| Sense::parameter_field(at(0), None))?
        }
    };
    let own = context.nexus;
    let unit = context.unit()?;
    let changed = unit.priority_of(nexus) != priority;
    if let Some(side) = unit.side(nexus) {
        side.priority = Some(priority);
        if changed && nexus != own {
            side.pending.establish(Attention::PriorityChanged, limit);
        }
    }
    Ok(Next::GOOD)
}
