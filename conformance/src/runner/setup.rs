//! What do `target:` and `net:` of a scenario make of the simulated world?

use crate::scenario::expr::{Expr, Scope, Value};
use crate::scenario::model::{AuthSpec, LatencySpec, LunSpec, NetSpec, OneTarget, TargetSpec};
use crate::scenario::units::Nanos;
use crate::scenario::{At, Scenario};
use initiator_sim::clock::MICRO;
use initiator_sim::disk::DiskConfig;
use initiator_sim::net::{Chunking, LaneConfig, Latency, NetConfig};
use initiator_sim::oracle::ProbeDefinitions;
use initiator_sim::world::{Keep, WorldConfig};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use target_core::config::{
    AuthConfig, ChapAlgorithm, Config, Credential, DigestPolicy, LunConfig, NodeArchitecture, PortalConfig,
    Provisioning, Redirect, TargetConfig, UnitPolicy,
};
use target_core::io::{DeviceId, Records};
use target_core::session::params::TaskReporting;

/// Name of the simulated target unless a scenario names it.
pub const TARGET_NAME: &str = "iqn.2026-01.example.lab:disk";
/// Name of the initiator unless a scenario names it.
pub const INITIATOR_NAME: &str = "iqn.2026-01.example.lab:initiator";
/// Where the simulated target listens unless a scenario says so.
const PORTAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 3260);

/// The definitions of the sixteen probes, which judge every run.
const DEFINITIONS: &str = include_str!("../../probes/iscsi.yaml");

/// A disk of the lab.
const BLOCK: u32 = 512;
const BLOCKS: u64 = 2048;

/// Variables that every scenario has.
pub(super) struct Builtin {
    /// `$chap_name` and `$chap_secret`.
    pub(super) chap: (String, String),
    /// `$mutual_name` and `$mutual_secret`.
    pub(super) mutual: (String, String),
    /// `$block`: bytes of a block of LUN 0.
    pub(super) block: u32,
    /// `$capacity`: how many blocks it has.
    pub(super) capacity: u64,
}

impl Default for Builtin {
    fn default() -> Self {
        let credential = |name: &str, secret: &str| (name.to_owned(), secret.to_owned());
        Self {
            chap: credential("lab-initiator", "lab-secret-0123456789"),
            mutual: credential("lab-target", "lab-proof-9876543210"),
            block: BLOCK,
            capacity: BLOCKS,
        }
    }
}

/// The variables that the simulator gives a scenario: its LUN 0.
pub(super) fn builtin(scenario: &Scenario) -> Builtin {
    let luns = scenario.target.main.luns.iter().flatten();
    let disk = luns.min_by_key(|lun| lun.lun).map_or((BLOCK, BLOCKS), |lun| (lun.block_size, lun.blocks));
    Builtin { block: disk.0, capacity: disk.1, ..Builtin::default() }
}

/// The variables of a case before it runs.
pub(super) struct Vars(pub(super) BTreeMap<String, Value>);

impl Scope for Vars {
    fn lookup(&self, name: &str, field: Option<&str>) -> Option<Value> {
        if field.is_some() { None } else { self.0.get(name).cloned() }
    }
}

impl Vars {
    /// Later ones may use earlier ones.
    pub(super) fn new(builtin: Builtin, lists: &[&[(String, Expr)]]) -> Result<Self, String> {
        let named = [
            ("chap_name", Value::Text(builtin.chap.0)),
            ("chap_secret", Value::Text(builtin.chap.1)),
            ("mutual_name", Value::Text(builtin.mutual.0)),
            ("mutual_secret", Value::Text(builtin.mutual.1)),
            ("block", Value::Num(builtin.block.into())),
            ("capacity", Value::Num(builtin.capacity)),
        ];
        let mut vars = Self(named.map(|(name, value)| (name.to_owned(), value)).into());
        for (name, expr) in lists.iter().flat_map(|list| list.iter()) {
            let value = expr.eval(&vars).map_err(|error| format!("vars.{name}: {error}"))?;
            vars.0.insert(name.clone(), value);
        }
        Ok(vars)
    }

    fn text(&self, expr: &Expr) -> Result<String, String> {
        expr.eval(self).map(|value| value.text())
    }
}

/// What was made.
pub(super) struct Setup {
    pub(super) world: WorldConfig,
    pub(super) portal: SocketAddr,
    pub(super) target_name: String,
    pub(super) block_sizes: BTreeMap<u64, u32>,
}

