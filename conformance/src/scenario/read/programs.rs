//! The steps that run a whole exchange: login, SCSI command, task management, logout, text, ping.

use super::parts::{cdb, check_operands, sense};
use super::{Body, Read, Reader, expr};
use crate::scenario::cdb as ops;
use crate::scenario::data::Data;
use crate::scenario::fields;
use crate::scenario::model::Cdb;
use crate::scenario::step::{Action, Connect, Login, LoginAuth, Logout, Nop, Scsi, Text, Tmf};
use crate::scenario::symbols;
use crate::scenario::verbs::{CONNECT, LOGIN, LOGOUT, NOP, SCSI, TEXT, TMF};
use crate::yaml::{Node, Problem, unknown};
use initiator_sim::codec::Kind;
use initiator_sim::initiator::Unsolicited;

impl Body<'_> {
    /// Name and secret of a credential.
    pub(super) fn credential(&self, key: &str) -> Read<Option<(super::Expr, super::Expr)>> {
        let Some(node) = self.node(key) else { return Ok(None) };
        let body = Body::free(node);
        match (body.expr("name")?, body.expr("secret")?) {
            (Some(name), Some(secret)) => Ok(Some((name, secret))),
            _ => Err(Problem::new(node.id, "`name` and `secret` are needed")),
        }
    }

    fn manual_pings(&self) -> bool {
        self.text("pings").is_some_and(|who| who == "manual")
    }

    /// Overrides, whose names have to be fields of this PDU.
    fn fields_of<T>(&self, key: &str, kind: Kind, list: Vec<(String, T)>) -> Read<Vec<(String, T)>> {
        match list.iter().find(|(name, _)| name != "data" && !fields::is_field(kind, name)) {
            None => Ok(list),
            Some((name, _)) => {
                let at = self.node(key).and_then(|node| {
                    Body::free(node)
                        .entries()
                        .iter()
                        .find(|entry| entry.key == *name)
                        .map(|entry| entry.key_id)
                });
                Err(Problem::new(at.unwrap_or(self.id()), unknown("field", name, fields::names(kind))))
            }
        }
    }
}

