//! How do real sockets and disks meet the core? One thread a connection, one lock around the core, none across a system
//! call.
//!
//! The path of one request, all on the connection's own thread:
//!
//! ```text
//!  recv ─> Framer (CRC checked) ─┐             ┌─> storage (memory, page cache) ─┐             ┌─> seal (CRC) ─> sendmsg
//!                                └─ core lock ─┘                                 └─ core lock ─┘
//!                                   handle, drain                                   IoDone, drain, poll_transmit
//! ```
//!
//! What would wait for a disk crosses to a worker, which hands its completion in and transmits itself. Output for another
//! connection than a thread's own (resets, asynchronous messages, time-outs, completions) is sent by whichever thread
//! produced it: see `transmit`. Everything here belongs to a `Shard`, so that several cores, sharded by
//! target name, would be several shards: nothing is global but the listeners.

mod accept;
pub mod brake;
pub mod config;
mod connection;
mod descriptors;
mod event;
pub mod record;
mod shard;
mod socket;
mod timer;
mod transmit;
mod turn;
mod writer;

#[cfg(feature = "probes")]
use crate::usdt::UsdtSink;
use accept::{Acceptor, Listener};
use config::ServeConfig;
use record::Recorder;
use shard::Shard;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use target_core::probe::Tee;

/// Where probe events of a server go: to tracers, and to a file if asked.
#[cfg(feature = "probes")]
type Sink = Tee<UsdtSink, Recorder>;
/// A build to compare with: no tracer can see it.
#[cfg(not(feature = "probes"))]
type Sink = Tee<target_core::probe::NullSink, Recorder>;

/// A running server. Dropping it ends everything at once; see [`Server::shutdown`].
pub struct Server {
    shard: Arc<Shard>,
    acceptor: Acceptor,
}

impl Server {
    /// Opens storage and listeners and begins to serve.
    ///
    /// # Errors
    /// One line for each thing that is wrong.
    pub fn start(config: &ServeConfig, recorder: Recorder) -> Result<Self, String> {
        let mut config = config.clone();
        let mut listeners = Vec::new();
        let mut wrong = Vec::new();
        let wanted = addresses(&config);
        for (index, address) in wanted.iter().enumerate() {
            match Listener::open(*address, &wanted) {
                Ok(listener) => listeners.push(listener),
                Err(error) => wrong.push((index, error)),
            }
        }
        if !wrong.is_empty() {
            return Err(unheard(&config, &wrong));
        }
        settle(&mut config, &listeners);
        if let Some(warning) = descriptors::provide(&config) {
            tracing::warn!("{warning}");
        }
        #[cfg(feature = "probes")]
        let sink = Tee(UsdtSink::register()?, recorder);
        #[cfg(not(feature = "probes"))]
        let sink = Tee(target_core::probe::NullSink, recorder);
        let shard = Shard::start(&config, sink)?;
        let acceptor = Acceptor::start(listeners, Arc::clone(&shard)).map_err(|error| error.to_string())?;
        Ok(Self { shard, acceptor })
    }

    /// Where it listens, with the ports that the system chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.acceptor.addresses()
    }

    /// Takes over a new configuration, all but its `[server]`. Devices and portals that stay are not touched; sessions that came
    /// in through a portal that goes stay too.
    ///
    /// # Errors
    /// What is wrong with it; then nothing has changed.
    pub fn reload(&self, config: &ServeConfig) -> Result<(), String> {
        let mut config = config.clone();
        let listeners = self.acceptor.plan(&addresses(&config)).map_err(|wrong| unheard(&config, &wrong))?;
        settle(&mut config, &listeners);
        self.shard.reload(&config)?;
        self.acceptor.replace(listeners);
        Ok(())
    }

    /// Takes no more connections and asks every session to log out.
    pub fn drain(&self) {
        self.acceptor.stop();
        self.shard.drain();
    }

    /// True once no session and no connection is left.
    pub fn wait_drained(&self, at_most: Duration) -> bool {
        self.shard.wait_drained(Instant::now() + at_most)
    }

    /// Drains for as long as the configuration allows, then ends everything. True if every session went in peace.
    pub fn shutdown(self) -> bool {
        self.drain();
        self.wait_drained(self.shard.drain_time())
    }
}

/// Where the configuration wants portals.
fn addresses(config: &ServeConfig) -> Vec<SocketAddr> {
    config.portals.iter().map(|portal| portal.address).collect()
}

/// What to say of portals, by index, that cannot be listened at.
fn unheard(config: &ServeConfig, wrong: &[(usize, String)]) -> String {
    let line =
        |(index, error): &(usize, String)| config.places.message(&format!("portals[{index}].address"), error);
    wrong.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Puts the ports that the system chose into the configuration.
fn settle(config: &mut ServeConfig, listeners: &[Arc<Listener>]) {
    for (portal, listener) in config.portals.iter_mut().zip(listeners) {
        portal.address = listener.address;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.acceptor.stop();
        self.shard.stop();
    }
}
