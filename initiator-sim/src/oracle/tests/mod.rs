//! Each check is shown a target that errs, and has to say so; and one that does not.

mod content;
mod probes;
mod rules;

use super::*;
use crate::codec::{Digests, Pdu, encode};
use crate::net::Dir;
use crate::world::tap::Tap;
use target_core::config::{LunConfig, Provisioning, TargetConfig, UnitPolicy};
use target_core::io::DeviceId;

/// One connection whose both directions are written by the test.
pub(super) struct Rig {
    pub(super) oracles: Oracles,
    taps: BTreeMap<u32, Tap>,
    now: Nanos,
}

pub(super) const TARGET: &str = "iqn.2007-07.test:disk";
pub(super) const INITIATOR: &str = "iqn.2007-07.test:client";

pub(super) fn config() -> Config {
    let lun = |lun: u16, device: u32| LunConfig {
        lun,
        device: DeviceId(device),
        block_size: 512,
        blocks: 1024,
        read_only: false,
        vendor: "LAB".into(),
        product: "DISK".into(),
        revision: "1".into(),
        serial: format!("S{device}"),
        write_cache: true,
        policy: UnitPolicy::default(),
        provisioning: Provisioning::ThinAnchored,
        kept: None,
    };
    let target =
        TargetConfig { name: TARGET.into(), luns: vec![lun(0, 0), lun(1, 1)], ..TargetConfig::default() };
    Config { targets: vec![target], ..Config::default() }
}

impl Rig {
    pub(super) fn bare() -> Self {
        let mut rig = Self { oracles: Oracles::new(&config(), None), taps: BTreeMap::new(), now: 0 };
        rig.open(0);
        rig
    }

    /// A rig whose connection 0 is logged in; ExpCmdSN is 1, MaxCmdSN 32, the next StatSN 2.
    pub(super) fn new() -> Self {
        let mut rig = Self::bare();
        rig.login(0, 1);
        assert_eq!(rig.found(), [""; 0]);
        rig
    }

    pub(super) fn open(&mut self, conn: u32) {
        let ends = ["192.0.2.1:3260", "192.0.2.9:50000"].map(|end| end.parse().expect("an address"));
        self.oracles.opened(conn, ends[0], ends[1]);
        self.taps.insert(conn, Tap::default());
    }

    pub(super) fn login(&mut self, conn: u32, tsih: u64) {
        let text = format!(
            "InitiatorName={INITIATOR}\0TargetName={TARGET}\0SessionType=Normal\0DefaultTime2Retain=0\0"
        );
        let ask = Pdu::new(Kind::LoginRequest).with("T", 1).with("CSG", 1).with("NSG", 3).with("ITT", 1);
        // A handle that another connection has is named to join its session.
        let joins = self.taps.values().any(|tap| tap.track.full_feature && u64::from(tap.track.tsih) == tsih);
        let ask = ask.with("TSIH", if joins { tsih } else { 0 });
        self.pass(conn, Dir::Out, &ask.with_data(text.into_bytes()));
        let reply = Pdu::new(Kind::LoginResponse).with("T", 1).with("CSG", 1).with("NSG", 3).with("ITT", 1);
        let reply = reply.with("TSIH", tsih).with("StatSN", 1).with("ExpCmdSN", 1).with("MaxCmdSN", 32);
        // What a connection leaves is over with it.
        let reply = reply.with_data(b"DefaultTime2Retain=0\0".to_vec());
        self.pass(conn, Dir::In, &reply);
    }

    pub(super) fn pass(&mut self, conn: u32, dir: Dir, pdu: &Pdu) {
        self.now += 1;
        let tap = self.taps.get_mut(&conn).expect("opened");
        tap.push(dir, &encode(pdu, Digests::NONE));
        let oracles = &mut self.oracles;
        let at = self.now;
        while tap
            .next(dir, |track, view, quality| {
                oracles.pdu(track, &WirePdu { at, conn, dir, view: *view, quality })
            })
            .0
        {}
    }

    pub(super) fn out(&mut self, pdu: &Pdu) {
        self.pass(0, Dir::Out, pdu);
    }

    pub(super) fn back(&mut self, pdu: &Pdu) {
        self.pass(0, Dir::In, pdu);
    }

    /// The rules that were broken since the last call.
    pub(super) fn found(&mut self) -> Vec<&'static str> {
        self.texts().into_iter().map(|violation| violation.rule).collect()
    }

    pub(super) fn texts(&mut self) -> Vec<Violation> {
        self.oracles.after_event(self.now, false, &|_| false);
        let mut found = Vec::new();
        self.oracles.take_violations(&mut found);
        found
    }
}

/// A PDU of the target with its counters.
pub(super) fn reply(kind: Kind, itt: u64, stat_sn: u64, exp_cmd_sn: u64) -> Pdu {
    let pdu = Pdu::new(kind).with("ITT", itt).with("StatSN", stat_sn);
    pdu.with("ExpCmdSN", exp_cmd_sn).with("MaxCmdSN", exp_cmd_sn + 31)
}

/// A SCSI command.
pub(super) fn command(itt: u64, cmd_sn: u64, flags: &[&str], edtl: u64, cdb: &[u8]) -> Pdu {
    let mut pdu = Pdu::new(Kind::ScsiCommand).with("ITT", itt).with("CmdSN", cmd_sn).with("EDTL", edtl);
    for flag in flags {
        pdu = pdu.with(flag, 1);
    }
    pdu.set_bytes("CDB", cdb).expect("a short CDB");
    pdu
}

pub(super) fn test_unit_ready(itt: u64, cmd_sn: u64) -> Pdu {
    command(itt, cmd_sn, &["F"], 0, &[0; 6])
}
