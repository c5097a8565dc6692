//! Does our own tracer see what the target does? Against the core's own recording, the golden traces, and real load.
//!
//! Needs root (or CAP_BPF and CAP_PERFMON) and Linux 5.8 or later; one test needs packages as well. Run it in release
//! mode: only there does the optimiser show whether the arguments really are in memory when a probe fires.
//! `ISCSI_LAB=$PWD/target/release/iscsi-lab cargo test -p conformance --test live_tracer -- --ignored`

#[path = "../common/mod.rs"]
mod common;
mod initiators;

use common::serve::program as lab;
use common::{Client, TARGET};
use conformance::golden::Renderer;
use conformance::golden::Wire;
use conformance::trace::{Ignored, Record, RecordKind, diff, read_jsonl_file};
use initiator_sim::codec::{Kind, Pdu};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Output, Stdio};

/// The name that scenarios use.
const SCENARIO_TARGET: &str = "iqn.2026-01.example.lab:disk";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An empty folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tracer").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a folder");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// A server, ended with the test.
struct Serve {
    child: Child,
    address: SocketAddr,
    /// Kept open: the server goes on saying how to connect.
    _output: BufReader<ChildStdout>,
}

impl Serve {
    fn start(program: &str, target: &str, more: &[&str]) -> Self {
        Self::with(program, &[&["--target", target, "--lun", "mem:32M"], more].concat())
    }

    fn with(program: &str, args: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ").and_then(|address| address.parse().ok());
        Self { child, address: address.expect("the address"), _output: output }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }

    fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        assert!(self.child.wait().expect("a child").success());
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `iscsi-lab trace` with these arguments, attached.
struct Tracer {
    child: Child,
    err: BufReader<ChildStderr>,
}

impl Tracer {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(lab())
            .arg("trace")
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut err = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        err.read_line(&mut line).expect("a line");
        assert!(line.starts_with("tracing ") && line.contains("site(s), attached in"), "{line}");
        println!("{}", line.trim());
        Self { child, err }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Ends it as a user would: exit code, standard output, and the rest of standard error.
    fn end(mut self) -> (i32, String, String) {
        self.signal(Signal::INT);
        let (mut out, mut err) = (String::new(), String::new());
        std::io::Read::read_to_string(&mut self.child.stdout.take().expect("piped"), &mut out).expect("text");
        std::io::Read::read_to_string(&mut self.err, &mut err).expect("text");
        let code = self.child.wait().expect("a child").code().expect("it exits");
        println!("{}", err.trim());
        (code, out, err)
    }
}

fn run(program: &str, args: &[&str]) -> Output {
    let output = Command::new(program)
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .output()
        .expect("is installed");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&said));
    output
}

fn scenario(name: &str, serve: &Serve, target: &str) -> Output {
    let address = serve.address.to_string();
    run(lab(), &["run", name, "--addr", &address, "--target", target])
}

/// Reads, writes, pings and names of full length.
fn load(address: SocketAddr) {
    let mut client = Client::login(address, 1);
    let data: Vec<u8> = (0..64 * 512).map(|n: u32| (n >> 3) as u8).collect();
    assert_eq!(client.write(8, &data), 0);
    assert_eq!(client.read(8, 64), (0, data));
    let ping = Pdu::new(Kind::NopOut).with("I", 1).with("ITT", 0x77).with("CmdSN", client.cmd_sn.into());
    let ping = ping.with("ExpStatSN", client.exp_stat_sn.into());
    client.send(&ping.with_data(&b"hello"[..]));
    assert_eq!(client.receive().expect("an answer").kind(), Some(Kind::NopIn));
    let long = format!("iqn.2026-01.org.example:{}", "long-name.".repeat(20));
    let mut other = Client::connect(address);
    assert_eq!(
        other.try_login(2, &[("InitiatorName", &long[..223]), ("SessionType", "Discovery")]).0,
        2,
        "given twice"
    );
    let mut other = Client::connect(address);
    let name = &long[..223];
    let mut request = Pdu::new(Kind::LoginRequest)
        .with("T", 1)
        .with("CSG", 1)
        .with("NSG", 3)
        .with("ITT", 1)
        .with("CmdSN", 1);
    request.set_bytes("ISID", &[0x80, 0, 0, 0, 0, 3]).expect("six bytes");
    other.send(
        &request.with_data(
            format!("InitiatorName={name}\0SessionType=Normal\0TargetName={TARGET}\0").into_bytes(),
        ),
    );
    assert_eq!(other.receive().expect("an answer").word("StatusClass"), 0);
}

