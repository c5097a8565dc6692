//! The clearing effects of RFC 7143 appendix E.1, row by row and column by column.
//!
//! [`ROWS`] is the two tables of the appendix, one letter a cell. The test plays every cell that can be seen from outside:
//! it sets the object up on a connection of a session with two, lets the event happen, and looks whether the object is
//! gone. A cell that cannot be seen says why in [`unseen`]; one where this target differs says so in [`differs`].

mod common;

use common::{Lab, Login, Way, config, keys, logout, nop, pattern, read10, scsi, tmf, write10};
use core::time::Duration;
use target_core::wire::{
    DataOut, LoginRequest, LoginResponse, LogoutRequest, Lun, NopIn, Opcode, R2t, RESERVED_TAG, TaskResponse,
};

/// The objects, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Object {
    /// IT: Target Transfer Tags on which something is still expected.
    Ttt,
    /// IC: immediate commands that wait for execution.
    Immediate,
    /// CT: tasks of the connection in question.
    ConnTask,
    /// ST: tasks of the whole session.
    SessionTask,
    /// PP: PDUs that are sent in part.
    Partial,
    /// DC: commands of the connection that wait for their turn.
    Held,
    /// DD: data that waits for data before it.
    HeldData,
    /// SS
    StatSn,
    /// CS
    CmdSn,
    /// DS
    DataSn,
}

const OBJECTS: [Object; 10] = [
    Object::Ttt,
    Object::Immediate,
    Object::ConnTask,
    Object::SessionTask,
    Object::Partial,
    Object::Held,
    Object::HeldData,
    Object::StatSn,
    Object::CmdSn,
    Object::DataSn,
];

/// The events, in the order of the rows. Reinstatement, closure and timeout of a session are one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    ConnFailure,
    ConnTimeout,
    SessionTimeout,
    SessionClosure,
    SessionReinstatement,
    SessionContinuation,
    CloseLogout,
    SessionFailure,
    RecoveryLogout,
    FailedLogout,
    LeadingLogin,
    LaterLogin,
    ColdReset,
    WarmReset,
    UnitReset,
    PowerCycle,
}

/// Y: cleared, N: stays, -: not applicable.
const ROWS: [(Event, &str); 16] = [
    //                           IT IC CT ST PP  DC DD SS CS DS
    (Event::ConnFailure, "         Y Y N N Y  N Y N N N"),
    (Event::ConnTimeout, "         - - Y N -  Y - Y N -"),
    (Event::SessionTimeout, "      Y Y Y Y Y  Y Y Y Y -"),
    (Event::SessionClosure, "      Y Y Y Y Y  Y Y Y Y -"),
    (Event::SessionReinstatement, "Y Y Y Y Y  Y Y Y Y -"),
    (Event::SessionContinuation, " - - N N -  N - - N -"),
    (Event::CloseLogout, "         Y Y Y N Y  Y Y Y N -"),
    (Event::SessionFailure, "      Y Y N N Y  N Y N N N"),
    (Event::RecoveryLogout, "      Y Y N N Y  Y Y Y N N"),
    (Event::FailedLogout, "        Y Y N N Y  N Y N N N"),
    (Event::LeadingLogin, "        - - - Y -  - - N N -"),
    (Event::LaterLogin, "          - - N N Y  N - N N -"),
    (Event::ColdReset, "           Y Y Y Y Y  Y Y Y Y -"),
    (Event::WarmReset, "           Y Y Y Y Y  Y Y N N -"),
    (Event::UnitReset, "           Y Y Y Y Y  N Y N N N"),
    (Event::PowerCycle, "          Y Y Y Y Y  Y Y Y Y -"),
];

/// Why a cell cannot be played.
fn unseen(event: Event, object: Object) -> Option<&'static str> {
    match (event, object) {
        (Event::FailedLogout, _) => Some("a logout never fails here: nothing is waited for"),
        (Event::PowerCycle, _) => Some("a target that is made anew knows nothing; there is no other memory"),
        (_, Object::Partial) => {
            Some("a PDU is whole or not serialised; its bytes are the driver's, which closes the socket")
        }
        (_, Object::HeldData) => {
            Some("data that comes out of order ends its command or asks again; it is never held")
        }
        (_, Object::DataSn) => Some("part of the task: it stays and goes with it"),
        (Event::ConnFailure | Event::SessionFailure, Object::StatSn) => {
            Some("nobody sees it without the connection")
        }
        (Event::LeadingLogin | Event::LaterLogin, Object::StatSn | Object::CmdSn) => {
            Some("the number begins with the event (note 8)")
        }
        _ => None,
    }
}

