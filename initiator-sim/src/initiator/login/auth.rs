//! What is said in the security stage? AuthMethod and the four steps of CHAP (RFC 7143 12.1, 12.1.3).

use super::super::chap;
use super::{ChapPlan, LoginBreak};
use crate::codec::text;

/// Named for what it awaits.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The target's choice among the methods offered.
    Method,
    /// CHAP_A, CHAP_I and CHAP_C.
    Challenge,
    /// The target's proof, or without mutual authentication only its consent.
    Verdict,
    /// Nothing: no authentication is needed.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Auth {
    plan: Option<ChapPlan>,
    state: State,
    algorithm: u8,
    proven: bool,
}

impl Auth {
    pub(super) fn new(plan: Option<ChapPlan>) -> Auth {
        let state = if plan.is_some() { State::Method } else { State::Nothing };
        Auth { plan, state, algorithm: 0, proven: false }
    }

    /// The first text of the stage.
    pub(super) fn offer(&self, out: &mut Vec<u8>) {
        text::push(out, "AuthMethod", self.plan.as_ref().map_or("None", |plan| &plan.methods));
    }

    /// This side has said everything it has to say.
    pub(super) fn ready(&self) -> bool {
        matches!(self.state, State::Verdict | State::Nothing)
    }

    /// The target has proven what it had to.
    pub(super) fn satisfied(&self) -> bool {
        let owed = self.plan.as_ref().is_some_and(|plan| plan.mutual.is_some());
        self.ready() && (self.proven || !owed || self.state == State::Nothing)
    }

    /// Takes the text of a response and appends what follows from it.
    pub(super) fn hear(&mut self, pairs: &[(String, String)], out: &mut Vec<u8>) -> Result<(), LoginBreak> {
        let Some(plan) = &self.plan else { return Ok(()) };
        match self.state {
            State::Method => match text::find(pairs, "AuthMethod") {
                Some("CHAP") => {
                    let list: Vec<String> = plan.algorithms.iter().map(u8::to_string).collect();
                    text::push(out, "CHAP_A", &list.join(","));
                    self.state = State::Challenge;
                }
                Some("None") => self.state = State::Nothing,
                // The target may put the choice off to another response.
                None => {}
                Some(other) => return Err(LoginBreak::Authentication(format!("AuthMethod={other}"))),
            },
            State::Challenge => {
                self.algorithm = respond(plan, pairs, out)?;
                self.state = State::Verdict;
            }
            State::Verdict
                if !self.proven && plan.mutual.is_some() && text::find(pairs, "CHAP_R").is_some() =>
            {
                if !proof(plan, self.algorithm, pairs) {
                    return Err(LoginBreak::TargetNotAuthenticated);
                }
                self.proven = true;
            }
            State::Verdict | State::Nothing => {}
        }
        Ok(())
    }
}

/// Answers the target's challenge and, for mutual authentication, puts one. Returns the algorithm chosen.
fn respond(plan: &ChapPlan, pairs: &[(String, String)], out: &mut Vec<u8>) -> Result<u8, LoginBreak> {
    let wrong = |what: &str| LoginBreak::Authentication(format!("{what} is missing or wrong"));
    let number = |key: &str| text::find(pairs, key).and_then(super::super::keys::number);
    let algorithm = number("CHAP_A").and_then(|n| u8::try_from(n).ok());
    let algorithm = algorithm.filter(|a| plan.algorithms.contains(a)).ok_or_else(|| wrong("CHAP_A"))?;
    let identifier = number("CHAP_I").and_then(|n| u8::try_from(n).ok()).ok_or_else(|| wrong("CHAP_I"))?;
    let challenge = text::find(pairs, "CHAP_C").and_then(chap::decode).ok_or_else(|| wrong("CHAP_C"))?;
    let response =
        chap::response(algorithm, identifier, &plan.secret, &challenge).ok_or_else(|| wrong("CHAP_A"))?;
    text::push(out, "CHAP_N", &plan.name);
    text::push(out, "CHAP_R", &chap::encode(&response, plan.encoding));
    if let Some(mutual) = &plan.mutual {
        text::push(out, "CHAP_I", &mutual.identifier.to_string());
        let own = if mutual.reflect { &challenge } else { &mutual.challenge };
        text::push(out, "CHAP_C", &chap::encode(own, plan.encoding));
    }
    Ok(algorithm)
}

fn proof(plan: &ChapPlan, algorithm: u8, pairs: &[(String, String)]) -> bool {
    let Some(mutual) = &plan.mutual else { return true };
    let named = text::find(pairs, "CHAP_N");
    let name_fits = mutual.name.as_deref().is_none_or(|name| named == Some(name));
    let want = chap::response(algorithm, mutual.identifier, &mutual.secret, &mutual.challenge);
    named.is_some()
        && name_fits
        && want.is_some()
        && text::find(pairs, "CHAP_R").and_then(chap::decode) == want
}
