//! Has the implementation what a scenario needs? Asked on the wire where the wire can tell; what is lacking is a skip with the
//! reason, never a pass.

use super::case::TcpOptions;
use super::offers::Offers;
use crate::scenario::Scenario;
use crate::scenario::model::{AuthSpec, Cdb, TargetSpec};
use crate::scenario::step::Action;
use crate::scenario::units::{Nanos, show_time};
use crate::scenario::{
    expr::{Expr, Value},
    walk,
};
use initiator_sim::codec::Kind;

/// Why a scenario cannot run on TCP at all, without asking the target.
pub(super) fn unfit(scenario: &Scenario, options: &TcpOptions) -> Option<String> {
    let needs = |need: &str| scenario.needs.iter().any(|known| known == need);
    if needs("simulator") {
        return Some("needs the simulator".to_owned());
    }
    if needs("lab_disk") {
        return Some("needs the blank disk of 2048 blocks that the simulator gives each scenario".to_owned());
    }
    let chap = is_about_chap(scenario);
    if chap && options.chap.is_none() {
        return Some("needs chap: no credentials were given (--chap)".to_owned());
    }
    if needs("chap_mutual") && options.mutual.is_none() {
        return Some("needs chap_mutual: no credentials of the target were given (--chap-mutual)".to_owned());
    }
    if needs("chap_one_way") && options.mutual.is_some() {
        return Some("needs chap_one_way: this target has credentials of its own".to_owned());
    }
    if let Some(what) = own_target(&scenario.target, chap) {
        return Some(format!("needs a target with its own {what}, which only the simulator has"));
    }
    if !scenario.faults.is_empty() {
        return Some("faults need the simulator".to_owned());
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

/// Params that another target has as well, if what it offers reaches that far.
const OFFERED: [&str; 3] = ["ErrorRecoveryLevel", "MaxConnections", "DefaultTime2Retain"];

/// The first of the params that the target does not reach.
fn out_of_reach(spec: &TargetSpec, offers: &Offers) -> Option<String> {
    let (key, ..) = spec.params.iter().find(|(key, expr, _)| {
        let wanted = expr.literal().and_then(Value::number).unwrap_or(u64::MAX);
        let offered = match key.as_str() {
            "ErrorRecoveryLevel" => offers.error_recovery_level.into(),
            "MaxConnections" => offers.max_connections.into(),
            // The lesser of both sides counts, and this side asks for no more than it offers when it asks.
            "DefaultTime2Retain" if wanted > 0 => return offers.time2retain < RETAINED,
            "DefaultTime2Retain" => return offers.time2retain > 0,
            _ => 0,
        };
        offered < wanted
    })?;
    Some(format!("needs another {key} than the target offers"))
}

/// What an initiator offers for DefaultTime2Retain unless it is told otherwise, in seconds.
const RETAINED: u32 = 20;

/// What a scenario asks of the target beyond the usual one; credentials may be there.
fn own_target(spec: &TargetSpec, chap: bool) -> Option<&'static str> {
    let auth = |auth: &AuthSpec| {
        !chap || auth.users.len() > 1 || !auth.algorithms.is_empty() || !auth.initiators.is_empty()
    };
    let parts = [
        ("luns", spec.main.luns.is_some()),
        ("CHAP users and algorithms", spec.main.auth.as_ref().is_some_and(auth)),
        ("CHAP users of discovery", spec.discovery_auth.is_some()),
        ("names", spec.main.name.is_some() || spec.main.alias.is_some()),
        ("initiators", !spec.main.initiators.is_empty()),
        ("redirect", spec.main.redirect.is_some()),
        ("groups", !spec.main.groups.is_empty()),
        ("refused resets", spec.main.refuse_resets),
        ("further targets", !spec.more.is_empty()),
        ("portals", !spec.portals.is_empty()),
        ("params", spec.params.iter().any(|(key, ..)| !OFFERED.contains(&key.as_str()))),
        ("limits", !spec.limits.is_empty()),
        ("timers", !spec.timers.is_empty()),
        ("storage", spec.latency.is_some()),
    ];
    parts.iter().find(|(_, is)| *is).map(|(name, _)| *name)
}

/// True if only the target can tell whether it has what is needed.
pub(super) fn needs_asking(scenario: &Scenario) -> bool {
    scenario.needs.iter().any(|need| ASKED.contains(&need.as_str()))
}

const ASKED: [&str; 9] = [
    "mcs",
    "erl1",
    "erl2",
    "digests",
    "initial_r2t_no",
    "immediate_data",
    "rfc7144",
    "response_fence",
    "fast_abort",
];

/// What is lacking.
pub(super) fn lacking(scenario: &Scenario, offers: &Offers) -> Option<String> {
    let has = |need: &str| match need {
        "mcs" => offers.max_connections > 1,
        "erl1" => offers.error_recovery_level >= 1,
        "erl2" => offers.error_recovery_level >= 2,
        "digests" => offers.digests,
        "initial_r2t_no" => !offers.initial_r2t,
        "immediate_data" => offers.immediate_data,
        "write" => !offers.write_protected,
        "rfc7144" => offers.protocol_level >= 2,
        "response_fence" => offers.task_reporting != "RFC3720",
        "fast_abort" => offers.task_reporting == "FastAbort",
        _ => true,
    };
    if let Some(need) = scenario.needs.iter().find(|need| !has(need)) {
        return Some(format!("needs {need}, which the target does not offer"));
    }
    (offers.write_protected && writes(scenario)).then(|| "writes, and LUN 0 is write-protected".to_owned())
}

/// True if a command of it writes blocks.
fn writes(scenario: &Scenario) -> bool {
    let mut found = false;
    walk(&scenario.steps, &mut |step| {
        let cdb = match &step.action {
            Action::Scsi(step) => step.cdb.as_ref(),
            Action::Send(step) => step.cdb.as_ref(),
            _ => None,
        };
        found |= matches!(cdb, Some(Cdb::Op(name, _)) if name.starts_with("write") || name == "unmap");
    });
    found
}

/// True if it is about CHAP, in any of its forms.
pub(super) fn is_about_chap(scenario: &Scenario) -> bool {
    scenario.needs.iter().any(|need| need.starts_with("chap"))
}

/// Why a scenario does not go together with what the target on TCP asks of this initiator.
pub(super) fn at_odds(scenario: &Scenario, offers: &Offers) -> Option<String> {
    match (offers.chap_demanded, is_about_chap(scenario)) {
        (false, true) => Some("needs chap, which the target does not ask of this initiator".to_owned()),
        (true, false) => by_hand(scenario).or_else(|| out_of_reach(&scenario.target, offers)),
        _ => out_of_reach(&scenario.target, offers),
    }
}

/// Logins that are written out, without CHAP.
fn by_hand(scenario: &Scenario) -> Option<String> {
    let mut found = None;
    walk(&scenario.steps, &mut |step| {
        let without = match &step.action {
            Action::Send(send) => send.kind == Some(Kind::LoginRequest),
            Action::Login(login) => login.skip_security,
            _ => false,
        };
        if without && found.is_none() {
            found = Some(format!("{}: logs in without CHAP, which the target asks for", step.at.show()));
        }
    });
    found
}
