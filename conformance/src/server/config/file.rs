//! The configuration file (TOML): every mistake with its line.
//!
//! ```toml
#![doc = include_str!("example.toml")]
//! ```

use super::auth::{self, Secrets};
use super::reader::{At, Report, Section};
use super::{LunSpec, Places, ServeConfig, ServerOptions, TargetSpec};
use crate::storage::Backing;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use target_core::config::{
    AccessState, CONNECTIONS_MAX, DigestPolicy, Limits, NodeArchitecture, Offer, PortalConfig, Redirect,
    Timers, address_problem,
};
use target_core::session::params::TaskReporting;
use toml::de::DeTable;

/// Reads a configuration; `path` is for messages and for files named relative to it.
///
/// # Errors
/// One `path:line:column: message` for each mistake.
pub fn parse(path: &Path, text: &str) -> Result<ServeConfig, String> {
    let shown = path.display().to_string();
    let report = Report::new(&shown, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        report.wrong(&error.span().unwrap_or(0..0), error.message());
    }
    if !errors.is_empty() {
        // What could be recovered would only give follow-up mistakes.
        return Err(report.mistakes().unwrap_or_default());
    }
    let root = Section::root(&report, &table);
    let portals = portals(&root);
    let mut secrets = Secrets::default();
    let mut config = ServeConfig {
        targets: targets(&root, &portals, path.parent().unwrap_or(Path::new(".")), &mut secrets),
        portals,
        discovery_auth: auth::read(root.section("discovery"), &mut secrets),
        offer: offer(root.section("offer")),
        limits: limits(root.section("limits")),
        timers: timers(root.section("timers")),
        server: server(root.section("server")),
        warnings: Vec::new(),
        places: Places::default(),
    };
    root.finish();
    secrets.judge(&report);
    config.places = report.places();
    config.warnings = report.warnings();
    report.mistakes().map_or(Ok(config), Err)
}

fn portals(root: &Section<'_, '_>) -> Vec<PortalConfig> {
    let mut out: Vec<PortalConfig> = Vec::new();
    for section in root.sections("portal") {
        let address = section.parsed("address", |text| {
            text.parse::<SocketAddr>()
                .map_err(|_| format!("{text:?} is not IP:PORT, for example 0.0.0.0:3260 or [::1]:3260"))
        });
        let group = section.number("group", 0..=u16::MAX).unwrap_or(1);
        match address {
            Some(at) if at.value.port() != 0 && out.iter().any(|portal| portal.address == at.value) => {
                section.wrong(&at.span, format!("{} is there twice", at.value));
            }
            Some(at) => out.push(PortalConfig { address: at.value, group }),
            None => missing(&section, "address"),
        }
        section.finish();
    }
    if out.is_empty() && root.sections("portal").is_empty() {
        // Not 860, unless somebody asks for it (rfc7143/15-1).
        let address = super::DEFAULT_LISTEN.parse().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 3260)));
        out.push(PortalConfig { address, group: 1 });
    }
    out
}

/// Says that `key` is missing, unless it is there and was found wrong already.
fn missing(section: &Section<'_, '_>, key: &'static str) {
    if !section.has(key) {
        section.wrong(&section.span, format!("{key} is missing"));
    }
}

fn targets(
    root: &Section<'_, '_>,
    portals: &[PortalConfig],
    folder: &Path,
    secrets: &mut Secrets,
) -> Vec<TargetSpec> {
    let mut out: Vec<TargetSpec> = Vec::new();
    let sections = root.sections("target");
    if sections.is_empty() {
        root.wrong(&(0..0), "no [[target]]: at least one is needed");
    }
    for section in sections {
        let name = section.parsed("name", super::target_name);
        if let Some(name) = &name {
            if out.iter().any(|other| other.name == name.value) {
                section.wrong(&name.span, format!("target {} is there twice", name.value));
            }
        } else {
            missing(&section, "name");
        }
        let name = name.map(|name| name.value).unwrap_or_default();
        let initiators = section.texts("initiators").into_iter().filter_map(|at| {
            super::target_name(&at.value).map_err(|error| section.wrong(&at.span, error)).ok()
        });
        let initiators = initiators.collect();
        let alias = section.text("alias").map(|alias| alias.value).unwrap_or_default();
        let auth = auth::read(section.section("auth"), secrets);
        let redirect = section.section("redirect").and_then(redirect);
        let groups = groups(&section, portals);
        let refuse_resets = section.boolean("refuse_resets").unwrap_or(false);
        let luns = luns(&section, &name, folder);
        section.finish();
        out.push(TargetSpec { name, alias, luns, auth, initiators, redirect, groups, refuse_resets });
    }
    out
}

