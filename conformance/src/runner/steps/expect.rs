//! `expect`, `expect_none`, `expect_close`: what came, against what should have come.
//!
//! A group of expectations is rewritten with each thing that comes: what is left to be expected after it, or why it does
//! not fit. An expectation that is used up is gone, so lists, any order and alternatives nest in any way.

use crate::runner::exec::wait;
use crate::runner::failure::{Class, Failure};
use crate::runner::scope::{Cx, Outcome};
use crate::runner::state::{Item, State, field_value};
use crate::scenario::expr::{Expr, Scope, Value};
use crate::scenario::fields;
use crate::scenario::matcher::{Matcher, Style};
use crate::scenario::model::SenseMatch;
use crate::scenario::step::{Ending, Expect, PduMatch, TimeExpr, Want, WantOne, What};
use crate::scenario::symbols;
use crate::scenario::units::Nanos;
use initiator_sim::codec::{Kind, Pdu, text};
use initiator_sim::initiator::Incoming;
use initiator_sim::initiator::sense::Sense;

/// What is left after something came.
enum Rest {
    Nothing,
    More(Want),
}

/// Why something does not fit: the closest expectation, and the lines of the difference.
struct Misfit {
    want: Box<WantOne>,
    site: String,
    lines: Vec<String>,
    /// Another kind of PDU altogether.
    foreign: bool,
}

/// What an expectation may be met by.
#[derive(Clone, Copy)]
enum Came<'a> {
    /// Something on this connection.
    Item(usize, &'a Item),
    /// Nothing, for as long as an alternative says.
    Nothing,
}

/// Waits until everything that is expected came.
pub(super) async fn expect(cx: &Cx<'_>, step: &Expect) -> Outcome<()> {
    let until = cx.deadline(step.within.as_ref())?;
    let mut want = step.want.clone();
    let mut silent = silence(cx, &want)?;
    loop {
        let mut conns = Vec::new();
        for name in firsts(&want) {
            let conn = cx.conn(&name)?;
            if !conns.contains(&conn) {
                conns.push(conn);
            }
        }
        let found = wait(cx, silent.map_or(until, |silent| silent.min(until)), |state| {
            conns.iter().find_map(|conn| {
                let at = state.head(*conn)?;
                Some((*conn, at, state.conns[*conn].inbox.get(at).cloned()?))
            })
        });
        let Some((conn, at, item)) = found.await else {
            if silent.is_none_or(|silent| silent > until) {
                return Err(too_late(cx, &want));
            }
            match fit(cx, want.clone(), Came::Nothing)? {
                Ok(Rest::Nothing) => return Ok(()),
                Ok(Rest::More(more)) => want = more,
                Err(_) => return Err(too_late(cx, &want)),
            }
            silent = silence(cx, &want)?;
            continue;
        };
        if let Item::Pdu(incoming) = &item
            && incoming.pdu().is_some_and(|(kind, _)| step.allow.contains(&kind))
        {
            cx.state.borrow_mut().conns[conn].inbox.remove(at);
            continue;
        }
        match fit(cx, want, Came::Item(conn, &item))? {
            Ok(rest) => {
                if !matches!(item, Item::End(_)) {
                    cx.state.borrow_mut().conns[conn].inbox.remove(at);
                }
                match rest {
                    Rest::Nothing => return Ok(()),
                    Rest::More(more) => want = more,
                }
                silent = silence(cx, &want)?;
            }
            Err(misfit) => return Err(mismatch(cx, conn, &item, *misfit)),
        }
    }
}

/// Connections on which the next thing may come.
fn firsts(want: &Want) -> Vec<String> {
    match want {
        Want::One(one) => vec![one.on.clone()],
        Want::All(list) => list.first().map(firsts).unwrap_or_default(),
        Want::AnyOrder(list) | Want::OneOf(list) => list.iter().flat_map(firsts).collect(),
    }
}

/// When silence is an answer, if it is one of those that may come next.
fn silence(cx: &Cx<'_>, want: &Want) -> Outcome<Option<Nanos>> {
    match want {
        Want::One(one) => match &one.what {
            What::Nothing(time) => {
                let time = cx.time(time)?;
                let state = cx.state.borrow();
                Ok(Some(state.now().saturating_add(time.min(state.silence_max))))
            }
            What::Pdu(_) | What::Close(_) => Ok(None),
        },
        Want::All(list) => list.first().map_or(Ok(None), |first| silence(cx, first)),
        Want::AnyOrder(list) | Want::OneOf(list) => {
            let times = list.iter().map(|one| silence(cx, one)).collect::<Outcome<Vec<_>>>()?;
            Ok(times.into_iter().flatten().min())
        }
    }
}

