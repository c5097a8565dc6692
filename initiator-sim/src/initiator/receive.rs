//! What came, and what does it change? Splitting, numbering and the end of the login (RFC 7143 4.2.2, 6.3).

use std::collections::BTreeMap;

use super::serial;
use super::{Phase, Session, Side, Violation};
use crate::codec::{Kind, Pdu, Split};

/// Which of the two digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestPart {
    /// Of the header segments.
    Header,
    /// Of the data segment.
    Data,
}

/// Something that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A PDU of an assigned opcode.
    Pdu {
        /// Which.
        kind: Kind,
        /// The PDU.
        pdu: Pdu,
    },
    /// A PDU of an opcode that RFC 7143 does not assign.
    Unknown {
        /// The PDU.
        pdu: Pdu,
    },
    /// A PDU whose digest is wrong; after a wrong header digest nothing more is found in the stream.
    BadDigest {
        /// Which digest.
        part: DigestPart,
        /// What arrived; without data if the header's digest is wrong.
        pdu: Pdu,
        /// The digest that arrived.
        got: u32,
        /// The digest of what arrived.
        want: u32,
    },
}

impl Incoming {
    /// The PDU, if it is whole and of a known kind.
    pub fn pdu(&self) -> Option<(Kind, &Pdu)> {
        match self {
            Incoming::Pdu { kind, pdu } => Some((*kind, pdu)),
            Incoming::Unknown { .. } | Incoming::BadDigest { .. } => None,
        }
    }

    /// The PDU if it is of this kind and has this Initiator Task Tag.
    pub fn answer(&self, kind: Kind, itt: u32) -> Option<&Pdu> {
        self.pdu().filter(|(k, pdu)| *k == kind && pdu.itt() == itt).map(|(_, pdu)| pdu)
    }
}

/// True for PDUs whose StatSN counts, so that the next one has another (11.4.9, 11.8.3, 11.19.2).
pub(super) fn counts_status(kind: Kind, pdu: &Pdu) -> bool {
    match kind {
        Kind::DataIn => pdu.flag("S"),
        Kind::NopIn => pdu.itt() != 0xffff_ffff,
        Kind::R2T => false,
        kind => !kind.from_initiator(),
    }
}

impl Session {
    /// Takes bytes of a connection; follow with [`Session::poll`] until it returns `None`.
    pub fn feed(&mut self, conn: usize, bytes: &[u8]) {
        self.connections[conn].splitter.push(bytes);
    }

    /// The next PDU of a connection.
    pub fn poll(&mut self, conn: usize) -> Option<Incoming> {
        let link = &mut self.connections[conn];
        let incoming = match link.splitter.next_split()? {
            Split::Pdu(view) => {
                if view.padding.iter().any(|byte| *byte != 0) {
                    self.violations.push(Violation::should("rfc7143/11.2-4", "padding that is not zero"));
                }
                let pdu = view.to_pdu();
                match pdu.kind() {
                    Some(kind) => Incoming::Pdu { kind, pdu },
                    None => Incoming::Unknown { pdu },
                }
            }
            Split::DataDigest { pdu, got, want } => {
                Incoming::BadDigest { part: DigestPart::Data, pdu: pdu.to_pdu(), got, want }
            }
            Split::HeaderDigest { bhs, got, want } => {
                let pdu = Pdu { bhs: *bhs, ahs: Vec::new(), data: bytes::Bytes::new() };
                link.phase = Phase::Closed;
                Incoming::BadDigest { part: DigestPart::Header, pdu, got, want }
            }
        };
        self.absorb(conn, &incoming);
        Some(incoming)
    }

    fn absorb(&mut self, conn: usize, incoming: &Incoming) {
        let (kind, pdu) = match incoming {
            Incoming::Pdu { kind, pdu } => (*kind, pdu),
            Incoming::Unknown { pdu } => {
                let text = format!("opcode {:#04x} is not assigned", pdu.bhs[0] & 0x3f);
                return self.violations.push(Violation::must("rfc7143/11.2.1.2-1", text));
            }
            // What the digest condemns cannot be held against the target.
            Incoming::BadDigest { .. } => return,
        };
        if kind.from_initiator() {
            let text = format!("the target sent {kind}, which only initiators send");
            return self.violations.push(Violation::must("rfc7143/11.2.1.2-1", text));
        }
        let refused = kind == Kind::LoginResponse && pdu.word("StatusClass") != 0;
        if !refused {
            // A refusal's numbers are not valid (11.13.5).
            if kind == Kind::DataIn && self.audit.fills_gap(pdu) {
                self.let_go(conn, pdu.itt());
            }
            self.number_status(conn, kind, pdu);
            self.number_window(conn, kind, pdu);
        }
        self.audit(conn, kind, pdu);
        match kind {
            Kind::LoginResponse => self.login_response(conn, pdu),
            Kind::TextResponse => self.text_response(conn, pdu),
            _ => {}
        }
    }

