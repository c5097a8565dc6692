//! A PDU of the initiator came with a wrong data digest: what does that leave of its task?

use super::{Oracles, WirePdu};
use crate::codec::Kind;

impl Oracles {
    /// A data digest was wrong: what becomes of its task depends on the recovery level.
    pub(super) fn spoiled(&mut self, pdu: &WirePdu<'_>) {
        let itt = self.fields.itt.word(pdu.view.bhs);
        let Some(conn) = self.conns.get_mut(&pdu.conn) else { return };
        if conn.level > 0 {
            // It is discarded, and asked for again; but what its R2T asked for has been sent.
            let is_last =
                Kind::of(pdu.view.bhs) == Some(Kind::DataOut) && self.fields.final_bit.is_set(pdu.view.bhs);
            if let Some(task) = conn.tasks.open(itt).filter(|_| is_last) {
                let ttt = self.fields.out_ttt.word(pdu.view.bhs);
                task.r2ts.retain(|open| open.ttt != ttt);
            }
            return;
        }
        if let Some(task) = conn.tasks.open(itt) {
            task.certain = false;
            self.lun.tangled(task);
        }
    }
}
