//! A target with everything around it in plain sight: PDUs in, PDUs out, a disk that answers when told to.
#![allow(dead_code, reason = "every test file uses its part")]

mod pdus;

pub use pdus::*;

use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;
use target_core::api::{Admin, ConnId, Event, Input, RxStatus, TxStatus};
use target_core::config::{Config, LunConfig, PortalConfig, Provisioning, TargetConfig, UnitPolicy};
use target_core::conn::batch::TxBatch;
use target_core::conn::framing::{Frame, Framer, Verdict};
use target_core::drive::{Driver, drain};
use target_core::io::{DeviceId, IoDone, IoId, IoOp, IoRequest, Provisioned, Runs, SgList};
use target_core::probe::{Probe, ProbeEvent, ProbeSink};
use target_core::target::Target;
use target_core::time::Instant;
use target_core::wire::{BHS_LEN, Digests, LoginResponse, Opcode, digest};

pub const IQN: &str = "iqn.2026-01.lab:disk";
pub const BLOCK: usize = 512;
pub const BLOCKS: u64 = 4096;

/// What a probe said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    pub probe: Probe,
    pub target: String,
    pub initiator: String,
    pub lun: u64,
    pub itt: u32,
    pub ttt: u32,
    pub cmd_sn: u32,
    pub stat_sn: u32,
    pub data_sn: u32,
    pub data_len: u32,
    pub flags: u32,
    pub cdb: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
pub struct Recorder(pub Vec<Fired>);

impl ProbeSink for Recorder {
    fn fire(&mut self, event: &ProbeEvent<'_>) {
        let info = &event.info;
        self.0.push(Fired {
            probe: event.probe,
            target: info.target.as_str().into(),
            initiator: info.initiator.as_str().into(),
            lun: info.lun,
            itt: info.itt,
            ttt: info.ttt,
            cmd_sn: info.cmd_sn,
            stat_sn: info.stat_sn,
            data_sn: info.data_sn,
            data_len: info.data_len,
            flags: info.flags,
            cdb: event.cmd.map(|cmd| cmd.cdb.to_vec()),
        });
    }
}

/// The test's end of one connection.
pub struct Side {
    framer: Framer,
    pub inbox: VecDeque<Frame>,
    pub end: Option<TxStatus>,
    pub bytes: Vec<u8>,
}

/// Disk, sockets and the log of one run.
pub struct World {
    pub disks: BTreeMap<DeviceId, Vec<u8>>,
    /// The disk answers nothing by itself.
    pub stuck: bool,
    pub held: Vec<(IoId, DeviceId, IoOp)>,
    pub cancelled: Vec<IoId>,
    pub sides: BTreeMap<ConnId, Side>,
    pub events: Vec<Event>,
    /// Send nothing on these connections.
    pub clogged: Vec<ConnId>,
    pub budget: usize,
    /// Poll the connections that have something to send in the other order.
    pub reverse: bool,
    closed: Vec<ConnId>,
}

impl World {
    /// The transport connection was opened and not closed.
    pub fn alive(&self, conn: ConnId) -> bool {
        self.sides.contains_key(&conn) && !self.closed.contains(&conn)
    }

    pub fn perform(&mut self, device: DeviceId, op: &IoOp) -> SgList {
        let disk = self.disks.get_mut(&device).expect("a device that exists");
        match op {
            IoOp::Read { lba, blocks } => {
                let at = *lba as usize * BLOCK;
                SgList::from(disk[at..at + *blocks as usize * BLOCK].to_vec())
            }
            IoOp::Write { lba, data, .. } => {
                let at = *lba as usize * BLOCK;
                disk[at..at + data.len()].copy_from_slice(&data.to_bytes());
                SgList::new()
            }
            IoOp::Unmap { lba, blocks, .. } => {
                let at = *lba as usize * BLOCK;
                disk[at..at + *blocks as usize * BLOCK].fill(0);
                SgList::new()
            }
            IoOp::Status { lba, runs } => {
                let mut list = Runs::new(*lba, *runs);
                list.add((disk.len() / BLOCK) as u64 - lba, Provisioned::Mapped);
                list.finish()
            }
            IoOp::Verify { .. } | IoOp::Flush | IoOp::Keep { .. } => SgList::new(),
        }
    }
}

