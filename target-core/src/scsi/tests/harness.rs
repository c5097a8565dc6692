//! A target with a fake disk, and outcomes as one line of text.

use crate::config::{Limits, LunConfig, Provisioning, TargetConfig, UnitPolicy};
use crate::io::{DeviceId, IoError, IoOp, Provisioned, Runs, SgList};
use crate::scsi::{Command, DeviceServer, NexusId, Outcome, Request, Step, status};
use crate::wire::Lun;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

pub(super) const A: NexusId = NexusId(1);
pub(super) const B: NexusId = NexusId(2);

/// 1000 blocks of 512 bytes, with a write cache.
pub(super) const SMALL: u16 = 0;
/// 64 blocks of 4096 bytes, without a write cache.
pub(super) const LARGE_BLOCKS: u16 = 1;
/// Like [`SMALL`], read-only.
pub(super) const READ_ONLY: u16 = 5;
/// 2^33 blocks of 512 bytes.
pub(super) const HUGE: u16 = 300;
/// Not there.
pub(super) const MISSING: u16 = 7;

/// Longest transfer: 64 blocks of 512 bytes.
pub(super) const TRANSFER_BYTES: u32 = 32768;

/// More operations than it takes to sanitize any unit that a test sanitizes.
const UPKEEP_STEPS_MAX: usize = 64;

/// More steps than any command takes.
const STEPS_MAX: usize = 6;

pub(super) fn lun_config(lun: u16, block_size: u32, blocks: u64) -> LunConfig {
    LunConfig {
        lun,
        device: DeviceId(u32::from(lun)),
        block_size,
        blocks,
        read_only: lun == READ_ONLY,
        vendor: "LAB".into(),
        product: "Disk".into(),
        revision: "1".into(),
        serial: format!("S{lun}"),
        write_cache: lun == SMALL,
        policy: UnitPolicy::default(),
        provisioning: match lun {
            SMALL => Provisioning::ThinAnchored,
            LARGE_BLOCKS => Provisioning::Thin,
            _ => Provisioning::Full,
        },
        kept: None,
    }
}

pub(super) fn target() -> TargetConfig {
    TargetConfig {
        name: "iqn.2026-01.x:t".into(),
        luns: vec![
            lun_config(HUGE, 512, 1 << 33),
            lun_config(SMALL, 512, 1000),
            lun_config(LARGE_BLOCKS, 4096, 64),
            lun_config(READ_ONLY, 512, 1000),
        ],
        ..TargetConfig::default()
    }
}

pub(super) struct Lab {
    pub(super) server: DeviceServer,
    /// Blocks that were written; all others hold their own number in every byte.
    pub(super) blocks: BTreeMap<(DeviceId, u64), Bytes>,
    /// All operations so far.
    pub(super) ops: Vec<IoOp>,
    /// How operations fail: the first that matches is used up.
    pub(super) fail: Vec<IoError>,
    /// Answer reads with a byte too few.
    pub(super) short_reads: bool,
    /// Data-Out that the initiator says it has.
    pub(super) data_out: u32,
}

impl Lab {
    /// With nexus A and B, whose unit attentions have been reported.
    pub(super) fn new() -> Self {
        let mut lab = Self::fresh();
        for nexus in [A, B] {
            for lun in [SMALL, LARGE_BLOCKS, READ_ONLY, HUGE] {
                assert_eq!(lab.run_as(nexus, lun, "00 00 00 00 00 00", ""), "6/29/00");
            }
        }
        lab
    }

    /// With nexus A and B, just logged in.
    pub(super) fn fresh() -> Self {
        let limits = Limits { transfer_bytes: TRANSFER_BYTES, ..Limits::default() };
        let mut server = DeviceServer::new(&target(), &limits);
        server.nexus_up(A, "iqn.2026-01.x:a,i,0x00023d000001", "iqn.2026-01.x:t,t,0x0001", 1);
        server.nexus_up(B, "iqn.2026-01.x:b,i,0x00023d000001", "iqn.2026-01.x:t,t,0x0002", 2);
        server.set_groups([1, 2]);
        Self {
            server,
            blocks: BTreeMap::new(),
            ops: Vec::new(),
            fail: Vec::new(),
            short_reads: false,
            data_out: 0,
        }
    }