const LUN0: Lun = Lun(0);
const LUN_RESET: u8 = 5;
const WARM_RESET: u8 = 6;
const COLD_RESET: u8 = 7;
const QUERY_TASK: u8 = 9;
const ISID: u8 = 1;

/// One world with a session of two connections.
struct Play {
    lab: Lab,
    /// The connection in question, and the other one.
    one: Login,
    two: Login,
    /// Where the session can be asked after the event.
    ask: Option<Login>,
    one_is_up: bool,
}

/// What the object is known by.
#[derive(Default)]
struct Mark {
    itt: u32,
    cmd_sn: u32,
    ttt: u32,
}

impl Play {
    fn new(level: u8) -> Self {
        let mut config = config();
        config.offer.max_connections = 4;
        config.offer.error_recovery_level = level;
        config.offer.time2retain = 20;
        let mut lab = Lab::new(config);
        let recovery = format!("ErrorRecoveryLevel={level}");
        let all = [
            "MaxConnections=4",
            &recovery,
            "DefaultTime2Wait=2",
            "DefaultTime2Retain=20",
            "iSCSIProtocolLevel=2",
            "InitialR2T=Yes",
            "ImmediateData=No",
        ];
        let one = lab.ready_as(ISID, &all);
        let two = Self::join(&mut lab, &one, 1);
        let play = Self { lab, one, two, ask: Some(two), one_is_up: true };
        assert_eq!(play.lab.target.sessions().count(), 1);
        play
    }

    fn join(lab: &mut Lab, session: &Login, cid: u16) -> Login {
        let conn = lab.open();
        let request = LoginRequest { cmd_sn: session.cmd_sn, ..lab.login_request(ISID, session.tsih, cid) };
        lab.send(conn, request.emit(), &keys(&[]));
        let response = LoginResponse::parse(&lab.expect(conn, Opcode::LoginResponse).bhs);
        assert_eq!(response.status, 0);
        Login { conn, exp_stat_sn: response.stat_sn + 1, ..*session }
    }

    fn set_up(&mut self, object: Object) -> Mark {
        let mut mark = Mark { itt: 500, cmd_sn: self.one.cmd_sn, ttt: RESERVED_TAG };
        let lab = &mut self.lab;
        match object {
            Object::Ttt => {
                let write = scsi(&self.one, LUN0, mark.itt, &write10(0, 1), 512, Some(Way::Out));
                lab.send(self.one.conn, write.emit(), &[]);
                mark.ttt = R2t::parse(&lab.expect(self.one.conn, Opcode::R2t).bhs).ttt;
                self.advance();
            }
            Object::Immediate => {
                // ABORT TASK SET that waits for a command before it.
                self.advance();
                self.lab.send(self.one.conn, tmf(&self.one, mark.itt, 2, LUN0).emit(), &[]);
                self.lab.expect_nothing(self.one.conn);
            }
            Object::ConnTask | Object::SessionTask => {
                lab.world.stuck = true;
                let on = if object == Object::ConnTask { self.one.conn } else { self.two.conn };
                let read = scsi(&self.one, LUN0, mark.itt, &read10(0, 1), 512, Some(Way::In));
                lab.send(on, read.emit(), &[]);
                self.advance();
            }
            Object::Held => {
                self.advance();
                let held = scsi(&self.one, LUN0, mark.itt, &[0; 6], 0, None);
                self.lab.send(self.one.conn, held.emit(), &[]);
                self.lab.expect_nothing(self.one.conn);
                // What comes after is issued as if it were before it: the gap is ahead of it (note 1).
                self.one.cmd_sn = mark.cmd_sn;
                self.two.cmd_sn = mark.cmd_sn;
            }
            Object::Partial | Object::HeldData | Object::StatSn | Object::CmdSn | Object::DataSn => {}
        }
        mark
    }

    fn advance(&mut self) {
        self.one.cmd_sn += 1;
        self.two.cmd_sn += 1;
    }

    fn fail(&mut self, conn: target_core::api::ConnId) {
        self.lab.close(conn);
    }

