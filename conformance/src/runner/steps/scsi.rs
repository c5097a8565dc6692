//! `scsi`: one command with its data, and how it ends.

use super::expect::{compare, sense_differences};
use super::program::{Done, Owns, Program, credit, drive, judge};
use super::send::{cdb_bytes, command_name, overrides};
use crate::runner::failure::Class;
use crate::runner::scope::{Cx, Outcome};
use crate::runner::state::{field_value, part};
use crate::scenario::expr::Value;
use crate::scenario::fields;
use crate::scenario::matcher::Style;
use crate::scenario::step::Scsi;
use crate::scenario::symbols;
use bytes::Bytes;
use initiator_sim::codec::Kind;
use initiator_sim::initiator::cdb::{self, Direction};
use initiator_sim::initiator::{
    CommandOutcome, CommandPlan, CommandProgram, Draft, Incoming, Residual, Session, Step, Unsolicited,
};

struct Command {
    program: CommandProgram,
    answer_r2t: bool,
}

impl Program for Command {
    type Outcome = CommandOutcome;

    fn start(&mut self, session: &mut Session) -> Step<CommandOutcome> {
        self.program.start(session)
    }

    fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<CommandOutcome> {
        self.program.receive(session, incoming)
    }

    fn adjust(&mut self, drafts: &mut Vec<Draft>, first: bool) {
        if !first && !self.answer_r2t {
            drafts.retain(|draft| draft.kind != Kind::DataOut);
        }
    }
}

/// Runs it.
pub(super) async fn scsi(cx: &Cx<'_>, step: &Scsi) -> Outcome<()> {
    let conn = cx.conn(&step.on)?;
    let until = cx.deadline(step.within.as_ref())?;
    let (plan, unasked) = plan(cx, step)?;
    if !step.immediate {
        credit(cx, conn, until).await?;
    }
    let index = cx.state.borrow().conns[conn].index;
    let command =
        Command { program: CommandProgram::new(index, plan), answer_r2t: step.answer_r2t.unwrap_or(true) };
    let done = drive(cx, conn, Owns::Task, until, step.name.as_deref(), command).await?;
    check(cx, step, &done, unasked)
}

/// Which residual is wrong where the step expects none in particular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unasked {
    /// None is: the step names an expected length of its own.
    Allowed,
    /// An overflow: the CDB says how much there may be at most.
    Overflow,
    /// Any: the CDB says exactly how much there is.
    Any,
}

/// The command; and which residual would be wrong.
fn plan(cx: &Cx<'_>, step: &Scsi) -> Outcome<(CommandPlan, Unasked)> {
    let lun = cx.lun(step.lun.as_ref())?;
    let command = step.cdb.as_ref().ok_or_else(|| cx.script("a scsi step needs a command"))?;
    let bytes = cdb_bytes(cx, command)?;
    let block = cx.state.borrow().block_size(fields::lun_number(lun));
    let moved = cdb::transfer(&bytes, block);
    let by_cdb =
        |direction| moved.filter(|moved| moved.direction == direction).map_or(0, |moved| moved.bytes);
    let data = step.data.as_ref().map(|data| cx.data(data)).transpose()?.unwrap_or_default();
    let given = |expr: &Option<crate::scenario::expr::Expr>, default: u32| {
        expr.as_ref().map_or(Ok(default), |expr| cx.small::<u32>(expr, &[]))
    };
    let write = match by_cdb(Direction::Out) {
        0 => u32::try_from(data.len()).unwrap_or(u32::MAX),
        bytes => bytes,
    };
    let read_len = given(&step.read, by_cdb(Direction::In))?;
    let write_len = given(&step.write, write)?;
    let unasked = match (step.read.is_some() || step.write.is_some(), cdb::field(&bytes, "blocks")) {
        (true, _) => Unasked::Allowed,
        (false, Some(_)) => Unasked::Any,
        // Without an entry in the table nothing is known about a CDB's data.
        (false, None) if moved.is_none() => Unasked::Allowed,
        (false, None) => Unasked::Overflow,
    };
    let plan = CommandPlan {
        lun,
        cdb: bytes,
        read_len,
        write_len,
        data,
        unsolicited: step.unsolicited.unwrap_or(Unsolicited::Negotiated),
        data_pdu_max: step.data_pdu_max.as_ref().map(|expr| cx.small(expr, &[])).transpose()?,
        attr: step.attr.as_ref().map(|attr| cx.small(attr, symbols::TASK_ATTRIBUTE)).transpose()?,
        immediate: step.immediate,
        fields: overrides(cx, Kind::ScsiCommand, &step.fields)?,
    };
    Ok((plan, unasked))
}