type Fit = Outcome<Result<Rest, Box<Misfit>>>;

/// What is left of `want` after this came.
fn fit(cx: &Cx<'_>, want: Want, came: Came<'_>) -> Fit {
    match want {
        Want::One(one) => fit_one(cx, one, came),
        Want::All(mut list) => {
            if list.is_empty() {
                return Ok(Ok(Rest::Nothing));
            }
            let first = list.remove(0);
            Ok(fit(cx, first, came)?.map(|rest| {
                if let Rest::More(more) = rest {
                    list.insert(0, more);
                }
                if list.is_empty() { Rest::Nothing } else { Rest::More(Want::All(list)) }
            }))
        }
        Want::OneOf(list) => {
            let mut closest: Option<Box<Misfit>> = None;
            for one in list {
                match fit(cx, one, came)? {
                    Ok(rest) => return Ok(Ok(rest)),
                    Err(misfit) => closest = Some(closer(closest, misfit)),
                }
            }
            closest.map(Err).ok_or_else(|| cx.script("an empty group"))
        }
        Want::AnyOrder(list) => {
            let mut closest: Option<Box<Misfit>> = None;
            for (at, one) in list.iter().enumerate() {
                match fit(cx, one.clone(), came)? {
                    Ok(rest) => {
                        let mut list = list.clone();
                        match rest {
                            Rest::Nothing => drop(list.remove(at)),
                            Rest::More(more) => list[at] = more,
                        }
                        let rest =
                            if list.is_empty() { Rest::Nothing } else { Rest::More(Want::AnyOrder(list)) };
                        return Ok(Ok(rest));
                    }
                    Err(misfit) => closest = Some(closer(closest, misfit)),
                }
            }
            closest.map(Err).ok_or_else(|| cx.script("an empty group"))
        }
    }
}

/// The one of the same kind, else the one with fewer differences.
fn closer(one: Option<Box<Misfit>>, other: Box<Misfit>) -> Box<Misfit> {
    match one {
        Some(one) if (one.foreign, one.lines.len()) <= (other.foreign, other.lines.len()) => one,
        _ => other,
    }
}

fn fit_one(cx: &Cx<'_>, one: Box<WantOne>, came: Came<'_>) -> Fit {
    let misfit = |one: Box<WantOne>, site: String, lines: Vec<String>, foreign| {
        Ok(Err(Box::new(Misfit { want: one, site, lines, foreign })))
    };
    let Came::Item(conn, item) = came else {
        return match one.what {
            What::Nothing(_) => Ok(Ok(Rest::Nothing)),
            What::Pdu(_) | What::Close(_) => misfit(one, "silence".to_owned(), Vec::new(), true),
        };
    };
    if cx.conn(&one.on)? != conn {
        return misfit(one, "connection".to_owned(), Vec::new(), true);
    }
    match (&one.what, item) {
        (What::Close(want), Item::End(got)) => {
            if *want == Ending::Any || want == got {
                return Ok(Ok(Rest::Nothing));
            }
            let line = format!("expected the end by {}, got {}", ending(*want), ending(*got));
            misfit(one, "close".to_owned(), vec![line], false)
        }
        (What::Pdu(want), Item::Pdu(Incoming::Pdu { kind: got, pdu })) if want.kind == *got => {
            let lines = differences(cx, want, pdu)?;
            if lines.is_empty() {
                keep(cx, &one, pdu)?;
                return Ok(Ok(Rest::Nothing));
            }
            let field = lines.first().and_then(|line| line.split(':').next()).unwrap_or_default().to_owned();
            misfit(one.clone(), format!("{got}.{field}"), lines, false)
        }
        (What::Pdu(want), _) => misfit(one.clone(), want.kind.to_string(), Vec::new(), true),
        (What::Close(_), _) => misfit(one, "close".to_owned(), Vec::new(), true),
        (What::Nothing(_), _) => misfit(one, "silence".to_owned(), Vec::new(), true),
    }
}