impl Driver<Recorder> for World {
    fn start_io(&mut self, request: IoRequest) -> Option<IoDone> {
        match request {
            IoRequest::Start { id, device, op } if self.stuck => {
                self.held.push((id, device, op));
                None
            }
            IoRequest::Start { id, device, op } => {
                let result = Ok(self.perform(device, &op));
                Some(IoDone { id, result })
            }
            IoRequest::Cancel { id } => {
                self.cancelled.push(id);
                None
            }
        }
    }

    fn transmit(&mut self, now: Instant, target: &mut Target<Recorder>, conn: ConnId) {
        if self.clogged.contains(&conn) {
            return;
        }
        let side = self.sides.get_mut(&conn).expect("a connection that was opened");
        loop {
            let mut batch = TxBatch::new(self.budget);
            let status = target.poll_transmit(now, conn, &mut batch);
            batch.seal(digest::crc32c);
            for chunk in batch.chunks() {
                side.bytes.extend_from_slice(chunk);
                side.framer.push(chunk);
            }
            while let Some(frame) = side.framer.next_frame() {
                assert_eq!(frame.verdict, Verdict::Good);
                let opcode = Opcode::of(&frame.bhs);
                side.inbox.push_back(frame.clone());
                if opcode == Some(Opcode::LoginResponse) {
                    let response = LoginResponse::parse(&frame.bhs);
                    if response.transit && response.nsg == 3 {
                        side.framer.set_digests(digests_of(&frame.data));
                    }
                }
            }
            match status {
                TxStatus::More => {}
                TxStatus::Idle => return,
                TxStatus::Close | TxStatus::Abort => {
                    side.end = Some(status);
                    return;
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        self.events.push(event);
    }
}

/// What a Login Response says about digests.
fn digests_of(text: &Bytes) -> Digests {
    let has = |pair: &str| text.split(|byte| *byte == 0).any(|other| other == pair.as_bytes());
    Digests { header: has("HeaderDigest=CRC32C"), data: has("DataDigest=CRC32C") }
}

/// A target and its world.
pub struct Lab {
    pub target: Target<Recorder>,
    pub world: World,
    pub now: Instant,
    next_conn: u64,
    pub next_itt: u32,
}

pub fn lun(number: u16, device: u32) -> LunConfig {
    LunConfig {
        lun: number,
        device: DeviceId(device),
        block_size: BLOCK as u32,
        blocks: BLOCKS,
        read_only: false,
        vendor: "LAB".into(),
        product: "DISK".into(),
        revision: "1".into(),
        serial: format!("S{device}"),
        write_cache: false,
        policy: UnitPolicy::default(),
        provisioning: Provisioning::Full,
        kept: None,
    }
}

pub fn config() -> Config {
    Config {
        targets: vec![TargetConfig {
            name: IQN.into(),
            luns: vec![lun(0, 0), lun(1, 1)],
            ..TargetConfig::default()
        }],
        portals: vec![PortalConfig { address: "127.0.0.1:3260".parse().unwrap(), group: 1 }],
        ..Config::default()
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new(config())
    }
}

impl Lab {
    pub fn new(config: Config) -> Self {
        let target = Target::new(config, [7; 32], Recorder::default()).expect("a good configuration");
        let disks = (0..4).map(|device| (DeviceId(device), vec![0; BLOCKS as usize * BLOCK])).collect();
        let world = World {
            disks,
            stuck: false,
            held: Vec::new(),
            cancelled: Vec::new(),
            sides: BTreeMap::new(),
            events: Vec::new(),
            clogged: Vec::new(),
            budget: 64 << 10,
            reverse: false,
            closed: Vec::new(),
        };
        Self { target, world, now: Instant::ZERO, next_conn: 1, next_itt: 1 }
    }

    pub fn input(&mut self, input: Input) -> RxStatus {
        let status = self.target.handle(self.now, input).expect("no misuse");
        self.drain();
        status
    }

    /// The driver's loop; `reverse` asks for the other order of connections.
    fn drain(&mut self) {
        if !self.world.reverse {
            return drain(self.now, &mut self.target, &mut self.world);
        }
        loop {
            let mut idle = true;
            while let Some(request) = self.target.poll_io() {
                idle = false;
                if let Some(done) = self.world.start_io(request) {
                    self.target.handle(self.now, Input::Io(done)).expect("no misuse");
                }
            }
            let ready: Vec<ConnId> = std::iter::from_fn(|| self.target.poll_ready()).collect();
            for conn in ready.into_iter().rev() {
                idle = false;
                self.world.transmit(self.now, &mut self.target, conn);
            }
            while let Some(event) = self.target.poll_event() {
                idle = false;
                self.world.event(event);
            }
            if idle {
                return;
            }
        }
    }

    /// The transport of a connection takes data again.
    pub fn flush(&mut self, conn: ConnId) {
        if self.world.alive(conn) {
            self.world.transmit(self.now, &mut self.target, conn);
            self.drain();
        }
    }

    pub fn open(&mut self) -> ConnId {
        let conn = ConnId(self.next_conn);
        self.next_conn += 1;
        let local: SocketAddr = "127.0.0.1:3260".parse().unwrap();
        let remote: SocketAddr = format!("127.0.0.2:{}", 40_000 + conn.0).parse().unwrap();
        let side = Side {
            framer: Framer::new(1 << 24, digest::crc32c),
            inbox: VecDeque::new(),
            end: None,
            bytes: Vec::new(),
        };
        self.world.sides.insert(conn, side);
        self.input(Input::Opened { conn, local, remote });
        conn
    }

    pub fn close(&mut self, conn: ConnId) {
        self.world.closed.push(conn);
        self.input(Input::Closed { conn });
    }

    /// A connection is lost, and another one of its session hears so (RFC 7143 7.1.4.3).
    pub fn lose(&mut self, conn: ConnId, other: ConnId) {
        self.close(conn);
        self.expect(other, Opcode::AsyncMessage);
    }

    /// The target loses its memory and its connections; the disks keep what they have.
    pub fn power_cycle(&mut self, config: Config) {
        self.target = Target::new(config, [7; 32], Recorder::default()).expect("a good configuration");
        self.world.closed.extend(self.world.sides.keys().copied());
        self.world.held.clear();
        self.world.stuck = false;
    }

    pub fn admin(&mut self, admin: Admin) {
        self.input(Input::Admin(admin));
    }

    /// Lets time pass, with every timeout on the way.
    pub fn sleep(&mut self, by: Duration) {
        let end = self.now + by;
        while let Some(at) = self.target.poll_timeout()
            && at <= end
        {
            self.now = self.now.max(at);
            self.input(Input::Timeout);
        }
        self.now = end;
    }

    pub fn send_frame(&mut self, conn: ConnId, frame: Frame) -> RxStatus {
        self.input(Input::Received { conn, frame })
    }

    /// Hands in several frames before it drains, as a driver does that found them in one piece of the stream.
    pub fn send_batch(&mut self, conn: ConnId, frames: impl IntoIterator<Item = Frame>) {
        for (at, frame) in frames.into_iter().enumerate() {
            if at > 0 && frame.acts_on_others() {
                self.drain();
            }
            if self.world.alive(conn) {
                self.target.handle(self.now, Input::Received { conn, frame }).expect("no misuse");
            }
        }
        self.drain();
    }

    pub fn send(&mut self, conn: ConnId, bhs: [u8; BHS_LEN], data: &[u8]) -> RxStatus {
        self.send_frame(conn, frame(bhs, data))
    }

    /// The next PDU that came in on `conn`, of the kind the test expects.
    pub fn expect(&mut self, conn: ConnId, opcode: Opcode) -> Frame {
        let side = self.world.sides.get_mut(&conn).unwrap();
        let frame = side.inbox.pop_front().unwrap_or_else(|| panic!("no {opcode:?} came"));
        assert_eq!(Opcode::of(&frame.bhs), Some(opcode), "{:02x?}", frame.bhs);
        frame
    }

    pub fn expect_nothing(&self, conn: ConnId) {
        let inbox = &self.world.sides[&conn].inbox;
        assert!(
            inbox.is_empty(),
            "{:?}",
            inbox.iter().map(|frame| Opcode::of(&frame.bhs)).collect::<Vec<_>>()
        );
    }

    pub fn end(&self, conn: ConnId) -> Option<TxStatus> {
        self.world.sides[&conn].end
    }

    pub fn itt(&mut self) -> u32 {
        self.next_itt += 1;
        self.next_itt
    }

    /// Answers everything the stuck disk holds.
    pub fn release_disk(&mut self) {
        self.world.stuck = false;
        for (id, device, op) in std::mem::take(&mut self.world.held) {
            let result = Ok(self.world.perform(device, &op));
            self.input(Input::Io(IoDone { id, result }));
        }
    }

    pub fn probes(&mut self) -> Vec<Fired> {
        std::mem::take(&mut self.target.sink_mut().0)
    }
}
