//! I register, I reserve, I take it from you: PERSISTENT RESERVE OUT (SPC-4 6.16, 5.12.5 to 5.12.11)

use super::super::cdb::Cdb;
use super::super::next::{Context, Handled, Next, WithData};
use super::super::outcome::{Failure, NexusId};
use super::super::sense::{Sense, code};
use super::change::{Change, commit};
use super::kind::Kind;
use super::registry::{Ports, Registry, Told};
use super::transport_id::{self, TransportId};
use crate::io::SgList;
use alloc::vec::Vec;

/// Service actions.
const REGISTER: u8 = 0;
const RESERVE: u8 = 1;
const RELEASE: u8 = 2;
const CLEAR: u8 = 3;
const PREEMPT: u8 = 4;
const PREEMPT_AND_ABORT: u8 = 5;
const REGISTER_AND_IGNORE: u8 = 6;
const REGISTER_AND_MOVE: u8 = 7;

/// The parameter list without TransportIDs.
const LIST_LEN: usize = 24;
/// More than this is refused: about 200 of the longest TransportIDs.
const LIST_MAX: u32 = 1 << 16;

/// Whether a command is PERSISTENT RESERVE OUT with PREEMPT AND ABORT, whose response is fenced (RFC 7143 4.2.2.3.4 f).
pub(crate) fn preempts_and_aborts(cdb: &[u8]) -> bool {
    matches!(cdb, [0x5f, action, ..] if action & 0x1f == PREEMPT_AND_ABORT)
}

/// A PERSISTENT RESERVE OUT that waits for its parameter list.
#[derive(Clone, Copy, Debug)]
pub(in crate::scsi) struct Job {
    action: u8,
    scope_type: u8,
    len: usize,
}

/// Who must be registered and is not need not send its list.
pub(in crate::scsi) fn out(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let job = Job {
        action: cdb.byte(1) & 0x1f,
        scope_type: cdb.byte(2),
        len: usize::try_from(cdb.be32(5)).unwrap_or(usize::MAX),
    };
    let nexus = context.nexus;
    let registered = context.unit()?.persistent.of(nexus).is_some();
    if !registered && !matches!(job.action, REGISTER | REGISTER_AND_IGNORE) {
        return Err(Failure::Conflict);
    }
    let len = cdb.be32(5);
    if job.len < LIST_LEN || len > LIST_MAX {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    Ok(Next::DataOut { len, then: WithData::PersistOut(job) })
}

/// The parameter list, taken apart.
struct List<'a> {
    key: u64,
    service_key: u64,
    spec_i_pt: bool,
    all_tg_pt: bool,
    aptpl: bool,
    bytes: &'a [u8],
}

