//! The simulator as a lab: virtual time, no real I/O, faults on demand.

use super::lab::{Dial, End, Happened, Lab};
use crate::scenario::step::Ending;
use crate::scenario::units::Nanos;
use initiator_sim::world::{Seen, World};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The initiator's addresses when a scenario names none, of the documentation ranges.
const INITIATOR_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const INITIATOR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100);
/// Source ports count from here, so that a run has no chance in it.
const FIRST_PORT: u16 = 49152;

/// A world and the portal that connections go to.
pub struct SimLab {
    world: World,
    portal: SocketAddr,
    opened: u16,
}

impl SimLab {
    /// Around a world.
    pub const fn new(world: World, portal: SocketAddr) -> Self {
        Self { world, portal, opened: 0 }
    }
}

impl Lab for SimLab {
    fn now(&self) -> Nanos {
        self.world.now()
    }

    fn connect(&mut self, dial: &Dial) -> Result<u32, String> {
        let to = dial.to.unwrap_or(self.portal);
        let default = if to.is_ipv4() { IpAddr::V4(INITIATOR_V4) } else { IpAddr::V6(INITIATOR_V6) };
        let port = FIRST_PORT.checked_add(self.opened).ok_or("too many connections")?;
        self.opened += 1;
        Ok(self.world.connect(to, SocketAddr::new(dial.from.unwrap_or(default), port)))
    }

    fn send(&mut self, conn: u32, bytes: Vec<u8>, op: u64) {
        self.world.send(conn, bytes, op);
    }

    fn end(&mut self, conn: u32, end: End) {
        match end {
            End::Close => self.world.close(conn),
            End::HalfClose => self.world.half_close(conn),
            End::Reset => self.world.reset(conn),
        }
    }

    fn next(&mut self, until: Nanos) -> Option<Happened> {
        loop {
            match self.world.next_seen(until)? {
                Seen::Bytes { conn, bytes } => return Some(Happened::Bytes(conn, bytes)),
                Seen::Fin { conn } => return Some(Happened::Ended(conn, Ending::Fin)),
                Seen::Reset { conn } => return Some(Happened::Ended(conn, Ending::Reset)),
                Seen::Refused { conn } => return Some(Happened::Refused(conn)),
                Seen::Connected { .. } | Seen::Wake { .. } | Seen::News(_) => {}
            }
        }
    }

    fn world(&mut self) -> Option<&mut World> {
        Some(&mut self.world)
    }

    fn dead(&self) -> Option<String> {
        self.world.core_panic().map(|panic| format!("the core panicked: {}", panic.message))
    }

    fn events(&self) -> u64 {
        self.world.trace().count()
    }
}
