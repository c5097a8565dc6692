//! One connection under load: a number of commands always outstanding, each in a slot that is its Initiator Task Tag.

use super::login::{self, Agreed, RECV_SEGMENT};
use super::pattern::{self, Dice};
use super::report::histogram;
use super::wire::{SILENCE, Wire};
use super::{Op, Plan};
use bytes::Bytes;
use hdrhistogram::Histogram;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use target_core::conn::framing::Frame;
use target_core::io::SgList;
use target_core::wire::{
    AsyncMessage, DataIn, DataOut, Digests, LogoutRequest, Lun, NopIn, NopOut, Opcode, R2t, RESERVED_TAG,
    ScsiCommand, ScsiResponse, serial,
};

const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// The part of the unit that one connection uses at most.
const REGION_BYTES: u64 = 64 << 20;

const GOOD: u8 = 0x00;
const CHECK_CONDITION: u8 = 0x02;

/// Unit attentions that a new session may find.
const ATTENTIONS_MAX: usize = 16;

/// What one connection counted.
pub(super) struct Tally {
    pub(super) latency: Histogram<u64>,
    pub(super) errors: u64,
    pub(super) verified: u64,
}

/// A place for one outstanding command.
#[derive(Clone, Default)]
struct Slot {
    began: Option<Instant>,
    write: bool,
    chunk: u64,
    /// What a read must find (0: anything); what a write puts there.
    generation: u32,
    received: usize,
    data: SgList,
}

/// A connection that is logged in.
pub(super) struct Lane {
    plan: Plan,
    wire: Wire,
    agreed: Agreed,
    cmd_sn: u32,
    exp_stat_sn: u32,
    max_cmd_sn: u32,
    slots: Vec<Slot>,
    free: Vec<u32>,
    block_size: u32,
    /// First chunk of this connection, counted in commands' lengths, and how many it has.
    first: u64,
    chunks: u64,
    /// The generation each chunk holds, with verification; an odd bit for "being used" is not needed: see `busy`.
    generations: Vec<u32>,
    busy: Vec<bool>,
    dice: Dice,
    payload: Bytes,
    mixed_write: bool,
    tally: Tally,
}

