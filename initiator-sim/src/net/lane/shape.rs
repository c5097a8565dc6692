//! What becomes of a PDU that a fault concerns? First what the middlebox does to it whole, then what the network does to its
//! bytes.

use super::{Collect, Ending, Item, Lane, LaneContext};
use crate::clock::Nanos;
use crate::fault::{FaultId, Verb};
use crate::middlebox::rewrite;
use crate::net::Dir;
use crate::rng::Site;
use bytes::Bytes;

impl Lane {
    /// A write with something to decide.
    pub(super) fn send_shaped(&mut self, bytes: Bytes, op: u64, cx: &mut LaneContext<'_>) {
        let mut passed = 0; // bytes[passed..at] go through as they are
        let mut at = 0;
        let mut site = self.site_of(op, 0, 0xff);
        while at < bytes.len() && !self.ended {
            if self.boundary.at_start() {
                let next = self.next_site(&bytes[at..], op, cx);
                let (verbs, rule) = self.decide(next, cx);
                if passed == at {
                    site = next;
                }
                if !verbs.is_empty() {
                    self.emit(bytes.slice(passed..at), 0, site, cx);
                    self.collect = Some(Collect { verbs, rule, site: next, bytes: Vec::new() });
                }
            }
            let advance = self.boundary.advance(&bytes[at..]);
            let end = at + advance.taken;
            if let Some(collect) = &mut self.collect {
                collect.bytes.extend_from_slice(&bytes[at..end]);
                passed = end;
                if advance.complete
                    && let Some(collect) = self.collect.take()
                {
                    self.apply(collect, cx);
                }
            } else if advance.complete && (self.swapped.is_some() || self.coalesced.is_some()) {
                self.emit(bytes.slice(passed..end), 0, site, cx);
                passed = end;
                self.pdu_passed(cx);
            }
            at = end;
        }
        if !self.ended {
            self.emit(bytes.slice(passed..at.max(passed)), 0, site, cx);
        }
    }

    /// Where the PDU that begins here is decided upon.
    fn next_site(&mut self, bytes: &[u8], op: u64, cx: &LaneContext<'_>) -> Site {
        let opcode = bytes.first().map_or(0, |byte| byte & 0x3f);
        let op = match (self.dir, bytes.get(16..20)) {
            // The target does not know operations; its PDUs name them by their tag.
            (Dir::In, Some(&[a, b, c, d])) => {
                cx.operations.get(&u32::from_be_bytes([a, b, c, d])).copied().unwrap_or(op)
            }
            _ => op,
        };
        let ordinal = self.ordinals.entry(op).or_default();
        let pdu = *ordinal;
        *ordinal += 1;
        self.chunk = 0;
        self.site_of(op, pdu, u16::from(opcode))
    }

    /// What is to be done to the PDU at `site`: a scripted fault first, else by the plan.
    fn decide(&mut self, site: Site, cx: &mut LaneContext<'_>) -> (Vec<Verb>, Option<FaultId>) {
        let mut hit = None;
        for (at, rule) in self.rules.iter_mut().enumerate() {
            if rule.opcode.is_some_and(|opcode| u16::from(opcode) != site.kind) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if hit.is_none() {
                hit = Some(at);
            }
        }
        if let Some(at) = hit {
            let rule = self.rules.remove(at);
            cx.hits.push(rule.id);
            return (rule.verbs, Some(rule.id));
        }
        if cx.planner.is_active() {
            (cx.planner.pdu(self.dir.domain(), site), None)
        } else {
            (Vec::new(), None)
        }
    }

    /// Does to a whole PDU what was decided.
    fn apply(&mut self, collect: Collect, cx: &mut LaneContext<'_>) {
        let Collect { verbs, rule, site, bytes } = collect;
        let mut bytes = Bytes::from(bytes);
        let mut copies = 1;
        let mut swap = false;
        for verb in &verbs {
            match verb {
                Verb::Drop => copies = 0,
                Verb::Dup => copies += 1,
                Verb::Swap => swap = true,
                Verb::CorruptField { field, value, fix_digest } => {
                    let digests = self.boundary.digests();
                    if let Some(changed) = rewrite::corrupt(&bytes, digests, field, *value, *fix_digest) {
                        bytes = changed;
                    }
                }
                _ => {}
            }
        }
        if copies == 0 {
            cx.lost.push(bytes.clone());
            self.pdu_passed(cx);
            return;
        }
        if swap && self.swapped.is_none() {
            self.swapped = Some((bytes, site));
            return;
        }
        self.shape_bytes(&verbs, rule, bytes.clone(), site, cx);
        for _ in 1..copies {
            self.emit(bytes.clone(), 0, site, cx);
        }
        self.pdu_passed(cx);
    }

