//! The steps that send and expect PDUs one by one.

use super::parts::{cdb, data, matcher, sense};
use super::{Body, Read, Reader};
use crate::scenario::fields;
use crate::scenario::step::{Action, Ending, Expect, PduMatch, Send, Want, WantOne, What};
use crate::scenario::verbs::{EXPECT, EXPECT_CLOSE, EXPECT_NONE, SEND};
use crate::yaml::{Node, Problem, Value, unknown};
use initiator_sim::codec::Kind;

impl Body<'_> {
    /// The PDU that `pdu` names.
    fn kind(&self) -> Option<Kind> {
        self.text("pdu").and_then(|name| Kind::of_name(&name))
    }

    pub(super) fn allow(&self) -> Vec<Kind> {
        self.texts("allow").iter().filter_map(|name| Kind::of_name(name)).collect()
    }
}

impl Reader<'_> {
    pub(super) fn send(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &SEND);
        let kind = body.kind();
        let raw = body.data("raw")?;
        if kind.is_none() && raw.is_none() {
            return Err(Problem::new(node.id, "`pdu` is missing in this send (or `raw`)"));
        }
        let mut fields = Vec::new();
        for entry in body.rest() {
            fields.push((entry.key.clone(), data(&entry.node)?));
        }
        let keys = body.exprs("keys")?;
        let segment = match (body.data("data")?, keys.is_empty()) {
            (Some(_), false) => {
                return Err(Problem::new(node.id, "`data` and `keys` are two ways to say the same"));
            }
            (data, true) => data,
            (None, false) => Some(crate::scenario::data::Data::Keys(keys)),
        };
        Ok(Action::Send(Box::new(Send {
            on: body.on(),
            name: body.text("as"),
            kind,
            fields,
            data: segment,
            cdb: body.node("cdb").map(cdb).transpose()?,
            ahs: body.data("ahs")?,
            bidi_read: body.expr("bidi_read")?,
            advance_sn: body.bool("advance_sn"),
            header_digest: body.text("header_digest"),
            data_digest: body.text("data_digest"),
            padding: body.data("padding")?,
            bug: body.text("bug"),
            raw,
            cut: body.expr("cut")?,
        })))
    }

    pub(super) fn expect(&self, node: &Node) -> Read<Action> {
        if let Value::List(items) = &node.value {
            let want = items.iter().map(|item| self.want(item)).collect::<Read<_>>()?;
            return Ok(Action::Expect(Expect { want: Want::All(want), within: None, allow: Vec::new() }));
        }
        let body = Body::new(node, &EXPECT);
        Ok(Action::Expect(Expect {
            want: self.want(node)?,
            within: body.expr("within")?,
            allow: body.allow(),
        }))
    }

    fn want(&self, node: &Node) -> Read<Want> {
        let body = Body::new(node, &EXPECT);
        let groups: Vec<_> =
            ["all", "any_order", "one_of"].into_iter().filter(|key| body.node(key).is_some()).collect();
        let kind = body.kind();
        let close = body.text("close");
        let none = body.expr("none")?;
        match (groups.as_slice(), kind, close, none) {
            ([group], None, None, None) => {
                let read = |item| match (*group, Body::free(item).node("none")) {
                    ("any_order", Some(none)) => Err(Problem::new(
                        none.id,
                        "`none` has no place in `any_order`; use `one_of` or `all`",
                    )),
                    _ => self.want(item),
                };
                let items = body.items(group).iter().map(read).collect::<Read<Vec<_>>>()?;
                if items.is_empty() {
                    return Err(Problem::new(node.id, format!("`{group}` is empty")));
                }
                Ok(match *group {
                    "all" => Want::All(items),
                    "any_order" => Want::AnyOrder(items),
                    _ => Want::OneOf(items),
                })
            }
            ([], Some(kind), None, None) => self.want_pdu(node, kind),
            ([], None, Some(how), None) => Ok(self.want_close(node, body.on(), &how)),
            ([], None, None, Some(time)) => Ok(self.want_what(node, body.on(), What::Nothing(time))),
            _ => Err(Problem::new(
                node.id,
                "an expectation has one of `pdu`, `close`, `none`, `all`, `any_order`, `one_of`",
            )),
        }
    }

    fn want_close(&self, node: &Node, on: String, how: &str) -> Want {
        let ending = match how {
            "fin" => Ending::Fin,
            "reset" => Ending::Reset,
            _ => Ending::Any,
        };
        self.want_what(node, on, What::Close(ending))
    }

    fn want_what(&self, node: &Node, on: String, what: What) -> Want {
        Want::One(Box::new(WantOne { at: self.at(node.id), on, what, save: Vec::new(), name: None }))
    }

    fn want_pdu(&self, node: &Node, kind: Kind) -> Read<Want> {
        let body = Body::new(node, &EXPECT);
        let mut members = Vec::new();
        for entry in body.rest() {
            members.push((entry.key.clone(), matcher(&entry.node)?));
        }
        let save = body.names("save")?;
        let known = |field: &str| {
            field.starts_with("keys.")
                || fields::part(field)
                    .is_some_and(|(field, _)| field == "data" || fields::is_field(kind, field))
        };
        if let Some((_, field)) = save.iter().find(|(_, field)| !known(field)) {
            let at = body.node("save").map_or(node.id, |node| node.id);
            return Err(Problem::new(at, unknown("field", field, fields::names(kind))));
        }
        let what = What::Pdu(Box::new(PduMatch {
            kind,
            fields: members,
            data: body.matcher("data")?,
            keys: body.matchers("keys")?,
            sense: sense(body.node("sense"))?,
            header_of: body.text("header_of"),
        }));
        Ok(Want::One(Box::new(WantOne {
            at: self.at(node.id),
            on: body.on(),
            what,
            save,
            name: body.text("as"),
        })))
    }

    pub(super) fn expect_none(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &EXPECT_NONE);
        let time = body.expr("for")?.ok_or_else(|| Problem::new(node.id, "`for` is missing"))?;
        Ok(Action::ExpectNone { on: body.on(), time, allow: body.allow() })
    }

    pub(super) fn expect_close(&self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &EXPECT_CLOSE);
        let want = self.want_close(node, body.on(), &body.name("how", "any"));
        Ok(Action::ExpectClose(Expect { want, within: body.expr("within")?, allow: body.allow() }))
    }
}
