//! One initiator with one connection in the world: which programs run on it, and what came of them?

use crate::initiator::{
    CommandOutcome, CommandPlan, CommandProgram, Draft, Incoming, LoginOutcome, LoginPlan, LoginProgram,
    LogoutOutcome, LogoutProgram, NopProgram, PingOutcome, Session, TextOutcome, TextProgram, TmfOutcome,
    TmfProgram, Violation, automatic_answer,
};
use crate::world::{Seen, World};
use bytes::Bytes;
use std::net::SocketAddr;

/// What one operation came to.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each variant is the outcome of the program of that name")]
pub enum Outcome {
    Login(LoginOutcome),
    Command(Box<CommandOutcome>),
    Tmf(TmfOutcome),
    Logout(LogoutOutcome),
    Ping(PingOutcome),
    Text(TextOutcome),
}

#[derive(Debug)]
enum Program {
    Login(Box<LoginProgram>),
    Command(Box<CommandProgram>),
    Tmf(TmfProgram),
    Logout(LogoutProgram),
    Nop(NopProgram),
    Text(TextProgram),
}

/// A program and the operation it carries out.
#[derive(Debug)]
struct Running {
    op: u64,
    program: Program,
}

/// An initiator.
#[derive(Debug)]
pub struct Client {
    /// The protocol state of its side.
    pub session: Session,
    /// Its connection in the world.
    pub conn: u32,
    /// The connection still carries bytes both ways.
    pub alive: bool,
    /// It answers the target's pings; a client that does not is dropped by the target some time.
    pub answers_pings: bool,
    running: Vec<Running>,
    done: Vec<(u64, Outcome)>,
    violations: Vec<Violation>,
    link: usize,
}

/// Turns a step into sends and, at the end, an outcome.
macro_rules! advance {
    ($client:expr, $world:expr, $op:expr, $step:expr, $wrap:expr) => {{
        let step = $step;
        $client.send_all($world, $op, step.send);
        step.done.map($wrap)
    }};
}

impl Client {
    /// Opens a connection. `key` names it in random choices; `isid` tells apart the sessions of one initiator name.
    pub fn connect(
        world: &mut World,
        key: u32,
        (local, remote): (SocketAddr, SocketAddr),
        (initiator, target): (&str, &str),
        isid: u16,
    ) -> Self {
        let conn = world.connect_as(key, local, remote);
        let mut session = Session::new(initiator, target);
        let [high, low] = isid.to_be_bytes();
        (session.isid[4], session.isid[5]) = (high, low);
        let link = session.open(1);
        Self {
            session,
            conn,
            alive: true,
            answers_pings: true,
            running: Vec::new(),
            done: Vec::new(),
            violations: Vec::new(),
            link,
        }
    }

    /// Begins a login.
    pub fn login(&mut self, world: &mut World, op: u64, plan: LoginPlan) {
        self.start(world, op, Program::Login(Box::new(LoginProgram::new(self.link, plan))));
    }

    /// Begins a command. Returns its task tag.
    pub fn command(&mut self, world: &mut World, op: u64, plan: CommandPlan) -> u32 {
        self.start(world, op, Program::Command(Box::new(CommandProgram::new(self.link, plan))));
        match self.running.last() {
            Some(Running { program: Program::Command(program), .. }) => program.itt(),
            _ => u32::MAX,
        }
    }

    /// Begins a task management function.
    pub fn tmf(&mut self, world: &mut World, op: u64, function: u8, lun: u64, referenced: Option<u32>) {
        let program = TmfProgram::new(self.link, function, lun, referenced, Vec::new());
        self.start(world, op, Program::Tmf(program));
    }

    /// Begins a logout.
    pub fn logout(&mut self, world: &mut World, op: u64, reason: u8) {
        self.start(world, op, Program::Logout(LogoutProgram::new(self.link, reason, None, Vec::new())));
    }

    /// Begins a ping.
    pub fn ping(&mut self, world: &mut World, op: u64, data: Bytes, immediate: bool) {
        self.start(world, op, Program::Nop(NopProgram::new(self.link, data, immediate, Vec::new())));
    }

