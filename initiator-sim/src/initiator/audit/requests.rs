//! Do the answers to everything but commands fit what was asked? (RFC 7143 11.6, 11.9, 11.11, 11.15, 11.17, 11.19)

use super::super::{Session, serial};
use super::{NO_TAG, Violation, header_itt, rejected_header};
use crate::codec::{Kind, Pdu};

/// TASK REASSIGN (11.5.1).
const TASK_REASSIGN: u8 = 8;

impl Session {
    pub(super) fn audit_task_response(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        let response = pdu.word("Response");
        if !matches!(response, 0..=7 | 255) {
            found.push(Violation::must("rfc7143/11.6.1", format!("Response {response} is not assigned")));
        }
        let Some(task) = self.task_of(Kind::TaskResponse, &[Kind::TaskRequest], pdu, found) else { return };
        let asks = matches!(task.function, 9 | 10 | 12);
        if response == 7 && (!asks || self.params.protocol_level < 2) {
            let text = format!("function {} is answered as only queries of RFC 7144 are", task.function);
            found.push(Violation::must("rfc7144/4.1-1", text));
        }
        if response != 7 && pdu.word("AdditionalInfo") != 0 {
            found.push(Violation::must("rfc7143/10.7-4", "additional response information without a query"));
        }
        let (function, lun, referenced) = (task.function, task.lun, task.referenced);
        let (conn, cmd_sn, order) = (task.conn, task.cmd_sn, task.order);
        let asker = task.conn;
        self.audit.finished(pdu.itt());
        if response != 0 {
            return;
        }
        if function == TASK_REASSIGN {
            // It goes on here, from where the target thinks this side is.
            if let Some(task) = self.audit.tasks.get_mut(&referenced) {
                task.conn = asker;
                task.transfer.loosen();
                task.transfer.forget_r2ts();
            }
            return;
        }
        // What the function covered is not answered any more (11.5.1): set functions reach commands with a lower
        // CmdSN, resets everything that was there.
        let covered = |itt: u32, task: &super::Task| match function {
            1 => itt == referenced,
            2 | 4 => task.lun == lun && serial::lt(task.cmd_sn, cmd_sn),
            5 => task.lun == lun && task.order < order,
            6 | 11 => task.order < order,
            _ => false,
        };
        let scsi = self.audit.tasks.iter().filter(|(_, t)| t.kind == Kind::ScsiCommand);
        let gone: Vec<u32> = scsi.filter(|(itt, t)| covered(**itt, t)).map(|(itt, _)| *itt).collect();
        for itt in gone {
            if self.audit.tasks.get(&itt).is_some_and(|task| task.conn != conn) {
                // What was sent before on another connection may come after the response.
                self.audit.fade(itt);
            } else {
                self.audit.abort(itt);
            }
        }
        if function == 7 || function == 11 {
            self.audit.connection_gone(conn, false);
        }
    }

    pub(super) fn audit_text_response(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        let (last, more, ttt) = (pdu.flag("F"), pdu.flag("C"), pdu.word("TTT"));
        if last && ttt != NO_TAG {
            found.push(Violation::must("rfc7143/11.11.1-2", format!("final TextResponse with TTT {ttt:#x}")));
        }
        if !last && ttt == NO_TAG {
            found.push(Violation::must("rfc7143/11.11.1-3", "TextResponse to be continued without a TTT"));
        }
        if last && more {
            found.push(Violation::must("rfc7143/11.11.2-1", "TextResponse with C and F"));
        }
        let Some(task) = self.task_of(Kind::TextResponse, &[Kind::TextRequest], pdu, found) else { return };
        if last && !task.final_bit {
            found.push(Violation::must(
                "rfc7143/11.11.1",
                "final TextResponse to a request that is not final",
            ));
        }
        self.audit.finished(pdu.itt());
    }

    pub(super) fn audit_logout_response(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        if pdu.word("Response") > 3 {
            let text = format!("Response {} is not assigned", pdu.word("Response"));
            found.push(Violation::must("rfc7143/11.15.1", text));
        }
        if self.task_of(Kind::LogoutResponse, &[Kind::LogoutRequest], pdu, found).is_some() {
            self.audit.finished(pdu.itt());
        }
    }

    pub(super) fn audit_nop_in(&mut self, conn: usize, pdu: &Pdu, found: &mut Vec<Violation>) {
        let ttt = pdu.word("TTT");
        if pdu.itt() == NO_TAG {
            if pdu.data_segment_length() != 0 {
                found.push(Violation::must("rfc7143/11.19-5", "NOP-In that answers nothing carries data"));
            }
            return;
        }
        if ttt != NO_TAG {
            found.push(Violation::must("rfc7143/11.19-3", format!("NOP-In that answers has TTT {ttt:#x}")));
        }
        let limit = self.connections[conn].params.receive_max as usize;
        let Some(task) = self.task_of(Kind::NopIn, &[Kind::NopOut], pdu, found) else { return };
        if task.data[..task.data.len().min(limit)] != pdu.data {
            let text = format!("{} of {} ping bytes came back, or others", pdu.data.len(), task.data.len());
            found.push(Violation::must("rfc7143/11.19-2", text));
        }
        self.audit.finished(pdu.itt());
    }

    pub(super) fn audit_reject(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        if pdu.itt() != NO_TAG {
            found.push(Violation::must("rfc7143/11.17", "Reject with a task tag"));
        }
        let reason = pdu.word("Reason");
        if reason == 0x0b {
            found.push(Violation::must("rfc7143/11.17.1-2", "Reject with the deprecated reason 0x0b"));
        } else if !(0x02..=0x0c).contains(&reason) {
            found.push(Violation::must("rfc7143/11.17.1", format!("reason {reason:#04x} is not assigned")));
        }
        let Some(bhs) = rejected_header(pdu) else {
            let text = format!("Reject with {} bytes instead of a header", pdu.data.len());
            return found.push(Violation::must("rfc7143/11.17.4", text));
        };
        if !self.audit.headers.contains(bhs) {
            found.push(Violation::must("rfc7143/11.17.4", "Reject returns a header that was not sent"));
        }
        // A request that was rejected is not answered. Data and later parts of a task do not end it (7.3-1).
        let (itt, kind) = (header_itt(bhs), Kind::of(bhs));
        if self.audit.tasks.get(&itt).is_some_and(|task| Some(task.kind) == kind && !task.murky) {
            self.audit.tasks.remove(&itt);
        }
    }

    pub(super) fn audit_async(&mut self, pdu: &Pdu, found: &mut Vec<Violation>) {
        if pdu.itt() != NO_TAG {
            found.push(Violation::must("rfc7143/11.9", "AsyncMessage with a task tag"));
        }
        let event = pdu.word("AsyncEvent");
        if !matches!(event, 0..=5 | 248..=255) {
            found.push(Violation::must("rfc7143/11.9.1", format!("AsyncEvent {event} is not assigned")));
        }
        if event == 5 && self.params.task_reporting != "FastAbort" {
            found.push(Violation::must("rfc7143/11.9.1-8", "task termination without FastAbort"));
        }
        if event < 248 && pdu.word("AsyncVCode") != 0 {
            found.push(Violation::must("rfc7143/11.9.2", "AsyncVCode without a vendor's event"));
        }
    }
}