/// The live trace has what the core's own recording has, in all members.
fn same_as_recorded(name: &str, how: &[&str]) {
    let live = recorded_and_live(name, how, |serve| {
        load(serve.address);
        for topic in ["login/*", "data/*", "text/*", "discovery/*"] {
            scenario(topic, serve, TARGET);
        }
    });
    let longest = events(&live).map(|event| event.ii_initiator.len()).max();
    assert_eq!(longest, Some(223), "a whole name");
}

/// Has clients at work on a server that records while our tracer looks: both have the same, in all members and in order. Gives it.
fn recorded_and_live(name: &str, how: &[&str], work: impl FnOnce(&Serve)) -> Vec<Record> {
    let folder = folder(name);
    let (recorded, live) = (folder.join("recorded.jsonl"), folder.join("live.jsonl"));
    // A copy of its own: other tests run servers too. The tracer is there before the server.
    let program = folder.join("iscsi-lab");
    fs::copy(lab(), &program).expect("a copy");
    let tracer = Tracer::start(&[&["record", text(&live), "--path", text(&program)], how].concat());
    let serve = Serve::start(text(&program), TARGET, &["--record", text(&recorded)]);
    work(&serve);
    serve.stop();
    let (code, _, said) = tracer.end();
    assert_eq!(code, 0, "{said}");
    let (recorded, live) =
        (read_jsonl_file(&recorded).expect("a trace"), read_jsonl_file(&live).expect("a trace"));
    assert!(recorded.len() > 200, "only {} events", recorded.len());
    let found = diff(&recorded, &live, &Ignored::new(["time_ns"]).expect("known"));
    assert!(found.is_none(), "{}", found.map(|found| found.text).unwrap_or_default());
    live
}

fn events(records: &[Record]) -> impl Iterator<Item = &conformance::trace::ProbeRecord> {
    records.iter().filter_map(|record| match &record.what {
        RecordKind::Probe(event) => Some(event),
        _ => None,
    })
}

#[test]
#[ignore = "needs root"]
fn live_events_are_the_recorded_ones() {
    same_as_recorded("recorded", &[]);
}

#[test]
#[ignore = "needs root"]
fn and_so_they_are_through_perf_events() {
    same_as_recorded("perf", &["--perf"]);
}

/// Scenarios that run over TCP as they run in the simulator, packet by packet.
const GOLDEN: [&str; 25] = [
    "probes/over-tcp",
    "login/plain",
    "login/stages-both",
    "login/continue-request",
    "login/session-reinstatement",
    "login/header-changes",
    "data/bidirectional",
    "data/data-in-limits",
    "data/r2t-fields",
    "data/r2t-outstanding",
    "data/read-residual",
    "data/zero-blocks",
    "ffp/cmdsn-gap",
    "ffp/immediate-keeps-cmdsn",
    "ffp/malformed-ahs",
    "ffp/statsn-from-login",
    "nop/immediate",
    "nop/answer-to-no-ping",
    "text/renegotiate",
    "text/continue-request",
    "tmf/abort-unknown",
    "tmf/unsupported",
    "logout/close-session",
    "scsi/invalid-cdbs",
    "discovery/empty-value",
];

/// The probe lines of one connection after the other, without times.
fn probe_lines<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut lines: Vec<String> = lines
        .filter_map(|line| line.split_once(' ').map(|(_, rest)| rest))
        .filter(|line| line.split(' ').nth(1) == Some("!"))
        .map(str::to_owned)
        .collect();
    // Two connections are not in step: what each shows is in order.
    lines.sort_by_key(|line| line.split(' ').next().unwrap_or_default().to_owned());
    lines
}

