//! Which step of the authentication exchange comes next? (RFC 7143 6.3.2, 9.2, 12.1)
//!
//! ```text
//!  AwaitMethod ──AuthMethod=..,CHAP──> AwaitAlgorithm ──CHAP_A──> AwaitResponse ──CHAP_N, CHAP_R──> Complete
//!      │  └──nothing offered, CHAP asked for──> AwaitChoice ──AuthMethod=CHAP, CHAP_A──^              ^
//!      └──────────────────────────────no credentials configured───────────────────────────────────────┘
//! ```

use super::access::Proof;
use super::challenge::Challenges;
use super::chap::{self, Asked, BINARY_BYTES_MAX, Said};
use super::fault::{LoginFault, Refusal};
use crate::config::AuthConfig;
use crate::conn::negotiate::keys::Key;
use crate::wire::{binary, text};
use alloc::string::String;
use alloc::vec::Vec;

/// What the security stage awaits.
#[derive(Debug)]
pub(super) enum Auth {
    /// The initiator's list of methods.
    AwaitMethod,
    /// The initiator's choice out of the list that the target offered, with the first step.
    AwaitChoice,
    /// CHAP_A.
    AwaitAlgorithm,
    /// CHAP_N and CHAP_R, with CHAP_I and CHAP_C for mutual authentication.
    AwaitResponse(Asked),
    /// Nothing more.
    Complete(Proof),
}

/// The security keys of one segment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SecurityKeys<'a> {
    method: Option<&'a str>,
    algorithm: Option<&'a str>,
    name: Option<&'a str>,
    response: Option<&'a str>,
    id: Option<&'a str>,
    challenge: Option<&'a str>,
}

impl<'a> SecurityKeys<'a> {
    /// Notes one key; `false` if it is no security key.
    pub(super) fn note(&mut self, key: Key, value: &'a str) -> bool {
        let slot = match key {
            Key::AuthMethod => &mut self.method,
            Key::ChapA => &mut self.algorithm,
            Key::ChapN => &mut self.name,
            Key::ChapR => &mut self.response,
            Key::ChapI => &mut self.id,
            Key::ChapC => &mut self.challenge,
            _ => return false,
        };
        *slot = Some(value);
        true
    }

    fn answers_challenge(&self) -> bool {
        [self.name, self.response, self.id, self.challenge].iter().any(Option::is_some)
    }
}

/// What the exchange needs from around it.
pub(super) struct AuthEnv<'a, 'b> {
    pub(super) config: &'a AuthConfig,
    /// Name of the initiator, normalised.
    pub(super) initiator: &'a str,
    pub(super) challenges: &'a Challenges,
    pub(super) rng: &'b mut dyn FnMut(&mut [u8]),
}

