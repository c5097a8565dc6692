//! What do names stand for while a scenario runs? Variables, parameters of macros, PDUs that have names, connections.

use super::failure::{Class, Failure};
use super::state::State;
use crate::scenario::At;
use crate::scenario::data::Data;
use crate::scenario::expr::{Expr, Scope, Value};
use crate::scenario::fields;
use crate::scenario::step::Step;
use crate::scenario::symbols::{self, Names};
use crate::scenario::units::{self, Nanos};
use bytes::Bytes;
use initiator_sim::codec::Pdu;
use initiator_sim::initiator::Session;
use std::cell::RefCell;
use std::rc::Rc;

/// What a failing step gives.
pub(super) type Outcome<T> = Result<T, Box<Failure>>;

/// The surroundings of a step: the run's state, the names of its macro or loop, itself.
#[derive(Clone)]
pub(super) struct Cx<'a> {
    /// Everything that the steps share.
    pub(super) state: &'a RefCell<State>,
    /// Parameters and loop variables, innermost last.
    pub(super) locals: Rc<Vec<(String, Value)>>,
    /// The step's id.
    pub(super) id: &'a str,
    /// Where it stands.
    pub(super) at: &'a At,
}

struct Names2<'a> {
    state: &'a State,
    locals: &'a [(String, Value)],
}

impl Scope for Names2<'_> {
    fn lookup(&self, name: &str, field: Option<&str>) -> Option<Value> {
        let Some(field) = field else {
            let local = self.locals.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value);
            return local.or_else(|| self.state.vars.get(name)).cloned();
        };
        // A parameter may hold the name of a connection or of a PDU.
        let held = self.locals.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.text());
        let name = held.as_deref().unwrap_or(name);
        if let Some(pdu) = self.state.pdus.get(name) {
            return super::state::field_value(pdu, field);
        }
        let conn = self.state.conns.get(*self.state.names.get(name)?)?;
        let session = self.state.sessions.get(conn.session)?;
        of_session(session, conn.index, field)
    }
}

/// What `$c1.Name` gives.
fn of_session(session: &Session, index: usize, field: &str) -> Option<Value> {
    let link = session.connections().get(index)?;
    let yes = |value: bool| Value::Text(if value { "Yes" } else { "No" }.to_owned());
    let params = &session.params;
    Some(match field {
        "CmdSN" => Value::Num(session.cmd_sn.into()),
        "ExpCmdSN" => Value::Num(session.exp_cmd_sn.into()),
        "MaxCmdSN" => Value::Num(session.max_cmd_sn.into()),
        "ExpStatSN" => Value::Num(link.exp_stat_sn.into()),
        "StatSN" => Value::Num(link.exp_stat_sn.wrapping_sub(1).into()),
        "ITT" => Value::Num(session.next_itt.into()),
        "TSIH" => Value::Num(session.tsih.into()),
        "CID" => Value::Num(link.cid.into()),
        "ISID" => Value::Num(session.isid.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))),
        "Window" => Value::Num(session.credits().into()),
        "MaxRecvDataSegmentLength" => Value::Num(link.params.send_max.into()),
        "FirstBurstLength" => Value::Num(params.first_burst.into()),
        "MaxBurstLength" => Value::Num(params.max_burst.into()),
        "MaxOutstandingR2T" => Value::Num(params.max_outstanding_r2t.into()),
        "MaxConnections" => Value::Num(params.max_connections.into()),
        "ErrorRecoveryLevel" => Value::Num(params.error_recovery_level.into()),
        "DefaultTime2Wait" => Value::Num(params.time2wait.into()),
        "DefaultTime2Retain" => Value::Num(params.time2retain.into()),
        "InitialR2T" => yes(params.initial_r2t),
        "ImmediateData" => yes(params.immediate_data),
        "TargetPortalGroupTag" => Value::Num(params.portal_group_tag?.into()),
        "TargetAlias" => Value::Text(params.target_alias.clone()?),
        _ => return None,
    })
}

impl<'a> Cx<'a> {
    /// For a step inside this one.
    pub(super) fn inner(&self, step: &'a Step) -> Self {
        Self { state: self.state, locals: Rc::clone(&self.locals), id: &step.id, at: &step.at }
    }

