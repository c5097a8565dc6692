//! `kill -9` in the middle of writes: what was acknowledged as durable is there afterwards, no block is torn, and nothing
//! is older than the last acknowledged flush.
//!
//! A killed process loses what it holds, not what the kernel holds: loss of power is what the simulated disk is for.

mod common;

use common::serve::Serve;
use common::{Client, TARGET, rw10};
use initiator_sim::codec::{Kind, Pdu};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const BLOCKS: u32 = 256;
const BLOCK: usize = 512;
/// Commands under way at once.
const DEPTH: usize = 12;

/// Pseudo-random numbers, the same in every run (Steele, Lea and Flood, 2014).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// What one block was told to hold, oldest first; 0 for zeros, which it began with.
#[derive(Clone)]
struct Block {
    told: Vec<u64>,
    /// Place of the last acknowledged one, and of the last that is durable.
    acknowledged: usize,
    durable: usize,
    /// A command that changes it is under way.
    busy: bool,
}

/// A command under way.
enum Flying {
    Write {
        lba: u32,
        data: Vec<u8>,
        fua: bool,
    },
    Unmap {
        lba: u32,
        blocks: u32,
        list: Vec<u8>,
    },
    /// With the acknowledged places when it was sent.
    Flush(Vec<usize>),
}

struct Disk {
    blocks: Vec<Block>,
    dice: Dice,
    version: u64,
    flying: BTreeMap<u32, Flying>,
    /// Writes and unmappings that were acknowledged.
    done: u64,
}

/// A block that holds nothing but its version.
fn content(lba: u32, version: u64) -> Vec<u8> {
    let word = if version == 0 { 0 } else { version << 16 | u64::from(lba) };
    word.to_be_bytes().repeat(BLOCK / 8)
}

impl Disk {
    fn new(seed: u64) -> Self {
        let fresh = Block { told: vec![0], acknowledged: 0, durable: 0, busy: false };
        let blocks = vec![fresh; BLOCKS as usize];
        Self { blocks, dice: Dice(seed), version: 0, flying: BTreeMap::new(), done: 0 }
    }

    /// After a restart: every block holds something that it may hold, and from now on that.
    fn check(&mut self, client: &mut Client) {
        for first in (0..BLOCKS).step_by(64) {
            let (status, data) = client.read(first, 64);
            assert_eq!(status, 0);
            for (lba, found) in (first..).zip(data.chunks(BLOCK)) {
                let block = &mut self.blocks[lba as usize];
                let possible = &block.told[block.durable..];
                let is = possible.iter().copied().find(|version| content(lba, *version) == found);
                let Some(version) = is else {
                    let words: Vec<_> = found.chunks(8).collect();
                    let torn = words.windows(2).any(|pair| pair[0] != pair[1]);
                    panic!(
                        "block {lba} {}: {:02x?}, none of {possible:?}",
                        if torn { "is torn" } else { "is wrong" },
                        words[0]
                    );
                };
                *block = Block { told: vec![version], acknowledged: 0, durable: 0, busy: false };
            }
        }
    }

