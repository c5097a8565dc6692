//! Sockets: how they are made and what is set on them.

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Idle time before the system probes a peer, between probes, and how many may stay unanswered: a peer that vanished
/// is noticed within a minute and a half even when nothing is sent.
const KEEP_IDLE: Duration = Duration::from_secs(45);
const KEEP_INTERVAL: Duration = Duration::from_secs(10);
const KEEP_COUNT: u32 = 4;

/// Listens at `address`; the answer has the port that the system chose if it is 0. `all` are the addresses of all portals.
///
/// # Errors
/// One sentence for people.
pub(super) fn listen(address: SocketAddr, all: &[SocketAddr]) -> Result<(TcpListener, SocketAddr), String> {
    try_listen(address, all).map_err(|error| {
        let why = match error {
            Errno::ADDRINUSE => format!(
                "port {} is in use, perhaps by another target (tgt, istgt, LIO or this program); stop it or choose another port",
                address.port()
            ),
            Errno::ADDRNOTAVAIL => "this machine has no such address".to_owned(),
            Errno::ACCESS | Errno::PERM => {
                format!("no permission to use port {}; ports below 1024 are for root", address.port())
            }
            Errno::AFNOSUPPORT => "this machine has no such address family".to_owned(),
            other => other.to_string(),
        };
        format!("cannot listen at {address}: {why}")
    })
}

fn try_listen(address: SocketAddr, all: &[SocketAddr]) -> Result<(TcpListener, SocketAddr), Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Without it a restart would fail while old connections are in TIME_WAIT.
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // An IPv6 wildcard takes IPv4 too, unless another portal wants that port for itself.
        let claimed = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
        sockopt::set_ipv6_v6only(&socket, all.iter().any(claimed))?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    let listener = TcpListener::from(socket);
    let local = listener.local_addr().map_err(|_| Errno::INVAL)?;
    Ok((listener, local))
}

/// Prepares an accepted connection. A failure is not fatal: the option is only help.
pub(super) fn prepare(stream: &TcpStream, user_timeout: Duration) {
    let user_timeout = u32::try_from(user_timeout.as_millis()).unwrap_or(u32::MAX);
    let set = || -> rustix::io::Result<()> {
        sockopt::set_tcp_nodelay(stream, true)?;
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, KEEP_IDLE)?;
        sockopt::set_tcp_keepintvl(stream, KEEP_INTERVAL)?;
        sockopt::set_tcp_keepcnt(stream, KEEP_COUNT)?;
        sockopt::set_tcp_user_timeout(stream, user_timeout)
    };
    if let Err(error) = set() {
        tracing::debug!(%error, "a socket option was refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_named_as_such() {
        let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let (_held, address) = listen(any, &[any]).expect("a free port");
        let error = listen(address, &[address]).expect_err("in use");
        assert!(error.contains(&format!("port {} is in use", address.port())), "{error}");
        let foreign: SocketAddr = "192.0.2.1:0".parse().expect("an address");
        assert!(listen(foreign, &[]).expect_err("not ours").contains("no such address"));
    }

    #[test]
    fn both_families_can_have_the_same_port() {
        let v6: SocketAddr = "[::]:0".parse().expect("an address");
        let Ok((held, address)) = listen(v6, &[v6]) else { return };
        drop(held);
        let all = [address, SocketAddr::from(([0, 0, 0, 0], address.port()))];
        let _one = listen(all[0], &all).expect("IPv6 only");
        let _two = listen(all[1], &all).expect("IPv4 beside it");
    }
}
