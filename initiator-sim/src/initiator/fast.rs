//! How does a load generator run plain reads and writes at full speed? A lane over one logged-in connection that
//! allocates nothing per command.
//!
//! Headers are templates with the few words that change written in place, data is read where it was received, and
//! a command's slot is its Initiator Task Tag. Nothing is audited here: [`super::Session`] is for that. The lane
//! takes the session's numbers over and gives them back with [`FastLane::release`], so login and logout run the
//! usual way.

use super::compose::NO_TAG;
use super::{ConnParams, Incoming, Session, SessionParams, serial};
use crate::codec::pdu::be32;
use crate::codec::{Digests, Kind, Pdu, PduView, Split, Splitter, crc32c};

// Words of the headers used here (RFC 7143 11.3, 11.7, 11.8); a test holds them against the tables.
const ITT: usize = 16;
const EDTL: usize = 20;
const TTT: usize = 20;
const CMD_SN: usize = 24;
const STAT_SN: usize = 24;
const EXP_STAT_SN: usize = 28;
const EXP_CMD_SN: usize = 28;
const CDB: usize = 32;
const MAX_CMD_SN: usize = 32;
const DATA_SN: usize = 36;
const BUFFER_OFFSET: usize = 40;
const DESIRED_LEN: usize = 44;

/// Something that ended or went wrong on a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEvent {
    /// The command in this slot ended.
    Done {
        /// The slot, free again.
        slot: u32,
        /// SCSI status, or 255 if the service response was not Command Completed at Target.
        status: u8,
        /// Bytes that moved: read data received, or data the command was to write.
        bytes: u32,
    },
    /// Something a plain run does not expect: a Reject, an Asynchronous Message, a wrong digest.
    Trouble(Box<Incoming>),
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    busy: bool,
    bytes: u32,
}

/// Plain reads and writes of one unit over one connection.
#[derive(Debug)]
pub struct FastLane {
    link: ConnParams,
    params: SessionParams,
    splitter: Splitter,
    cmd_sn: u32,
    max_cmd_sn: u32,
    exp_cmd_sn: u32,
    exp_stat_sn: u32,
    block_bytes: u32,
    /// What every write writes: as much of it as the command needs.
    payload: Vec<u8>,
    slots: Vec<Slot>,
    command: [u8; 48],
    data_out: [u8; 48],
}

impl FastLane {
    /// Takes over a connection in the full feature phase on which nothing is outstanding. `depth` slots; `payload`
    /// must be at least as long as the longest write.
    pub fn new(
        session: &mut Session,
        conn: usize,
        lun: u64,
        block_bytes: u32,
        depth: u32,
        payload: Vec<u8>,
    ) -> FastLane {
        let link = session.connection_mut(conn);
        let (splitter, exp_stat_sn) = (core::mem::take(&mut link.splitter), link.exp_stat_sn);
        FastLane {
            link: link.params,
            params: session.params.clone(),
            splitter,
            cmd_sn: session.cmd_sn,
            max_cmd_sn: session.max_cmd_sn,
            exp_cmd_sn: session.exp_cmd_sn,
            exp_stat_sn,
            block_bytes,
            payload,
            slots: vec![Slot::default(); depth as usize],
            command: template(Kind::ScsiCommand, lun),
            data_out: template(Kind::DataOut, 0),
        }
    }

    /// Gives the connection back to its session.
    pub fn release(self, session: &mut Session, conn: usize) {
        session.cmd_sn = self.cmd_sn;
        session.max_cmd_sn = self.max_cmd_sn;
        session.exp_cmd_sn = self.exp_cmd_sn;
        session.audit.next_cmd_sn = Some(self.cmd_sn);
        let link = session.connection_mut(conn);
        link.exp_stat_sn = self.exp_stat_sn;
        link.window_seen = None;
        link.splitter = self.splitter;
    }

    /// The target's window admits another command (RFC 7143 4.2.2.1).
    pub fn open(&self) -> bool {
        serial::le(self.cmd_sn, self.max_cmd_sn)
    }

    /// A free slot.
    pub fn free_slot(&self) -> Option<u32> {
        self.slots.iter().position(|slot| !slot.busy).map(|n| n as u32)
    }

    /// Commands under way.
    pub fn busy(&self) -> usize {
        self.slots.iter().filter(|slot| slot.busy).count()
    }

    /// Appends the PDU of a read. The slot must be free and the window open.
    pub fn read(&mut self, slot: u32, lba: u64, blocks: u32, out: &mut Vec<u8>) {
        let bytes = blocks.saturating_mul(self.block_bytes);
        self.take(slot, bytes);
        self.command(slot, [0xc1, 0x28, 0x88], lba, blocks, bytes, &[], out);
    }

