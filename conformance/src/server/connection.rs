//! One connection and its thread: read, cut, hand in, send.

use super::shard::Shard;
use super::transmit::Tx;
use super::turn::{Own, Turn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use std::collections::VecDeque;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use target_core::api::{Admin, ConnId, Flow, Input, Tsih};
use target_core::conn::framing::{Frame, Framer};
use target_core::wire::{DATA_SEGMENT_MAX, Opcode};

/// Frames handed in under one hold of the core's lock, so that other connections get their turn.
const FRAMES_MAX: usize = 64;

/// A connection's thread calls into nothing deep.
const STACK_BYTES: usize = 256 << 10;

/// RFC 7143 13.12: MaxRecvDataSegmentLength during login.
const LOGIN_SEGMENT_MAX: u32 = 8192;

/// How often a paused connection is looked at, so that a peer that hung up is noticed.
const PAUSE_LOOK: Duration = Duration::from_secs(1);

pub(super) struct Connection {
    pub(super) id: ConnId,
    pub(super) remote: SocketAddr,
    pub(super) socket: TcpStream,
    pub(super) tx: Mutex<Tx>,
    /// Somebody has something to send and did not get `tx`.
    pub(super) wanted: AtomicBool,
    /// The core wants the connection closed in an orderly way.
    pub(super) closing: AtomicBool,
    /// Its login is complete.
    pub(super) logged_in: AtomicBool,
    /// TSIH of its session; 0 before there is one.
    pub(super) session: AtomicU16,
    /// Violations that were logged.
    pub(super) violations: AtomicU32,
    /// The core knows it.
    open: AtomicBool,
    /// Reading may not go on.
    paused: Mutex<bool>,
    resumed: Condvar,
}

impl Connection {
    /// Wakes the reading thread with the end of the stream, whatever it waits for.
    pub(super) fn kill(&self) {
        let _ = self.socket.shutdown(Shutdown::Both);
        self.resume();
    }

    /// Everything is sent: the peer sees the end of the stream.
    pub(super) fn end_sending(&self) {
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Lets a paused connection go on.
    pub(super) fn resume(&self) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.resumed.notify_one();
    }

    /// To be called before the frame that causes the pause is handed in can have been followed by a resumption.
    fn pause(&self) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    /// Waits for [`Connection::resume`]; false if the peer hung up meanwhile.
    fn wait_resumed(&self) -> bool {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        while *paused {
            let (guard, waited) =
                self.resumed.wait_timeout(paused, PAUSE_LOOK).unwrap_or_else(PoisonError::into_inner);
            paused = guard;
            if waited.timed_out() && self.hung_up() {
                return false;
            }
        }
        true
    }

    fn hung_up(&self) -> bool {
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::RDHUP;
        let mut fds = [PollFd::new(&self.socket, gone)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|n| n > 0) && fds[0].revents().intersects(gone)
    }
}

/// What a connection's thread has besides the connection.
struct Reader {
    framer: Framer,
    frames: VecDeque<Frame>,
    /// Was cut, but comes after what `frames` leads to.
    behind: Option<Frame>,
    turn: Turn,
    flow: Flow,
}

impl Shard {
    /// Takes over an accepted connection.
    pub(super) fn serve(self: &Arc<Self>, socket: TcpStream, local: SocketAddr, remote: SocketAddr) {
        super::socket::prepare(&socket, self.options.tcp_user_timeout);
        let connection = Arc::new(Connection {
            id: self.new_conn(),
            remote,
            socket,
            tx: Mutex::new(Tx::new()),
            wanted: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            logged_in: AtomicBool::new(false),
            session: AtomicU16::new(0),
            violations: AtomicU32::new(0),
            open: AtomicBool::new(true),
            paused: Mutex::new(false),
            resumed: Condvar::new(),
        });
        self.add(&connection);
        self.input(Input::Opened { conn: connection.id, local, remote });
        let shard = Arc::clone(self);
        let own = Arc::clone(&connection);
        let thread =
            std::thread::Builder::new().name(format!("conn-{}", connection.id.0)).stack_size(STACK_BYTES);
        if let Err(error) = thread.spawn(move || shard.run(&own)) {
            tracing::error!(%remote, %error, "no thread for a connection");
            self.close(&connection);
        }
    }

    fn run(&self, connection: &Connection) {
        if catch_unwind(AssertUnwindSafe(|| self.read(connection))).is_err() {
            let (conn, remote) = (connection.id.0, connection.remote);
            tracing::error!(conn, %remote, "a connection's thread panicked: its session is dropped");
            // Nobody may come back to a session whose state is in doubt, as after the mere loss of a connection.
            let session = Tsih(connection.session.load(Ordering::Relaxed));
            let _ =
                catch_unwind(AssertUnwindSafe(|| self.input(Input::Admin(Admin::DropSession { session }))));
        }
        // After a panic inside the core this may panic too; the other connections are served as well as can be.
        if catch_unwind(AssertUnwindSafe(|| self.close(connection))).is_err() {
            self.remove(connection.id);
        }
    }

    /// Tells the core that the connection is gone, once, and forgets it.
    pub(super) fn close(&self, connection: &Connection) {
        connection.kill();
        if connection.open.swap(false, Ordering::AcqRel) {
            self.input(Input::Closed { conn: connection.id });
            self.remove(connection.id);
        }
    }

    fn read(&self, connection: &Connection) {
        let segment = self.configured(|config| config.offer.max_recv_data_segment_length);
        let segment = segment.clamp(LOGIN_SEGMENT_MAX, DATA_SEGMENT_MAX);
        let mut reader = Reader {
            framer: Framer::new(segment, crc32c::crc32c_append),
            frames: VecDeque::new(),
            behind: None,
            turn: Turn::default(),
            flow: Flow::Open,
        };
        loop {
            match rustix::net::recv(&connection.socket, reader.framer.spare(1), RecvFlags::empty()) {
                Ok((_, 0)) => return,
                Ok((_, n)) => reader.framer.commit(n),
                Err(Errno::INTR) => continue,
                Err(error) => {
                    tracing::debug!(conn = connection.id.0, %error, "receive failed");
                    return;
                }
            }
            while reader.cut() {
                self.turn(connection, &mut reader);
                match reader.flow {
                    Flow::Open => {}
                    Flow::Paused => {
                        if !connection.wait_resumed() {
                            return;
                        }
                    }
                    Flow::Ended => return self.discard(connection, reader.framer),
                }
            }
        }
    }

    /// Hands in what was cut and sends what comes of it.
    fn turn(&self, connection: &Connection, reader: &mut Reader) {
        let Reader { framer, frames, turn, flow, .. } = reader;
        let mut tx = self.own_tx(connection);
        self.pass(turn, Own::of(connection.id, &mut tx), |core, now, _| {
            while let Some(frame) = frames.pop_front() {
                let conn = connection.id;
                match core.handle(now, Input::Received { conn, frame }) {
                    Ok(status) => {
                        *flow = status.flow;
                        framer.set_digests(status.digests);
                        framer.raise(status.data_max);
                    }
                    // The acceptor closed the connection to make room for another.
                    Err(_) => *flow = Flow::Ended,
                }
                if *flow == Flow::Paused {
                    connection.pause();
                }
                if *flow != Flow::Open {
                    return;
                }
            }
        });
        self.flush(connection, &mut tx, turn);
        drop(tx);
        self.transmit_wanted(connection, turn);
        self.spread(turn);
    }

    /// The core takes nothing more: reads until the peer closes or the linger time is over, so that what was sent last
    /// is not lost to a reset.
    fn discard(&self, connection: &Connection, mut framer: Framer) {
        loop {
            match rustix::net::recv(&connection.socket, framer.spare(1), RecvFlags::empty()) {
                Ok((_, 0)) => return,
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

impl Reader {
    /// Cuts what is whole, up to a bound; true if there is something to hand in.
    fn cut(&mut self) -> bool {
        while self.frames.len() < FRAMES_MAX {
            let Some(frame) = self.behind.take().or_else(|| self.framer.next_frame()) else { break };
            if frame.acts_on_others() && !self.frames.is_empty() {
                self.behind = Some(frame);
                break;
            }
            let opcode = Opcode::of(&frame.bhs);
            self.frames.push_back(frame);
            // The answer to it may turn digests on for the very next header.
            if opcode == Some(Opcode::LoginRequest) {
                break;
            }
        }
        !self.frames.is_empty()
    }
}
