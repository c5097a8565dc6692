//! What can one peer that sends anything make of a whole target? A simulated world with all its checks, and an initiator
//! whose every byte comes from the input.
//!
//! The input is a list of records, so that what a fuzzer changes in one leaves the others as they were:
//!
//! ```text
//!  0..=15    n bytes as they are: u16 length (little-endian, at most 2047), bytes
//!  16..=199  a PDU: 1 byte of mendings, 48 bytes of header, u8 length of data, bytes
//!  200..=219 time passes: u8, in tenths of a second
//!  220..=239 the disk stands still, or goes on
//!  240..     another connection from here on; the others stay
//! ```
//!
//! Mendings make a header go deeper than noise would: the lengths are those of the record, CmdSN is the next one, the
//! opcode is one that fits the phase, the tag is a small number.

use super::{CONFIG_TARGET, config};
use crate::runner::definitions;
use initiator_sim::world::{Keep, WireRecord, World, WorldConfig};
use std::net::SocketAddr;
use target_core::config::{AuthConfig, Credential, Redirect, TargetConfig};
use target_core::io::DeviceId;
use target_core::wire::BHS_LEN;

/// How far a connection is before the input takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was sent.
    Login,
    /// A normal session is logged in.
    FullFeature,
    /// A discovery session is logged in.
    Text,
}

/// An hour of virtual time is more than any timer of the target.
const PATIENCE_NANOS: u64 = 3_600_000_000_000;

/// Connections of one input.
const CONNECTIONS_MAX: u32 = 12;

/// Plays `input` against a target; panics if the target does, hangs, holds more than its limits or breaks a clause.
pub fn hostile(phase: Phase, input: &[u8]) {
    let Ok(definitions) = definitions() else { unreachable!("the shipped definitions can be read") };
    let mut target = config();
    // Small, so that every limit is within reach of a short input.
    target.limits.commands = 4;
    target.limits.immediate = 3;
    target.limits.transfer_bytes = 8192;
    target.limits.held_bytes = 16 << 10;
    target.limits.connections = 6;
    target.limits.half_open = 4;
    if phase == Phase::Login {
        target.targets.extend(guarded_and_moved());
    }
    let keep = Keep { wire: true, ..Keep::default() };
    let world =
        WorldConfig { seed: 1, target, keep, definitions: Some(definitions), ..WorldConfig::default() };
    let Ok(world) = World::new(world) else { unreachable!("the configuration is checked") };
    let mut peer = Peer { world, phase, conn: 0, cmd_sn: 1 };
    peer.connect();
    let mut rest = input;
    while let Some(after) = peer.record(rest) {
        rest = after;
        peer.judge();
        if peer.world.core_panic().is_some() {
            break;
        }
    }
    peer.end();
}

/// A target that asks for CHAP both ways, and one that has gone elsewhere: what only a login can reach.
fn guarded_and_moved() -> [TargetConfig; 2] {
    let credential = |name: &str, secret: &[u8]| Credential {
        name: name.into(),
        secret: secret.into(),
        ..Credential::default()
    };
    let auth = AuthConfig {
        credentials: vec![credential("a", b"a secret of the initiator")],
        mutual: Some(credential("b", b"the secret of the target")),
        ..AuthConfig::default()
    };
    let redirect = Redirect { address: "192.0.2.9:3260".into(), permanent: false };
    [
        TargetConfig { name: "iqn.2026-01.example.fuzz:c".into(), auth, ..TargetConfig::default() },
        TargetConfig {
            name: "iqn.2026-01.example.fuzz:m".into(),
            redirect: Some(redirect),
            ..TargetConfig::default()
        },
    ]
}

struct Peer {
    world: World,
    phase: Phase,
    conn: u32,
    cmd_sn: u32,
}

impl Peer {
    fn connect(&mut self) {
        let local: SocketAddr = ([192, 0, 2, 1], 3260).into();
        let port = 40_000 + u16::try_from(self.world.connections()).unwrap_or(0);
        self.conn = self.world.connect(local, ([192, 0, 2, 2], port).into());
        self.cmd_sn = 1;
        let session = match self.phase {
            Phase::Login => return,
            Phase::FullFeature => format!("SessionType=Normal\0TargetName={CONFIG_TARGET}\0InitialR2T=No\0"),
            Phase::Text => "SessionType=Discovery\0".to_owned(),
        };
        let keys = format!("InitiatorName=iqn.2026-01.example.fuzz:i{}\0{session}", self.conn);
        let mut bhs = [0; BHS_LEN];
        // Login Request, immediate; transit from the operational stage to full feature; CmdSN 1.
        (bhs[0], bhs[1], bhs[8], bhs[27]) = (0x43, 0x87, 0x80, 1);
        self.send(bhs, keys.as_bytes());
    }

    /// Sends a PDU with its data, padded, and lets the target answer.
    fn send(&mut self, mut bhs: [u8; BHS_LEN], data: &[u8]) {
        let len = u32::try_from(data.len()).unwrap_or(0).to_be_bytes();
        (bhs[4], bhs[5], bhs[6], bhs[7]) = (0, len[1], len[2], len[3]);
        let mut bytes = bhs.to_vec();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        self.raw(bytes);
    }

    fn raw(&mut self, bytes: Vec<u8>) {
        self.world.send(self.conn, bytes, 0);
        self.pass(0);
    }

