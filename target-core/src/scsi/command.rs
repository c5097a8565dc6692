//! How does one command go from its CDB to its status?

use super::access_state;
use super::attention::Attention;
use super::cdb::Cdb;
use super::counters::Counted;
use super::exceptions;
use super::next::{AfterIo, Context, Handled, Next, Wait, WithData};
use super::outcome::{Failure, NexusId, Outcome, Step, status};
use super::sense::{Sense, code};
use super::server::DeviceServer;
use super::table::{self, Entry, flag};
use super::unit::{UnitKey, io_sense};
use crate::io::{IoError, SgList};
use crate::wire::Lun;

/// Task attribute ACA (RFC 7143 11.3.1).
const ATTR_ACA: u8 = 4;

/// A command as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// From whom.
    pub nexus: NexusId,
    /// To which logical unit.
    pub lun: Lun,
    /// Command descriptor block; longer than the command's own length does no harm.
    pub cdb: &'a [u8],
    /// Expected Data Transfer Length.
    pub edtl: u32,
    /// R bit: the initiator expects Data-In.
    pub read: bool,
    /// W bit: the initiator has Data-Out.
    pub write: bool,
    /// Task attribute (RFC 7143 11.3.1).
    pub attr: u8,
    /// An ACA condition of this nexus is in effect at the logical unit.
    pub aca: bool,
}

/// A command on its way. Dropping it abandons the command without further effect.
#[derive(Clone, Debug)]
pub struct Command {
    nexus: NexusId,
    unit: Option<UnitKey>,
    data_out_expected: u32,
    waiting: Waiting,
    /// The operation under way and the unit whose device it is on, for the log.
    counted: Option<(UnitKey, Counted)>,
}

#[derive(Clone, Debug)]
enum Waiting {
    Nothing,
    Data(WithData),
    Io(AfterIo),
    Unit(Wait),
}

impl Command {
    /// Takes a command up to its first step. All that can be refused without looking at data is refused here.
    pub fn start(server: &mut DeviceServer, request: &Request<'_>) -> (Self, Step) {
        let at = server.find(request.lun);
        let unit = at.and_then(|at| server.unit(at)).map(|unit| unit.key);
        let mut command = Self {
            nexus: request.nexus,
            unit,
            data_out_expected: 0,
            waiting: Waiting::Nothing,
            counted: None,
        };
        let data_out = if request.write { request.edtl } else { 0 };
        let mut context = Context { server, unit: at, nexus: request.nexus, data_out };
        let handled = begin(&mut context, request);
        let step = command.step(&mut context, handled);
        (command, step)
    }

    /// Takes the Data-Out that [`Step::DataOut`] asked for, or as much of it as there is.
    pub fn data_out(&mut self, server: &mut DeviceServer, data: SgList) -> Step {
        self.resume(server, |waiting, context| match waiting {
            Waiting::Data(then) => then.proceed(context, data),
            Waiting::Nothing | Waiting::Io(_) | Waiting::Unit(_) => Err(code::INTERNAL_TARGET_FAILURE.into()),
        })
    }

    /// Takes the result of the operation that [`Step::Io`] asked for.
    pub fn io_done(&mut self, server: &mut DeviceServer, result: Result<SgList, IoError>) -> Step {
        let now = server.now;
        if let Some((unit, counted)) = self.counted.take()
            && let Some(unit) = server.find_key(unit).and_then(|at| server.unit(at))
        {
            unit.counters.note(counted, result.as_ref().err().copied(), now);
        }
        self.resume(server, |waiting, context| match (waiting, result) {
            (Waiting::Io(then), Ok(data)) => then.proceed(context, data),
            (Waiting::Io(then), Err(error)) => then.failed(context, io_sense(error)),
            (Waiting::Nothing | Waiting::Data(_) | Waiting::Unit(_), _) => {
                Err(code::INTERNAL_TARGET_FAILURE.into())
            }
        })
    }

    /// Whether it waits for something that goes on at its unit.
    pub(crate) const fn waits_for_unit(&self) -> bool {
        matches!(self.waiting, Waiting::Unit(_))
    }

    /// What it waits for may have come.
    pub(crate) fn woken(&mut self, server: &mut DeviceServer) -> Step {
        self.resume(server, |waiting, context| match waiting {
            Waiting::Unit(wait) => wait.proceed(context),
            Waiting::Nothing | Waiting::Data(_) | Waiting::Io(_) => Err(code::INTERNAL_TARGET_FAILURE.into()),
        })
    }

