//! What passes at the target's socket? Cuts both directions into PDUs with the lab's own codec and follows the login, so that the
//! checks, the wire log and the middlebox know names, phase and digests.

use crate::codec::{Digests, Kind, PduView, Split, Splitter};
use crate::initiator::{ConnParams, Negotiation, SessionParams, Side};
use crate::net::Dir;

/// Follows one connection.
#[derive(Debug, Default)]
pub struct Tap {
    splitters: [Splitter; 2],
    pushed: [u64; 2],
    lost: [bool; 2],
    /// What the wire has told about this connection.
    pub track: Track,
}

/// What the wire has told about a connection.
#[derive(Debug, Default)]
pub struct Track {
    /// The login is complete.
    pub full_feature: bool,
    /// The login is to a session that exists: its requests carry a TSIH.
    pub joins: bool,
    /// A logout for this connection was answered with success.
    pub logged_out: bool,
    /// InitiatorName as declared; empty as long as it is not.
    pub initiator: String,
    /// TargetName as declared; empty in a discovery session.
    pub target: String,
    /// The names may be shown or not: they were declared in text that is not complete yet.
    pub names_pending: bool,
    /// Initiator part of the session id, from the login requests.
    pub isid: u64,
    /// Session handle, from the final login response.
    pub tsih: u16,
    /// Connection id, from the login requests.
    pub cid: u16,
    /// What was negotiated; the defaults of RFC 7143 section 13 before the login is complete.
    pub session: SessionParams,
    /// What was negotiated for this connection.
    pub params: ConnParams,
    declared_target: String,
    text: Vec<u8>,
    negotiation: Negotiation,
    exchange: Option<Negotiation>,
}

/// How good a PDU was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// Whole, digests right.
    Good,
    /// The data digest is wrong.
    DataDigest,
    /// The header digest is wrong; nothing after it can be found.
    HeaderDigest,
}

impl Tap {
    /// Bytes went by.
    pub fn push(&mut self, dir: Dir, bytes: &[u8]) {
        if !self.lost[dir as usize] {
            self.splitters[dir as usize].push(bytes);
            self.pushed[dir as usize] += bytes.len() as u64;
        }
    }

    /// This direction cannot be followed any more.
    pub const fn give_up(&mut self, dir: Dir) {
        self.lost[dir as usize] = true;
    }

    /// True if this direction cannot be followed any more.
    pub const fn is_lost(&self, dir: Dir) -> bool {
        self.lost[dir as usize]
    }

    /// Hands the next whole PDU to `take`, after the track has learnt from it. Returns false if there is none; the digests and the
    /// offset from which on they hold, if the PDU was the end of a login.
    pub fn next(
        &mut self,
        dir: Dir,
        take: impl FnOnce(&Track, &PduView<'_>, Quality),
    ) -> (bool, Option<(u64, Digests)>) {
        let at = dir as usize;
        if self.lost[at] {
            return (false, None);
        }
        let empty = PduView { bhs: &[0; 48], ahs: &[], data: &[], padding: &[] };
        let logged_in = match self.splitters[at].next_split() {
            None => return (false, None),
            Some(Split::Pdu(view)) => {
                let logged_in = self.track.observe(dir, &view);
                take(&self.track, &view, Quality::Good);
                logged_in
            }
            Some(Split::DataDigest { pdu, .. }) => {
                take(&self.track, &pdu, Quality::DataDigest);
                false
            }
            Some(Split::HeaderDigest { bhs, .. }) => {
                take(&self.track, &PduView { bhs, ..empty }, Quality::HeaderDigest);
                self.lost[at] = true;
                false
            }
        };
        if !logged_in {
            return (true, None);
        }
        let digests = self.track.params.digests;
        self.splitters.iter_mut().for_each(|splitter| splitter.set_digests(digests));
        let offset = self.pushed[Dir::In as usize] - self.splitters[Dir::In as usize].buffered() as u64;
        (true, Some((offset, digests)))
    }
}

impl Track {
    /// Learns from a PDU; true if it ended the login.
    fn observe(&mut self, dir: Dir, view: &PduView<'_>) -> bool {
        match Kind::of(view.bhs) {
            Some(Kind::LoginRequest) if dir == Dir::Out && !self.full_feature => self.login_request(view),
            Some(Kind::LoginResponse) if dir == Dir::In && !self.full_feature => {
                return self.login_response(view);
            }
            Some(Kind::TextRequest) if dir == Dir::Out => {
                let more = view.bhs[1] & 0x40 != 0;
                if view.bhs[20..24] == [0xff; 4] {
                    // Without a transfer tag it begins anew (rfc7143/6.4-9).
                    self.exchange = None;
                }
                self.exchange.get_or_insert_default().hear(Side::Initiator, view.data, more);
            }
            Some(Kind::TextResponse) if dir == Dir::In => {
                let more = view.bhs[1] & 0x40 != 0;
                if let Some(exchange) = &mut self.exchange {
                    exchange.hear(Side::Target, view.data, more);
                }
                if view.bhs[1] & 0x80 != 0
                    && let Some(mut exchange) = self.exchange.take()
                {
                    // Only declarations can change now (RFC 7143 section 13: "Use: ALL" or "FFPO").
                    let mut session = self.session.clone();
                    exchange.apply(&mut session, &mut self.params);
                }
            }
            Some(Kind::LogoutResponse) if dir == Dir::In && view.bhs[2] == 0 => self.logged_out = true,
            _ => {}
        }
        false
    }

    fn login_request(&mut self, view: &PduView<'_>) {
        let more = view.bhs[1] & 0x40 != 0;
        self.negotiation.hear(Side::Initiator, view.data, more);
        self.isid = number(&view.bhs[8..14]);
        self.joins = view.bhs[14..16] != [0, 0];
        self.cid = u16::from_be_bytes([view.bhs[20], view.bhs[21]]);
        self.text.extend_from_slice(view.data);
        let complete = self.text.iter().rposition(|byte| *byte == 0).map_or(0, |at| at + 1);
        let pairs: Vec<u8> = self.text.drain(..complete).collect();
        let mut discovery = self.session.discovery;
        for pair in pairs.split(|byte| *byte == 0) {
            let Some((key, value)) = std::str::from_utf8(pair).ok().and_then(|pair| pair.split_once('='))
            else {
                continue;
            };
            match key {
                "InitiatorName" if self.initiator.is_empty() => self.initiator = value.to_owned(),
                "TargetName" if self.declared_target.is_empty() => self.declared_target = value.to_owned(),
                // Sent twice, which is an error, the first that says so counts.
                "SessionType" => discovery |= value == "Discovery",
                _ => {}
            }
        }
        self.session.discovery = discovery;
        self.target = if discovery { String::new() } else { self.declared_target.clone() };
        self.names_pending = more;
        if !more {
            self.text.clear();
        }
    }

    fn login_response(&mut self, view: &PduView<'_>) -> bool {
        self.negotiation.hear(Side::Target, view.data, view.bhs[1] & 0x40 != 0);
        let status = view.bhs[36];
        let last = view.bhs[1] & 0x80 != 0 && view.bhs[1] & 3 == 3 && status == 0;
        if !last {
            return false;
        }
        self.full_feature = true;
        self.tsih = u16::from_be_bytes([view.bhs[14], view.bhs[15]]);
        let discovery = self.session.discovery;
        self.negotiation.apply(&mut self.session, &mut self.params);
        self.session.discovery = discovery;
        true
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
