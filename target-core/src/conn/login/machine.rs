//! The login of one connection, request by request (RFC 7143 6.3, 11.12, 11.13).

use super::access::{Access, Proof};
use super::auth::{Auth, AuthEnv};
use super::fault::{LoginFault, Refusal};
use super::keys::{self, Replies};
use super::start::{self, Party};
use super::{Admitted, LoginEnv, LoginOutcome, LoginReply, LoginStep};
use crate::conn::negotiate::collect::Collector;
use crate::conn::negotiate::keys::Stage;
use crate::conn::negotiate::names::NAME_BYTES_MAX;
use crate::conn::negotiate::outbox::Outbox;
use crate::conn::negotiate::segment::{Pair, Seen};
use crate::session::params::SessionKind;
use crate::wire::LoginRequest;
use crate::wire::text::{self, TextWriter};
use alloc::boxed::Box;
use alloc::string::String;
use bytes::Bytes;

/// Longest data segment in either direction: login uses the default, whatever is declared in it (RFC 7143 6.3).
const SEGMENT_MAX: u32 = 8192;

const SECURITY: u8 = 0;
const OPERATIONAL: u8 = 1;
const FULL_FEATURE: u8 = 3;

/// The login of one connection.
#[derive(Debug)]
pub(crate) struct Login {
    state: State,
    /// The first request, whose fields the others must repeat.
    first: Option<LoginRequest>,
    declared: Declared,
    collector: Collector,
    seen: Seen,
    outbox: Outbox,
}

/// What the login awaits.
#[derive(Debug)]
enum State {
    /// The end of the first segment.
    AwaitFirst,
    /// Keys of the security stage.
    AwaitSecurity(Box<Party>, Auth),
    /// Keys of the operational stage.
    AwaitOperational(Box<Party>, Proof),
    /// Nothing: completed or refused.
    Over,
}

/// Names as they were declared, for the probes.
#[derive(Debug, Default)]
struct Declared {
    initiator: String,
    target: String,
    discovery: bool,
}

impl Default for Login {
    fn default() -> Self {
        Self::new()
    }
}

impl Login {
    /// Awaits the first Login Request.
    pub(crate) fn new() -> Self {
        Self {
            state: State::AwaitFirst,
            first: None,
            declared: Declared::default(),
            collector: Collector::default(),
            seen: Seen::default(),
            outbox: Outbox::default(),
        }
    }

    /// Takes note of the names in a request before it is judged, so that its probe can show them (probes.md rule 5).
    pub(crate) fn observe(&mut self, data: &[u8]) {
        if matches!(self.state, State::Over) || data.len() > SEGMENT_MAX as usize {
            return;
        }
        let joined;
        let seen = if self.collector.held().is_empty() {
            data
        } else {
            joined = [self.collector.held(), data].concat();
            &joined
        };
        for (key, value) in text::pairs(seen).filter_map(Result::ok) {
            let name = match key {
                "InitiatorName" => &mut self.declared.initiator,
                "TargetName" => &mut self.declared.target,
                "SessionType" => {
                    self.declared.discovery |= value == "Discovery";
                    continue;
                }
                _ => continue,
            };
            if name.is_empty() {
                // The probes show as much of a name that is too long as they have room for.
                let end = (0..=NAME_BYTES_MAX.min(value.len())).rfind(|at| value.is_char_boundary(*at));
                name.push_str(end.and_then(|end| value.get(..end)).unwrap_or_default());
            }
        }
    }

    /// InitiatorName as declared, empty before.
    pub(crate) fn initiator_name(&self) -> &str {
        &self.declared.initiator
    }

    /// TargetName as declared; empty before, and in a discovery session.
    pub(crate) fn target_name(&self) -> &str {
        if self.declared.discovery { "" } else { &self.declared.target }
    }

    /// The first request: all responses of the login carry its task tag and name the same session (RFC 7143 6.3).
    pub(crate) fn first(&self) -> Option<&LoginRequest> {
        self.first.as_ref()
    }

    /// Takes one Login Request with its data segment. After [`LoginStep::Done`] or [`LoginStep::Refuse`] every further
    /// request is refused.
    pub(crate) fn receive(
        &mut self,
        env: &mut LoginEnv<'_>,
        request: &LoginRequest,
        data: &Bytes,
    ) -> LoginStep {
        let state = core::mem::replace(&mut self.state, State::Over);
        match self.advance(state, env, request, data) {
            Ok((state, step)) => {
                self.state = state;
                step
            }
            Err(Refusal { fault, text }) => LoginStep::Refuse {
                reply: LoginReply {
                    status: if planted!(LoginStatusClass) { 0x0200 } else { fault.status().code() },
                    text,
                    ..LoginReply::default()
                },
                fault,
            },
        }
    }