pub(in crate::scsi) fn with_data(context: &mut Context<'_>, job: Job, data: &SgList) -> Handled {
    let bytes = data.to_bytes();
    if bytes.len() < job.len {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let fields = Cdb(&bytes);
    let list = List {
        key: fields.be64(0),
        service_key: fields.be64(8),
        spec_i_pt: fields.bit(20, 3),
        all_tg_pt: fields.bit(20, 2),
        aptpl: fields.bit(20, 0),
        bytes: &bytes,
    };
    let registers = matches!(job.action, REGISTER | REGISTER_AND_IGNORE);
    if job.action != REGISTER_AND_MOVE {
        // Elsewhere the bit has no meaning.
        if registers && list.aptpl && !context.unit()?.keeps_records() {
            return Err(Sense::parameter_field(20, Some(0)).into());
        }
        if list.spec_i_pt && job.action != REGISTER {
            return Err(Sense::parameter_field(20, Some(3)).into());
        }
        if !list.spec_i_pt && bytes.len() != LIST_LEN {
            return Err(code::PARAMETER_LIST_LENGTH.into());
        }
    }
    let (by, unit) = (context.nexus, context.unit()?);
    if unit.saving.is_some() {
        // What this one finds is not decided yet.
        return Err(Failure::Busy);
    }
    let mut registry = unit.persistent.clone();
    let found = registry.of(by).map(|registration| registration.key);
    let mut told = Told::default();
    let mut cleared = Vec::new();
    if registers {
        told = register(context, &mut registry, job, &list, found)?;
    } else {
        if found != Some(list.key) {
            return Err(Failure::Conflict);
        }
        let kind = Kind::of(job.scope_type);
        match job.action {
            RESERVE => registry.reserve(by, kind.ok_or(Cdb::reject(2, None))?)?,
            RELEASE => told = registry.release(by, kind)?,
            CLEAR => cleared = registry.clear(by),
            PREEMPT | PREEMPT_AND_ABORT => told = registry.preempt(by, list.service_key, kind)?,
            REGISTER_AND_MOVE => hand_over(context, &mut registry, &list)?,
            _ => return Err(Cdb::reject(1, Some(4))),
        }
    }
    let aborts = job.action == PREEMPT_AND_ABORT;
    commit(context, Change { by, registry, told, cleared, aborts })
}

/// REGISTER and REGISTER AND IGNORE EXISTING KEY; `found` is the key that the nexus is registered with.
fn register(
    context: &Context<'_>,
    registry: &mut Registry,
    job: Job,
    list: &List<'_>,
    found: Option<u64>,
) -> Result<Told, Failure> {
    if job.action == REGISTER && list.key != found.unwrap_or(0) {
        return Err(Failure::Conflict);
    }
    if found.is_some() && list.spec_i_pt {
        return Err(Sense::parameter_field(20, Some(3)).into());
    }
    // The last registration decides for all of them (SPC-4 5.12.3).
    registry.is_kept = list.aptpl;
    if list.service_key == 0 {
        return Ok(registry.unregister(context.nexus));
    }
    let me = context.ports().ok_or(Failure::Conflict)?;
    let (initiator, group) = (me.initiator_port.to_ascii_lowercase(), me.group);
    let mut initiators = Vec::from([initiator]);
    if list.spec_i_pt {
        named(context, list.bytes, &mut initiators)?;
    }
    let mut groups = Vec::from([group]);
    if list.all_tg_pt {
        groups.extend(context.server.groups.iter().filter(|other| **other != group));
    }
    let all: Vec<Ports> = initiators
        .iter()
        .flat_map(|initiator| {
            groups.iter().map(|group| Ports { initiator: initiator.clone(), group: *group })
        })
        .collect();
    registry.register(&all, list.service_key, limit(context), live(context))?;
    Ok(Told::default())
}

/// How many registrations a unit may have.
fn limit(context: &Context<'_>) -> usize {
    usize::try_from(context.server.registrations_max).unwrap_or(usize::MAX)
}

/// Which session is between two ports.
fn live(context: &Context<'_>) -> impl Fn(&Ports) -> Option<NexusId> {
    |ports| context.server.session_of(&ports.initiator, ports.group)
}

/// The initiator ports that the TransportIDs of SPEC_I_PT name; an initiator device stands for those of its ports that
/// are here.
fn named(
    context: &Context<'_>,
    bytes: &[u8],
    initiators: &mut Vec<alloc::string::String>,
) -> Result<(), Failure> {
    let length = usize::try_from(Cdb(bytes).be32(LIST_LEN)).unwrap_or(usize::MAX);
    let mut at = LIST_LEN.saturating_add(4);
    if bytes.len() < at || bytes.len().saturating_sub(at) != length {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (id, taken) = transport_id::parse(rest).map_err(|wrong| parameter(at.saturating_add(wrong)))?;
        let mut add = |name: alloc::string::String| {
            if !initiators.contains(&name) {
                initiators.push(name);
            }
        };
        match id {
            TransportId::Port(name) => add(name),
            TransportId::Device(device) => {
                for port in context.server.initiator_ports() {
                    let port = port.to_ascii_lowercase();
                    if port.split_once(",i,").is_some_and(|(name, _)| name == device) {
                        add(port);
                    }
                }
            }
        }
        at = at.saturating_add(taken);
    }
    Ok(())
}

fn parameter(at: usize) -> Failure {
    Sense::parameter_field(u16::try_from(at).unwrap_or(u16::MAX), None).into()
}

/// REGISTER AND MOVE (SPC-4 5.12.8); the key is the nexus's own.
fn hand_over(context: &mut Context<'_>, registry: &mut Registry, list: &List<'_>) -> Result<(), Failure> {
    let nexus = context.nexus;
    let fields = Cdb(list.bytes);
    let Some(kind) = registry.kind else { return Err(Cdb::reject(1, Some(4))) };
    if kind.is_for_all() || !registry.of(nexus).is_some_and(|it| registry.is_holder(it)) {
        return Err(Failure::Conflict);
    }
    if list.service_key == 0 {
        return Err(parameter(8));
    }
    let (unregister, aptpl) = (fields.bit(17, 1), fields.bit(17, 0));
    if aptpl && !context.unit()?.keeps_records() {
        return Err(Sense::parameter_field(17, Some(0)).into());
    }
    let group = fields.be16(18);
    if !context.server.groups.contains(&group) && context.ports().is_none_or(|me| me.group != group) {
        return Err(parameter(18));
    }
    let length = usize::try_from(fields.be32(20)).unwrap_or(usize::MAX);
    let rest = list.bytes.get(LIST_LEN..).unwrap_or_default();
    if rest.len() != length {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let (id, taken) = transport_id::parse(rest).map_err(|wrong| parameter(LIST_LEN.saturating_add(wrong)))?;
    let TransportId::Port(initiator) = id else { return Err(parameter(LIST_LEN)) };
    if taken != length {
        return Err(parameter(20));
    }
    let to = Ports { initiator, group };
    if registry.of(nexus).is_some_and(|it| it.ports == to) {
        return Err(parameter(LIST_LEN));
    }
    registry.is_kept = aptpl;
    registry.hand_over(nexus, &to, list.service_key, unregister, limit(context), live(context))
}
