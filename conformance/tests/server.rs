//! The server over real sockets on the loopback: data comes back, and no peer stands in another's way.

mod common;

use common::{Client, TARGET, memory, rw10, with_lun};
use conformance::bench::{self, Chap, Op, Plan, Report};
use conformance::server::Server;
use conformance::server::config::{LunSpec, ServeConfig};
use conformance::server::record::Recorder;
use conformance::storage::Backing;
use initiator_sim::codec::{Kind, Pdu};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use target_core::config::Credential;
use target_core::probe::Probe;
use target_core::wire::Digests;

fn start(config: &ServeConfig) -> (Server, SocketAddr) {
    let server = Server::start(config, Recorder::off()).expect("starts");
    let address = server.addresses()[0];
    (server, address)
}

/// A short run of verified reads and writes beside everything else; what it reads is compared with what it wrote.
fn verified(address: SocketAddr, change: impl FnOnce(&mut Plan)) -> Report {
    let mut plan = plan(address);
    change(&mut plan);
    let report = bench::run(&plan).expect("runs");
    assert_eq!(report.errors, 0, "{report}");
    assert!(report.commands > 0, "{report}");
    report
}

fn plan(address: SocketAddr) -> Plan {
    Plan {
        address,
        target: TARGET.into(),
        initiator: "iqn.2026-01.org.example:bench".into(),
        lun: 0,
        op: Op::Mixed,
        block_bytes: 4096,
        depth: 8,
        time: Duration::from_millis(200),
        connections: 1,
        digests: Digests::default(),
        chap: None,
        verify: true,
    }
}

#[test]
fn what_is_written_comes_back_with_every_way_of_sending_it() {
    let (_server, address) = start(&memory());
    for (block_bytes, header, data) in
        [(512, false, false), (4096, true, true), (8192 + 512, true, false), (1 << 20, false, true)]
    {
        let report = verified(address, |plan| {
            plan.block_bytes = block_bytes;
            plan.depth = 4;
            plan.digests = Digests { header, data };
        });
        assert!(report.commands > 4, "{report}");
    }
    let report = verified(address, |plan| plan.op = Op::Read);
    assert!(report.verified > 0, "{report}");
}