/// The world of a scenario.
pub(super) fn setup(scenario: &Scenario, vars: &Vars, keep: Keep) -> Result<Setup, String> {
    let spec = &scenario.target;
    let mut devices = 0;
    let mut config = Config::default();
    config.targets.push(target(&spec.main, Some(TARGET_NAME), vars, &mut devices)?);
    for more in &spec.more {
        config.targets.push(target(more, None, vars, &mut devices)?);
    }
    config.portals = spec.portals.iter().map(|&(address, group)| PortalConfig { address, group }).collect();
    if config.portals.is_empty() {
        config.portals.push(PortalConfig { address: PORTAL, group: 1 });
    }
    if let Some(spec) = &spec.discovery_auth {
        config.discovery_auth = auth(spec, vars)?;
    }
    params(&mut config, spec, vars)?;
    limits(&mut config, spec)?;
    timers(&mut config, spec)?;
    let disks = disks(&config, spec, devices);
    let target_name = config.targets[0].name.clone();
    let block_sizes = config.targets[0].luns.iter().map(|lun| (lun.lun.into(), lun.block_size)).collect();
    let portal = config.portals[0].address;
    let world = WorldConfig {
        seed: scenario.seed,
        target: config,
        disks,
        net: net(&scenario.net),
        definitions: Some(definitions()?),
        keep,
        ..WorldConfig::default()
    };
    Ok(Setup { world, portal, target_name, block_sizes })
}

/// The definitions of the sixteen probes, read once.
///
/// # Errors
/// The file that is built in has a mistake; its place is in the text.
pub fn definitions() -> Result<Arc<ProbeDefinitions>, String> {
    static READ: OnceLock<Result<Arc<ProbeDefinitions>, String>> = OnceLock::new();
    let read = || {
        crate::yaml::typed("probes/iscsi.yaml", DEFINITIONS).map(Arc::new).map_err(|error| error.to_string())
    };
    READ.get_or_init(read).clone()
}

fn target(
    spec: &OneTarget,
    default: Option<&str>,
    vars: &Vars,
    devices: &mut u32,
) -> Result<TargetConfig, String> {
    let one_lun = vec![LunSpec {
        blocks: BLOCKS,
        block_size: BLOCK,
        write_cache: true,
        thin: true,
        ..LunSpec::default()
    }];
    let luns = spec.luns.as_ref().unwrap_or(&one_lun);
    let name = spec.name.as_ref().map(|name| vars.text(name)).transpose()?;
    Ok(TargetConfig {
        name: name.or_else(|| default.map(str::to_owned)).ok_or("a further target has no name")?,
        alias: spec.alias.as_ref().map_or(Ok(String::new()), |alias| vars.text(alias))?,
        luns: luns.iter().map(|spec| lun(spec, devices)).collect(),
        auth: spec.auth.as_ref().map_or(Ok(AuthConfig::default()), |spec| auth(spec, vars))?,
        initiators: spec.initiators.iter().map(|name| vars.text(name)).collect::<Result<_, _>>()?,
        redirect: match &spec.redirect {
            Some((address, permanent)) => {
                Some(Redirect { address: vars.text(address)?, permanent: *permanent })
            }
            None => None,
        },
        groups: spec.groups.clone(),
        refuse_resets: spec.refuse_resets,
    })
}

/// A logical unit; texts that a scenario leaves out are the same in every run.
pub(super) fn lun(spec: &LunSpec, devices: &mut u32) -> LunConfig {
    let device = *devices;
    *devices += 1;
    let text = |at: usize, default: String| spec.texts[at].clone().unwrap_or(default);
    LunConfig {
        lun: spec.lun,
        device: DeviceId(device),
        block_size: spec.block_size,
        blocks: spec.blocks,
        read_only: spec.read_only,
        vendor: text(0, "LAB".to_owned()),
        product: text(1, "DISK".to_owned()),
        revision: text(2, "1".to_owned()),
        serial: text(3, format!("LAB{device:05}")),
        write_cache: spec.write_cache,
        policy: UnitPolicy {
            queue_depth: spec.queue_depth,
            transition: Duration::from_secs(spec.transition.into()),
            removable: spec.removable,
            physical_exponent: spec.physical_exponent,
            atomic: spec.atomic,
            ..UnitPolicy::default()
        },
        provisioning: if spec.thin { Provisioning::ThinAnchored } else { Provisioning::Full },
        kept: spec.keeps.then(Records::new),
    }
}