/// The portal groups of a target, each of which some portal has to have.
fn groups(target: &Section<'_, '_>, portals: &[PortalConfig]) -> Vec<u16> {
    let mut out = Vec::new();
    for At { value, span } in target.numbers("groups", 0..=u16::MAX) {
        if !portals.iter().any(|portal| portal.group == value) {
            target.wrong(&span, format!("no [[portal]] has group {value}"));
        }
        out.push(value);
    }
    out
}

/// The access states that the operator sets.
fn access(lun: &Section<'_, '_>) -> Vec<(u16, AccessState)> {
    let mut out: Vec<(u16, AccessState)> = Vec::new();
    for section in lun.sections("access") {
        let group = section.number("group", 0..=u16::MAX);
        let state = section.choice("state", &AccessState::NAMES);
        if group.is_none() {
            missing(&section, "group");
        }
        if state.is_none() {
            missing(&section, "state");
        }
        if group.is_some_and(|group| out.iter().any(|(other, _)| *other == group)) {
            section.wrong(&section.span, "that group has a state already");
        }
        out.extend(group.zip(state));
        section.finish();
    }
    out
}

/// What hosts are told of the medium's own blocks. Only what is gone after a crash anyway can promise that it never tears
/// more than a block.
fn hardware(section: &Section<'_, '_>, is_memory: bool, spec: &mut LunSpec) {
    let physical = section.number("physical_block_size", 512..=65_536u32).unwrap_or(spec.block_size);
    match physical.checked_div(spec.block_size) {
        Some(blocks) if blocks.is_power_of_two() && blocks * spec.block_size == physical => {
            spec.policy.physical_exponent = u8::try_from(blocks.ilog2()).unwrap_or(0);
        }
        _ => section.wrong(&section.span, "physical_block_size is block_size times a power of two"),
    }
    let limits = &mut spec.policy.atomic;
    for (key, field) in [
        ("atomic_blocks", &mut limits.blocks),
        ("atomic_alignment", &mut limits.alignment),
        ("atomic_granularity", &mut limits.granularity),
    ] {
        let Some(number) = section.number(key, 1..=65_535u32) else { continue };
        *field = number;
        if !is_memory {
            section
                .wrong(&section.span, format!("{key} is for memory: other storage may tear what it writes"));
        }
    }
    if limits.blocks < limits.granularity {
        section.wrong(&section.span, "atomic_blocks is no less than atomic_granularity");
    }
}

fn redirect(section: Section<'_, '_>) -> Option<Redirect> {
    let address = section.parsed("address", |text| {
        address_problem(text).map(|()| text.to_owned()).map_err(|why| format!("{text:?} {why}"))
    });
    let permanent = section.boolean("permanent").unwrap_or(false);
    if address.is_none() {
        missing(&section, "address");
    }
    section.finish();
    Some(Redirect { address: address?.value, permanent })
}