    /// Lets time pass while the other connection shows that it is there.
    fn sleep(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.lab.sleep(Duration::from_secs(1));
            if self.ask.is_some() {
                self.lab.send(self.two.conn, nop(&self.two, RESERVED_TAG, true).emit(), &[]);
            }
        }
    }

    fn log_out(&mut self, reason: u8) {
        let pdu = LogoutRequest { cid: 0, ..logout(&self.two, 900, reason) };
        self.lab.send(self.two.conn, pdu.emit(), &[]);
        self.one_is_up = false;
    }

    /// A reset, over the other connection.
    fn reset(&mut self, function: u8) {
        self.lab.send(self.two.conn, tmf(&self.two, 901, function, LUN0).emit(), &[]);
        self.acknowledge();
    }

    /// A reset of the logical unit by another initiator port, which no gap of this session holds up.
    fn foreign_reset(&mut self) {
        let other = self.lab.ready_as(ISID + 1, &[]);
        self.lab.send(other.conn, tmf(&other, 901, LUN_RESET, LUN0).emit(), &[]);
        let response = TaskResponse::parse(&self.lab.expect(other.conn, Opcode::TaskResponse).bhs);
        assert_eq!(response.response, 0);
    }

    /// Acknowledges everything that came, until nothing more comes: responses wait behind a fence.
    fn acknowledge(&mut self) {
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

    fn happens(&mut self, event: Event, object: Object, mark: &Mark) {
        let (one, two) = (self.one.conn, self.two.conn);
        match event {
            Event::ConnFailure | Event::ConnTimeout => {
                self.one_is_up = false;
                self.fail(one);
                if event == Event::ConnTimeout {
                    self.sleep(23);
                }
            }
            Event::SessionFailure | Event::SessionTimeout | Event::SessionContinuation => {
                self.one_is_up = false;
                self.fail(one);
                self.fail(two);
                self.ask = None;
                if event == Event::SessionTimeout {
                    self.lab.sleep(Duration::from_secs(23));
                } else {
                    self.ask = Some(Self::join(&mut self.lab, &self.one, 9));
                }
            }
            Event::SessionClosure => {
                self.log_out(0);
                self.ask = None;
            }
            Event::SessionReinstatement | Event::LeadingLogin => {
                self.one_is_up = false;
                self.ask = None;
                let again = self.lab.login_as(ISID, &["iSCSIProtocolLevel=2"]);
                assert_ne!(again.tsih, self.one.tsih);
            }
            Event::CloseLogout => self.log_out(1),
            Event::RecoveryLogout => self.log_out(2),
            Event::LaterLogin => {
                Self::join(&mut self.lab, &self.one, 7);
            }
            Event::ColdReset => {
                self.reset(COLD_RESET);
                self.one_is_up = false;
                self.ask = None;
            }
            Event::UnitReset if object == Object::Immediate => self.foreign_reset(),
            Event::WarmReset | Event::UnitReset => {
                self.reset(if event == Event::WarmReset { WARM_RESET } else { LUN_RESET });
                if object == Object::Ttt {
                    // By the standard semantics the reset waits for what was asked for (note 20).
                    self.send_data(mark);
                }
            }
            Event::FailedLogout | Event::PowerCycle => unreachable!("not played"),
        }
    }

    fn send_data(&mut self, mark: &Mark) {
        let data = DataOut { final_bit: true, itt: mark.itt, ttt: mark.ttt, ..DataOut::default() };
        self.lab.send(self.one.conn, data.emit(), &pattern(512, 1));
    }

    fn is_gone(&mut self, object: Object, mark: &Mark) -> bool {
        let sessions = self.lab.target.sessions().filter(|session| session.tsih.0 == self.one.tsih).count();
        let Some(ask) = self.ask.filter(|_| sessions == 1) else { return true };
        match object {
            Object::Ttt => {
                if !self.one_is_up {
                    return true;
                }
                self.lab.world.sides.get_mut(&self.one.conn).expect("it is up").inbox.clear();
                self.send_data(mark);
                let inbox = &self.lab.world.sides[&self.one.conn].inbox;
                inbox.front().is_some_and(|frame| Opcode::of(&frame.bhs) == Some(Opcode::Reject))
            }
            Object::Immediate => {
                if !self.one_is_up {
                    return true;
                }
                // The command that it waited for comes.
                let missing = Login { cmd_sn: mark.cmd_sn, ..ask };
                self.lab.send(
                    ask.conn,
                    scsi(&missing, Lun::from_number(1), 777, &[0; 6], 0, None).emit(),
                    &[],
                );
                let inbox = &self.lab.world.sides[&self.one.conn].inbox;
                !inbox.iter().any(|frame| {
                    Opcode::of(&frame.bhs) == Some(Opcode::TaskResponse)
                        && TaskResponse::parse(&frame.bhs).itt == mark.itt
                })
            }
            Object::ConnTask | Object::SessionTask => self.query(&ask, mark) == 0,
            Object::Held => {
                // The gap is filled: if the command is still there, the window passes it.
                let filler = Login { cmd_sn: mark.cmd_sn, ..ask };
                self.lab.send(
                    ask.conn,
                    scsi(&filler, Lun::from_number(1), 777, &[0; 6], 0, None).emit(),
                    &[],
                );
                let passed = self.exp_cmd_sn(&ask) == mark.cmd_sn + 2;
                let answered = self.one_is_up && self.heard(self.one.conn, mark.itt);
                // A number that counts as received without its command passes as well.
                !(passed && (answered || !self.one_is_up))
            }
            Object::StatSn => {
                if !self.one_is_up {
                    return true;
                }
                self.lab.world.sides.get_mut(&self.one.conn).expect("it is up").inbox.clear();
                self.lab.send(self.one.conn, nop(&self.one, 778, true).emit(), &[]);
                let answer = NopIn::parse(&self.lab.expect(self.one.conn, Opcode::NopIn).bhs);
                answer.stat_sn < self.one.exp_stat_sn
            }
            Object::CmdSn => self.exp_cmd_sn(&ask) != self.one.cmd_sn,
            Object::Partial | Object::HeldData | Object::DataSn => unreachable!("not played"),
        }
    }

    fn heard(&self, conn: target_core::api::ConnId, itt: u32) -> bool {
        let inbox = &self.lab.world.sides[&conn].inbox;
        inbox.iter().any(|frame| {
            Opcode::of(&frame.bhs) == Some(Opcode::ScsiResponse) && target_core::wire::itt(&frame.bhs) == itt
        })
    }

    /// The response to QUERY TASK over that connection.
    fn query(&mut self, ask: &Login, mark: &Mark) -> u8 {
        self.lab.world.sides.get_mut(&ask.conn).expect("it is up").inbox.clear();
        let pdu = target_core::wire::TaskRequest {
            referenced_task_tag: mark.itt,
            ref_cmd_sn: mark.cmd_sn,
            ..tmf(ask, 902, QUERY_TASK, LUN0)
        };
        self.lab.send(ask.conn, pdu.emit(), &[]);
        TaskResponse::parse(&self.lab.expect(ask.conn, Opcode::TaskResponse).bhs).response
    }

    fn exp_cmd_sn(&mut self, ask: &Login) -> u32 {
        self.lab.world.sides.get_mut(&ask.conn).expect("it is up").inbox.clear();
        self.lab.send(ask.conn, nop(ask, 779, true).emit(), &[]);
        NopIn::parse(&self.lab.expect(ask.conn, Opcode::NopIn).bhs).exp_cmd_sn
    }
}

