//! What does a seed mean? Drawn from it: the target and its limits, disks, network, faults, and what the initiators do.
//!
//! Every choice has its own site, so adding one here changes nothing else that a seed means.

use super::op::{Op, Way, What};
use crate::clock::{MICRO, MILLI, Nanos, SECOND};
use crate::codec::{Digests, Kind, Pdu, encode};
use crate::disk::{CancelPolicy, DiskConfig};
use crate::fault::plan::{Plan, Profile};
use crate::net::{Chunking, LaneConfig, Latency, NetConfig};
use crate::rng::{Domain, Draw, Keyed, Site};
use std::net::SocketAddr;
use target_core::config::{Config, LunConfig, PortalConfig, Provisioning, TargetConfig, UnitPolicy};
use target_core::io::DeviceId;

/// Name of the target of a drawn run.
pub const TARGET: &str = "iqn.2007-07.com.example:lab";
/// Names of its initiators begin so.
pub const INITIATOR: &str = "iqn.2007-07.com.example:client";
/// Where the target is.
pub const PORTAL: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 3260);

/// Of the last byte of a CDB: if it fails, an auto contingent allegiance begins (SAM-5 5.9).
const NACA: u8 = 0x04;

/// How much goes wrong in a drawn run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Nothing.
    Calm,
    /// What loses nothing: delays, cuts, slow disks.
    Benign,
    /// Everything.
    Hostile,
}

/// What a seed means.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The seed.
    pub seed: u64,
    /// How much goes wrong.
    pub mood: Mood,
    /// The target.
    pub target: Config,
    /// Its disks.
    pub disks: Vec<DiskConfig>,
    /// The network.
    pub net: NetConfig,
    /// Faults by chance.
    pub plan: Plan,
    /// Commands a client has under way at most, by client.
    pub depths: Vec<usize>,
    /// What the clients do.
    pub ops: Vec<Op>,
}

fn option(rng: Keyed, kind: u16) -> Draw {
    rng.at(Domain::Workload, Site { kind, ..Site::default() })
}

impl Drawn {
    /// All that `seed` decides.
    pub fn new(seed: u64) -> Self {
        let rng = Keyed::new(seed);
        let mood = match option(rng, 1).below(10) {
            0..=2 => Mood::Calm,
            3..=6 => Mood::Benign,
            _ => Mood::Hostile,
        };
        let target = target(rng);
        let clients = u32::try_from(option(rng, 2).range(1, 3)).unwrap_or(1);
        let depths = (0..clients)
            .map(|client| usize::try_from(client_draw(rng, client, 1).range(1, 8)).unwrap_or(1))
            .collect();
        let ops = (0..clients).flat_map(|client| ops(rng, client, mood, &target)).collect();
        let plan = match mood {
            Mood::Calm => Plan::None,
            Mood::Benign => Plan::Drawn(Profile::benign()),
            Mood::Hostile => Plan::Drawn(Profile::hostile()),
        };
        Self { seed, mood, disks: disks(rng, &target), net: net(rng), plan, depths, ops, target }
    }

    /// The options in one line each.
    pub fn options(&self) -> Vec<String> {
        let luns = self.target.targets.iter().flat_map(|target| &target.luns);
        let limits = &self.target.limits;
        vec![
            format!("mood {:?}", self.mood),
            format!(
                "clients {} with depths {:?}, {} operations",
                self.depths.len(),
                self.depths,
                self.ops.len()
            ),
            format!("luns {:?}", luns.map(|lun| (lun.lun, lun.block_size, lun.blocks)).collect::<Vec<_>>()),
            format!("window {} immediate {} held {}", limits.commands, limits.immediate, limits.held_bytes),
            format!("offer {:?}", self.target.offer),
            format!("network {:?}", self.net.out),
            format!("disk {:?}", self.disks.first()),
        ]
    }
}

fn client_draw(rng: Keyed, client: u32, kind: u16) -> Draw {
    rng.at(Domain::Workload, Site { conn: client + 1, kind, ..Site::default() })
}