    /// Begins a text exchange.
    pub fn text(&mut self, world: &mut World, op: u64, pairs: &[(&str, &str)]) {
        let program = TextProgram::new(self.link, pairs.iter().copied());
        self.start(world, op, Program::Text(program));
    }

    /// Sends one PDU outside of any program.
    pub fn send(&mut self, world: &mut World, op: u64, draft: Draft) {
        self.send_all(world, op, vec![draft]);
    }

    /// Operations that are not over.
    pub fn pending(&self) -> usize {
        self.running.len()
    }

    /// Operations that ended since the last call.
    pub fn take_done(&mut self) -> Vec<(u64, Outcome)> {
        std::mem::take(&mut self.done)
    }

    /// What this side found wrong with what came.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }

    /// Takes what happened to its connection.
    pub fn see(&mut self, world: &mut World, seen: &Seen) {
        if !self.alive {
            return; // It has hung up: what was under way means nothing to it any more.
        }
        match seen {
            Seen::Bytes { conn, bytes } if *conn == self.conn => {
                for incoming in self.session.receive(self.link, bytes) {
                    self.hear(world, &incoming);
                }
                self.violations.append(&mut self.session.take_violations());
            }
            Seen::Fin { conn } | Seen::Reset { conn } | Seen::Refused { conn } if *conn == self.conn => {
                world.close(self.conn);
                self.lost();
            }
            _ => {}
        }
    }

    /// Ends the connection from this side.
    pub fn hang_up(&mut self, world: &mut World, reset: bool) {
        if reset {
            world.reset(self.conn);
        } else {
            world.close(self.conn);
        }
        self.lost();
    }

    fn lost(&mut self) {
        if std::mem::take(&mut self.alive) {
            self.session.closed(self.link);
        }
        self.running.clear();
    }

    fn hear(&mut self, world: &mut World, incoming: &Incoming) {
        if self.answers_pings
            && let Some(draft) = automatic_answer(incoming)
        {
            self.send_all(world, 0, vec![draft]);
        }
        let mut running = std::mem::take(&mut self.running);
        running.retain_mut(|entry| match self.feed(world, entry, incoming) {
            Some(outcome) => {
                self.done.push((entry.op, outcome));
                false
            }
            None => true,
        });
        self.running.append(&mut running);
    }

    fn feed(&mut self, world: &mut World, entry: &mut Running, incoming: &Incoming) -> Option<Outcome> {
        let op = entry.op;
        match &mut entry.program {
            Program::Login(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, op, step, Outcome::Login)
            }
            Program::Command(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, op, step, |outcome| Outcome::Command(Box::new(outcome)))
            }
            Program::Tmf(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, op, step, Outcome::Tmf)
            }
            Program::Logout(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, op, step, Outcome::Logout)
            }
            Program::Nop(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, op, step, Outcome::Ping)
            }
            Program::Text(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, op, step, Outcome::Text)
            }
        }
    }

    fn start(&mut self, world: &mut World, op: u64, mut program: Program) {
        if !self.alive {
            return;
        }
        let session = &mut self.session;
        let send = match &mut program {
            Program::Login(program) => program.start(session).send,
            Program::Command(program) => program.start(session).send,
            Program::Tmf(program) => program.start(session).send,
            Program::Logout(program) => program.start(session).send,
            Program::Nop(program) => program.start(session).send,
            Program::Text(program) => program.start(session).send,
        };
        self.running.push(Running { op, program });
        self.send_all(world, op, send);
    }

    fn send_all(&mut self, world: &mut World, op: u64, drafts: Vec<Draft>) {
        // What belongs together is one write.
        let mut bytes = Vec::new();
        for draft in drafts {
            // A draft that names no such field is a mistake of its author and sends nothing.
            if let Ok(composed) = self.session.compose(self.link, &draft) {
                bytes.extend(composed.bytes);
            }
        }
        if !bytes.is_empty() {
            world.send(self.conn, bytes, op);
        }
    }
}
