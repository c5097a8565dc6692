//! What has the target to offer? Asked once for all scenarios, by a login with everything on offer and a few commands, written
//! in the language itself.

use super::exec::block_on;
use super::lab::Lab;
use super::scope::Cx;
use super::state::{Defaults, State};
use super::steps;
use crate::scenario::Scenario;
use crate::scenario::model::RunLimits;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::LazyLock;

/// What an implementation offers, as far as an initiator can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) max_connections: u32,
    pub(super) error_recovery_level: u8,
    /// DefaultTime2Retain in seconds, at most what was asked for.
    pub(super) time2retain: u32,
    pub(super) digests: bool,
    pub(super) immediate_data: bool,
    pub(super) initial_r2t: bool,
    pub(super) protocol_level: u32,
    /// TaskReporting.
    pub(super) task_reporting: String,
    /// AuthMethod=None is not enough.
    pub(super) chap_demanded: bool,
    /// LUN 0 takes no writes.
    pub(super) write_protected: bool,
    /// Block size and number of blocks of LUN 0, if it has any.
    pub(super) disk: Option<(u32, u64)>,
}

/// The unit attentions of a new nexus come first; READ CAPACITY (16) only where (10) does not reach.
const LOGIN: &str = "
title: What does the target offer?
steps:
  - login: {on: asking, keys: {HeaderDigest: \"CRC32C,None\", DataDigest: \"CRC32C,None\", ErrorRecoveryLevel: 2, MaxConnections: 8, TaskReporting: \"FastAbort,ResponseFence,RFC3720\", iSCSIProtocolLevel: 2}}
  - repeat: {times: 4, steps: [{scsi: {on: asking, op: tur, expect: {status: \"*\"}}}]}
  - scsi: {on: asking, op: mode_sense6, alloc: 192, expect: {status: \"*\"}, save: {wp: \"data[2..3]\"}}
  - scsi: {on: asking, op: read_capacity10, expect: {status: \"*\"}, save: {last: \"data[0..4]\", block: \"data[4..8]\"}}
";
const CAPACITY_16: &str = "
title: How large is a disk of 2^32 blocks or more?
steps:
  - scsi: {on: asking, op: read_capacity16, save: {last: \"data[0..8]\", block: \"data[8..12]\"}}
";
const LOGOUT: &str = "
title: That is all
steps:
  - logout: {on: asking}
";

/// Asks.
pub(super) fn ask(lab: Box<dyn Lab>, defaults: Defaults) -> Result<Offers, String> {
    let mut state = State::new(lab, RunLimits::default());
    state.defaults = defaults;
    let state = RefCell::new(state);
    carry_out(&state, &QUESTIONS.0)?;
    let number = |name: &str| state.borrow().vars.get(name).and_then(crate::scenario::expr::Value::number);
    if number("last") == Some(u32::MAX.into()) {
        carry_out(&state, &QUESTIONS.1)?;
    }
    let disk = number("block").zip(number("last")).and_then(|(block, last)| {
        let block = u32::try_from(block).ok().filter(|block| *block > 0)?;
        Some((block, last.checked_add(1)?))
    });
    let write_protected = number("wp").is_some_and(|byte| byte & 0x80 != 0);
    let offers = {
        let mut state = state.borrow_mut();
        let chap_demanded = state.said_by_target(0, "AuthMethod").is_some_and(|method| method == "CHAP");
        let session = state.sessions.first().ok_or("no session was begun")?;
        let digests = session.connection(0).params.digests;
        Offers {
            max_connections: session.params.max_connections,
            error_recovery_level: session.params.error_recovery_level,
            time2retain: session.params.time2retain,
            digests: digests.header && digests.data,
            immediate_data: session.params.immediate_data,
            initial_r2t: session.params.initial_r2t,
            protocol_level: session.params.protocol_level,
            task_reporting: session.params.task_reporting.clone(),
            chap_demanded,
            write_protected,
            disk,
        }
    };
    carry_out(&state, &QUESTIONS.2)?;
    Ok(offers)
}

/// Read once for all scenarios.
static QUESTIONS: LazyLock<(Question, Question, Question)> =
    LazyLock::new(|| (question(LOGIN), question(CAPACITY_16), question(LOGOUT)));

type Question = Result<Scenario, String>;

fn carry_out(state: &RefCell<State>, question: &Question) -> Result<(), String> {
    let scenario = question.as_ref().map_err(Clone::clone)?;
    let Some(first) = scenario.steps.first() else { return Ok(()) };
    let cx = Cx { state, locals: Rc::default(), id: "", at: &first.at };
    block_on(state, steps::run(cx, &scenario.steps, &[])).map_err(|failure| failure.headline)
}

fn question(text: &str) -> Question {
    let read = crate::scenario::parse_text(Path::new(""), "lab/offers", "offers", text.to_owned());
    read.map_err(|error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_questions_can_be_read() {
        for text in [LOGIN, CAPACITY_16, LOGOUT] {
            assert_eq!(question(text).map(|_| ()), Ok(()), "{text}");
        }
    }
}
