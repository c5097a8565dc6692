//! How does a login run? Stages, authentication, operational keys, continuation (RFC 7143 6.3, 11.12, 12.1.3).

mod auth;
mod plan;
#[cfg(test)]
mod tests;

use super::answers::answer_to;
use super::program::Step;
use super::{Draft, Incoming, Phase, Session};
use crate::codec::{Kind, Pdu, text};
use auth::Auth;

pub use plan::{ChapPlan, LoginPlan, MutualPlan, Stages, default_keys};

/// Requests after which a login is given up; 6.2 wants at least six.
const ROUNDS_MAX: u32 = 256;
const SECURITY: u64 = 0;
const OPERATIONAL: u64 = 1;
const FULL_FEATURE: u64 = 3;

/// Why this side gave the login up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginBreak {
    /// The target's answers break the rules of a negotiation: the first finding.
    Negotiation(String),
    /// The target did not answer as CHAP prescribes.
    Authentication(String),
    /// The target did not prove its identity.
    TargetNotAuthenticated,
    /// Another PDU than a Login Response came, or one that does not fit the stage.
    Unexpected(String),
    /// The login does not end.
    Endless,
}

/// How a login ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginOutcome {
    /// The connection is in the full feature phase; the results are in the session.
    LoggedIn,
    /// The target refused.
    Refused {
        /// Status-Class: 1 redirected, 2 initiator error, 3 target error.
        class: u8,
        /// Status-Detail.
        detail: u8,
        /// Where to go instead (class 1).
        addresses: Vec<String>,
    },
    /// This side gave up; the connection is to be closed.
    Broken(LoginBreak),
}

/// Runs a login on one connection.
#[derive(Debug)]
pub struct LoginProgram {
    conn: usize,
    plan: LoginPlan,
    stage: u64,
    auth: Auth,
    /// Text that has not been sent.
    pending: Vec<u8>,
    /// What the target said with the C bit so far.
    carry: Vec<u8>,
    first: bool,
    rounds: u32,
}

impl LoginProgram {
    /// A login as planned.
    pub fn new(conn: usize, plan: LoginPlan) -> LoginProgram {
        let stage = if plan.stages == Stages::Operational { OPERATIONAL } else { SECURITY };
        let auth = Auth::new(plan.chap.clone());
        let pending = Vec::new();
        LoginProgram { conn, plan, stage, auth, pending, carry: Vec::new(), first: true, rounds: 0 }
    }

    /// The first request.
    pub fn start(&mut self, session: &mut Session) -> Step<LoginOutcome> {
        text::push(&mut self.pending, "InitiatorName", &session.initiator_name);
        if self.plan.discovery {
            text::push(&mut self.pending, "SessionType", "Discovery");
        } else {
            text::push(&mut self.pending, "SessionType", "Normal");
            text::push(&mut self.pending, "TargetName", &session.target_name);
        }
        if self.stage == SECURITY {
            self.auth.offer(&mut self.pending);
        } else {
            self.offer_keys();
        }
        Step::send(vec![self.next(false)])
    }

    fn offer_keys(&mut self) {
        for (key, value) in &self.plan.keys {
            text::push(&mut self.pending, key, value);
        }
    }

    /// The next request of the stage: some of the pending text, or none to hear the rest of the target's.
    fn next(&mut self, listen: bool) -> Draft {
        self.rounds += 1;
        let len = if listen { 0 } else { self.pending.len().min(self.plan.text_max.max(1)) };
        let piece: Vec<u8> = self.pending.drain(..len).collect();
        let more = !listen && !self.pending.is_empty();
        let ready = !more && !listen && (self.stage == OPERATIONAL || self.auth.ready());
        let next = match self.plan.stages {
            Stages::Both if self.stage == SECURITY => OPERATIONAL,
            _ => FULL_FEATURE,
        };
        let mut draft = Draft::new(Kind::LoginRequest)
            .with("T", u64::from(ready))
            .with("C", u64::from(more))
            .with("CSG", self.stage)
            .with("NSG", if ready { next } else { 0 })
            .with_data(piece);
        if core::mem::take(&mut self.first) || self.plan.fields_in_all {
            for (name, value) in &self.plan.fields {
                draft = draft.with(name.clone(), value.clone());
            }
        }
        draft
    }

    /// Takes what came. The session has taken the text and the numbers already.
    pub fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<LoginOutcome> {
        let Some((kind, pdu)) = incoming.pdu() else {
            return self.give_up(session, LoginBreak::Unexpected("not a whole PDU".to_owned()));
        };
        if kind != Kind::LoginResponse {
            return self.give_up(session, LoginBreak::Unexpected(format!("{kind} during the login")));
        }
        if pdu.word("StatusClass") != 0 {
            return Step::done(refused(pdu));
        }
        if let Some(finding) = session.connection(self.conn).negotiation.broken() {
            let finding = finding.to_owned();
            return self.give_up(session, LoginBreak::Negotiation(finding));
        }
        if self.rounds >= ROUNDS_MAX {
            return self.give_up(session, LoginBreak::Endless);
        }
        self.carry.extend_from_slice(&pdu.data);
        if pdu.flag("C") {
            return Step::send(vec![self.next(true)]);
        }
        let said = core::mem::take(&mut self.carry);
        if !self.pending.is_empty() {
            return Step::send(vec![self.next(false)]);
        }
        let (pairs, _) = text::pairs(&said);
        if self.stage == SECURITY
            && let Err(broken) = self.auth.hear(&pairs, &mut self.pending)
        {
            return self.give_up(session, broken);
        }
        if pdu.flag("T") {
            return self.transit(session, pdu);
        }
        for open in session.connection(self.conn).negotiation.to_answer() {
            let theirs = self.stage == SECURITY && open.key == "AuthMethod";
            if !theirs {
                text::push(&mut self.pending, &open.key, &answer_to(&open.key, &open.offer));
            }
        }
        Step::send(vec![self.next(false)])
    }

    fn transit(&mut self, session: &mut Session, pdu: &Pdu) -> Step<LoginOutcome> {
        if self.stage == SECURITY && !self.auth.satisfied() {
            return self.give_up(session, LoginBreak::TargetNotAuthenticated);
        }
        match u64::from(pdu.word("NSG")) {
            FULL_FEATURE => Step::done(LoginOutcome::LoggedIn),
            OPERATIONAL if self.stage == SECURITY => {
                self.stage = OPERATIONAL;
                self.offer_keys();
                Step::send(vec![self.next(false)])
            }
            other => self.give_up(session, LoginBreak::Unexpected(format!("next stage {other}"))),
        }
    }

    fn give_up(&mut self, session: &mut Session, why: LoginBreak) -> Step<LoginOutcome> {
        session.connection_mut(self.conn).phase = Phase::Closed;
        Step::done(LoginOutcome::Broken(why))
    }
}

fn refused(pdu: &Pdu) -> LoginOutcome {
    let (pairs, _) = text::pairs(&pdu.data);
    let addresses =
        pairs.into_iter().filter(|(key, _)| key == "TargetAddress").map(|(_, value)| value).collect();
    LoginOutcome::Refused {
        class: pdu.word("StatusClass") as u8,
        detail: pdu.word("StatusDetail") as u8,
        addresses,
    }
}
