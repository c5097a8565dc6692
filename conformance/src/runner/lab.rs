//! What does the interpreter need of the outside? Connections, bytes and time; everything else is optional.

use crate::scenario::step::Ending;
use crate::scenario::units::Nanos;
use bytes::Bytes;
use initiator_sim::world::World;
use std::net::{IpAddr, SocketAddr};

/// How to open a connection; what is `None` is up to the lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dial {
    /// The initiator's address.
    pub from: Option<IpAddr>,
    /// The portal.
    pub to: Option<SocketAddr>,
}

/// How this side ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// No more bytes in either direction.
    Close,
    /// No more bytes out.
    HalfClose,
    /// At once.
    Reset,
}

/// Something that happened while time passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happened {
    /// Bytes came.
    Bytes(u32, Bytes),
    /// The target sends no more, or broke the connection.
    Ended(u32, Ending),
    /// The target did not accept the connection.
    Refused(u32),
}

/// The world a scenario runs in.
pub trait Lab {
    /// Nanoseconds since the run began.
    fn now(&self) -> Nanos;

    /// Opens a connection and names it. The error is for people.
    fn connect(&mut self, dial: &Dial) -> Result<u32, String>;

    /// Sends bytes. `op` is the step they belong to, for faults by chance.
    fn send(&mut self, conn: u32, bytes: Vec<u8>, op: u64);

    /// Ends a connection from this side.
    fn end(&mut self, conn: u32, end: End);

    /// Lets time pass until something happens, but not beyond `until`.
    fn next(&mut self, until: Nanos) -> Option<Happened>;

    /// The simulator, if this is one.
    fn world(&mut self) -> Option<&mut World> {
        None
    }

    /// Why nothing can happen any more (the core panicked).
    fn dead(&self) -> Option<String> {
        None
    }

    /// How many events the lab has handled, for limits.
    fn events(&self) -> u64 {
        0
    }
}
