//! Has the implementation what a scenario needs? Asked on the wire where the wire can tell; what is lacking is a skip with the
//! reason, never a pass.

use super::case::Backend;
use super::lab::Lab;
use super::state::State;
use crate::scenario::Scenario;
use crate::scenario::model::{RunLimits, TargetSpec};
use crate::scenario::step::Action;
use crate::scenario::units::{Nanos, show_time};
use crate::scenario::{expr::Expr, walk};
use initiator_sim::initiator::{LoginOutcome, LoginPlan, LoginProgram, Session};

/// What an implementation offers, as far as a login tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    max_connections: u32,
    error_recovery_level: u8,
    digests: bool,
    immediate_data: bool,
    initial_r2t: bool,
    /// Why nothing is known.
    failed: Option<String>,
}

/// Why a scenario cannot run on this backend at all, without asking anybody.
pub(super) fn unfit(scenario: &Scenario, backend: &Backend) -> Option<String> {
    let Backend::Tcp(options) = backend else { return None };
    if scenario.needs.iter().any(|need| need == "simulator") {
        return Some("needs the simulator".to_owned());
    }
    if scenario.needs.iter().any(|need| need == "lab_disk") {
        return Some("needs the blank disk of 2048 blocks that the simulator gives each scenario".to_owned());
    }
    let chap = options.chap.is_some() && scenario.needs.iter().any(|need| need == "chap");
    if let Some(what) = own_target(&scenario.target, chap) {
        return Some(format!("needs a target with its own {what}, which only the simulator has"));
    }
    if !scenario.faults.is_empty() {
        return Some("faults need the simulator".to_owned());
    }
    if scenario.needs.iter().any(|need| need == "chap") && options.chap.is_none() {
        return Some("needs chap: no credentials were given".to_owned());
    }
    let mut reason = None;
    walk(&scenario.steps, &mut |step| {
        let why = match &step.action {
            Action::Fault(_) => Some("`fault` needs the simulator".to_owned()),
            Action::Target(_) => Some("`target` needs the simulator".to_owned()),
            Action::ExpectProbe(_) | Action::ForbidProbe(_) => {
                Some("probes are only seen in the simulator".to_owned())
            }
            Action::UntilIdle => Some("`clock: {until: idle}` needs the simulator".to_owned()),
            Action::Net(verb, _) if verb.is_simulated() => {
                Some("this `net` step needs the simulator".to_owned())
            }
            Action::Advance(time) => pause(time),
            _ => None,
        };
        if let (None, Some(why)) = (&reason, why) {
            reason = Some(format!("{}: {why}", step.at.show()));
        }
    });
    reason
}

fn pause(time: &Expr) -> Option<String> {
    let nanos = time
        .literal()
        .and_then(|value| crate::scenario::units::time(&value.text()).ok())
        .unwrap_or(Nanos::MAX);
    (nanos > super::steps::REAL_PAUSE_MAX).then(|| format!("{} of real time is too long", show_time(nanos)))
}

/// What a scenario asks of the target beyond the usual one; credentials may be there.
fn own_target(spec: &TargetSpec, chap: bool) -> Option<&'static str> {
    let parts = [
        ("luns", spec.main.luns.is_some()),
        ("auth", (spec.main.auth.is_some() && !chap) || spec.discovery_auth.is_some()),
        ("names", spec.main.name.is_some() || spec.main.alias.is_some()),
        ("initiators", !spec.main.initiators.is_empty()),
        ("redirect", spec.main.redirect.is_some()),
        ("further targets", !spec.more.is_empty()),
        ("portals", !spec.portals.is_empty()),
        ("params", !spec.params.is_empty()),
        ("limits", !spec.limits.is_empty()),
        ("timers", !spec.timers.is_empty()),
        ("storage", spec.latency.is_some()),
    ];
    parts.iter().find(|(_, is)| *is).map(|(name, _)| *name)
}

/// True if the answer has to be asked for.
pub(super) fn needs_asking(scenario: &Scenario) -> bool {
    scenario.needs.iter().any(|need| ASKED.contains(&need.as_str()))
}

const ASKED: [&str; 6] = ["mcs", "erl1", "erl2", "digests", "initial_r2t_no", "immediate_data"];

/// What is lacking.
pub(super) fn lacking(scenario: &Scenario, offers: &Offers) -> Option<String> {
    if let Some(why) = &offers.failed {
        return Some(format!("cannot ask the target what it offers: {why}"));
    }
    let has = |need: &str| match need {
        "mcs" => offers.max_connections > 1,
        "erl1" => offers.error_recovery_level >= 1,
        "erl2" => offers.error_recovery_level >= 2,
        "digests" => offers.digests,
        "initial_r2t_no" => !offers.initial_r2t,
        "immediate_data" => offers.immediate_data,
        _ => true,
    };
    let need = scenario.needs.iter().find(|need| !has(need))?;
    Some(format!("needs {need}, which the target does not offer"))
}

/// Logs in with everything on offer and looks at what is left.
pub(super) fn ask(lab: Box<dyn Lab>, initiator: &str, target: &str) -> Offers {
    let mut state = State::new(lab, RunLimits::default());
    let mut session = Session::new(initiator, target);
    session.isid[5] = 0xff;
    state.sessions.push(session);
    match talk(&mut state) {
        Ok(offers) => offers,
        Err(why) => Offers { failed: Some(why), ..Offers::default() },
    }
}

fn talk(state: &mut State) -> Result<Offers, String> {
    let conn = state.open("needs", 0, 1, &super::lab::Dial::default())?;
    let plan = LoginPlan::default()
        .with_key("HeaderDigest", "CRC32C,None")
        .with_key("DataDigest", "CRC32C,None")
        .with_key("ErrorRecoveryLevel", "2")
        .with_key("MaxConnections", "8");
    let mut program = LoginProgram::new(0, plan);
    let mut step = program.start(&mut state.sessions[0]);
    let until = state.now().saturating_add(state.patience);
    loop {
        for draft in &step.send {
            state.send(conn, draft, 0, None).map_err(|error| error.to_string())?;
        }
        if let Some(outcome) = step.done {
            if outcome != LoginOutcome::LoggedIn {
                return Err(format!("{outcome:?}"));
            }
            break;
        }
        let incoming = loop {
            match state.take_claimed(conn, None) {
                Some(super::state::Item::Pdu(incoming)) => break incoming,
                Some(super::state::Item::End(_)) => return Err("the connection ended".to_owned()),
                None if state.now() >= until => return Err("no answer to a login".to_owned()),
                None => {
                    state.wake_at = until;
                    state.pump().map_err(|failure| failure.headline.clone())?;
                }
            }
        };
        step = program.receive(&mut state.sessions[0], &incoming);
    }
    let session = &state.sessions[0];
    let link = session.connection(0);
    let offers = Offers {
        max_connections: session.params.max_connections,
        error_recovery_level: session.params.error_recovery_level,
        digests: link.params.digests.header && link.params.digests.data,
        immediate_data: session.params.immediate_data,
        initial_r2t: session.params.initial_r2t,
        failed: None,
    };
    let lab = state.conns[conn].lab;
    state.lab.end(lab, super::lab::End::Close);
    Ok(offers)
}
