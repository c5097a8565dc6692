//! What must hold for every run: connections may be polled in any order, and no peer can make the target panic, break its
//! numbering or exceed its limits. (Cutting the stream: `engine_cutting.rs`.)

mod common;

use bytes::Bytes;
use common::{Lab, Login, Way, config, frame, keys, logout, nop, pattern, read10, scsi, tmf, write10};
use core::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeMap;
use target_core::api::{Admin, ConnId, Flow, Input, Tsih};
use target_core::conn::framing::{Frame, Verdict};
use target_core::io::{IoDone, IoError};
use target_core::wire::{
    BHS_LEN, DataIn, DataOut, Lun, NopIn, Opcode, R2t, RESERVED_TAG, ScsiCommand, TextRequest, serial,
};

/// Something that can happen, with choices as plain numbers.
#[derive(Clone, Debug)]
enum Move {
    Pdu { conn: u8, kind: u8, itt: u8, lun: u8, sn: i8, flags: u8, len: u16, bits: u32, bad: bool },
    Io { pick: u8, fail: bool },
    Sleep { millis: u32 },
    Reconnect { conn: u8, isid: u8, same_tsih: bool },
    Clog { conn: u8, on: bool },
    Admin { kind: u8 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let pdu = (
        0u8..3,
        any::<u8>(),
        0u8..6,
        0u8..3,
        prop_oneof![8 => Just(0i8), 1 => -3i8..6],
        any::<u8>(),
        prop_oneof![4 => 0u16..64, 2 => Just(512u16), 1 => 0u16..5000],
        any::<u32>(),
        proptest::bool::weighted(0.05),
    )
        .prop_map(|(conn, kind, itt, lun, sn, flags, len, bits, bad)| Move::Pdu {
            conn,
            kind,
            itt,
            lun,
            sn,
            flags,
            len,
            bits,
            bad,
        });
    let one = prop_oneof![
        20 => pdu,
        4 => (any::<u8>(), proptest::bool::weighted(0.1)).prop_map(|(pick, fail)| Move::Io { pick, fail }),
        1 => (0u32..20_000).prop_map(|millis| Move::Sleep { millis }),
        2 => (0u8..3, 0u8..3, any::<bool>())
            .prop_map(|(conn, isid, same_tsih)| Move::Reconnect { conn, isid, same_tsih }),
        1 => (0u8..3, any::<bool>()).prop_map(|(conn, on)| Move::Clog { conn, on }),
        1 => (0u8..24).prop_map(|kind| Move::Admin { kind }),
    ];
    proptest::collection::vec(one, 1..120)
}

/// What an observer of one connection knows.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    stat_sn: Option<u32>,
    max_cmd_sn: Option<u32>,
    exp_cmd_sn: u32,
    read: usize,
    r2t: R2t,
    flow: Option<Flow>,
}

struct Chaos {
    lab: Lab,
    conns: [Login; 3],
    seen: BTreeMap<ConnId, Seen>,
}

impl Chaos {
    fn new(reverse: bool) -> Self {
        let mut small = config();
        small.limits.commands = 4;
        small.limits.immediate = 3;
        small.limits.transfer_bytes = 4096;
        small.limits.held_bytes = 8192;
        small.limits.connections = 8;
        let mut lab = Lab::new(small);
        lab.world.stuck = true;
        lab.world.reverse = reverse;
        let params =
            ["MaxRecvDataSegmentLength=512", "InitialR2T=No", "FirstBurstLength=1024", "MaxBurstLength=1024"];
        let conns = [1, 2, 3].map(|isid| lab.ready_as(isid, &params));
        let seen = conns.map(|login| {
            let seen = Seen {
                stat_sn: Some(login.exp_stat_sn.wrapping_sub(1)),
                max_cmd_sn: Some(login.cmd_sn),
                exp_cmd_sn: login.cmd_sn,
                ..Seen::default()
            };
            (login.conn, seen)
        });
        Self { lab, conns, seen: BTreeMap::from(seen) }
    }

