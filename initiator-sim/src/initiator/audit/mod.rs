//! Does the target do what it may? Every PDU it sends is held against what it was asked.
//!
//! The audit knows only what passed over the wire: the requests this side sent and the PDUs that came. So it judges
//! a scenario's hand-made exchange, a program's, and a foreign target's alike. A request whose tag was used twice at
//! once is "murky": which answer belongs to which cannot be told, and nothing more is said about it.

mod command;
mod header;
mod login;
mod requests;
mod tags;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::compose::NO_TAG;
use super::{Session, Violation, serial};
use crate::codec::pdu::be32;
use crate::codec::{Kind, Pdu};

pub(super) use login::LoginSeen;
use tags::Tags;
use transfer::Transfer;

/// Headers kept to recognise what a Reject returns.
const HEADERS_KEPT: usize = 4096;
/// Type of an R-Data SNACK (11.16.1).
const R_DATA: u32 = 3;

/// A request that the target owes an answer.
#[derive(Debug)]
pub(super) struct Task {
    kind: Kind,
    conn: usize,
    lun: u64,
    cmd_sn: u32,
    immediate: bool,
    /// Position among all requests of the session: tells what an immediate request came after.
    order: u64,
    murky: bool,
    /// For text and login: this request's F bit. For management: nothing.
    final_bit: bool,
    /// Task management: function and referenced tag.
    function: u8,
    referenced: u32,
    /// A ping's data.
    data: Bytes,
    transfer: Transfer,
}

/// Everything the audit remembers of a session.
#[derive(Debug, Default)]
pub(super) struct Audit {
    tasks: BTreeMap<u32, Task>,
    headers: VecDeque<[u8; 48]>,
    aborted: Tags,
    /// Aborted by a response that came on another connection.
    fading: Tags,
    /// Commands that were answered where data and status can be asked for again.
    answered: Tags,
    /// Numbers of Data-Ins that did not come before the status of their task.
    missing: BTreeMap<u32, BTreeSet<u32>>,
    /// Connections on which something was asked for again.
    asked: BTreeSet<usize>,
    order: u64,
    /// One past the highest CmdSN that a non-immediate request carried.
    pub(super) next_cmd_sn: Option<u32>,
}

impl Audit {
    /// Counts a PDU as sent.
    pub(super) fn sent(&mut self, conn: usize, kind: Kind, pdu: &Pdu) {
        if self.headers.len() == HEADERS_KEPT {
            self.headers.pop_front();
        }
        self.headers.push_back(pdu.bhs);
        let itt = pdu.itt();
        if kind == Kind::Snack {
            self.asked.insert(conn);
            if pdu.word("Type") == R_DATA {
                // All of it comes anew, and another response.
                self.missing.remove(&itt);
            }
            match self.tasks.get_mut(&itt) {
                Some(task) => task.transfer.loosen(),
                // A status that is asked for may be that of any command.
                None => self.tasks.values_mut().for_each(|task| task.transfer.loosen()),
            }
            return;
        }
        if kind == Kind::DataOut {
            if let Some(task) = self.tasks.get_mut(&itt) {
                task.transfer.data_out(pdu);
            }
            return;
        }
        if kind.has_cmd_sn() && kind != Kind::LoginRequest && !pdu.flag("I") {
            let next = pdu.word("CmdSN").wrapping_add(1);
            self.next_cmd_sn = Some(self.next_cmd_sn.filter(|n| serial::lt(next, *n)).unwrap_or(next));
        }
        if !kind.has_cmd_sn() || itt == NO_TAG {
            return;
        }
        self.order += 1;
        // Requests that continue an exchange keep its tag (6.3, 11.10.3).
        let continues = matches!(kind, Kind::LoginRequest | Kind::TextRequest);
        if let Some(old) = self.tasks.get_mut(&itt)
            && !(continues && old.kind == kind)
        {
            old.murky = true;
            return;
        }
        self.aborted.remove(itt);
        self.fading.remove(itt);
        self.answered.remove(itt);
        self.missing.remove(&itt);
        // Only these have such fields, and not finding a name costs more than finding one.
        let manages = kind == Kind::TaskRequest;
        let task = Task {
            kind,
            conn,
            lun: pdu.field("LUN").unwrap_or(0),
            cmd_sn: pdu.word("CmdSN"),
            immediate: pdu.flag("I"),
            order: self.order,
            murky: false,
            final_bit: pdu.flag("F"),
            function: if manages { pdu.word("Function") as u8 } else { 0 },
            referenced: if manages { pdu.word("RefTaskTag") } else { 0 },
            data: if kind == Kind::NopOut { pdu.data.clone() } else { Bytes::new() },
            transfer: Transfer::of(pdu),
        };
        self.tasks.insert(itt, task);
    }

    /// Nothing is owed on a connection that is gone. Its commands may go on elsewhere at recovery level 2.
    pub(super) fn connection_gone(&mut self, conn: usize, recovers: bool) {
        self.tasks.retain(|_, task| {
            task.conn != conn || (recovers && task.kind == Kind::ScsiCommand && !task.immediate)
        });
    }