/// What the appendix has in a row, as a cell for each object.
fn cells(row: &str) -> impl Iterator<Item = (Object, &str)> {
    OBJECTS.into_iter().zip(row.split_whitespace())
}

/// Plays the cells of a recovery level; what is other than in the appendix goes to `wrong`.
fn play(level: u8, wrong: &mut Vec<String>) -> String {
    let mut matrix = format!("ErrorRecoveryLevel={level:<6}IT IC CT ST PP DC DD SS CS DS\n");
    for (event, row) in ROWS {
        // Below level 2 there is no recovery logout.
        if event == Event::RecoveryLogout && level < 2 {
            continue;
        }
        let mut line = format!("{:<26}", format!("{event:?}"));
        for (object, cell) in cells(row) {
            let played = if cell == "-" {
                "-"
            } else if unseen(event, object).is_some() {
                "*"
            } else {
                let mut play = Play::new(level);
                let mark = play.set_up(object);
                play.happens(event, object, &mark);
                let got = if play.is_gone(object, &mark) { "Y" } else { "N" };
                if got != cell {
                    wrong.push(format!("level {level}, {event:?}, {object:?}: {got} instead of {cell}"));
                }
                got
            };
            line.push_str(&format!("{played:<3}"));
        }
        matrix.push_str(line.trim_end());
        matrix.push('\n');
    }
    matrix
}

#[test]
fn every_cell_that_can_be_seen_is_as_the_appendix_says() {
    assert!(ROWS.iter().all(|(_, row)| cells(row).count() == OBJECTS.len()));
    let mut wrong = Vec::new();
    let mut text = String::from("Y: cleared, N: stays, -: not applicable, *: not played, see below\n");
    for level in [0, 1, 2] {
        text.push('\n');
        text.push_str(&play(level, &mut wrong));
    }
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for (event, row) in ROWS {
        for (object, _) in cells(row).filter(|(_, cell)| *cell != "-") {
            let Some(why) = unseen(event, object) else { continue };
            let place = format!("{event:?}/{object:?}");
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, places)) => places.push(place),
                None => reasons.push((why, vec![place])),
            }
        }
    }
    for (why, places) in reasons {
        text.push_str(&format!("\n{why}:\n  {}\n", places.join(", ")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/states");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("clearing-effects", text));
}
