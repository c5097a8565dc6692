//! Somebody else's target (tgt), to see that the suite runs against it too.

use crate::harness::PATIENCE;
use crate::tool::{Ran, run};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running tgtd with one target; ended when dropped.
pub struct Tgt {
    child: Child,
    control: String,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Its target.
pub const TARGET: &str = "iqn.2026-01.org.example:tgt";

impl Tgt {
    /// Starts it with a unit in the file, which becomes LUN 1: tgt has a controller at LUN 0.
    #[track_caller]
    pub fn start(file: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        // Its control socket is named by a number: our own, so that another tgtd is not disturbed.
        let control = std::process::id().to_string();
        let child = Command::new("tgtd")
            .args(["-f", "-C", &control, "--iscsi", &format!("portal={address}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("tgtd (package tgt)");
        let tgt = Self { child, control, address };
        let until = Instant::now() + PATIENCE;
        while tgt.admin(&["--op", "show", "--mode", "target"]).code() != Some(0) {
            assert!(Instant::now() < until, "tgtd does not answer");
            thread::sleep(Duration::from_millis(50));
        }
        tgt.admin(&["--op", "new", "--mode", "target", "--tid", "1", "-T", TARGET]).ok();
        tgt.admin(&["--op", "new", "--mode", "logicalunit", "--tid", "1", "--lun", "1", "-b", file]).ok();
        tgt.admin(&["--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"]).ok();
        TcpStream::connect(address).expect("tgtd listens");
        tgt
    }

    fn admin(&self, args: &[&str]) -> Ran {
        run("tgtadm", &[&["-C", &self.control, "--lld", "iscsi"], args].concat())
    }
}

impl Drop for Tgt {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for ending in ["", ".lock"] {
            let _ = std::fs::remove_file(format!("/var/run/tgtd/socket.{}{ending}", self.control));
        }
    }
}
