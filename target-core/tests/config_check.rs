//! Every mistake that a configuration can hold is found and named by its field.

mod common;

use common::{config, lun};
use target_core::config::{AuthConfig, Config, Credential, Redirect, TargetConfig};
use target_core::probe::NullSink;
use target_core::target::Target;

fn credential(name: &str, secret: &str) -> Credential {
    Credential { name: name.into(), secret: secret.into(), ..Credential::default() }
}

/// The field that a change to a good configuration makes wrong.
fn wrong(change: impl FnOnce(&mut Config)) -> String {
    let mut config = config();
    change(&mut config);
    let error = config.check().expect_err("a mistake");
    assert!(Target::new(config, [0; 32], NullSink).is_err());
    error.field
}

#[test]
fn a_good_configuration_passes() {
    assert_eq!(config().check(), Ok(()));
    assert_eq!(Config::default().check(), Ok(()));
    for name in [
        "eui.02004567a425678d",
        "naa.52004567ba64678d",
        "naa.62004567ba64678d0123456789abcdef",
        "iqn.2001-04.com.example",
    ] {
        let mut config = config();
        config.targets[0].name = name.into();
        assert_eq!(config.check(), Ok(()), "{name}");
    }
}

#[test]
fn levels_and_connections_have_bounds() {
    assert_eq!(wrong(|config| config.offer.error_recovery_level = 3), "offer.error_recovery_level");
    assert_eq!(wrong(|config| config.offer.max_connections = 0), "offer.max_connections");
    assert_eq!(wrong(|config| config.offer.max_connections = 17), "offer.max_connections");
}

#[test]
fn redirections_and_groups() {
    let to = |address: &str| {
        let address = address.to_owned();
        move |config: &mut Config| config.targets[0].redirect = Some(Redirect { address, permanent: true })
    };
    for address in [
        "",
        "10.0.0.1:0",
        "10.0.0.1:65536",
        "[::1",
        "[::1]3260",
        "[lab]:1",
        "a b",
        "::1",
        "lab:1:2",
        "lab,x",
        "lab,70000",
    ] {
        assert_eq!(wrong(to(address)), "targets[0].redirect.address", "{address:?}");
    }
    for address in ["10.0.0.1", "10.0.0.1:3260", "[2001:db8::7]", "[::1]:5003,1", "storage.example.com,23"] {
        let mut config = config();
        to(address)(&mut config);
        assert_eq!(config.check(), Ok(()), "{address:?}");
    }
    assert_eq!(wrong(|config| config.targets[0].groups = vec![1, 9]), "targets[0].groups[1]");
    assert_eq!(wrong(|config| config.offer.protocol_level = 3), "offer.protocol_level");
}

#[test]
fn names() {
    for name in [
        "",
        "disk",
        "iqn.2026-01.",
        "iqn.26-1.lab",
        "IQN.2026-01.lab",
        "iqn.2026-01.a b",
        "eui.0123",
        "naa.xyz",
    ] {
        assert_eq!(wrong(|config| config.targets[0].name = name.into()), "targets[0].name", "{name:?}");
    }
    let twice = |config: &mut Config| config.targets.push(config.targets[0].clone());
    assert_eq!(wrong(twice), "targets[1].name");
    assert_eq!(
        wrong(|config| config.targets[0].initiators = vec!["host".into()]),
        "targets[0].initiators[0]"
    );
    assert_eq!(wrong(|config| config.targets[0].alias = "x".repeat(256)), "targets[0].alias");
}

#[test]
fn logical_units() {
    let change = |change: fn(&mut target_core::config::LunConfig)| {
        wrong(move |config| change(&mut config.targets[0].luns[1]))
    };
    assert_eq!(change(|lun| lun.lun = 0), "targets[0].luns[1].lun");
    assert_eq!(change(|lun| lun.lun = 16384), "targets[0].luns[1].lun");
    assert_eq!(change(|lun| lun.block_size = 520), "targets[0].luns[1].block_size");
    assert_eq!(change(|lun| lun.blocks = 0), "targets[0].luns[1].blocks");
    assert_eq!(change(|lun| lun.blocks = u64::MAX), "targets[0].luns[1].blocks");
    assert_eq!(change(|lun| lun.vendor = "too long a name".into()), "targets[0].luns[1].vendor");
    assert_eq!(change(|lun| lun.serial.clear()), "targets[0].luns[1].serial");
    assert_eq!(change(|lun| lun.product = "é".into()), "targets[0].luns[1].product");
}

