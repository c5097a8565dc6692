//! Planted violations of the probe definitions: every field of every probe is compared.

use super::*;
use target_core::probe::Probe;

fn definitions() -> Arc<ProbeDefinitions> {
    let text = include_str!("../../../../conformance/probes/iscsi.yaml");
    Arc::new(serde_yaml::from_str(text).expect("the shipped definitions can be read"))
}

fn rig() -> Rig {
    let mut rig =
        Rig { oracles: Oracles::new(&config(), Some(definitions())), taps: BTreeMap::new(), now: 0 };
    rig.open(0);
    rig
}

/// What the core fires for the login request of the rig.
fn login_command() -> ProbeRecord {
    let text =
        format!("InitiatorName={INITIATOR}\0TargetName={TARGET}\0SessionType=Normal\0DefaultTime2Retain=0\0");
    ProbeRecord {
        at: 1,
        conn: 0,
        probe: Probe::LoginCommand,
        local: "192.0.2.1".into(),
        remote: "192.0.2.9".into(),
        protocol: "ipv4".into(),
        target: TARGET.into(),
        initiator: INITIATOR.into(),
        lun: 0,
        itt: 1,
        ttt: 0xffff_ffff,
        cmd_sn: 0,
        stat_sn: 0,
        data_sn: 0,
        data_len: text.len() as u32,
        flags: 0x87,
        cdb: None,
    }
}

fn login_response() -> ProbeRecord {
    ProbeRecord { probe: Probe::LoginResponse, cmd_sn: 1, stat_sn: 1, data_len: 21, ..login_command() }
}

/// A rig after a login whose events were right.
fn logged_in() -> Rig {
    let mut rig = rig();
    rig.login(0, 1);
    rig.oracles.probe(&login_command());
    rig.oracles.probe(&login_response());
    assert_eq!(rig.texts(), []);
    rig
}