impl Lane {
    /// Connects, logs in, and asks for the size of the unit.
    pub(super) fn connect(plan: &Plan, n: u16) -> Result<Self, String> {
        let mut stream = TcpStream::connect_timeout(&plan.address, CONNECT_WAIT)
            .map_err(|error| format!("{}: {error}", plan.address))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(SILENCE)).map_err(|error| error.to_string())?;
        let agreed = login::login(&mut stream, plan, n)?;
        let digests = Digests { header: agreed.digests.header, data: agreed.digests.data };
        if (digests.header, digests.data) != (plan.digests.header, plan.digests.data) {
            return Err("the target does not agree to the digests".into());
        }
        let mut lane = Self {
            plan: plan.clone(),
            wire: Wire::new(stream, digests, RECV_SEGMENT),
            agreed,
            cmd_sn: agreed.cmd_sn,
            exp_stat_sn: agreed.exp_stat_sn,
            max_cmd_sn: agreed.max_cmd_sn,
            slots: vec![Slot::default(); usize::from(plan.depth.max(1))],
            free: (0..u32::from(plan.depth.max(1))).rev().collect(),
            block_size: 512,
            first: 0,
            chunks: 1,
            generations: Vec::new(),
            busy: Vec::new(),
            dice: Dice::new(u64::from(n)),
            payload: pattern::fill(u64::from(n), 1, plan.block_bytes as usize),
            mixed_write: false,
            tally: Tally { latency: histogram(), errors: 0, verified: 0 },
        };
        lane.measure_unit(n)?;
        Ok(lane)
    }

    /// Clears unit attentions, reads the capacity and takes this connection's part of it.
    fn measure_unit(&mut self, n: u16) -> Result<(), String> {
        let mut attempts = 0;
        let capacity = loop {
            // READ CAPACITY (10)
            let (status, data) = self.alone([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8)?;
            match status {
                GOOD => break data,
                CHECK_CONDITION if attempts < ATTENTIONS_MAX => attempts += 1,
                status => return Err(format!("READ CAPACITY ended with status {status:02x}")),
            }
        };
        let word =
            |at: usize| capacity.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
        let (Some(last), Some(block_size)) = (word(0), word(4)) else {
            return Err("the answer to READ CAPACITY is too short".into());
        };
        let bytes = self.plan.block_bytes;
        if block_size == 0 || bytes == 0 || !bytes.is_multiple_of(block_size) {
            return Err(format!("--bs {bytes} is not a multiple of the unit's block size {block_size}"));
        }
        self.block_size = block_size;
        // A unit of 2 TiB and more says ffffffff, which is as much as is used here in any case.
        let total = (u64::from(last) + 1) * u64::from(block_size) / u64::from(bytes);
        self.chunks = (total / u64::from(self.plan.connections.max(1))).min(REGION_BYTES / u64::from(bytes));
        if self.chunks < u64::from(self.plan.depth) {
            return Err("the unit is too small for that many commands of that size".into());
        }
        self.first = self.chunks * u64::from(n);
        if self.plan.verify {
            let chunks = usize::try_from(self.chunks).map_err(|error| error.to_string())?;
            self.generations = vec![0; chunks];
            self.busy = vec![false; chunks];
        }
        Ok(())
    }

    /// One command with nothing else outstanding: its status and data.
    fn alone(&mut self, cdb: [u8; 16], len: u32) -> Result<(u8, Vec<u8>), String> {
        let command = self.command(0, cdb, len, false);
        self.wire.push(&command.emit(), &SgList::new());
        let mut data = Vec::new();
        loop {
            self.wire.exchange()?;
            while let Some(frame) = self.wire.next()? {
                if Opcode::of(&frame.bhs) == Some(Opcode::DataIn) {
                    data.extend_from_slice(&frame.data);
                }
                if let Some(status) = self.status(&frame)? {
                    return Ok((status, data));
                }
            }
        }
    }

    fn command(&mut self, itt: u32, cdb: [u8; 16], len: u32, write: bool) -> ScsiCommand {
        let cmd_sn = self.cmd_sn;
        self.cmd_sn = serial::next(cmd_sn);
        ScsiCommand {
            immediate: false,
            final_bit: true,
            read: !write,
            write,
            attr: 1,
            priority: 0,
            total_ahs_length: 0,
            data_segment_length: 0,
            lun: Lun::from_number(self.plan.lun),
            itt,
            edtl: len,
            cmd_sn,
            exp_stat_sn: self.exp_stat_sn,
            cdb,
        }
    }

    /// Keeps the slots busy until `end`, then waits for what is outstanding.
    pub(super) fn run(mut self, end: Instant) -> Result<Tally, String> {
        let mut going = true;
        loop {
            if going {
                let now = Instant::now();
                going = now < end;
                while going && serial::le(self.cmd_sn, self.max_cmd_sn) {
                    let Some(slot) = self.free.pop() else { break };
                    self.issue(slot, now);
                }
            }
            if !going && self.free.len() == self.slots.len() {
                self.logout();
                return Ok(self.tally);
            }
            self.wire.exchange()?;
            while let Some(frame) = self.wire.next()? {
                self.take(&frame)?;
            }
        }
    }

    /// Writes the whole region once, untimed.
    pub(super) fn prefill(&mut self) -> Result<(), String> {
        let mut next = 0;
        while next < self.chunks || self.free.len() < self.slots.len() {
            while next < self.chunks && serial::le(self.cmd_sn, self.max_cmd_sn) {
                let Some(slot) = self.free.pop() else { break };
                self.start(slot, Instant::now(), next, true);
                next += 1;
            }
            self.wire.exchange()?;
            while let Some(frame) = self.wire.next()? {
                self.take(&frame)?;
            }
        }
        self.tally.latency.reset();
        Ok(())
    }

    fn issue(&mut self, slot: u32, now: Instant) {
        let write = match self.plan.op {
            Op::Read => false,
            Op::Write => true,
            Op::Mixed => {
                self.mixed_write = !self.mixed_write;
                self.mixed_write
            }
        };
        let mut chunk = self.dice.below(self.chunks);
        // With verification a chunk has one user at a time, so that what it must hold is known.
        while self.busy.get(chunk as usize) == Some(&true) {
            chunk = (chunk + 1) % self.chunks;
        }
        self.start(slot, now, chunk, write);
    }

    fn start(&mut self, itt: u32, now: Instant, chunk: u64, write: bool) {
        let bytes = self.plan.block_bytes;
        let at = self.first + chunk;
        let mut generation = 0;
        if self.plan.verify {
            self.busy[chunk as usize] = true;
            generation = self.generations[chunk as usize] + u32::from(write);
        }
        let data = match (write, self.plan.verify) {
            (false, _) => SgList::new(),
            (true, false) => self.payload.clone().into(),
            (true, true) => pattern::fill(at, generation, bytes as usize).into(),
        };
        let blocks = bytes / self.block_size;
        let lba = at * u64::from(blocks);
        let mut cdb = [0; 16];
        // READ (16) and WRITE (16)
        cdb[0] = if write { 0x8a } else { 0x88 };
        cdb[2..10].copy_from_slice(&lba.to_be_bytes());
        cdb[10..14].copy_from_slice(&blocks.to_be_bytes());
        let command = self.command(itt, cdb, bytes, write);
        let immediate = data.slice(0, self.agreed.immediate_max);
        self.wire.push(&command.emit(), &immediate);
        self.slots[itt as usize] = Slot { began: Some(now), write, chunk, generation, received: 0, data };
    }

    /// Deals with one PDU.
    fn take(&mut self, frame: &Frame) -> Result<(), String> {
        match Opcode::of(&frame.bhs) {
            Some(Opcode::DataIn) => self.data_in(frame)?,
            Some(Opcode::R2t) => self.solicited(&R2t::parse(&frame.bhs))?,
            Some(Opcode::NopIn) => self.pong(frame),
            Some(Opcode::ScsiResponse) => {}
            // Only news of a unit attention lets the session go on.
            Some(Opcode::AsyncMessage) if AsyncMessage::parse(&frame.bhs).event == 0 => {}
            _ => return Err(format!("the target sent opcode {:02x}", frame.bhs[0])),
        }
        let Some(status) = self.status(frame)? else { return Ok(()) };
        let itt = target_core::wire::itt(&frame.bhs);
        let slot = self.slots.get_mut(itt as usize).ok_or("an answer to nothing")?;
        let began = slot.began.take().ok_or("an answer to nothing")?;
        if status == GOOD {
            if !slot.write && slot.received != self.plan.block_bytes as usize {
                return Err(format!("a read gave {} bytes", slot.received));
            }
            let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.tally.latency.saturating_record(took);
        } else {
            self.tally.errors += 1;
        }
        if self.plan.verify {
            let chunk = slot.chunk as usize;
            self.busy[chunk] = false;
            self.tally.verified += u64::from(!slot.write && slot.generation > 0);
            // After a failed write the chunk may hold either; it is not compared until it is written again.
            self.generations[chunk] =
                if slot.write && status != GOOD { slot.generation << 1 } else { slot.generation };
        }
        slot.data = SgList::new();
        self.free.push(itt);
        Ok(())
    }

    /// Keeps the numbering; the status if this PDU ends a command.
    fn status(&mut self, frame: &Frame) -> Result<Option<u8>, String> {
        let (status, stat_sn, max_cmd_sn) = match Opcode::of(&frame.bhs) {
            Some(Opcode::DataIn) => {
                let pdu = DataIn::parse(&frame.bhs);
                (pdu.status_bit.then_some(pdu.status), pdu.stat_sn, pdu.max_cmd_sn)
            }
            Some(Opcode::ScsiResponse) => {
                let pdu = ScsiResponse::parse(&frame.bhs);
                if pdu.response != 0 {
                    return Err(format!("a command ended with response {:02x}", pdu.response));
                }
                (Some(pdu.status), pdu.stat_sn, pdu.max_cmd_sn)
            }
            _ => return Ok(None),
        };
        if status.is_some() {
            self.exp_stat_sn = serial::next(stat_sn);
        }
        self.max_cmd_sn = serial::max(self.max_cmd_sn, max_cmd_sn);
        Ok(status)
    }

    fn data_in(&mut self, frame: &Frame) -> Result<(), String> {
        let pdu = DataIn::parse(&frame.bhs);
        let slot = self.slots.get_mut(pdu.itt as usize).ok_or("data for nothing")?;
        slot.received += frame.data.len();
        if self.plan.verify && slot.generation > 0 {
            let (at, offset) = (self.first + slot.chunk, pdu.buffer_offset as usize);
            if let Some(byte) = pattern::mismatch(at, slot.generation, offset, &frame.data) {
                let byte = at * u64::from(self.plan.block_bytes) + (offset + byte) as u64;
                return Err(format!("byte {byte} of the unit is not what was written there"));
            }
        }
        Ok(())
    }

    /// Sends the data that an R2T asks for.
    fn solicited(&mut self, r2t: &R2t) -> Result<(), String> {
        let slot = self.slots.get(r2t.itt as usize).ok_or("an R2T for nothing")?;
        let wanted = r2t.desired_data_transfer_length as usize;
        if wanted > self.agreed.max_burst {
            return Err(format!("an R2T for {wanted} bytes, more than MaxBurstLength"));
        }
        let data = slot.data.slice(r2t.buffer_offset as usize, wanted);
        if data.len() != wanted {
            return Err("an R2T for more than the command has".into());
        }
        let (mut offset, mut data_sn) = (0, 0);
        while offset < wanted {
            let piece = data.slice(offset, self.agreed.max_send_segment);
            let pdu = DataOut {
                final_bit: offset + piece.len() == wanted,
                total_ahs_length: 0,
                data_segment_length: 0,
                lun: Lun::from_number(self.plan.lun),
                itt: r2t.itt,
                ttt: r2t.ttt,
                exp_stat_sn: self.exp_stat_sn,
                data_sn,
                buffer_offset: r2t.buffer_offset + offset as u32,
            };
            self.wire.push(&pdu.emit(), &piece);
            offset += piece.len();
            data_sn += 1;
        }
        Ok(())
    }

    /// Ends the session in good order; what the target says to it is of no interest.
    fn logout(&mut self) {
        let request = LogoutRequest {
            immediate: true,
            reason: 0,
            total_ahs_length: 0,
            data_segment_length: 0,
            itt: 0,
            cid: 0,
            cmd_sn: self.cmd_sn,
            exp_stat_sn: self.exp_stat_sn,
        };
        self.wire.push(&request.emit(), &SgList::new());
        let _ = self.wire.exchange();
    }

    /// Answers a ping.
    fn pong(&mut self, frame: &Frame) {
        let ping = NopIn::parse(&frame.bhs);
        if ping.ttt == RESERVED_TAG {
            return;
        }
        let pong = NopOut {
            immediate: true,
            total_ahs_length: 0,
            data_segment_length: 0,
            lun: ping.lun,
            itt: RESERVED_TAG,
            ttt: ping.ttt,
            cmd_sn: self.cmd_sn,
            exp_stat_sn: self.exp_stat_sn,
        };
        self.wire.push(&pong.emit(), &SgList::new());
    }
}