    fn pass(&mut self, nanos: u64) {
        // The network takes a moment each way.
        let until = self.world.now().saturating_add(nanos).saturating_add(1_000_000);
        self.world.run_until(until);
        while self.world.poll_seen().is_some() {}
    }

    /// Plays the first record; `None` at the end of the input.
    fn record<'a>(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        let (kind, rest) = input.split_first()?;
        match kind {
            0..=15 => {
                let (len, rest) = rest.split_first_chunk::<2>()?;
                let len = usize::from(u16::from_le_bytes(*len) & 0x7ff).min(rest.len());
                let (bytes, rest) = rest.split_at(len);
                self.raw(bytes.to_vec());
                Some(rest)
            }
            16..=199 => {
                let (mend, rest) = rest.split_first()?;
                let (bhs, rest) = rest.split_first_chunk::<BHS_LEN>()?;
                let (len, rest) = rest.split_first()?;
                let (data, rest) = rest.split_at(usize::from(*len).min(rest.len()));
                self.pdu(*mend, *bhs, data);
                Some(rest)
            }
            200..=219 => {
                let (tenths, rest) = rest.split_first()?;
                self.pass(u64::from(*tenths) * 100_000_000);
                Some(rest)
            }
            220..=239 => {
                self.world.stall_disk(0, kind % 2 == 0);
                Some(rest)
            }
            240.. => {
                if self.world.connections() < CONNECTIONS_MAX {
                    self.connect();
                }
                Some(rest)
            }
        }
    }

    fn pdu(&mut self, mend: u8, mut bhs: [u8; BHS_LEN], data: &[u8]) {
        if mend & 1 != 0 {
            let fitting: &[u8] = match self.phase {
                Phase::Login => &[0x43],
                Phase::FullFeature => {
                    &[0x00, 0x40, 0x01, 0x41, 0x02, 0x42, 0x05, 0x04, 0x44, 0x06, 0x46, 0x10]
                }
                Phase::Text => &[0x04, 0x44, 0x06, 0x46],
            };
            bhs[0] = fitting.get(usize::from(bhs[0]) % fitting.len()).copied().unwrap_or(0);
        }
        if mend & 2 != 0 {
            bhs[24..28].copy_from_slice(&self.cmd_sn.to_be_bytes());
            if bhs[0] & 0x40 == 0 && !matches!(bhs[0], 0x05 | 0x10) {
                self.cmd_sn = self.cmd_sn.wrapping_add(1);
            }
        }
        if mend & 4 != 0 {
            bhs[16..19].fill(0);
            bhs[19] &= 7;
        }
        if mend & 8 != 0 && bhs[0] & 0x3f == 1 {
            // A logical unit that is there, and a length that a read or write of a few blocks has.
            bhs[8..16].fill(0);
            let length = u32::from(bhs[23] & 15) * 512;
            bhs[20..24].copy_from_slice(&length.to_be_bytes());
        }
        if mend & 16 != 0 {
            let mut bytes = bhs.to_vec();
            bytes.extend_from_slice(data);
            return self.raw(bytes);
        }
        self.send(bhs, data);
    }

    /// Nothing may be broken, and nothing may have grown beyond its limit.
    fn judge(&self) {
        assert!(self.world.violations().is_empty(), "{}\n{}", self.world.violations()[0], self.passed());
        let Some((usage, config)) = self.world.usage() else { return };
        let limits = config.limits;
        let commands = limits.commands as usize;
        let immediate = limits.immediate as usize;
        assert!(usage.connections <= (limits.connections + limits.half_open) as usize, "{usage:?}");
        assert!(usage.tasks_of_one_session <= 2 * (commands + immediate), "{usage:?}");
        // One PDU's data and one operation may go beyond the limit of each session.
        let one = u64::from(limits.transfer_bytes) + u64::from(config.offer.max_recv_data_segment_length);
        assert!(usage.held_bytes <= (limits.held_bytes + 2 * one) * usage.sessions as u64, "{usage:?}");
        assert!(usage.operations <= 9 * commands * (1 + usage.sessions), "{usage:?}");
    }

    /// Every PDU that passed, a line each: what an input amounts to.
    fn passed(&self) -> String {
        let line = |seen: &WireRecord| {
            let (seconds, nanos) = (seen.at / 1_000_000_000, seen.at % 1_000_000_000);
            format!("{seconds}.{nanos:09} c{} {:?} {}\n", seen.conn, seen.dir, seen.pdu)
        };
        self.world.wire().iter().map(line).collect()
    }

    /// The peer goes silent: in time everything it had is given back.
    fn end(mut self) {
        if let Some(panic) = self.world.core_panic() {
            panic!("the core panicked: {}", panic.message);
        }
        self.world.stall_disk(DeviceId(0).0, false);
        for conn in 0..self.world.connections() {
            self.world.close(conn);
        }
        self.world.run_until(self.world.now().saturating_add(PATIENCE_NANOS));
        assert!(self.world.is_idle(), "an hour after the last byte something still goes on");
        self.judge();
        if let Some(panic) = self.world.core_panic() {
            panic!("the core panicked: {}", panic.message);
        }
        if let Some((usage, _)) = self.world.usage() {
            assert_eq!(usage, target_core::target::Usage::default(), "something is left");
        }
    }
}