fn auth(spec: &AuthSpec, vars: &Vars) -> Result<AuthConfig, String> {
    let secret = |expr: &Expr| {
        expr.eval(vars).map(|value| match value {
            Value::Bytes(bytes) => bytes.to_vec(),
            other => other.text().into_bytes(),
        })
    };
    let mut out = AuthConfig::default();
    for (name, expr) in &spec.users {
        out.credentials.push(Credential {
            name: vars.text(name)?,
            secret: secret(expr)?,
            ..Credential::default()
        });
    }
    for (name, expr) in &spec.initiators {
        let (name, initiator) = (vars.text(name)?, vars.text(expr)?);
        let credential = out.credentials.iter_mut().find(|credential| credential.name == name);
        credential.ok_or(format!("auth.initiators: {name} is none of the users"))?.initiators.push(initiator);
    }
    if let Some((name, expr)) = &spec.mutual {
        out.mutual =
            Some(Credential { name: vars.text(name)?, secret: secret(expr)?, ..Credential::default() });
    }
    let number = |name: &String| match name.as_str() {
        "md5" => ChapAlgorithm::Md5,
        "sha1" => ChapAlgorithm::Sha1,
        "sha256" => ChapAlgorithm::Sha256,
        _ => ChapAlgorithm::Sha3_256,
    };
    out.algorithms = spec.algorithms.iter().map(number).collect();
    Ok(out)
}

fn params(config: &mut Config, spec: &TargetSpec, vars: &Vars) -> Result<(), String> {
    let offer = &mut config.offer;
    for (key, expr, at) in &spec.params {
        let value = expr.eval(vars).map_err(|error| wrong(at, key, &error))?;
        let text = value.text();
        let yes = || match text.as_str() {
            "Yes" => Ok(true),
            "No" => Ok(false),
            _ => Err(wrong(at, key, "takes Yes or No")),
        };
        let digest = || match text.as_str() {
            "None" => Ok(DigestPolicy::Refused),
            "CRC32C" => Ok(DigestPolicy::Required),
            "CRC32C,None" | "None,CRC32C" => Ok(DigestPolicy::Either),
            _ => Err(wrong(at, key, "takes None, CRC32C or \"CRC32C,None\"")),
        };
        let number = || value.number().ok_or_else(|| wrong(at, key, "takes a number"));
        let word = || Ok::<_, String>(u32::try_from(number()?).unwrap_or(u32::MAX));
        let short = || Ok::<_, String>(u16::try_from(number()?).unwrap_or(u16::MAX));
        match key.as_str() {
            "HeaderDigest" => offer.header_digest = digest()?,
            "DataDigest" => offer.data_digest = digest()?,
            "MaxConnections" => offer.max_connections = short()?,
            "InitialR2T" => offer.initial_r2t = yes()?,
            "ImmediateData" => offer.immediate_data = yes()?,
            "MaxRecvDataSegmentLength" => offer.max_recv_data_segment_length = word()?,
            "X#NodeArchitecture" => {
                let known = NodeArchitecture::ALL.into_iter().find(|(name, _)| *name == text);
                let why = "takes off, name or name-and-version";
                offer.node_architecture = known.ok_or_else(|| wrong(at, key, why))?.1;
            }
            "MaxBurstLength" => offer.max_burst_length = word()?,
            "FirstBurstLength" => offer.first_burst_length = word()?,
            "DefaultTime2Wait" => offer.time2wait = short()?,
            "DefaultTime2Retain" => offer.time2retain = short()?,
            "MaxOutstandingR2T" => offer.max_outstanding_r2t = short()?,
            "DataPDUInOrder" => offer.data_pdu_in_order = yes()?,
            "DataSequenceInOrder" => offer.data_sequence_in_order = yes()?,
            "TaskReporting" => {
                let known = TaskReporting::ALL.into_iter().find(|known| known.name() == text);
                let why = "takes RFC3720, ResponseFence or FastAbort";
                offer.task_reporting = known.ok_or_else(|| wrong(at, key, why))?;
            }
            "iSCSIProtocolLevel" => offer.protocol_level = u8::try_from(number()?).unwrap_or(u8::MAX),
            "ErrorRecoveryLevel" => offer.error_recovery_level = u8::try_from(number()?).unwrap_or(u8::MAX),
            _ => return Err(wrong(at, key, &crate::yaml::unknown("key", key, PARAMS))),
        }
    }
    Ok(())
}

/// Keys that `target.params` takes.
pub(super) const PARAMS: [&str; 17] = [
    "HeaderDigest",
    "DataDigest",
    "MaxConnections",
    "InitialR2T",
    "ImmediateData",
    "MaxRecvDataSegmentLength",
    "X#NodeArchitecture",
    "MaxBurstLength",
    "FirstBurstLength",
    "DefaultTime2Wait",
    "DefaultTime2Retain",
    "MaxOutstandingR2T",
    "DataPDUInOrder",
    "DataSequenceInOrder",
    "ErrorRecoveryLevel",
    "TaskReporting",
    "iSCSIProtocolLevel",
];

