//! What does each step do? One file for each kind of step; all are futures that wait for the lab.

mod expect;
mod login;
mod probes;
mod program;
mod requests;
mod scsi;
mod send;
mod world;

pub(super) use expect::describe;
pub(super) use world::REAL_PAUSE_MAX;

use super::exec::{Steps, join};
use super::failure::Class;
use super::scope::{Cx, Outcome};
use crate::scenario::expr::Value;
use crate::scenario::matcher::Style;
use crate::scenario::model::PlannedFault;
use crate::scenario::step::{Action, Repeat, Step};

/// Most turns of a loop.
const TIMES_MAX: u64 = 100_000;

/// The steps of a list, one after the other.
pub(super) fn run<'a>(cx: Cx<'a>, steps: &'a [Step], faults: &'a [PlannedFault]) -> Steps<'a> {
    Box::pin(async move {
        for step in steps {
            let cx = cx.inner(step);
            world::arm_planned(&cx, faults)?;
            action(cx, &step.action, faults).await?;
        }
        Ok(())
    })
}

async fn action<'a>(cx: Cx<'a>, action: &'a Action, faults: &'a [PlannedFault]) -> Outcome<()> {
    match action {
        Action::Connect(connect) => login::connect(&cx, connect).map(|_| ()),
        Action::Login(step) => login::login(&cx, step).await,
        Action::Send(step) => send::send(&cx, step),
        Action::Expect(step) | Action::ExpectClose(step) => expect::expect(&cx, step).await,
        Action::ExpectNone { on, time, allow } => expect::expect_none(&cx, on, time, allow).await,
        Action::Scsi(step) => scsi::scsi(&cx, step).await,
        Action::Tmf(step) => requests::tmf(&cx, step).await,
        Action::Logout(step) => requests::logout(&cx, step).await,
        Action::Text(step) => requests::text(&cx, step).await,
        Action::Nop(step) => requests::nop(&cx, step).await,
        Action::Fault(step) => world::fault(&cx, step),
        Action::Net(verb, on) => world::net(&cx, *verb, on),
        Action::Advance(time) => world::advance(&cx, time).await,
        Action::UntilIdle => world::until_idle(&cx).await,
        Action::Target(verb) => world::target(&cx, verb),
        Action::ExpectProbe(step) => probes::expect(&cx, step).await,
        Action::ForbidProbe(step) => probes::forbid(&cx, step),
        Action::Let(list) => {
            for (name, expr) in list {
                let value = cx.value(expr)?;
                cx.state.borrow_mut().vars.insert(name.clone(), value);
            }
            Ok(())
        }
        Action::Check(expr, matcher) => {
            let value = cx.value(expr)?;
            let line = cx.scoped(|scope, _| matcher.mismatch("value", Some(&value), Style::default(), scope));
            match line.map_err(|error| cx.script(error))? {
                Some(line) => Err(cx.fail(Class::Mismatch, "check", line)),
                None => Ok(()),
            }
        }
        Action::Par(branches) => {
            let branches = branches.iter().map(|(_, steps)| run(cx.clone(), steps, faults)).collect();
            join(branches).await
        }
        Action::Repeat(step) => repeat(cx, step, faults).await,
        Action::Use(params, steps) => {
            let mut values = Vec::new();
            for (name, expr) in params {
                values.push((name.clone(), cx.value(expr)?));
            }
            run(cx.with(values), steps, faults).await
        }
    }
}

async fn repeat<'a>(cx: Cx<'a>, step: &'a Repeat, faults: &'a [PlannedFault]) -> Outcome<()> {
    if let Some(times) = &step.times {
        let times = cx.number(times, &[])?;
        if times > TIMES_MAX {
            return Err(cx.script(format!("{times} turns are more than {TIMES_MAX}")));
        }
        for turn in 0..times {
            run(cx.with(vec![("i".to_owned(), Value::Num(turn))]), &step.steps, faults).await?;
        }
    }
    for (turn, item) in step.each.iter().enumerate() {
        let item = cx.value(item)?;
        let names = vec![("i".to_owned(), Value::Num(turn as u64)), ("item".to_owned(), item)];
        run(cx.with(names), &step.steps, faults).await?;
    }
    Ok(())
}

/// A number that belongs to a step, for faults by chance: it stays when other steps go.
fn op_of(id: &str) -> u64 {
    initiator_sim::trace::hash_bytes(0, id.as_bytes()) | 1
}