    pub(super) fn run(&mut self, lun: u16, cdb: &str, data_out: &str) -> String {
        self.run_as(A, lun, cdb, data_out)
    }

    pub(super) fn run_as(&mut self, nexus: NexusId, lun: u16, cdb: &str, data_out: &str) -> String {
        let outcome = self.command(nexus, Lun::from_number(lun), &hex(cdb), &hex(data_out));
        show(&outcome)
    }

    /// Runs every line of a table: CDB, Data-Out, expected outcome.
    pub(super) fn table(&mut self, lun: u16, lines: &[(&str, &str, &str)]) {
        for (cdb, data_out, expected) in lines {
            self.expect(A, lun, cdb, data_out, expected);
        }
    }

    /// Runs one command; `expected` may write its data in any way that [`hex`] takes.
    pub(super) fn expect(&mut self, nexus: NexusId, lun: u16, cdb: &str, data_out: &str, expected: &str) {
        let expected = match expected.strip_prefix("GOOD ") {
            Some(data) => format!("GOOD {}", dump(&hex(data))),
            None => expected.into(),
        };
        assert_eq!(self.run_as(nexus, lun, cdb, data_out), expected, "LUN {lun}, CDB {cdb}");
    }

    pub(super) fn command(&mut self, nexus: NexusId, lun: Lun, cdb: &[u8], data_out: &[u8]) -> Outcome {
        let (mut command, mut step) = Command::start(
            &mut self.server,
            &Request { edtl: self.data_out, write: self.data_out > 0, ..request(nexus, lun, cdb) },
        );
        for _ in 0..STEPS_MAX {
            step = match step {
                Step::Done(outcome) => return outcome,
                Step::DataOut { len } => {
                    assert_ne!(len, 0);
                    let have = data_out.len().min(len as usize);
                    command.data_out(&mut self.server, cut(&data_out[..have]))
                }
                Step::Wait => {
                    if !self.upkeep() {
                        // What becomes of it no test asks.
                        return Outcome::good(SgList::new());
                    }
                    command.woken(&mut self.server)
                }
                Step::Io { device, op } => {
                    let result = self.perform(device, &op);
                    self.ops.push(op);
                    command.io_done(&mut self.server, result)
                }
            };
        }
        panic!("more than {STEPS_MAX} steps: {step:?}");
    }

    /// Carries on with what FORMAT UNIT and SANITIZE have begun, until it is over; false if the unit is too large for that.
    pub(super) fn upkeep(&mut self) -> bool {
        (0..UPKEEP_STEPS_MAX).any(|_| !self.upkeep_step())
    }

    /// One operation of it; false if there was none.
    pub(super) fn upkeep_step(&mut self) -> bool {
        let Some((unit, device, op)) = self.server.upkeep_op() else { return false };
        let result = self.perform(device, &op);
        self.ops.push(op.clone());
        self.server.upkeep_done(unit, &op, result);
        true
    }

    fn perform(&mut self, device: DeviceId, op: &IoOp) -> Result<SgList, IoError> {
        let matches = |error: &IoError| match error {
            IoError::Read { .. } => matches!(op, IoOp::Read { .. } | IoOp::Verify { .. }),
            IoError::Write { .. } => matches!(op, IoOp::Write { .. }),
            _ => true,
        };
        if let Some(at) = self.fail.iter().position(matches) {
            return Err(self.fail.remove(at));
        }
        let block_size = if device.0 == u32::from(LARGE_BLOCKS) { 4096 } else { 512 };
        let mut out = SgList::new();
        match op {
            IoOp::Read { lba, blocks } => {
                assert_ne!(*blocks, 0);
                for lba in *lba..*lba + u64::from(*blocks) {
                    let fresh = || Bytes::from(vec![lba as u8; block_size]);
                    out.push(self.blocks.get(&(device, lba)).cloned().unwrap_or_else(fresh));
                }
                if self.short_reads {
                    out = out.slice(0, out.len() - 1);
                }
            }
            IoOp::Write { lba, data, .. } => {
                assert_eq!(data.len() % block_size, 0);
                for (at, block) in data.to_bytes().chunks(block_size).enumerate() {
                    self.blocks.insert((device, lba + at as u64), Bytes::copy_from_slice(block));
                }
            }
            IoOp::Unmap { lba, blocks, .. } => {
                for lba in *lba..*lba + u64::from(*blocks) {
                    self.blocks.insert((device, lba), Bytes::from(vec![0; block_size]));
                }
            }
            // Two mapped blocks to each unmapped one, for ever.
            IoOp::Status { lba, runs } => {
                let mut list = Runs::new(*lba, *runs);
                while list.add(2, Provisioned::Mapped) && list.add(1, Provisioned::Deallocated) {}
                return Ok(list.finish());
            }
            IoOp::Verify { .. } | IoOp::Flush | IoOp::Keep { .. } => {}
        }
        Ok(out)
    }

