//! A run as data: everything that a seed decides, as it can be written to a file, cut down and run again.
//!
//! A case with any of its operations or faults taken away is a case; what is left keeps its meaning, because operations have stable
//! ids and every choice of chance is keyed by them.

use super::op::Op;
use super::theme::Theme;
use crate::clock::{Nanos, SECOND};
use crate::disk::DiskConfig;
use crate::fault::Recorded;
use crate::fault::plan::{Plan, Profile};
use crate::initiator::ChapPlan;
use crate::net::NetConfig;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use target_core::config::{
    AuthConfig, Config, Credential, LunConfig, PortalConfig, Provisioning, TargetConfig, UnitPolicy,
};
use target_core::io::DeviceId;

/// Name of the first target of a drawn run; the others have their number behind it.
pub const TARGET: &str = "iqn.2007-07.com.example:lab";
/// Names of its initiators begin so.
pub const INITIATOR: &str = "iqn.2007-07.com.example:client";
/// CHAP name and secrets, where the target asks for them: the initiator's, the target's own.
const CHAP: (&str, &str, &str) = ("client", "sixteen-bytes-or-more", "the-targets-own-secret");
/// Where the target is.
pub const PORTAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 3260);
/// Blocks of every logical unit.
const BLOCKS: u64 = 2048;

/// A run as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Decides all that is left to chance.
    pub seed: u64,
    /// What it was drawn as.
    #[serde(default)]
    pub profile: Theme,
    /// What the initiators see is held against the target. Not where a middlebox changes PDUs or initiators lie.
    pub honest: bool,
    /// The target.
    #[serde(default)]
    pub target: TargetOptions,
    /// Its disks, all alike.
    #[serde(default)]
    pub disk: DiskConfig,
    /// The network.
    #[serde(default)]
    pub net: NetConfig,
    /// Commands a client has under way at most, by client.
    pub depths: Vec<usize>,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Faults,
    /// What the clients do, each in this order.
    pub steps: Vec<Op>,
}

/// What goes wrong by chance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Faults {
    /// Nothing.
    #[default]
    None,
    /// Drawn with these probabilities in a million.
    Drawn(Profile),
    /// Exactly these.
    Listed(Vec<Recorded>),
}

impl Faults {
    /// As the world takes them.
    pub fn plan(&self) -> Plan {
        match self {
            Self::None => Plan::None,
            Self::Drawn(profile) => Plan::Drawn(profile.clone()),
            Self::Listed(records) => Plan::explicit(records.iter().cloned()),
        }
    }

    /// How many are listed.
    pub const fn len(&self) -> usize {
        match self {
            Self::Listed(records) => records.len(),
            _ => 0,
        }
    }

    /// True if nothing can go wrong.
    pub const fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Drawn(_) => false,
            Self::Listed(records) => records.is_empty(),
        }
    }
}

/// The target: what is not said is as it usually is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each field is the option, key or limit of its name")]
pub struct TargetOptions {
    /// How many targets, all alike.
    pub targets: u16,
    /// Logical units of each.
    pub luns: u16,
    /// Whether initiators have to prove who they are, and the target too.
    pub chap: Chap,
    pub block_size: u32,
    pub write_cache: bool,
    pub commands: u32,
    pub immediate: u32,
    pub held_bytes: u64,
    pub max_connections: u16,
    pub max_recv_data_segment_length: u32,
    pub max_burst_length: u32,
    pub first_burst_length: u32,
    pub initial_r2t: bool,
    pub immediate_data: bool,
    pub max_outstanding_r2t: u16,
    pub data_pdu_in_order: bool,
    pub data_sequence_in_order: bool,
    pub error_recovery_level: u8,
    pub time2retain: u16,
    /// Time without a word after which the target pings.
    pub nop_interval: Nanos,
    /// Time it waits for an answer.
    pub nop_timeout: Nanos,
    /// How much faster its clock runs than the world's, in millionths.
    pub drift_ppm: i32,
}

/// Authentication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chap {
    /// None.
    #[default]
    No,
    /// Of the initiator.
    OneWay,
    /// Of both.
    Mutual,
}

/// Name of the target with this number, from 0.
pub fn target_name(number: u16) -> String {
    if number == 0 { TARGET.to_owned() } else { format!("{TARGET}{number}") }
}

impl Default for TargetOptions {
    fn default() -> Self {
        Self {
            targets: 1,
            luns: 1,
            chap: Chap::No,
            block_size: 512,
            write_cache: true,
            commands: 128,
            immediate: 32,
            held_bytes: 64 << 20,
            max_connections: 1,
            max_recv_data_segment_length: 8192,
            max_burst_length: 262_144,
            first_burst_length: 65_536,
            initial_r2t: false,
            immediate_data: true,
            max_outstanding_r2t: 1,
            data_pdu_in_order: true,
            data_sequence_in_order: true,
            error_recovery_level: 0,
            time2retain: 20,
            drift_ppm: 0,
            nop_interval: 30 * SECOND,
            nop_timeout: 30 * SECOND,
        }
    }
}

impl TargetOptions {
    /// What an initiator presents, `key` making its own challenge another one in each login.
    pub(super) fn credentials(&self, key: u64) -> Option<ChapPlan> {
        let (name, secret, own) = CHAP;
        let plan = ChapPlan::new(name, secret);
        match self.chap {
            Chap::No => None,
            Chap::OneWay => Some(plan),
            Chap::Mutual => {
                Some(plan.mutual(own, key as u8, [key.to_be_bytes(), (!key).to_be_bytes()].concat()))
            }
        }
    }

