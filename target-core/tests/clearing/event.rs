//! How the events happen.

use super::play::{ISID, LUN0, NEW_CMD_SN, Play, offer};
use super::{Event, Object};
use crate::common::{Login, logout, tmf};
use core::time::Duration;
use target_core::wire::{LogoutRequest, Opcode, TaskResponse};

const LUN_RESET: u8 = 5;
const WARM_RESET: u8 = 6;
const COLD_RESET: u8 = 7;
/// Tag of the reset.
pub const RESET: u32 = 901;

impl Play {
    pub fn happens(&mut self, event: Event, object: Object) {
        match event {
            Event::Nothing => {}
            Event::ConnFailure | Event::ConnTimeout => {
                self.fail_one();
                if event == Event::ConnTimeout {
                    self.sleep(23);
                }
            }
            Event::FailedLogout => self.fail_logout(object),
            Event::SessionFailure
            | Event::SessionTimeout
            | Event::SessionContinuation
            | Event::ContinuationSameCid => {
                self.fail_one();
                self.lab.close(self.two.conn);
                self.ask = None;
                if event == Event::SessionTimeout {
                    self.lab.sleep(Duration::from_secs(23));
                } else {
                    self.join(if event == Event::ContinuationSameCid { 0 } else { 9 });
                }
            }
            Event::SessionClosure => self.log_out(0),
            Event::SessionReinstatement | Event::LeadingLogin => {
                self.one_is_up = false;
                let (conn, response) = self.log_in(0, 0, NEW_CMD_SN, 0);
                assert_eq!((response.status, response.exp_cmd_sn), (0, NEW_CMD_SN));
                let exp_stat_sn = response.stat_sn + 1;
                self.new = Some(Login { conn, cmd_sn: NEW_CMD_SN, exp_stat_sn, tsih: response.tsih });
            }
            Event::CloseLogout => self.log_out(1),
            Event::RecoveryLogout => self.log_out(2),
            Event::LaterLogin => {
                self.join(7);
                self.ask = Some(self.two);
            }
            Event::ConnReinstatement => {
                self.join(0);
                self.one_is_up = false;
            }
            Event::UnitReset if object == Object::Immediate => self.foreign_reset(),
            Event::ColdReset | Event::WarmReset | Event::UnitReset => self.reset(event, object),
            Event::PowerCycle => self.lab.power_cycle(offer(self.level)),
        }
        if event.ends_session() {
            self.ask = None;
        }
    }

    fn fail_one(&mut self) {
        self.one_is_up = false;
        self.lab.close(self.one.conn);
    }

    /// The connection fails while a logout of it waits for its turn; then that turn comes.
    fn fail_logout(&mut self, object: Object) {
        let gap = self.one.cmd_sn;
        let (before, gap) = match object {
            Object::Held => (gap + 2, None),
            Object::Immediate => (gap, None),
            _ => (gap + 1, Some(gap)),
        };
        let login = Login { cmd_sn: before, ..self.one };
        let pdu = LogoutRequest { immediate: false, cid: 0, ..logout(&login, 900, 1) };
        self.lab.send(login.conn, pdu.emit(), &[]);
        assert!(self.came(login.conn, Opcode::LogoutResponse).is_empty());
        self.fail_one();
        if let Some(gap) = gap {
            self.fill(self.two, gap);
            self.advance();
        }
    }

    /// A logout over the other connection, of the session or of the connection in question.
    fn log_out(&mut self, reason: u8) {
        let pdu = LogoutRequest { cid: 0, ..logout(&self.two, 900, reason) };
        self.lab.send(self.two.conn, pdu.emit(), &[]);
        assert_eq!(self.came(self.two.conn, Opcode::LogoutResponse), [900]);
        self.one_is_up = false;
    }

    /// A reset, over the other connection. By the standard semantics it waits for what the target asked for; with FastAbort
    /// it does not (note 20).
    fn reset(&mut self, event: Event, object: Object) {
        let function = match event {
            Event::ColdReset => COLD_RESET,
            Event::WarmReset => WARM_RESET,
            _ => LUN_RESET,
        };
        if self.fast && object == Object::Ttt {
            // Over another connection the response would wait until this one says that it sends nothing more (4.2.3.4 d, e).
            self.acknowledge();
            self.lab.send(self.one.conn, tmf(&self.one, RESET, function, LUN0).emit(), &[]);
            return assert_eq!(self.came(self.one.conn, Opcode::TaskResponse), [RESET], "{event:?}");
        }
        self.lab.send(self.two.conn, tmf(&self.two, RESET, function, LUN0).emit(), &[]);
        self.acknowledge();
        if !self.fast && matches!(object, Object::Ttt | Object::HeldData) {
            assert!(self.came(self.two.conn, Opcode::TaskResponse).is_empty(), "it waits for the data");
            let (data_sn, offset) = if object == Object::Ttt { (0, 0) } else { (2, 512) };
            self.data_out(self.one, self.ttt, data_sn, offset, true);
            self.acknowledge();
        }
        if object == Object::Partial {
            // The response comes behind what waits here and is of no task: the ping's answer, with FastAbort event 5.
            self.lab.world.clogged.clear();
            self.lab.flush(self.one.conn);
            self.acknowledge();
        }
        assert_eq!(self.came(self.two.conn, Opcode::TaskResponse), [RESET], "{event:?}, {object:?}");
    }

    /// A reset of the logical unit by another initiator port, which no gap of this session holds up.
    fn foreign_reset(&mut self) {
        let other = self.lab.ready_as(ISID + 1, &[]);
        self.lab.send(other.conn, tmf(&other, RESET, LUN_RESET, LUN0).emit(), &[]);
        let response = TaskResponse::parse(&self.lab.expect(other.conn, Opcode::TaskResponse).bhs);
        assert_eq!(response.response, 0);
    }
}
