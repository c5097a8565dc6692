//! Every mistake in a configuration file is told with its line and with what is allowed.

use super::*;
use proptest::prelude::*;
use std::path::Path;
use target_core::config::NodeArchitecture;

fn read(text: &str) -> Result<ServeConfig, String> {
    parse(Path::new("lab.toml"), text)
}

const TARGET: &str = "[[target]]\nname = \"iqn.2026-01.org.example:a\"\n";

#[test]
fn a_full_file_says_everything() {
    let config = read(
        r#"
        [[portal]]
        address = "0.0.0.0:3260"
        [[portal]]
        address = "[::1]:3261"
        group = 2

        [[target]]
        name = "IQN.2026-01.org.example:a"
        alias = "first"
        groups = [2]
        refuse_resets = true
        initiators = ["iqn.2026-01.org.example:host"]
        [[target.lun]]
        memory = "64M"
        [[target.lun]]
        lun = 5
        file = "disk.img"
        block_size = 4096
        read_only = true
        serial = "S1"
        write_cache = false
        thin = false
        [target.auth]
        chap = [{ name = "user", secret = "twelve bytes" }]
        mutual = { name = "lab", secret_hex = "0x00112233445566778899aabb" }
        algorithms = ["sha256", "md5"]

        [[target]]
        name = "iqn.2026-01.org.example:b"
        redirect = { address = "10.0.0.1:3260", permanent = true }

        [discovery]
        chap = [{ name = "d", secret = "another secret" }]

        [offer]
        header_digest = "required"
        initial_r2t = true
        task_reporting = "ResponseFence"
        protocol_level = 1
        node_architecture = "name"
        max_burst_length = 65536
        first_burst_length = 32768

        [limits]
        connections = 10
        held_bytes = "1M"

        [timers]
        nop_interval = 5

        [server]
        workers = 2
        drain = 1
        "#,
    )
    .expect("is right");
    assert_eq!(config.portals[1], PortalConfig { address: "[::1]:3261".parse().expect("one"), group: 2 });
    let [a, b] = &config.targets[..] else { panic!("two targets") };
    assert_eq!(a.name, "iqn.2026-01.org.example:a");
    assert_eq!(a.luns[0].backing, Backing::Memory { bytes: 64 << 20, name: format!("{}/0", a.name) });
    let five = &a.luns[1];
    assert_eq!(
        (five.lun, five.block_size, five.read_only, five.write_cache, five.thin),
        (5, 4096, true, false, false)
    );
    assert_eq!(five.backing, Backing::file("disk.img", true));
    assert_eq!(a.auth.mutual.as_ref().map(|m| m.secret.len()), Some(12));
    assert_eq!(b.redirect.as_ref().map(|r| r.permanent), Some(true));
    assert_eq!((&a.groups[..], a.refuse_resets, b.refuse_resets), (&[2][..], true, false));
    assert_eq!(config.offer.task_reporting, target_core::session::params::TaskReporting::ResponseFence);
    assert_eq!((config.offer.protocol_level, config.offer.node_architecture), (1, NodeArchitecture::Name));
    assert_eq!(config.limits.held_bytes, 1 << 20);
    assert_eq!(config.server.workers, 2);
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let text = include_str!("example.toml");
    let config = read(text).expect("is right");
    assert_eq!((config.targets.len(), config.targets[0].luns.len()), (2, 3));
    assert_eq!(config.offer, Offer::default());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.timers, Timers::default());
    assert_eq!(config.server, ServerOptions::default());
    // A key that nobody reads is a mistake, so each section lists its keys; the example must have them all.
    for section in
        ["[[portal]]", "[[target]]", "[[target.lun]]", "[offer]", "[limits]", "[timers]", "[server]"]
    {
        let line = text.lines().find(|line| line.starts_with(section)).expect("it is there");
        let probe = text.replacen(&format!("\n{line}\n"), &format!("\n{section}\nno_such_key = 1\n"), 1);
        let error = read(&probe).expect_err(section);
        let allowed =
            error.split("(allowed: ").nth(1).and_then(|rest| rest.split(')').next()).expect("a list");
        for key in allowed.split(", ").filter(|key| *key != "lun" && *key != "auth") {
            let found = text.lines().any(|line| line.split(" =").next() == Some(key));
            assert!(found, "{key} of {section} is not in the example");
        }
    }
}

