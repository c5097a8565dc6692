//! A peer that asks for anything again, reassigns anything and drops connections at will: at ErrorRecoveryLevel 2 with several
//! connections nothing panics, limits hold, and in the end nothing is left.

mod common;

use common::{Lab, Login, Way, config, keys, logout, pattern, read10, scsi, tmf, write10};
use core::time::Duration;
use proptest::prelude::*;
use std::collections::BTreeSet;
use target_core::api::{ConnId, Event, Flow, Input};
use target_core::conn::framing::Verdict;
use target_core::io::IoDone;
use target_core::wire::{
    DataOut, LoginRequest, LogoutRequest, Lun, NopIn, Opcode, R2t, RESERVED_TAG, Snack, TaskRequest,
};

#[derive(Clone, Debug)]
enum Move {
    Command { conn: u8, itt: u8, write: bool, blocks: u8, immediate: bool },
    Data { conn: u8, sn: u8, final_bit: bool, bad: bool },
    Snack { conn: u8, kind: u8, itt: u8, tag: u8, beg: u8, len: u8 },
    Acknowledge { conn: u8, back: u8 },
    Reassign { conn: u8, itt: u8, exp: u8 },
    Logout { conn: u8, reason: u8, cid: u8 },
    Drop { conn: u8 },
    Join { conn: u8, cid: u8 },
    Io { pick: u8 },
    Clog { conn: u8, on: bool },
    Sleep { seconds: u8 },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let conn = || 0u8..3;
    let one = prop_oneof![
        8 => (conn(), 0u8..6, any::<bool>(), 1u8..9, proptest::bool::weighted(0.1))
            .prop_map(|(conn, itt, write, blocks, immediate)| Move::Command { conn, itt, write, blocks, immediate }),
        6 => (conn(), 0u8..3, any::<bool>(), proptest::bool::weighted(0.2))
            .prop_map(|(conn, sn, final_bit, bad)| Move::Data { conn, sn, final_bit, bad }),
        8 => (conn(), 0u8..5, 0u8..6, 0u8..20, 0u8..12, 0u8..5)
            .prop_map(|(conn, kind, itt, tag, beg, len)| Move::Snack { conn, kind, itt, tag, beg, len }),
        3 => (conn(), 0u8..4).prop_map(|(conn, back)| Move::Acknowledge { conn, back }),
        3 => (conn(), 0u8..6, 0u8..6).prop_map(|(conn, itt, exp)| Move::Reassign { conn, itt, exp }),
        1 => (conn(), 0u8..4, 0u8..4).prop_map(|(conn, reason, cid)| Move::Logout { conn, reason, cid }),
        2 => conn().prop_map(|conn| Move::Drop { conn }),
        4 => (conn(), 0u8..4).prop_map(|(conn, cid)| Move::Join { conn, cid }),
        6 => any::<u8>().prop_map(|pick| Move::Io { pick }),
        1 => (conn(), any::<bool>()).prop_map(|(conn, on)| Move::Clog { conn, on }),
        1 => (0u8..40).prop_map(|seconds| Move::Sleep { seconds }),
    ];
    proptest::collection::vec(one, 1..100)
}

struct Chaos {
    lab: Lab,
    conns: [Login; 3],
    cmd_sn: u32,
    tsih: u16,
    paused: BTreeSet<ConnId>,
}

impl Chaos {
    fn new() -> Self {
        let mut small = config();
        small.offer.error_recovery_level = 2;
        small.offer.max_connections = 3;
        small.offer.time2retain = 30;
        small.limits.commands = 6;
        small.limits.immediate = 3;
        small.limits.transfer_bytes = 4096;
        small.limits.held_bytes = 8192;
        let mut lab = Lab::new(small);
        let level = [
            "ErrorRecoveryLevel=2",
            "MaxConnections=3",
            "DefaultTime2Retain=20",
            "MaxBurstLength=1024",
            "MaxRecvDataSegmentLength=512",
            "FirstBurstLength=512",
        ];
        let one = lab.ready(&level);
        let conns = [one, lab.join(&one, 1, &[]), lab.join(&one, 2, &[])];
        lab.world.stuck = true;
        Self { lab, conns, cmd_sn: one.cmd_sn, tsih: one.tsih, paused: BTreeSet::new() }
    }

