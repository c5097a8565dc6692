//! Two clients at work, known to the byte, with a script watching.

use crate::harness::{Scratch, Serve, TARGET, noise};
use crate::relay::Relay;
use crate::tool::run;
use crate::tracer::Tracer;
use crate::truth::{Seen, Truth};
use initiator_sim::codec::Kind;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const OTHER: &str = "iqn.2026-01.org.example:other";
const CONFIG: &str = r#"
[[target]]
name = "iqn.2026-01.org.example:live"
[[target.lun]]
memory = "16M"
[[target.lun]]
memory = "8M"
[[target.lun]]
memory = "1M"
read_only = true
[[target]]
name = "iqn.2026-01.org.example:other"
[[target.lun]]
memory = "8M"
block_size = 4096
"#;
const WRITTEN: usize = 4 << 20;

/// A script's output and what it should say.
pub struct Load {
    pub truth: Arc<Truth>,
    pub text: String,
}

impl Load {
    /// Runs a script over the load, until `enough` says that everything is printed.
    pub fn run(script: &str, enough: impl Fn(&str, &Truth) -> bool) -> Self {
        let serve = Serve::config(&format!("script-{script}"), CONFIG, &[]);
        let truth = Truth::new();
        let clients = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3)]
            .map(|client| Relay::start(client, serve.address(), truth.clone()));
        let tracer = Tracer::start(script, serve.id());
        work(script, &clients);
        for relay in &clients {
            relay.wait_closed();
        }
        truth.check();
        let until = Instant::now() + crate::harness::PATIENCE;
        while !enough(&tracer.text(), &truth) {
            assert!(Instant::now() < until, "{script} does not show all: {}", tracer.text());
            thread::sleep(Duration::from_millis(50));
        }
        let text = tracer.finish();
        serve.stop();
        Self { truth, text }
    }

    /// Every PDU that has a probe.
    pub fn seen(&self) -> impl Iterator<Item = Seen> {
        self.truth.pdus().into_iter()
    }

    /// What the scripts call an operation code.
    pub fn name_of(&self, opcode: u8) -> String {
        self.truth.definitions().scsi_opcodes.get(&opcode).expect("a code with a name").clone()
    }
}

impl Truth {
    /// The relays saw what qemu was told to do.
    fn check(&self) {
        let pdus = self.pdus();
        let bytes = |client: &str, kind: Kind| -> usize {
            let mine = pdus.iter().filter(|pdu| pdu.client == client && pdu.target != OTHER && pdu.lun == 0);
            mine.filter(|pdu| pdu.kind == kind).map(|pdu| pdu.len as usize).sum()
        };
        let written = bytes("127.0.0.2", Kind::DataOut) + bytes("127.0.0.2", Kind::ScsiCommand);
        assert_eq!(written, WRITTEN, "what qemu-img wrote");
        assert!(bytes("127.0.0.2", Kind::DataIn) >= WRITTEN, "what qemu-img read");
    }
}

/// What the two do. Each at the same time as the other.
fn work(script: &str, clients: &[Relay; 2]) {
    let portal = |n: usize| format!("iscsi://{}", clients[n].address());
    let url = |n: usize, target: &str, lun: u16| format!("{}/{target}/{lun}", portal(n));
    thread::scope(|scope| {
        scope.spawn(|| {
            let source = Scratch::with(&format!("{script}-source"), &noise(1, WRITTEN));
            let back = Scratch::new(&format!("{script}-back"));
            let url = url(0, TARGET, 0);
            run("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", source.path(), &url]).ok();
            run("qemu-img", &["convert", "-f", "raw", "-O", "raw", &url, back.path()]).ok();
            assert!(back.bytes()[..WRITTEN] == source.bytes(), "what was read is not what was written");
        });
        scope.spawn(|| {
            run("iscsi-ls", &[&portal(1)]).ok();
            run("iscsi-inq", &[&url(1, TARGET, 1)]).ok();
            run("iscsi-readcapacity16", &[&url(1, OTHER, 0)]).ok();
            for url in [url(1, TARGET, 1), url(1, OTHER, 0)] {
                let io = ["-f", "raw", "-c", "write -P 7 0 1M", "-c", "read -P 7 0 1M", "-c", "flush", &url];
                run("qemu-io", &io).ok();
            }
            // What goes wrong: no such target, no such page, and a task that is aborted.
            run("iscsi-inq", &[&url(1, "iqn.2026-01.org.example:missing", 0)]).refused();
            run("iscsi-inq", &["-e", "1", "-c", "77", &url(1, TARGET, 1)]).refused();
            run("iscsi-test-cu", &["-d", "-t", "iSCSI.iSCSITMF.AbortTaskSimpleAsync", &url(1, TARGET, 1)]);
        });
    });
}