#[test]
#[ignore = "needs root"]
fn a_live_trace_of_a_scenario_is_its_golden_one() {
    let folder = folder("golden");
    let (mut probes, mut wrong) = (BTreeSet::new(), Vec::new());
    for name in GOLDEN {
        let serve = Serve::start(lab(), SCENARIO_TARGET, &[]);
        let file = folder.join("live.jsonl");
        let tracer = Tracer::start(&["record", text(&file), "--pid", &serve.pid()]);
        let said = scenario(name, &serve, SCENARIO_TARGET);
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.contains("1 passed, 0 failed, 0 skipped"), "{name}: {said}");
        assert_eq!(tracer.end().0, 0);
        let mut live = read_jsonl_file(&file).expect("a trace");
        // Before the first scenario the runner asks what the target offers, on a connection of its own.
        live.retain(|record| record.conn != 0);
        probes.extend(events(&live).map(|event| event.probe.name()));
        // The two ends are the one thing that must differ: here they are the loopback's.
        for event in events(&live) {
            assert_eq!((event.ci_local.as_str(), event.ci_remote.as_str()), ("127.0.0.1", "127.0.0.1"));
        }
        let mut renderer = Renderer::new(Wire::Digest);
        let live: Vec<String> = live.iter().map(|record| renderer.line(record)).collect();
        let ends = ("ci_local=127.0.0.1 ci_remote=127.0.0.1", "ci_local=192.0.2.1 ci_remote=192.0.2.100");
        let live: Vec<String> = live.iter().map(|line| line.replace(ends.0, ends.1)).collect();
        let golden =
            fs::read_to_string(root().join("snapshots").join(format!("{name}.snap"))).expect("a snapshot");
        assert!(!golden.contains("... "), "{name}: its golden trace is cut");
        let (live, golden) = (probe_lines(live.iter().map(String::as_str)), probe_lines(golden.lines()));
        assert!(!golden.is_empty());
        if live != golden {
            let at = live.iter().zip(&golden).take_while(|(a, b)| a == b).count();
            wrong.push(format!(
                "{name}: event {}:\n  golden {:?}\n  live   {:?}",
                at + 1,
                golden.get(at),
                live.get(at)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(probes.len(), 16, "{probes:?}");
}

#[test]
#[ignore = "needs root and binutils"]
fn a_stripped_program_is_traced() {
    let folder = folder("stripped");
    let program = folder.join("iscsi-lab");
    fs::copy(lab(), &program).expect("a copy");
    run("strip", &["--strip-all", text(&program)]);
    assert!(fs::metadata(&program).expect("a file").len() < fs::metadata(lab()).expect("a file").len());
    let tracer = Tracer::start(&[
        "live",
        "--path",
        text(&program),
        "--probe",
        "scsi-*",
        "--where",
        "ii_flags & 0x40 || probe ~ '*-response'",
    ]);
    let serve = Serve::start(text(&program), TARGET, &[]);
    load(serve.address);
    let (code, out, said) = tracer.end();
    assert_eq!(code, 0, "{said}");
    assert!(
        out.lines().any(|line| line.contains(" !  scsi-command ") && line.contains("ic_cdb=28")),
        "{out}"
    );
    assert!(out.lines().all(|line| line.contains("scsi-response") || line.contains("scsi-command")), "{out}");
    assert!(!out.contains("ic_cdb=2a"), "a write has not the R bit:\n{out}");
}

#[test]
#[ignore = "needs root"]
fn who_may_not_trace_is_told_what_is_missing() {
    // Where everybody may go.
    let program = std::env::temp_dir().join(format!("iscsi-lab-unprivileged-{}", std::process::id()));
    fs::copy(lab(), &program).expect("a copy");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our file");
    let output =
        Command::new(&program).args(["trace", "live"]).uid(65534).gid(65534).output().expect("it runs");
    fs::remove_file(&program).expect("our file");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("not permitted: this process lacks CAP_BPF and CAP_PERFMON; run it as root"),
        "{said}"
    );
}

#[test]
#[ignore = "needs root"]
fn what_is_lost_is_counted_to_the_last_event() {
    let folder = folder("lost");
    let (recorded, live) = (folder.join("recorded.jsonl"), folder.join("live.jsonl"));
    let serve = Serve::start(lab(), TARGET, &["--record", text(&recorded)]);
    let tracer = Tracer::start(&["record", text(&live), "--pid", &serve.pid(), "--buffer", "64K"]);
    let others = [
        Tracer::start(&["live", "--probe", "scsi-*", "--pid", &serve.pid(), "--buffer", "64K"]),
        Tracer::start(&["top", "--interval", "3600", "--pid", &serve.pid(), "--buffer", "64K"]),
    ];
    // Nobody reads while this goes on.
    tracer.signal(Signal::STOP);
    others.iter().for_each(|other| other.signal(Signal::STOP));
    let mut client = Client::login(serve.address, 1);
    for lba in 0..100 {
        assert_eq!(client.read(lba, 1).0, 0);
    }
    tracer.signal(Signal::CONT);
    for other in others {
        other.signal(Signal::CONT);
        let (code, _, said) = other.end();
        assert!(code == 1 && said.contains(" event(s), ") && !said.contains(", 0 lost"), "{code}: {said}");
    }
    // What is read again is seen again.
    let (code, _, said) = tracer.end();
    drop(client);
    serve.stop();
    assert_eq!(code, 1, "an incomplete recording is no success: {said}");
    let live = read_jsonl_file(&live).expect("a trace");
    let lost: u64 =
        live.iter().map(|record| if let RecordKind::Lost(count) = record.what { count } else { 0 }).sum();
    let fired = events(&read_jsonl_file(&recorded).expect("a trace"))
        .filter(|event| !event.probe.name().starts_with("async"))
        .count();
    let seen = events(&live).count();
    println!("{seen} seen, {lost} lost of {fired}");
    assert!(lost > 0 && seen as u64 + lost == fired as u64, "{seen} seen, {lost} lost of {fired}");
}

#[test]
#[ignore = "needs root"]
fn load_passes_the_live_check_and_top_counts_it() {
    let serve = Serve::start(lab(), TARGET, &[]);
    let check = Tracer::start(&["live", "--check", "--pid", &serve.pid()]);
    let top = Tracer::start(&["top", "--json", "--interval", "3600", "--pid", &serve.pid()]);
    let address = serve.address.to_string();
    let bench = run(
        lab(),
        &["bench", &address, TARGET, "--op", "rw", "--verify", "--depth", "8", "--secs", "1", "--json"],
    );
    let bench: serde_json::Value = serde_json::from_slice(&bench.stdout).expect("JSON");
    load(serve.address);
    let (code, out, said) = check.end();
    assert_eq!(code, 0, "{out}{said}");
    let (code, out, _) = top.end();
    assert_eq!(code, 0);
    let row: serde_json::Value = serde_json::from_str(out.lines().next().expect("a row")).expect("JSON");
    let (commands, ops) =
        (bench["commands"].as_u64().expect("a number"), row["ops"].as_u64().expect("a number"));
    println!("{commands} commands of the load, {ops} in the table: {row}");
    assert!((commands..commands + 40).contains(&ops), "{commands} commands, {ops} counted");
    assert_eq!((row["client"].as_str(), row["lun"].as_u64()), (Some("127.0.0.1"), Some(0)));
    assert!(row["bytes"].as_u64() >= Some(commands * 4096) && row["p99_us"].as_f64() > Some(0.0), "{row}");
}

/// Several connections in a session, recovery of a connection and of tasks: what is found wrong is what the scenarios' initiator
/// did wrong on purpose, or a number that a Reject took, never what the target did.
#[test]
#[ignore = "needs root"]
fn several_connections_pass_the_live_check() {
    let config = folder("several").join("lab.toml");
    let text_of = format!(
        "[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"1M\"\n[offer]\nmax_connections = 16\n\
         error_recovery_level = 2\ntime2retain = 60\n[limits]\nsessions_per_initiator = 512\n"
    );
    fs::write(&config, text_of).expect("a file");
    let serve = Serve::with(lab(), &["--config", text(&config)]);
    let check = Tracer::start(&["live", "--check", "--pid", &serve.pid()]);
    scenario("mcs/*", &serve, TARGET);
    let (_, out, said) = check.end();
    let wrong: Vec<_> = out.lines().filter_map(|line| line.strip_prefix("violation: ")).collect();
    println!("{wrong:#?}");
    let of_the_initiator = |line: &&str| line.starts_with("data-receive: ii_itt: ");
    // Damaged data has no event, nor has its Reject: a gap shows if that connection outlives the others long enough to hear of
    // their end (7.1.4.3), which is a matter of how the sockets close.
    let rejected =
        |line: &&str| line.starts_with("async-send: ii_statsn: ") && line.contains("; Rejects take numbers");
    let told = wrong.iter().filter(|line| rejected(line)).count();
    assert!(told <= 1 && wrong.len() < 4 + told, "{wrong:#?} {said}");
    assert!(wrong.iter().all(|line| of_the_initiator(line) || rejected(line)), "{wrong:#?} {said}");
    let judged = said.lines().chain(out.lines()).find(|line| line.contains(" judged, ")).expect("a sum");
    assert!(judged.contains(" 0 lost"), "{judged}");
}