/// The port that IANA assigned to iSCSI targets; 860 is for those who ask for it (rfc7143/15-1).
#[test]
fn without_a_word_the_port_is_3260() {
    let config = read("[[target]]\nname = \"iqn.2026-01.org.example:a\"\n").expect("is right");
    let ports: Vec<u16> = config.portals.iter().map(|portal| portal.address.port()).collect();
    assert_eq!(ports, [3260]);
    assert_eq!(DEFAULT_LISTEN.parse::<SocketAddr>().map(|listen| listen.port()), Ok(3260));
}

#[test]
fn a_secret_that_several_share_is_told() {
    let config = read(&format!(
        "{TARGET}[target.auth]\nchap = [\n{{ name = \"a\", secret = \"twelve bytes\" }},\n\
         {{ name = \"b\", secret = \"twelve bytes\" }}]\n\
         [discovery]\nchap = [{{ name = \"a\", secret = \"twelve bytes\" }}]\n"
    ));
    let warnings = config.expect("it is allowed").warnings;
    assert_eq!(warnings, ["lab.toml:6:1: the initiators \"a\" and \"b\" have the same CHAP secret"]);
}

#[test]
fn each_mistake_has_its_line_and_says_what_is_allowed() {
    for (text, expected) in [
        ("", "lab.toml:1:1: no [[target]]"),
        ("[[target]\n", "lab.toml:1:"),
        ("[[target]]\nalias = \"x\"\n", "lab.toml:1:1: name is missing"),
        ("[[target]]\nname = \"disk\"\n", "lab.toml:2:8: name: \"disk\" is not an iSCSI name"),
        ("[[target]]\nname = 5\n", "lab.toml:2:8: name is a text in quotes, not a whole number"),
        (
            &format!("{TARGET}allias = \"x\"\n"),
            "lab.toml:3:1: unknown key \"allias\" in [[target]]; did you mean \"alias\"? (allowed: name,",
        ),
        (
            &format!("{TARGET}[limit]\n"),
            "lab.toml:3:2: unknown key \"limit\" in the file; did you mean \"limits\"?",
        ),
        (&format!("{TARGET}[limits]\nconnections = 0\n"), "lab.toml:4:15: connections is 1 to 65535, not 0"),
        (&format!("{TARGET}[limits]\nconnections = -1\n"), "connections is 1 to 65535, not -1"),
        (
            &format!("{TARGET}[limits]\nheld_bytes = \"12Q\"\n"),
            "lab.toml:4:14: held_bytes: \"12Q\" is not a size",
        ),
        (&format!("{TARGET}[timers]\nlogin = \"5s\"\n"), "login is a whole number, not a text"),
        (
            &format!("{TARGET}[offer]\ndata_digest = \"on\"\n"),
            "data_digest is one of either, required, refused",
        ),
        (&format!("{TARGET}[offer]\nerror_recovery_level = 3\n"), "error_recovery_level is 0 to 2, not 3"),
        (
            &format!("{TARGET}[offer]\nfirst_burst_length = 1000000\nmax_burst_length = 512\n"),
            "first_burst_length is at most max_burst_length",
        ),
        (&format!("{TARGET}groups = [1, 7]\n"), "lab.toml:3:14: no [[portal]] has group 7"),
        (&format!("{TARGET}groups = 1\n"), "groups is an array of whole numbers"),
        (&format!("{TARGET}groups = [70000]\n"), "groups is 0 to 65535, not 70000"),
        (
            &format!("{TARGET}redirect = {{ address = \"[::1\" }}\n"),
            "lab.toml:3:24: address: \"[::1\" the bracket of the IPv6 address is not closed",
        ),
        (
            &format!("{TARGET}redirect = {{ address = \"10.0.0.1:0\" }}\n"),
            "address: \"10.0.0.1:0\" the port must be 1 to 65535",
        ),
        (
            &format!("{TARGET}redirect = {{ address = \"10.0.0.1:3260,x\" }}\n"),
            "the portal group tag must be 0 to 65535",
        ),
        (
            &format!("{TARGET}[offer]\ntask_reporting = \"fast\"\n"),
            "task_reporting is one of RFC3720, ResponseFence, FastAbort",
        ),
        (&format!("{TARGET}[offer]\nprotocol_level = 3\n"), "protocol_level is 1 to 2, not 3"),
        (&format!("{TARGET}[[target.lun]]\n"), "lab.toml:3:1: a LUN has exactly one of memory"),
        (&format!("{TARGET}[[target.lun]]\nmemory = 512\nnull = 512\n"), "a LUN has exactly one of memory"),
        (&format!("{TARGET}[[target.lun]]\nmemory = 512\nlun = 16384\n"), "lun is 0 to 16383, not 16384"),
        (&format!("{TARGET}[[target.lun]]\nmemory = 512\nblock_size = 1024\n"), "block_size is 512 or 4096"),
        (
            &format!("{TARGET}[[target.lun]]\nmemory = 512\n[[target.lun]]\nlun = 0\nmemory = 512\n"),
            "lab.toml:5:1: LUN 0 is there twice",
        ),
        (
            &format!("{TARGET}[[target.lun]]\nmemory = 512\nvendor = \"much too long\"\n"),
            "vendor is 1 to 8 printable",
        ),
        (&format!("{TARGET}{TARGET}"), "lab.toml:4:8: target iqn.2026-01.org.example:a is there twice"),
        (
            &format!("{TARGET}[[portal]]\naddress = \"localhost\"\n"),
            "lab.toml:4:11: address: \"localhost\" is not IP:PORT",
        ),
        (&format!("{TARGET}[[portal]]\n"), "lab.toml:3:1: address is missing"),
        (
            &format!("{TARGET}[target.auth]\nchap = [{{ name = \"u\", secret = \"short\" }}]\n"),
            "at least 12 bytes",
        ),
        (&format!("{TARGET}[target.auth]\nchap = [{{ name = \"u\" }}]\n"), "secret or secret_hex is missing"),
        (&format!("{TARGET}[target.auth]\n"), "lab.toml:3:1: chap has no entry"),
        (&format!("{TARGET}[target.auth]\nchap = []\n"), "chap has no entry"),
        (
            &format!(
                "{TARGET}[target.auth]\nchap = [{{ name = \"u\", secret_hex = \"0x+1+2+3+4+5+6+7+8+9+0+1+2\" }}]\n"
            ),
            "hexadecimal digits",
        ),
        (
            &format!("{TARGET}[target.auth]\nmutual = {{ name = \"u\", secret = \"twelve bytes\" }}\n"),
            "mutual CHAP needs at least one entry in chap",
        ),
        (
            &format!(
                "{TARGET}[target.auth]\nchap = [{{ name = \"u\", secret = \"twelve bytes\" }}]\n\
                 mutual = {{ name = \"t\", secret = \"twelve bytes\" }}\n"
            ),
            "lab.toml:5:10: the secrets of the two directions must differ",
        ),
        (
            &format!(
                "{TARGET}[target.auth]\nchap = [{{ name = \"u\", secret = \"twelve bytes\" }}]\n\
                 mutual = {{ name = \"t\", secret = \"other twelve bytes\" }}\n\
                 [discovery]\nchap = [{{ name = \"d\", secret = \"other twelve bytes\" }}]\n"
            ),
            "lab.toml:5:10: the secrets of the two directions must differ",
        ),
        (
            &format!("{TARGET}[discovery]\nalgorithms = [\"sha2\"]\n"),
            "algorithms is one of md5, sha1, sha256, sha3-256",
        ),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.contains(expected), "{text}\ngave {error}\nnot {expected}");
        assert!(error.lines().all(|line| line.starts_with("lab.toml:")), "{error}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = format!("{TARGET}color = 1\n[limits]\nsessions = 0\n[server]\nworkers = 0\n");
    let error = read(&text).expect_err("three mistakes");
    let lines: Vec<_> = error.lines().filter_map(|line| line.split(':').nth(1)).collect();
    assert_eq!(lines, ["3", "5", "7"], "{error}");
}

#[test]
fn staging_names_every_lun_that_cannot_be_opened() {
    let file = |name: &str| Backing::file(name, false);
    let luns = vec![
        LunSpec::new("iqn.2026-01.x:a", 0, Backing::Null { bytes: 1 << 20 }),
        LunSpec::new("iqn.2026-01.x:a", 1, file("/no/such/one")),
        LunSpec::new("iqn.2026-01.x:a", 2, file("/no/such/two")),
    ];
    let config = ServeConfig::simple(&[], "iqn.2026-01.x:a", luns);
    let registry = Registry::default();
    let wrong = config.stage(&registry).expect_err("two files are missing");
    assert_eq!(wrong.lines().count(), 2, "{wrong}");
    assert!(wrong.contains("LUN 1: file /no/such/one: it does not exist"), "{wrong}");
}

#[test]
fn serials_differ_and_stay() {
    assert_eq!(serial("iqn.2026-01.x:a", 0).len(), 20);
    assert_eq!(serial("iqn.2026-01.x:a", 0), serial("iqn.2026-01.x:a", 0));
    assert_ne!(serial("iqn.2026-01.x:a", 0), serial("iqn.2026-01.x:a", 1));
    assert_ne!(serial("iqn.2026-01.x:a", 0), serial("iqn.2026-01.x:b", 0));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}|([\\[\\]a-z_=\"0-9{},. \n]{0,200})") {
        let _ = read(&text);
    }

    #[test]
    fn no_damage_to_a_good_file_makes_it_panic(at in 0usize..600, byte in any::<char>()) {
        let good = format!("{TARGET}[[target.lun]]\nmemory = \"1M\"\n[offer]\ninitial_r2t = true\n[limits]\nsessions = 5\n");
        let at = (0..=at % good.len()).rev().find(|at| good.is_char_boundary(*at)).unwrap_or(0);
        let mut text = good;
        text.insert(at, byte);
        let _ = read(&text);
    }
}

/// What only shows when the configuration is put to use has its line too.
#[test]
fn what_is_wrong_in_use_has_its_line() {
    let stage = |text: &str| {
        let config = read(text).expect("can be read");
        config.stage(&Registry::default()).map(|_| ()).expect_err(text)
    };
    let name = "[[target]]\nname = \"iqn.2026-01.org.example:a\"\n";
    let lun = "[[target.lun]]\nmemory = \"1M\"\n";
    let alias = format!("{name}alias = \"{}\"\n", "x".repeat(256));
    let chap = "[target.auth]\nchap = [{ name = \"c\", secret = \"0123456789ab\" },\n  { name = \"c\", secret = \"0123456789cd\" }]\n";
    for (text, expected) in [
        (alias, "lab.toml:3:9: targets[0].alias: must be at most 255 bytes"),
        (format!("{name}[[target.lun]]\nfile = \"/no/such\"\n"), "lab.toml:4:8: target iqn"),
        (format!("{name}{lun}serial = \"S\"\n{lun}serial = \"S\"\n"), "lab.toml:8:10: LUN 1 of iqn"),
        (format!("{name}{chap}"), "lab.toml:5:12: targets[0].auth.credentials[1].name: used by another"),
        (
            format!("{name}{chap}")
                .replace("\"c\", secret = \"0123456789cd", "\"\", secret = \"0123456789cd"),
            "lab.toml:5:12: ",
        ),
        (
            format!("{name}[limits]\nheld_bytes = \"1M\"\ntransfer_bytes = 2097152\n"),
            "lab.toml:4:14: limits.held_bytes: must be at least limits.transfer_bytes",
        ),
    ] {
        let error = stage(&text);
        assert!(error.starts_with(expected), "{error}\n{text}");
    }
}

/// One file is one disk: by its own name, by a link of either kind.
#[test]
fn two_units_of_one_file_only_read_it() {
    let folder = std::env::temp_dir().join(format!("iscsi-lab-one-file-{}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let path = |name: &str| folder.join(name);
    std::fs::File::create(path("disk")).and_then(|file| file.set_len(8192)).expect("a file");
    std::os::unix::fs::symlink(path("disk"), path("soft")).expect("a link");
    std::fs::hard_link(path("disk"), path("hard")).expect("a link");
    let stage = |other: &str, read_only: [bool; 2], targets: usize| {
        let lun = |name: &str, number, read_only| LunSpec {
            read_only,
            ..LunSpec::new("iqn.2026-01.x:a", number, Backing::file(path(name), read_only))
        };
        let luns = vec![lun("disk", 0, read_only[0]), lun(other, 1, read_only[1])];
        let mut config = ServeConfig::simple(&[], "iqn.2026-01.x:a", luns);
        if targets == 2 {
            let luns = config.targets[0].luns.split_off(1);
            config.targets.push(TargetSpec { name: "iqn.2026-01.x:b".into(), luns, ..TargetSpec::default() });
        }
        let registry = Registry::default();
        config.stage(&registry).map(|_| ())
    };
    for name in ["disk", "soft", "hard"] {
        for targets in [1, 2] {
            assert_eq!(stage(name, [true, true], targets), Ok(()), "{name}");
            for read_only in [[false, false], [true, false], [false, true]] {
                let error = stage(name, read_only, targets).expect_err(name);
                let owner = if targets == 2 { 'b' } else { 'a' };
                let both =
                    format!("LUN 1 of iqn.2026-01.x:{owner} and LUN 0 of iqn.2026-01.x:a are one file");
                assert!(error.contains(&both) && error.contains(&format!("/{name} and")), "{error}");
            }
        }
    }
    std::fs::remove_dir_all(&folder).expect("removable");
}
