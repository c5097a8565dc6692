//! `tmf`, `logout`, `text`, `nop`: one request and its answer.

use super::expect::{compare, compare_fields, show};
use super::program::{Done, Owns, Program, credit, drive, judge};
use super::send::overrides;
use crate::runner::exec::wait;
use crate::runner::failure::Class;
use crate::runner::scope::{Cx, Outcome};
use crate::scenario::expr::{Expr, Value};
use crate::scenario::matcher::{Matcher, Style};
use crate::scenario::step::{Logout, Nop, Text, Tmf};
use crate::scenario::symbols;
use bytes::Bytes;
use initiator_sim::codec::{Kind, text as wire_text};
use initiator_sim::initiator::{
    Incoming, LogoutOutcome, LogoutProgram, NopProgram, PingOutcome, Session, Step, TextOutcome, TextProgram,
    TmfOutcome, TmfProgram,
};

macro_rules! programs {
    ($($program:ty => $outcome:ty),* $(,)?) => {$(
        impl Program for $program {
            type Outcome = $outcome;

            fn start(&mut self, session: &mut Session) -> Step<$outcome> {
                <$program>::start(self, session)
            }

            fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<$outcome> {
                <$program>::receive(self, session, incoming)
            }
        }
    )*};
}

programs! {
    TmfProgram => TmfOutcome,
    LogoutProgram => LogoutOutcome,
    NopProgram => PingOutcome,
    TextProgram => TextOutcome,
}

/// What a step expects of the answer, or that it is this number.
fn or_default(list: &[(String, Matcher)], field: &str, number: u64) -> Vec<(String, Matcher)> {
    let mut list = list.to_vec();
    if !list.iter().any(|(name, _)| name == field) {
        list.push((field.to_owned(), Matcher::Equal(Expr::num(number))));
    }
    list
}

/// Compares the answer's fields; a Reject is one answer no step of this kind expects.
fn answer<O>(cx: &Cx<'_>, what: &str, kind: Kind, want: &[(String, Matcher)], done: &Done<O>) -> Outcome<()> {
    let pdu = done.last.as_ref().ok_or_else(|| cx.script("there was no answer"))?;
    if pdu.kind() != Some(kind) {
        let reason = show(Kind::Reject, "Reason", pdu.field("Reason").unwrap_or(0));
        return Err(cx.fail(
            Class::Mismatch,
            format!("{what}.rejected"),
            format!("{what} was rejected: {reason}"),
        ));
    }
    judge(cx, what, compare_fields(cx, kind, want, pdu)?)
}

/// A task management function.
pub(super) async fn tmf(cx: &Cx<'_>, step: &Tmf) -> Outcome<()> {
    let conn = cx.conn(&step.on)?;
    let until = cx.deadline(step.within.as_ref())?;
    let function = step.function.as_ref().ok_or_else(|| cx.script("a tmf needs a function"))?;
    let function = cx.small::<u8>(function, symbols::TMF_FUNCTION)?;
    let task = step.task.as_ref().map(|name| cx.pdu(name)).transpose()?;
    let lun = match (&step.lun, &task) {
        (None, Some(task)) => task.field("LUN").unwrap_or(0),
        (lun, _) => cx.lun(lun.as_ref())?,
    };
    let fields = overrides(cx, Kind::TaskRequest, &step.fields)?;
    let index = cx.state.borrow().conns[conn].index;
    let program = TmfProgram::new(index, function, lun, task.map(|task| task.itt()), fields);
    let done = drive(cx, conn, Owns::Task, until, step.name.as_deref(), program).await?;
    answer(cx, "tmf", Kind::TaskResponse, &or_default(&step.expect, "Response", 0), &done)
}