    fn play(&mut self, step: &Move) {
        match *step {
            Move::Pdu { conn, kind, itt, lun, sn, flags, len, bits, bad } => {
                let at = usize::from(conn);
                let login = self.conns[at];
                if self.lab.end(login.conn).is_some()
                    || self.seen.get(&login.conn).is_some_and(|seen| seen.flow == Some(Flow::Paused))
                {
                    return;
                }
                let frame = self.pdu(login, kind, itt, lun, sn, flags, len, bits, bad);
                let status = self.lab.send_frame(login.conn, frame);
                self.seen.entry(login.conn).or_default().flow = Some(status.flow);
            }
            Move::Io { pick, fail } => {
                let held = &mut self.lab.world.held;
                if held.is_empty() {
                    return;
                }
                let (id, device, op) = held.remove(usize::from(pick) % held.len());
                let data = self.lab.world.perform(device, &op);
                let result = if fail { Err(IoError::Hardware) } else { Ok(data) };
                self.lab.input(Input::Io(IoDone { id, result }));
            }
            Move::Sleep { millis } => self.lab.sleep(Duration::from_millis(u64::from(millis))),
            Move::Reconnect { conn, isid, same_tsih } => {
                let at = usize::from(conn);
                let old = self.conns[at];
                if isid == 0 && self.lab.target.usage().connections > 0 && self.lab.world.alive(old.conn) {
                    self.lab.close(old.conn);
                }
                let new = self.lab.open();
                let mut request = self.lab.login_request(conn + 1, if same_tsih { old.tsih } else { 0 }, 0);
                request.cmd_sn = 100;
                self.lab.send(new, request.emit(), &keys(&["MaxRecvDataSegmentLength=512"]));
                self.conns[at] = Login { conn: new, ..old };
            }
            Move::Clog { conn, on } => {
                let id = self.conns[usize::from(conn)].conn;
                self.lab.world.clogged.retain(|other| *other != id);
                if on {
                    self.lab.world.clogged.push(id);
                } else {
                    self.lab.flush(id);
                }
            }
            Move::Admin { kind } => {
                let login = self.conns[usize::from(kind % 3)];
                let session = Tsih(login.tsih);
                let admin = match kind / 3 {
                    0 => Admin::RequestLogout { session, seconds: 3 },
                    1 => Admin::RequestNegotiation { session, seconds: 3 },
                    2 => Admin::DropConnection { conn: login.conn },
                    3 => Admin::DropSession { session },
                    _ => return,
                };
                self.lab.admin(admin);
            }
        }
        self.observe();
    }