fn luns(target: &Section<'_, '_>, name: &str, folder: &Path) -> Vec<LunSpec> {
    let mut out: Vec<LunSpec> = Vec::new();
    for section in target.sections("lun") {
        let number = section.number("lun", 0..=16_383u16);
        let read_only = section.boolean("read_only").unwrap_or(false);
        let block_size = section.number("block_size", 512..=4096u32).unwrap_or(512);
        if block_size != 512 && block_size != 4096 {
            section.wrong(&section.span, format!("block_size is 512 or 4096, not {block_size}"));
        }
        let lun = number.unwrap_or(out.iter().map(|spec| spec.lun + 1).max().unwrap_or(0));
        let backing = backing(&section, name, lun, read_only, folder);
        let backing = file_options(&section, backing, folder);
        let mut spec = LunSpec::new(name, lun, Backing::Null { bytes: 0 });
        spec.block_size = block_size;
        spec.read_only = read_only;
        spec.write_cache = section.boolean("write_cache").unwrap_or(spec.write_cache);
        spec.policy.access = access(&section);
        let seconds = section.number("transition_seconds", 0..=255u64).unwrap_or(0);
        spec.policy.transition = Duration::from_secs(seconds);
        spec.policy.queue_depth = section.number("queue_depth", 1..=65_536u32).unwrap_or(0);
        spec.policy.removable = section.boolean("removable").unwrap_or(false);
        spec.policy.ejected = section.boolean("ejected").unwrap_or(false);
        if spec.policy.ejected && !spec.policy.removable {
            section.wrong(&section.span, "ejected is for a LUN that is removable");
        }
        hardware(&section, matches!(backing, Some(Backing::Memory { .. })), &mut spec);
        spec.thin = section.boolean("thin").unwrap_or(spec.thin);
        for (key, length, field) in [
            ("vendor", 8, &mut spec.vendor),
            ("product", 16, &mut spec.product),
            ("revision", 4, &mut spec.revision),
            ("serial", 36, &mut spec.serial),
        ] {
            let Some(text) = section.text(key) else { continue };
            let printable = text.value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
            if text.value.is_empty() || text.value.len() > length || !printable {
                section.wrong(&text.span, format!("{key} is 1 to {length} printable ASCII characters"));
            }
            *field = text.value;
        }
        if out.iter().any(|spec| spec.lun == lun) {
            section.wrong(&section.span, format!("LUN {lun} is there twice in this target"));
        }
        section.finish();
        if let Some(backing) = backing {
            spec.backing = backing;
            out.push(spec);
        }
    }
    out
}

/// What only files have.
fn file_options(section: &Section<'_, '_>, backing: Option<Backing>, folder: &Path) -> Option<Backing> {
    let direct = section.boolean("direct");
    let journal = section.text("journal");
    let delay = section.number("delay_ms", 0..=600_000u32);
    let mut backing = backing?;
    match &mut backing {
        Backing::File(file) => {
            file.direct = direct.unwrap_or(false);
            file.journal = journal.map(|at| folder.join(at.value));
            file.delay = Duration::from_millis(delay.unwrap_or(0).into());
        }
        Backing::Memory { .. } | Backing::Null { .. } => {
            for key in ["direct", "journal", "delay_ms"] {
                if section.has(key) {
                    section.wrong(&section.span, format!("{key} is for a LUN with a file"));
                }
            }
        }
    }
    Some(backing)
}

fn backing(
    section: &Section<'_, '_>,
    target: &str,
    lun: u16,
    read_only: bool,
    folder: &Path,
) -> Option<Backing> {
    let memory = section.size("memory");
    let null = section.size("null");
    let file = section.text("file");
    let given = ["memory", "file", "null"].into_iter().filter(|key| section.has(key)).count();
    if given != 1 {
        section.wrong(
            &section.span,
            "a LUN has exactly one of memory = \"SIZE\", file = \"PATH\" and null = \"SIZE\"",
        );
        return None;
    }
    let name = || format!("{target}/{lun}");
    memory
        .map(|at| Backing::Memory { bytes: at.value, name: name() })
        .or(null.map(|at| Backing::Null { bytes: at.value }))
        .or(file.map(|at| Backing::file(folder.join(at.value), read_only)))
}