/// A logout, and the end of the connection after it.
pub(super) async fn logout(cx: &Cx<'_>, step: &Logout) -> Outcome<()> {
    let conn = cx.conn(&step.on)?;
    let until = cx.deadline(step.within.as_ref())?;
    let reason =
        step.reason.as_ref().map_or(Ok(0), |reason| cx.small::<u8>(reason, symbols::LOGOUT_REASON))?;
    let cid = step.cid.as_ref().map(|cid| cx.small::<u16>(cid, &[])).transpose()?;
    let fields = overrides(cx, Kind::LogoutRequest, &step.fields)?;
    if !fields.iter().any(|(name, value)| name == "I" && *value == 1.into()) {
        credit(cx, conn, until).await?;
    }
    let index = cx.state.borrow().conns[conn].index;
    let done =
        drive(cx, conn, Owns::Task, until, None, LogoutProgram::new(index, reason, cid, fields)).await?;
    answer(cx, "logout", Kind::LogoutResponse, &or_default(&step.expect, "Response", 0), &done)?;
    let closed = matches!(done.outcome, LogoutOutcome::Response { response: 0, .. });
    if !closed || !step.closes {
        return Ok(());
    }
    let ended = wait(cx, until, |state| state.conns[conn].ended).await;
    ended
        .map(|_| ())
        .ok_or_else(|| cx.fail(Class::Timeout, "close", "the target did not close after the logout"))
}

/// A text exchange.
pub(super) async fn text(cx: &Cx<'_>, step: &Text) -> Outcome<()> {
    let conn = cx.conn(&step.on)?;
    let until = cx.deadline(step.within.as_ref())?;
    let data = step.data.as_ref().map_or(Ok(Bytes::new()), |data| cx.data(data))?;
    let (pairs, faults) = wire_text::pairs(&data);
    if !faults.is_empty() {
        return Err(cx.script("a text step sends key=value pairs; use `send` for anything else"));
    }
    credit(cx, conn, until).await?;
    let index = cx.state.borrow().conns[conn].index;
    let done = drive(cx, conn, Owns::Task, until, None, TextProgram::new(index, pairs)).await?;
    let said = match &done.outcome {
        TextOutcome::Pairs(said) => said,
        TextOutcome::Rejected(reason) => {
            let reason = show(Kind::Reject, "Reason", (*reason).into());
            return Err(cx.fail(
                Class::Mismatch,
                "text.rejected",
                format!("the text was rejected: {reason}"),
            ));
        }
        TextOutcome::Endless => {
            return Err(cx.fail(Class::Liveness, "text.endless", "the text exchange does not end"));
        }
    };
    let mut lines = Vec::new();
    for (key, matcher) in &step.keys {
        // Of a key that is there several times (SendTargets) any one may fit.
        let values: Vec<_> = said.iter().filter(|(known, _)| known == key).map(|(_, value)| value).collect();
        let mut line = compare(cx, key, Some(matcher), None, None, Style::default())?;
        for value in values {
            line = compare(cx, key, Some(matcher), None, Some(Value::Text(value.clone())), Style::default())?;
            if line.is_none() {
                break;
            }
        }
        lines.extend(line);
    }
    let whole = said.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(";");
    lines.extend(compare(cx, "text", step.text.as_ref(), None, Some(Value::Text(whole)), Style::default())?);
    judge(cx, "text", lines)
}

/// A ping.
pub(super) async fn nop(cx: &Cx<'_>, step: &Nop) -> Outcome<()> {
    let conn = cx.conn(&step.on)?;
    let until = cx.deadline(step.within.as_ref())?;
    let data = step.data.as_ref().map_or(Ok(Bytes::new()), |data| cx.data(data))?;
    if !step.immediate {
        credit(cx, conn, until).await?;
    }
    let (index, room) = {
        let mut state = cx.state.borrow_mut();
        let index = state.conns[conn].index;
        let room = state.session(conn).connection(index).params.receive_max;
        (index, usize::try_from(room).unwrap_or(usize::MAX))
    };
    let program = NopProgram::new(index, data.clone(), step.immediate, Vec::new());
    let done = drive(cx, conn, Owns::Task, until, None, program).await?;
    let mut want = step.expect.clone();
    if !want.iter().any(|(name, _)| name == "data") {
        // As much of the data comes back as this side can take (RFC 7143 11.18.2).
        let echo = data.slice(..data.len().min(room));
        want.push(("data".to_owned(), Matcher::Data(crate::scenario::data::Data::Bytes(echo))));
    }
    answer(cx, "nop", Kind::NopIn, &want, &done)
}
