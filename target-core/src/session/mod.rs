//! Sessions: parameters, command window, ordering, reinstatement (RFC 7143 sections 4.2.2, 4.4 and 8.3).

pub mod cleanup;
pub(crate) mod fence;
pub(crate) mod lost;
pub mod params;
#[allow(clippy::module_inception, reason = "the thing itself, beside its parts")]
mod session;
pub mod states;
pub mod table;
pub mod window;

pub(crate) use session::{Identity, Pending, Scope, Session, TaskRef};

/// Names a session within the target.
pub(crate) type SessionKey = crate::slab::Key<Session>;