    /// Sends one more command.
    fn submit(&mut self, client: &mut Client) {
        let kind = self.dice.below(10);
        if kind == 0 {
            let request = client.request(&[0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0, false);
            let acknowledged = self.blocks.iter().map(|block| block.acknowledged).collect();
            self.flying.insert(request.itt(), Flying::Flush(acknowledged));
            return client.send(&request);
        }
        let blocks = 1 + self.dice.below(8) as u32;
        let lba = self.dice.below(u64::from(BLOCKS - blocks + 1)) as u32;
        let range = lba as usize..(lba + blocks) as usize;
        if self.blocks[range.clone()].iter().any(|block| block.busy) {
            return;
        }
        self.version += 1;
        let version = if kind == 1 { 0 } else { self.version };
        for block in &mut self.blocks[range] {
            block.busy = true;
            block.told.push(version);
        }
        let request = if kind == 1 {
            let list = [
                &[0, 22, 0, 16, 0, 0, 0, 0],
                &u64::from(lba).to_be_bytes()[..],
                &blocks.to_be_bytes(),
                &[0; 4],
            ]
            .concat();
            let request = client.request(&[0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0], 24, true);
            self.flying.insert(request.itt(), Flying::Unmap { lba, blocks, list });
            request
        } else {
            let fua = kind < 5;
            let data: Vec<u8> = (lba..lba + blocks).flat_map(|lba| content(lba, version)).collect();
            let mut cdb = rw10(0x2a, lba, blocks as u8);
            cdb[1] = if fua { 8 } else { 0 };
            let request = client.request(&cdb, data.len() as u32, true);
            self.flying.insert(request.itt(), Flying::Write { lba, data, fua });
            request
        };
        client.send(&request);
    }

    /// Takes what the server says; `alive` if it can still be answered.
    fn hear(&mut self, client: &mut Client, pdu: &Pdu, alive: bool) {
        match pdu.kind() {
            Some(Kind::R2T) if alive => {
                let (at, n) = (pdu.word("BufferOffset") as usize, pdu.word("DesiredLen") as usize);
                let out = match &self.flying[&pdu.itt()] {
                    Flying::Write { data, .. } => data,
                    Flying::Unmap { list, .. } => list,
                    Flying::Flush(_) => panic!("a flush has no data"),
                };
                client.data_out(pdu, &out[at..at + n]);
            }
            Some(Kind::R2T) => {}
            Some(Kind::ScsiResponse) => {
                client.exp_stat_sn = pdu.word("StatSN").wrapping_add(1);
                assert_eq!(pdu.word("Status"), 0, "{pdu}");
                let (lba, blocks, fua) = match self.flying.remove(&pdu.itt()).expect("it was sent") {
                    Flying::Write { lba, data, fua } => (lba, (data.len() / BLOCK) as u32, fua),
                    Flying::Unmap { lba, blocks, .. } => (lba, blocks, false),
                    Flying::Flush(acknowledged) => {
                        for (block, at) in self.blocks.iter_mut().zip(acknowledged) {
                            block.durable = block.durable.max(at);
                        }
                        return;
                    }
                };
                self.done += 1;
                for block in &mut self.blocks[lba as usize..(lba + blocks) as usize] {
                    block.busy = false;
                    block.acknowledged = block.told.len() - 1;
                    if fua {
                        block.durable = block.acknowledged;
                    }
                }
            }
            other => panic!("{other:?}: {pdu}"),
        }
    }
}

/// One life of the server.
fn round(disk: &mut Disk, path: &Path) {
    let lun = format!("file:{}", path.display());
    let serve = Serve::start(&["--listen", "127.0.0.1:0", "--target", TARGET, "--lun", &lun]);
    let mut client = Client::login(serve.address(), 1);
    disk.check(&mut client);
    let until = 20 + disk.dice.below(200);
    for _ in 0..until {
        for _ in 0..DEPTH {
            if disk.flying.len() < DEPTH {
                disk.submit(&mut client);
            }
        }
        let pdu = client.receive().expect("the server is alive");
        disk.hear(&mut client, &pdu, true);
    }
    // The server goes on with what it has until the signal reaches it: anywhere.
    serve.signal(Signal::KILL);
    while let Some(pdu) = client.receive() {
        disk.hear(&mut client, &pdu, false);
    }
    assert_eq!(serve.end(Signal::KILL).0, None, "it was killed");
    disk.flying.clear();
}

fn kills(times: u32, name: &str) {
    let path: PathBuf = std::env::temp_dir().join(format!("iscsi-lab-kills-{}-{name}", std::process::id()));
    std::fs::File::create(&path)
        .and_then(|file| file.set_len(u64::from(BLOCKS) * BLOCK as u64))
        .expect("a file");
    let mut disk = Disk::new(7);
    for _ in 0..times {
        round(&mut disk, &path);
    }
    assert!(disk.done > u64::from(times) * 5, "{} writes in {times} lives", disk.done);
    std::fs::remove_file(&path).expect("removable");
}

#[test]
fn nothing_durable_is_lost_in_8_kills() {
    kills(8, "few");
}

#[test]
#[ignore = "starts the server 200 times: run by CI"]
fn nothing_durable_is_lost_in_200_kills() {
    kills(200, "many");
}

#[test]
fn a_lost_and_a_torn_block_would_be_found() {
    let path = std::env::temp_dir().join(format!("iscsi-lab-kills-{}-broken", std::process::id()));
    let lun = format!("file:{}", path.display());
    let torn = [content(3, 4), content(3, 5)].concat()[256..768].to_vec();
    for found in [content(3, 4), torn, content(4, 5), vec![0; BLOCK]] {
        let mut file = vec![0; BLOCKS as usize * BLOCK];
        file[3 * BLOCK..4 * BLOCK].copy_from_slice(&found);
        std::fs::write(&path, file).expect("a file");
        let serve = Serve::start(&["--listen", "127.0.0.1:0", "--target", TARGET, "--lun", &lun]);
        let address = serve.address();
        let seen = std::thread::spawn(move || {
            let mut disk = Disk::new(1);
            disk.blocks[3] = Block { told: vec![0, 4, 5, 6], acknowledged: 2, durable: 2, busy: false };
            disk.check(&mut Client::login(address, 1));
        });
        let panic = seen.join().expect_err("found");
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(text.contains("block 3 is "), "{text}");
        drop(serve);
    }
    std::fs::remove_file(&path).expect("removable");
}
