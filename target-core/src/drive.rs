//! The one loop body that every driver runs: simulator, TCP server, tests.

use crate::api::{ConnId, Event, Input};
use crate::io::{IoDone, IoRequest};
use crate::probe::ProbeSink;
use crate::target::Target;
use crate::time::Instant;

/// What a driver does with what the target wants done.
pub trait Driver<S: ProbeSink> {
    /// Starts a storage operation, or gives a hint up. What is already done comes back at once and is handled in the
    /// same pass, without a queue; anything else is handed in later as [`Input::Io`].
    fn start_io(&mut self, request: IoRequest) -> Option<IoDone>;

    /// `conn` has something to send: call [`Target::poll_transmit`] as often as the transport takes it.
    fn transmit(&mut self, now: Instant, target: &mut Target<S>, conn: ConnId);

    /// Takes a piece of news.
    fn event(&mut self, event: Event);
}

/// Pulls everything out of `target` until nothing is left to pull. Call it after every [`Target::handle`], or after
/// several, but before a frame that [acts on others](crate::conn::framing::Frame::acts_on_others): then how many were
/// handed in at once shows in the order and the numbers of the answers, never in what they say. Afterwards look at [`Target::poll_timeout`].
pub fn drain<S: ProbeSink>(now: Instant, target: &mut Target<S>, driver: &mut impl Driver<S>) {
    loop {
        let mut idle = true;
        while let Some(request) = target.poll_io() {
            idle = false;
            if let Some(done) = driver.start_io(request) {
                // Only a driver that invents completions can fail here, and then nothing has changed.
                let _ = target.handle(now, Input::Io(done));
            }
        }
        while let Some(conn) = target.poll_ready() {
            idle = false;
            driver.transmit(now, target, conn);
        }
        while let Some(event) = target.poll_event() {
            idle = false;
            driver.event(event);
        }
        if idle {
            return;
        }
    }
}
