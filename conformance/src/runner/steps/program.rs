//! How is one of the initiator's programs driven? Its PDUs go out, what answers them comes in, until it has an outcome.

use super::op_of;
use crate::runner::exec::wait;
use crate::runner::failure::{Class, Failure};
use crate::runner::scope::{Cx, Outcome};
use crate::runner::state::Item;
use crate::scenario::units::Nanos;
use initiator_sim::codec::Pdu;
use initiator_sim::initiator::{Draft, Incoming, Session, Step};

/// A program: starts, receives, ends.
pub(super) trait Program {
    /// How it ends.
    type Outcome;

    /// What it sends first.
    fn start(&mut self, session: &mut Session) -> Step<Self::Outcome>;

    /// Takes what came.
    fn receive(&mut self, session: &mut Session, incoming: &Incoming) -> Step<Self::Outcome>;

    /// Changes what it is about to send; `first` on the first call.
    fn adjust(&mut self, drafts: &mut Vec<Draft>, first: bool) {
        let _ = (drafts, first);
    }
}

/// What a program did.
pub(super) struct Done<O> {
    /// How it ended.
    pub(super) outcome: O,
    /// The PDU that ended it.
    pub(super) last: Option<Pdu>,
}

/// Whether the program owns the connection (a login) or a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owns {
    /// Everything that comes.
    Connection,
    /// What has its tag.
    Task,
}

/// Runs it to its end. `name` is given to its first PDU, as soon as that is sent.
pub(super) async fn drive<P: Program>(
    cx: &Cx<'_>,
    conn: usize,
    owns: Owns,
    until: Nanos,
    name: Option<&str>,
    mut program: P,
) -> Outcome<Done<P::Outcome>> {
    let mut step = program.start(cx.state.borrow_mut().session(conn));
    program.adjust(&mut step.send, true);
    let mut sent = false;
    let mut claim = None;
    let mut last = None;
    loop {
        for draft in &step.send {
            let composed = cx.state.borrow_mut().send(conn, draft, op_of(cx.id), None);
            let composed = composed.map_err(|error| cx.script(error.to_string()))?;
            if !std::mem::replace(&mut sent, true) {
                claim = (owns == Owns::Task).then_some(composed.tag);
                let mut state = cx.state.borrow_mut();
                state.conns[conn].claims.push(claim);
                if let Some(name) = name {
                    state.pdus.insert(name.to_owned(), composed.pdu);
                }
            }
        }
        if let Some(outcome) = step.done {
            release(cx, conn, claim);
            return Ok(Done { outcome, last });
        }
        let item = wait(cx, until, |state| state.take_claimed(conn, claim)).await;
        let incoming = match item {
            Some(Item::Pdu(incoming)) => incoming,
            Some(Item::End(_)) => {
                release(cx, conn, claim);
                return Err(cx.fail(Class::Closed, "answer", "the connection ended before the answer came"));
            }
            None => {
                release(cx, conn, claim);
                return Err(cx.fail(Class::Timeout, "answer", "no answer came in time"));
            }
        };
        step = program.receive(cx.state.borrow_mut().session(conn), &incoming);
        program.adjust(&mut step.send, false);
        last = incoming.pdu().map(|(_, pdu)| pdu.clone());
    }
}

fn release(cx: &Cx<'_>, conn: usize, claim: Option<u32>) {
    let claims = &mut cx.state.borrow_mut().conns[conn].claims;
    if let Some(at) = claims.iter().position(|known| *known == claim) {
        claims.remove(at);
    }
}

/// The failure of a step whose answer differs, or none.
pub(super) fn judge(cx: &Cx<'_>, what: &str, lines: Vec<String>) -> Outcome<()> {
    let Some(first) = lines.first() else { return Ok(()) };
    let field = first.split(':').next().unwrap_or_default();
    let mut failure: Box<Failure> =
        cx.fail(Class::Mismatch, format!("{what}.{field}"), format!("{what} ended otherwise than expected"));
    failure.details = lines;
    Err(failure)
}

/// Waits until the window lets a command through.
pub(super) async fn credit(cx: &Cx<'_>, conn: usize, until: Nanos) -> Outcome<()> {
    let free = wait(cx, until, |state| {
        (state.session(conn).credits() > 0 || state.conns[conn].ended.is_some()).then_some(())
    });
    free.await.ok_or_else(|| cx.fail(Class::Timeout, "window", "the command window did not open in time"))
}