#[test]
fn credentials() {
    let auth = |auth: AuthConfig| wrong(move |config| config.targets[0].auth = auth);
    let one = || vec![credential("host", "secret")];
    let base = AuthConfig::default;
    assert_eq!(
        auth(AuthConfig { credentials: vec![credential("", "s")], ..base() }),
        "targets[0].auth.credentials[0].name"
    );
    assert_eq!(
        auth(AuthConfig { credentials: vec![credential("host", "")], ..base() }),
        "targets[0].auth.credentials[0].secret"
    );
    assert_eq!(
        auth(AuthConfig { credentials: [one(), one()].concat(), ..base() }),
        "targets[0].auth.credentials[1].name"
    );
    assert_eq!(
        auth(AuthConfig { mutual: Some(credential("disk", "s")), ..base() }),
        "targets[0].auth.mutual"
    );
    let short = AuthConfig { credentials: one(), mutual: Some(credential("disk", "11 of them!")), ..base() };
    assert_eq!(auth(short), "targets[0].auth.mutual.secret");
    let long = vec![credential("host", "a secret for both")];
    let same =
        AuthConfig { credentials: long, mutual: Some(credential("disk", "a secret for both")), ..base() };
    assert_eq!(auth(same), "targets[0].auth.mutual.secret");
    // Also where the other direction belongs to discovery.
    let elsewhere = |config: &mut Config| {
        config.targets[0].auth.credentials = vec![credential("host", "a secret for both")];
        config.discovery_auth.credentials = vec![credential("finder", "another")];
        config.discovery_auth.mutual = Some(credential("node", "a secret for both"));
    };
    assert_eq!(wrong(elsewhere), "discovery_auth.mutual.secret");
    assert_eq!(
        wrong(|config| config.discovery_auth.mutual = Some(credential("d", "s"))),
        "discovery_auth.mutual"
    );
}

#[test]
fn numbers() {
    assert_eq!(wrong(|config| config.offer.max_burst_length = 511), "offer.max_burst_length");
    assert_eq!(wrong(|config| config.offer.first_burst_length = 2 << 20), "offer.first_burst_length");
    assert_eq!(
        wrong(|config| config.offer.max_recv_data_segment_length = 1 << 24),
        "offer.max_recv_data_segment_length"
    );
    assert_eq!(wrong(|config| config.offer.max_outstanding_r2t = 0), "offer.max_outstanding_r2t");
    assert_eq!(wrong(|config| config.offer.time2retain = 3601), "offer.time2retain");
    assert_eq!(wrong(|config| config.limits.commands = 0), "limits.commands");
    assert_eq!(wrong(|config| config.limits.immediate = 1), "limits.immediate");
    assert_eq!(wrong(|config| config.limits.sessions = 65_536), "limits.sessions");
    assert_eq!(wrong(|config| config.limits.held_bytes = 1), "limits.held_bytes");
    assert_eq!(wrong(|config| config.timers.login = core::time::Duration::ZERO), "timers.login");
    let portal = |config: &mut Config| config.portals.push(config.portals[0]);
    assert_eq!(wrong(portal), "portals[1].address");
    let second = TargetConfig {
        name: "iqn.2026-01.lab:two".into(),
        luns: vec![lun(0, 9), lun(0, 8)],
        ..TargetConfig::default()
    };
    assert_eq!(wrong(|config| config.targets.push(second)), "targets[1].luns[1].lun");
}

#[test]
fn an_error_names_its_field_and_its_problem() {
    let mut config = config();
    config.limits.commands = 0;
    assert_eq!(config.check().unwrap_err().to_string(), "limits.commands: must be at least 1");
}
