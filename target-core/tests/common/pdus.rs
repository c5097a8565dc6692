//! PDUs as a correct initiator sends them, and a login that keeps its numbers.

use super::{IQN, Lab};
use bytes::Bytes;
use target_core::api::{ConnId, Flow};
use target_core::conn::framing::{Frame, Verdict};
use target_core::wire::{
    BHS_LEN, LoginRequest, LoginResponse, LogoutRequest, Lun, NopOut, Opcode, RESERVED_TAG, ScsiCommand,
    ScsiResponse, TaskRequest,
};

pub fn frame(bhs: [u8; BHS_LEN], data: &[u8]) -> Frame {
    let mut bhs = bhs;
    let length = (data.len() as u32).to_be_bytes();
    bhs[5..8].copy_from_slice(&length[1..]);
    Frame { bhs, ahs: Bytes::new(), data: Bytes::copy_from_slice(data), verdict: Verdict::Good }
}

/// Keys of a normal login with nothing special.
pub fn keys(more: &[&str]) -> Vec<u8> {
    let name = format!("TargetName={IQN}");
    let mut all = vec!["InitiatorName=iqn.2026-01.lab:host", "SessionType=Normal", &name];
    all.extend_from_slice(more);
    all.iter().flat_map(|pair| pair.bytes().chain([0])).collect()
}

/// A connection in full feature phase, with the numbers its initiator keeps.
#[derive(Clone, Copy, Debug)]
pub struct Login {
    pub conn: ConnId,
    pub cmd_sn: u32,
    pub exp_stat_sn: u32,
    pub tsih: u16,
}

impl Lab {
    pub fn login_request(&mut self, isid: u8, tsih: u16, cid: u16) -> LoginRequest {
        LoginRequest {
            transit: true,
            csg: 1,
            nsg: 3,
            isid: [0x80, 0, 0, 0, 0, isid],
            tsih,
            cid,
            itt: 1,
            cmd_sn: 100,
            ..LoginRequest::default()
        }
    }

    pub fn login(&mut self, more: &[&str]) -> Login {
        self.login_as(1, more)
    }

    pub fn login_as(&mut self, isid: u8, more: &[&str]) -> Login {
        let conn = self.open();
        let request = self.login_request(isid, 0, 0);
        self.login_with(conn, request, more)
    }

    pub fn login_with(&mut self, conn: ConnId, request: LoginRequest, more: &[&str]) -> Login {
        let status = self.send(conn, request.emit(), &keys(more));
        assert_eq!(status.flow, Flow::Open);
        let response = LoginResponse::parse(&self.expect(conn, Opcode::LoginResponse).bhs);
        assert_eq!((response.status, response.transit, response.nsg), (0, true, 3));
        let mut login = Login { conn, cmd_sn: 100, exp_stat_sn: response.stat_sn + 1, tsih: response.tsih };
        assert_eq!(response.exp_cmd_sn, login.cmd_sn);
        login.cmd_sn = response.exp_cmd_sn;
        login
    }

    /// A command that moves data: its PDU is sent, its answers are left to the test.
    pub fn begin(&mut self, login: &mut Login, itt: u32, cdb: &[u8], edtl: u32, way: Way) {
        self.send(login.conn, scsi(login, Lun(0), itt, cdb, edtl, Some(way)).emit(), &[]);
        login.cmd_sn = login.cmd_sn.wrapping_add(1);
    }

    /// Takes everything that came in on a connection.
    pub fn take(&mut self, conn: ConnId) -> Vec<Frame> {
        self.world.sides.get_mut(&conn).unwrap().inbox.drain(..).collect()
    }

    /// A ping that acknowledges everything before `exp_stat_sn`; its answer is taken.
    pub fn acknowledge(&mut self, login: &mut Login, exp_stat_sn: u32) {
        login.exp_stat_sn = exp_stat_sn;
        let itt = self.itt();
        self.send(login.conn, nop(login, itt, true).emit(), &[]);
        self.expect(login.conn, Opcode::NopIn);
    }

