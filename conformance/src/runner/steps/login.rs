//! `connect` and `login`.

use super::expect::compare;
use super::program::{Done, Owns, Program, drive, judge};
use crate::runner::failure::Class;
use crate::runner::lab::Dial;
use crate::runner::scope::{Cx, Outcome};
use crate::scenario::expr::{Expr, Value};
use crate::scenario::matcher::Style;
use crate::scenario::step::{Connect, Login, LoginAuth};
use crate::scenario::symbols;
use initiator_sim::codec::text;
use initiator_sim::initiator::chap::{Encoding, decode};
use initiator_sim::initiator::{
    ChapPlan, Draft, Incoming, LoginOutcome, LoginPlan, LoginProgram, MutualPlan, Session, Stages, Step,
};

/// Keys that a later connection may negotiate (RFC 7143 13: the others are Leading Only).
const LATER_KEYS: [&str; 3] = ["HeaderDigest", "DataDigest", "MaxRecvDataSegmentLength"];

/// Opens a connection.
pub(super) fn connect(cx: &Cx<'_>, step: &Connect) -> Outcome<usize> {
    let cid = step.cid.as_ref().map(|cid| cx.small::<u16>(cid, &[])).transpose()?;
    let joined = step.join.as_ref().map(|name| cx.conn(name)).transpose()?;
    let name = cx.name(&step.name)?;
    let mut state = cx.state.borrow_mut();
    let session = match joined {
        Some(conn) => state.conns[conn].session,
        None => {
            let mut session = Session::new(state.defaults.initiator.clone(), state.defaults.target.clone());
            session.isid[5] = state.isid_qualifier(&name);
            if state.isid_base != 0 {
                let [high, low] = state.isid_base.to_be_bytes();
                (session.isid[2], session.isid[4]) = (high, low);
            }
            state.sessions.push(session);
            state.sessions.len() - 1
        }
    };
    let next = state.sessions[session]
        .connections()
        .iter()
        .map(|conn| conn.cid)
        .max()
        .map_or(1, |cid| cid.wrapping_add(1));
    let dial = Dial { from: step.from, to: step.to };
    let opened = state.open(&name, session, cid.unwrap_or(next), &dial);
    if let Ok(conn) = opened {
        state.conns[conn].manual_pings = step.manual_pings;
    }
    drop(state);
    opened.map_err(|error| cx.fail(Class::Closed, "connect", error))
}

/// The initiator's login, with further keys in its first request.
struct LoginStep {
    program: LoginProgram,
    first: Vec<(String, String)>,
}

impl Program for LoginStep {
    type Outcome = LoginOutcome;

    fn start(&mut self, session: &mut Session) -> Step<LoginOutcome> {
        self.program.start(session)
    }

    fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<LoginOutcome> {
        self.program.receive(session, incoming)
    }

    fn adjust(&mut self, drafts: &mut Vec<Draft>, first: bool) {
        if let (true, Some(draft)) = (first, drafts.first_mut()) {
            let mut bytes = draft.data.to_vec();
            for (key, value) in &self.first {
                text::push(&mut bytes, key, value);
            }
            draft.data = bytes.into();
        }
    }
}

/// Logs in.
pub(super) async fn login(cx: &Cx<'_>, step: &Login) -> Outcome<()> {
    let until = cx.deadline(step.within.as_ref())?;
    let name = cx.name(&step.connect.name)?;
    let open = cx.state.borrow().is_open(&name);
    let conn = if open { cx.conn(&name)? } else { connect(cx, &step.connect)? };
    identify(cx, step, conn)?;
    let joins = step.connect.join.is_some() || cx.state.borrow_mut().session(conn).tsih != 0;
    let mut plan = if step.discovery { LoginPlan::discovery() } else { LoginPlan::default() };
    if joins {
        plan.keys.retain(|(key, _)| LATER_KEYS.contains(&key.as_str()));
    }
    for (key, value) in texts(cx, &step.keys)? {
        if value == "omit" {
            plan.keys.retain(|(known, _)| *known != key);
        } else {
            plan = plan.with_key(key, value);
        }
    }
    if step.skip_security {
        plan.stages = Stages::Operational;
    }
    plan.chap = match &step.auth {
        Some(auth) => Some(chap(cx, auth)?),
        None => cx.state.borrow().defaults.chap.as_ref().map(|(name, secret)| ChapPlan {
            methods: "None,CHAP".to_owned(),
            ..ChapPlan::new(name.clone(), secret.clone())
        }),
    };
    let index = cx.state.borrow().conns[conn].index;
    let program =
        LoginStep { program: LoginProgram::new(index, plan), first: texts(cx, &step.security_keys)? };
    let done = drive(cx, conn, Owns::Connection, until, None, program).await?;
    check(cx, step, conn, &done)
}

