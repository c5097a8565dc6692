//! One initiator with the connections of its session in the world: which programs run on them, and what came of them?

use crate::codec::Kind;
use crate::initiator::{
    ChapPlan, CommandOutcome, CommandPlan, CommandProgram, Draft, Incoming, LoginOutcome, LoginPlan,
    LoginProgram, LogoutOutcome, LogoutProgram, NopProgram, PingOutcome, Session, TextOutcome, TextProgram,
    TmfOutcome, TmfProgram, Violation, automatic_answer,
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

/// Boxed, so that those behind one that ends move little.
#[derive(Debug)]
enum Program {
    Login(Box<LoginProgram>),
    Command(Box<CommandProgram>),
    Tmf(Box<TmfProgram>),
    Logout(Box<LogoutProgram>),
    Nop(Box<NopProgram>),
    Text(Box<TextProgram>),
}

/// A program and the operation it carries out.
#[derive(Debug)]
struct Running {
    op: u64,
    link: usize,
    program: Program,
}

/// One connection of the session.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// Its ordinal in the world.
    conn: u32,
    /// It still carries bytes both ways.
    alive: bool,
    /// Its login is over.
    full: bool,
}

/// An initiator.
#[derive(Debug)]
pub struct Client {
    /// The protocol state of its side.
    pub session: Session,
    /// Its first connection in the world.
    pub conn: u32,
    /// A connection still carries bytes both ways.
    pub alive: bool,
    /// It answers the target's pings; a client that does not is dropped by the target some time.
    pub answers_pings: bool,
    /// What it presents in its logins.
    pub credentials: Option<ChapPlan>,
    running: Vec<Running>,
    done: Vec<(u64, Outcome)>,
    violations: Vec<Violation>,
    /// By the index that the session has given them.
    links: Vec<Link>,
    /// The one that operations begin on.
    link: usize,
    /// Tags of commands whose connection was lost.
    orphans: Vec<u32>,
}