/// Saves fields and the PDU's name.
fn keep(cx: &Cx<'_>, one: &WantOne, pdu: &Pdu) -> Outcome<()> {
    let mut state = cx.state.borrow_mut();
    for (name, field) in &one.save {
        let value = match field.strip_prefix("keys.") {
            Some(key) => {
                let (pairs, _) = text::pairs(&pdu.data);
                text::find(&pairs, key).map(|value| Value::Text(value.to_owned()))
            }
            None => field_value(pdu, field),
        };
        if let Some(value) = value {
            state.vars.insert(name.clone(), value);
        }
    }
    if let Some(name) = &one.name {
        state.pdus.insert(name.clone(), pdu.clone());
    }
    Ok(())
}

/// The lines of a report about everything in a PDU that is not as expected.
fn differences(cx: &Cx<'_>, want: &PduMatch, pdu: &Pdu) -> Outcome<Vec<String>> {
    let PduMatch { kind, fields, data, keys, sense, header_of } = want;
    let mut lines = Vec::new();
    let mut compare = |name: &str, matcher: &Matcher, value: Option<Value>, style: Style| {
        let line = cx.scoped(|scope, _| matcher.mismatch(name, value.as_ref(), style, scope));
        line.map(|line| lines.extend(line)).map_err(|error| cx.script(error))
    };
    for (name, matcher) in fields {
        compare(name, matcher, field_value(pdu, name), style(*kind, name))?;
    }
    if let Some(matcher) = data {
        compare("data", matcher, Some(Value::Bytes(pdu.data.clone())), Style::default())?;
    }
    let (pairs, _) = text::pairs(&pdu.data);
    for (key, matcher) in keys {
        let value = text::find(&pairs, key).map(|value| Value::Text(value.to_owned()));
        compare(key, matcher, value, Style::default())?;
    }
    if let Some(sense) = sense {
        lines.extend(sense_differences(cx, sense, Sense::of_response(&pdu.data).as_ref())?);
    }
    if let Some(name) = header_of
        && pdu.data.get(..48) != Some(&cx.pdu(name)?.bhs[..])
    {
        lines.push(format!("data: expected the header of {name}, got another one"));
    }
    Ok(lines)
}

/// How a field's values compare and look.
pub(super) fn style(kind: Kind, field: &str) -> Style {
    Style { names: symbols::of_field(kind, field), serial: field.ends_with("SN") }
}

/// What is not as expected in sense data.
pub(super) fn sense_differences(cx: &Cx<'_>, want: &SenseMatch, got: Option<&Sense>) -> Outcome<Vec<String>> {
    let Some(got) = got else { return Ok(vec!["sense: there is none, or it cannot be decoded".to_owned()]) };
    let mut lines = Vec::new();
    for (member, matcher) in &want.members {
        let (value, names) = match member.as_str() {
            "key" => (Some(Value::Num(got.key.into())), symbols::SENSE_KEY),
            "asc" => (Some(Value::Num(got.asc.into())), &[][..]),
            "ascq" => (Some(Value::Num(got.ascq.into())), &[][..]),
            "info" => (got.information.map(Value::Num), &[][..]),
            _ => {
                let format = if got.descriptor { "descriptor" } else { "fixed" };
                (Some(Value::Text(format.to_owned())), &[][..])
            }
        };
        let style = Style { names, serial: false };
        let line = cx.scoped(|scope: &dyn Scope, _| matcher.mismatch(member, value.as_ref(), style, scope));
        lines.extend(line.map_err(|error| cx.script(error))?.map(|line| format!("sense {line}")));
    }
    Ok(lines)
}

fn ending(how: Ending) -> &'static str {
    match how {
        Ending::Any => "any means",
        Ending::Fin => "an orderly close",
        Ending::Reset => "a reset",
    }
}

/// What came, in words.
pub(in crate::runner) fn describe(item: &Item) -> String {
    match item {
        Item::End(how) => format!("the end of the connection by {}", ending(*how)),
        Item::Pdu(Incoming::Pdu { pdu, .. }) => pdu.to_string(),
        Item::Pdu(Incoming::Unknown { pdu }) => format!("a PDU of unassigned opcode: {pdu}"),
        Item::Pdu(Incoming::BadDigest { part, pdu, got, want }) => {
            format!("{pdu} whose {part:?} digest is {got:#010x} and should be {want:#010x}")
        }
    }
}