fn wrong(at: &At, key: &str, why: &str) -> String {
    format!("{}: {key}: {why}", at.show())
}

fn limits(config: &mut Config, spec: &TargetSpec) -> Result<(), String> {
    let limits = &mut config.limits;
    for (name, value, at) in &spec.limits {
        let word = u32::try_from(*value).unwrap_or(u32::MAX);
        let slot = match name.as_str() {
            "connections" => &mut limits.connections,
            "half_open" => &mut limits.half_open,
            "sessions" => &mut limits.sessions,
            "sessions_per_initiator" => &mut limits.sessions_per_initiator,
            "commands" => &mut limits.commands,
            "immediate" => &mut limits.immediate,
            "transfer_bytes" => &mut limits.transfer_bytes,
            "text_bytes" => &mut limits.text_bytes,
            "text_keys" => &mut limits.text_keys,
            "text_rounds" => &mut limits.text_rounds,
            "text_answer_bytes" => &mut limits.text_answer_bytes,
            "unit_attentions" => &mut limits.unit_attentions,
            "pr_registrations" => &mut limits.pr_registrations,
            "held_bytes" => {
                limits.held_bytes = *value;
                continue;
            }
            "memory_bytes" => {
                limits.memory_bytes = *value;
                continue;
            }
            _ => return Err(wrong(at, name, &crate::yaml::unknown("limit", name, LIMITS))),
        };
        *slot = word;
    }
    Ok(())
}

const LIMITS: [&str; 15] = [
    "connections",
    "half_open",
    "sessions",
    "sessions_per_initiator",
    "commands",
    "immediate",
    "transfer_bytes",
    "text_bytes",
    "text_keys",
    "text_rounds",
    "text_answer_bytes",
    "unit_attentions",
    "pr_registrations",
    "held_bytes",
    "memory_bytes",
];

fn timers(config: &mut Config, spec: &TargetSpec) -> Result<(), String> {
    let timers = &mut config.timers;
    for (name, time, at) in &spec.timers {
        let slot = match name.as_str() {
            "login" => &mut timers.login,
            "nop_interval" => &mut timers.nop_interval,
            "nop_timeout" => &mut timers.nop_timeout,
            "logout" => &mut timers.logout,
            "data_out" => &mut timers.data_out,
            _ => {
                let known = ["login", "nop_interval", "nop_timeout", "logout", "data_out"];
                return Err(wrong(at, name, &crate::yaml::unknown("timer", name, known)));
            }
        };
        *slot = Duration::from_nanos(*time);
    }
    Ok(())
}

fn disks(config: &Config, spec: &TargetSpec, devices: u32) -> Vec<DiskConfig> {
    let luns: Vec<_> = config.targets.iter().flat_map(|target| &target.luns).collect();
    let latency = spec.latency.as_ref().map_or(Latency::Fixed(0), latency);
    (0..devices)
        .filter_map(|device| luns.iter().find(|lun| lun.device.0 == device))
        .map(|lun| DiskConfig {
            block_size: lun.block_size,
            blocks: lun.blocks,
            latency: latency.clone(),
            ..DiskConfig::default()
        })
        .collect()
}

/// A distribution in the simulator's terms.
pub(super) fn latency(spec: &LatencySpec) -> Latency {
    match *spec {
        LatencySpec::Fixed(time) => Latency::Fixed(time),
        LatencySpec::Uniform(low, high) => Latency::Uniform { low, high },
        LatencySpec::Exp(base, mean) => Latency::Exponential { base, mean },
        LatencySpec::Bimodal(fast, slow, slow_rate) => Latency::Bimodal { fast, slow, slow_rate },
        LatencySpec::PerPair(low, high) => Latency::PerPair { low, high },
    }
}

fn net(spec: &NetSpec) -> NetConfig {
    let default = LaneConfig::default();
    let mss = spec.mss.and_then(|mss| usize::try_from(mss).ok());
    NetConfig::both(LaneConfig {
        latency: spec.latency.as_ref().map_or(Latency::Fixed(50 * MICRO), latency),
        chunk: mss.map_or(Chunking::Whole, Chunking::Fixed),
        coalesce: spec.coalesce.unwrap_or(0),
        buffer: spec.buffer.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(default.buffer),
        loss: spec.loss.unwrap_or(0),
        ..default
    })
}

/// The simulated moment nothing is waited for beyond, when a scenario sets no other.
pub(super) const SETTLE: Nanos = 1_000_000_000;