fn check(cx: &Cx<'_>, step: &Scsi, done: &Done<CommandOutcome>, unasked: Unasked) -> Outcome<()> {
    let outcome = &done.outcome;
    let what = step.cdb.as_ref().map(command_name).unwrap_or_default();
    if let Some(reason) = outcome.rejected {
        let reason = super::expect::show(Kind::Reject, "Reason", reason.into());
        return Err(cx.fail(
            Class::Mismatch,
            format!("{what}.rejected"),
            format!("{what} was rejected: {reason}"),
        ));
    }
    let num = |number: u64| Some(Value::Num(number));
    let status = Style { names: symbols::SCSI_STATUS, serial: false };
    let response = super::expect::style(Kind::ScsiResponse, "Response");
    let mut lines = Vec::new();
    lines.extend(compare(
        cx,
        "response",
        step.response.as_ref(),
        Some(0),
        num(outcome.response.into()),
        response,
    )?);
    lines.extend(compare(cx, "status", step.status.as_ref(), Some(0), num(outcome.status.into()), status)?);
    if let Some(sense) = &step.sense {
        lines.extend(sense_differences(cx, sense, outcome.sense.as_ref())?);
    } else if let (false, Some(sense)) = (lines.is_empty(), &outcome.sense) {
        lines.push(format!("sense: {sense}"));
    }
    let data = Value::Bytes(Bytes::from(outcome.data.clone()));
    lines.extend(compare(cx, "data", step.expect_data.as_ref(), None, Some(data), Style::default())?);
    let counts = [("r2ts", &step.r2ts, outcome.r2ts), ("data_ins", &step.data_ins, outcome.data_ins)];
    for (name, matcher, count) in counts {
        lines.extend(compare(cx, name, matcher.as_ref(), None, num(count.into()), Style::default())?);
    }
    lines.extend(residual(cx, step, outcome, unasked)?);
    judge(cx, &what, lines)?;
    if let Some(last) = &done.last {
        let mut state = cx.state.borrow_mut();
        for (name, field) in &step.save {
            let whole = match fields::part(field) {
                Some(("data", bytes)) => Some((&outcome.data, bytes)),
                Some(("sense", bytes)) => Some((&outcome.sense_bytes, bytes)),
                _ => None,
            };
            let value = match whole {
                Some((bytes, None)) => Some(Value::Bytes(Bytes::from(bytes.clone()))),
                Some((bytes, Some(range))) => part(&Value::Bytes(Bytes::from(bytes.clone())), range),
                None => field_value(last, field),
            };
            if let Some(value) = value {
                state.vars.insert(name.clone(), value);
            }
        }
    }
    Ok(())
}

fn residual(cx: &Cx<'_>, step: &Scsi, outcome: &CommandOutcome, unasked: Unasked) -> Outcome<Vec<String>> {
    let (under, over) = match outcome.residual {
        Residual::None => (None, None),
        Residual::Underflow(bytes) => (Some(u64::from(bytes)), None),
        Residual::Overflow(bytes) => (None, Some(u64::from(bytes))),
    };
    let mut lines = Vec::new();
    match &step.residual {
        Some((want_under, want_over)) => {
            for (name, want, got) in [("under", want_under, under), ("over", want_over, over)] {
                match (want, got) {
                    (None, None) => {}
                    (None, Some(got)) => {
                        lines.push(format!("residual: expected no {name}flow, got {got} bytes"))
                    }
                    (Some(want), got) => {
                        lines.extend(compare(
                            cx,
                            name,
                            Some(want),
                            None,
                            got.map(Value::Num),
                            Style::default(),
                        )?);
                    }
                }
            }
        }
        None if outcome.status == 0 => match (unasked, outcome.residual) {
            (_, Residual::None) | (Unasked::Allowed, _) | (Unasked::Overflow, Residual::Underflow(_)) => {}
            (Unasked::Overflow, got) => lines.push(format!("residual: expected no overflow, got {got:?}")),
            (Unasked::Any, got) => lines.push(format!("residual: expected none, got {got:?}")),
        },
        None => {}
    }
    Ok(lines)
}
