//! What must survive any bytes? The bodies of the fuzz targets under `fuzz/`, also run as properties on stable Rust.
//!
//! Each takes raw bytes and returns nothing: it fails by panicking, by not ending, or by breaking one of its
//! assertions.

mod hostile;

use bytes::Bytes;
pub use hostile::{Phase, hostile};
use std::collections::BTreeMap;
use std::path::Path;
use target_core::api::{ConnId, Event, Flow, Input, TxStatus};
use target_core::config::{Config, LunConfig, PortalConfig, Provisioning, TargetConfig, UnitPolicy};
use target_core::conn::batch::TxBatch;
use target_core::conn::framing::Framer;
use target_core::drive::{Driver, drain};
use target_core::io::{DeviceId, IoDone, IoOp, IoRequest, Provisioned, Runs, SgList};
use target_core::probe::NullSink;
use target_core::target::Target;
use target_core::time::Instant;
use target_core::wire::{digest, text};

const BLOCK: u32 = 512;
const CONN: ConnId = ConnId(1);
const CONFIG_TARGET: &str = "iqn.2026-01.example.fuzz:t";

/// The first byte says in pieces of what size the rest arrives at a target as one connection's stream.
pub fn pdu_stream(input: &[u8]) {
    let Some((piece, stream)) = input.split_first() else { return };
    let Ok(mut target) = Target::new(config(), [7; 32], NullSink) else { return };
    let mut peer = Peer::default();
    let at = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("a literal address"));
    let opened = Input::Opened { conn: CONN, local: at("192.0.2.1:3260"), remote: at("192.0.2.2:999") };
    assert!(target.handle(Instant::ZERO, opened).is_ok());
    let mut framer = Framer::new(1 << 18, digest::crc32c);
    for chunk in stream.chunks(usize::from(*piece).max(1)) {
        framer.push(chunk);
        while let Some(frame) = framer.next_frame() {
            let status = target.handle(Instant::ZERO, Input::Received { conn: CONN, frame });
            drain(Instant::ZERO, &mut target, &mut peer);
            let Ok(status) = status else { unreachable!("a frame of an open connection was refused") };
            framer.set_digests(status.digests);
            if status.flow == Flow::Ended || peer.ended {
                return;
            }
        }
    }
}

/// Text of login and text requests: parsing ends, and yields only what is written there.
pub fn text_keys(input: &[u8]) {
    let mut bytes = 0;
    for (key, value) in text::pairs(input).flatten() {
        bytes += key.len() + value.len();
        let _ = text::number(value);
        let _ = text::range(value);
        let _ = target_core::wire::binary::decode(value, 1024);
    }
    assert!(bytes <= input.len());
}

/// A scenario file is read, or refused with a place.
pub fn scenario_file(input: &[u8]) {
    let text = String::from_utf8_lossy(input).into_owned();
    let _ = crate::scenario::parse_text(Path::new("."), "fuzz", "fuzz.scn.yaml", text);
}

/// A server configuration is read, or refused with its line.
pub fn config_file(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Err(why) = crate::server::config::parse(Path::new("fuzz.toml"), &text) {
        assert!(why.contains("fuzz.toml"), "no place in: {why}");
    }
}

fn config() -> Config {
    let lun = LunConfig {
        lun: 0,
        device: DeviceId(0),
        block_size: BLOCK,
        blocks: 2048,
        read_only: false,
        vendor: "LAB".into(),
        product: "FUZZ".into(),
        revision: "1".into(),
        serial: "1".into(),
        write_cache: true,
        policy: UnitPolicy::default(),
        provisioning: Provisioning::ThinAnchored,
        kept: None,
    };
    let target = TargetConfig { name: CONFIG_TARGET.into(), luns: vec![lun], ..TargetConfig::default() };
    let address = "192.0.2.1:3260".parse().unwrap_or_else(|_| unreachable!("a literal address"));
    Config { targets: vec![target], portals: vec![PortalConfig { address, group: 1 }], ..Config::default() }
}

/// The other end of the connection, and a disk that remembers what was written.
#[derive(Default)]
struct Peer {
    blocks: BTreeMap<u64, Bytes>,
    ended: bool,
}

impl Driver<NullSink> for Peer {
    fn start_io(&mut self, request: IoRequest) -> Option<IoDone> {
        let IoRequest::Start { id, op, .. } = request else { return None };
        let mut data = SgList::new();
        match op {
            IoOp::Read { lba, blocks } => {
                for at in lba..lba + u64::from(blocks) {
                    let block = self.blocks.get(&at).cloned();
                    data.push(block.unwrap_or_else(|| Bytes::from_static(&[0; BLOCK as usize])));
                }
            }
            IoOp::Write { lba, data, .. } => {
                for (at, block) in data.to_bytes().chunks(BLOCK as usize).enumerate() {
                    self.blocks.insert(lba + at as u64, Bytes::copy_from_slice(block));
                }
            }
            IoOp::Unmap { lba, blocks, .. } => {
                let end = lba.saturating_add(u64::from(blocks));
                self.blocks.retain(|at, _| *at < lba || *at >= end);
            }
            IoOp::Status { lba, runs } => {
                let mut list = Runs::new(lba, runs);
                list.add(1, Provisioned::Mapped);
                data = list.finish();
            }
            IoOp::Verify { .. } | IoOp::Flush | IoOp::Keep { .. } => {}
        }
        Some(IoDone { id, result: Ok(data) })
    }

    fn transmit(&mut self, now: Instant, target: &mut Target<NullSink>, conn: ConnId) {
        loop {
            let mut batch = TxBatch::new(1 << 16);
            match target.poll_transmit(now, conn, &mut batch) {
                TxStatus::More => {}
                TxStatus::Idle => return,
                TxStatus::Close | TxStatus::Abort => {
                    self.ended = true;
                    return;
                }
            }
        }
    }

    fn event(&mut self, _: Event) {}
}

#[cfg(test)]
mod tests;
