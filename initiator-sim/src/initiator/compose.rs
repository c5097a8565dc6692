//! How does a draft become a PDU and bytes? The session fills in what the draft does not override.

use super::{Draft, FieldValue, Phase, Session, Side};
use crate::codec::{CodecError, Kind, Pdu, encode_into};

/// Task tag of PDUs that belong to no task (RFC 7143 11.2.1.8).
pub(super) const NO_TAG: u32 = 0xffff_ffff;

/// A PDU ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Composed {
    /// The PDU with everything filled in. With `raw` bytes: what they replaced.
    pub pdu: Pdu,
    /// What to write to the connection.
    pub bytes: Vec<u8>,
    /// The Initiator Task Tag in the PDU.
    pub tag: u32,
}

impl Session {
    /// Fills in a draft for a connection and counts it as sent. The error is a mistake in the draft's overrides;
    /// then nothing was counted.
    pub fn compose(&mut self, conn: usize, draft: &Draft) -> Result<Composed, CodecError> {
        let mut pdu = Pdu::new(draft.kind);
        pdu.ahs.clone_from(&draft.ahs);
        pdu.data = draft.data.clone();
        pdu.fix_lengths();
        // A mistake must not take a tag: the overrides are tried before anything is counted.
        let mut tried = pdu.bhs;
        apply(&mut tried, draft)?;
        self.fill(conn, &mut pdu, draft)?;
        apply(&mut pdu.bhs, draft)?;
        let advance = self.advances(&pdu, draft);
        if advance {
            self.cmd_sn = self.cmd_sn.wrapping_add(1);
        }
        self.note_text(conn, &pdu);
        self.audit.sent(conn, draft.kind, &pdu);
        let bytes = draft.raw.clone().unwrap_or_else(|| {
            let mut out = Vec::with_capacity(pdu.data.len() + 64);
            encode_into(&mut out, &pdu, self.connections[conn].digests(), &draft.wire);
            out
        });
        Ok(Composed { tag: pdu.itt(), pdu, bytes })
    }

    /// The fields whose right value only the session knows.
    fn fill(&mut self, conn: usize, pdu: &mut Pdu, draft: &Draft) -> Result<(), CodecError> {
        let kind = draft.kind;
        let exp_stat_sn = self.connections[conn].exp_stat_sn;
        if !kind.from_initiator() {
            return Ok(());
        }
        pdu.set("ExpStatSN", exp_stat_sn.into())?;
        if kind.has_cmd_sn() {
            pdu.set("CmdSN", self.cmd_sn.into())?;
        }
        match kind {
            Kind::LoginRequest => {
                let link = &self.connections[conn];
                let (cid, held) = (link.cid, link.login_itt);
                pdu.set_bytes("ISID", &self.isid)?;
                pdu.set("TSIH", self.tsih.into())?;
                pdu.set("CID", cid.into())?;
                // One tag for the whole login (6.3).
                let itt = match (held, draft.number("ITT")) {
                    (_, Some(itt)) => itt as u32,
                    (Some(itt), None) => itt,
                    (None, None) => self.take_itt(),
                };
                self.connections[conn].login_itt = Some(itt);
                pdu.set("ITT", itt.into())?;
            }
            Kind::ScsiCommand | Kind::TaskRequest | Kind::TextRequest | Kind::LogoutRequest => {
                self.fill_itt(pdu, draft)?;
            }
            Kind::NopOut => {
                // An answer to a ping has the reserved tag and is immediate (11.18.1).
                let answer = draft.number("TTT").is_some_and(|ttt| ttt != u64::from(NO_TAG));
                if !answer {
                    self.fill_itt(pdu, draft)?;
                }
                if answer || draft.number("ITT") == Some(NO_TAG.into()) {
                    pdu.set("I", 1)?;
                }
            }
            _ => {}
        }
        match kind {
            Kind::TaskRequest => pdu.set("I", 1)?,
            // A request that more text follows is not the final one (11.10.2).
            Kind::TextRequest if draft.number("C") == Some(1) => pdu.set("F", 0)?,
            // The CID counts unless the whole session is closed (11.14.3).
            Kind::LogoutRequest if draft.number("Reason").unwrap_or(0) != 0 => {
                let cid = draft.number("CID").unwrap_or(self.connections[conn].cid.into());
                pdu.set("CID", self.connections[conn].cid.into())?;
                // It tells what arrived on the connection that it is about (11.14.4).
                let closing = self.connections.iter().rev().find(|link| u64::from(link.cid) == cid);
                if let Some(closing) = closing {
                    pdu.set("ExpStatSN", closing.exp_stat_sn.into())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fill_itt(&mut self, pdu: &mut Pdu, draft: &Draft) -> Result<(), CodecError> {
        match draft.number("ITT") {
            Some(_) => Ok(()),
            None => {
                let itt = self.take_itt();
                pdu.set("ITT", itt.into())
            }
        }
    }

    /// CmdSN advances after every non-immediate request except logins (4.2.2.1). A number that the draft made up
    /// leaves the session's alone unless the draft says otherwise.
    fn advances(&self, pdu: &Pdu, draft: &Draft) -> bool {
        let due = draft.kind.has_cmd_sn()
            && draft.kind != Kind::LoginRequest
            && !pdu.flag("I")
            && pdu.word("CmdSN") == self.cmd_sn;
        draft.advance_cmd_sn.unwrap_or(due)
    }

    /// Text this side sends is one half of a negotiation.
    fn note_text(&mut self, conn: usize, pdu: &Pdu) {
        let link = &mut self.connections[conn];
        match pdu.kind() {
            Some(Kind::LoginRequest) if link.phase == Phase::Login => {
                link.negotiation.hear(Side::Initiator, &pdu.data, pdu.flag("C"));
            }
            Some(Kind::TextRequest) => {
                if pdu.word("TTT") == NO_TAG {
                    link.negotiation = super::Negotiation::new();
                }
                link.negotiation.hear(Side::Initiator, &pdu.data, pdu.flag("C"));
            }
            _ => {}
        }
    }
}

fn apply(bhs: &mut [u8; 48], draft: &Draft) -> Result<(), CodecError> {
    for (name, value) in &draft.fields {
        // An overridden opcode must not change which table the other names are looked up in.
        let field = crate::codec::lookup(Some(draft.kind), name)?;
        match value {
            FieldValue::Number(value) => field.put(bhs, *value)?,
            FieldValue::Bytes(bytes) => field.put_slice(bhs, bytes)?,
        }
    }
    Ok(())
}
