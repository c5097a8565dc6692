//! The world with the real core in it.

mod ends;
mod runs;

use super::*;
use crate::clock::SECOND;
use crate::initiator::{CommandOutcome, CommandPlan, LoginOutcome, LoginPlan, lun};
use crate::workload::client::{Client, Outcome};
use std::net::SocketAddr;
use target_core::config::{LunConfig, PortalConfig, Provisioning, TargetConfig, UnitPolicy};
use target_core::io::DeviceId;

pub(super) const TARGET: &str = "iqn.2007-07.test:disk";
pub(super) const INITIATOR: &str = "iqn.2007-07.test:client";

pub(super) fn ends() -> (SocketAddr, SocketAddr) {
    (([192, 0, 2, 1], 3260).into(), ([192, 0, 2, 9], 50_000).into())
}

pub(super) fn target_config() -> Config {
    let lun = LunConfig {
        lun: 0,
        device: DeviceId(0),
        block_size: 512,
        blocks: 4096,
        read_only: false,
        vendor: "LAB".into(),
        product: "DISK".into(),
        revision: "1".into(),
        serial: "S0".into(),
        write_cache: true,
        policy: UnitPolicy::default(),
        provisioning: Provisioning::ThinAnchored,
        kept: None,
    };
    Config {
        targets: vec![TargetConfig { name: TARGET.into(), luns: vec![lun], ..TargetConfig::default() }],
        portals: vec![PortalConfig { address: ends().0, group: 1 }],
        ..Config::default()
    }
}

pub(super) fn world_config() -> WorldConfig {
    let text = include_str!("../../../../conformance/probes/iscsi.yaml");
    let definitions = serde_yaml::from_str(text).expect("the shipped definitions can be read");
    WorldConfig {
        seed: 1,
        target: target_config(),
        definitions: Some(Arc::new(definitions)),
        keep: Keep { wire: true, probes: true, trace: true, moments: true, unchecked: false },
        ..WorldConfig::default()
    }
}

/// A world and one client.
pub(super) struct Rig {
    pub(super) world: World,
    pub(super) client: Client,
    op: u64,
}

impl Rig {
    pub(super) fn connected(config: WorldConfig) -> Self {
        let mut world = World::new(config).expect("a good configuration");
        let client = Client::connect(&mut world, 0, ends(), (INITIATOR, TARGET), 1);
        Self { world, client, op: 0 }
    }

    pub(super) fn new(config: WorldConfig) -> Self {
        let mut rig = Self::connected(config);
        rig.login(LoginPlan::default());
        rig.clear_attention();
        rig
    }

    pub(super) fn login(&mut self, plan: LoginPlan) {
        let op = self.next_op();
        self.client.login(&mut self.world, op, plan);
        assert_eq!(
            self.outcome(op),
            Some(Outcome::Login(LoginOutcome::LoggedIn)),
            "{:#?}",
            self.world.wire()
        );
    }

    /// Takes the unit attentions a new nexus finds.
    pub(super) fn clear_attention(&mut self) {
        while self.run(&[0; 6], 0, vec![]).is_some_and(|outcome| outcome.status == 2) {}
    }

    pub(super) fn next_op(&mut self) -> u64 {
        self.op += 1;
        self.op
    }

    /// Runs until the operation is over, the client has lost its connection, or a minute has passed.
    pub(super) fn outcome(&mut self, op: u64) -> Option<Outcome> {
        let limit = self.world.now() + 60 * SECOND;
        while let Some(seen) = self.world.next_seen(limit) {
            self.client.see(&mut self.world, &seen);
            if let Some((_, outcome)) = self.client.take_done().into_iter().find(|(done, _)| *done == op) {
                return Some(outcome);
            }
            if !self.client.alive {
                return None;
            }
        }
        None
    }

    pub(super) fn begin(&mut self, cdb: &[u8], read_len: u32, data: Vec<u8>) -> u64 {
        let op = self.next_op();
        let write_len = data.len() as u32;
        let plan = CommandPlan {
            lun: lun(0),
            cdb: cdb.to_vec(),
            read_len,
            write_len,
            data: data.into(),
            ..Default::default()
        };
        self.client.command(&mut self.world, op, plan);
        op
    }

    pub(super) fn run(&mut self, cdb: &[u8], read_len: u32, data: Vec<u8>) -> Option<CommandOutcome> {
        let op = self.begin(cdb, read_len, data);
        match self.outcome(op) {
            Some(Outcome::Command(outcome)) => Some(*outcome),
            _ => None,
        }
    }

    pub(super) fn write(&mut self, lba: u8, data: Vec<u8>) -> Option<u8> {
        let blocks = (data.len() / 512) as u8;
        self.run(&[0x2a, 0, 0, 0, 0, lba, 0, 0, blocks, 0], 0, data).map(|outcome| outcome.status)
    }

    pub(super) fn read(&mut self, lba: u8, blocks: u8) -> Option<Vec<u8>> {
        let cdb = [0x28, 0, 0, 0, 0, lba, 0, 0, blocks, 0];
        self.run(&cdb, u32::from(blocks) * 512, vec![]).map(|outcome| outcome.data)
    }

    /// Nothing was wrong, and the core lives.
    pub(super) fn assert_clean(&mut self) {
        assert_eq!(self.world.core_panic(), None);
        let found: Vec<String> = self.world.violations().iter().map(ToString::to_string).collect();
        assert_eq!(found, [""; 0]);
        assert_eq!(self.client.take_violations(), []);
    }
}
