//! Whether the object is gone, as seen from outside: over the connection if it is up, else over the one where the session
//! is still to be had, else by a new session.

use super::play::{ISID, ITT, LUN0, NEW_CMD_SN, PING, Play, VICTIM};
use super::{Event, Object};
use crate::common::{Login, Way, logout, nop, read10, scsi, tmf};
use target_core::api::ConnId;
use target_core::conn::batch::TxBatch;
use target_core::io::DeviceId;
use target_core::wire::{DataIn, LogoutRequest, NopIn, Opcode, R2t, ScsiCommand, TaskRequest, TaskResponse};

const ABORT_TASK_SET: u8 = 2;
const REASSIGN: u8 = 8;
const QUERY_TASK: u8 = 9;
const COMPLETE: u8 = 0;
const NO_TASK: u8 = 1;
const NO_SESSION: u16 = 0x020a;
const ORDERED: u8 = 2;
/// StatSN that every connection begins with.
const FIRST_STAT_SN: u32 = 1;
/// Tag of a function that looks.
const LOOK: u32 = 902;

impl Play {
    pub fn is_gone(&mut self, event: Event, object: Object) -> bool {
        if event == Event::LeadingLogin && matches!(object, Object::StatSn | Object::CmdSn) {
            let new = self.new.expect("the event is a login");
            return !self.goes_on(new);
        }
        if event.ends_session() && !(self.fast && object == Object::Ttt) {
            return self.ended_with_session(object);
        }
        let continued = self.level == 2 && event.leaves_tasks();
        match object {
            Object::Ttt => self.tag_is_gone(event, continued),
            Object::Immediate => self.function_is_gone(),
            Object::ConnTask | Object::SessionTask => self.query(ITT) == COMPLETE,
            Object::Partial => self.output_is_gone(event, continued),
            Object::Held => self.held_is_gone(),
            Object::HeldData => self.data_is_gone(event, continued),
            Object::StatSn => self.stat_sn_is_gone(event),
            Object::CmdSn => self.exp_cmd_sn(self.asked()) != self.one.cmd_sn,
            Object::DataSn => {
                if continued {
                    self.reassign(event);
                } else {
                    self.data_out(self.one, self.ttt, 1, 512, true);
                }
                let conn = if continued { self.asked().conn } else { self.one.conn };
                self.take_r2t(conn).is_none_or(|r2t| r2t.r2t_sn != 1)
            }
        }
    }

    fn asked(&self) -> Login {
        self.ask.expect("the session is there")
    }

    fn tag_is_gone(&mut self, event: Event, continued: bool) -> bool {
        if self.one_is_up {
            self.lab.take(self.one.conn);
            self.data_out(self.one, self.ttt, 0, 0, true);
            return !self.came(self.one.conn, Opcode::Reject).is_empty();
        }
        let ask = self.asked();
        if !continued {
            // ABORT TASK SET waits for what is still expected (RFC 7143 4.2.3.3).
            self.lab.send(ask.conn, tmf(&ask, LOOK, ABORT_TASK_SET, LUN0).emit(), &[]);
            self.acknowledge();
            return self.came(ask.conn, Opcode::TaskResponse).contains(&LOOK);
        }
        // The command asks anew, and what comes with the old tag is not taken.
        self.reassign(event);
        let Some(r2t) = self.take_r2t(ask.conn) else { return false };
        self.data_out(ask, self.ttt, 0, 0, true);
        let none = self.came(ask.conn, Opcode::ScsiResponse).is_empty() && self.disk_is_empty();
        self.data_out(ask, r2t.ttt, 0, 0, true);
        r2t.ttt != self.ttt && none && self.came(ask.conn, Opcode::ScsiResponse) == [ITT]
    }

    fn function_is_gone(&mut self) -> bool {
        // The command that it waited for comes.
        let ask = self.asked();
        self.fill(ask, self.cmd_sn);
        self.acknowledge();
        let answered = [self.one.conn, self.two.conn, ask.conn]
            .into_iter()
            .any(|conn| self.came(conn, Opcode::TaskResponse).contains(&ITT));
        // Without its connection it could still have its effect.
        !answered && (self.one_is_up || self.query(VICTIM) != COMPLETE)
    }

