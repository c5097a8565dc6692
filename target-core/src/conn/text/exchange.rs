//! The exchange of one connection, request by request (RFC 7143 6.4, 11.10, 11.11).

use super::send_targets::{self, Records};
use super::{Changed, TextEnv, TextFault, TextReply, TextStep};
use crate::conn::login::access::Access;
use crate::conn::negotiate::KeyFault;
use crate::conn::negotiate::answer::{self, NOT_UNDERSTOOD, REJECT};
use crate::conn::negotiate::collect::{Collector, Overrun};
use crate::conn::negotiate::keys::{Key, Rule, Use};
use crate::conn::negotiate::outbox::Outbox;
use crate::conn::negotiate::segment::{Pair, Seen};
use crate::session::params::SessionKind;
use crate::wire::text::TextWriter;
use crate::wire::{Lun, RESERVED_TAG, TextRequest};
use alloc::vec::Vec;
use bytes::Bytes;

/// Text in full feature phase. Only a completed login can make one.
#[derive(Debug)]
pub(crate) struct TextExchange {
    access: Access,
    open: Option<Open>,
    next_ttt: u32,
}

/// An exchange under way.
#[derive(Debug)]
struct Open {
    itt: u32,
    ttt: u32,
    lun: Lun,
    immediate: bool,
    collector: Collector,
    seen: Seen,
    outbox: Outbox,
    changed: Changed,
    /// A segment was answered, so the exchange is what it is: SendTargets or a negotiation.
    begun: bool,
}

impl TextExchange {
    /// For the connection that completed this login.
    pub(crate) fn new(access: Access) -> Self {
        Self { access, open: None, next_ttt: 0 }
    }

    /// Takes one Text Request with its data segment.
    pub(crate) fn receive(&mut self, env: &TextEnv<'_>, request: &TextRequest, data: &Bytes) -> TextStep {
        // Taken out: unless it is put back, the exchange is over.
        match self.find(request).and_then(|open| advance(&self.access, open, env, request, data)) {
            Ok((open, reply)) => {
                self.open = open;
                TextStep::Reply(reply)
            }
            // rfc7143/7.12-2.
            Err(fault) => TextStep::Reject(fault),
        }
    }

    /// Whether an exchange with that Initiator Task Tag is under way.
    pub(crate) fn is_about(&self, itt: u32) -> bool {
        self.open.as_ref().is_some_and(|open| open.itt == itt)
    }

    /// The exchange under way is over; nothing of it takes effect.
    pub(crate) fn abort(&mut self) {
        self.open = None;
    }

    /// The exchange that the request starts or goes on with.
    fn find(&mut self, request: &TextRequest) -> Result<Open, TextFault> {
        // rfc7143/6.2-5.
        let open = self.open.take();
        if request.final_bit && request.continue_bit {
            // rfc7143/6.2-1.
            return Err(TextFault::FinalWithContinue);
        }
        if request.ttt == RESERVED_TAG {
            let ttt = self.next_ttt;
            let next = ttt.wrapping_add(1);
            self.next_ttt = if next == RESERVED_TAG { 0 } else { next };
            return Ok(Open {
                itt: request.itt,
                ttt,
                lun: request.lun,
                immediate: request.immediate,
                collector: Collector::default(),
                seen: Seen::default(),
                outbox: Outbox::default(),
                changed: Changed::default(),
                begun: false,
            });
        }
        let open = open.filter(|open| open.ttt == request.ttt).ok_or(TextFault::WrongTag)?;
        if open.itt != request.itt && !planted!(TextWrongTask) {
            return Err(TextFault::WrongTask);
        }
        if open.lun != request.lun {
            return Err(TextFault::WrongLun);
        }
        if open.immediate == request.immediate { Ok(open) } else { Err(TextFault::ImmediateChanged) }
    }
}

fn advance(
    access: &Access,
    mut open: Open,
    env: &TextEnv<'_>,
    request: &TextRequest,
    data: &Bytes,
) -> Result<(Option<Open>, TextReply), TextFault> {
    if !open.outbox.is_empty() {
        // The rest of an answer is asked for with an empty request (RFC 7143 6.2). Its rounds are bounded by its length.
        if !data.is_empty() || request.continue_bit {
            return Err(TextFault::TextDuringContinuation);
        }
        return Ok(reply(open, env, request));
    }
    let limits = &env.config.limits;
    open.collector.round(limits)?;
    open.collector.count(limits, data)?;
    if request.continue_bit {
        open.collector.hold(data);
        let ttt = open.ttt;
        // rfc7143/6.2-2.
        let empty = TextReply {
            final_bit: false,
            continue_bit: false,
            ttt,
            text: Bytes::new(),
            changed: Changed::default(),
        };
        return Ok((Some(open), empty));
    }
    let segment = open.collector.complete(data);
    let pairs = open.seen.read(&segment, limits.text_keys)?;
    let text = judge(access, &mut open, env, &pairs)?;
    if text.len() > limits.text_answer_bytes as usize {
        return Err(TextFault::TooMuch);
    }
    open.begun = true;
    open.outbox = Outbox::new(text.into_bytes().into());
    Ok(reply(open, env, request))
}