fn offer(section: Option<Section<'_, '_>>) -> Offer {
    const DIGESTS: [(&str, DigestPolicy); 3] = [
        ("either", DigestPolicy::Either),
        ("required", DigestPolicy::Required),
        ("refused", DigestPolicy::Refused),
    ];
    let mut offer = Offer::default();
    let Some(section) = section else { return offer };
    set(&mut offer.header_digest, section.choice("header_digest", &DIGESTS));
    set(&mut offer.data_digest, section.choice("data_digest", &DIGESTS));
    set(&mut offer.max_connections, section.number("max_connections", 1..=CONNECTIONS_MAX));
    set(&mut offer.initial_r2t, section.boolean("initial_r2t"));
    set(&mut offer.immediate_data, section.boolean("immediate_data"));
    let length = 512..=0x00ff_ffff_u32;
    set(
        &mut offer.max_recv_data_segment_length,
        section.number("max_recv_data_segment_length", length.clone()),
    );
    set(&mut offer.max_burst_length, section.number("max_burst_length", length.clone()));
    set(&mut offer.first_burst_length, section.number("first_burst_length", length));
    set(&mut offer.node_architecture, section.choice("node_architecture", &NodeArchitecture::ALL));
    set(&mut offer.time2wait, section.number("time2wait", 0..=3600));
    set(&mut offer.time2retain, section.number("time2retain", 0..=3600));
    set(&mut offer.max_outstanding_r2t, section.number("max_outstanding_r2t", 1..=u16::MAX));
    set(&mut offer.data_pdu_in_order, section.boolean("data_pdu_in_order"));
    set(&mut offer.data_sequence_in_order, section.boolean("data_sequence_in_order"));
    set(&mut offer.error_recovery_level, section.number("error_recovery_level", 0..=2));
    set(
        &mut offer.task_reporting,
        section.choice("task_reporting", &TaskReporting::ALL.map(|it| (it.name(), it))),
    );
    set(&mut offer.protocol_level, section.number("protocol_level", 1..=2));
    if offer.first_burst_length > offer.max_burst_length {
        section.wrong(&section.span, "first_burst_length is at most max_burst_length (RFC 7143 13.14)");
    }
    section.finish();
    offer
}

fn limits(section: Option<Section<'_, '_>>) -> Limits {
    let mut limits = Limits::default();
    let Some(section) = section else { return limits };
    set(&mut limits.connections, section.number("connections", 1..=65_535));
    set(&mut limits.half_open, section.number("half_open", 1..=65_535));
    set(&mut limits.sessions, section.number("sessions", 1..=65_535));
    set(&mut limits.sessions_per_initiator, section.number("sessions_per_initiator", 1..=65_535));
    set(&mut limits.commands, section.number("commands", 1..=4096));
    set(&mut limits.immediate, section.number("immediate", 2..=4096));
    set(&mut limits.held_bytes, section.size("held_bytes").map(|at| at.value));
    set(&mut limits.memory_bytes, section.size("memory_bytes").map(|at| at.value));
    set(&mut limits.transfer_bytes, section.number("transfer_bytes", 65_536..=1 << 30));
    // At least what a negotiation may bring (rfc7143/6.1-4).
    set(&mut limits.text_bytes, section.number("text_bytes", 8192..=16 << 20));
    set(&mut limits.text_keys, section.number("text_keys", 64..=65_535));
    set(&mut limits.text_rounds, section.number("text_rounds", 8..=65_535));
    set(&mut limits.text_answer_bytes, section.number("text_answer_bytes", 8192..=64 << 20));
    set(&mut limits.unit_attentions, section.number("unit_attentions", 4..=1024));
    set(&mut limits.pr_registrations, section.number("pr_registrations", 1..=65_535));
    section.finish();
    limits
}

fn timers(section: Option<Section<'_, '_>>) -> Timers {
    let mut timers = Timers::default();
    let Some(section) = section else { return timers };
    set(&mut timers.login, seconds(&section, "login", 1));
    set(&mut timers.nop_interval, seconds(&section, "nop_interval", 0));
    set(&mut timers.nop_timeout, seconds(&section, "nop_timeout", 1));
    set(&mut timers.logout, seconds(&section, "logout", 1));
    set(&mut timers.data_out, seconds(&section, "data_out", 1));
    section.finish();
    timers
}

fn server(section: Option<Section<'_, '_>>) -> ServerOptions {
    let mut options = ServerOptions::default();
    let Some(section) = section else { return options };
    let workers = section.number("workers", 1..=1024u32).and_then(|n| usize::try_from(n).ok());
    set(&mut options.workers, workers);
    set(&mut options.tcp_user_timeout, seconds(&section, "tcp_user_timeout", 1));
    set(&mut options.linger, seconds(&section, "linger", 0));
    set(&mut options.drain, seconds(&section, "drain", 0));
    section.finish();
    options
}

fn seconds(section: &Section<'_, '_>, key: &'static str, least: u32) -> Option<Duration> {
    section.number(key, least..=86_400).map(|seconds| Duration::from_secs(seconds.into()))
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}
