//! What do the initiators of a drawn run do? Steps drawn from the seed, without a look at the implementation.
//!
//! Each step is a function of (seed, client, its id): another step that goes or changes leaves it as it is.

use super::draw::client_draw;
use super::op::{Op, Way, What};
use super::theme::{Kind as Chosen, LONGEST, Theme};
use crate::clock::{MILLI, Nanos};
use crate::codec::{Digests, Kind, Pdu, encode};
use crate::rng::{Domain, Draw, Keyed, Site};

/// What there is to name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Units {
    /// Targets.
    pub(super) targets: u16,
    /// Logical units of each.
    pub(super) luns: u16,
}

/// The steps of all clients.
pub(super) fn steps(rng: Keyed, clients: u32, theme: Theme, units: Units) -> Vec<Op> {
    let weights = weights(rng, theme);
    let of_client = |client: u32| {
        let count = client_draw(rng, client, 2).range(4, 40);
        let weights = &weights;
        // Ids are never 0 and never shared between clients.
        (0..count).map(move |index| step(rng, client, index, weights, units))
    };
    (0..clients).flat_map(of_client).collect()
}

/// The same steps as they would be with the choices of another seed: ids and clients stay.
pub(crate) fn redraw(steps: &mut [Op], seed: u64, theme: Theme, units: Units) {
    let rng = Keyed::new(seed);
    let weights = weights(rng, theme);
    for op in steps {
        *op = step(rng, op.client, (op.id & 0xffff_ffff).saturating_sub(1), &weights, units);
    }
}

fn step(rng: Keyed, client: u32, index: u64, weights: &[u64; 23], units: Units) -> Op {
    let id = u64::from(client + 1) << 32 | (index + 1);
    let mut draw = rng.at(Domain::Workload, Site { conn: client + 1, op: id, ..Site::default() });
    let wait = if draw.chance(200_000) { draw.exponential(5 * MILLI) } else { 0 };
    let what = if index == 0 { login(&mut draw, units) } else { what(&mut draw, weights, units) };
    Op { id, client, wait, what }
}

/// Which kinds of operation this run has, and how many of each: a swarm leaves some out.
fn weights(rng: Keyed, theme: Theme) -> [u64; 23] {
    let mut draw = rng.at(Domain::Workload, Site { kind: 0x202, ..Site::default() });
    Chosen::ALL.map(|kind| {
        let factor = *draw.pick(&[0, 1, 1, 2, 4]).unwrap_or(&1);
        theme.weight(kind) * if theme == Theme::Swarm { factor } else { 1 }
    })
}

fn choose(draw: &mut Draw, weights: &[u64; 23]) -> Chosen {
    let mut at = draw.below(weights.iter().sum::<u64>().max(1));
    for (kind, weight) in Chosen::ALL.iter().zip(weights) {
        match at.checked_sub(*weight) {
            Some(rest) => at = rest,
            None => return *kind,
        }
    }
    Chosen::Ping
}

fn login(draw: &mut Draw, units: Units) -> What {
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
        key(draw, "ErrorRecoveryLevel", &["0", "1", "2"]);
        key(draw, "MaxConnections", &["1", "4"]);
        key(draw, "DataSequenceInOrder", &["Yes", "No"]);
        key(draw, "iSCSIProtocolLevel", &["1", "2"]);
        key(draw, "DefaultTime2Retain", &["0", "3600"]);
        // RFC 7143 13.14: the first burst may not exceed the burst.
        let burst = keys.iter().find(|(name, _)| name == "MaxBurstLength").map(|(_, value)| value.clone());
        if burst.as_deref() == Some("512") || burst.as_deref() == Some("8192") {
            keys.retain(|(name, _)| name != "FirstBurstLength");
            keys.push(("FirstBurstLength".to_owned(), "512".to_owned()));
        }
    }
    let target = u16::try_from(draw.below(units.targets.into())).unwrap_or(0);
    What::Login { discovery, keys, target }
}