impl Reader<'_> {
    pub(super) fn connect(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &CONNECT);
        let address = |key: &str, what: &str| {
            Problem::new(node.id, format!("`{key}`: `{}` is no {what}", body.name(key, "")))
        };
        let from = body
            .text("from")
            .map(|text| text.parse())
            .transpose()
            .map_err(|_| address("from", "IP address"))?;
        let to = body.text("to").map(|text| text.parse()).transpose();
        Ok(Action::Connect(Connect {
            name: body.name("as", "c1"),
            from,
            to: to.map_err(|_| address("to", "IP address with a port"))?,
            join: body.text("join"),
            cid: body.expr("cid")?,
            manual_pings: body.manual_pings(),
        }))
    }

    pub(super) fn login(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &LOGIN);
        let auth = body.node("auth").map(|node| {
            let body = Body::free(node);
            let own: Vec<_> = body.items("algorithms").iter().map(expr).collect::<Read<_>>()?;
            let all =
                symbols::CHAP_ALGORITHM.iter().rev().map(|(_, number)| super::Expr::num(*number)).collect();
            Ok::<_, Problem>(LoginAuth {
                name: body.expr("name")?.ok_or_else(|| Problem::new(node.id, "`name` is missing"))?,
                secret: body.expr("secret")?.ok_or_else(|| Problem::new(node.id, "`secret` is missing"))?,
                algorithms: if own.is_empty() { all } else { own },
                mutual: body.credential("mutual")?,
                challenge: body.data("challenge")?,
                reflect: body.bool("reflect").unwrap_or(false),
                base64: body.bool("base64").unwrap_or(false),
                none_too: body.bool("none_too").unwrap_or(false),
            })
        });
        let expect = body.node("expect").map(Body::free);
        Ok(Action::Login(Box::new(Login {
            connect: Connect {
                name: body.on(),
                join: body.text("join"),
                cid: body.expr("cid")?,
                manual_pings: body.manual_pings(),
                ..Connect::default()
            },
            isid: body.expr("isid")?,
            tsih: body.expr("tsih")?,
            cmd_sn: body.expr("cmd_sn")?,
            initiator: body.expr("initiator")?,
            target: body.expr("target")?,
            discovery: body.text("session").is_some_and(|text| text == "discovery"),
            auth: auth.transpose()?,
            keys: body.exprs("keys")?,
            security_keys: body.exprs("security_keys")?,
            skip_security: body.bool("skip_security").unwrap_or(false),
            status: expect.map(|expect| expect.matcher("status")).transpose()?.flatten(),
            expect_keys: expect.map(|expect| expect.matchers("keys")).transpose()?.unwrap_or_default(),
            within: body.expr("within")?,
        })))
    }

    pub(super) fn scsi(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &SCSI);
        let command = match (body.text("op"), body.node("cdb")) {
            (Some(name), None) => {
                let op = ops::find(&name)
                    .ok_or_else(|| Problem::new(node.id, unknown("command", &name, ops::names())))?;
                let mut given = Vec::new();
                for entry in body.rest() {
                    given.push((entry.key.clone(), expr(&entry.node)?));
                }
                check_operands(&op, &given, node.id)?;
                Cdb::Op(op, given)
            }
            (None, Some(node)) => cdb(node)?,
            _ => return Err(Problem::new(node.id, "a scsi step has either `op` or `cdb`")),
        };
        let expect = body.node("expect").map(Body::free);
        let outcome = |key: &str| expect.map(|expect| expect.matcher(key)).transpose().map(Option::flatten);
        let residual = match expect.and_then(|expect| expect.node("residual")).map(Body::free) {
            Some(residual) => Some((residual.matcher("under")?, residual.matcher("over")?)),
            None => None,
        };
        let save = body.names("save")?;
        let known = |field: &str| {
            let field = fields::part(field).map(|(field, _)| field);
            field.is_some_and(|field| {
                matches!(field, "data" | "sense") || fields::is_field(Kind::ScsiResponse, field)
            })
        };
        if let Some((_, field)) = save.iter().find(|(_, field)| !known(field)) {
            return Err(Problem::new(node.id, unknown("field", field, fields::names(Kind::ScsiResponse))));
        }
        Ok(Action::Scsi(Box::new(Scsi {
            on: body.on(),
            name: body.text("as"),
            cdb: Some(command),
            lun: body.expr("lun")?,
            data: body.data("data")?,
            read: body.expr("read")?,
            write: body.expr("write")?,
            attr: body.expr("attr")?,
            immediate: body.bool("immediate").unwrap_or(false),
            unsolicited: body.text("unsolicited").map(|word| match word.as_str() {
                "immediate" => Unsolicited::ImmediateOnly,
                "none" => Unsolicited::Nothing,
                _ => Unsolicited::Negotiated,
            }),
            data_pdu_max: body.expr("data_pdu_max")?,
            fields: body.fields_of("fields", Kind::ScsiCommand, body.exprs("fields")?)?,
            answer_r2t: body.bool("answer_r2t"),
            status: outcome("status")?,
            response: outcome("response")?,
            sense: sense(expect.and_then(|expect| expect.node("sense")))?,
            expect_data: outcome("data")?,
            residual,
            r2ts: outcome("r2ts")?,
            data_ins: outcome("data_ins")?,
            save,
            within: body.expr("within")?,
        })))
    }

    pub(super) fn tmf(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &TMF);
        Ok(Action::Tmf(Box::new(Tmf {
            on: body.on(),
            name: body.text("as"),
            function: body.expr("function")?,
            lun: body.expr("lun")?,
            task: body.text("task"),
            fields: body.fields_of("fields", Kind::TaskRequest, body.exprs("fields")?)?,
            expect: body.fields_of("expect", Kind::TaskResponse, body.matchers("expect")?)?,
            within: body.expr("within")?,
        })))
    }

    pub(super) fn logout(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &LOGOUT);
        Ok(Action::Logout(Logout {
            on: body.on(),
            reason: body.expr("reason")?,
            cid: body.expr("cid")?,
            fields: body.fields_of("fields", Kind::LogoutRequest, body.exprs("fields")?)?,
            expect: body.fields_of("expect", Kind::LogoutResponse, body.matchers("expect")?)?,
            closes: body.bool("closes").unwrap_or(true),
            within: body.expr("within")?,
        }))
    }

    pub(super) fn text(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &TEXT);
        let keys = body.exprs("keys")?;
        let expect = body.node("expect").map(Body::free);
        let outcome = |key: &str| expect.map(|expect| expect.matcher(key)).transpose().map(Option::flatten);
        Ok(Action::Text(Text {
            on: body.on(),
            data: body.data("data")?.or(Some(Data::Keys(keys))),
            keys: expect.map(|expect| expect.matchers("keys")).transpose()?.unwrap_or_default(),
            text: outcome("text")?,
            within: body.expr("within")?,
        }))
    }

    pub(super) fn nop(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &NOP);
        Ok(Action::Nop(Nop {
            on: body.on(),
            data: body.data("data")?,
            immediate: body.bool("immediate").unwrap_or(false),
            expect: body.fields_of("expect", Kind::NopIn, body.matchers("expect")?)?,
            within: body.expr("within")?,
        }))
    }
}
