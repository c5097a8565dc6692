//! What is wrong with a configuration? Everything the engine relies on is checked here, once.

use super::{AccessState, AtomicWrites, AuthConfig, CONNECTIONS_MAX, Config, LunConfig, Offer, TargetConfig};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Path of the field from [`Config`], such as `targets[0].luns[1].block_size`.
    pub field: String,
    /// What is wrong with its value, for people.
    pub problem: String,
}

impl ConfigError {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.problem)
    }
}

impl core::error::Error for ConfigError {}

type Checked = Result<(), ConfigError>;

/// Longest secret or CHAP name: the limit of binary values (RFC 7143 6.1 and 12.1.3).
const CHAP_BYTES_MAX: usize = 1024;
/// A physical block has 64 KiB at most, with logical blocks of 512 bytes.
const PHYSICAL_EXPONENT_MAX: u8 = 7;
/// What a negotiation may bring at any target (RFC 7143 6.1).
const TEXT_BYTES_MIN: u32 = 8192;
/// Shortest secret with which the target proves itself.
const MUTUAL_SECRET_MIN: usize = 12;

impl Config {
    /// Refuses what the target cannot do, or must not.
    ///
    /// # Errors
    ///
    /// The first problem found.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut names = BTreeSet::new();
        for (index, target) in self.targets.iter().enumerate() {
            let at = format!("targets[{index}]");
            if !names.insert(target.name.as_str()) {
                return Err(ConfigError::new(format!("{at}.name"), "used by another target"));
            }
            check_target(&at, target)?;
            self.check_groups(&at, target)?;
        }
        let mut addresses = BTreeSet::new();
        for (index, portal) in self.portals.iter().enumerate() {
            if !addresses.insert(portal.address) {
                let at = format!("portals[{index}].address");
                return Err(ConfigError::new(at, "used by another portal"));
            }
        }
        check_auth("discovery_auth", &self.discovery_auth)?;
        self.check_secrets()?;
        check_offer(&self.offer)?;
        self.check_limits()?;
        if self.timers.login.is_zero() {
            return Err(ConfigError::new("timers.login", "must not be zero"));
        }
        if self.timers.data_out.is_zero() {
            return Err(ConfigError::new("timers.data_out", "must not be zero"));
        }
        Ok(())
    }

    /// rfc7143/9.2.1-8: what one side proves itself with, the other side of no target of the node may: a challenge could be
    /// reflected.
    fn check_secrets(&self) -> Checked {
        let targets = self.targets.iter().enumerate().map(|(n, target)| (Some(n), &target.auth));
        let all: Vec<_> = targets.chain([(None, &self.discovery_auth)]).collect();
        let of_initiators: BTreeSet<&[u8]> = all
            .iter()
            .flat_map(|(_, auth)| auth.credentials.iter().map(|credential| credential.secret.as_slice()))
            .collect();
        let shared = all.iter().find(|(_, auth)| {
            auth.mutual.as_ref().is_some_and(|mutual| of_initiators.contains(mutual.secret.as_slice()))
        });
        let at = match shared {
            None => return Ok(()),
            Some((Some(n), _)) => format!("targets[{n}].auth"),
            Some((None, _)) => "discovery_auth".into(),
        };
        Err(ConfigError::new(format!("{at}.mutual.secret"), "is also an initiator's secret"))
    }

    /// A group without a portal cannot be reached.
    fn check_groups(&self, at: &str, target: &TargetConfig) -> Checked {
        let served = |group: &u16| self.portals.iter().any(|portal| portal.group == *group);
        match target.groups.iter().position(|group| !served(group)) {
            Some(index) => Err(ConfigError::new(format!("{at}.groups[{index}]"), "no portal has that group")),
            None => Ok(()),
        }
    }

    fn check_limits(&self) -> Checked {
        let limits = &self.limits;
        let at_least_one = [
            ("limits.connections", limits.connections),
            ("limits.half_open", limits.half_open),
            ("limits.sessions", limits.sessions),
            ("limits.sessions_per_initiator", limits.sessions_per_initiator),
            ("limits.commands", limits.commands),
            ("limits.text_keys", limits.text_keys),
            ("limits.text_rounds", limits.text_rounds),
            ("limits.unit_attentions", limits.unit_attentions),
            ("limits.pr_registrations", limits.pr_registrations),
        ];
        if let Some((field, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::new(field, "must be at least 1"));
        }
        // One immediate task management request and one other must always find a place (rfc7143/4.2.2.1-6).
        if limits.immediate < 2 {
            return Err(ConfigError::new("limits.immediate", "must be at least 2"));
        }
        if limits.sessions > u32::from(u16::MAX) {
            return Err(ConfigError::new("limits.sessions", "a TSIH has 16 bits: at most 65535"));
        }
        if limits.commands > 65_536 {
            return Err(ConfigError::new("limits.commands", "must be at most 65536"));
        }
        if limits.transfer_bytes < 4096 {
            return Err(ConfigError::new("limits.transfer_bytes", "must be at least 4096"));
        }
        if limits.held_bytes < u64::from(limits.transfer_bytes) {
            return Err(ConfigError::new("limits.held_bytes", "must be at least limits.transfer_bytes"));
        }
        if limits.memory_bytes < limits.held_bytes {
            return Err(ConfigError::new("limits.memory_bytes", "must be at least limits.held_bytes"));
        }
        // rfc7143/6.1-4.
        if limits.text_bytes < TEXT_BYTES_MIN {
            let why = format!("must be at least {TEXT_BYTES_MIN} (RFC 7143 6.1)");
            return Err(ConfigError::new("limits.text_bytes", why));
        }
        if limits.text_answer_bytes < 512 {
            return Err(ConfigError::new("limits.text_answer_bytes", "must be at least 512"));
        }
        Ok(())
    }
}

