//! One world: a session of two connections, and an object set up on the first.

use super::{Event, Object};
use crate::common::{Lab, Login, Way, config, keys, nop, pattern, read10, scsi, tmf, write10};
use core::time::Duration;
use target_core::api::ConnId;
use target_core::config::Config;
use target_core::wire::{DataOut, LoginRequest, LoginResponse, Lun, Opcode, R2t, RESERVED_TAG};

pub const LUN0: Lun = Lun(0);
pub const ISID: u8 = 1;
/// The command that is the object, or whose the object is.
pub const ITT: u32 = 500;
/// A ping whose answer waits behind it.
pub const PING: u32 = 501;
/// A read of the other connection that an ABORT TASK SET would hit.
pub const VICTIM: u32 = 600;
/// CmdSN that a login begins a new session with.
pub const NEW_CMD_SN: u32 = 5000;

/// A session of two connections, and what is known of the object.
pub struct Play {
    pub lab: Lab,
    pub level: u8,
    pub fast: bool,
    /// The connection in question, and the other one.
    pub one: Login,
    pub two: Login,
    /// Where the session can be asked after the event.
    pub ask: Option<Login>,
    /// The login that was the event.
    pub new: Option<Login>,
    /// The login that takes the CID over says that it has the status of the command (ExpStatSN).
    pub acknowledges: bool,
    pub one_is_up: bool,
    /// CmdSN of the command, or the one that is missing before it.
    pub cmd_sn: u32,
    pub ttt: u32,
    lun: Lun,
    /// StatSN of the command's status.
    pub stat_sn: u32,
}

pub fn offer(level: u8) -> Config {
    let mut config = config();
    config.offer.max_connections = 4;
    config.offer.error_recovery_level = level;
    config.offer.time2retain = 20;
    config
}

impl Play {
    pub fn new(level: u8, fast: bool) -> Self {
        let mut lab = Lab::new(offer(level));
        let recovery = format!("ErrorRecoveryLevel={level}");
        let mut all = vec![
            "MaxConnections=4",
            &recovery,
            "DefaultTime2Wait=2",
            "DefaultTime2Retain=20",
            "iSCSIProtocolLevel=2",
            "InitialR2T=Yes",
            "ImmediateData=No",
            "MaxBurstLength=1024",
        ];
        if fast {
            all.push("TaskReporting=FastAbort");
        }
        let one = lab.ready_as(ISID, &all);
        let two = lab.join(&one, 1, &[]);
        Self {
            lab,
            level,
            fast,
            one,
            two,
            ask: Some(two),
            new: None,
            acknowledges: false,
            one_is_up: true,
            cmd_sn: one.cmd_sn,
            ttt: RESERVED_TAG,
            lun: LUN0,
            stat_sn: 0,
        }
    }

    /// Sets the object up, lets the event happen, and looks whether the object is gone.
    pub fn is_gone_after(&mut self, event: Event, object: Object) -> bool {
        self.set_up(object);
        self.happens(event, object);
        self.is_gone(event, object)
    }

    fn set_up(&mut self, object: Object) {
        let conn = self.one.conn;
        match object {
            Object::Ttt => {
                self.write(LUN0, 1);
                self.advance();
            }
            Object::Immediate => {
                // ABORT TASK SET that waits for a command before it, and a task that it would hit.
                self.lab.world.stuck = true;
                self.send_read(self.two, VICTIM);
                self.advance();
                self.cmd_sn = self.one.cmd_sn;
                self.advance();
                self.lab.send(conn, tmf(&self.one, ITT, 2, LUN0).emit(), &[]);
                self.lab.expect_nothing(conn);
            }
            Object::ConnTask | Object::SessionTask => {
                self.lab.world.stuck = true;
                let on = if object == Object::ConnTask { self.one } else { self.two };
                self.send_read(on, ITT);
                self.advance();
            }
            Object::Partial => {
                self.lab.world.clogged.push(conn);
                self.send_read(self.one, ITT);
                self.advance();
                self.lab.send(conn, nop(&self.one, PING, true).emit(), &[]);
            }
            Object::Held => {
                self.lab.world.stuck = true;
                self.send_read(Login { cmd_sn: self.cmd_sn + 1, ..self.one }, ITT);
                self.lab.expect_nothing(conn);
                // What comes after is issued as if it were before it: the gap is ahead of it (note 1).
            }
            Object::HeldData => {
                self.write(LUN0, 2);
                self.advance();
                self.data_out(self.one, self.ttt, 1, 512, false);
            }
            Object::DataSn => {
                self.write(Lun::from_number(1), 4);
                self.advance();
                self.data_out(self.one, self.ttt, 0, 0, false);
            }
            Object::StatSn => {
                self.lab.send(conn, scsi(&self.one, LUN0, ITT, &[0; 6], 0, None).emit(), &[]);
                self.advance();
                // Its status was sent and is not acknowledged; the frame stays in the inbox.
                self.stat_sn = self.one.exp_stat_sn;
            }
            Object::CmdSn => {}
        }
    }

