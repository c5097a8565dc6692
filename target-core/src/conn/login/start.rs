//! May this login go on at all? The names, session type and admission of the first request (RFC 7143 4.2.7.1, 6.3.1,
//! 13.4, 13.5, 13.21).

use super::access::{is_served_by, may_use};
use super::fault::{LoginFault, Refusal};
use super::{Admission, Admitted, LoginEnv};
use crate::config::{AuthConfig, Config, Redirect, TargetConfig};
use crate::conn::negotiate::draft::Draft;
use crate::conn::negotiate::keys::Key;
use crate::conn::negotiate::names;
use crate::conn::negotiate::segment::Pair;
use crate::session::params::SessionKind;
use crate::wire::LoginRequest;
use alloc::string::String;

/// Who logs in to what.
#[derive(Debug)]
pub(super) struct Party {
    /// Initiator name, normalised.
    pub(super) initiator: String,
    /// InitiatorAlias.
    pub(super) alias: String,
    /// Session type.
    pub(super) kind: SessionKind,
    /// Name of the target, normalised; kept by name because the configuration may change between two requests.
    pub(super) target: Option<String>,
    /// What the session agreed on before, for a connection that is not its first.
    pub(super) admitted: Admitted,
    /// What is negotiated.
    pub(super) draft: Draft,
    /// TargetAlias and our MaxRecvDataSegmentLength were declared.
    pub(super) introduced: bool,
}

impl Party {
    /// True for the first connection of a session.
    pub(super) fn is_leading(&self) -> bool {
        matches!(self.admitted, Admitted::Leading)
    }

    /// Index of the target in the configuration of this moment.
    pub(super) fn target_index(&self, config: &Config) -> Result<Option<usize>, LoginFault> {
        let Some(name) = &self.target else { return Ok(None) };
        find(config, name).map(Some).ok_or(LoginFault::TargetRemoved)
    }

    /// Who may log in there.
    pub(super) fn auth<'a>(&self, config: &'a Config) -> Result<&'a AuthConfig, LoginFault> {
        let target = self.target_index(config)?.and_then(|at| config.targets.get(at));
        match (self.kind, target) {
            (SessionKind::Discovery, Some(target)) if planted!(DiscoveryAuth) => Ok(&target.auth),
            (SessionKind::Discovery, _) => Ok(&config.discovery_auth),
            (SessionKind::Normal, Some(target)) => Ok(&target.auth),
            (SessionKind::Normal, None) => Err(LoginFault::TargetRemoved),
        }
    }
}

/// Judges the first segment of a login.
pub(super) fn begin(
    env: &LoginEnv<'_>,
    request: &LoginRequest,
    pairs: &[Pair<'_>],
) -> Result<Party, Refusal> {
    let said =
        |key| pairs.iter().find(|pair| pair.row.is_some_and(|row| row.key == key)).map(|pair| pair.value);
    if !env.accepting {
        return Err(LoginFault::NotAccepting.into());
    }
    // rfc7143/4.2.5.4-5.
    let initiator = said(Key::InitiatorName).ok_or(LoginFault::NoInitiatorName)?;
    let initiator = names::normalise(initiator).map_err(|_| LoginFault::InitiatorName)?;
    let kind = kind(said(Key::SessionType))?;
    let target = match (said(Key::TargetName), kind) {
        (Some(name), _) => Some(names::normalise(name).map_err(|_| LoginFault::TargetName)?),
        (None, SessionKind::Discovery) => None,
        (None, SessionKind::Normal) => return Err(LoginFault::NoTargetName.into()),
    };
    if let Some(name) = &target {
        let target = find(env.config, name).and_then(|at| env.config.targets.get(at));
        // At this address there is none of that name, whatever other portals serve (RFC 7143 11.13.5, 0203).
        let here = |target: &&TargetConfig| kind == SessionKind::Discovery || is_served_by(target, env.group);
        let target = target.filter(here).ok_or(LoginFault::NoSuchTarget)?;
        if !may_use(target, &initiator) {
            return Err(LoginFault::NotAllowed.into());
        }
        if let (Some(elsewhere), SessionKind::Normal) = (&target.redirect, kind) {
            return Err(moved(elsewhere));
        }
    }
    let mut party = Party {
        initiator,
        alias: String::new(),
        kind,
        target,
        admitted: Admitted::Leading,
        draft: Draft::new(kind),
        introduced: false,
    };
    party.admitted = admit(env, request, &party)?;
    Ok(party)
}

/// Asks the sessions that exist.
pub(super) fn admit(
    env: &LoginEnv<'_>,
    request: &LoginRequest,
    party: &Party,
) -> Result<Admitted, LoginFault> {
    let admitted = env
        .directory
        .admit(&Admission {
            kind: party.kind,
            target: party.target_index(env.config)?,
            initiator: &party.initiator,
            isid: request.isid,
            // rfc7143/11.12.6-4.
            tsih: request.tsih,
            cid: request.cid,
            group: env.group,
        })
        .map_err(LoginFault::Refused)?;
    match &admitted {
        Admitted::Later { params, .. } if params.kind != party.kind => Err(LoginFault::SessionType),
        _ => Ok(admitted),
    }
}

/// The session type that was declared; Normal is the default.
pub(super) fn kind(value: Option<&str>) -> Result<SessionKind, LoginFault> {
    match value {
        None | Some("Normal") => Ok(SessionKind::Normal),
        Some("Discovery") => Ok(SessionKind::Discovery),
        Some(_) => Err(LoginFault::SessionType),
    }
}

fn find(config: &Config, name: &str) -> Option<usize> {
    config.targets.iter().position(|target| target.name.eq_ignore_ascii_case(name))
}

/// The tag is left out of the address of a redirection (RFC 7143 13.8).
fn moved(elsewhere: &Redirect) -> Refusal {
    let fault = if elsewhere.permanent { LoginFault::MovedForGood } else { LoginFault::MovedForNow };
    // rfc7143/13.8-1.
    let address = elsewhere.address.split(',').next().unwrap_or_default();
    // rfc7143/11.13.5-1.
    Refusal::with(fault, "TargetAddress", address)
}
