//! Whatever PDUs get lost, are damaged or come twice, and whenever the connection breaks: at ErrorRecoveryLevel 1 and 2 commands
//! end with the right data (RFC 7143 7.1.4). A small initiator that recovers stands at the other end.

mod common;

use common::{Lab, Login, Way, config, frame, pattern, read10, tmf, write10};
use core::time::Duration;
use proptest::prelude::*;
use target_core::conn::framing::{Frame, Verdict};
use target_core::io::DeviceId;
use target_core::wire::{
    DataIn, DataOut, Lun, NopIn, NopOut, Opcode, R2t, RESERVED_TAG, ScsiResponse, Snack, SnackType,
    TaskRequest,
};

const LUN0: Lun = Lun(0);
const KEYS: [&str; 6] = [
    "MaxRecvDataSegmentLength=512",
    "MaxBurstLength=2048",
    "DefaultTime2Retain=60",
    "InitialR2T=Yes",
    "ImmediateData=No",
    "MaxOutstandingR2T=1",
];

/// What happens to a PDU on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    Damaged,
    /// The connection breaks instead; only at level 2.
    Breaks,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        12 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        2 => Just(Fate::Twice),
        2 => Just(Fate::Damaged),
        1 => Just(Fate::Breaks),
    ];
    proptest::collection::vec(fate, 0..60)
}

struct Initiator {
    lab: Lab,
    login: Login,
    level: u8,
    fates: std::vec::IntoIter<Fate>,
    broken: bool,
}

impl Initiator {
    fn new(level: u8, fates: Vec<Fate>) -> Self {
        let mut config = config();
        config.offer.error_recovery_level = level;
        config.offer.time2retain = 60;
        let mut lab = Lab::new(config);
        let key = format!("ErrorRecoveryLevel={level}");
        let login = lab.ready(&[&KEYS[..], &[key.as_str()]].concat());
        Self { lab, login, level, fates: fates.into_iter(), broken: false }
    }

    fn fate(&mut self) -> Fate {
        match self.fates.next().unwrap_or(Fate::Arrives) {
            Fate::Breaks if self.level < 2 => Fate::Lost,
            fate => fate,
        }
    }

    /// Sends a PDU that may meet with something.
    fn send(&mut self, frame: Frame) {
        let times = match self.fate() {
            Fate::Arrives => 1,
            Fate::Lost => 0,
            Fate::Twice => 2,
            Fate::Damaged => return self.hand_in(Frame { verdict: Verdict::DataDigest, ..frame }),
            Fate::Breaks => return self.broken = true,
        };
        for _ in 0..times {
            self.hand_in(frame.clone());
        }
    }

    fn hand_in(&mut self, frame: Frame) {
        if self.lab.end(self.login.conn).is_none() {
            self.lab.send_frame(self.login.conn, frame);
        }
    }

    /// What arrives of what the target sent.
    fn receive(&mut self) -> Vec<Frame> {
        let mut came = Vec::new();
        for frame in self.lab.take(self.login.conn) {
            let opcode = Opcode::of(&frame.bhs);
            let ping = NopIn::parse(&frame.bhs);
            if opcode == Some(Opcode::NopIn) && ping.ttt != RESERVED_TAG {
                let answer = NopOut {
                    immediate: true,
                    itt: RESERVED_TAG,
                    ttt: ping.ttt,
                    lun: ping.lun,
                    cmd_sn: self.login.cmd_sn,
                    exp_stat_sn: self.login.exp_stat_sn,
                    ..NopOut::default()
                };
                self.hand_in(common::frame(answer.emit(), &[]));
                continue;
            }
            match self.fate() {
                Fate::Arrives => came.push(frame),
                Fate::Twice => came.extend([frame.clone(), frame]),
                Fate::Lost | Fate::Damaged => {}
                Fate::Breaks => {
                    self.broken = true;
                    break;
                }
            }
        }
        came
    }

    fn snack(&mut self, kind: SnackType, itt: u32) {
        let pdu = Snack {
            kind: kind.code(),
            itt,
            ttt: RESERVED_TAG,
            exp_stat_sn: self.login.exp_stat_sn,
            ..Snack::default()
        };
        self.hand_in(frame(pdu.emit(), &[]));
    }

    /// Nothing comes any more: asks for the status, and for the data of a read. Lost R2Ts and Data-Outs are left to the target's
    /// patience (7.1.4.1).
    fn ask(&mut self, itt: u32, way: Way) {
        self.snack(SnackType::Status, RESERVED_TAG);
        if way == Way::In {
            return self.snack(SnackType::DataOrR2t, itt);
        }
        let patience = self.lab.target.config().timers.data_out;
        for _ in 0..patience.as_secs() / 10 {
            self.lab.sleep(Duration::from_secs(10));
            let alive = common::nop(&self.login, 7777, true).emit();
            self.hand_in(frame(alive, &[]));
        }
    }

