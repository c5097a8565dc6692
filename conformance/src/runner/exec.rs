//! How do several lists of steps run at once? As futures without threads: whoever waits says until when, and when nobody
//! can go on, the lab does. Futures are polled in the order of the file, so a run has no chance in it.

use super::failure::Failure;
use super::scope::Cx;
use super::state::State;
use crate::scenario::units::Nanos;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Steps that are under way.
pub(super) type Steps<'a> = Pin<Box<dyn Future<Output = Result<(), Box<Failure>>> + 'a>>;

/// Runs to the end.
pub(super) fn block_on(state: &RefCell<State>, mut steps: Steps<'_>) -> Result<(), Box<Failure>> {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let before = state.borrow().progress;
        state.borrow_mut().wake_at = Nanos::MAX;
        if let Poll::Ready(outcome) = steps.as_mut().poll(&mut context) {
            return outcome;
        }
        // What one did may be what another waits for.
        if state.borrow().progress == before {
            state.borrow_mut().pump()?;
        }
    }
}

/// Waits until the condition gives something, or until the time has come (`None`).
pub(super) async fn wait<T>(
    cx: &Cx<'_>,
    until: Nanos,
    condition: impl FnMut(&mut State) -> Option<T> + Unpin,
) -> Option<T> {
    Wait { state: cx.state, until, condition }.await
}

struct Wait<'a, F> {
    state: &'a RefCell<State>,
    until: Nanos,
    condition: F,
}

impl<T, F: FnMut(&mut State) -> Option<T> + Unpin> Future for Wait<'_, F> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        let mut state = this.state.borrow_mut();
        if let Some(found) = (this.condition)(&mut state) {
            state.progress += 1;
            return Poll::Ready(Some(found));
        }
        if state.now() >= this.until {
            state.progress += 1;
            return Poll::Ready(None);
        }
        state.wake_at = state.wake_at.min(this.until);
        Poll::Pending
    }
}

/// Runs all of them; the first failure ends the others.
pub(super) async fn join(branches: Vec<Steps<'_>>) -> Result<(), Box<Failure>> {
    Join { branches: branches.into_iter().map(Some).collect() }.await
}

struct Join<'a> {
    branches: Vec<Option<Steps<'a>>>,
}

impl Future for Join<'_> {
    type Output = Result<(), Box<Failure>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        for branch in &mut self.branches {
            if let Some(steps) = branch
                && let Poll::Ready(outcome) = steps.as_mut().poll(context)
            {
                *branch = None;
                outcome?;
            }
        }
        if self.branches.iter().all(Option::is_none) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}