/// The next piece; with the last one the exchange ends if the initiator is done too.
fn reply(mut open: Open, env: &TextEnv<'_>, request: &TextRequest) -> (Option<Open>, TextReply) {
    let text = open.outbox.take(env.max_send_segment);
    let continue_bit = !open.outbox.is_empty();
    // rfc7143/6.4-3, rfc7143/6.4-6, rfc7143/6.4-7, rfc7143/11.11.1-1, rfc7143/11.11.1-2, rfc7143/11.11.2-1,
    // rfc7143/11.11.4-2.
    if !continue_bit && request.final_bit {
        // rfc7143/6.2-19.
        let changed = open.changed;
        return (None, TextReply { final_bit: true, continue_bit, ttt: RESERVED_TAG, text, changed });
    }
    let ttt = open.ttt;
    // rfc7143/6.4-8, rfc7143/11.10.4-1, rfc7143/11.11.1-3, rfc7143/11.11.4-1.
    (Some(open), TextReply { final_bit: false, continue_bit, ttt, text, changed: Changed::default() })
}

/// Judges the keys of one complete segment and words the answer.
fn judge(
    access: &Access,
    open: &mut Open,
    env: &TextEnv<'_>,
    pairs: &[Pair<'_>],
) -> Result<TextWriter, TextFault> {
    let is_ask = |pair: &&Pair<'_>| pair.row.is_some_and(|row| row.key == Key::SendTargets);
    if let Some(ask) = pairs.iter().find(is_ask) {
        // One key in a request of its own (RFC 7143 appendix C).
        if pairs.len() != 1 || open.begun {
            return Err(TextFault::NotAlone);
        }
        // In sessions of both kinds, at every portal (rfc7143/C-2, rfc7143/C-4).
        return send_targets(access, env, ask.value);
    }
    // After its SendTargets was answered, an exchange without F still needs an empty request to end.
    if access.kind() == SessionKind::Discovery && !(open.begun && pairs.is_empty()) {
        // rfc7143/4.2.9.1-1.
        return Err(TextFault::NotDiscovery);
    }
    let mut said = Vec::new();
    for pair in pairs {
        if let Some(value) = negotiate(pair, &mut open.changed)? {
            said.push((pair.place, pair.name, value));
        }
    }
    said.sort_unstable();
    let mut text = TextWriter::new();
    for (_, name, value) in said {
        text.pair(name, value);
    }
    // What the operator changed since the login is declared where the initiator asks for nothing of its own; event 4
    // brought it here (RFC 7143 11.9.1, 13.12).
    let length = env.config.offer.max_recv_data_segment_length;
    if access.kind() == SessionKind::Normal
        && length != env.max_recv_segment
        && open.changed.max_recv_segment.is_none()
    {
        text.number("MaxRecvDataSegmentLength", length.into());
        open.changed.max_recv_segment = Some(length);
    }
    Ok(text)
}

fn send_targets(access: &Access, env: &TextEnv<'_>, value: &str) -> Result<TextWriter, TextFault> {
    let mut text = TextWriter::new();
    match send_targets::records(access, env, value) {
        Records::Of(targets) => send_targets::write(env, targets, &mut text)?,
        Records::Reject => {
            text.pair("SendTargets", REJECT);
        }
    }
    Ok(text)
}

/// The answer to one key of a normal session in full feature phase.
fn negotiate(pair: &Pair<'_>, changed: &mut Changed) -> Result<Option<&'static str>, TextFault> {
    // rfc7143/6.2-8.
    let Some(row) = pair.row else { return Ok(Some(NOT_UNDERSTOOD)) };
    if !row.initiator {
        return Err(TextFault::KeyNotYours);
    }
    match (row.when, row.rule) {
        (Use::All, Rule::DeclaredNumber(low, high)) => {
            changed.max_send_segment = Some(answer::declared_number(pair.value, low, high)?);
            Ok(None)
        }
        (Use::All, Rule::Declared) => {
            answer::declared_text(pair.value).map(|_| None).map_err(TextFault::from)
        }
        // rfc7143/13.26.2-1, rfc7143/13.26.2-2.
        (_, Rule::Ignored) => Ok(None),
        (_, Rule::Own) => Err(TextFault::KeyLoginOnly),
        // Settled during login; the values stay what they are.
        (Use::Login | Use::Leading | Use::All | Use::FullFeature, _) => Ok(Some(REJECT)),
    }
}

impl From<KeyFault> for TextFault {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Malformed => Self::MalformedText,
            KeyFault::Twice => Self::KeyTwice,
            KeyFault::ReservedValue => Self::KeyReservedValue,
            KeyFault::TooMany => Self::TooMuch,
            KeyFault::Declared => Self::DeclaredValue,
        }
    }
}

impl From<Overrun> for TextFault {
    fn from(_: Overrun) -> Self {
        Self::TooMuch
    }
}
