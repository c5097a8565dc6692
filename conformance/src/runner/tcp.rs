//! Real TCP as a lab: any target, real time, one thread.

use super::lab::{Dial, End, Happened, Lab};
use crate::scenario::step::Ending;
use crate::scenario::units::Nanos;
use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long a connection may take to open, and a write to find room.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of one read.
const READ: usize = 64 << 10;

/// Connections to one target.
pub struct TcpLab {
    address: SocketAddr,
    start: Instant,
    conns: Vec<Option<TcpStream>>,
    happened: VecDeque<Happened>,
    events: u64,
}

impl TcpLab {
    /// Nothing is connected yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, start: Instant::now(), conns: Vec::new(), happened: VecDeque::new(), events: 0 }
    }

    /// Waits for something to read; reads it.
    fn poll(&mut self, time: Duration) {
        let open: Vec<_> = (0..self.conns.len()).filter(|at| self.conns[*at].is_some()).collect();
        let mut fds: Vec<_> =
            self.conns.iter().flatten().map(|conn| PollFd::new(conn, PollFlags::IN)).collect();
        if fds.is_empty() {
            std::thread::sleep(time);
            return;
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        };
        if poll(&mut fds, Some(&timeout)).is_err() {
            return;
        }
        let ready: Vec<_> =
            open.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty()).map(|(at, _)| *at).collect();
        for at in ready {
            self.read(at);
        }
    }

    fn read(&mut self, at: usize) {
        let Some(conn) = self.conns.get_mut(at).and_then(Option::as_mut) else { return };
        let name = u32::try_from(at).unwrap_or(u32::MAX);
        let mut buffer = vec![0; READ];
        let happened = match conn.read(&mut buffer) {
            Ok(0) => Happened::Ended(name, Ending::Fin),
            Ok(len) => {
                buffer.truncate(len);
                Happened::Bytes(name, Bytes::from(buffer))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => Happened::Ended(name, Ending::Reset),
        };
        if matches!(happened, Happened::Ended(..)) {
            self.conns[at] = None;
        }
        self.happened.push_back(happened);
    }
}

impl Lab for TcpLab {
    fn now(&self) -> Nanos {
        Nanos::try_from(self.start.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn connect(&mut self, _: &Dial) -> Result<u32, String> {
        let conn = TcpStream::connect_timeout(&self.address, PATIENCE)
            .and_then(|conn| {
                conn.set_nodelay(true)?;
                conn.set_write_timeout(Some(PATIENCE))?;
                Ok(conn)
            })
            .map_err(|error| format!("{}: {error}", self.address))?;
        self.conns.push(Some(conn));
        u32::try_from(self.conns.len() - 1).map_err(|_| "too many connections".to_owned())
    }

    fn send(&mut self, conn: u32, bytes: Vec<u8>, _: u64) {
        let Some(Some(stream)) = self.conns.get_mut(conn as usize) else { return };
        if stream.write_all(&bytes).is_err() {
            // What the target still had to say comes with the next read; then the end.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    fn end(&mut self, conn: u32, end: End) {
        let Some(slot) = self.conns.get_mut(conn as usize) else { return };
        match (end, slot.as_ref()) {
            (End::HalfClose, Some(stream)) => {
                // An error means that the connection is gone already.
                let _ = stream.shutdown(Shutdown::Write);
            }
            (End::Reset, Some(stream)) => {
                // Closing with a linger time of zero sends a reset.
                let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
                *slot = None;
            }
            _ => *slot = None,
        }
    }

    fn next(&mut self, until: Nanos) -> Option<Happened> {
        loop {
            if let Some(happened) = self.happened.pop_front() {
                self.events += 1;
                return Some(happened);
            }
            let left = until.saturating_sub(self.now());
            if left == 0 {
                return None;
            }
            self.poll(Duration::from_nanos(left.min(1_000_000_000)));
        }
    }

    fn events(&self) -> u64 {
        self.events
    }
}