    /// With more names.
    pub(super) fn with(&self, more: Vec<(String, Value)>) -> Self {
        let mut locals = self.locals.as_ref().clone();
        locals.extend(more);
        Self { locals: Rc::new(locals), ..self.clone() }
    }

    /// Calls with the names in scope.
    pub(super) fn scoped<T>(&self, use_it: impl FnOnce(&dyn Scope, &State) -> T) -> T {
        let state = self.state.borrow();
        use_it(&Names2 { state: &state, locals: &self.locals }, &state)
    }

    /// A mistake in the scenario that shows only now.
    pub(super) fn script(&self, error: impl Into<String>) -> Box<Failure> {
        self.fail(Class::Script, "value", error)
    }

    /// A failure of this step.
    pub(super) fn fail(
        &self,
        class: Class,
        site: impl Into<String>,
        headline: impl Into<String>,
    ) -> Box<Failure> {
        self.fail_at(self.at, class, site, headline)
    }

    /// A failure at another place of this step.
    pub(super) fn fail_at(
        &self,
        at: &At,
        class: Class,
        site: impl Into<String>,
        headline: impl Into<String>,
    ) -> Box<Failure> {
        let mut failure = Failure::new(class, site, headline);
        failure.step = self.id.to_owned();
        failure.at = Some(at.clone());
        self.state.borrow().decorate(&mut failure);
        failure
    }

    /// A value now.
    pub(super) fn value(&self, expr: &Expr) -> Outcome<Value> {
        self.scoped(|scope, _| expr.eval(scope)).map_err(|error| self.script(error))
    }

    /// A number now; names of `names` count as numbers.
    pub(super) fn number(&self, expr: &Expr, names: Names) -> Outcome<u64> {
        let value = self.value(expr)?;
        let named = match &value {
            Value::Text(text) => symbols::number(names, text),
            _ => None,
        };
        named.or_else(|| value.number()).ok_or_else(|| self.script(format!("`{value}` is not a number")))
    }

    /// A number that fits the type.
    pub(super) fn small<T: TryFrom<u64>>(&self, expr: &Expr, names: Names) -> Outcome<T> {
        let number = self.number(expr, names)?;
        T::try_from(number).map_err(|_| self.script(format!("{number} is too large here")))
    }

    /// Bytes now.
    pub(super) fn data(&self, data: &Data) -> Outcome<Bytes> {
        self.scoped(|scope, _| data.eval(scope)).map_err(|error| self.script(error))
    }

    /// The wire form of a LUN, by its number.
    pub(super) fn lun(&self, expr: Option<&Expr>) -> Outcome<u64> {
        expr.map_or(Ok(0), |expr| self.number(expr, &[])).map(fields::lun_wire)
    }

    /// A time now.
    pub(super) fn time(&self, expr: &Expr) -> Outcome<Nanos> {
        let text = self.value(expr)?.text();
        units::time(&text).map_err(|error| self.script(error))
    }

    /// The moment a wait of this step ends.
    pub(super) fn deadline(&self, within: Option<&Expr>) -> Outcome<Nanos> {
        let patience = self.state.borrow().patience;
        let time = within.map_or(Ok(patience), |expr| self.time(expr))?;
        Ok(self.state.borrow().now().saturating_add(time))
    }

    /// The name, or the one that a variable holds if this is `$x`.
    pub(super) fn name(&self, name: &str) -> Outcome<String> {
        match name.strip_prefix('$') {
            Some(variable) => {
                let value = self.scoped(|scope, _| scope.lookup(variable, None));
                value
                    .map(|value| value.text())
                    .ok_or_else(|| self.script(format!("{name} has no value here")))
            }
            None => Ok(name.to_owned()),
        }
    }

    /// The PDU of that name.
    pub(super) fn pdu(&self, name: &str) -> Outcome<Pdu> {
        let name = self.name(name)?;
        let found = self.state.borrow().pdus.get(&name).cloned();
        found.ok_or_else(|| self.script(format!("there is no PDU named `{name}`")))
    }

    /// The connection of that name, which has to be open once.
    pub(super) fn conn(&self, name: &str) -> Outcome<usize> {
        let name = &self.name(name)?;
        let found = self.state.borrow().names.get(name).copied();
        found.ok_or_else(|| {
            self.script(format!("there is no connection `{name}` here; `connect` or `login` it first"))
        })
    }
}