    #[allow(clippy::too_many_arguments, reason = "one argument a choice")]
    fn pdu(
        &self,
        login: Login,
        kind: u8,
        itt: u8,
        lun: u8,
        sn: i8,
        flags: u8,
        len: u16,
        bits: u32,
        bad: bool,
    ) -> Frame {
        let seen = self.seen.get(&login.conn).copied().unwrap_or_default();
        let exp = if seen.max_cmd_sn.is_some() { seen.exp_cmd_sn } else { 100 };
        let cmd_sn = exp.wrapping_add_signed(i32::from(sn));
        let login = Login { cmd_sn, exp_stat_sn: seen.stat_sn.unwrap_or(1).wrapping_add(1), ..login };
        let (itt, lun) = (u32::from(itt), Lun::from_number(u16::from(lun)));
        let mut data = pattern(usize::from(len), flags);
        let mut ahs = Bytes::new();
        let blocks = 1 + (bits >> 8 & 7) as u16;
        // The length that the CDB stands for, unless the choice is to lie.
        let edtl = if flags & 0xc == 0xc { bits >> 16 & 0x1fff } else { u32::from(blocks) * 512 };
        let kind = kind % 24;
        let takes_data = matches!(kind, 0..=3 | 8..=13 | 17..=19) || bits & 0x3f == 0;
        if !takes_data {
            data.clear();
        }
        let bhs = match kind {
            0..=3 => {
                let announces = flags & 3 == 3;
                if !announces {
                    data.truncate(data.len().min(1024).min(edtl as usize));
                }
                ScsiCommand {
                    final_bit: !announces,
                    immediate: flags & 0x30 == 0,
                    attr: flags >> 6,
                    ..scsi(&login, lun, itt, &write10(bits & 7, blocks), edtl, Some(Way::Out))
                }
                .emit()
            }
            4..=7 => ScsiCommand {
                attr: flags >> 6,
                ..scsi(&login, lun, itt, &read10(bits & 7, blocks), edtl, Some(Way::In))
            }
            .emit(),
            // The last R2T answered as it should be.
            8..=11 => {
                let r2t = seen.r2t;
                data = pattern(r2t.desired_data_transfer_length as usize, flags);
                DataOut {
                    final_bit: true,
                    itt: r2t.itt,
                    ttt: r2t.ttt,
                    lun: r2t.lun,
                    buffer_offset: r2t.buffer_offset,
                    ..DataOut::default()
                }
                .emit()
            }
            // Unsolicited, or something else.
            12 | 13 => DataOut {
                final_bit: flags & 2 == 0,
                itt,
                ttt: if flags & 1 == 0 { RESERVED_TAG } else { seen.r2t.ttt },
                lun,
                data_sn: bits >> 4 & 1,
                buffer_offset: if flags & 4 == 0 { 0 } else { bits >> 16 & 0xfff },
                ..DataOut::default()
            }
            .emit(),
            14..=16 => {
                let function = 1 + flags % 8;
                // Cold resets end every session; rarely is enough.
                let function = if function == 7 && bits & 7 != 0 { 5 } else { function };
                let mut pdu = tmf(&login, itt + 8, function, lun);
                pdu.immediate = bits & 0x300 != 0;
                pdu.referenced_task_tag = bits & 7;
                pdu.ref_cmd_sn = cmd_sn.wrapping_sub(bits >> 9 & 3);
                pdu.emit()
            }
            17 | 18 => nop(&login, if flags & 1 == 0 { itt } else { RESERVED_TAG }, flags & 3 != 0).emit(),
            19 => TextRequest {
                immediate: flags & 1 == 0,
                final_bit: flags & 2 == 0,
                continue_bit: flags & 4 == 0,
                itt,
                ttt: if flags & 8 == 0 { RESERVED_TAG } else { bits & 3 },
                cmd_sn,
                ..TextRequest::default()
            }
            .emit(),
            20 if bits & 7 == 0 => logout(&login, itt, flags & 3).emit(),
            21 if bits & 7 == 0 => {
                ahs = Bytes::copy_from_slice(&pattern(usize::from(flags & 0x1c), flags));
                let mut pdu = scsi(&login, lun, itt, &[flags; 6], bits >> 16 & 0xfff, None);
                pdu.read = bits & 1 == 0;
                pdu.write = bits & 2 == 0;
                pdu.emit()
            }
            22 if bits & 7 == 0 => {
                let mut bhs = [0; BHS_LEN];
                for (at, byte) in bhs.iter_mut().enumerate() {
                    *byte = (bits >> (at % 24)) as u8 ^ flags;
                }
                bhs
            }
            _ => ScsiCommand { attr: flags >> 6, ..scsi(&login, lun, itt, &[0; 6], 0, None) }.emit(),
        };
        let verdict = match (bad, flags & 7) {
            (false, _) => Verdict::Good,
            (true, 1..) => Verdict::DataDigest,
            (true, _) => Verdict::HeaderDigest,
        };
        Frame { verdict, ahs, ..frame(bhs, &data) }
    }