    fn resume(
        &mut self,
        server: &mut DeviceServer,
        proceed: impl FnOnce(Waiting, &mut Context<'_>) -> Handled,
    ) -> Step {
        let waiting = core::mem::replace(&mut self.waiting, Waiting::Nothing);
        let unit = self.unit.and_then(|key| server.find_key(key));
        let mut context = Context { server, unit, nexus: self.nexus, data_out: 0 };
        let handled = match (self.unit, unit) {
            (Some(_), None) => Err(code::LUN_NOT_SUPPORTED.into()),
            _ => proceed(waiting, &mut context),
        };
        self.step(&mut context, handled)
    }

    fn step(&mut self, context: &mut Context<'_>, handled: Handled) -> Step {
        let device = context.unit().map(|unit| (unit.config.device, unit.block_size()));
        let handled = match (handled, device) {
            (Ok(Next::DataOut { len, then }), _) => {
                self.waiting = Waiting::Data(then);
                self.data_out_expected = len;
                return Step::DataOut { len };
            }
            (Ok(Next::Io { op, then }), Ok((device, block_size))) => {
                self.waiting = Waiting::Io(then);
                let counted = Counted::of(&op, block_size, context.server.now);
                self.counted = self.unit.map(|unit| (unit, counted));
                return Step::Io { device, op };
            }
            (Ok(Next::Wait(wait)), _) => {
                self.waiting = Waiting::Unit(wait);
                return Step::Wait;
            }
            (Ok(Next::Io { .. }), Err(failure)) => Err(failure),
            (Ok(Next::Elsewhere { unit, op, then }), _) => {
                let at = context.server.find_key(unit);
                let there = at.and_then(|at| context.server.unit(at));
                match there.map(|there| (there.config.device, there.block_size())) {
                    Some((device, block_size)) => {
                        self.waiting = Waiting::Io(then);
                        self.counted = Some((unit, Counted::of(&op, block_size, context.server.now)));
                        return Step::Io { device, op };
                    }
                    None => Err(code::INTERNAL_TARGET_FAILURE.into()),
                }
            }
            (Ok(Next::Done(data)), _) => Ok(data),
            (Err(failure), _) => Err(failure),
        };
        let outcome = match handled {
            Ok(data) => Outcome::good(data),
            Err(Failure::Conflict) => Outcome::bare(status::RESERVATION_CONFLICT),
            Err(Failure::Busy) => Outcome::bare(status::BUSY),
            Err(Failure::Check(sense)) => {
                let descriptor = context.unit().is_ok_and(|unit| unit.modes.descriptor_sense);
                Outcome::check(sense.in_format(descriptor))
            }
        };
        Step::Done(Outcome { data_out_expected: self.data_out_expected, ..outcome })
    }
}

/// The checks common to all commands, in the order of SAM-5 5.3.3: unit attention, reservation, then the rest.
fn begin(context: &mut Context<'_>, request: &Request<'_>) -> Handled {
    let cdb = Cdb(request.cdb);
    let found = table::find(cdb);
    let flags = found.map_or(0, |entry| entry.flags);
    if context.unit.is_none() && flags & flag::NO_UNIT == 0 {
        return Err(code::LUN_NOT_SUPPORTED.into());
    }
    let (now, limit) = (context.server.now, context.server.attentions_max);
    if let Ok(unit) = context.unit() {
        exceptions::report(unit, now, limit);
    }
    if flags & flag::UNDER_ATTENTION == 0
        && let Some(attention) = take_attention(context)
    {
        return Err(attention.code().into());
    }
    let entry = found?;
    if !context.unit().map_or(true, |unit| entry.is_offered(unit)) {
        return Err(code::INVALID_OPCODE.into());
    }
    if let Ok(unit) = context.unit()
        && unit.conflicts(request.nexus, (entry.access)(cdb))
    {
        return Err(Failure::Conflict);
    }
    if request.attr == ATTR_ACA && !request.aca {
        // There is no ACA condition that the command could serve (SAM-5 8.6).
        return Err(code::INVALID_MESSAGE.into());
    }
    // What the unit cannot do now comes before what the CDB asks for: a write-protected unit says so whatever the bits.
    check_state(context, entry)?;
    entry.check_reserved(cdb)?;
    if context.unit().is_ok_and(|unit| unit.atomic.strong_count() > 0) && flags & flag::MEDIUM != 0 {
        return Err(Failure::Busy);
    }
    if flags & flag::MEDIUM != 0
        && let Ok(unit) = context.unit()
    {
        unit.power.used(now);
    }
    (entry.run)(context, cdb)
}

fn take_attention(context: &mut Context<'_>) -> Option<Attention> {
    let nexus = context.nexus;
    let side = context.unit().ok()?.side(nexus)?;
    if side.pending.is_empty() { None } else { side.pending.take() }
}

fn check_state(context: &mut Context<'_>, entry: &Entry) -> Result<(), Sense> {
    let (now, group) = (context.server.now, context.ports().map_or(0, |ports| ports.group));
    let Ok(unit) = context.unit() else {
        return Ok(());
    };
    access_state::check(unit.access.of(group, now).0, entry.opcode, entry.action)?;
    if entry.flags & flag::UNDER_UPKEEP == 0
        && let Some(sense) = unit.condition.refusal(unit.config.blocks)
        && !entry.mends(&unit.condition)
    {
        return Err(sense);
    }
    if unit.ejected && entry.needs_medium() {
        return Err(code::MEDIUM_NOT_PRESENT.into());
    }
    if unit.stopped && entry.flags & flag::MEDIUM != 0 {
        return Err(code::START_REQUIRED.into());
    }
    match unit.write_protection() {
        Some(sense) if entry.flags & flag::WRITES != 0 => Err(sense),
        _ => Ok(()),
    }
}