    fn output_is_gone(&mut self, event: Event, continued: bool) -> bool {
        let gone = !self.unclog();
        if !continued {
            return gone;
        }
        // Nothing of it is left over: the whole answer comes where the command goes on.
        self.reassign(event);
        let conn = self.asked().conn;
        let frame =
            self.lab.take(conn).into_iter().find(|frame| Opcode::of(&frame.bhs) == Some(Opcode::DataIn));
        gone && frame.is_some_and(|frame| {
            let data = DataIn::parse(&frame.bhs);
            (data.itt, data.data_sn, frame.data.len()) == (ITT, 0, 512)
        })
    }

    /// The transport takes data again, if there is one: true if anything of the command is sent.
    fn unclog(&mut self) -> bool {
        let conn = self.one.conn;
        self.lab.world.clogged.clear();
        self.lab.flush(conn);
        if !self.lab.world.alive(conn) {
            let mut batch = TxBatch::new(1 << 16);
            self.lab.target.poll_transmit(self.lab.now, conn, &mut batch);
            assert_eq!(batch.chunks().count(), 0);
        }
        self.is_heard()
    }

    /// An answer to the command came over any connection, or one to the ping over a connection that was closed.
    fn is_heard(&self) -> bool {
        let conns: Vec<ConnId> = self.lab.world.sides.keys().copied().collect();
        let pong = !self.one_is_up && self.came(self.one.conn, Opcode::NopIn).contains(&PING);
        pong || conns.into_iter().any(|conn| {
            [Opcode::DataIn, Opcode::ScsiResponse].iter().any(|kind| self.came(conn, *kind).contains(&ITT))
        })
    }

    fn held_is_gone(&mut self) -> bool {
        // The gap is filled: if the command is still there, the window passes it.
        let ask = self.asked();
        self.fill(ask, self.cmd_sn);
        let passed = self.exp_cmd_sn(ask) == self.cmd_sn + 2;
        let answered = self.came(self.one.conn, Opcode::ScsiResponse).contains(&ITT);
        // A number that counts as received without its command passes as well.
        !(passed && (answered || self.query(ITT) != COMPLETE))
    }

    fn data_is_gone(&mut self, event: Event, continued: bool) -> bool {
        let ask = self.asked();
        if continued {
            self.reassign(event);
            let r2t = self.take_r2t(ask.conn).expect("it asks for what is missing");
            return (r2t.buffer_offset, r2t.desired_data_transfer_length) == (0, 1024);
        }
        // The end of the sequence; then only what is missing is asked for, and with that the command is done.
        let on = if self.one_is_up { self.one } else { ask };
        self.data_out(on, self.ttt, 2, 512, true);
        if let Some(r2t) = self.take_r2t(on.conn) {
            self.data_out(on, r2t.ttt, 0, 0, true);
        }
        !self.is_heard() && self.disk_is_empty()
    }

    fn disk_is_empty(&self) -> bool {
        self.lab.world.disks[&DeviceId(0)].iter().all(|byte| *byte == 0)
    }

    fn stat_sn_is_gone(&mut self, event: Event) -> bool {
        match event {
            Event::ConnFailure | Event::SessionFailure | Event::FailedLogout | Event::RecoveryLogout => {
                // A login in its place acknowledges by the old numbers; without that the status is still to be had.
                self.join(0);
                let response = self.reassign_now();
                assert!(matches!(response, COMPLETE | NO_TASK));
                if self.acknowledges { response == COMPLETE } else { response == NO_TASK }
            }
            Event::ConnTimeout | Event::CloseLogout => {
                let old = self.stat_sn + 1;
                self.join(0).exp_stat_sn != old + 1
            }
            _ => {
                self.acknowledge();
                let new = self.new;
                let up = self.one_is_up;
                let logins = [Some(self.one).filter(|_| up), Some(self.two), new];
                !logins.into_iter().flatten().all(|login| self.goes_on(login))
            }
        }
    }

    /// StatSN and CmdSN of a connection go on from where they are.
    fn goes_on(&mut self, login: Login) -> bool {
        self.lab.take(login.conn);
        self.lab.send(login.conn, nop(&login, 778, true).emit(), &[]);
        let first = NopIn::parse(&self.lab.expect(login.conn, Opcode::NopIn).bhs);
        let next = Login { exp_stat_sn: login.exp_stat_sn + 1, ..login };
        self.lab.send(login.conn, nop(&next, 779, true).emit(), &[]);
        let second = NopIn::parse(&self.lab.expect(login.conn, Opcode::NopIn).bhs);
        (first.stat_sn, second.stat_sn) == (login.exp_stat_sn, next.exp_stat_sn)
            && first.exp_cmd_sn == login.cmd_sn
    }

