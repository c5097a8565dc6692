//! What does a thread carry through one pass of the core?

use super::Sink;
use super::transmit::Tx;
use target_core::api::{ConnId, Event};
use target_core::drive::Driver;
use target_core::io::{IoDone, IoRequest};
use target_core::target::Target;

/// What came out of the core and is dealt with after the lock is let go. Each thread keeps one and uses it again.
#[derive(Default)]
pub(super) struct Turn {
    /// Storage operations to start.
    pub(super) io: Vec<IoRequest>,
    /// Completions to hand in.
    pub(super) done: Vec<IoDone>,
    /// Connections to transmit on, other than the thread's own.
    pub(super) ready: Vec<ConnId>,
    /// News.
    pub(super) events: Vec<Event>,
}

/// The connection whose transmit side this thread holds, if any.
pub(super) struct Own<'a>(Option<(ConnId, &'a mut Tx)>);

impl<'a> Own<'a> {
    pub(super) const fn none() -> Self {
        Self(None)
    }

    pub(super) const fn of(id: ConnId, tx: &'a mut Tx) -> Self {
        Self(Some((id, tx)))
    }

    /// The transmit side of `conn`, if it is the one held.
    fn tx(&mut self, conn: ConnId) -> Option<&mut Tx> {
        self.0.as_mut().filter(|(id, _)| *id == conn).map(|(_, tx)| &mut **tx)
    }

    /// Asks for output even if the core does not announce any.
    pub(super) fn poll(&mut self, core: &mut Target<Sink>, now: target_core::time::Instant) {
        if let Some((id, tx)) = &mut self.0 {
            tx.poll(core, now, *id);
        }
    }
}

/// Collects everything for later, but serialises the own connection's output at once.
pub(super) struct Gather<'a, 'o> {
    pub(super) turn: &'a mut Turn,
    pub(super) own: &'a mut Own<'o>,
}

impl Driver<Sink> for Gather<'_, '_> {
    fn start_io(&mut self, request: IoRequest) -> Option<IoDone> {
        self.turn.io.push(request);
        None
    }

    fn transmit(&mut self, now: target_core::time::Instant, core: &mut Target<Sink>, conn: ConnId) {
        match self.own.tx(conn) {
            Some(tx) => tx.poll(core, now, conn),
            None => self.turn.ready.push(conn),
        }
    }

    fn event(&mut self, event: Event) {
        self.turn.events.push(event);
    }
}