    /// As the core takes it.
    pub fn config(&self) -> Config {
        let lun = |target: u16, number: u16| LunConfig {
            lun: number,
            device: DeviceId(u32::from(target) * u32::from(self.luns) + u32::from(number)),
            block_size: self.block_size,
            blocks: BLOCKS,
            read_only: false,
            vendor: "LAB".into(),
            product: "DISK".into(),
            revision: "1".into(),
            serial: format!("LAB{target:02}{number:03}"),
            policy: UnitPolicy::default(),
            provisioning: Provisioning::ThinAnchored,
            write_cache: self.write_cache,
            kept: None,
        };
        let (name, secret, own) = CHAP;
        let credential = |name: &str, secret: &str| Credential {
            name: name.into(),
            secret: secret.as_bytes().to_vec(),
            initiators: Vec::new(),
        };
        let auth = AuthConfig {
            credentials: if self.chap == Chap::No { Vec::new() } else { vec![credential(name, secret)] },
            mutual: (self.chap == Chap::Mutual).then(|| credential("lab", own)),
            algorithms: Vec::new(),
        };
        let target = |number: u16| TargetConfig {
            name: target_name(number),
            luns: (0..self.luns).map(|unit| lun(number, unit)).collect(),
            auth: auth.clone(),
            ..TargetConfig::default()
        };
        let mut config = Config {
            targets: (0..self.targets).map(target).collect(),
            portals: vec![PortalConfig { address: PORTAL, group: 1 }],
            ..Config::default()
        };
        config.limits.commands = self.commands;
        config.limits.immediate = self.immediate;
        config.limits.transfer_bytes = 2 << 20;
        config.limits.held_bytes = self.held_bytes;
        let offer = &mut config.offer;
        offer.max_connections = self.max_connections;
        offer.max_recv_data_segment_length = self.max_recv_data_segment_length;
        offer.max_burst_length = self.max_burst_length;
        offer.first_burst_length = self.first_burst_length.min(self.max_burst_length);
        offer.initial_r2t = self.initial_r2t;
        offer.immediate_data = self.immediate_data;
        offer.max_outstanding_r2t = self.max_outstanding_r2t;
        offer.data_pdu_in_order = self.data_pdu_in_order;
        offer.data_sequence_in_order = self.data_sequence_in_order;
        offer.error_recovery_level = self.error_recovery_level;
        offer.time2retain = self.time2retain;
        config.timers.nop_interval = Duration::from_nanos(self.nop_interval);
        config.timers.nop_timeout = Duration::from_nanos(self.nop_timeout);
        config
    }
}

impl Case {
    /// Everything that `seed` decides where `theme` may happen.
    pub fn draw(seed: u64, theme: Theme) -> Self {
        super::draw::case(seed, theme)
    }

    /// Whether its numbers are within what a run can be made of.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.depths.is_empty() || self.depths.len() > 64 {
            return Err(format!("depths has {} clients, 1 to 64 are possible", self.depths.len()));
        }
        if let Some(op) = self.steps.iter().find(|op| op.client as usize >= self.depths.len()) {
            return Err(format!(
                "step {}: there is no client {}, depths has {}",
                op.id,
                op.client,
                self.depths.len()
            ));
        }
        let mut ids: Vec<u64> = self.steps.iter().map(|op| op.id).collect();
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("two steps have the id {}", pair[0]));
        }
        if ids.first() == Some(&0) {
            return Err("0 is no id of a step".to_owned());
        }
        let units = [("targets", self.target.targets), ("luns", self.target.luns)];
        if let Some((name, count)) = units.into_iter().find(|(_, count)| !(1..=16).contains(count)) {
            return Err(format!("{name} {count} is not 1 to 16"));
        }
        if !self.target.block_size.is_power_of_two() || !(512..=4096).contains(&self.target.block_size) {
            return Err(format!("block_size {} is not 512, 1024, 2048 or 4096", self.target.block_size));
        }
        if self.target.drift_ppm.unsigned_abs() > 500_000 {
            return Err(format!("drift_ppm {} is not -500000 to 500000", self.target.drift_ppm));
        }
        self.target.config().check().map_err(|error| format!("target: {error:?}"))
    }

    /// The disks, by device number.
    pub fn disks(&self) -> Vec<DiskConfig> {
        let disk = DiskConfig { block_size: self.target.block_size, blocks: BLOCKS, ..self.disk.clone() };
        vec![disk; usize::from(self.target.targets) * usize::from(self.target.luns)]
    }

    /// The options in one line each.
    pub fn options(&self) -> Vec<String> {
        let clients = self.depths.len();
        vec![
            format!("profile {}{}", self.profile.name(), if self.honest { ", honest" } else { "" }),
            format!("clients {clients} with depths {:?}, {} steps", self.depths, self.steps.len()),
            format!("target {:?}", self.target),
            format!("network {:?}", self.net),
            format!("disk {:?}", self.disk),
            format!("faults {:?}", self.faults),
        ]
    }
}

/// The number of a seed: a number, or a commit id of 40 hexadecimal digits.
///
/// # Errors
/// What is wrong with the text.
pub fn parse_seed(text: &str) -> Result<u64, String> {
    if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(crate::trace::hash_bytes(0, text.to_ascii_lowercase().as_bytes()));
    }
    text.parse().map_err(|_| {
        format!("{text}: a seed is a number below 2^64, or a commit id of 40 hexadecimal digits")
    })
}

/// Bytes as hexadecimal text in files.
pub(super) mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::fmt::Write;

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * bytes.len());
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if !text.len().is_multiple_of(2) || !text.is_ascii() {
            return Err(D::Error::custom("bytes are an even number of hexadecimal digits"));
        }
        let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2).unwrap_or("-"), 16);
        (0..text.len()).step_by(2).map(|at| byte(at).map_err(D::Error::custom)).collect()
    }
}