    fn advance(
        &mut self,
        state: State,
        env: &mut LoginEnv<'_>,
        request: &LoginRequest,
        data: &Bytes,
    ) -> Result<(State, LoginStep), Refusal> {
        self.check_header(&state, request, data)?;
        let limits = env.config.limits;
        self.collector.round(&limits)?;
        if !self.outbox.is_empty() {
            // The rest of an answer is asked for with an empty request (RFC 7143 6.2).
            if !data.is_empty() || request.continue_bit {
                return Err(LoginFault::TextDuringContinuation.into());
            }
            return self.reply(state, env, request);
        }
        self.collector.count(&limits, data)?;
        if request.continue_bit {
            if !planted!(LoginContinueLost) {
                self.collector.hold(data);
            }
            // rfc7143/6.2-2.
            return Ok((state, LoginStep::Reply(LoginReply { csg: request.csg, ..LoginReply::default() })));
        }
        let segment = self.collector.complete(data);
        let pairs = self.seen.read(&segment, limits.text_keys)?;
        let (state, text) = judge(state, env, request, &pairs)?;
        if text.len() > limits.text_answer_bytes as usize && !planted!(LoginAnswerUnbounded) {
            return Err(LoginFault::AnswerTooLong.into());
        }
        self.outbox = Outbox::new(text.into_bytes().into());
        self.reply(state, env, request)
    }

    /// The fields that stay, and those that must fit the state (RFC 7143 11.12).
    fn check_header(
        &mut self,
        state: &State,
        request: &LoginRequest,
        data: &Bytes,
    ) -> Result<(), LoginFault> {
        let first = *self.first.get_or_insert(*request);
        let ident = |r: &LoginRequest| (r.isid, r.tsih, r.cid, r.itt, r.version_max, r.version_min);
        if matches!(state, State::Over) {
            return Err(LoginFault::Over);
        }
        // rfc7143/11.12.4.2-2.
        if request.version_min > 0 {
            return Err(LoginFault::Version);
        }
        // rfc7143/11.12.4.1-2, rfc7143/11.12.7-2.
        if ident(&first) != ident(request) && !(planted!(LoginCidChanges) && first.cid != request.cid) {
            return Err(LoginFault::HeaderChanged);
        }
        let stage = match state {
            State::AwaitSecurity(..) => SECURITY,
            State::AwaitOperational(..) => OPERATIONAL,
            State::AwaitFirst | State::Over => first.csg,
        };
        if !matches!(request.csg, SECURITY | OPERATIONAL) {
            return Err(LoginFault::StageCode);
        }
        if request.csg != stage {
            return Err(LoginFault::StageChanged);
        }
        // rfc7143/6.2-1.
        if request.transit && request.continue_bit && !planted!(TransitWithContinue) {
            return Err(LoginFault::TransitWithContinue);
        }
        // rfc7143/6.3-6, rfc7143/6.3-11.
        let next_fits = match request.nsg {
            OPERATIONAL => stage == SECURITY,
            FULL_FEATURE => true,
            _ => false,
        };
        if request.transit && !next_fits {
            return Err(LoginFault::NextStage);
        }
        if data.len() > SEGMENT_MAX as usize { Err(LoginFault::SegmentTooLong) } else { Ok(()) }
    }

    /// Sends the next piece of the answer; with the last one, goes on to the next stage if both sides are ready.
    fn reply(
        &mut self,
        state: State,
        env: &mut LoginEnv<'_>,
        request: &LoginRequest,
    ) -> Result<(State, LoginStep), Refusal> {
        let text = self.outbox.take(SEGMENT_MAX);
        let stay = LoginReply { csg: request.csg, text, ..LoginReply::default() };
        if !self.outbox.is_empty() {
            // rfc7143/6.2-1, rfc7143/11.13.7-1.
            return Ok((state, LoginStep::Reply(LoginReply { continue_bit: true, ..stay })));
        }
        // rfc7143/6.3.3-3, rfc7143/11.13.6-2.
        if !request.transit {
            return Ok((state, LoginStep::Reply(stay)));
        }
        let (party, proof) = match state {
            // rfc7143/6.3-7.
            State::AwaitSecurity(party, Auth::Complete(proof)) => (party, proof),
            State::AwaitOperational(party, proof) => (party, proof),
            // Not ready: more of the exchange is to come.
            // rfc7143/6.3-10, rfc7143/11.13.6-1.
            waiting => return Ok((waiting, LoginStep::Reply(stay))),
        };
        // rfc7143/6.3-9.
        let go = LoginReply { transit: true, nsg: request.nsg, ..stay };
        if request.nsg == FULL_FEATURE {
            let outcome = finish(*party, &proof, env, request)?;
            return Ok((State::Over, LoginStep::Done(go, Box::new(outcome))));
        }
        Ok((State::AwaitOperational(party, proof), LoginStep::Reply(go)))
    }
}