fn wanted(want: &Want) -> String {
    let list = |list: &[Want]| list.iter().map(wanted).collect::<Vec<_>>();
    match want {
        Want::One(one) => match &one.what {
            What::Pdu(want) => format!("{} on {}", want.kind, one.on),
            What::Close(how) => format!("the end of {} by {}", one.on, ending(*how)),
            What::Nothing(_) => format!("nothing on {}", one.on),
        },
        Want::All(all) => list(all).join(", then "),
        Want::AnyOrder(all) => list(all).join(" and "),
        Want::OneOf(all) => list(all).join(" or "),
    }
}

fn first_one(want: &Want) -> Option<&WantOne> {
    match want {
        Want::One(one) => Some(one),
        Want::All(list) | Want::AnyOrder(list) | Want::OneOf(list) => list.first().and_then(first_one),
    }
}

fn too_late(cx: &Cx<'_>, want: &Want) -> Box<Failure> {
    let one = first_one(want);
    let site = match one.map(|one| &one.what) {
        Some(What::Pdu(want)) => want.kind.to_string(),
        _ => "close".to_owned(),
    };
    cx.fail_at(
        one.map_or(cx.at, |one| &one.at),
        Class::Timeout,
        site,
        format!("expected {}, nothing came", wanted(want)),
    )
}

fn mismatch(cx: &Cx<'_>, conn: usize, item: &Item, misfit: Misfit) -> Box<Failure> {
    let class = match item {
        Item::End(_) => Class::Closed,
        Item::Pdu(_) if misfit.foreign => Class::Unexpected,
        Item::Pdu(_) => Class::Mismatch,
    };
    let expected = wanted(&Want::One(misfit.want.clone()));
    let name = cx.state.borrow().conns[conn].name.clone();
    let mut failure = cx.fail_at(
        &misfit.want.at,
        class,
        misfit.site,
        format!("expected {expected}, got on {name}: {}", describe(item)),
    );
    failure.details = misfit.lines;
    failure
}

/// Nothing comes for a time.
pub(super) async fn expect_none(cx: &Cx<'_>, on: &str, time: &TimeExpr, allow: &[Kind]) -> Outcome<()> {
    let conn = cx.conn(on)?;
    let time = cx.time(time)?;
    let until = {
        let state = cx.state.borrow();
        state.now().saturating_add(time.min(state.silence_max))
    };
    let disturbed = wait(cx, until, |state: &mut State| {
        loop {
            let at = state.head(conn)?;
            let item = state.conns[conn].inbox.get(at).cloned()?;
            match item.clone() {
                Item::Pdu(incoming) if incoming.pdu().is_some_and(|(kind, _)| allow.contains(&kind)) => {
                    state.conns[conn].inbox.remove(at);
                }
                other => return Some(other),
            }
        }
    });
    match disturbed.await {
        None => Ok(()),
        Some(item) => {
            let site = match &item {
                Item::Pdu(incoming) => incoming.pdu().map_or("PDU".to_owned(), |(kind, _)| kind.to_string()),
                Item::End(_) => "close".to_owned(),
            };
            Err(cx.fail(
                Class::Unexpected,
                site,
                format!("expected nothing on {on}, got {}", describe(&item)),
            ))
        }
    }
}

/// Compares fields of a PDU that a program got.
pub(super) fn compare_fields(
    cx: &Cx<'_>,
    kind: Kind,
    list: &[(String, Matcher)],
    pdu: &Pdu,
) -> Outcome<Vec<String>> {
    let mut lines = Vec::new();
    for (name, matcher) in list {
        let value = field_value(pdu, name);
        let line = cx.scoped(|scope, _| matcher.mismatch(name, value.as_ref(), style(kind, name), scope));
        lines.extend(line.map_err(|error| cx.script(error))?);
    }
    Ok(lines)
}

/// Compares one value with a matcher or, without one, with a default.
pub(super) fn compare(
    cx: &Cx<'_>,
    name: &str,
    matcher: Option<&Matcher>,
    default: Option<u64>,
    value: Option<Value>,
    style: Style,
) -> Outcome<Option<String>> {
    let fallback = default.map(|number| Matcher::Equal(Expr::num(number)));
    let Some(matcher) = matcher.or(fallback.as_ref()) else { return Ok(None) };
    let line = cx.scoped(|scope, _| matcher.mismatch(name, value.as_ref(), style, scope));
    line.map_err(|error| cx.script(error))
}

/// The name of a number of a field, for reports.
pub(super) fn show(kind: Kind, field: &str, number: u64) -> String {
    fields::show(kind, field, number)
}
