//! The way into the full feature phase, with the lab's own initiator, which audits what it hears.

use super::wire::silent;
use super::{Chap, Plan};
use initiator_sim::codec::Digests;
use initiator_sim::initiator::{
    ChapPlan, Incoming, LoginBreak, LoginOutcome, LoginPlan, LoginProgram, Session,
};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// What the target agreed to, and where the numbering stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    pub(super) digests: Digests,
    /// The longest data segment that the target takes.
    pub(super) max_send_segment: usize,
    /// Data that may go with the command.
    pub(super) immediate_max: usize,
    pub(super) max_burst: usize,
    pub(super) cmd_sn: u32,
    pub(super) max_cmd_sn: u32,
    pub(super) exp_stat_sn: u32,
}

/// The longest data segment that we take.
pub(super) const RECV_SEGMENT: u32 = 1 << 20;

/// Status-Class and Status-Detail of a login that lacks its proof (RFC 7143 11.13.5).
const NOT_AUTHENTICATED: (u8, u8) = (2, 1);

/// Logs in. `n` makes sessions of one initiator differ.
pub(super) fn login(stream: &mut TcpStream, plan: &Plan, n: u16) -> Result<Agreed, String> {
    let mut session = Session::new(plan.initiator.clone(), plan.target.clone());
    let [high, low] = n.to_be_bytes();
    session.isid = [0x80, 0, 0, 0, high, low];
    let conn = session.open(1);
    let mut program = LoginProgram::new(conn, offers(plan));
    let mut step = program.start(&mut session);
    let mut heard: VecDeque<Incoming> = VecDeque::new();
    loop {
        for draft in &step.send {
            let composed = session.compose(conn, draft).map_err(|error| error.to_string())?;
            stream.write_all(&composed.bytes).map_err(|error| error.to_string())?;
        }
        if let Some(outcome) = step.done {
            return ended(&outcome, plan.chap.as_ref()).map(|()| agreed(&session, conn));
        }
        while heard.is_empty() {
            let mut bytes = [0; 8192];
            match stream.read(&mut bytes) {
                Ok(0) => return Err("the target closed the connection during login".into()),
                Ok(len) => heard.extend(session.receive(conn, &bytes[..len])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(silent()),
                Err(error) => return Err(error.to_string()),
            }
        }
        let Some(incoming) = heard.pop_front() else { continue };
        step = program.receive(&mut session, &incoming);
    }
}

fn offers(plan: &Plan) -> LoginPlan {
    let digest = |on| if on { "CRC32C" } else { "None" };
    let login = LoginPlan::default()
        .with_key("HeaderDigest", digest(plan.digests.header))
        .with_key("DataDigest", digest(plan.digests.data))
        .with_key("MaxRecvDataSegmentLength", RECV_SEGMENT.to_string())
        .with_key("InitialR2T", "Yes")
        .with_key("MaxBurstLength", "1048576")
        .with_key("FirstBurstLength", "262144");
    match &plan.chap {
        Some(Chap { name, secret }) => login.with_chap(ChapPlan::new(name.clone(), secret.clone())),
        None => login,
    }
}

fn ended(outcome: &LoginOutcome, chap: Option<&Chap>) -> Result<(), String> {
    match outcome {
        LoginOutcome::LoggedIn => Ok(()),
        LoginOutcome::Refused { class, detail, .. } => {
            let why = match ((*class, *detail) == NOT_AUTHENTICATED, chap) {
                (false, _) => "",
                (true, None) => " (it wants authentication: --chap)",
                (true, Some(_)) => " (it does not know these credentials)",
            };
            Err(format!("the target refused the login with status {class:02x}{detail:02x}{why}"))
        }
        LoginOutcome::Broken(LoginBreak::Negotiation(why) | LoginBreak::Authentication(why)) => {
            Err(format!("the login cannot go on: {why}"))
        }
        LoginOutcome::Broken(LoginBreak::Unexpected(what)) => Err(format!("{what} during login")),
        LoginOutcome::Broken(LoginBreak::TargetNotAuthenticated) => {
            Err("the target did not prove its identity".into())
        }
        LoginOutcome::Broken(LoginBreak::Endless) => Err("the target does not end the login".into()),
    }
}

fn agreed(session: &Session, conn: usize) -> Agreed {
    let (link, params) = (session.connection(conn), &session.params);
    let bytes = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let immediate = if params.immediate_data { params.first_burst.min(link.params.send_max) } else { 0 };
    Agreed {
        digests: link.params.digests,
        max_send_segment: bytes(link.params.send_max),
        immediate_max: bytes(immediate),
        max_burst: bytes(params.max_burst),
        cmd_sn: session.cmd_sn,
        max_cmd_sn: session.max_cmd_sn,
        exp_stat_sn: link.exp_stat_sn,
    }
}
