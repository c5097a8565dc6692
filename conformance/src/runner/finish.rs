//! What has to hold when the last step is done? Nothing unexpected came, nothing was found, every fault hit, all is idle.

use super::exec::block_on;
use super::failure::{Class, Failure};
use super::scope::{Cx, Outcome};
use super::setup::SETTLE;
use super::state::{Item, State};
use super::steps;
use crate::scenario::Scenario;
use crate::scenario::units::Nanos;
use initiator_sim::initiator::Strength;
use std::cell::RefCell;
use std::rc::Rc;

/// How long a run on TCP listens for more after its last step.
const LISTEN: Nanos = 20_000_000;

/// Runs the steps and looks at what they left.
pub(super) fn carry_out(state: &RefCell<State>, scenario: &Scenario) -> Outcome<()> {
    if let Some(first) = scenario.steps.first() {
        let cx = Cx { state, locals: Rc::default(), id: "", at: &first.at };
        block_on(state, steps::run(cx, &scenario.steps, &scenario.faults))
            .map_err(|failure| deeper(state, failure))?;
    }
    // Time may have gone by since the last event, or events by the thousand come in one step.
    state.borrow().within_limits()?;
    settle(state)?;
    findings(state)?;
    leftovers(state)?;
    unused_faults(state)
}

/// A panic or a finding is the cause where a step only saw its effect.
fn deeper(state: &RefCell<State>, failure: Box<Failure>) -> Box<Failure> {
    if failure.class == Class::Panic {
        return failure;
    }
    let dead = state.borrow().lab.dead();
    if let Some(why) = dead {
        return state.borrow().lost(Class::Panic, "core", why);
    }
    match findings(state) {
        Err(mut found) => {
            found.details.push(format!("after that: {}", failure.headline));
            found.step = failure.step;
            found.at = failure.at;
            found
        }
        Ok(()) => failure,
    }
}

/// Lets what is under way arrive.
fn settle(state: &RefCell<State>) -> Outcome<()> {
    let simulated = state.borrow_mut().lab.world().is_some();
    let until = state.borrow().now() + if simulated { SETTLE } else { LISTEN };
    loop {
        let idle = state.borrow_mut().lab.world().map(|world| world.is_idle());
        if idle == Some(true) || state.borrow().now() >= until {
            return Ok(());
        }
        state.borrow_mut().wake_at = until;
        state.borrow_mut().pump()?;
    }
}

/// What the initiator and the checks of the world found.
fn findings(state: &RefCell<State>) -> Outcome<()> {
    let mut state = state.borrow_mut();
    let simulated = state.lab.world().is_some();
    let mut first: Option<Box<Failure>> = None;
    let violations = state.lab.world().map(|world| world.violations().to_vec()).unwrap_or_default();
    for violation in violations {
        let class = if violation.rule == "progress" { Class::Liveness } else { Class::Oracle };
        match &mut first {
            Some(failure) => failure.details.push(violation.to_string()),
            None => {
                first =
                    Some(state.lost(class, violation.rule, format!("the world's checks found: {violation}")))
            }
        }
    }
    for session in 0..state.sessions.len() {
        for violation in state.sessions[session].take_violations() {
            // What a foreign target merely should do is its own affair.
            if (violation.strength == Strength::Should && !simulated) || state.tolerated(violation.rule) {
                continue;
            }
            match &mut first {
                Some(failure) => failure.details.push(violation.to_string()),
                None => {
                    let text = format!("the target broke a clause: {violation}");
                    first = Some(state.lost(Class::Finding, violation.rule, text));
                }
            }
        }
    }
    first.map_or(Ok(()), Err)
}

/// PDUs that no step expected.
fn leftovers(state: &RefCell<State>) -> Outcome<()> {
    let state = state.borrow();
    for conn in &state.conns {
        for item in &conn.inbox {
            if let Item::Pdu(incoming) = item {
                let kind = incoming.pdu().map_or("PDU".to_owned(), |(kind, _)| kind.to_string());
                let text = format!("nobody expected on {}: {}", conn.name, steps::describe(item));
                return Err(state.lost(Class::Unexpected, &kind, text));
            }
        }
    }
    Ok(())
}

fn unused_faults(state: &RefCell<State>) -> Outcome<()> {
    let mut state = state.borrow_mut();
    let unused = state.lab.world().map(|world| world.unused_faults()).unwrap_or_default();
    let found = state.faults.iter().find(|fault| !fault.maybe && unused.contains(&fault.id));
    match found {
        Some(fault) => {
            let mut failure = state.lost(
                Class::UnusedFault,
                "fault",
                "this fault never hit; take it out or say `maybe: true`",
            );
            failure.step.clone_from(&fault.step);
            failure.at = Some(fault.at.clone());
            Err(failure)
        }
        None => Ok(()),
    }
}