fn what(draw: &mut Draw, weights: &[u64; 23], units: Units) -> What {
    let luns = units.luns;
    // Now and then a unit that is not there.
    let lun = u16::try_from(if draw.chance(20_000) { 77 } else { draw.below(luns.into()) }).unwrap_or(0);
    // Few blocks, so that operations meet; now and then one that reaches beyond the end.
    let lba = u32::try_from(if draw.chance(20_000) { 2040 } else { draw.below(24) }).unwrap_or(0);
    let blocks =
        u16::try_from(if draw.chance(100_000) { draw.below(200) } else { draw.range(1, 12) }).unwrap_or(1);
    let time = |draw: &mut Draw, most: Nanos| draw.range(MILLI, most);
    match choose(draw, weights) {
        Chosen::Read => What::Read { lun, lba, blocks },
        Chosen::Rewrite => {
            let ways = [Way::Same, Way::Zeros, Way::Or, Way::CompareAndWrite, Way::CompareAndWrite];
            let way = *draw.pick(&ways).unwrap_or(&Way::Same);
            What::Rewrite { lun, lba, blocks: u8::try_from(blocks.min(16)).unwrap_or(1), way }
        }
        Chosen::Write => {
            What::Write { lun, lba, blocks, fua: draw.chance(150_000), solicited: draw.chance(200_000) }
        }
        Chosen::Verify => What::Verify { lun, lba, blocks },
        Chosen::Sync => What::Sync { lun },
        Chosen::Cdb => cdb(draw, lun),
        Chosen::Reserve => reserve(draw, lun),
        Chosen::Tmf => {
            let function = *draw.pick(&[1, 1, 1, 2, 3, 4, 5, 5, 6, 8, 9, 10, 12]).unwrap_or(&1);
            What::Tmf { function, lun }
        }
        Chosen::Ping => {
            What::Ping { len: u16::try_from(draw.below(600)).unwrap_or(0), immediate: draw.chance(500_000) }
        }
        Chosen::Text => What::Text { pairs: vec![("SendTargets".into(), String::new())] },
        Chosen::Logout => What::Logout { reason: u8::from(draw.chance(300_000)) },
        Chosen::Login => login(draw, units),
        Chosen::HangUp => What::HangUp { reset: draw.chance(500_000) },
        Chosen::Join => What::Join,
        Chosen::Leave => What::Leave { reset: draw.chance(500_000) },
        Chosen::Snack => {
            let (kind, first, count) = (draw.below(4), draw.below(3), draw.below(3));
            let number = |value: u64| u32::try_from(value).unwrap_or(0);
            What::Snack { kind: u8::try_from(kind).unwrap_or(0), first: number(first), count: number(count) }
        }
        Chosen::Hostile => hostile(draw),
        Chosen::Clog => What::Clog { time: time(draw, LONGEST / 3) },
        Chosen::Partition => What::Partition { time: time(draw, LONGEST) },
        Chosen::StallDisk => What::StallDisk { device: u32::from(lun.min(1)), time: time(draw, LONGEST / 2) },
        Chosen::Crash => What::Crash { time: time(draw, LONGEST / 10) },
        Chosen::BadBlocks => {
            let devices = u64::from(units.targets) * u64::from(luns);
            let device = u32::try_from(draw.below(devices)).unwrap_or(0);
            let (read, write) =
                *draw.pick(&[(true, false), (false, true), (true, true)]).unwrap_or(&(true, true));
            What::BadBlocks { device, lba, blocks: blocks.clamp(1, 8), read, write }
        }
        Chosen::Freeze => What::Freeze { time: time(draw, LONGEST / 2) },
    }
}

/// Persistent reservations (SPC-4 6.15, 6.16) with one of two keys, and mode pages.
fn reserve(draw: &mut Draw, lun: u16) -> What {
    let key = |draw: &mut Draw| 1 + draw.below(2);
    if draw.chance(150_000) {
        // MODE SELECT(6) of the control page, as it is with D_SENSE drawn.
        let sense = u8::from(draw.chance(500_000)) << 2;
        let data = vec![0, 0, 0, 0, 0x0a, 10, sense, 0x10, 0, 0, 0, 0, 0, 0, 0, 0];
        return What::Order { lun, cdb: vec![0x15, 0x10, 0, 0, 16, 0], data };
    }
    let action = u8::try_from(draw.below(7)).unwrap_or(0);
    let kind = *draw.pick(&[1, 3, 5, 6, 7, 8]).unwrap_or(&1);
    let mut data = vec![0; 24];
    let (reservation, service) = (key(draw), key(draw));
    if !matches!(action, 0 | 6) {
        data[..8].copy_from_slice(&reservation.to_be_bytes());
    }
    data[8..16].copy_from_slice(&service.to_be_bytes());
    What::Order { lun, cdb: vec![0x5f, action, kind, 0, 0, 0, 0, 0, 24, 0], data }
}

fn cdb(draw: &mut Draw, lun: u16) -> What {
    let table: [(&[u8], u32); 15] = [
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
        (&[0x5e, 0, 0, 0, 0, 0, 0, 0, 255, 0], 255),
        (&[0x5e, 1, 0, 0, 0, 0, 0, 0, 255, 0], 255),
        (&[0x12, 1, 0xb0, 0, 255, 0], 255),
    ];
    let (cdb, read_len) = draw.pick(&table).copied().unwrap_or((&[0; 6], 0));
    // A wrong expectation makes a residual.
    let read_len = if draw.chance(200_000) { read_len / 2 } else { read_len };
    What::Cdb { lun, cdb: cdb.to_vec(), read_len }
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
