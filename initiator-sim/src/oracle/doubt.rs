//! A tag is used twice: what cannot be told then? An initiator that does so errs, and which of the two requests the target
//! took depends on what it had ended by itself.

use super::{Oracles, WirePdu};
use crate::codec::Kind;
use crate::world::tap::Track;

impl Oracles {
    /// A request came whose tag another one has.
    pub(super) fn doubled(&mut self, track: &Track, pdu: &WirePdu<'_>, kind: Kind, itt: u32) {
        match kind {
            Kind::ScsiCommand => {
                self.acas.may_ask(&self.lun, &track.target, pdu, self.fields.lun.long(pdu.view.bhs));
                self.doubt_acas();
                let task = self.conns.get_mut(&pdu.conn).and_then(|conn| conn.tasks.open(itt));
                self.lun.doubled(task.filter(|task| task.kind == Kind::ScsiCommand));
            }
            // What it does to whom cannot be told.
            Kind::TaskRequest => {
                self.doubt_acas();
                for task in self.conns.values_mut().flat_map(|conn| conn.tasks.iter_mut()) {
                    (task.excused, task.doubtful) = (true, true);
                }
            }
            _ => {}
        }
    }
}
