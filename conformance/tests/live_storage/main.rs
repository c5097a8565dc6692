//! Storage that fails, seen by an initiator of a running `serve`: what must outlive it, what is full, gone, damaged or slow; and
//! whether other programs can read what the units say of themselves.
//! Nothing here is timed: what must not wait is seen by the order of answers.

#[path = "../common/mod.rs"]
mod common;
mod decoders;
mod reload;

use common::serve::{Serve, lab};
use common::{Client, TARGET, rw10};
use initiator_sim::codec::{Kind, Pdu};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const CHECK_CONDITION: u32 = 0x02;
const RESERVATION_CONFLICT: u32 = 0x18;

/// A folder of its own for each test, with a sparse disk of 4 MiB.
struct Disk(PathBuf);

impl Disk {
    fn new(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("storage-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let disk = Self(folder);
        std::fs::File::create(disk.path()).and_then(|file| file.set_len(4 << 20)).expect("a disk");
        disk
    }

    fn path(&self) -> PathBuf {
        self.0.join("disk.img")
    }

    fn journal(&self) -> PathBuf {
        self.0.join("disk.img.journal")
    }

    fn serve(&self) -> Serve {
        let lun = format!("file:{}", self.path().display());
        Serve::start(&["--listen", "127.0.0.1:0", "--target", TARGET, "--lun", &lun])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// PERSISTENT RESERVE OUT with a list of 24 bytes.
fn reserve_out(client: &mut Client, action: u8, kind: u8, key: u64, service_key: u64, aptpl: bool) -> u32 {
    let mut list = [0; 24];
    list[..8].copy_from_slice(&key.to_be_bytes());
    list[8..16].copy_from_slice(&service_key.to_be_bytes());
    list[20] = u8::from(aptpl);
    client.command(&[0x5f, action, kind, 0, 0, 0, 0, 0, 24, 0], 24, Some(&list)).0
}

/// Sense key, ASC and ASCQ of a command that fails.
fn sense_of(client: &mut Client, cdb: &[u8], len: u32, out: Option<&[u8]>) -> (u8, u8, u8) {
    let request = client.request(cdb, len, out.is_some());
    client.send(&request);
    loop {
        let pdu = client.receive().expect("an answer");
        match pdu.kind() {
            Some(Kind::R2T) => {
                let (at, n) = (pdu.word("BufferOffset") as usize, pdu.word("DesiredLen") as usize);
                let out = out.expect("something to write");
                client.data_out(&pdu, &out[at..at + n]);
            }
            Some(Kind::ScsiResponse) => {
                client.exp_stat_sn = pdu.word("StatSN").wrapping_add(1);
                assert_eq!(pdu.word("Status"), CHECK_CONDITION, "{pdu}");
                let sense = &pdu.data[2..];
                return (sense[2] & 0x0f, sense[12], sense[13]);
            }
            other => panic!("{other:?} instead of a response: {pdu}"),
        }
    }
}

#[test]
#[ignore = "kills a server: run by CI"]
fn a_reservation_with_aptpl_outlives_kill_9() {
    let disk = Disk::new("aptpl");
    let serve = disk.serve();
    let mut holder = Client::login(serve.address(), 1);
    assert_eq!(reserve_out(&mut holder, 0, 0, 0, 0xabc, true), 0);
    assert_eq!(reserve_out(&mut holder, 1, 1, 0xabc, 0, false), 0);
    serve.end(Signal::KILL);
    let serve = disk.serve();
    let mut other = Client::login(serve.address(), 2);
    assert_eq!(other.write(0, &[1; 512]), RESERVATION_CONFLICT);
    let mut holder = Client::login(serve.address(), 1);
    assert_eq!(holder.write(0, &[2; 512]), 0);
    // PTPL_C and PTPL_A; the key; the generation begins anew.
    assert_eq!(holder.command(&[0x5e, 2, 0, 0, 0, 0, 0, 0, 4, 0], 4, None).1, [0, 8, 0x1d, 0x81]);
    let keys = holder.command(&[0x5e, 0, 0, 0, 0, 0, 0, 0, 16, 0], 16, None).1;
    assert_eq!(keys, [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x0a, 0xbc]);
    assert_eq!(reserve_out(&mut holder, 3, 0, 0xabc, 0, false), 0);
    assert!(!disk.journal().exists(), "nothing is left to be kept");
    serve.end(Signal::KILL);
    let serve = disk.serve();
    assert_eq!(Client::login(serve.address(), 2).write(0, &[3; 512]), 0);
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
}

#[test]
#[ignore = "starts servers that refuse to start: run by CI"]
fn a_damaged_journal_keeps_serve_from_starting() {
    let disk = Disk::new("damaged");
    let serve = disk.serve();
    let mut client = Client::login(serve.address(), 1);
    assert_eq!(reserve_out(&mut client, 0, 0, 0, 0xabc, true), 0);
    serve.end(Signal::KILL);
    let good = std::fs::read(disk.journal()).expect("the journal");
    for damage in 0..3 {
        let mut bytes = good.clone();
        match damage {
            0 => bytes[good.len() / 2] ^= 1,
            1 => bytes.truncate(good.len() - 1),
            _ => bytes.clear(),
        }
        std::fs::write(disk.journal(), &bytes).expect("writable");
        let lun = format!("file:{}", disk.path().display());
        let mut command = lab();
        command.args(["serve", "--listen", "127.0.0.1:0", "--target", TARGET, "--lun", &lun]);
        let ran = command.stdout(Stdio::null()).output().expect("it runs");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.contains("disk.img.journal") && said.contains("damaged"), "{said}");
        assert_eq!(std::fs::read(disk.journal()).expect("the journal"), bytes, "and it is left alone");
    }
}

#[test]
#[ignore = "limits the size of a server's files: run by CI"]
fn a_full_disk_is_told_and_the_server_goes_on() {
    let disk = Disk::new("full");
    let serve = disk.serve();
    let mut client = Client::login(serve.address(), 1);
    let limit = Rlimit { current: Some(1 << 20), maximum: None };
    prlimit(Pid::from_raw(serve.id().cast_signed()), Resource::Fsize, limit).expect("a limit");
    assert_eq!(client.write(0, &[1; 512]), 0);
    // SPACE ALLOCATION FAILED WRITE PROTECT, for a plain write and for one that must be on the disk.
    let block = [2; 512];
    assert_eq!(sense_of(&mut client, &rw10(0x2a, 4096, 1), 512, Some(&block)), (7, 0x27, 7));
    let mut fua = rw10(0x2a, 4096, 1);
    fua[1] = 0x08;
    assert_eq!(sense_of(&mut client, &fua, 512, Some(&block)), (7, 0x27, 7));
    // What was there is there, and what fits is taken.
    assert_eq!(client.read(0, 1), (0, vec![1; 512]));
    assert_eq!(client.write(1, &[3; 512]), 0);
    let limit = Rlimit { current: None, maximum: None };
    prlimit(Pid::from_raw(serve.id().cast_signed()), Resource::Fsize, limit).expect("no limit");
    assert_eq!(client.write(4096, &block), 0);
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
}

#[test]
#[ignore = "cuts a server's file short: run by CI"]
fn a_file_that_shrinks_is_a_medium_error_where_it_ends() {
    let disk = Disk::new("shrinks");
    let serve = disk.serve();
    let mut client = Client::login(serve.address(), 1);
    assert_eq!(client.write(0, &[1; 1024]), 0);
    std::fs::File::options()
        .write(true)
        .open(disk.path())
        .and_then(|file| file.set_len(512))
        .expect("shorter");
    assert_eq!(sense_of(&mut client, &rw10(0x28, 0, 2), 1024, None), (3, 0x11, 0));
    assert_eq!(client.read(0, 1), (0, vec![1; 512]));
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
}

#[test]
#[ignore = "waits for a slow disk: run by CI"]
fn a_slow_disk_keeps_nobody_waiting_but_those_who_use_it() {
    let disk = Disk::new("slow");
    let config = format!(
        "[[target]]\nname = {TARGET:?}\n[[target.lun]]\nfile = {:?}\ndelay_ms = 3000\n[[target.lun]]\nmemory = \"1M\"\n",
        disk.path()
    );
    let path = disk.0.join("slow.toml");
    std::fs::write(&path, config).expect("a configuration");
    let serve = Serve::start(&["--listen", "127.0.0.1:0", "--config", path.to_str().expect("a plain path")]);
    let mut client = Client::login(serve.address(), 1);
    let reads: Vec<Pdu> = (0..8).map(|lba| client.request(&rw10(0x28, lba, 1), 512, false)).collect();
    for read in &reads {
        client.send(read);
    }
    // Another unit of the same session; it has a unit attention to tell of first.
    let mut other = client.request(&[0; 6], 0, false);
    other.set_bytes("LUN", &[0, 1, 0, 0, 0, 0, 0, 0]).expect("eight bytes");
    client.send(&other);
    // And a reset of the slow one, which waits for none of its operations.
    let mut reset = Pdu::new(Kind::TaskRequest)
        .with("I", 1)
        .with("F", 1)
        .with("Function", 5)
        .with("ITT", 0x7000)
        .with("RefTaskTag", u64::from(u32::MAX))
        .with("CmdSN", client.cmd_sn.into())
        .with("ExpStatSN", client.exp_stat_sn.into());
    reset.set_bytes("LUN", &[0; 8]).expect("eight bytes");
    client.send(&reset);
    let mut kinds = Vec::new();
    while kinds.last() != Some(&Some(Kind::TaskResponse)) {
        let pdu = client.receive().expect("an answer");
        kinds.push(pdu.kind());
        if pdu.kind() == Some(Kind::TaskResponse) {
            assert_eq!(pdu.word("Response"), 0, "{pdu}");
        }
    }
    assert!(!kinds.contains(&Some(Kind::DataIn)), "no read of the slow disk was answered before: {kinds:?}");
    assert!(kinds.contains(&Some(Kind::ScsiResponse)), "the other unit answered: {kinds:?}");
    drop(client);
    assert_eq!(serve.end(Signal::TERM).0, Some(0));
}