    fn exp_cmd_sn(&mut self, ask: Login) -> u32 {
        self.lab.take(ask.conn);
        self.lab.send(ask.conn, nop(&ask, 779, true).emit(), &[]);
        NopIn::parse(&self.lab.expect(ask.conn, Opcode::NopIn).bhs).exp_cmd_sn
    }

    /// The response to QUERY TASK.
    fn query(&mut self, itt: u32) -> u8 {
        let ask = self.asked();
        self.lab.take(ask.conn);
        let pdu = TaskRequest {
            referenced_task_tag: itt,
            ref_cmd_sn: self.cmd_sn,
            ..tmf(&ask, LOOK, QUERY_TASK, LUN0)
        };
        self.lab.send(ask.conn, pdu.emit(), &[]);
        TaskResponse::parse(&self.lab.expect(ask.conn, Opcode::TaskResponse).bhs).response
    }

    /// Has the command go on where the session can be asked; what it sends is left in the inbox.
    fn reassign(&mut self, event: Event) {
        let logged_out =
            matches!(event, Event::RecoveryLogout | Event::ContinuationSameCid | Event::ConnReinstatement);
        if !logged_out {
            let ask = self.asked();
            let pdu = LogoutRequest { cid: 0, ..logout(&ask, 905, 2) };
            self.lab.send(ask.conn, pdu.emit(), &[]);
        }
        assert_eq!(self.reassign_now(), COMPLETE);
    }

    fn reassign_now(&mut self) -> u8 {
        let ask = self.asked();
        self.lab.take(ask.conn);
        let pdu = TaskRequest { referenced_task_tag: ITT, ..tmf(&ask, LOOK, REASSIGN, LUN0) };
        self.lab.send(ask.conn, pdu.emit(), &[]);
        TaskResponse::parse(&self.lab.expect(ask.conn, Opcode::TaskResponse).bhs).response
    }

    fn take_r2t(&mut self, conn: ConnId) -> Option<R2t> {
        let frames = self.lab.take(conn);
        let found = frames.iter().find(|frame| Opcode::of(&frame.bhs) == Some(Opcode::R2t));
        found.map(|frame| R2t::parse(&frame.bhs))
    }

    /// The session is over: it cannot be joined, its connections end, no command of it is in the way of another initiator's,
    /// no storage operation goes on, and nothing more is answered or written.
    fn ended_with_session(&mut self, object: Object) -> bool {
        let heard = self.unclog();
        let (_, refusal) = self.log_in(self.one.tsih, 5, self.one.cmd_sn, 0);
        let open = [self.one.conn, self.two.conn]
            .into_iter()
            .any(|conn| self.lab.world.alive(conn) && self.lab.end(conn).is_none());
        if refusal.status != NO_SESSION || open {
            return false;
        }
        if matches!(object, Object::StatSn | Object::CmdSn) {
            let new = self.new.unwrap_or_else(|| {
                let (conn, response) = self.log_in(0, 0, NEW_CMD_SN, 0);
                let exp_stat_sn = response.stat_sn + 1;
                Login { conn, cmd_sn: NEW_CMD_SN, exp_stat_sn, tsih: response.tsih }
            });
            // The new numbers are those of the new login.
            return new.exp_stat_sn == FIRST_STAT_SN + 1 && self.goes_on(new);
        }
        let world = &self.lab.world;
        let stopped = world.held.iter().all(|(id, ..)| world.cancelled.contains(id));
        let acted = matches!(object, Object::Immediate)
            && self.came(self.one.conn, Opcode::TaskResponse).contains(&ITT);
        !heard && !acted && stopped && self.disk_is_empty() && self.unit_is_free()
    }

    /// An ORDERED command of another initiator port waits for nothing.
    fn unit_is_free(&mut self) -> bool {
        let other = self.lab.ready_as(ISID + 1, &[]);
        let read = scsi(&other, LUN0, ITT + 1, &read10(0, 1), 512, Some(Way::In));
        self.lab.world.stuck = false;
        self.lab.send(other.conn, ScsiCommand { attr: ORDERED, ..read }.emit(), &[]);
        self.came(other.conn, Opcode::DataIn) == [ITT + 1]
    }
}