    /// Appends the PDUs of a write with as much unsolicited data as was negotiated. The slot must be free, the
    /// window open and the payload long enough.
    pub fn write(&mut self, slot: u32, lba: u64, blocks: u32, out: &mut Vec<u8>) {
        let bytes = blocks.saturating_mul(self.block_bytes).min(self.payload.len() as u32);
        self.take(slot, bytes);
        let burst = bytes.min(self.params.first_burst);
        let immediate = if self.params.immediate_data { burst.min(self.link.send_max) } else { 0 };
        let more = !self.params.initial_r2t && immediate < burst;
        // F, W and the simple attribute; F is clear when unsolicited Data-Out follow.
        let flags = if more { 0x21 } else { 0xa1 };
        let payload = core::mem::take(&mut self.payload);
        self.command(slot, [flags, 0x2a, 0x8a], lba, blocks, bytes, &payload[..immediate as usize], out);
        self.payload = payload;
        if more {
            self.sequence(slot, NO_TAG, immediate, burst - immediate, out);
        }
    }

    fn take(&mut self, slot: u32, bytes: u32) {
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            *entry = Slot { busy: true, bytes };
        }
    }

    /// `how` is byte 1 and the opcodes of the 10-byte and the 16-byte form.
    #[expect(
        clippy::too_many_arguments,
        reason = "the words of one header; a struct would only be taken apart again"
    )]
    fn command(
        &mut self,
        slot: u32,
        how: [u8; 3],
        lba: u64,
        blocks: u32,
        edtl: u32,
        data: &[u8],
        out: &mut Vec<u8>,
    ) {
        let bhs = &mut self.command;
        bhs[1] = how[0];
        put32(bhs, ITT, slot);
        put32(bhs, EDTL, edtl);
        put32(bhs, CMD_SN, self.cmd_sn);
        put32(bhs, EXP_STAT_SN, self.exp_stat_sn);
        bhs[CDB..].fill(0);
        match (u32::try_from(lba), u16::try_from(blocks)) {
            (Ok(lba), Ok(blocks)) => {
                bhs[CDB] = how[1];
                put32(bhs, CDB + 2, lba);
                bhs[CDB + 7..CDB + 9].copy_from_slice(&blocks.to_be_bytes());
            }
            _ => {
                bhs[CDB] = how[2];
                bhs[CDB + 2..CDB + 10].copy_from_slice(&lba.to_be_bytes());
                put32(bhs, CDB + 10, blocks);
            }
        }
        emit(bhs, data, self.link.digests, out);
        self.cmd_sn = self.cmd_sn.wrapping_add(1);
    }

    /// One sequence of Data-Out.
    fn sequence(&mut self, slot: u32, ttt: u32, offset: u32, len: u32, out: &mut Vec<u8>) {
        let digests = self.link.digests;
        let bhs = &mut self.data_out;
        if ttt == NO_TAG {
            bhs[8..16].fill(0);
        } else {
            bhs[8..16].copy_from_slice(&self.command[8..16]);
        }
        put32(bhs, ITT, slot);
        put32(bhs, TTT, ttt);
        put32(bhs, EXP_STAT_SN, self.exp_stat_sn);
        let end = offset.saturating_add(len).min(self.payload.len() as u32);
        let (mut at, mut data_sn) = (offset, 0);
        while at < end {
            let piece = self.link.send_max.max(512).min(end - at);
            bhs[1] = if at + piece == end { 0x80 } else { 0 };
            put32(bhs, DATA_SN, data_sn);
            put32(bhs, BUFFER_OFFSET, at);
            emit(bhs, &self.payload[at as usize..(at + piece) as usize], digests, out);
            (at, data_sn) = (at + piece, data_sn + 1);
        }
    }

    /// Room to receive into; follow with [`FastLane::commit`].
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        self.splitter.spare(min)
    }

    /// Counts received bytes.
    pub fn commit(&mut self, n: usize) {
        self.splitter.commit(n);
    }

    /// Works through what was received until something ended. PDUs the target asks for are appended to `out`.
    /// `data` sees the slot, offset and bytes of each Data-In.
    pub fn poll(&mut self, out: &mut Vec<u8>, mut data: impl FnMut(u32, u32, &[u8])) -> Option<LaneEvent> {
        loop {
            let mut splitter = core::mem::take(&mut self.splitter);
            let found = match splitter.next_split() {
                None => None,
                Some(Split::Pdu(view)) => Some(self.pdu(view, out, &mut data)),
                Some(Split::DataDigest { pdu, got, want }) => {
                    let part = super::DigestPart::Data;
                    let bad = Incoming::BadDigest { part, pdu: pdu.to_pdu(), got, want };
                    Some(Some(LaneEvent::Trouble(Box::new(bad))))
                }
                Some(Split::HeaderDigest { bhs, got, want }) => {
                    let pdu = Pdu { bhs: *bhs, ahs: Vec::new(), data: bytes::Bytes::new() };
                    let bad = Incoming::BadDigest { part: super::DigestPart::Header, pdu, got, want };
                    Some(Some(LaneEvent::Trouble(Box::new(bad))))
                }
            };
            self.splitter = splitter;
            match found {
                None => return None,
                Some(Some(event)) => return Some(event),
                Some(None) => {}
            }
        }
    }

    fn pdu(
        &mut self,
        view: PduView<'_>,
        out: &mut Vec<u8>,
        data: &mut impl FnMut(u32, u32, &[u8]),
    ) -> Option<LaneEvent> {
        let bhs = view.bhs;
        self.number(bhs);
        let slot = be32(bhs, ITT);
        match Kind::of(bhs) {
            Some(Kind::DataIn) => {
                data(slot, be32(bhs, BUFFER_OFFSET), view.data);
                // S: the status is in this PDU (11.7.3).
                if bhs[1] & 1 == 0 {
                    return None;
                }
                self.exp_stat_sn = be32(bhs, STAT_SN).wrapping_add(1);
                Some(self.done(slot, bhs[3]))
            }
            Some(Kind::ScsiResponse) => {
                self.exp_stat_sn = be32(bhs, STAT_SN).wrapping_add(1);
                Some(self.done(slot, if bhs[2] == 0 { bhs[3] } else { u8::MAX }))
            }
            Some(Kind::R2T) => {
                self.sequence(slot, be32(bhs, TTT), be32(bhs, BUFFER_OFFSET), be32(bhs, DESIRED_LEN), out);
                None
            }
            Some(Kind::NopIn) if slot == NO_TAG => {
                if be32(bhs, TTT) != NO_TAG {
                    self.answer(bhs, out);
                }
                None
            }
            kind => {
                self.exp_stat_sn = be32(bhs, STAT_SN).wrapping_add(1);
                let pdu = view.to_pdu();
                let incoming = match kind {
                    Some(kind) => Incoming::Pdu { kind, pdu },
                    None => Incoming::Unknown { pdu },
                };
                Some(LaneEvent::Trouble(Box::new(incoming)))
            }
        }
    }

    fn number(&mut self, bhs: &[u8; 48]) {
        let (exp, max) = (be32(bhs, EXP_CMD_SN), be32(bhs, MAX_CMD_SN));
        if serial::lt(self.max_cmd_sn, max) {
            self.max_cmd_sn = max;
        }
        if serial::lt(self.exp_cmd_sn, exp) {
            self.exp_cmd_sn = exp;
        }
    }

    fn done(&mut self, slot: u32, status: u8) -> LaneEvent {
        let bytes = match self.slots.get_mut(slot as usize) {
            Some(entry) => core::mem::take(entry).bytes,
            None => 0,
        };
        LaneEvent::Done { slot, status, bytes }
    }

    /// The answer to a target's ping (11.18).
    fn answer(&mut self, ping: &[u8; 48], out: &mut Vec<u8>) {
        let mut bhs = template(Kind::NopOut, 0);
        bhs[0] |= 0x40;
        bhs[8..16].copy_from_slice(&ping[8..16]);
        bhs[TTT..TTT + 4].copy_from_slice(&ping[TTT..TTT + 4]);
        put32(&mut bhs, CMD_SN, self.cmd_sn);
        put32(&mut bhs, EXP_STAT_SN, self.exp_stat_sn);
        emit(&mut bhs, &[], self.link.digests, out);
    }
}

fn template(kind: Kind, lun: u64) -> [u8; 48] {
    let mut bhs = Pdu::new(kind).bhs;
    bhs[8..16].copy_from_slice(&lun.to_be_bytes());
    bhs
}

fn put32(bhs: &mut [u8; 48], at: usize, value: u32) {
    bhs[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

/// Appends a PDU without AHS.
fn emit(bhs: &mut [u8; 48], data: &[u8], digests: Digests, out: &mut Vec<u8>) {
    bhs[5..8].copy_from_slice(&(data.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(bhs);
    if digests.header {
        out.extend_from_slice(&crc32c(bhs).to_le_bytes());
    }
    if data.is_empty() {
        return;
    }
    let start = out.len();
    out.extend_from_slice(data);
    out.resize(start + data.len().next_multiple_of(4), 0);
    if digests.data {
        let digest = crc32c(&out[start..]);
        out.extend_from_slice(&digest.to_le_bytes());
    }
}