#[test]
fn a_file_behind_the_unit_holds_what_was_written() {
    let path = std::env::temp_dir().join(format!("iscsi-lab-server-{}", std::process::id()));
    std::fs::File::create(&path).and_then(|file| file.set_len(16 << 20)).expect("a temporary file");
    let (server, address) = start(&with_lun(Backing::file(&path, false)));
    verified(address, |plan| plan.block_bytes = 16384);
    let mut client = Client::login(address, 1);
    assert_eq!(client.write(7, &[0xa5; 1024]), 0);
    // SYNCHRONIZE CACHE (10) goes through a worker.
    assert_eq!(client.command(&[0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, None).0, 0);
    assert_eq!(client.read(7, 2), (0, vec![0xa5; 1024]));
    drop(server);
    let content = std::fs::read(&path).expect("the file");
    std::fs::remove_file(&path).expect("removable");
    assert_eq!(content[7 * 512..9 * 512], [0xa5; 1024]);
}

#[test]
fn many_connections_work_at_once() {
    let (_server, address) = start(&memory());
    let report = verified(address, |plan| plan.connections = 24);
    assert_eq!(report.connections, 24);
}

#[test]
fn a_peer_that_never_reads_blocks_nobody() {
    let (_server, address) = start(&memory());
    let mut deaf = Client::login(address, 1);
    // Far more than both socket buffers hold; then one more command after another until the server stops reading or the
    // window is used up.
    for n in 0..64 {
        let request = deaf.request(&rw10(0x28, n * 200, 200), 200 * 512, false);
        deaf.send(&request);
    }
    verified(address, |plan| plan.connections = 4);
    // What was asked for is still there, in order.
    let mut bytes = 0;
    while bytes < 64 * 200 * 512 {
        bytes += deaf.receive().expect("the connection is alive").data.len();
    }
    assert_eq!(deaf.read(0, 1).0, 0);
}

#[test]
fn a_peer_that_vanishes_in_the_middle_of_a_write_leaves_the_rest_alone() {
    let (_server, address) = start(&memory());
    let mut other = Client::login(address, 1);
    assert_eq!(other.write(0, &[1; 4096]), 0);
    for cut in [0, 1, 47, 48, 60, 48 + 2048] {
        let mut client = Client::login(address, 2);
        let request = client.request(&rw10(0x2a, 0, 8), 4096, true);
        client.send(&request);
        let r2t = client.receive().expect("an R2T");
        assert_eq!(r2t.kind(), Some(Kind::R2T));
        let data = Pdu::new(Kind::DataOut)
            .with("F", 1)
            .with("ITT", r2t.itt().into())
            .with("TTT", r2t.word("TTT").into())
            .with_data(vec![2; 4096]);
        let bytes = initiator_sim::codec::encode(&data, initiator_sim::codec::Digests::NONE);
        client.stream.write_all(&bytes[..cut]).expect("the server reads");
        drop(client);
        assert_eq!(other.read(0, 8), (0, vec![1; 4096]), "cut at {cut}");
    }
}

#[test]
fn a_flood_of_logins_that_never_end_keeps_nobody_out() {
    let mut config = memory();
    config.limits.half_open = 8;
    let (_server, address) = start(&config);
    let mut client = Client::login(address, 1);
    let idle: Vec<_> = (0..40).map(|_| Client::connect(address)).collect();
    let mut late = Client::login(address, 2);
    assert_eq!(late.read(0, 1).0, 0);
    assert_eq!(client.read(0, 1).0, 0, "sessions are not pushed out");
    drop(idle);
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let (_server, address) = start(&memory());
    let mut client = Client::login(address, 1);
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: target\r\nAccept: */*\r\nUser-Agent: none\r\n\r\n"[..],
        &[0xff; 4096],
        &[0; 48],
    ] {
        let mut stranger = Client::connect(address);
        stranger.stream.write_all(garbage).expect("the server reads");
        stranger.stream.shutdown(std::net::Shutdown::Write).expect("half-closes");
        while stranger.receive().is_some() {}
    }
    assert_eq!(client.read(0, 1).0, 0);
}

#[test]
fn a_reload_changes_units_and_keeps_what_stays() {
    let config = memory();
    let (server, address) = start(&config);
    let mut client = Client::login(address, 1);
    assert_eq!(client.write(3, &[9; 512]), 0);

    let mut more = config.clone();
    more.targets[0].luns.push(LunSpec::new(TARGET, 1, Backing::Null { bytes: 1 << 20 }));
    server.reload(&more).expect("is right");
    // REPORT LUNS has one more; a unit attention may come first.
    let report = [0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0];
    let luns = (0..4).map(|_| client.command(&report, 255, None)).find(|(status, _)| *status == 0);
    assert_eq!(luns.map(|(_, data)| data.len()), Some(8 + 2 * 8));
    let read = (0..4).map(|_| client.read(3, 1)).find(|(status, _)| *status == 0);
    assert_eq!(read, Some((0, vec![9; 512])), "the content stays");

    let mut wrong = config.clone();
    wrong.targets[0].luns[0].backing = Backing::file("/no/such/file", false);
    assert!(server.reload(&wrong).expect_err("is wrong").contains("does not exist"));
    assert_eq!(client.read(3, 1), (0, vec![9; 512]), "a wrong configuration changes nothing");

    let mut other = config;
    other.targets[0].name = "iqn.2026-01.org.example:other".into();
    server.reload(&other).expect("is right");
    while client.receive().is_some() {}
    let mut late = Client::connect(address);
    assert_eq!(late.try_login(2, &[("TargetName", TARGET)]), (2, 3), "not found");
}

#[test]
fn a_file_that_grew_is_announced_at_the_next_reload() {
    let path = std::env::temp_dir().join(format!("iscsi-lab-grow-{}", std::process::id()));
    std::fs::File::create(&path).and_then(|file| file.set_len(1 << 20)).expect("a temporary file");
    let config = with_lun(Backing::file(&path, false));
    let (server, address) = start(&config);
    let mut client = Client::login(address, 1);
    std::fs::File::options().write(true).open(&path).and_then(|file| file.set_len(2 << 20)).expect("grows");
    server.reload(&config).expect("is right");
    assert_eq!(client.command(&[0; 6], 0, None).0, 2, "a unit attention");
    let (status, capacity) = client.command(&[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8, None);
    assert_eq!((status, &capacity[..4]), (0, &4095_u32.to_be_bytes()[..]));
    assert_eq!(client.read(4095, 1).0, 0);
    std::fs::remove_file(&path).expect("removable");
}

#[test]
fn it_listens_at_several_addresses_of_both_families() {
    let mut config = memory();
    let v6 = "[::1]:0".parse::<SocketAddr>().expect("an address");
    // Not every machine has IPv6.
    if std::net::TcpListener::bind(v6).is_ok() {
        config.portals.push(target_core::config::PortalConfig { address: v6, group: 2 });
    }
    config.portals.push(config.portals[0]);
    let server = Server::start(&config, Recorder::off()).expect("starts");
    for (n, address) in (1..).zip(server.addresses()) {
        let mut client = Client::login(address, n);
        assert_eq!(client.read(0, 1).0, 0, "at {address}");
    }
    assert_eq!(server.addresses().len(), config.portals.len());
}

#[test]
fn portals_come_and_go_with_a_reload_and_sessions_stay() {
    let config = memory();
    let (server, first) = start(&config);
    let mut client = Client::login(first, 1);
    // A second portal, and the first by its port now.
    let mut two = config.clone();
    two.portals[0].address = first;
    two.portals.push(target_core::config::PortalConfig { group: 2, ..config.portals[0] });
    server.reload(&two).expect("is right");
    let second = server.addresses()[1];
    assert_eq!(server.addresses()[0], first);
    assert_eq!(Client::login(second, 2).read(0, 1).0, 0);
    assert_eq!(Client::login(first, 3).read(0, 1).0, 0);
    // An address that is taken changes nothing.
    let mut taken = two.clone();
    taken.portals = vec![target_core::config::PortalConfig { address: second, group: 1 }];
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = held.local_addr().expect("an address");
    taken.portals.push(target_core::config::PortalConfig { address, group: 3 });
    assert!(server.reload(&taken).expect_err("in use").contains("is in use"));
    assert_eq!(server.addresses(), [first, second]);
    // The first portal goes; who came in there stays.
    taken.portals.pop();
    server.reload(&taken).expect("is right");
    assert_eq!(server.addresses(), [second]);
    assert_eq!(client.read(0, 1).0, 0);
    let gone = (0..1000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        std::net::TcpStream::connect(first).is_err()
    });
    assert!(gone, "nobody listens there any more");
    assert_eq!(Client::login(second, 4).read(0, 1).0, 0);
}

#[test]
fn a_panic_inside_the_core_costs_one_session_and_its_place_is_free_again() {
    // A bug that strikes while the core is locked, in the midst of a task management function.
    let recorder =
        Recorder::watching(|event| assert!(event.probe != Probe::TaskCommand, "this bug is meant"));
    let mut config = memory();
    config.limits.sessions_per_initiator = 2;
    let server = Server::start(&config, recorder).expect("starts");
    let address = server.addresses()[0];
    let (mut struck, mut other) = (Client::login(address, 1), Client::login(address, 2));
    assert_eq!(Client::connect(address).try_login(3, &[("TargetName", TARGET)]), (3, 2), "two are the limit");
    let request = Pdu::new(Kind::TaskRequest)
        .with("I", 1)
        .with("F", 1)
        .with("Function", 5)
        .with("ITT", 99)
        .with("CmdSN", struck.cmd_sn.into())
        .with("ExpStatSN", struck.exp_stat_sn.into());
    struck.send(&request);
    // It is told, if the word gets through before the connection ends.
    while let Some(pdu) = struck.receive() {
        assert_eq!((pdu.kind(), pdu.word("AsyncEvent")), (Some(Kind::AsyncMessage), 3), "{pdu}");
    }
    assert_eq!(other.read(0, 1).0, 0, "the others are served");
    // The session ended at once and does not wait 20 seconds for another connection, or there would be no place.
    let login = || Client::connect(address).try_login(3, &[("TargetName", TARGET)]) == (0, 0);
    assert!((0..1000).any(|_| login() || {
        std::thread::sleep(Duration::from_millis(5));
        false
    }));
    assert_eq!(other.write(8, &[7; 512]), 0);
}

#[test]
fn the_load_client_proves_itself_where_it_is_asked() {
    let mut config = memory();
    let (name, secret) = ("iqn.2026-01.org.example:bench".to_owned(), "known to both of us".to_owned());
    let credential =
        Credential { name: name.clone(), secret: secret.clone().into_bytes(), ..Credential::default() };
    config.targets[0].auth.credentials.push(credential);
    let (_server, address) = start(&config);
    let good = Chap { name, secret };
    verified(address, |plan| plan.chap = Some(good.clone()));
    for (chap, why) in
        [(None, "--chap"), (Some(Chap { secret: "something else".into(), ..good }), "these credentials")]
    {
        let error = bench::run(&Plan { chap, ..plan(address) }).expect_err(why);
        assert!(error.contains("0201") && error.contains(why), "{error}");
    }
}

#[test]
fn draining_asks_for_a_logout_and_ends_who_does_not() {
    let mut config = memory();
    config.server.drain = Duration::from_secs(1);
    let (server, address) = start(&config);
    let mut client = Client::login(address, 1);
    server.drain();
    let message = client.receive().expect("a message");
    assert_eq!(message.kind(), Some(Kind::AsyncMessage), "{message}");
    assert_eq!(message.word("AsyncEvent"), 1);
    // A polite initiator logs out.
    let request = Pdu::new(Kind::LogoutRequest)
        .with("ITT", 77)
        .with("CmdSN", client.cmd_sn.into())
        .with("ExpStatSN", message.word("StatSN").wrapping_add(1).into());
    client.send(&request);
    let response = client.receive().expect("an answer");
    assert_eq!(response.kind(), Some(Kind::LogoutResponse), "{response}");
    drop(client);
    assert!(server.shutdown(), "nothing is left");

    let (server, address) = start(&config);
    let mut stubborn = Client::login(address, 1);
    assert!(server.shutdown(), "dropped when its time is over");
    while stubborn.receive().is_some() {}
}