    /// The connection is gone: takes its place and its command. False if that is not possible.
    fn reconnect(&mut self, itt: u32) -> bool {
        self.broken = false;
        if self.level < 2 {
            return false;
        }
        self.lab.close(self.login.conn);
        self.login = self.lab.join(&self.login, 0, &["MaxRecvDataSegmentLength=512"]);
        let pdu = TaskRequest { referenced_task_tag: itt, ..tmf(&self.login, 8888, 8, LUN0) };
        self.hand_in(frame(pdu.emit(), &[]));
        self.lab.expect(self.login.conn, Opcode::TaskResponse);
        true
    }

    /// Runs a command to its end; what was read. `None` if the target gave the connection up, which it may at level 1.
    fn run(&mut self, itt: u32, cdb: &[u8], way: Way, data: &[u8]) -> Option<Vec<u8>> {
        let len = data.len();
        let (mut read, mut have) = (vec![0; len], vec![way == Way::Out; len]);
        let (mut r2ts, mut status) = (Vec::new(), None);
        self.lab.begin(&mut self.login, itt, cdb, len as u32, way);
        for _ in 0..500 {
            let gone = self.lab.end(self.login.conn).is_some();
            if (self.broken || gone) && !self.reconnect(itt) {
                return None;
            }
            let came = self.receive();
            if came.is_empty() && !self.broken {
                self.ask(itt, way);
            }
            for frame in came {
                match Opcode::of(&frame.bhs) {
                    Some(Opcode::DataIn) => {
                        let pdu = DataIn::parse(&frame.bhs);
                        let at = pdu.buffer_offset as usize..pdu.buffer_offset as usize + frame.data.len();
                        read[at.clone()].copy_from_slice(&frame.data);
                        have[at].fill(true);
                        status = status.or(pdu.status_bit.then_some((pdu.status, pdu.stat_sn)));
                    }
                    Some(Opcode::R2t) => {
                        let r2t = R2t::parse(&frame.bhs);
                        // Duplicates are discarded (7.9).
                        if !r2ts.contains(&r2t.ttt) {
                            r2ts.push(r2t.ttt);
                            self.answer(&r2t, data);
                        }
                    }
                    Some(Opcode::ScsiResponse) => {
                        let pdu = ScsiResponse::parse(&frame.bhs);
                        if pdu.itt == itt {
                            status = Some((pdu.status, pdu.stat_sn));
                        }
                    }
                    _ => {}
                }
            }
            if let Some((0, stat_sn)) = status.filter(|_| have.iter().all(|have| *have)) {
                self.login.exp_stat_sn = stat_sn + 1;
                return Some(read);
            }
        }
        panic!("the command does not end: {status:?}");
    }

    fn answer(&mut self, r2t: &R2t, data: &[u8]) {
        let (from, len) = (r2t.buffer_offset as usize, r2t.desired_data_transfer_length as usize);
        let pieces: Vec<_> = data[from..from + len].chunks(512).collect();
        let last = pieces.len() - 1;
        for (at, piece) in pieces.into_iter().enumerate() {
            let pdu = DataOut {
                final_bit: at == last,
                itt: r2t.itt,
                ttt: r2t.ttt,
                lun: r2t.lun,
                data_sn: at as u32,
                buffer_offset: (from + 512 * at) as u32,
                exp_stat_sn: self.login.exp_stat_sn,
                ..DataOut::default()
            };
            self.send(frame(pdu.emit(), piece));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_lost_is_recovered(level in 1u8..3, fates in fates(), blocks in 1u16..12, seed: u8) {
        let mut it = Initiator::new(level, fates);
        let data = pattern(usize::from(blocks) * 512, seed);
        if it.run(5, &write10(0, blocks), Way::Out, &data).is_some() {
            prop_assert_eq!(&it.lab.world.disks[&DeviceId(0)][..data.len()], &data[..]);
            if let Some(read) = it.run(6, &read10(0, blocks), Way::In, &data) {
                prop_assert_eq!(read, data);
            }
        }
        // Nothing stays behind.
        if it.lab.world.alive(it.login.conn) {
            it.lab.close(it.login.conn);
        }
        it.lab.sleep(Duration::from_secs(300));
        let usage = it.lab.target.usage();
        prop_assert_eq!((usage.sessions, usage.tasks, usage.held_bytes, usage.connections), (0, 0, 0, 0));
    }
}
