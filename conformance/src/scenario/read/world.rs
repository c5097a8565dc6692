//! The steps about faults, network, time, target and probes, and those that hold other steps.

use super::parts::{fault_verbs, latency};
use super::{Body, Read, Reader, expr, pairs};
use crate::scenario::fields;
use crate::scenario::step::{
    Action, AdminVerb, Fault, FaultTrigger, NetVerb, ProbeMatch, Repeat, StorageVerb, TargetVerb,
};
use crate::scenario::verbs::{
    CHECK, CLOCK, EXPECT_PROBE, FAULT, FORBID_PROBE, NET_STEP, REPEAT, TARGET_STEP, USE,
};
use crate::yaml::{Entry, Node, Problem, Value, unknown};
use initiator_sim::codec::Kind;
use target_core::probe::Probe;

/// Entries that are not the step's id.
fn only<'a>(body: &Body<'a>, beside: &[&str]) -> Read<&'a Entry> {
    let mut entries =
        body.entries().iter().filter(|entry| entry.key != "id" && !beside.contains(&entry.key.as_str()));
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => Err(Problem::new(body.id(), "one of the keys is needed")),
        (Some(_), Some(second)) => {
            Err(Problem::new(second.key_id, "one at a time; make it a step of its own"))
        }
    }
}

impl Reader<'_> {
    pub(super) fn action(&mut self, verb: &str, node: &Node, id: &str) -> Read<Action> {
        match verb {
            "connect" => self.connect(node),
            "login" => self.login(node),
            "send" => self.send(node),
            "expect" => self.expect(node),
            "expect_none" => self.expect_none(node),
            "expect_close" => self.expect_close(node),
            "scsi" => self.scsi(node),
            "tmf" => self.tmf(node),
            "logout" => self.logout(node),
            "text" => self.text(node),
            "nop" => self.nop(node),
            "fault" => fault(node),
            "net" => net(node),
            "clock" => clock(node),
            "target" => target(node),
            "expect_probe" => probe(&Body::new(node, &EXPECT_PROBE), true).map(Action::ExpectProbe),
            "forbid_probe" => probe(&Body::new(node, &FORBID_PROBE), false).map(Action::ForbidProbe),
            "let" => pairs(Some(node), expr).map(Action::Let),
            "check" => check(node),
            "par" => self.par(node),
            "repeat" => self.repeat(node),
            "use" => self.use_macro(node, id),
            other => Err(Problem::new(node.id, unknown("step", other, crate::scenario::verbs::names()))),
        }
    }

    fn par(&mut self, node: &Node) -> Read<Action> {
        let branches = match &node.value {
            Value::Map(entries) => entries
                .iter()
                .map(|entry| Ok((entry.key.clone(), self.steps(Some(&entry.node))?)))
                .collect::<Read<_>>()?,
            Value::List(lists) => lists
                .iter()
                .enumerate()
                .map(|(at, list)| Ok((format!("b{}", at + 1), self.steps(Some(list))?)))
                .collect::<Read<_>>()?,
            _ => Vec::new(),
        };
        Ok(Action::Par(branches))
    }

    fn repeat(&mut self, node: &Node) -> Read<Action> {
        let body = Body::new(node, &REPEAT);
        let times = body.expr("times")?;
        let each: Vec<_> = body.items("each").iter().map(expr).collect::<Read<_>>()?;
        if times.is_some() != each.is_empty() {
            return Err(Problem::new(node.id, "a repeat has either `times` or `each`"));
        }
        Ok(Action::Repeat(Repeat { times, each, steps: self.steps(body.node("steps"))? }))
    }

    fn use_macro(&mut self, node: &Node, id: &str) -> Read<Action> {
        let body = Body::new(node, &USE);
        let file = body.name("file", "");
        let at = body.node("file").map_or(node.id, |node| node.id);
        let library = self.read_library(&file, id).map_err(|error| Problem::new(at, error))?;
        let mut given: Vec<(String, super::Expr)> = Vec::new();
        for entry in body.rest() {
            if !library.params.iter().any(|(name, _)| *name == entry.key) {
                let names = library.params.iter().map(|(name, _)| name.as_str());
                return Err(Problem::new(entry.key_id, unknown("parameter", &entry.key, names)));
            }
            given.push((entry.key.clone(), expr(&entry.node)?));
        }
        for (name, default) in library.params {
            if given.iter().any(|(known, _)| *known == name) {
                continue;
            }
            if default.literal().is_some_and(|value| value.text() == "required") {
                return Err(Problem::new(node.id, format!("parameter `{name}` of {file} is missing")));
            }
            given.push((name, default));
        }
        Ok(Action::Use(given, library.steps))
    }
}

fn fault(node: &Node) -> Read<Action> {
    let body = Body::new(node, &FAULT);
    let trigger = match (body.node("next"), body.expr("byte")?, body.expr("after")?) {
        (next, None, None) => {
            let next = next.map(Body::free);
            let kind = next.and_then(|next| next.text("pdu")).and_then(|name| Kind::of_name(&name));
            FaultTrigger::Pdu(kind, next.map_or(Ok(0), |next| next.small("skip", u32::MAX, 0))?)
        }
        (None, Some(byte), None) => FaultTrigger::Byte(byte),
        (None, None, Some(after)) => FaultTrigger::After(after),
        _ => return Err(Problem::new(node.id, "a fault has one of `next`, `byte`, `after`")),
    };
    Ok(Action::Fault(Fault {
        on: body.on(),
        inward: body.text("dir").is_some_and(|dir| dir == "in"),
        trigger,
        verbs: fault_verbs(body.items("do"))?,
        maybe: body.bool("maybe").unwrap_or(false),
    }))
}

