//! What a tracer reads from the running server is, field by field, what the core fired.
//!
//! Needs root, bpftrace, libiscsi-bin and qemu-utils. Run it on the release build: only there does the optimiser show whether
//! the arguments really are in memory when a probe fires.
//! `ISCSI_LAB=$PWD/target/release/iscsi-lab cargo test -p conformance --test live_bpftrace -- --ignored`

#[path = "common/serve.rs"]
mod serve;

use serve::{Serve, program};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const TARGET: &str = "iqn.2026-01.org.example:live";
/// Between two looks at whether something outside has happened.
const PAUSE: Duration = Duration::from_millis(200);
const WARM_UP: &str = "iqn.2026-01.org.example:warm-up";

const PROBES: [&str; 16] = [
    "async-send",
    "login-command",
    "login-response",
    "logout-command",
    "logout-response",
    "data-receive",
    "data-request",
    "data-send",
    "nop-receive",
    "nop-send",
    "scsi-command",
    "scsi-response",
    "task-command",
    "task-response",
    "text-command",
    "text-response",
];

/// The published structs, read as a tracer reads them. One event is several lines, because the stack of a BPF program
/// holds two long strings at most; each line begins with its time.
fn script() -> String {
    const CONN: &str = "((struct conn *)arg0)";
    const INFO: &str = "((struct info *)arg1)";
    const CMD: &str = "((struct cmd *)arg2)";
    let mut text = String::from(
        "struct conn { char *local; char *remote; char *protocol; }
struct info { char *target; char *initiator; unsigned long long lun; unsigned int itt; unsigned int ttt;
    unsigned int cmdsn; unsigned int statsn; unsigned int datasn; unsigned int datalen; unsigned int flags; }
struct cmd { unsigned long long len; unsigned long long *cdb; }
",
    );
    for probe in PROBES {
        let numbers = ["lun", "itt", "ttt", "cmdsn", "statsn", "datasn", "datalen", "flags"]
            .map(|member| format!(", {INFO}->{member}"))
            .concat();
        let strings = |members: [&str; 2]| {
            members.map(|member| {
                format!(
                    "printf(\"%llu\\t{member}\\t%s%s\\n\", nsecs, str({INFO}->{member}), \
                     str({INFO}->{member} + 119));\n"
                )
            })
        };
        let lab = program();
        text += &format!(
            "usdt:{lab}:iscsi:{probe} {{
    printf(\"%llu\\tprobe\\t{probe}\\t%llu\\t%u\\t%u\\t%u\\t%u\\t%u\\t%u\\t%u\\n\", nsecs{numbers});
    printf(\"%llu\\tconn\\t%s\\t%s\\t%s\\n\", nsecs, str({CONN}->local, 48), str({CONN}->remote, 48),
        str({CONN}->protocol, 8));
    {}",
            strings(["target", "initiator"]).concat()
        );
        if probe == "scsi-command" {
            text += &format!(
                "    printf(\"%llu\\tcmd\\t%llu\\t%llu\\t%llu\\n\", nsecs, {CMD}->len, *{CMD}->cdb, *({CMD}->cdb + 1));\n"
            );
        }
        text += "}\n";
    }
    text
}

/// An event as the same words from either side.
type Event = BTreeMap<&'static str, String>;

fn recorded(path: &Path) -> Vec<Event> {
    const FIELDS: [&str; 16] = [
        "probe",
        "ci_local",
        "ci_remote",
        "ci_protocol",
        "ii_target",
        "ii_initiator",
        "ii_lun",
        "ii_itt",
        "ii_ttt",
        "ii_cmdsn",
        "ii_statsn",
        "ii_datasn",
        "ii_datalen",
        "ii_flags",
        "ic_len",
        "ic_cdb",
    ];
    let text = fs::read_to_string(path).expect("the recording");
    let event = |line: &str| -> Event {
        let json: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let fields = FIELDS.iter().filter_map(|field| {
            let value = json.get(field)?;
            Some((*field, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        });
        fields.collect()
    };
    text.lines().map(event).collect()
}

/// The core fires under a lock, so sorted by time the lines of one event stand together, whatever processor it was on.
fn traced(text: &str) -> Vec<Event> {
    let words = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let mut lines: Vec<(u64, Vec<&str>)> =
        words.filter_map(|words| Some((words.first()?.parse().ok()?, words))).collect();
    lines.sort_by_key(|(time, _)| *time);
    let mut events: Vec<Event> = Vec::new();
    for (time, words) in &lines {
        if words[1] == "probe" {
            events.push(Event::new());
        }
        let event = events.last_mut().expect("an event begins with its probe");
        let names: &[&str] = match words[1] {
            "probe" => &[
                "probe",
                "ii_lun",
                "ii_itt",
                "ii_ttt",
                "ii_cmdsn",
                "ii_statsn",
                "ii_datasn",
                "ii_datalen",
                "ii_flags",
            ],
            "conn" => &["ci_local", "ci_remote", "ci_protocol"],
            "target" => &["ii_target"],
            "initiator" => &["ii_initiator"],
            "cmd" => {
                let word = |n: usize| words[n].parse::<u64>().expect("a number").to_ne_bytes();
                let cdb = word(3).into_iter().chain(word(4)).map(|byte| format!("{byte:02x}")).collect();
                event.insert("ic_len", words[2].to_owned());
                event.insert("ic_cdb", cdb);
                continue;
            }
            other => panic!("an unknown line {other}"),
        };
        for (name, word) in names.iter().zip(&words[2..]) {
            assert!(event.insert(name, (*word).to_owned()).is_none(), "two events in one at {time}");
        }
    }
    events
}

/// A program that is ended with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().expect("starts"))
    }

    /// Ends it as the user would and waits. Again and again: bpftrace 0.17 overlooks a signal that comes while it is busy
    /// with events.
    fn end(&mut self, signal: rustix::process::Signal) {
        while self.0.try_wait().expect("a child").is_none() {
            let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&self.0), signal);
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().expect("is installed");
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils"]
fn live_events_are_the_recorded_ones_in_all_fields() {
    let folder = std::env::temp_dir().join(format!("iscsi-lab-live-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str| -> PathBuf { folder.join(name) };
    fs::write(file("probes.bt"), script()).expect("writable");

    let record = file("events.jsonl");
    let record = record.to_str().expect("a plain path");
    let args = ["--listen", "127.0.0.1:0", "--target", TARGET, "--lun", "mem:32M", "--record", record];
    let serve = Serve::start(&args);
    let address = serve.address();

    let out = fs::File::create(file("out")).expect("writable");
    let err = fs::File::create(file("err")).expect("writable");
    let mut bpftrace = Command::new("bpftrace");
    bpftrace.env("BPFTRACE_STRLEN", "120").env("BPFTRACE_PERF_RB_PAGES", "4096").arg(file("probes.bt"));
    let mut bpftrace = Running::start(bpftrace.stdout(out).stderr(err));

    // Attached is what shows events; the probes are attached one after another.
    let portal = format!("iscsi://{address}");
    let begun = Instant::now();
    loop {
        run("iscsi-ls", &["-i", WARM_UP, &portal]);
        let text = fs::read_to_string(file("out")).expect("the trace");
        if text.contains("\ttext-response\t") && text.contains("\tlogin-command\t") {
            break;
        }
        std::thread::sleep(PAUSE);
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{}",
            fs::read_to_string(file("err")).expect("text")
        );
    }

    let url = format!("{portal}/{TARGET}/0");
    let long = format!("iqn.2026-01.org.example:{}", "long-name.".repeat(20));
    let long = &long[..223];
    run("iscsi-ls", &["-s", &portal]);
    run("iscsi-inq", &["-i", long, &url]);
    run("iscsi-readcapacity16", &[&url]);
    let image = file("image");
    let data: Vec<u8> = (0..4 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&image, &data).expect("writable");
    let (image, back) = (image.to_str().expect("plain"), file("back"));
    run("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", image, &url]);
    run("qemu-img", &["convert", "-f", "raw", "-O", "raw", &url, back.to_str().expect("plain")]);
    assert_eq!(fs::read(&back).expect("the copy")[..data.len()], data);

    assert_eq!(serve.end(rustix::process::Signal::TERM).0, Some(0));
    bpftrace.end(rustix::process::Signal::INT);
    let trace = fs::read_to_string(file("out")).expect("the trace");
    let complaints = fs::read_to_string(file("err")).expect("text");
    assert!(!format!("{trace}{complaints}").contains("Lost"), "events were lost");
    let mine = |events: Vec<Event>| -> Vec<Event> {
        events.into_iter().filter(|event| event["ii_initiator"] != WARM_UP).collect()
    };
    let (live, core) = (mine(traced(&trace)), mine(recorded(&file("events.jsonl"))));
    for (n, (live, core)) in live.iter().zip(&core).enumerate() {
        assert_eq!(live, core, "event {n}");
    }
    assert_eq!(live.len(), core.len());
    assert!(core.iter().any(|event| event["ii_initiator"] == long), "a name of 223 bytes");
    for probe in
        ["scsi-command", "data-send", "data-receive", "data-request", "logout-response", "text-response"]
    {
        assert!(core.iter().any(|event| event["probe"] == probe), "{probe} did not fire");
    }
    fs::remove_dir_all(&folder).expect("removable");
}
