//! Which targets may this initiator know of, and where are they? (RFC 7143 appendix C, 13.3, 13.8)

use super::{TextEnv, TextFault};
use crate::config::TargetConfig;
use crate::conn::login::access::{Access, is_served_by, may_use};
use crate::conn::negotiate::names;
use crate::session::params::SessionKind;
use crate::wire::text::TextWriter;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

/// What a SendTargets request asks for.
pub(super) enum Records<'a> {
    /// These targets; maybe none.
    Of(Vec<&'a TargetConfig>),
    /// What must not be answered in this kind of session.
    Reject,
}

/// The targets that the value of SendTargets stands for. A normal session learns of its own target alone.
pub(super) fn records<'a>(access: &Access, env: &TextEnv<'a>, value: &str) -> Records<'a> {
    // rfc7143/C-12.
    let visible = env.config.targets.iter().filter(|target| may_use(target, access.initiator()));
    match (value, access.kind(), access.target()) {
        // rfc7143/C-7.
        ("All", SessionKind::Discovery, _) => Records::Of(visible.collect()),
        // rfc7143/C-7.
        ("All", SessionKind::Normal, _) | ("", _, None) => Records::Reject,
        // rfc7143/C-10.
        ("", _, Some(own)) => Records::Of(visible.filter(|target| is_named(target, own)).collect()),
        (name, kind, own) => {
            let Ok(name) = names::normalise(name) else { return Records::Reject };
            if kind == SessionKind::Normal && own != Some(name.as_str()) {
                return Records::Of(Vec::new());
            }
            // rfc7143/C-8, rfc7143/C-9.
            Records::Of(visible.filter(|target| is_named(target, &name)).collect())
        }
    }
}

fn is_named(target: &TargetConfig, name: &str) -> bool {
    target.name.eq_ignore_ascii_case(name)
}

/// Writes one record a target: its name and all its addresses. Stops as soon as the answer is too long.
pub(super) fn write(
    env: &TextEnv<'_>,
    targets: Vec<&TargetConfig>,
    text: &mut TextWriter,
) -> Result<(), TextFault> {
    let addresses = addresses(env);
    for target in targets {
        let mut served = addresses.iter().filter(|(_, group)| is_served_by(target, *group)).peekable();
        if served.peek().is_none() {
            // A record without an address would stand for the address of this connection.
            continue;
        }
        text.pair("TargetName", &target.name);
        // rfc7143/C-3, rfc7143/C-13.
        for (address, group) in served {
            let group = if planted!(AddressGroup) { &1 } else { group };
            // rfc7143/13.8-2.
            text.format("TargetAddress", format_args!("{address},{group}"));
        }
        if text.len() > env.config.limits.text_answer_bytes as usize {
            return Err(TextFault::TooMuch);
        }
    }
    Ok(())
}

/// Where this connection could have been made: the portals, each once, in the order of the configuration.
fn addresses(env: &TextEnv<'_>) -> Vec<(SocketAddr, u16)> {
    let mut seen = BTreeSet::new();
    let portals = env.config.portals.iter();
    let mut addresses: Vec<_> = portals
        .filter_map(|portal| Some((reachable(portal.address, env.local)?, portal.group)))
        .filter(|address| seen.insert(*address))
        .collect();
    if addresses.is_empty() {
        addresses.push((plain(env.local.ip(), env.local.port()), env.group));
    }
    addresses
}

/// The address an initiator can use. An unspecified one stands for the address it used now, if a connection to that could have
/// come in there: 0.0.0.0 takes IPv4, `[::]` takes both.
fn reachable(portal: SocketAddr, local: SocketAddr) -> Option<SocketAddr> {
    if !portal.ip().is_unspecified() {
        return Some(plain(portal.ip(), portal.port()));
    }
    let local = plain(local.ip(), portal.port());
    (portal.is_ipv6() || local.is_ipv4()).then_some(local)
}

/// Without the parts of an IPv6 socket address that mean something on this machine only (scope, flow), and with a
/// mapped IPv4 address as what it is.
fn plain(ip: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(ip.to_canonical(), port)
}