/// Keys and values to answer with, in order.
pub(super) type Answers = Vec<(&'static str, String)>;

impl Auth {
    /// Takes the keys of one segment. `transit` is the request's T bit: without it an initiator that has not named a
    /// method may still do so.
    pub(super) fn step(
        self,
        env: &mut AuthEnv<'_, '_>,
        keys: &SecurityKeys<'_>,
        transit: bool,
    ) -> Result<(Self, Answers), Refusal> {
        match self {
            Self::AwaitMethod => await_method(env, keys, transit),
            Self::AwaitChoice => match keys.method {
                Some("CHAP") => await_algorithm(env, keys),
                // What was not offered cannot be chosen (rfc7143/6.2.1-4).
                _ => Err(LoginFault::AuthRequired.into()),
            },
            Self::AwaitAlgorithm => await_algorithm(env, keys),
            Self::AwaitResponse(asked) => await_response(env, keys, &asked),
            Self::Complete(_)
                if keys.method.is_some() || keys.algorithm.is_some() || keys.answers_challenge() =>
            {
                // rfc7143/9.2-4.
                Err(LoginFault::AuthOutOfStep.into())
            }
            Self::Complete(proof) => Ok((Self::Complete(proof), Answers::new())),
        }
    }
}

fn await_method(
    env: &mut AuthEnv<'_, '_>,
    keys: &SecurityKeys<'_>,
    transit: bool,
) -> Result<(Auth, Answers), Refusal> {
    if keys.algorithm.is_some() || keys.answers_challenge() {
        return Err(LoginFault::AuthOutOfStep.into());
    }
    let open = Proof::not_required(env.config);
    let Some(list) = keys.method else {
        return Ok(match open {
            Some(proof) if transit => (Auth::Complete(proof), Answers::new()),
            Some(_) => (Auth::AwaitMethod, Answers::new()),
            // rfc7143/12.1-6.
            None => (Auth::AwaitChoice, [("AuthMethod", "CHAP".into())].into()),
        });
    };
    // No method but CHAP, and none with passwords in clear (rfc7143/9.2-2, rfc7143/12.1-2, rfc7143/12.1-3,
    // rfc7143/14-3).
    let wanted = if open.is_some() { "None" } else { "CHAP" };
    // rfc7143/6.3.1-3.
    if !text::list(list).any(|method| method == wanted) {
        let fault = if open.is_some() { LoginFault::AuthMethod } else { LoginFault::AuthRequired };
        return Err(Refusal::with(fault, "AuthMethod", "Reject"));
    }
    let next = open.map_or(Auth::AwaitAlgorithm, Auth::Complete);
    Ok((next, [("AuthMethod", wanted.into())].into()))
}

fn await_algorithm(env: &mut AuthEnv<'_, '_>, keys: &SecurityKeys<'_>) -> Result<(Auth, Answers), Refusal> {
    if keys.answers_challenge() {
        return Err(LoginFault::AuthOutOfStep.into());
    }
    let list = keys.algorithm.ok_or(LoginFault::AuthMissing)?;
    // rfc7143/12.1.3-2.
    let algorithm = chap::choose(list, env.config).ok_or(LoginFault::ChapAlgorithm)?;
    let mut id = [0];
    (env.rng)(&mut id);
    let asked = Asked { algorithm, id: id[0], challenge: env.challenges.issue(env.rng) };
    let answers = [
        ("CHAP_A", alloc::format!("{}", algorithm as u8)),
        ("CHAP_I", alloc::format!("{}", asked.id)),
        ("CHAP_C", binary::to_hex(&asked.challenge)),
    ];
    Ok((Auth::AwaitResponse(asked), answers.into()))
}

fn await_response(
    env: &AuthEnv<'_, '_>,
    keys: &SecurityKeys<'_>,
    asked: &Asked,
) -> Result<(Auth, Answers), Refusal> {
    let (Some(name), Some(response)) = (keys.name, keys.response) else {
        // rfc7143/9.2-4.
        return Err(LoginFault::AuthMissing.into());
    };
    let mutual = match (keys.id, keys.challenge) {
        (None, None) => None,
        (Some(id), Some(challenge)) => Some((identifier(id)?, bytes(challenge)?)),
        _ => return Err(LoginFault::AuthMissing.into()),
    };
    if name.len() > text::VALUE_BYTES_MAX {
        return Err(LoginFault::AuthValue.into());
    }
    let said = Said { name, response: bytes(response)?, mutual };
    // rfc7143/9.2.1-1.
    let (verified, own) = chap::verify(asked, &said, env.config, env.initiator, env.challenges)?;
    let answers = match own {
        Some((name, response)) => [("CHAP_N", name), ("CHAP_R", binary::to_hex(&response))].into(),
        None => Answers::new(),
    };
    Ok((Auth::Complete(Proof::chap(verified)), answers))
}

fn identifier(value: &str) -> Result<u8, LoginFault> {
    text::number(value).and_then(|id| u8::try_from(id).ok()).ok_or(LoginFault::AuthValue)
}

fn bytes(value: &str) -> Result<Vec<u8>, LoginFault> {
    // rfc7143/12.1.3-7.
    binary::decode(value, BINARY_BYTES_MAX).map_err(|_| LoginFault::AuthValue)
}
