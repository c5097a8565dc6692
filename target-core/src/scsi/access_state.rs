//! Through which ports can a logical unit be used? Asymmetric access states (SPC-4 5.15)
//!
//! There is one target port group to a portal group, with one port in it; each logical unit has a state for each. A state is
//! changed by SET TARGET PORT GROUPS (explicitly) and by the operator (implicitly). No reset touches it.

use super::sense::{SenseCode, code};
use crate::config::AccessState;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use core::time::Duration;

/// How a group came to its state, as the STATUS CODE of its descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ChangedBy {
    /// Nobody yet.
    #[default]
    Nothing = 0,
    /// SET TARGET PORT GROUPS.
    Command = 1,
    /// The operator.
    Operator = 2,
}

#[derive(Clone, Copy, Debug, Default)]
struct Group {
    state: AccessState,
    by: ChangedBy,
    /// In transition until then.
    until: Option<Instant>,
}

/// The states of one logical unit, by target port group; one that is not here is active/optimized.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessStates(BTreeMap<u16, Group>);

impl AccessStates {
    /// What the operator says, and nobody has changed.
    pub(super) fn new(configured: &[(u16, AccessState)]) -> Self {
        let group = |state: AccessState| Group { state, ..Group::default() };
        Self(configured.iter().map(|(number, state)| (*number, group(*state))).collect())
    }

    /// State and status code of a group.
    pub(super) fn of(&self, group: u16, now: Instant) -> (AccessState, ChangedBy) {
        let Some(Group { state, by, until }) = self.0.get(&group).copied() else { return Default::default() };
        let state = if until.is_some_and(|until| now < until) { AccessState::Transitioning } else { state };
        (state, by)
    }

    /// Changes a state, which takes a time. True if it is another one.
    pub(super) fn set(
        &mut self,
        group: u16,
        state: AccessState,
        by: ChangedBy,
        now: Instant,
        takes: Duration,
    ) -> bool {
        let old = self.0.insert(group, Group { state, by, until: Some(now + takes) });
        old.unwrap_or_default().state != state
    }
}

/// Refuses a command that is not answered through a port in that state (SPC-4 5.15.2.4).
pub(super) fn check(state: AccessState, opcode: u8, action: Option<u16>) -> Result<(), SenseCode> {
    let (allowed, refusal) = match state {
        AccessState::ActiveOptimized | AccessState::ActiveNonOptimized => return Ok(()),
        AccessState::Standby => (is_administrative(opcode), code::PORT_IN_STANDBY),
        AccessState::Unavailable => (is_elementary(opcode, action), code::PORT_UNAVAILABLE),
        AccessState::Offline => (is_elementary(opcode, action), code::UNIT_OFFLINE),
        AccessState::Transitioning => {
            (opcode != MAINTENANCE_OUT && is_elementary(opcode, action), code::ACCESS_STATE_TRANSITION)
        }
    };
    if allowed { Ok(()) } else { Err(refusal) }
}

const MAINTENANCE_IN: u8 = 0xa3;
const MAINTENANCE_OUT: u8 = 0xa4;
/// REPORT TARGET PORT GROUPS and SET TARGET PORT GROUPS.
const TARGET_PORT_GROUPS: u16 = 0x0a;

/// REQUEST SENSE, INQUIRY, REPORT LUNS, and what it takes to look at states and to change them.
fn is_elementary(opcode: u8, action: Option<u16>) -> bool {
    match opcode {
        0x03 | 0x12 | 0xa0 => true,
        MAINTENANCE_IN | MAINTENANCE_OUT => action == Some(TARGET_PORT_GROUPS),
        _ => false,
    }
}

/// What needs no medium: beside those, modes, logs, diagnostics, buffers, persistent reservations, maintenance.
const fn is_administrative(opcode: u8) -> bool {
    matches!(
        opcode,
        0x03 | 0x12
            | 0xa0
            | 0x15
            | 0x1a
            | 0x55
            | 0x5a
            | 0x4c
            | 0x4d
            | 0x1c
            | 0x1d
            | 0x3b
            | 0x3c
            | 0x5e
            | 0x5f
            | MAINTENANCE_IN
            | MAINTENANCE_OUT
    )
}