/// Names and numbers of the session.
fn identify(cx: &Cx<'_>, step: &Login, conn: usize) -> Outcome<()> {
    let text =
        |expr: &Option<Expr>| expr.as_ref().map(|expr| cx.value(expr).map(|value| value.text())).transpose();
    let (initiator, target) = (text(&step.initiator)?, text(&step.target)?);
    let isid = step.isid.as_ref().map(|expr| cx.number(expr, &[])).transpose()?;
    let tsih = step.tsih.as_ref().map(|expr| cx.small::<u16>(expr, &[])).transpose()?;
    let cmd_sn = step.cmd_sn.as_ref().map(|expr| cx.small::<u32>(expr, &[])).transpose()?;
    let mut state = cx.state.borrow_mut();
    let session = state.session(conn);
    if let Some(cmd_sn) = cmd_sn {
        session.cmd_sn = cmd_sn;
    }
    if let Some(name) = initiator {
        session.initiator_name = name;
    }
    if let Some(name) = target {
        session.target_name = name;
    }
    if let Some(isid) = isid {
        let [_, _, bytes @ ..] = isid.to_be_bytes();
        session.isid = bytes;
    }
    if let Some(tsih) = tsih {
        session.tsih = tsih;
    }
    Ok(())
}

fn texts(cx: &Cx<'_>, list: &[(String, Expr)]) -> Outcome<Vec<(String, String)>> {
    list.iter().map(|(key, expr)| Ok((key.clone(), cx.value(expr)?.text()))).collect()
}

fn chap(cx: &Cx<'_>, auth: &LoginAuth) -> Outcome<ChapPlan> {
    let bytes = |expr: &Expr| {
        cx.value(expr).map(|value| match value {
            Value::Bytes(bytes) => bytes.to_vec(),
            other => other.text().into_bytes(),
        })
    };
    let mut plan = ChapPlan::new(cx.value(&auth.name)?.text(), bytes(&auth.secret)?);
    let number = |expr: &Expr| cx.small::<u8>(expr, symbols::CHAP_ALGORITHM);
    plan.algorithms = auth.algorithms.iter().map(number).collect::<Outcome<_>>()?;
    if auth.none_too {
        plan.methods = "CHAP,None".to_owned();
    }
    if auth.base64 {
        plan.encoding = Encoding::Base64;
    }
    if let Some((name, secret)) = &auth.mutual {
        // The same in every run; what it must not be is guessable outside of tests.
        let fresh = || Ok(crate::scenario::data::pattern(super::op_of(cx.id), 0, 16));
        let given = auth.challenge.as_ref().map_or_else(fresh, |data| cx.data(data))?;
        // What was saved from a response is written as the target wrote it.
        let written = std::str::from_utf8(&given).ok().and_then(decode);
        let challenge = written.unwrap_or_else(|| given.to_vec());
        plan.mutual = Some(MutualPlan {
            secret: bytes(secret)?,
            name: Some(cx.value(name)?.text()),
            identifier: 1,
            challenge,
            reflect: auth.reflect,
        });
    }
    Ok(plan)
}

fn check(cx: &Cx<'_>, step: &Login, conn: usize, done: &Done<LoginOutcome>) -> Outcome<()> {
    let status = match &done.outcome {
        LoginOutcome::LoggedIn => 0,
        LoginOutcome::Refused { class, detail, .. } => u64::from(*class) << 8 | u64::from(*detail),
        LoginOutcome::Broken(why) => {
            return Err(cx.fail(Class::Mismatch, "login.broken", format!("the login cannot go on: {why:?}")));
        }
    };
    let style = Style { names: symbols::LOGIN_STATUS, serial: false };
    let mut lines = Vec::new();
    lines.extend(compare(cx, "status", step.status.as_ref(), Some(0), Some(Value::Num(status)), style)?);
    for (key, matcher) in &step.expect_keys {
        let value = cx.state.borrow_mut().said_by_target(conn, key);
        lines.extend(compare(cx, key, Some(matcher), None, value.map(Value::Text), Style::default())?);
    }
    judge(cx, "login", lines)
}