/// Access states are of portal groups that there are, each once, and a state is not a transition.
fn check_access(at: &str, lun: &LunConfig) -> Checked {
    let access = &lun.policy.access;
    for (index, (group, state)) in access.iter().enumerate() {
        let at = format!("{at}.policy.access[{index}]");
        if *state == AccessState::Transitioning {
            return Err(ConfigError::new(at, "transitioning is no state to be in"));
        }
        if access.iter().take(index).any(|(other, _)| other == group) {
            return Err(ConfigError::new(at, "that group has a state already"));
        }
    }
    Ok(())
}

fn check_target(at: &str, target: &TargetConfig) -> Checked {
    // rfc7143/4.2.5.4-5, rfc7143/4.2.5.4-11.
    if let Err(problem) = name_problem(&target.name) {
        return Err(ConfigError::new(format!("{at}.name"), problem));
    }
    if target.alias.len() > 255 || target.alias.contains('\0') {
        let problem = "must be at most 255 bytes without NUL (RFC 7143 13.6)";
        return Err(ConfigError::new(format!("{at}.alias"), problem));
    }
    for (index, name) in target.initiators.iter().enumerate() {
        if let Err(problem) = name_problem(name) {
            return Err(ConfigError::new(format!("{at}.initiators[{index}]"), problem));
        }
    }
    if let Some(problem) = target.redirect.as_ref().and_then(|to| address_problem(&to.address).err()) {
        return Err(ConfigError::new(format!("{at}.redirect.address"), problem));
    }
    check_auth(&format!("{at}.auth"), &target.auth)?;
    let mut numbers = BTreeSet::new();
    for (index, lun) in target.luns.iter().enumerate() {
        let at = format!("{at}.luns[{index}]");
        if !numbers.insert(lun.lun) {
            return Err(ConfigError::new(format!("{at}.lun"), "used by another logical unit"));
        }
        check_lun(&at, lun)?;
        if let Some(problem) = crate::scsi::kept_problem(&target.name, lun) {
            return Err(ConfigError::new(format!("{at}.kept"), problem));
        }
    }
    Ok(())
}