fn target(rng: Keyed) -> Config {
    let mut draw = option(rng, 3);
    let block_size = if draw.chance(300_000) { 4096 } else { 512 };
    let luns = draw.range(1, 2);
    let lun = |number: u64| LunConfig {
        lun: u16::try_from(number).unwrap_or(0),
        device: DeviceId(u32::try_from(number).unwrap_or(0)),
        block_size,
        blocks: 2048,
        read_only: false,
        vendor: "LAB".into(),
        product: "DISK".into(),
        revision: "1".into(),
        serial: format!("LAB{number:05}"),
        write_cache: true,
        policy: UnitPolicy::default(),
        provisioning: Provisioning::ThinAnchored,
    };
    let target =
        TargetConfig { name: TARGET.into(), luns: (0..luns).map(lun).collect(), ..TargetConfig::default() };
    let mut config = Config {
        targets: vec![target],
        portals: vec![PortalConfig { address: PORTAL, group: 1 }],
        ..Config::default()
    };
    let mut draw = option(rng, 4);
    config.limits.commands = *draw.pick(&[128, 32, 8, 2, 1]).unwrap_or(&128);
    config.limits.immediate = *draw.pick(&[32, 8, 2]).unwrap_or(&32);
    config.limits.transfer_bytes = 2 << 20;
    config.limits.held_bytes = *draw.pick(&[64 << 20, 4 << 20, 2 << 20]).unwrap_or(&(64 << 20));
    let mut draw = option(rng, 5);
    config.offer.max_recv_data_segment_length =
        *draw.pick(&[262_144, 65_536, 8192, 4096, 512]).unwrap_or(&8192);
    config.offer.max_burst_length = *draw.pick(&[1 << 20, 262_144, 16_384, 4096, 512]).unwrap_or(&262_144);
    let first = *draw.pick(&[262_144, 65_536, 8192, 512]).unwrap_or(&65_536);
    config.offer.first_burst_length = first.min(config.offer.max_burst_length);
    config.offer.initial_r2t = draw.chance(300_000);
    config.offer.immediate_data = draw.chance(700_000);
    config.offer.max_outstanding_r2t = *draw.pick(&[8, 1, 2]).unwrap_or(&1);
    config
}

fn disks(rng: Keyed, target: &Config) -> Vec<DiskConfig> {
    let mut draw = option(rng, 6);
    let latency = match draw.below(4) {
        0 => Latency::Fixed(0),
        1 => Latency::Fixed(80 * MICRO),
        2 => Latency::Exponential { base: 20 * MICRO, mean: MILLI },
        _ => Latency::Bimodal { fast: 50 * MICRO, slow: 30 * MILLI, slow_rate: 50_000 },
    };
    let cancel = if draw.chance(500_000) { CancelPolicy::Late } else { CancelPolicy::Prompt(10 * MICRO) };
    let luns = target.targets.iter().flat_map(|target| &target.luns);
    luns.map(|lun| DiskConfig {
        block_size: lun.block_size,
        blocks: lun.blocks,
        latency: latency.clone(),
        cancel,
    })
    .collect()
}

fn net(rng: Keyed) -> NetConfig {
    let lane = |kind| {
        let mut draw = option(rng, kind);
        let latency = match draw.below(5) {
            0 | 1 => Latency::Fixed(50 * MICRO),
            2 => Latency::Uniform { low: 10 * MICRO, high: 2 * MILLI },
            3 => Latency::Bimodal { fast: 50 * MICRO, slow: 40 * MILLI, slow_rate: 20_000 },
            _ => Latency::PerPair { low: 10 * MICRO, high: 20 * MILLI },
        };
        let chunk = match draw.below(4) {
            0 | 1 => Chunking::Whole,
            2 => Chunking::Fixed(1448),
            _ => Chunking::Random { min: 1, max: 4096 },
        };
        let coalesce = if draw.chance(200_000) { 500 * MICRO } else { 0 };
        let buffer = *draw.pick(&[256 << 10, 64 << 10, 4096]).unwrap_or(&65_536);
        let loss = if draw.chance(200_000) { 2000 } else { 0 };
        LaneConfig { latency, chunk, coalesce, buffer, loss, ..LaneConfig::default() }
    };
    NetConfig { out: lane(7), inward: lane(8) }
}

