//! Proof that a login completed. Nothing but the login machine can make one, so whatever takes an [`Access`] cannot be
//! reached before authentication (RFC 7143 4.3, 9.2).

use crate::session::params::SessionKind;
use alloc::string::String;

/// Who is on the other side of a connection in full feature phase, and of what.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    initiator: String,
    kind: SessionKind,
    target: Option<String>,
    identity: Option<String>,
}

impl Access {
    pub(in crate::conn::login) fn new(
        proof: &Proof,
        initiator: String,
        kind: SessionKind,
        target: Option<String>,
    ) -> Self {
        Self { initiator, kind, target, identity: proof.identity.clone() }
    }

    /// Initiator name, normalised.
    pub(crate) fn initiator(&self) -> &str {
        &self.initiator
    }

    /// Discovery or normal.
    pub(crate) fn kind(&self) -> SessionKind {
        self.kind
    }

    /// Name of the target the session is with; a discovery session may have none.
    pub(crate) fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    /// CHAP_N that was proven, if any: what [`Admitted::Later`](super::Admitted::Later) holds for the next connection.
    pub(crate) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }
}

/// The end of the security stage: a CHAP exchange that succeeded, or a configuration that asks for none.
#[derive(Clone, Debug)]
pub(in crate::conn::login) struct Proof {
    identity: Option<String>,
}

impl Proof {
    /// Of a configuration without credentials; `None` if it has some.
    pub(in crate::conn::login) fn not_required(auth: &crate::config::AuthConfig) -> Option<Self> {
        auth.credentials.is_empty().then_some(Self { identity: None })
    }

    /// Of a verified CHAP response.
    pub(in crate::conn::login) fn chap(verified: super::chap::Verified) -> Self {
        Self { identity: Some(verified.into_name()) }
    }

    /// CHAP_N that was proven.
    pub(in crate::conn::login) fn identity(&self) -> Option<&str> {
        self.identity.as_deref()
    }
}

/// True if the initiator (name normalised) may log in to the target and see it in discovery.
pub(crate) fn may_use(target: &crate::config::TargetConfig, initiator: &str) -> bool {
    target.initiators.is_empty() || target.initiators.iter().any(|name| name.eq_ignore_ascii_case(initiator))
}

/// True if the target can be reached through portals of that group.
pub(crate) fn is_served_by(target: &crate::config::TargetConfig, group: u16) -> bool {
    target.groups.is_empty() || target.groups.contains(&group)
}

/// Logins that never took place, for tests of what comes after one.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub(crate) fn access(initiator: &str, kind: SessionKind, target: Option<&str>) -> Access {
        Access::new(&Proof { identity: None }, initiator.into(), kind, target.map(String::from))
    }
}
