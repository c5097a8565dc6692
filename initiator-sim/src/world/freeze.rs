//! What if the target's process stands still for a while: stopped, starved, or on a machine that is paused? Its kernel goes on to take
//! what arrives, its disks go on to work; its timers are late, and when it goes on its clock has jumped.

use super::{Happened, Happening, Inner, World};
use crate::clock::Nanos;
use crate::net::Dir;
use crate::trace::Tag;

impl World {
    /// Stops the target's process for so long from now on.
    pub fn freeze(&mut self, time: Nanos) {
        if self.target.is_none() {
            return;
        }
        let until = self.now().saturating_add(time);
        self.inner.note(Tag::Fault, 0, b"freeze");
        self.inner
            .tell(|| Happened::Act { conn: None, text: "the target's process stands still".to_owned() });
        self.inner.marks.act("freeze");
        self.inner.frozen_until = self.inner.frozen_until.max(until);
        self.inner.queue.schedule(until, Happening::Thaw);
    }
}

impl Inner {
    /// True while the target's process stands still.
    pub(super) fn is_frozen(&self) -> bool {
        self.now() < self.frozen_until
    }

    /// Keeps what concerns the target for later; false for what does not.
    pub(super) fn put_off(&mut self, happening: Happening) -> bool {
        let until = self.frozen_until;
        match happening {
            Happening::Open(conn) => {
                // What is sent meanwhile waits behind the connection itself.
                if let Some(entry) = self.conns.get_mut(conn as usize) {
                    entry.lane(Dir::Out).pipe().stall(until.saturating_add(1));
                }
                self.queue.schedule(until, happening);
            }
            Happening::Arrive(conn, Dir::Out) => {
                let now = self.now();
                let Some(entry) = self.conns.get_mut(conn as usize) else { return true };
                let lane = entry.lane(Dir::Out);
                if lane.planned == Some(now) {
                    lane.planned = None;
                    lane.pipe().stall(until);
                    self.plan(conn, Dir::Out);
                }
            }
            Happening::Io(..) => self.queue.schedule(until, happening),
            _ => return false,
        }
        true
    }
}
