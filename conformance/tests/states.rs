//! The state tables of RFC 7143 section 8, printed for a reviewer to hold against the RFC's diagrams.

use insta::Settings;
use target_core::{conn, session};

fn shown(name: &str, matrix: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/states");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, matrix));
}

#[test]
fn connection_states() {
    shown("connection", &conn::states::CONNECTION.matrix());
}

#[test]
fn cleanup_states() {
    shown("cleanup", &conn::states::CLEANUP.matrix());
}

#[test]
fn session_states() {
    shown("session", &session::states::SESSION.matrix());
}