    /// Whether what was asked on a connection will be answered cannot be told.
    pub(super) fn doubt(&mut self, conn: usize) {
        self.tasks.values_mut().filter(|task| task.conn == conn).for_each(|task| task.murky = true);
    }

    /// True if this side has asked on that connection for something to be sent again.
    pub(super) fn has_asked(&self, conn: usize) -> bool {
        self.asked.contains(&conn)
    }

    /// True if a request with this tag is not answered.
    pub(super) fn is_open(&self, itt: u32) -> bool {
        self.tasks.contains_key(&itt)
    }

    /// Whether data of a read is missing that its status says was sent. Then it is remembered.
    pub(super) fn lacks_data(&mut self, kind: Kind, pdu: &Pdu) -> bool {
        let itt = pdu.itt();
        if let Some(task) = self.tasks.get(&itt).filter(|task| task.kind == Kind::ScsiCommand && !task.murky)
        {
            let end = match kind {
                Kind::DataIn => pdu.word("DataSN"),
                Kind::ScsiResponse if !task.transfer.write => pdu.word("ExpDataSN"),
                _ => return false,
            };
            let missing = task.transfer.missing(end);
            if !missing.is_empty() {
                self.missing.insert(itt, missing);
            }
        }
        self.missing.contains_key(&itt)
    }

    /// Takes note of a Data-In; true if it was the last that was missing.
    pub(super) fn fills_gap(&mut self, pdu: &Pdu) -> bool {
        let Some(missing) = self.missing.get_mut(&pdu.itt()) else { return false };
        missing.remove(&pdu.word("DataSN"));
        missing.is_empty() && self.missing.remove(&pdu.itt()).is_some()
    }

    /// A command was answered; it may be answered again if its connection recovers.
    fn finished(&mut self, itt: u32) {
        self.tasks.remove(&itt);
        self.answered.push(itt);
    }

    pub(super) fn outstanding(&self) -> BTreeMap<u32, Kind> {
        self.tasks.iter().map(|(itt, task)| (*itt, task.kind)).collect()
    }

    pub(super) fn cmd_sn_of(&self, itt: u32) -> Option<u32> {
        self.tasks.get(&itt).filter(|task| !task.immediate).map(|task| task.cmd_sn)
    }

    /// A command is over, but what was sent of it may still be under way.
    fn fade(&mut self, itt: u32) {
        self.tasks.remove(&itt);
        self.fading.push(itt);
    }

    fn abort(&mut self, itt: u32) {
        self.tasks.remove(&itt);
        self.aborted.push(itt);
    }
}

impl Session {
    /// Holds a PDU of the target against what it was asked.
    pub(super) fn audit(&mut self, conn: usize, kind: Kind, pdu: &Pdu) {
        let mut found = Vec::new();
        header::check(kind, pdu, self.connections[conn].params.receive_max, &mut found);
        self.phase_check(conn, kind, &mut found);
        match kind {
            Kind::LoginResponse => self.audit_login(conn, pdu, &mut found),
            Kind::DataIn => self.audit_data_in(pdu, &mut found),
            Kind::R2T => self.audit_r2t(pdu, &mut found),
            Kind::ScsiResponse => self.audit_scsi_response(pdu, &mut found),
            Kind::TaskResponse => self.audit_task_response(pdu, &mut found),
            Kind::TextResponse => self.audit_text_response(pdu, &mut found),
            Kind::LogoutResponse => self.audit_logout_response(pdu, &mut found),
            Kind::NopIn => self.audit_nop_in(conn, pdu, &mut found),
            Kind::Reject => self.audit_reject(pdu, &mut found),
            Kind::AsyncMessage => self.audit_async(pdu, &mut found),
            _ => {}
        }
        self.violations.append(&mut found);
    }

    /// The task a target PDU names, if the target may speak about it now.
    fn task_of(&self, kind: Kind, want: &[Kind], pdu: &Pdu, found: &mut Vec<Violation>) -> Option<&Task> {
        let itt = pdu.itt();
        match self.audit.tasks.get(&itt) {
            Some(task) if task.murky => None,
            Some(task) if want.contains(&task.kind) => Some(task),
            Some(task) => {
                let text = format!("{kind} with ITT {itt:#x}, which is a {}", task.kind);
                found.push(Violation::must("rfc7143/11.2.1.8-1", text));
                None
            }
            // Asked for again, or answered again after it was reassigned.
            None if self.params.error_recovery_level > 0 && self.audit.answered.contains(itt) => None,
            None if self.audit.fading.contains(itt) => None,
            None if self.audit.aborted.contains(itt) => {
                let text = format!("{kind} for task {itt:#x} after the response of what aborted it");
                found.push(Violation::must("rfc7143/11.5.1-4", text));
                None
            }
            None => {
                let text = format!("{kind} with ITT {itt:#x}, and no such task is open");
                found.push(Violation::must("rfc7143/11.2.1.8-1", text));
                None
            }
        }
    }
}

/// The tag in the copy of a header that a Reject carries.
fn rejected_header(pdu: &Pdu) -> Option<&[u8; 48]> {
    pdu.data.first_chunk()
}

fn header_itt(bhs: &[u8; 48]) -> u32 {
    be32(bhs, 16)
}
