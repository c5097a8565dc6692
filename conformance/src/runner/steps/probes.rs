//! `expect_probe` and `forbid_probe`: what the core fired, member by member.

use crate::runner::exec::wait;
use crate::runner::failure::Class;
use crate::runner::scope::{Cx, Outcome};
use crate::scenario::expr::Value;
use crate::scenario::matcher::Style;
use crate::scenario::step::ProbeMatch;
use bytes::Bytes;
use initiator_sim::world::ProbeRecord;

/// A member of an event's arguments.
pub(in crate::runner) fn member(record: &ProbeRecord, name: &str) -> Option<Value> {
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let num = |number: u64| Some(Value::Num(number));
    match name {
        "local" => text(&record.local),
        "remote" => text(&record.remote),
        "protocol" => text(&record.protocol),
        "target" => text(&record.target),
        "initiator" => text(&record.initiator),
        "lun" => num(record.lun),
        "itt" => num(record.itt.into()),
        "ttt" => num(record.ttt.into()),
        "cmdsn" => num(record.cmd_sn.into()),
        "statsn" => num(record.stat_sn.into()),
        "datasn" => num(record.data_sn.into()),
        "datalen" => num(record.data_len.into()),
        "flags" => num(record.flags.into()),
        "cdb" => record.cdb.clone().map(|cdb| Value::Bytes(Bytes::from(cdb))),
        "len" => num(record.cdb.as_ref()?.len() as u64),
        _ => None,
    }
}

/// What does not fit; empty if all does. `None` if it is another probe or another connection.
fn differences(
    cx: &Cx<'_>,
    step: &ProbeMatch,
    on: Option<u32>,
    record: &ProbeRecord,
) -> Outcome<Option<Vec<String>>> {
    if record.probe != step.probe || on.is_some_and(|on| on != record.conn) {
        return Ok(None);
    }
    let mut lines = Vec::new();
    for (name, matcher) in &step.members {
        let style = Style { names: &[], serial: name.ends_with("sn") };
        let value = member(record, name);
        let line = cx.scoped(|scope, _| matcher.mismatch(name, value.as_ref(), style, scope));
        lines.extend(line.map_err(|error| cx.script(error))?);
    }
    Ok(Some(lines))
}

fn connection(cx: &Cx<'_>, step: &ProbeMatch) -> Outcome<Option<u32>> {
    match &step.on {
        Some(name) => {
            let conn = cx.conn(name)?;
            Ok(Some(cx.state.borrow().conns[conn].lab))
        }
        None => Ok(None),
    }
}

/// Waits for an event after the last one found.
pub(super) async fn expect(cx: &Cx<'_>, step: &ProbeMatch) -> Outcome<()> {
    let until = cx.deadline(step.within.as_ref())?;
    let on = connection(cx, step)?;
    let mut closest: Option<Vec<String>> = None;
    let mut at = cx.state.borrow().probes_passed;
    loop {
        let next = wait(cx, until, |state| {
            let found = state.lab.world().and_then(|world| world.probes().get(at).cloned());
            found.map(|record| (at, record))
        });
        let Some((found, record)) = next.await else { break };
        at = found + 1;
        match differences(cx, step, on, &record)? {
            Some(lines) if lines.is_empty() => {
                let mut state = cx.state.borrow_mut();
                state.probes_passed = at;
                for (name, field) in &step.save {
                    if let Some(value) = member(&record, field) {
                        state.vars.insert(name.clone(), value);
                    }
                }
                return Ok(());
            }
            Some(lines) if closest.as_ref().is_none_or(|best| lines.len() < best.len()) => {
                closest = Some(lines)
            }
            _ => {}
        }
    }
    let name = step.probe.name();
    let class = if closest.is_some() { Class::Mismatch } else { Class::Timeout };
    let mut failure = cx.fail(class, name, format!("expected the probe {name}, it did not fire so"));
    failure.details = closest.unwrap_or_default();
    Err(failure)
}

/// No such event so far.
pub(super) fn forbid(cx: &Cx<'_>, step: &ProbeMatch) -> Outcome<()> {
    let on = connection(cx, step)?;
    let records = {
        let mut state = cx.state.borrow_mut();
        state.lab.world().map(|world| world.probes().to_vec()).unwrap_or_default()
    };
    for record in &records {
        if differences(cx, step, on, record)?.is_some_and(|lines| lines.is_empty()) {
            let name = step.probe.name();
            let time = initiator_sim::clock::show(record.at);
            return Err(cx.fail(Class::Unexpected, name, format!("the probe {name} fired at {time}")));
        }
    }
    Ok(())
}
