//! Does the end of a command fit its course? (RFC 7143 11.4, 11.7.3)

use super::super::{Session, serial};
use super::{Task, Violation};
use crate::codec::{Kind, Pdu};

const GOOD: u32 = 0;
const CHECK_CONDITION: u32 = 2;

impl Session {
    pub(super) fn audit_scsi_response(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        let completed = pdu.word("Response") == 0;
        let flagged = ["o", "u", "O", "U"].iter().any(|flag| pdu.flag(flag));
        if !completed && flagged {
            found.push(Violation::must("rfc7143/11.4.1-1", "residual flags in a response of a failure"));
        }
        if completed && pdu.word("Status") == CHECK_CONDITION && sense_len(pdu) == 0 {
            found.push(Violation::must("rfc7143/11.4.7-2", "CHECK CONDITION without sense data"));
        }
        if pdu.word("StatusQualifier") != 0 && self.params.protocol_level < 2 {
            let text = format!("status qualifier at iSCSIProtocolLevel {}", self.params.protocol_level);
            found.push(Violation::must("rfc7144/5.2.1-1", text));
        }
        if !pdu.data.is_empty() && sense_len(pdu) + 2 > pdu.data.len() {
            found.push(Violation::must("rfc7143/11.4.7.1", "SenseLength beyond the data segment"));
        }
        if let Some(task) = self.task_of(Kind::ScsiResponse, &[Kind::ScsiCommand], pdu, found) {
            let bidi = task.transfer.read && task.transfer.write;
            let want = if completed { task.transfer.in_pdus } else { 0 };
            if !bidi && !task.transfer.is_loose() && pdu.word("ExpDataSN") != want {
                let text = format!("ExpDataSN is {}, {want} Data-In were sent", pdu.word("ExpDataSN"));
                found.push(Violation::must("rfc7143/11.4.8-1", text));
            }
            if completed {
                residual(task, pdu, found);
            }
            self.acknowledged(task, pdu, found);
        }
        self.audit.finished(pdu.itt());
    }

    /// A Data-In that carries the status (11.7.3). Its task is known.
    pub(super) fn audit_status_in_data(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        let status = pdu.word("Status");
        // GOOD, CONDITION MET, INTERMEDIATE, INTERMEDIATE-CONDITION MET.
        if !matches!(status, 0x00 | 0x04 | 0x10 | 0x14) {
            found.push(Violation::must("rfc7143/11.7.3-1", format!("status {status:#04x} in a Data-In")));
        }
        let Some(task) = self.audit.tasks.remove(&pdu.itt()) else { return };
        self.audit.finished(pdu.itt());
        if task.transfer.write {
            found.push(Violation::must(
                "rfc7143/11.7.3-2",
                "the status of a bidirectional command in a Data-In",
            ));
        }
        residual(&task, pdu, found);
        self.acknowledged(&task, pdu, found);
    }

    /// The status may come with the acknowledgement of its command, not before it (4.2.2.1-16).
    fn acknowledged(&self, task: &Task, pdu: &Pdu, found: &mut Vec<Violation>) {
        let exp = pdu.word("ExpCmdSN");
        if !task.immediate && !serial::lt(task.cmd_sn, exp) {
            let text = format!("status of command {} with ExpCmdSN {exp}", task.cmd_sn);
            found.push(Violation::must("rfc7143/4.2.2.1-16", text));
        }
    }
}

fn sense_len(pdu: &Pdu) -> usize {
    pdu.data.first_chunk().map_or(0, |len| usize::from(u16::from_be_bytes(*len)))
}

/// With GOOD status what moved and the residual make up what was expected (11.4.5.2).
fn residual(task: &Task, pdu: &Pdu, found: &mut Vec<Violation>) {
    if task.transfer.is_loose() {
        return; // Something of it was lost, or comes again.
    }
    let itt = pdu.itt();
    let mut wrong = |rule, text| found.push(Violation::must(rule, format!("task {itt:#x}: {text}")));
    if let Some(what) = task.transfer.unfinished() {
        wrong("rfc7143/11.4.2-1", format!("status, but {what}"));
    }
    if pdu.word("Status") != GOOD {
        return;
    }
    let (moved, expected) = task.moved();
    let count = pdu.word("ResidualCount");
    if pdu.flag("U") {
        // A write's data may be sent and not be wanted: then less than what moved was presented.
        let fits =
            if task.transfer.write { count <= expected } else { moved.checked_add(count) == Some(expected) };
        if !fits || count == 0 {
            wrong("rfc7143/11.4.5.2-4", format!("underflow {count}, {moved} of {expected} bytes moved"));
        }
    } else if moved < expected {
        wrong("rfc7143/11.4.5.2-3", format!("{moved} of {expected} bytes moved and no underflow"));
    } else if pdu.flag("O") && count == 0 {
        wrong("rfc7143/11.4.5.2-2", "overflow of 0 bytes".to_owned());
    }
}