    /// A write of that many blocks that is asked for data, of which none is there.
    fn write(&mut self, lun: Lun, blocks: u16) {
        let edtl = u32::from(blocks) * 512;
        self.lun = lun;
        let write = scsi(&self.one, lun, ITT, &write10(0, blocks), edtl, Some(Way::Out));
        self.lab.send(self.one.conn, write.emit(), &[]);
        self.ttt = R2t::parse(&self.lab.expect(self.one.conn, Opcode::R2t).bhs).ttt;
    }

    fn send_read(&mut self, on: Login, itt: u32) {
        self.lab.send(on.conn, scsi(&on, LUN0, itt, &read10(0, 1), 512, Some(Way::In)).emit(), &[]);
    }

    /// A block of write data.
    pub fn data_out(&mut self, on: Login, ttt: u32, data_sn: u32, buffer_offset: u32, final_bit: bool) {
        let lun = self.lun;
        let data = DataOut { final_bit, lun, itt: ITT, ttt, data_sn, buffer_offset, ..DataOut::default() };
        self.lab.send(on.conn, data.emit(), &pattern(512, 1));
    }

    /// A command was sent.
    pub fn advance(&mut self) {
        self.one.cmd_sn += 1;
        self.two.cmd_sn += 1;
        if let Some(ask) = &mut self.ask {
            ask.cmd_sn += 1;
        }
    }

    /// Sends the missing command, to another logical unit.
    pub fn fill(&mut self, on: Login, cmd_sn: u32) {
        let filler = Login { cmd_sn, ..on };
        self.lab.send(on.conn, scsi(&filler, Lun::from_number(1), 777, &[0; 6], 0, None).emit(), &[]);
    }

    /// Logs a connection in to the session.
    pub fn join(&mut self, cid: u16) -> Login {
        let exp_stat_sn = if self.acknowledges { self.stat_sn + 1 } else { self.stat_sn };
        let session = Login { cmd_sn: self.one.cmd_sn, ..self.one };
        let (conn, response) = self.log_in(session.tsih, cid, session.cmd_sn, exp_stat_sn);
        assert_eq!(response.status, 0);
        let new = Login { conn, exp_stat_sn: response.stat_sn + 1, ..session };
        self.ask = Some(new);
        self.new = Some(new);
        new
    }

    pub fn log_in(&mut self, tsih: u16, cid: u16, cmd_sn: u32, exp_stat_sn: u32) -> (ConnId, LoginResponse) {
        let conn = self.lab.open();
        let request = LoginRequest { cmd_sn, exp_stat_sn, ..self.lab.login_request(ISID, tsih, cid) };
        self.lab.send(conn, request.emit(), &keys(&[]));
        (conn, LoginResponse::parse(&self.lab.expect(conn, Opcode::LoginResponse).bhs))
    }

    /// Lets time pass while the other connection shows that it is there.
    pub fn sleep(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.lab.sleep(Duration::from_secs(1));
            if self.ask.is_some() {
                self.lab.send(self.two.conn, nop(&self.two, RESERVED_TAG, true).emit(), &[]);
            }
        }
    }

    /// Acknowledges everything that came, until nothing more comes: responses wait behind a fence.
    pub fn acknowledge(&mut self) {
        for _ in 0..4 {
            for login in [&mut self.one, &mut self.two] {
                if !self.lab.world.alive(login.conn) || self.lab.end(login.conn).is_some() {
                    continue;
                }
                for frame in &self.lab.world.sides[&login.conn].inbox {
                    let stat_sn = u32::from_be_bytes(frame.bhs[24..28].try_into().expect("four bytes"));
                    let counts = match Opcode::of(&frame.bhs) {
                        Some(Opcode::NopIn) => target_core::wire::itt(&frame.bhs) != RESERVED_TAG,
                        Some(Opcode::R2t | Opcode::DataIn) => continue,
                        _ => true,
                    };
                    login.exp_stat_sn = login.exp_stat_sn.max(stat_sn + u32::from(counts));
                }
                self.lab.send(login.conn, nop(login, RESERVED_TAG, true).emit(), &[]);
            }
        }
    }

    /// The tags of the PDUs of a kind that came over a connection and are not taken.
    pub fn came(&self, conn: ConnId, opcode: Opcode) -> Vec<u32> {
        let inbox = &self.lab.world.sides[&conn].inbox;
        let of_kind = inbox.iter().filter(|frame| Opcode::of(&frame.bhs) == Some(opcode));
        of_kind.map(|frame| target_core::wire::itt(&frame.bhs)).collect()
    }
}