fn check_lun(at: &str, lun: &LunConfig) -> Checked {
    let fail = |field: &str, problem: &str| Err(ConfigError::new(format!("{at}.{field}"), problem));
    check_access(at, lun)?;
    if lun.policy.ejected && !lun.policy.removable {
        return fail("policy.ejected", "only a removable medium can be taken out");
    }
    if lun.policy.physical_exponent > PHYSICAL_EXPONENT_MAX {
        return fail("policy.physical_exponent", "must be at most 7");
    }
    let AtomicWrites { blocks, alignment, granularity } = lun.policy.atomic;
    if alignment == 0 || granularity == 0 || blocks < granularity {
        return fail("policy.atomic", "must be 1 at least each, and no fewer blocks than the granularity");
    }
    if lun.lun >= 1 << 14 {
        return fail("lun", "must be below 16384");
    }
    if !matches!(lun.block_size, 512 | 4096) {
        return fail("block_size", "must be 512 or 4096");
    }
    if lun.blocks == 0 {
        return fail("blocks", "must be at least 1");
    }
    if lun.blocks.checked_mul(u64::from(lun.block_size)).is_none() {
        return fail("blocks", "the size in bytes does not fit into 64 bits");
    }
    let texts = [
        ("vendor", &lun.vendor, 0, 8),
        ("product", &lun.product, 0, 16),
        ("revision", &lun.revision, 0, 4),
        ("serial", &lun.serial, 1, 36),
    ];
    for (field, text, min, max) in texts {
        if !text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            return fail(field, "must be printable ASCII");
        }
        if text.len() < min || text.len() > max {
            return fail(field, &format!("must be {min} to {max} characters"));
        }
    }
    Ok(())
}

fn check_auth(at: &str, auth: &AuthConfig) -> Checked {
    let mut names = BTreeSet::new();
    for (index, credential) in auth.credentials.iter().enumerate() {
        let at = format!("{at}.credentials[{index}]");
        if credential.name.is_empty() || credential.name.len() > CHAP_BYTES_MAX {
            return Err(ConfigError::new(format!("{at}.name"), "must be 1 to 1024 bytes"));
        }
        if credential.secret.is_empty() || credential.secret.len() > CHAP_BYTES_MAX {
            return Err(ConfigError::new(format!("{at}.secret"), "must be 1 to 1024 bytes"));
        }
        for (index, name) in credential.initiators.iter().enumerate() {
            if let Err(problem) = name_problem(name) {
                return Err(ConfigError::new(format!("{at}.initiators[{index}]"), problem));
            }
        }
        if !names.insert(credential.name.as_str()) {
            return Err(ConfigError::new(format!("{at}.name"), "used by another credential"));
        }
    }
    if let Some(mutual) = &auth.mutual {
        if auth.credentials.is_empty() {
            let problem = "needs credentials: a target proves itself only to who proves himself";
            return Err(ConfigError::new(format!("{at}.mutual"), problem));
        }
        if mutual.name.is_empty() || mutual.secret.is_empty() {
            return Err(ConfigError::new(format!("{at}.mutual"), "name and secret must not be empty"));
        }
        // 96 bits, or the target would have to know that IPsec protects the connection (rfc7143/9.2.1-7).
        if mutual.secret.len() < MUTUAL_SECRET_MIN {
            let problem = "must have at least 12 bytes: whoever asks for a proof could try shorter ones";
            return Err(ConfigError::new(format!("{at}.mutual.secret"), problem));
        }
    }
    let distinct: BTreeSet<_> = auth.algorithms.iter().collect();
    if distinct.len() != auth.algorithms.len() {
        return Err(ConfigError::new(format!("{at}.algorithms"), "names an algorithm twice"));
    }
    Ok(())
}

