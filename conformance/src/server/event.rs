//! News of the core: into the log, and to whom it concerns.

use super::shard::Shard;
use std::sync::atomic::Ordering;
use target_core::api::{ConnId, Event};

/// A peer that does nothing but break the rules must not fill the log.
const VIOLATIONS_LOGGED: u32 = 16;

/// Deals with one piece of news.
pub(super) fn take(shard: &Shard, event: Event) {
    let remote = |conn: ConnId| {
        shard.connection(conn).map_or_else(|| "gone".to_owned(), |connection| connection.remote.to_string())
    };
    match event {
        Event::Resume(conn) => {
            if let Some(connection) = shard.connection(conn) {
                connection.resume();
            }
        }
        Event::LoggedIn { conn, session, initiator, target } => {
            if let Some(connection) = shard.connection(conn) {
                connection.logged_in.store(true, Ordering::Relaxed);
                connection.session.store(session.0, Ordering::Relaxed);
            }
            let target = target.unwrap_or_else(|| "discovery".to_owned());
            tracing::info!(
                conn = conn.0,
                tsih = session.0,
                remote = remote(conn),
                initiator,
                target,
                "logged in"
            );
        }
        Event::LoginFailed { conn, initiator, status, reason } => {
            let status = format!("{status:04x}");
            tracing::warn!(conn = conn.0, remote = remote(conn), initiator, status, reason, "login refused");
        }
        Event::Violation { conn, fault } => {
            let Some(connection) = shard.connection(conn) else { return };
            let count = connection.violations.fetch_add(1, Ordering::Relaxed);
            if count < VIOLATIONS_LOGGED {
                let last = count + 1 == VIOLATIONS_LOGGED;
                let clause = fault.clause();
                tracing::warn!(conn = conn.0, remote = %connection.remote, ?fault, clause, last, "protocol violation");
            }
        }
        Event::Disconnected { conn, reason } => {
            tracing::info!(conn = conn.0, remote = remote(conn), reason, "disconnected");
        }
        Event::SessionEnded { session, reason } => {
            tracing::info!(tsih = session.0, reason, "session ended");
        }
        Event::Drained => shard.set_drained(),
    }
}