    /// StatSN of a connection rises by 1 with each PDU that counts; the others carry the next one.
    fn number_status(&mut self, conn: usize, kind: Kind, pdu: &Pdu) {
        let counts = counts_status(kind, pdu);
        if kind == Kind::DataIn && !counts {
            return;
        }
        let got = pdu.word("StatSN");
        if counts && self.params.error_recovery_level > 0 && self.audit.lacks_data(kind, pdu) {
            self.connections[conn].held.insert(got, pdu.itt());
            return;
        }
        let link = &mut self.connections[conn];
        let want = link.exp_stat_sn;
        if core::mem::take(&mut link.stat_sn_open) {
            link.exp_stat_sn = got;
        } else if got != want && self.params.error_recovery_level > 0 && link.phase == Phase::FullFeature {
            // What is missing can be asked for; it is not acknowledged before it came (7.9).
            if serial::lt(want, got) {
                if counts {
                    link.ahead.insert(got);
                }
            } else if !self.audit.has_asked(conn) {
                let text = format!("{kind} has StatSN {got} once more, and nobody asked for it");
                self.violations.push(Violation::must("rfc7143/11.4.9-1", text));
            }
            return;
        } else if got != want {
            let rule = if counts { "rfc7143/11.4.9-1" } else { "rfc7143/11.8.3" };
            let text = format!("{kind} has StatSN {got}, expected {want}");
            self.violations.push(Violation::must(rule, text));
        }
        if counts && serial::le(link.exp_stat_sn, got) {
            link.exp_stat_sn = got.wrapping_add(1);
        }
        while link.ahead.remove(&link.exp_stat_sn) {
            link.exp_stat_sn = link.exp_stat_sn.wrapping_add(1);
        }
    }

    /// The first status of a connection that did not come, if `next` is the StatSN that the target uses next on it.
    pub fn missing_status(&self, conn: usize, next: u32) -> Option<u32> {
        let link = self.connections.get(conn)?;
        let first = link.exp_stat_sn;
        let is_known = link.stat_sn_open || link.held.contains_key(&first);
        (serial::lt(first, next) && !is_known).then_some(first)
    }

    /// The last missing data of a task came: its status may be acknowledged.
    fn let_go(&mut self, conn: usize, itt: u32) {
        let link = &mut self.connections[conn];
        let (freed, rest): (BTreeMap<u32, u32>, _) =
            std::mem::take(&mut link.held).into_iter().partition(|(_, task)| *task == itt);
        link.held = rest;
        link.ahead.extend(freed.into_keys());
        while link.ahead.remove(&link.exp_stat_sn) {
            link.exp_stat_sn = link.exp_stat_sn.wrapping_add(1);
        }
    }

    /// The processing of ExpCmdSN and MaxCmdSN that 4.2.2.1 prescribes, and what a target may not do with them.
    fn number_window(&mut self, conn: usize, kind: Kind, pdu: &Pdu) {
        let (exp, max) = (pdu.word("ExpCmdSN"), pdu.word("MaxCmdSN"));
        if serial::lt(max, exp.wrapping_sub(1)) {
            let text = format!("{kind} has MaxCmdSN {max} with ExpCmdSN {exp}");
            return self.violations.push(Violation::must("rfc7143/4.2.2.1-11", text));
        }
        let link = &mut self.connections[conn];
        let (exp_seen, max_seen) = link.window_seen.unwrap_or((exp, max));
        for (name, new, old) in [("ExpCmdSN", exp, exp_seen), ("MaxCmdSN", max, max_seen)] {
            if serial::lt(new, old) {
                let text = format!("{kind} has {name} {new} after {old} on the same connection");
                self.violations.push(Violation::must("rfc7143/4.2.2.1", text));
            }
        }
        // A script may have sent numbers beyond the session's own.
        let next = self.audit.next_cmd_sn.filter(|n| serial::lt(self.cmd_sn, *n)).unwrap_or(self.cmd_sn);
        if exp != exp_seen && serial::lt(next, exp) {
            let text = format!("{kind} has ExpCmdSN {exp}, but {next} was not sent yet");
            self.violations.push(Violation::must("rfc7143/4.2.2.1-9", text));
        }
        link.window_seen = Some((exp, max));
        if core::mem::take(&mut self.window_open) {
            (self.exp_cmd_sn, self.max_cmd_sn) = (exp, max);
        }
        if serial::lt(self.max_cmd_sn, max) {
            self.max_cmd_sn = max;
        }
        if serial::lt(self.exp_cmd_sn, exp) {
            self.exp_cmd_sn = exp;
        }
    }

    fn login_response(&mut self, conn: usize, pdu: &Pdu) {
        let link = &mut self.connections[conn];
        if link.phase != Phase::Login {
            return;
        }
        let refused = pdu.word("StatusClass") != 0;
        if refused {
            link.negotiation.cut_short(Side::Target);
        }
        link.negotiation.hear(Side::Target, &pdu.data, pdu.flag("C"));
        if !refused && pdu.flag("T") {
            self.violations.extend(link.negotiation.asks_for_more("rfc7143/6.3-10"));
        }
        if refused {
            link.phase = Phase::Closed;
        } else if pdu.flag("T") && pdu.word("NSG") == 3 {
            let mut session = self.params.clone();
            link.negotiation.apply(&mut session, &mut link.params);
            // Later connections take the session as it is (13: Leading Only).
            if self.tsih == 0 {
                self.params = session;
                self.tsih = pdu.word("TSIH") as u16;
            }
            link.phase = Phase::FullFeature;
            link.login_itt = None;
            link.splitter.set_digests(link.params.digests);
        }
        self.violations.append(&mut link.negotiation.take_violations());
    }

    fn text_response(&mut self, conn: usize, pdu: &Pdu) {
        let link = &mut self.connections[conn];
        link.negotiation.hear(Side::Target, &pdu.data, pdu.flag("C"));
        if pdu.flag("F") {
            self.violations.extend(link.negotiation.asks_for_more("rfc7143/6.4-7"));
            // Only the connection's own keys can change in the full feature phase (13: use ALL).
            link.negotiation.apply(&mut self.params.clone(), &mut link.params);
        }
        self.violations.append(&mut link.negotiation.take_violations());
    }
}