/// Turns a step into sends and, at the end, an outcome.
macro_rules! advance {
    ($client:expr, $world:expr, $at:expr, $step:expr, $wrap:expr) => {{
        let step = $step;
        if !step.send.is_empty() {
            $client.send_all($world, $at, step.send);
        }
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
            credentials: None,
            running: Vec::new(),
            done: Vec::new(),
            violations: Vec::new(),
            links: vec![Link { conn, alive: true, full: false }],
            link,
            orphans: Vec::new(),
        }
    }

    /// Adds a connection to the session and begins its login.
    pub fn join(&mut self, world: &mut World, op: u64, key: u32, (local, remote): (SocketAddr, SocketAddr)) {
        let conn = world.connect_as(key, local, remote);
        let cid = u16::try_from(self.links.len() + 1).unwrap_or(u16::MAX);
        self.link = self.session.open(cid);
        self.links.push(Link { conn, alive: true, full: false });
        // All other keys are for the leading connection (RFC 7143 section 13, "LO").
        let keys = vec![("MaxRecvDataSegmentLength".to_owned(), "65536".to_owned())];
        self.login(world, op, LoginPlan { keys, ..LoginPlan::default() });
    }

    /// Chooses the connection that the next operations begin on, among those that are in full feature phase.
    pub fn choose(&mut self, number: u64) {
        let usable = |(_, link): &(usize, &Link)| link.alive && link.full;
        let count = self.links.iter().enumerate().filter(usable).count() as u64;
        let nth = usize::try_from(number.checked_rem(count).unwrap_or(0)).unwrap_or(0);
        if let Some((at, _)) = self.links.iter().enumerate().filter(usable).nth(nth) {
            self.link = at;
        }
    }

    /// The connection that the next operations begin on, by its ordinal.
    pub fn chosen(&self) -> u32 {
        self.links.get(self.link).map_or(self.conn, |link| link.conn)
    }

    /// How many connections carry bytes.
    pub fn connections(&self) -> usize {
        self.links.iter().filter(|link| link.alive).count()
    }

    /// The tag of a command whose connection was lost before it ended.
    pub fn orphan(&self) -> Option<u32> {
        self.orphans.last().copied()
    }

    /// Begins a login.
    pub fn login(&mut self, world: &mut World, op: u64, mut plan: LoginPlan) {
        if !plan.discovery {
            plan.chap = plan.chap.or_else(|| self.credentials.clone());
        }
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
        self.start(world, op, Program::Tmf(Box::new(program)));
    }

    /// Begins a logout.
    pub fn logout(&mut self, world: &mut World, op: u64, reason: u8) {
        let program = LogoutProgram::new(self.link, reason, None, Vec::new());
        self.start(world, op, Program::Logout(Box::new(program)));
    }

    /// Begins a ping.
    pub fn ping(&mut self, world: &mut World, op: u64, data: Bytes, immediate: bool) {
        let program = NopProgram::new(self.link, data, immediate, Vec::new());
        self.start(world, op, Program::Nop(Box::new(program)));
    }

    /// Begins a text exchange.
    pub fn text(&mut self, world: &mut World, op: u64, pairs: &[(&str, &str)]) {
        let program = TextProgram::new(self.link, pairs.iter().copied());
        self.start(world, op, Program::Text(Box::new(program)));
    }

    /// Sends one PDU outside of any program.
    pub fn send(&mut self, world: &mut World, op: u64, draft: Draft) {
        self.send_all(world, (op, self.link), vec![draft]);
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
            Seen::Bytes { conn, bytes } => {
                let Some(at) = self.find(*conn) else { return };
                for incoming in self.session.receive(at, bytes) {
                    self.hear(world, at, &incoming);
                }
                self.violations.append(&mut self.session.take_violations());
            }
            Seen::Fin { conn } | Seen::Reset { conn } | Seen::Refused { conn } => {
                let Some(at) = self.find(*conn) else { return };
                world.close(*conn);
                self.lost(at);
            }
            _ => {}
        }
    }

    /// Ends all connections from this side.
    pub fn hang_up(&mut self, world: &mut World, reset: bool) {
        for at in 0..self.links.len() {
            self.end(world, at, reset);
        }
    }

    /// Ends the connection that operations begin on.
    pub fn leave(&mut self, world: &mut World, reset: bool) {
        self.end(world, self.link, reset);
    }

    /// Ends the connection whose login an operation was, if it is still there.
    pub fn give_up_login(&mut self, world: &mut World) {
        if let Some(at) = self.links.iter().position(|link| link.alive && !link.full) {
            self.end(world, at, false);
        }
    }

    fn end(&mut self, world: &mut World, at: usize, reset: bool) {
        let Some(link) = self.links.get(at).filter(|link| link.alive) else { return };
        if reset {
            world.reset(link.conn);
        } else {
            world.close(link.conn);
        }
        self.lost(at);
    }

    fn find(&self, conn: u32) -> Option<usize> {
        self.links.iter().position(|link| link.conn == conn && link.alive)
    }

    fn lost(&mut self, at: usize) {
        if let Some(link) = self.links.get_mut(at)
            && std::mem::take(&mut link.alive)
        {
            self.session.closed(at);
        }
        let commands = self.running.iter().filter(|entry| entry.link == at);
        let tags = commands.filter_map(|entry| match &entry.program {
            Program::Command(program) => Some(program.itt()),
            _ => None,
        });
        self.orphans.extend(tags);
        self.running.retain(|entry| entry.link != at);
        self.alive = self.links.iter().any(|link| link.alive);
    }

    fn hear(&mut self, world: &mut World, at: usize, incoming: &Incoming) {
        if self.answers_pings
            && let Some(draft) = automatic_answer(incoming)
        {
            self.send_all(world, (0, at), vec![draft]);
            self.ask_for_status(world, at, incoming);
        }
        let mut running = std::mem::take(&mut self.running);
        running.retain_mut(|entry| match self.feed_on(world, entry, at, incoming) {
            Some(outcome) => {
                if outcome == Outcome::Login(LoginOutcome::LoggedIn)
                    && let Some(link) = self.links.get_mut(at)
                {
                    link.full = true;
                }
                self.done.push((entry.op, outcome));
                false
            }
            None => true,
        });
        self.running.append(&mut running);
    }

    /// A ping shows that a status did not come: where it can be asked for again, it is (RFC 7143 7.9, 11.16). Nothing else would end
    /// the wait of a target that does not go on without its acknowledgement (4.2.2.3.2).
    fn ask_for_status(&mut self, world: &mut World, at: usize, ping: &Incoming) {
        let Incoming::Pdu { kind: Kind::NopIn, pdu } = ping else { return };
        if self.session.params.error_recovery_level == 0 {
            return;
        }
        if let Some(missing) = self.session.missing_status(at, pdu.word("StatSN")) {
            let draft =
                Draft::new(Kind::Snack).with("Type", 1).with("ITT", 0xffff_ffff).with("TTT", 0xffff_ffff);
            let draft = draft.with("BegRun", u64::from(missing)).with("RunLength", 1);
            self.send_all(world, (0, at), vec![draft]);
        }
    }

    /// Programs hear what comes on their own connection alone; tags are of the whole session, but logins have none.
    fn feed_on(
        &mut self,
        world: &mut World,
        entry: &mut Running,
        at: usize,
        incoming: &Incoming,
    ) -> Option<Outcome> {
        if entry.link == at { self.feed(world, entry, incoming) } else { None }
    }

    fn feed(&mut self, world: &mut World, entry: &mut Running, incoming: &Incoming) -> Option<Outcome> {
        let at = (entry.op, entry.link);
        match &mut entry.program {
            Program::Login(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, at, step, Outcome::Login)
            }
            Program::Command(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, at, step, |outcome| Outcome::Command(Box::new(outcome)))
            }
            Program::Tmf(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, at, step, Outcome::Tmf)
            }
            Program::Logout(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, at, step, Outcome::Logout)
            }
            Program::Nop(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, at, step, Outcome::Ping)
            }
            Program::Text(program) => {
                let step = program.receive(&mut self.session, incoming);
                advance!(self, world, at, step, Outcome::Text)
            }
        }
    }

    fn start(&mut self, world: &mut World, op: u64, mut program: Program) {
        if !self.links.get(self.link).is_some_and(|link| link.alive) {
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
        let link = self.link;
        self.running.push(Running { op, link, program });
        self.send_all(world, (op, link), send);
    }

    fn send_all(&mut self, world: &mut World, (op, at): (u64, usize), drafts: Vec<Draft>) {
        // What belongs together is one write.
        let mut bytes = Vec::new();
        for draft in drafts {
            // A draft that names no such field is a mistake of its author and sends nothing.
            if let Ok(composed) = self.session.compose(at, &draft) {
                bytes.extend(composed.bytes);
            }
        }
        if let Some(link) = self.links.get(at)
            && !bytes.is_empty()
        {
            world.send(link.conn, bytes, op);
        }
    }
}
