//! Target, network, limits: what stands outside the steps.

use super::parts::{latency, share_of_a_million};
use super::{Body, Read, Reader, expr};
use crate::scenario::expr::Expr;
use crate::scenario::model::{AuthSpec, LunSpec, NetSpec, OneTarget, TargetSpec};
use crate::yaml::{Node, Problem};
use target_core::config::AtomicWrites;

impl Reader<'_> {
    pub(super) fn target_spec(&self, node: Option<&Node>) -> Read<TargetSpec> {
        let Some(node) = node else { return Ok(TargetSpec::default()) };
        let body = Body::free(node);
        let mut spec = TargetSpec { main: one_target(node)?, ..TargetSpec::default() };
        for item in body.items("more") {
            spec.more.push(one_target(item)?);
        }
        spec.discovery_auth = body.node("discovery_auth").map(auth).transpose()?;
        for item in body.items("portals") {
            let portal = Body::free(item);
            let text = portal.name("address", "");
            let address = text
                .parse()
                .map_err(|_| Problem::new(item.id, format!("`{text}` is no IP address with a port")))?;
            spec.portals.push((address, portal.small("group", u16::MAX, 1)?));
        }
        if let Some(params) = body.node("params").map(Body::free) {
            for entry in params.entries() {
                spec.params.push((entry.key.clone(), expr(&entry.node)?, self.at(entry.key_id)));
            }
        }
        if let Some(limits) = body.node("limits").map(Body::free) {
            for entry in limits.entries() {
                spec.limits.push((
                    entry.key.clone(),
                    limits.count(&entry.key)?.unwrap_or(0),
                    self.at(entry.key_id),
                ));
            }
        }
        if let Some(timers) = body.node("timers").map(Body::free) {
            for entry in timers.entries() {
                spec.timers.push((
                    entry.key.clone(),
                    timers.time(&entry.key)?.unwrap_or(0),
                    self.at(entry.key_id),
                ));
            }
        }
        if let Some(storage) = body.node("storage").map(Body::free) {
            spec.latency = storage.node("latency").map(latency).transpose()?;
        }
        Ok(spec)
    }

    pub(super) fn net_spec(&self, node: Option<&Node>) -> Read<NetSpec> {
        let Some(node) = node else { return Ok(NetSpec::default()) };
        let body = Body::free(node);
        Ok(NetSpec {
            latency: body.node("latency").map(latency).transpose()?,
            mss: body.int("mss", 1 << 24)?,
            coalesce: body.time("coalesce")?,
            buffer: body.size("buffer")?,
            loss: body.text("loss").map(|text| share_of_a_million(&text, node.id)).transpose()?,
        })
    }
}

fn one_target(node: &Node) -> Read<OneTarget> {
    let body = Body::free(node);
    let luns = match body.node("luns") {
        Some(_) => {
            let read =
                body.items("luns").iter().enumerate().map(|(at, node)| lun(at, node)).collect::<Read<_>>();
            Some(read?)
        }
        None => None,
    };
    let redirect = match body.node("redirect").map(Body::free) {
        Some(redirect) => {
            redirect.expr("address")?.map(|address| (address, redirect.bool("permanent").unwrap_or(false)))
        }
        None => None,
    };
    Ok(OneTarget {
        name: body.expr("name")?,
        alias: body.expr("alias")?,
        luns,
        auth: body.node("auth").map(auth).transpose()?,
        initiators: body.items("initiators").iter().map(expr).collect::<Read<_>>()?,
        redirect,
        groups: body.items("groups").iter().map(group).collect::<Read<_>>()?,
        refuse_resets: body.bool("refuse_resets").unwrap_or(false),
    })
}

fn group(node: &Node) -> Read<u16> {
    let text = node.scalar_text().unwrap_or_default();
    text.parse().map_err(|_| Problem::new(node.id, format!("`{text}` is no portal group tag: 0 to 65535")))
}

fn lun(at: usize, node: &Node) -> Read<LunSpec> {
    let body = Body::free(node);
    let text = |key: &str, max: usize| match body.text(key) {
        Some(text) if text.len() > max || !text.is_ascii() => {
            Err(Problem::new(node.id, format!("`{key}` has at most {max} ASCII characters")))
        }
        text => Ok(text),
    };
    Ok(LunSpec {
        lun: body.small("lun", 16383, u16::try_from(at).unwrap_or(u16::MAX))?,
        blocks: body.count("blocks")?.unwrap_or(2048),
        block_size: body.small("block_size", 4096_u32, 512)?,
        read_only: body.bool("read_only").unwrap_or(false),
        write_cache: body.bool("write_cache").unwrap_or(true),
        transition: body.small("transition", 255_u32, 0)?,
        queue_depth: body.small("queue_depth", 65_536_u32, 0)?,
        thin: body.bool("thin").unwrap_or(true),
        keeps: body.bool("keeps").unwrap_or(false),
        removable: body.bool("removable").unwrap_or(false),
        physical_exponent: body.small("physical_exponent", 7_u8, 0)?,
        atomic: AtomicWrites {
            blocks: body.small("atomic_blocks", 65_535_u32, 1)?,
            alignment: body.small("atomic_alignment", 65_535_u32, 1)?,
            granularity: body.small("atomic_granularity", 65_535_u32, 1)?,
        },
        texts: [text("vendor", 8)?, text("product", 16)?, text("revision", 4)?, text("serial", 36)?],
    })
}

fn auth(node: &Node) -> Read<AuthSpec> {
    let body = Body::free(node);
    Ok(AuthSpec {
        users: users(&body, "users")?,
        initiators: users(&body, "initiators")?,
        mutual: body.credential("mutual")?,
        algorithms: body.texts("algorithms"),
    })
}

/// Names may be computed too.
fn users(body: &Body<'_>, key: &'static str) -> Read<Vec<(Expr, Expr)>> {
    let name = |text: &str| Expr::read(text).map_err(|error| Problem::new(body.id(), error));
    body.exprs(key)?.into_iter().map(|(user, secret)| Ok((name(&user)?, secret))).collect()
}