    /// Logs a further connection in to a session, or one in place of another with that CID.
    pub fn join(&mut self, session: &Login, cid: u16, more: &[&str]) -> Login {
        let conn = self.open();
        let request = LoginRequest { cmd_sn: session.cmd_sn, ..self.login_request(1, session.tsih, cid) };
        self.send(conn, request.emit(), &keys(more));
        let response = LoginResponse::parse(&self.expect(conn, Opcode::LoginResponse).bhs);
        assert_eq!((response.status, response.tsih), (0, session.tsih));
        assert_eq!(response.exp_cmd_sn, session.cmd_sn);
        Login { conn, exp_stat_sn: response.stat_sn + 1, ..*session }
    }

    /// Logs in and takes the unit attentions of both logical units away.
    pub fn ready(&mut self, more: &[&str]) -> Login {
        self.ready_as(1, more)
    }

    pub fn ready_as(&mut self, isid: u8, more: &[&str]) -> Login {
        let mut login = self.login_as(isid, more);
        for number in [0, 1] {
            let response = self.command(&mut login, Lun::from_number(number), &[0; 6]);
            assert_eq!(response.status, 2);
        }
        self.probes();
        login
    }

    /// A command without data, and its response.
    pub fn command(&mut self, login: &mut Login, lun: Lun, cdb: &[u8]) -> ScsiResponse {
        let itt = self.itt();
        let pdu = scsi(login, lun, itt, cdb, 0, None);
        login.cmd_sn = login.cmd_sn.wrapping_add(1);
        self.send(login.conn, pdu.emit(), &[]);
        let response = ScsiResponse::parse(&self.expect(login.conn, Opcode::ScsiResponse).bhs);
        assert_eq!(response.itt, itt);
        login.exp_stat_sn = response.stat_sn + 1;
        response
    }
}

/// Which way a command's data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    In,
    Out,
}

pub fn scsi(login: &Login, lun: Lun, itt: u32, cdb: &[u8], edtl: u32, way: Option<Way>) -> ScsiCommand {
    let mut bytes = [0; 16];
    bytes[..cdb.len()].copy_from_slice(cdb);
    ScsiCommand {
        final_bit: true,
        read: way == Some(Way::In),
        write: way == Some(Way::Out),
        attr: 1,
        lun,
        itt,
        edtl,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        cdb: bytes,
        ..ScsiCommand::default()
    }
}

pub fn read10(lba: u32, blocks: u16) -> [u8; 10] {
    let (lba, blocks) = (lba.to_be_bytes(), blocks.to_be_bytes());
    [0x28, 0, lba[0], lba[1], lba[2], lba[3], 0, blocks[0], blocks[1], 0]
}

pub fn write10(lba: u32, blocks: u16) -> [u8; 10] {
    let mut cdb = read10(lba, blocks);
    cdb[0] = 0x2a;
    cdb
}

pub fn pattern(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8).wrapping_add(seed)).collect()
}

pub fn nop(login: &Login, itt: u32, immediate: bool) -> NopOut {
    NopOut {
        immediate,
        itt,
        ttt: RESERVED_TAG,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        ..NopOut::default()
    }
}

pub fn tmf(login: &Login, itt: u32, function: u8, lun: Lun) -> TaskRequest {
    TaskRequest {
        immediate: true,
        function,
        lun,
        itt,
        referenced_task_tag: RESERVED_TAG,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        ..TaskRequest::default()
    }
}

pub fn logout(login: &Login, itt: u32, reason: u8) -> LogoutRequest {
    LogoutRequest {
        immediate: true,
        reason,
        itt,
        cmd_sn: login.cmd_sn,
        exp_stat_sn: login.exp_stat_sn,
        ..LogoutRequest::default()
    }
}

/// Sense key, ASC and ASCQ of a SCSI Response's data segment.
pub fn sense(frame: &Frame) -> (u8, u8, u8) {
    let data = &frame.data;
    assert_eq!(usize::from(u16::from_be_bytes([data[0], data[1]])), data.len() - 2);
    (data[4], data[14], data[15])
}