#[test]
fn the_shipped_definitions_are_complete_and_mistakes_are_found() {
    let good = definitions();
    assert_eq!(good.check(), Ok(()));
    let broken = |change: &dyn Fn(&mut ProbeDefinition)| {
        let mut definitions = ProbeDefinitions::clone(&good);
        change(&mut definitions.probes[5]);
        definitions.check().expect_err("broken").to_string()
    };
    for (text, part) in [
        (broken(&|probe| probe.name = "data-recieve".into()), "did you mean data-receive?"),
        (broken(&|probe| probe.name = "nop-send".into()), "data-receive: defined 0 times"),
        (broken(&|probe| probe.opcode = 0x1c), "no PDU has opcode 0x1c"),
        (broken(&|probe| probe.dir = Dir::In), "goes the other way"),
        (broken(&|probe| drop(probe.info.remove("ii_itt"))), "ii_itt is not defined"),
        (broken(&|probe| drop(probe.info.insert("ii_x".into(), "0".into()))), "no number named ii_x"),
        (broken(&|probe| drop(probe.info.insert("ii_itt".into(), "CmdSN".into()))), "has no field"),
        (broken(&|probe| drop(probe.info.insert("ii_itt".into(), "F ? 1".into()))), "`?` without `:`"),
        (broken(&|probe| probe.cmd = Some("cdb".into())), "whole_cdb"),
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn every_field_is_compared() {
    let right = login_command();
    let changes: [&dyn Fn(&mut ProbeRecord); 14] = [
        &|record| record.local = "192.0.2.2".into(),
        &|record| record.remote = "192.0.2.2".into(),
        &|record| record.protocol = "ipv6".into(),
        &|record| record.target = "".into(),
        &|record| record.initiator = "x".into(),
        &|record| record.lun = 1,
        &|record| record.itt = 2,
        &|record| record.ttt = 0,
        &|record| record.cmd_sn = 1,
        &|record| record.stat_sn = 1,
        &|record| record.data_sn = 1,
        &|record| record.data_len += 1,
        &|record| record.flags = 0,
        &|record| record.cdb = Some(vec![0; 16]),
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut rig = rig();
        rig.login(0, 1);
        let mut wrong = right.clone();
        change(&mut wrong);
        rig.oracles.probe(&wrong);
        rig.oracles.probe(&login_response());
        assert_eq!(rig.found(), ["probe"], "change {at}");
    }
}

#[test]
fn events_that_are_missing_extra_or_of_another_kind() {
    let mut rig = rig();
    rig.login(0, 1);
    rig.oracles.probe(&login_command());
    assert!(rig.texts()[0].text.contains("login-response did not fire"));

    let mut rig = logged_in();
    rig.oracles.probe(&login_command());
    assert!(rig.texts()[0].text.contains("fired for no PDU"));

    let mut rig = logged_in();
    rig.out(&test_unit_ready(7, 1));
    rig.oracles.probe(&ProbeRecord { probe: Probe::TextCommand, ..login_command() });
    assert!(rig.texts()[0].text.contains("calls for scsi-command"));
}

#[test]
fn pdus_of_a_command_carry_its_lun() {
    let mut rig = logged_in();
    let base = ProbeRecord { itt: 7, lun: 1, flags: 0x80, data_len: 0, ..login_response() };
    let write = command(7, 1, &["F", "W"], 512, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]).with("LUN", 1 << 48);
    rig.out(&write);
    let fired = ProbeRecord { probe: Probe::ScsiCommand, stat_sn: 0, flags: 0xa1, ..base.clone() };
    rig.oracles.probe(&ProbeRecord { cdb: Some(write.bhs[32..].to_vec()), ..fired });
    rig.back(&reply(Kind::R2T, 7, 2, 2).with("TTT", 3).with("DesiredLen", 512));
    rig.oracles.probe(&ProbeRecord {
        probe: Probe::DataRequest,
        ttt: 3,
        cmd_sn: 2,
        stat_sn: 2,
        ..base.clone()
    });
    rig.out(&Pdu::new(Kind::DataOut).with("ITT", 7).with("TTT", 3).with("F", 1).with_data(vec![0; 512]));
    let data = ProbeRecord {
        probe: Probe::DataReceive,
        ttt: 3,
        cmd_sn: 0,
        stat_sn: 0,
        data_len: 512,
        ..base.clone()
    };
    rig.oracles.probe(&data);
    rig.back(&reply(Kind::ScsiResponse, 7, 2, 2).with("ExpDataSN", 1));
    let end = ProbeRecord { probe: Probe::ScsiResponse, cmd_sn: 2, stat_sn: 2, data_sn: 1, ..base.clone() };
    rig.oracles.probe(&end);
    assert_eq!(rig.texts(), []);
    rig.out(&Pdu::new(Kind::DataOut).with("ITT", 7).with("TTT", 3).with("F", 1).with_data(vec![0; 512]));
    rig.oracles.probe(&data);
    assert!(rig.texts()[0].text.contains("ii_lun"), "it belongs to no command any more");
}

#[test]
fn addresses_are_shown_as_the_definitions_say() {
    let mut rig = rig();
    let ends = ["[::ffff:192.0.2.1]:3260", "[2001:db8::9]:4"].map(|end| end.parse().expect("an address"));
    rig.oracles.opened(0, ends[0], ends[1]);
    rig.login(0, 1);
    rig.oracles.probe(&ProbeRecord { remote: "2001:db8::9".into(), ..login_command() });
    rig.oracles.probe(&ProbeRecord { remote: "2001:db8::9".into(), ..login_response() });
    assert_eq!(rig.texts(), []);
}

#[test]
fn a_tag_used_twice_has_either_lun_and_no_third() {
    for (lun, wrong) in [(1, false), (2, false), (3, true)] {
        let mut rig = logged_in();
        // Far outside the window, so it is ignored; and again with a LUN of its own.
        for (cmd_sn, lun) in [(100, 1), (1, 2)] {
            let ask = test_unit_ready(7, cmd_sn).with("LUN", lun << 48);
            rig.out(&ask);
            rig.oracles.probe(&ProbeRecord {
                probe: Probe::ScsiCommand,
                itt: 7,
                lun,
                cmd_sn: u32::try_from(cmd_sn).expect("small"),
                flags: 0x81,
                data_len: 0,
                cdb: Some(ask.bhs[32..].to_vec()),
                ..login_command()
            });
        }
        assert_eq!(rig.texts(), []);
        rig.back(&reply(Kind::ScsiResponse, 7, 2, 2));
        let end = ProbeRecord {
            probe: Probe::ScsiResponse,
            itt: 7,
            lun,
            cmd_sn: 2,
            stat_sn: 2,
            ..login_response()
        };
        rig.oracles.probe(&ProbeRecord { flags: 0x80, data_len: 0, ..end });
        let found = rig.texts();
        assert_eq!(found.iter().any(|it| it.text.contains("ii_lun is 0x3")), wrong, "{lun}: {found:?}");
        assert_eq!(found.is_empty(), !wrong, "{lun}: {found:?}");
    }
}
