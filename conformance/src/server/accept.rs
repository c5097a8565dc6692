//! Who may come in? One thread accepts for all portals, which may change; it refuses what is over the limits and makes room for logins.

use super::connection::Connection;
use super::shard::Shard;
use super::socket;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Above the core's own limit of connections, which the core answers; above this a connection is closed unheard.
pub(super) const SPARE: usize = 32;

/// Rest after the system ran out of something, so that the loop does not spin.
const REST: Duration = Duration::from_millis(50);

/// A portal's socket.
pub(super) struct Listener {
    socket: TcpListener,
    /// With the port that the system chose.
    pub(super) address: SocketAddr,
}

impl Listener {
    /// Listens at `address`; `all` are the addresses of all portals.
    ///
    /// # Errors
    /// One sentence for people.
    pub(super) fn open(address: SocketAddr, all: &[SocketAddr]) -> Result<Arc<Self>, String> {
        let (socket, address) = socket::listen(address, all)?;
        // Between poll and accept a connection may vanish; accept must not wait for the next one then.
        socket.set_nonblocking(true).map_err(|error| format!("cannot listen at {address}: {error}"))?;
        Ok(Arc::new(Self { socket, address }))
    }

    /// True if this is what a portal at `wanted` listens on; port 0 is any port.
    fn serves(&self, wanted: SocketAddr) -> bool {
        self.address.ip() == wanted.ip() && (wanted.port() == 0 || wanted.port() == self.address.port())
    }
}

pub(super) struct Acceptor {
    shared: Arc<Shared>,
}

/// What the thread looks at.
struct Shared {
    listeners: Mutex<Vec<Arc<Listener>>>,
    /// Readable when there are other listeners, or none any more.
    wake: OwnedFd,
    stopped: AtomicBool,
}

impl Shared {
    fn listeners(&self) -> MutexGuard<'_, Vec<Arc<Listener>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // It only fails when the counter is full, and then the thread is woken already.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }
}

impl Acceptor {
    pub(super) fn start(listeners: Vec<Arc<Listener>>, shard: Arc<Shard>) -> std::io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let shared =
            Arc::new(Shared { listeners: Mutex::new(listeners), wake, stopped: AtomicBool::new(false) });
        let seen = Arc::clone(&shared);
        std::thread::Builder::new().name("accept".into()).spawn(move || run(&seen, &shard))?;
        Ok(Self { shared })
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.shared.listeners().iter().map(|listener| listener.address).collect()
    }

    /// What other portals would be listened on with: what is open already, and new sockets for the rest.
    ///
    /// # Errors
    /// Index and sentence for each address that cannot be listened at; then nothing has changed.
    pub(super) fn plan(&self, wanted: &[SocketAddr]) -> Result<Vec<Arc<Listener>>, Vec<(usize, String)>> {
        let mut open = self.shared.listeners().clone();
        // Who names a port comes first: any other socket may do for who does not.
        let mut planned: Vec<_> = wanted
            .iter()
            .map(|wanted| {
                let at = open.iter().position(|listener| wanted.port() != 0 && listener.serves(*wanted))?;
                Some(open.remove(at))
            })
            .collect();
        let mut wrong = Vec::new();
        for (index, (slot, wanted_one)) in planned.iter_mut().zip(wanted).enumerate() {
            if slot.is_none() {
                let at = open.iter().position(|listener| listener.serves(*wanted_one));
                let found = at.map_or_else(|| Listener::open(*wanted_one, wanted), |at| Ok(open.remove(at)));
                *slot = found.map_err(|error| wrong.push((index, error))).ok();
            }
        }
        if wrong.is_empty() { Ok(planned.into_iter().flatten().collect()) } else { Err(wrong) }
    }

    /// Listens with these from now on; sockets that are not among them are closed. Sessions stay.
    pub(super) fn replace(&self, listeners: Vec<Arc<Listener>>) {
        *self.shared.listeners() = listeners;
        self.shared.wake();
    }

    /// Closes the listeners.
    pub(super) fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        self.shared.listeners().clear();
        self.shared.wake();
    }
}

fn run(shared: &Shared, shard: &Arc<Shard>) {
    while !shared.stopped.load(Ordering::Acquire) {
        let listeners = shared.listeners().clone();
        let sockets = listeners.iter().map(|listener| PollFd::new(&listener.socket, PollFlags::IN));
        let mut fds: Vec<_> =
            std::iter::once(PollFd::new(&shared.wake, PollFlags::IN)).chain(sockets).collect();
        loop {
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "poll failed; no more connections are accepted");
                    return;
                }
            }
            if !fds[0].revents().is_empty() {
                let mut count = [0; 8];
                let _ = rustix::io::read(&shared.wake, &mut count);
                break;
            }
            for listener in &listeners {
                accept(&listener.socket, shard);
            }
        }
    }
}

/// Accepts one connection, if there is one.
fn accept(listener: &TcpListener, shard: &Arc<Shard>) {
    let (stream, remote) = match listener.accept() {
        Ok(accepted) => accepted,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
        Err(error) if error.kind() == ErrorKind::ConnectionAborted => return,
        Err(error) => {
            tracing::warn!(%error, "accept failed");
            std::thread::sleep(REST);
            return;
        }
    };
    let Ok(local) = stream.local_addr() else { return };
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
    shard.serve(stream, local, remote);
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