fn check_offer(offer: &Offer) -> Checked {
    if offer.error_recovery_level > 2 {
        return Err(ConfigError::new("offer.error_recovery_level", "must be 0, 1 or 2"));
    }
    if !(1..=CONNECTIONS_MAX).contains(&offer.max_connections) {
        return Err(ConfigError::new("offer.max_connections", format!("must be 1 to {CONNECTIONS_MAX}")));
    }
    let lengths = [
        ("offer.max_recv_data_segment_length", offer.max_recv_data_segment_length),
        ("offer.max_burst_length", offer.max_burst_length),
        ("offer.first_burst_length", offer.first_burst_length),
    ];
    for (field, value) in lengths {
        if !(512..1 << 24).contains(&value) {
            return Err(ConfigError::new(field, "must be 512 to 16777215"));
        }
    }
    if offer.first_burst_length > offer.max_burst_length {
        let problem = "must not exceed offer.max_burst_length (RFC 7143 13.14)";
        return Err(ConfigError::new("offer.first_burst_length", problem));
    }
    if !(1..=2).contains(&offer.protocol_level) {
        return Err(ConfigError::new("offer.protocol_level", "must be 1 or 2"));
    }
    if offer.max_outstanding_r2t == 0 {
        return Err(ConfigError::new("offer.max_outstanding_r2t", "must be 1 to 65535"));
    }
    for (field, value) in [("offer.time2wait", offer.time2wait), ("offer.time2retain", offer.time2retain)] {
        if value > 3600 {
            return Err(ConfigError::new(field, "must be 0 to 3600 seconds"));
        }
    }
    Ok(())
}

/// What is wrong with a TargetAddress, `host[:port][,tag]` (RFC 7143 13.8): a name, an IPv4 address, or an IPv6 address in
/// brackets; a port from 1 to 65535; a portal group tag from 0 to 65535.
///
/// # Errors
///
/// The first thing that is wrong, for people.
pub fn address_problem(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("must not be empty");
    }
    if text.len() > crate::wire::text::VALUE_BYTES_MAX {
        return Err("must be at most 255 bytes");
    }
    let (place, tag) = text.split_once(',').map_or((text, None), |(place, tag)| (place, Some(tag)));
    if tag.is_some_and(|tag| decimal(tag).is_none()) {
        return Err("the portal group tag must be 0 to 65535");
    }
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or("the bracket of the IPv6 address is not closed")?;
        if host.parse::<core::net::Ipv6Addr>().is_err() {
            return Err("is no IPv6 address in its brackets");
        }
        let port = if port.is_empty() {
            None
        } else {
            Some(port.strip_prefix(':').ok_or("has text behind the bracket")?)
        };
        (None, port)
    } else {
        let (host, port) = place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port)));
        (Some(host), port)
    };
    let is_name = |host: &str| {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        !host.is_empty() && host.chars().all(good)
    };
    if !host.is_none_or(is_name) {
        return Err("must be host[:port], the host a name, an IPv4 address or an IPv6 address in brackets");
    }
    match port.map(decimal) {
        Some(None | Some(0)) => Err("the port must be 1 to 65535"),
        _ => Ok(()),
    }
}

fn decimal(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// RFC 7143 4.2.7: form, length and characters of a name that is already normalised.
fn name_problem(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > crate::probe::NAME_BYTES_MAX {
        return Err("must be 1 to 223 bytes".to_string());
    }
    if name.chars().any(|c| c.is_ascii_uppercase() || c.is_whitespace() || c.is_control()) {
        return Err("must be normalised: no capitals, no white space, no control characters".to_string());
    }
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let good = if let Some(rest) = name.strip_prefix("eui.") {
        rest.len() == 16 && hex(rest)
    } else if let Some(rest) = name.strip_prefix("naa.") {
        matches!(rest.len(), 16 | 32) && hex(rest)
    } else if let Some(rest) = name.strip_prefix("iqn.") {
        iqn_has_date_and_domain(rest)
    } else {
        false
    };
    if good { Ok(()) } else { Err("is no iqn, eui or naa name (RFC 7143 4.2.7)".to_string()) }
}

/// `yyyy-mm.` and at least one character of a domain.
fn iqn_has_date_and_domain(rest: &str) -> bool {
    let Some((date, domain)) = rest.split_once('.') else { return false };
    let Some((year, month)) = date.split_once('-') else { return false };
    let digits = |text: &str, len: usize| text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(year, 4) && digits(month, 2) && !domain.is_empty() && !domain.starts_with(':')
}