/// Judges the keys of one complete segment and words the answer.
fn judge(
    state: State,
    env: &mut LoginEnv<'_>,
    request: &LoginRequest,
    pairs: &[Pair<'_>],
) -> Result<(State, TextWriter), Refusal> {
    let mut text = TextWriter::new();
    let (state, first) = match state {
        State::AwaitFirst => {
            let party = start::begin(env, request, pairs)?;
            // Of the first response that is not part of a continuation (RFC 7143 6.3.1).
            if !planted!(PortalGroupTag) {
                // rfc7143/6.3.1-1, rfc7143/11.13.8-1.
                text.number("TargetPortalGroupTag", env.group.into());
            }
            (enter(Box::new(party), env, request)?, true)
        }
        state => (state, false),
    };
    let mut replies = Replies::default();
    let config = env.config;
    let state = match state {
        State::AwaitSecurity(mut party, auth) => {
            let keys = keys::judge(config, &mut party, Stage::Security, first, pairs, &mut replies)?;
            let mut auth_env = AuthEnv {
                config: party.auth(config)?,
                initiator: &party.initiator,
                challenges: env.challenges,
                rng: &mut *env.rng,
            };
            let (auth, answers) = auth.step(&mut auth_env, &keys, request.transit)?;
            replies.append(answers);
            replies.write(&mut text);
            if let Auth::Complete(proof) = &auth {
                check_identity(&party, proof)?;
            }
            State::AwaitSecurity(party, auth)
        }
        State::AwaitOperational(mut party, proof) => {
            keys::judge(config, &mut party, Stage::Operational, first, pairs, &mut replies)?;
            replies.write(&mut text);
            keys::introduce(config, &mut party, &mut text);
            State::AwaitOperational(party, proof)
        }
        State::AwaitFirst | State::Over => return Err(LoginFault::Over.into()),
    };
    Ok((state, text))
}

/// The stage that the first request is in. Starting in the operational one forgoes authentication.
fn enter(party: Box<Party>, env: &LoginEnv<'_>, request: &LoginRequest) -> Result<State, LoginFault> {
    // rfc7143/6.3-5.
    if request.csg == SECURITY {
        return Ok(State::AwaitSecurity(party, Auth::AwaitMethod));
    }
    // rfc7143/4.2.3.6-2.
    let proof = Proof::not_required(party.auth(env.config)?).ok_or(LoginFault::AuthRequired)?;
    check_identity(&party, &proof)?;
    Ok(State::AwaitOperational(party, proof))
}

/// All connections of a session are authenticated alike (RFC 7143 9.2).
fn check_identity(party: &Party, proof: &Proof) -> Result<(), LoginFault> {
    match &party.admitted {
        // rfc7143/9.2-10, rfc7143/9.2-11, rfc7143/9.2-12.
        Admitted::Later { identity, .. } if identity.as_deref() != proof.identity() => {
            Err(LoginFault::IdentityChanged)
        }
        _ => Ok(()),
    }
}

/// Puts together what was agreed on. Sessions may have come and gone since the first request, so they are asked again.
fn finish(
    mut party: Party,
    proof: &Proof,
    env: &LoginEnv<'_>,
    request: &LoginRequest,
) -> Result<LoginOutcome, LoginFault> {
    if !env.accepting {
        return Err(LoginFault::NotAccepting);
    }
    let leading = party.is_leading();
    party.admitted = start::admit(env, request, &party)?;
    if leading != party.is_leading() {
        return Err(LoginFault::Over);
    }
    check_identity(&party, proof)?;
    // rfc7143/6.2-20.
    if !party.draft.finish(&env.config.offer) {
        return Err(LoginFault::DigestRequired);
    }
    let target = party.target_index(env.config)?;
    let (target, named) = match party.kind {
        SessionKind::Normal => (target, None),
        SessionKind::Discovery => (None, target),
    };
    let session = match party.admitted {
        // rfc7143/6.2-19.
        Admitted::Leading => party.draft.session,
        Admitted::Later { params, .. } => *params,
    };
    Ok(LoginOutcome {
        access: Access::new(proof, party.initiator, party.kind, party.target),
        alias: party.alias,
        target,
        named,
        isid: request.isid,
        tsih: request.tsih,
        cid: request.cid,
        session,
        conn: party.draft.conn,
        leading,
    })
}