    /// Does to a run of bytes what the byte verbs say, in order; each concerns what the last cut left.
    fn shape_bytes(
        &mut self,
        verbs: &[Verb],
        rule: Option<FaultId>,
        bytes: Bytes,
        site: Site,
        cx: &mut LaneContext<'_>,
    ) {
        let mut part = bytes;
        let mut start = 0_usize; // of `part` within the run
        let mut delay: Nanos = 0;
        for verb in verbs {
            match verb {
                Verb::Split(at) => {
                    let at = (*at as usize).saturating_sub(start).min(part.len());
                    if at > 0 {
                        let head = part.split_to(at);
                        start += at;
                        self.emit(head, delay, site, cx);
                    }
                }
                Verb::Delay(time) => delay = delay.saturating_add(*time),
                Verb::Stall(time) => self.pipe.stall(cx.now.saturating_add(*time)),
                Verb::Hold => {
                    if let Some(id) = rule {
                        self.outbox.push_back(Item::Hold(id));
                    }
                }
                Verb::CorruptBit { byte, bit } => {
                    if let Some(at) = (*byte as usize).checked_sub(start).filter(|at| *at < part.len()) {
                        let mut changed = part.to_vec();
                        changed[at] ^= 1 << (bit & 7);
                        part = changed.into();
                    }
                }
                Verb::Coalesce(pdus) => {
                    if self.coalesced.is_none() {
                        self.coalesced = Some((pdus.saturating_add(1), Vec::new(), site));
                    }
                }
                Verb::Reset | Verb::HalfClose | Verb::Close => {
                    let ending = match verb {
                        Verb::Reset => Ending::Reset,
                        Verb::Close => Ending::Close,
                        _ => Ending::HalfClose,
                    };
                    self.flush_kept(cx);
                    cx.ending = Some(ending);
                    if ending == Ending::HalfClose {
                        self.outbox.push_back(Item::Fin);
                        self.ended = true;
                    }
                    // Until the world has ended the connection nothing more may pass.
                    self.pump(cx.now, cx.planner);
                    return;
                }
                Verb::Drop | Verb::Dup | Verb::Swap | Verb::CorruptField { .. } => {}
            }
        }
        if self.coalesced.is_some() || delay == 0 {
            self.emit(part, delay, site, cx);
        } else {
            self.push(part, delay, site, cx);
        }
    }

    /// A PDU has left the middlebox: what waited for it goes now.
    fn pdu_passed(&mut self, cx: &mut LaneContext<'_>) {
        if let Some((bytes, site)) = self.swapped.take() {
            self.emit(bytes, 0, site, cx);
        }
        if let Some((left, _, _)) = &mut self.coalesced {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.flush_coalesced(cx);
            }
        }
    }

    /// Sends what the middlebox keeps: nothing will follow it.
    pub(super) fn flush_kept(&mut self, cx: &mut LaneContext<'_>) {
        if let Some(collect) = self.collect.take() {
            self.emit(collect.bytes.into(), 0, collect.site, cx);
        }
        if let Some((bytes, site)) = self.swapped.take() {
            self.emit(bytes, 0, site, cx);
        }
        self.flush_coalesced(cx);
    }

    fn flush_coalesced(&mut self, cx: &mut LaneContext<'_>) {
        if let Some((_, bytes, site)) = self.coalesced.take() {
            self.push(bytes.into(), 0, site, cx);
        }
    }

    /// Bytes leave the middlebox, unless they are being put together with others.
    pub(super) fn emit(&mut self, bytes: Bytes, delay: Nanos, site: Site, cx: &mut LaneContext<'_>) {
        if cx.ending.is_some() {
            return; // What comes behind the end of the connection is lost.
        }
        if let Some((_, kept, _)) = &mut self.coalesced {
            kept.extend_from_slice(&bytes);
        } else {
            self.push(bytes, delay, site, cx);
        }
    }

    /// Bytes go to the pipe, past the faults that wait for a byte.
    fn push(&mut self, mut bytes: Bytes, delay: Nanos, site: Site, cx: &mut LaneContext<'_>) {
        while !bytes.is_empty() && !self.ended && cx.ending.is_none() {
            let end = self.offset + bytes.len() as u64;
            let next = self.byte_rules.iter().enumerate().min_by_key(|(_, rule)| rule.offset);
            let Some(at) = next.filter(|(_, rule)| rule.offset < end).map(|(at, _)| at) else { break };
            let rule = self.byte_rules.remove(at);
            cx.hits.push(rule.id);
            let before = usize::try_from(rule.offset.saturating_sub(self.offset)).unwrap_or(0);
            let head = bytes.split_to(before.min(bytes.len()));
            self.enqueue(head, delay, site);
            if rule.verbs.is_empty() {
                continue;
            }
            // What follows is the run of bytes the verbs speak of.
            let rest = std::mem::take(&mut bytes);
            self.shape_bytes(&rule.verbs, Some(rule.id), rest, site, cx);
        }
        if cx.ending.is_none() {
            self.enqueue(bytes, delay, site);
        }
    }

    fn enqueue(&mut self, bytes: Bytes, delay: Nanos, site: Site) {
        if bytes.is_empty() || self.ended {
            return;
        }
        self.offset += bytes.len() as u64;
        self.outbox_bytes += bytes.len();
        self.outbox.push_back(Item::Bytes { bytes, delay, site });
    }
}