    /// Operations since the last call, as text.
    pub(super) fn io(&mut self) -> String {
        let show = |op: IoOp| match op {
            IoOp::Read { lba, blocks } => format!("read {lba}+{blocks}"),
            IoOp::Write { lba, data, fua } => {
                format!("write {lba} {} bytes{}", data.len(), if fua { " fua" } else { "" })
            }
            IoOp::Verify { lba, blocks } => format!("verify {lba}+{blocks}"),
            IoOp::Unmap { lba, blocks, anchor } => {
                format!("unmap {lba}+{blocks}{}", if anchor { " anchor" } else { "" })
            }
            IoOp::Status { lba, runs } => format!("status {lba} {runs}"),
            IoOp::Flush => "flush".into(),
            IoOp::Keep { name, record } => format!("keep {name} {} bytes", record.len()),
        };
        self.ops.drain(..).map(show).collect::<Vec<_>>().join(", ")
    }
}

pub(super) fn request(nexus: NexusId, lun: Lun, cdb: &[u8]) -> Request<'_> {
    Request { nexus, lun, cdb, edtl: 0, read: false, write: false, attr: 1, aca: false }
}

/// Data-Out arrives in pieces that have nothing to do with blocks.
fn cut(data: &[u8]) -> SgList {
    let mut list = SgList::new();
    for piece in data.chunks(300) {
        list.push(Bytes::copy_from_slice(piece));
    }
    list
}

/// Bytes from hexadecimal digits; `ab*512` repeats a byte.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        let (digits, times) = word.split_once('*').map_or((word, 1), |(d, n)| (d, n.parse().unwrap()));
        for _ in 0..times {
            for at in (0..digits.len()).step_by(2) {
                bytes.push(u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
            }
        }
    }
    bytes
}

/// Bytes as [`hex`] takes them: runs of more than 4 equal bytes as `ab*512`.
pub(super) fn dump(bytes: &[u8]) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut plain = false;
    for run in bytes.chunk_by(|a, b| a == b) {
        let long = run.len() > 4;
        let word = if long {
            format!("{:02x}*{}", run[0], run.len())
        } else {
            format!("{:02x}", run[0]).repeat(run.len())
        };
        match words.last_mut() {
            Some(last) if plain && !long => last.push_str(&word),
            _ => words.push(word),
        }
        plain = !long;
    }
    words.join(" ")
}

/// `GOOD`, `GOOD` and data, `key/asc/ascq` with what else the sense data says, or another status in hexadecimal.
pub(super) fn show(outcome: &Outcome) -> String {
    let data = dump(&outcome.data_in.to_bytes());
    let sense = outcome.sense;
    match outcome.status {
        status::GOOD => {
            assert!(sense.is_none());
            ["GOOD", &data].join(" ").trim_end().to_string()
        }
        status::CHECK_CONDITION => {
            assert!(!sense.is_none() && data.is_empty());
            let mut text = format!("{:x}/{:02x}/{:02x}", sense.code.key, sense.code.asc, sense.code.ascq);
            if let Some(field) = sense.field {
                text += if field.in_cdb { " cdb " } else { " list " };
                text += &field.byte.to_string();
                text += &field.bit.map_or(String::new(), |bit| format!(".{bit}"));
            }
            if let Some(progress) = sense.progress {
                text += &format!(" progress {progress}");
            }
            if let Some(information) = sense.information {
                text += &format!(" information {information}");
            }
            text
        }
        other => format!("{other:02x}"),
    }
}