fn ops(rng: Keyed, client: u32, mood: Mood, target: &Config) -> Vec<Op> {
    let count = client_draw(rng, client, 2).range(4, 40);
    let make = |index: u64| {
        // Ids are never 0 and never shared between clients.
        let id = u64::from(client + 1) << 32 | (index + 1);
        let mut draw = rng.at(Domain::Workload, Site { conn: client + 1, op: id, ..Site::default() });
        let wait = if draw.chance(200_000) { draw.exponential(5 * MILLI) } else { 0 };
        let what = if index == 0 { login(&mut draw) } else { what(&mut draw, mood, target) };
        Op { id, client, wait, what }
    };
    (0..count).map(make).collect()
}

fn login(draw: &mut Draw) -> What {
    let discovery = draw.chance(50_000);
    let mut keys = Vec::new();
    let mut key = |draw: &mut Draw, name: &str, values: &[&str]| {
        if draw.chance(400_000)
            && let Some(value) = draw.pick(values)
        {
            keys.push((name.to_owned(), (*value).to_owned()));
        }
    };
    key(draw, "HeaderDigest", &["CRC32C", "CRC32C,None", "None,CRC32C", "None"]);
    key(draw, "DataDigest", &["CRC32C", "CRC32C,None", "None"]);
    key(draw, "MaxRecvDataSegmentLength", &["512", "4096", "65536", "1000", "16777215"]);
    if !discovery {
        key(draw, "InitialR2T", &["Yes", "No"]);
        key(draw, "ImmediateData", &["Yes", "No"]);
        key(draw, "MaxBurstLength", &["512", "8192", "262144", "16776192"]);
        key(draw, "FirstBurstLength", &["512", "4096"]);
        key(draw, "MaxOutstandingR2T", &["1", "4", "65535"]);
        key(draw, "DataPDUInOrder", &["Yes", "No"]);
        key(draw, "TaskReporting", &["RFC3720", "FastAbort,ResponseFence,RFC3720"]);
        key(draw, "X-com.example.unknown", &["1"]);
        key(draw, "iSCSIProtocolLevel", &["1", "2"]);
        // RFC 7143 13.14: the first burst may not exceed the burst.
        let burst = keys.iter().find(|(name, _)| name == "MaxBurstLength").map(|(_, value)| value.clone());
        if burst.as_deref() == Some("512") || burst.as_deref() == Some("8192") {
            keys.retain(|(name, _)| name != "FirstBurstLength");
            keys.push(("FirstBurstLength".to_owned(), "512".to_owned()));
        }
    }
    What::Login { discovery, keys }
}

