//! Who sends? Whichever thread has something for a connection, one at a time, and none waits.
//!
//! A connection's transmit side is behind a mutex that is only ever tried by strangers: who does not get it raises the
//! connection's flag and goes, and the holder looks at the flag after letting go. Sending never blocks: what the socket does
//! not take stays in the batch, and the [`writer`](super::writer) goes on when there is room. So a peer that never
//! reads blocks nobody, and the core, which is not polled meanwhile, keeps its output as task state.

use super::Sink;
use super::connection::Connection;
use super::shard::Shard;
use super::turn::{Own, Turn};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags};
use std::io::IoSlice;
use std::sync::PoisonError;
use std::sync::atomic::{Ordering, fence};
use target_core::api::{ConnId, TxStatus};
use target_core::conn::batch::TxBatch;
use target_core::target::Target;
use target_core::time::Instant;

/// Bytes serialised before they are sent: enough for a deep queue of small reads to share one system call, little
/// enough to stay in the cache.
const BATCH_BYTES: usize = 256 << 10;

/// Pieces handed to one system call.
const PIECES_MAX: usize = 128;

/// The transmit side of one connection.
#[derive(Debug)]
pub(super) struct Tx {
    batch: TxBatch,
    status: TxStatus,
    /// The socket is full: nothing is serialised until the batch has gone out.
    blocked: bool,
    /// The writer knows the socket.
    pub(super) watched: bool,
    /// Nothing may be sent any more.
    over: bool,
}

impl Tx {
    pub(super) const fn new() -> Self {
        let batch = TxBatch::new(BATCH_BYTES);
        Self { batch, status: TxStatus::Idle, blocked: false, watched: false, over: false }
    }

    /// Serialises what the core has, unless the socket is full: then it is asked for later.
    pub(super) fn poll(&mut self, core: &mut Target<Sink>, now: Instant, id: ConnId) {
        if self.over || matches!(self.status, TxStatus::Close | TxStatus::Abort) {
            return;
        }
        self.status = if self.blocked || self.batch.is_full() {
            TxStatus::More
        } else {
            core.poll_transmit(now, id, &mut self.batch)
        };
    }
}

/// How far sending got.
enum Sent {
    All,
    Blocked,
    Failed,
}

impl Shard {
    /// Transmits on every connection that `turn` names, and on those that come up meanwhile.
    pub(super) fn spread(&self, turn: &mut Turn) {
        while let Some(id) = turn.ready.pop() {
            if let Some(connection) = self.connection(id) {
                self.transmit(&connection, turn);
            }
        }
    }

    /// Sends what `connection` has, now or as soon as the thread that is at it is done.
    pub(super) fn transmit(&self, connection: &Connection, turn: &mut Turn) {
        connection.wanted.store(true, Ordering::Relaxed);
        self.transmit_wanted(connection, turn);
    }

    /// Sends if somebody wanted that; to be called after letting go of the transmit side.
    pub(super) fn transmit_wanted(&self, connection: &Connection, turn: &mut Turn) {
        loop {
            // Either this thread sees the flag, or the one that raised it sees the mutex free.
            fence(Ordering::SeqCst);
            if !connection.wanted.load(Ordering::Relaxed) {
                return;
            }
            let Ok(mut tx) = connection.tx.try_lock() else { return };
            connection.wanted.store(false, Ordering::Relaxed);
            if tx.blocked && !matches!(self.send(connection, &mut tx), Sent::All) {
                continue;
            }
            self.pass(turn, Own::of(connection.id, &mut tx), |core, now, own| own.poll(core, now));
            self.flush(connection, &mut tx, turn);
        }
    }

    /// Sends what is in the batch and goes on until the core has nothing more or the socket is full. Then does what the
    /// core said about the end of the connection.
    pub(super) fn flush(&self, connection: &Connection, tx: &mut Tx, turn: &mut Turn) {
        loop {
            if !matches!(self.send(connection, tx), Sent::All) {
                break;
            }
            match tx.status {
                TxStatus::More => {
                    self.pass(turn, Own::of(connection.id, tx), |core, now, own| own.poll(core, now));
                }
                TxStatus::Idle => return,
                TxStatus::Close | TxStatus::Abort => break,
            }
        }
        self.finish(connection, tx);
    }

    /// Closes in the way that the core asked for.
    fn finish(&self, connection: &Connection, tx: &mut Tx) {
        match tx.status {
            _ if tx.over => {}
            TxStatus::Abort => {
                tx.over = true;
                tx.batch.clear();
                connection.kill();
            }
            TxStatus::Close => {
                // The peer has this long to take the rest and to close its end; the mark is set once.
                if !connection.closing.swap(true, Ordering::Relaxed) {
                    self.timer.linger(connection, self.options.linger);
                }
                if tx.batch.is_empty() {
                    tx.over = true;
                    connection.end_sending();
                }
            }
            TxStatus::Idle | TxStatus::More => {}
        }
    }

    /// Sends the batch as far as the socket takes it, without waiting.
    fn send(&self, connection: &Connection, tx: &mut Tx) -> Sent {
        tx.batch.seal(crc32c::crc32c_append);
        tx.blocked = false;
        while !tx.batch.is_empty() && !tx.over {
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            let mut bytes = 0;
            for (piece, chunk) in pieces.iter_mut().zip(tx.batch.chunks()) {
                *piece = IoSlice::new(chunk);
                count += 1;
                bytes += chunk.len();
            }
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let mut control = SendAncillaryBuffer::default();
            match rustix::net::sendmsg(&connection.socket, &pieces[..count], &mut control, flags) {
                Ok(sent) => {
                    tx.batch.advance(sent);
                    if sent < bytes {
                        // The next call would most likely say that the socket is full; it is asked all the same, so
                        // that the writer is told only when that is so.
                        continue;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    tx.blocked = true;
                    if self.writer.watch(connection, tx).is_ok() {
                        return Sent::Blocked;
                    }
                    return self.lost(connection, tx);
                }
                Err(_) => return self.lost(connection, tx),
            }
        }
        Sent::All
    }

    /// The peer is gone: the reading side finds out too and tells the core.
    fn lost(&self, connection: &Connection, tx: &mut Tx) -> Sent {
        tx.over = true;
        tx.blocked = false;
        tx.batch.clear();
        connection.kill();
        Sent::Failed
    }

    /// The connection's own thread takes the transmit side for one turn. Others only try, and hold it without waiting.
    pub(super) fn own_tx<'a>(&self, connection: &'a Connection) -> std::sync::MutexGuard<'a, Tx> {
        connection.tx.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
