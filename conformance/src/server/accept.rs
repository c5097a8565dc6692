//! Who may come in? One thread accepts for all portals; it refuses what is over the limits and makes room for logins.

use super::connection::Connection;
use super::shard::Shard;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Above the core's own limit of connections, which the core answers; above this a connection is closed unheard.
const SPARE: usize = 32;

/// Rest after the system ran out of something, so that the loop does not spin.
const REST: Duration = Duration::from_millis(50);

pub(super) struct Acceptor {
    addresses: Vec<SocketAddr>,
    wake: Arc<OwnedFd>,
}

impl Acceptor {
    pub(super) fn start(
        listeners: Vec<(TcpListener, SocketAddr)>,
        shard: Arc<Shard>,
    ) -> std::io::Result<Self> {
        let addresses = listeners.iter().map(|(_, address)| *address).collect();
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        for (listener, _) in &listeners {
            // Between poll and accept a connection may vanish; accept must not wait for the next one then.
            listener.set_nonblocking(true)?;
        }
        let woken = Arc::clone(&wake);
        std::thread::Builder::new().name("accept".into()).spawn(move || run(&listeners, &woken, &shard))?;
        Ok(Self { addresses, wake })
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Closes the listeners.
    pub(super) fn stop(&self) {
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}

fn run(listeners: &[(TcpListener, SocketAddr)], wake: &OwnedFd, shard: &Arc<Shard>) {
    let sockets = listeners.iter().map(|(listener, _)| PollFd::new(listener, PollFlags::IN));
    let mut fds: Vec<_> = std::iter::once(PollFd::new(wake, PollFlags::IN)).chain(sockets).collect();
    loop {
        match poll(&mut fds, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                tracing::error!(%error, "poll failed; no more connections are accepted");
                return;
            }
        }
        if !fds[0].revents().is_empty() {
            return;
        }
        for (listener, _) in listeners {
            accept(listener, shard);
        }
    }
}

/// Accepts one connection, if there is one.
fn accept(listener: &TcpListener, shard: &Arc<Shard>) {
    let (socket, remote) = match listener.accept() {
        Ok(accepted) => accepted,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
        Err(error) if error.kind() == ErrorKind::ConnectionAborted => return,
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            std::thread::sleep(REST);
            return;
        }
    };
    let Ok(local) = socket.local_addr() else { return };
    let (connections, half_open) = shard.configured(|c| (c.limits.connections, c.limits.half_open));
    if shard.connections(|all| all.count()) >= usize::try_from(connections).unwrap_or(usize::MAX) + SPARE {
        tracing::warn!(%remote, connections, "too many connections: closed one unheard");
        return;
    }
    let victim = shard.connections(|all| victim(all, usize::try_from(half_open).unwrap_or(usize::MAX)));
    if let Some(victim) = victim {
        tracing::warn!(remote = %victim.remote, half_open, "too many logins under way: dropped the oldest");
        shard.close(&victim);
    }
    tracing::debug!(%remote, %local, "accepted");
    shard.serve(socket, local, remote);
}

/// With `limit` logins under way, the one that has to make room: the oldest from the address that has most of them. So
/// whoever floods the target with logins that never end pushes out its own.
fn victim(all: &mut dyn Iterator<Item = &Arc<Connection>>, limit: usize) -> Option<Arc<Connection>> {
    let mut logins: BTreeMap<IpAddr, Vec<&Arc<Connection>>> = BTreeMap::new();
    let mut count = 0;
    for connection in all.filter(|connection| !connection.logged_in.load(Ordering::Relaxed)) {
        logins.entry(connection.remote.ip()).or_default().push(connection);
        count += 1;
    }
    if count < limit {
        return None;
    }
    logins
        .values()
        .max_by_key(|from| from.len())
        .and_then(|from| from.first())
        .map(|oldest| Arc::clone(oldest))
}