fn what(draw: &mut Draw, mood: Mood, target: &Config) -> What {
    let luns = target.targets.first().map_or(1, |target| target.luns.len() as u64);
    // Now and then a unit that is not there.
    let lun = u16::try_from(if draw.chance(20_000) { 77 } else { draw.below(luns) }).unwrap_or(0);
    // Few blocks, so that operations meet; now and then one that reaches beyond the end.
    let lba = u32::try_from(if draw.chance(20_000) { 2040 } else { draw.below(24) }).unwrap_or(0);
    let blocks =
        u16::try_from(if draw.chance(100_000) { draw.below(200) } else { draw.range(1, 12) }).unwrap_or(1);
    let time = |draw: &mut Draw, most: Nanos| draw.range(MILLI, most);
    match draw.below(if mood == Mood::Calm { 88 } else { 100 }) {
        0..=24 => What::Read { lun, lba, blocks },
        25..=30 => {
            let ways = [Way::Same, Way::Zeros, Way::Or, Way::CompareAndWrite, Way::CompareAndWrite];
            let way = *draw.pick(&ways).unwrap_or(&Way::Same);
            What::Rewrite { lun, lba, blocks: u8::try_from(blocks.min(16)).unwrap_or(1), way }
        }
        31..=54 => {
            What::Write { lun, lba, blocks, fua: draw.chance(150_000), solicited: draw.chance(200_000) }
        }
        55..=58 => What::Verify { lun, lba, blocks },
        59..=62 => What::Sync { lun },
        63..=69 => cdb(draw, lun),
        70..=74 => {
            let usual = *draw.pick(&[1, 1, 2, 4, 5, 6]).unwrap_or(&1);
            // CLEAR ACA and the functions of RFC 7144, whatever the level is.
            let rarer = *draw.pick(&[3, 9, 10, 11, 12]).unwrap_or(&3);
            let function = if draw.chance(300_000) { rarer } else { usual };
            What::Tmf { function, lun }
        }
        75..=80 => {
            What::Ping { len: u16::try_from(draw.below(600)).unwrap_or(0), immediate: draw.chance(500_000) }
        }
        81..=82 => What::Text { pairs: vec![("SendTargets".into(), String::new())] },
        83 => What::Logout { reason: u8::from(draw.chance(300_000)) },
        84..=86 => login(draw),
        87 => What::HangUp { reset: draw.chance(500_000) },
        88..=90 if mood == Mood::Hostile => hostile(draw),
        88..=90 => What::Ping { len: 0, immediate: true },
        91..=93 => What::Clog { time: time(draw, 3 * SECOND) },
        94..=95 => What::Partition { time: time(draw, 10 * SECOND) },
        96..=98 => What::StallDisk { device: u32::from(lun.min(1)), time: time(draw, 5 * SECOND) },
        _ if mood == Mood::Hostile => What::Crash { time: time(draw, SECOND) },
        _ => What::Sync { lun },
    }
}

fn cdb(draw: &mut Draw, lun: u16) -> What {
    let table: [(&[u8], u32); 12] = [
        (&[0, 0, 0, 0, 0, 0], 0),
        (&[0x12, 0, 0, 0, 96, 0], 96),
        (&[0x12, 1, 0x83, 0, 255, 0], 255),
        (&[0x03, 0, 0, 0, 252, 0], 252),
        (&[0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], 256),
        (&[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8),
        (&[0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0], 32),
        (&[0x1a, 0, 0x3f, 0, 192, 0], 192),
        (&[0x5a, 0, 8, 0, 0, 0, 0, 0, 64, 0], 64),
        (&[0x1e, 0, 0, 0, 0, 0], 0),
        (&[0xa3, 0x0c, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0], 2048),
        (&[0xff, 0, 0, 0, 0, 0], 0),
    ];
    let (cdb, read_len) = draw.pick(&table).copied().unwrap_or((&[0; 6], 0));
    // A wrong expectation makes a residual.
    let read_len = if draw.chance(200_000) { read_len / 2 } else { read_len };
    let mut cdb = cdb.to_vec();
    if draw.chance(50_000)
        && let Some(control) = cdb.last_mut()
    {
        *control |= NACA;
    }
    What::Cdb { lun, cdb, read_len }
}

fn hostile(draw: &mut Draw) -> What {
    let bytes = match draw.below(3) {
        0 => {
            let mut bytes = vec![0; usize::try_from(draw.range(1, 200)).unwrap_or(1)];
            draw.fill(&mut bytes);
            bytes
        }
        1 => {
            // A header with random content but sane lengths.
            let mut pdu = Pdu::new(Kind::NopOut);
            draw.fill(&mut pdu.bhs);
            pdu.bhs[4..8].fill(0);
            encode(&pdu, Digests::NONE)
        }
        _ => {
            let kinds: Vec<Kind> = Kind::all().collect();
            let mut pdu = Pdu::new(draw.pick(&kinds).copied().unwrap_or(Kind::NopOut));
            draw.fill(&mut pdu.bhs[16..]);
            encode(&pdu, Digests::NONE)
        }
    };
    What::Hostile { bytes }
}