    /// The numbers of a connection as its initiator would have them.
    fn login(&self, conn: u8) -> Login {
        let login = self.conns[usize::from(conn)];
        let inbox = &self.lab.world.sides[&login.conn].inbox;
        let last = inbox.back().map(|frame| NopIn::parse(&frame.bhs).stat_sn);
        let exp_stat_sn = last.filter(|sn| *sn != 0).unwrap_or(login.exp_stat_sn);
        Login { cmd_sn: self.cmd_sn, exp_stat_sn, ..login }
    }

    fn send(&mut self, conn: ConnId, bhs: [u8; 48], data: &[u8], bad: bool) {
        if self.lab.end(conn).is_some() || !self.lab.world.alive(conn) {
            return;
        }
        let mut frame = common::frame(bhs, data);
        if bad {
            frame.verdict = Verdict::DataDigest;
        }
        for event in std::mem::take(&mut self.lab.world.events) {
            if let Event::Resume(id) = event {
                self.paused.remove(&id);
            }
        }
        if !self.paused.contains(&conn) && self.lab.send_frame(conn, frame).flow == Flow::Paused {
            self.paused.insert(conn);
        }
    }

    fn play(&mut self, step: &Move) {
        match *step {
            Move::Command { conn, itt, write, blocks, immediate } => {
                let login = self.login(conn);
                let bytes = u32::from(blocks) * 512;
                let way = if write { Way::Out } else { Way::In };
                let cdb = if write { write10(0, blocks.into()) } else { read10(0, blocks.into()) };
                let mut pdu = scsi(&login, Lun(0), itt.into(), &cdb, bytes, Some(way));
                pdu.immediate = immediate;
                self.send(login.conn, pdu.emit(), &[], false);
                if !immediate {
                    self.cmd_sn = self.exp_cmd_sn(conn);
                }
            }
            Move::Data { conn, sn, final_bit, bad } => {
                let login = self.login(conn);
                let inbox = &self.lab.world.sides[&login.conn].inbox;
                let r2t = inbox.iter().rev().find(|frame| Opcode::of(&frame.bhs) == Some(Opcode::R2t));
                let Some(r2t) = r2t.map(|frame| R2t::parse(&frame.bhs)) else { return };
                let at = u32::from(sn) * 512;
                let pdu = DataOut {
                    final_bit,
                    itt: r2t.itt,
                    ttt: r2t.ttt,
                    lun: r2t.lun,
                    data_sn: sn.into(),
                    buffer_offset: r2t.buffer_offset + at,
                    exp_stat_sn: login.exp_stat_sn,
                    ..DataOut::default()
                };
                let len = r2t.desired_data_transfer_length.saturating_sub(at).min(512);
                self.send(login.conn, pdu.emit(), &pattern(len as usize, sn), bad);
            }
            Move::Snack { conn, kind, itt, tag, beg, len } => {
                let login = self.login(conn);
                let status = kind == 1;
                let base = if status { login.exp_stat_sn.wrapping_sub(4) } else { 0 };
                let pdu = Snack {
                    kind,
                    lun: Lun(0),
                    itt: if kind == 1 || kind == 2 { RESERVED_TAG } else { itt.into() },
                    ttt: if kind >= 2 { tag.into() } else { RESERVED_TAG },
                    exp_stat_sn: 0,
                    beg_run: if beg == 0 || kind == 3 { 0 } else { base.wrapping_add(beg.into()) },
                    run_length: if kind == 3 { 0 } else { len.into() },
                    ..Snack::default()
                };
                self.send(login.conn, pdu.emit(), &[], false);
            }
            Move::Acknowledge { conn, back } => {
                let mut login = self.login(conn);
                login.exp_stat_sn = login.exp_stat_sn.wrapping_sub(back.into());
                self.send(login.conn, common::nop(&login, 900, true).emit(), &[], false);
            }
            Move::Reassign { conn, itt, exp } => {
                let login = Login { exp_stat_sn: 0, ..self.login(conn) };
                let pdu = TaskRequest {
                    referenced_task_tag: itt.into(),
                    exp_data_sn: exp.into(),
                    ..tmf(&login, 901, 8, Lun(0))
                };
                self.send(login.conn, pdu.emit(), &[], false);
            }
            Move::Logout { conn, reason, cid } => {
                let login = self.login(conn);
                // Closing the session ends the game; rarely is enough.
                let reason = if reason == 0 { 2 } else { reason };
                let pdu = LogoutRequest { cid: cid.into(), ..logout(&login, 902, reason) };
                self.send(login.conn, pdu.emit(), &[], false);
            }
            Move::Drop { conn } => {
                let id = self.conns[usize::from(conn)].conn;
                if self.lab.world.alive(id) {
                    self.lab.close(id);
                }
            }
            Move::Join { conn, cid } => {
                let old = self.conns[usize::from(conn)].conn;
                if self.lab.world.alive(old) {
                    self.lab.close(old);
                }
                let id = self.lab.open();
                let request =
                    LoginRequest { cmd_sn: self.cmd_sn, ..self.lab.login_request(1, self.tsih, cid.into()) };
                self.lab.send(id, request.emit(), &keys(&["MaxRecvDataSegmentLength=1024"]));
                self.conns[usize::from(conn)] = Login { conn: id, ..self.conns[usize::from(conn)] };
            }
            Move::Io { pick } => {
                let held = &mut self.lab.world.held;
                if !held.is_empty() {
                    let (id, device, op) = held.remove(usize::from(pick) % held.len());
                    let result = Ok(self.lab.world.perform(device, &op));
                    self.lab.input(Input::Io(IoDone { id, result }));
                }
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
            Move::Sleep { seconds } => self.lab.sleep(Duration::from_secs(seconds.into())),
        }
        self.check();
    }

    /// ExpCmdSN as a ping would tell it; the old number if nobody is there to say.
    fn exp_cmd_sn(&mut self, conn: u8) -> u32 {
        let id = self.conns[usize::from(conn)].conn;
        let last = self.lab.world.sides[&id].inbox.back().map(|frame| NopIn::parse(&frame.bhs).exp_cmd_sn);
        let known = last.filter(|sn| target_core::wire::serial::lt(self.cmd_sn, *sn));
        known.unwrap_or(self.cmd_sn.wrapping_add(1))
    }

    fn check(&self) {
        let usage = self.lab.target.usage();
        let limits = self.lab.target.config().limits;
        assert!(
            usage.tasks_of_one_session <= (2 * limits.commands + 3 * 2 * limits.immediate) as usize,
            "{usage:?}"
        );
        let most = limits.held_bytes + 2 * u64::from(limits.transfer_bytes) + 16_384;
        assert!(usage.held_bytes <= most, "{usage:?}");
        assert_eq!(usage.operations, self.lab.world.held.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_recovery_breaks_anything(script in moves()) {
        let mut chaos = Chaos::new();
        for step in &script {
            chaos.play(step);
        }
        chaos.lab.world.clogged.clear();
        for login in chaos.conns {
            if chaos.lab.world.alive(login.conn) {
                chaos.lab.close(login.conn);
            }
        }
        let open: Vec<ConnId> = chaos.lab.world.sides.keys().copied().collect();
        for id in open {
            if chaos.lab.world.alive(id) {
                chaos.lab.close(id);
            }
        }
        chaos.lab.release_disk();
        chaos.lab.sleep(Duration::from_secs(120));
        prop_assert_eq!(chaos.lab.target.usage(), Default::default());
        prop_assert_eq!(chaos.lab.target.poll_timeout(), None);
    }
}
