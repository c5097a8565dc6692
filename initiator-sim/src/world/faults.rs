//! Faults asked for one by one, and what became of them.

use super::{Happened, Happening, Inner, World};
use crate::fault::{Fault, FaultId, Trigger, Verb};
use crate::net::Dir;
use crate::net::lane::Ending;
use crate::trace::Tag;

/// A fault somebody asked for.
#[derive(Clone, Debug)]
pub(super) struct Scripted {
    fault: Fault,
    hit: bool,
}

impl World {
    /// Asks for a fault. One that names an unknown connection never hits.
    pub fn fault(&mut self, fault: Fault) -> FaultId {
        let id = FaultId(u32::try_from(self.inner.faults.len()).unwrap_or(u32::MAX));
        match fault.trigger {
            Trigger::At(at) => self.inner.queue.schedule(at, Happening::Fault(id)),
            Trigger::Pdu { opcode, skip } => {
                if let Some(conn) = self.inner.conns.get_mut(fault.conn as usize) {
                    conn.lane(fault.dir).arm_pdu(id, opcode, skip, fault.verbs.clone());
                }
            }
            Trigger::Byte(offset) => {
                if let Some(conn) = self.inner.conns.get_mut(fault.conn as usize) {
                    conn.lane(fault.dir).arm_byte(id, offset, fault.verbs.clone());
                }
            }
        }
        self.inner.faults.push(Scripted { fault, hit: false });
        id
    }

    /// Lets pass what a fault with `hold` keeps back.
    pub fn release(&mut self, id: FaultId) {
        let Some(scripted) = self.inner.faults.get(id.0 as usize) else { return };
        let (conn, dir) = (scripted.fault.conn, scripted.fault.dir);
        self.inner.on_lane(conn, dir, |lane, cx| lane.release(id, cx));
        self.settle();
    }

    /// Faults asked for that have not hit yet, in order.
    pub fn unused_faults(&self) -> Vec<FaultId> {
        let unused = self.inner.faults.iter().enumerate().filter(|(_, scripted)| !scripted.hit);
        unused.filter_map(|(at, _)| u32::try_from(at).ok().map(FaultId)).collect()
    }

    /// Ends all faults: nothing goes wrong by chance any more, what is armed or held is let go, wires are mended, disks are healed.
    /// From here on the target has to make progress.
    pub fn lift_faults(&mut self) {
        self.inner.planner.lift();
        for conn in 0..self.connections() {
            self.partition(conn, false);
            for dir in [Dir::Out, Dir::In] {
                self.inner.on_lane(conn, dir, |lane, cx| lane.release_all(cx));
            }
        }
        for device in 0..u32::try_from(self.inner.disks.len()).unwrap_or(0) {
            if let Some(disk) = self.disk(device) {
                disk.heal();
            }
            self.stall_disk(device, false);
        }
        self.settle();
    }
}

impl Inner {
    /// Marks the faults that took effect since the last call.
    pub(super) fn note_hits(&mut self) {
        for id in std::mem::take(&mut self.hits) {
            if let Some(scripted) = self.faults.get_mut(id.0 as usize) {
                scripted.hit = true;
            }
            self.note(Tag::Fault, u64::from(id.0), b"hit");
            let conn = self.faults.get(id.0 as usize).map(|scripted| scripted.fault.conn);
            self.tell(|| Happened::Act { conn, text: format!("fault {} hit", id.0) });
        }
    }

    /// The time of a fault has come.
    pub(super) fn fault_due(&mut self, id: FaultId) {
        let Some(scripted) = self.faults.get(id.0 as usize) else { return };
        let Fault { conn, dir, verbs, .. } = scripted.fault.clone();
        let now = self.now();
        let mut later = Vec::new();
        let mut hit = false;
        for verb in verbs {
            let Some(entry) = self.conns.get_mut(conn as usize) else { return };
            hit |= later.is_empty();
            match verb {
                // With nothing to attach to, a delay is a pause of the wire.
                Verb::Stall(time) | Verb::Delay(time) => {
                    entry.lane(dir).pipe().stall(now.saturating_add(time))
                }
                Verb::Hold => entry.lane(dir).hold(id),
                Verb::Reset => self.end_by_network(conn, Ending::Reset),
                Verb::Close => self.end_by_network(conn, Ending::Close),
                Verb::HalfClose => {
                    self.on_lane(conn, dir, |lane, cx| lane.fin(cx));
                }
                other => {
                    hit = false;
                    later.push(other);
                }
            }
        }
        if !later.is_empty() {
            if let Some(entry) = self.conns.get_mut(conn as usize) {
                entry.lane(dir).arm_pdu(id, None, 0, later);
            }
        } else if hit {
            self.hits.push(id);
            self.note_hits();
        }
    }
}
