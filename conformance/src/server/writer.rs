//! Who goes on when a full socket has room again? One thread with an epoll instance, for all connections.

use super::connection::Connection;
use super::shard::Shard;
use super::transmit::Tx;
use super::turn::Turn;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use target_core::api::ConnId;

/// The name under which the wake-up call is known; connections are counted from 1.
const WAKE: u64 = 0;

pub(super) struct Writer {
    epoll: OwnedFd,
    wake: OwnedFd,
}

impl Writer {
    pub(super) fn new() -> std::io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN)?;
        Ok(Self { epoll, wake })
    }

    /// Starts the thread of `shard`.
    pub(super) fn start(shard: &Arc<Shard>) -> std::io::Result<()> {
        let shard = Arc::clone(shard);
        std::thread::Builder::new().name("writer".into()).spawn(move || shard.writer.run(&shard)).map(drop)
    }

    /// Has the rest of the batch sent as soon as the socket takes it; once, then it must be asked again.
    pub(super) fn watch(&self, connection: &Connection, tx: &mut Tx) -> rustix::io::Result<()> {
        let data = EventData::new_u64(connection.id.0);
        let flags = EventFlags::OUT | EventFlags::ONESHOT;
        if tx.watched {
            epoll::modify(&self.epoll, &connection.socket, data, flags)
        } else {
            tx.watched = true;
            epoll::add(&self.epoll, &connection.socket, data, flags)
        }
    }

    pub(super) fn stop(&self) {
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn run(&self, shard: &Shard) {
        let mut events = Vec::with_capacity(64);
        let mut turn = Turn::default();
        loop {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    tracing::error!(%error, "epoll failed; full sockets will stay full");
                    return;
                }
            }
            for event in &events {
                match event.data.u64() {
                    WAKE => return,
                    id => turn.ready.push(ConnId(id)),
                }
            }
            shard.spread(&mut turn);
        }
    }
}