fn net(node: &Node) -> Read<Action> {
    let body = Body::new(node, &NET_STEP);
    let entry = only(&body, &[])?;
    let verb = match entry.key.as_str() {
        "partition" => NetVerb::Partition,
        "heal" => NetVerb::Heal,
        "clog" => NetVerb::Clog,
        "unclog" => NetVerb::Unclog,
        "release" => NetVerb::Release,
        "close" => NetVerb::Close,
        "half_close" => NetVerb::HalfClose,
        _ => NetVerb::Reset,
    };
    Ok(Action::Net(verb, body.name(&entry.key, "c1")))
}

fn clock(node: &Node) -> Read<Action> {
    let body = Body::new(node, &CLOCK);
    match (body.expr("advance")?, body.text("until")) {
        (Some(time), None) => Ok(Action::Advance(time)),
        (None, Some(_)) => Ok(Action::UntilIdle),
        _ => Err(Problem::new(node.id, "a clock step has either `advance` or `until`")),
    }
}

fn target(node: &Node) -> Read<Action> {
    let body = Body::new(node, &TARGET_STEP);
    let entry = only(&body, &[])?;
    Ok(Action::Target(match entry.key.as_str() {
        "crash" => TargetVerb::Crash,
        "restart" => TargetVerb::Restart,
        "admin" => TargetVerb::Admin(admin(&entry.node)?),
        _ => {
            let body = Body::free(&entry.node);
            TargetVerb::Storage(body.small("lun", 16383_u16, 0)?, storage(&body)?)
        }
    }))
}

fn admin(node: &Node) -> Read<AdminVerb> {
    let body = Body::free(node);
    let entry = only(&body, &["seconds"])?;
    let seconds = body.small("seconds", u16::MAX, 3)?;
    let conn = || body.name(&entry.key, "c1");
    let lun = || body.small(&entry.key, 16383_u16, 0);
    Ok(match entry.key.as_str() {
        "request_logout" => AdminVerb::RequestLogout(conn(), seconds),
        "drop_connection" => AdminVerb::DropConnection(conn()),
        "drop_session" => AdminVerb::DropSession(conn()),
        "request_negotiation" => AdminVerb::RequestNegotiation(conn(), seconds),
        "drain" => AdminVerb::Drain(seconds),
        "remove_lun" => AdminVerb::RemoveLun(lun()?),
        "add_lun" => AdminVerb::AddLun(lun()?),
        "eject" => AdminVerb::Eject(lun()?),
        "load" => AdminVerb::Load(lun()?),
        "access" => {
            let access = Body::free(&entry.node);
            let group = access.small("group", u16::MAX, 1)?;
            AdminVerb::Access(access.small("lun", 16383_u16, 0)?, group, access.name("state", "optimized"))
        }
        "redirect" => AdminVerb::Redirect(body.name(&entry.key, "")),
        "max_recv" => AdminVerb::MaxRecvDataSegmentLength(body.small(&entry.key, (1 << 24) - 1, 8192_u32)?),
        _ => {
            let size = Body::free(&entry.node);
            AdminVerb::Resize(size.small("lun", 16383_u16, 0)?, size.count("blocks")?.unwrap_or(0))
        }
    })
}

fn storage(body: &Body<'_>) -> Read<StorageVerb> {
    let entry = only(body, &["lun"])?;
    Ok(match entry.key.as_str() {
        "latency" => StorageVerb::Latency(latency(&entry.node)?),
        "stall" => StorageVerb::Stall,
        "resume" => StorageVerb::Resume,
        _ => {
            let fail = Body::free(&entry.node);
            StorageVerb::Fail {
                lba: fail.int("lba", u64::MAX)?.unwrap_or(0),
                blocks: fail.count("blocks")?.unwrap_or(1),
                error: fail.name("error", "medium"),
                op: fail.name("op", "any"),
            }
        }
    })
}

fn probe(body: &Body<'_>, waits: bool) -> Read<ProbeMatch> {
    let probe = Probe::from_name(&body.name("probe", ""))
        .ok_or_else(|| Problem::new(body.id(), "`probe` is missing"))?;
    let mut members = Vec::new();
    for entry in body.rest() {
        members.push((entry.key.clone(), super::matcher(&entry.node)?));
    }
    let save = if waits { body.names("save")? } else { Vec::new() };
    if let Some((_, member)) = save.iter().find(|(_, member)| !fields::PROBE.contains(&member.as_str())) {
        return Err(Problem::new(body.id(), unknown("member", member, fields::PROBE)));
    }
    let within = if waits { body.expr("within")? } else { None };
    Ok(ProbeMatch { probe, on: body.text("on"), members, save, within })
}

fn check(node: &Node) -> Read<Action> {
    let body = Body::new(node, &CHECK);
    match (body.expr("value")?, body.matcher("is")?) {
        (Some(value), Some(matcher)) => Ok(Action::Check(value, matcher)),
        _ => Err(Problem::new(node.id, "a check has `value` and `is`")),
    }
}