    /// Checks what came out against what came before, and the limits.
    fn observe(&mut self) {
        for (id, side) in &self.lab.world.sides {
            let seen = self.seen.entry(*id).or_default();
            for frame in side.inbox.range(seen.read..) {
                check_numbers(seen, frame);
            }
            seen.read = side.inbox.len();
        }
        for event in std::mem::take(&mut self.lab.world.events) {
            if let target_core::api::Event::Resume(id) = event {
                self.seen.entry(id).or_default().flow = Some(Flow::Open);
            }
        }
        let usage = self.lab.target.usage();
        let limits = self.lab.target.config().limits;
        assert!(
            usage.tasks_of_one_session <= (2 * limits.commands + 2 * limits.immediate) as usize,
            "{usage:?}"
        );
        // One PDU's data and one operation may go beyond the limit of each session.
        let most =
            (limits.held_bytes + 2 * u64::from(limits.transfer_bytes) + 16_384) * usage.sessions as u64;
        assert!(usage.held_bytes <= most, "{usage:?}");
        assert!(usage.connections <= (limits.connections + limits.half_open) as usize);
        assert_eq!(usage.operations, self.lab.world.held.len());
    }
}

/// StatSN grows by one with each PDU that takes one; ExpCmdSN and MaxCmdSN never go back, nor apart.
fn check_numbers(seen: &mut Seen, frame: &Frame) {
    let Some(opcode) = Opcode::of(&frame.bhs) else { panic!("an opcode of no PDU") };
    let pdu = NopIn::parse(&frame.bhs);
    let takes = match opcode {
        Opcode::DataIn => DataIn::parse(&frame.bhs).status_bit,
        Opcode::R2t => {
            seen.r2t = R2t::parse(&frame.bhs);
            false
        }
        Opcode::NopIn => pdu.itt != RESERVED_TAG,
        _ => true,
    };
    if takes {
        assert!(
            seen.stat_sn.is_none_or(|last| pdu.stat_sn == last.wrapping_add(1)),
            "{opcode:?} {seen:?} {pdu:?}"
        );
        seen.stat_sn = Some(pdu.stat_sn);
    }
    if opcode != Opcode::LoginResponse {
        let last = seen.max_cmd_sn.unwrap_or(pdu.max_cmd_sn);
        assert!(serial::le(last, pdu.max_cmd_sn), "{opcode:?}: MaxCmdSN {last} -> {}", pdu.max_cmd_sn);
        assert!(serial::le(pdu.exp_cmd_sn.wrapping_sub(1), pdu.max_cmd_sn));
        seen.max_cmd_sn = Some(pdu.max_cmd_sn);
        seen.exp_cmd_sn = pdu.exp_cmd_sn;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn polling_connections_in_another_order_changes_no_byte(script in moves()) {
        let run = |reverse| {
            let mut chaos = Chaos::new(reverse);
            for step in &script {
                chaos.play(step);
            }
            chaos.lab.world.sides.into_iter().map(|(id, side)| (id, side.bytes)).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(run(false), run(true));
    }

    #[test]
    fn looking_at_the_clock_too_often_changes_no_byte(script in moves()) {
        let run = |often| {
            let mut chaos = Chaos::new(false);
            for step in &script {
                chaos.play(step);
                if often {
                    chaos.lab.input(Input::Timeout);
                }
            }
            chaos.lab.world.sides.into_iter().map(|(id, side)| (id, side.bytes)).collect::<BTreeMap<_, _>>()
        };
        prop_assert_eq!(run(false), run(true));
    }

    #[test]
    fn no_peer_and_no_disk_can_break_it(script in moves()) {
        let mut chaos = Chaos::new(false);
        for step in &script {
            chaos.play(step);
        }
        // When all is over nothing is left.
        chaos.lab.world.clogged.clear();
        let ids: Vec<ConnId> = chaos.lab.world.sides.keys().copied().collect();
        for id in ids {
            if chaos.lab.world.alive(id) {
                chaos.lab.close(id);
            }
        }
        chaos.lab.release_disk();
        chaos.lab.sleep(Duration::from_secs(60));
        let usage = chaos.lab.target.usage();
        prop_assert_eq!(usage, Default::default());
        prop_assert_eq!(chaos.lab.target.poll_timeout(), None);
    }
}
