//! May a peer fill the log? Each place that logs may do so a number of times a second; how often it was kept from it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::callsite::Identifier;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Lines that one place may log in a second. Debug and trace, which somebody asked for, are not counted.
const LINES: u32 = 100;
const WINDOW: Duration = Duration::from_secs(1);

/// A filter for the log.
#[derive(Clone, Default)]
pub struct Brake(Arc<Mutex<HashMap<Identifier, Place>>>);

struct Place {
    meta: &'static Metadata<'static>,
    since: Instant,
    lines: u32,
    left_out: u64,
}

impl Brake {
    /// A brake that tells once a second what it left out.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn start() -> std::io::Result<Self> {
        let brake = Self::default();
        let seen = Arc::downgrade(&brake.0);
        std::thread::Builder::new().name("log".into()).spawn(move || {
            while let Some(places) = seen.upgrade() {
                for (target, line, lines) in Self(places).take_left_out() {
                    tracing::warn!(target, line, lines, "log lines left out: too many of a kind in a second");
                }
                std::thread::sleep(WINDOW);
            }
        })?;
        Ok(brake)
    }

    fn places(&self) -> MutexGuard<'_, HashMap<Identifier, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Module, line and how many lines were left out there since this was last asked; the lock is free by then.
    fn take_left_out(&self) -> Vec<(&'static str, u32, u64)> {
        let mut places = self.places();
        let left_out = places.values_mut().filter(|place| place.left_out > 0);
        left_out
            .map(|place| {
                let lines = std::mem::take(&mut place.left_out);
                (place.meta.target(), place.meta.line().unwrap_or(0), lines)
            })
            .collect()
    }

    fn admits(&self, meta: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.places();
        let fresh = Place { meta, since: now, lines: 0, left_out: 0 };
        let place = places.entry(meta.callsite()).or_insert(fresh);
        if now.saturating_duration_since(place.since) >= WINDOW {
            (place.since, place.lines) = (now, 0);
        }
        place.lines += 1;
        let admitted = place.lines <= LINES;
        place.left_out += u64::from(!admitted);
        admitted
    }
}

impl<S: Subscriber> Filter<S> for Brake {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &tracing::Event<'_>, _: &Context<'_, S>) -> bool {
        let meta = event.metadata();
        *meta.level() > LevelFilter::INFO || self.admits(meta, Instant::now())
    }

    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, fmt};

    #[test]
    fn one_place_logs_so_often_a_second_and_the_rest_is_counted() {
        let brake = Brake::default();
        let log = fmt::layer().with_writer(std::io::sink).with_filter(brake.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            for _ in 0..LINES + 7 {
                tracing::info!("often");
            }
            for _ in 0..2 * LINES {
                tracing::debug!("asked for");
            }
            tracing::warn!("another place");
        });
        let left_out: Vec<_> = brake.take_left_out().into_iter().map(|(.., lines)| lines).collect();
        // The second may have turned in between; then fewer are left out, never more.
        assert!(left_out == [7] || left_out.is_empty(), "{left_out:?}");
        let place = brake.places().values().next().map(|place| place.meta);
        let (meta, later) = (place.expect("a place"), Instant::now() + 2 * WINDOW);
        let admitted = (0..2 * LINES).filter(|_| brake.admits(meta, later)).count();
        assert_eq!(admitted, LINES as usize);
        assert_eq!(brake.take_left_out().iter().map(|(.., lines)| lines).sum::<u64>(), u64::from(LINES));
        assert!(brake.admits(meta, later + WINDOW), "a new second");
    }
}
