//! Which PDU that was received is which one that was sent? In a calm network the streams are the same; a middlebox drops,
//! repeats, swaps and changes.

use super::Shown;
use crate::capture::{Cut, Cutter};
use initiator_sim::clock::Nanos;
use initiator_sim::codec::{Kind, Pdu, text};
use initiator_sim::initiator::cdb;
use initiator_sim::net::Dir;
use initiator_sim::world::tap::Quality;
use initiator_sim::world::{Happened, Moment};
use std::collections::{BTreeMap, VecDeque};

/// So many PDUs can be under way before the oldest one counts as lost.
const UNDER_WAY_MAX: usize = 4096;
/// At most so many bytes of data are shown.
const DATA_SHOWN_MAX: usize = 32;

/// The numbers of the PDUs that passed at the target's socket, in order.
pub(super) type Passed = BTreeMap<(u32, Dir), Vec<usize>>;

/// The PDUs of all connections as arrows, in the order of sending; what was received and never sent stands where it arrived.
pub(super) fn arrows(moments: &[Moment], lane: impl Fn(u32) -> i64) -> (Vec<Shown>, Passed) {
    let mut passed = Passed::new();
    let mut cutters: BTreeMap<(u32, bool), Cutter> = BTreeMap::new();
    let mut under_way: BTreeMap<(u32, Dir), VecDeque<(usize, Cut)>> = BTreeMap::new();
    let mut out: Vec<Shown> = Vec::new();
    for Moment { at, what } in moments {
        let (conn, dir, bytes, sent) = match what {
            Happened::Sent { conn, dir, bytes } => (*conn, *dir, bytes, true),
            Happened::Received { conn, dir, bytes } => (*conn, *dir, bytes, false),
            _ => continue,
        };
        for cut in cutters.entry((conn, sent)).or_default().push(dir, bytes) {
            let queue = under_way.entry((conn, dir)).or_default();
            if sent {
                out.push(arrow(*at, lane(conn), &cut));
                if dir == Dir::In {
                    passed.entry((conn, dir)).or_default().push(out.len());
                }
                queue.push_back((out.len() - 1, cut));
                if queue.len() > UNDER_WAY_MAX {
                    queue.pop_front();
                }
                continue;
            }
            let same = queue.iter().position(|(_, other)| other.raw == cut.raw);
            let like = || queue.iter().position(|(_, other)| is_like(other, &cut));
            let number = if let Some(at_queue) = same {
                let index = queue.remove(at_queue).map_or(0, |(index, _)| index);
                out[index].r = Some(*at);
                index + 1
            } else if let Some((index, _)) = like().and_then(|at_queue| queue.remove(at_queue)) {
                let shown = &mut out[index];
                shown.r = Some(*at);
                shown.c.push_str(" changed");
                shown.w = "changed on the way; as it was received it is below".to_owned();
                shown.f.push(("received".to_owned(), cut.pdu.to_string()));
                index + 1
            } else {
                let mut shown = arrow(*at, lane(conn), &cut);
                shown.r = Some(*at);
                shown.c.push_str(" changed");
                shown.w = "received, but not sent like this: repeated or changed on the way".to_owned();
                out.push(shown);
                out.len()
            };
            if dir == Dir::Out {
                passed.entry((conn, dir)).or_default().push(number);
            }
        }
    }
    for (index, _) in under_way.into_values().flatten() {
        out[index].c.push_str(" lost");
        out[index].w = "never received".to_owned();
    }
    for (index, shown) in out.iter_mut().enumerate() {
        shown.g = Some(index + 1);
    }
    (out, passed)
}

/// The same PDU with something changed.
fn is_like(one: &Cut, other: &Cut) -> bool {
    one.raw.len() == other.raw.len()
        && (one.pdu.itt() == other.pdu.itt() || one.pdu.bhs[0] == other.pdu.bhs[0])
}

fn arrow(at: Nanos, lane: i64, cut: &Cut) -> Shown {
    let mut shown = Shown {
        t: at,
        k: "pdu",
        l: lane,
        d: u8::from(cut.dir == Dir::In),
        n: cut.pdu.kind_name(),
        s: summary(&cut.pdu),
        c: if cut.dir == Dir::In { "in" } else { "out" }.to_owned(),
        f: fields(&cut.pdu),
        ..Shown::default()
    };
    match cut.quality {
        Quality::Good => {}
        Quality::DataDigest => shown.w = "the data digest is wrong".to_owned(),
        Quality::HeaderDigest => shown.w = "the header digest is wrong".to_owned(),
    }
    shown
}

/// What one wants to see of a PDU without asking.
fn summary(pdu: &Pdu) -> String {
    let number = |name: &str| pdu.field(name).unwrap_or(0);
    let tag = || if pdu.itt() == u32::MAX { String::new() } else { format!(" itt={:x}", pdu.itt()) };
    let what = match pdu.kind() {
        Some(Kind::ScsiCommand) => cdb::describe(pdu.bytes("CDB").unwrap_or_default())
            .split(' ')
            .next()
            .unwrap_or_default()
            .to_owned(),
        Some(Kind::ScsiResponse) => format!("status={:#04x}", number("Status")),
        Some(Kind::DataIn | Kind::DataOut) => format!("+{} {} B", number("BufferOffset"), pdu.data.len()),
        Some(Kind::R2T) => format!("+{} {} B", number("BufferOffset"), number("DesiredLen")),
        Some(Kind::LoginRequest | Kind::LoginResponse) => {
            format!("stage {} to {}", number("CSG"), number("NSG"))
        }
        Some(Kind::Reject) => format!("reason={:#04x}", number("Reason")),
        _ => String::new(),
    };
    format!("{what}{}", tag()).trim().to_owned()
}

fn fields(pdu: &Pdu) -> Vec<(String, String)> {
    let mut list: Vec<(String, String)> = Vec::new();
    let flags: Vec<&str> = pdu
        .fields()
        .iter()
        .filter(|field| field.is_flag() && field.value(&pdu.bhs) == Some(1))
        .map(|x| x.name)
        .collect();
    list.push(("flags".to_owned(), flags.join(" ")));
    for field in pdu.fields().iter().filter(|field| !field.is_flag()) {
        let value = match field.value(&pdu.bhs) {
            Some(value) if field.name.ends_with("SN") || value < 10 => value.to_string(),
            Some(value) => format!("{value} ({value:#x})"),
            None => {
                let bytes = field.slice(&pdu.bhs).unwrap_or_default();
                if field.name == "CDB" {
                    format!("{} ({})", cdb::describe(bytes), hex(bytes))
                } else {
                    hex(bytes)
                }
            }
        };
        list.push((field.name.to_owned(), value));
    }
    if !pdu.ahs.is_empty() {
        list.push(("AHS".to_owned(), hex(&pdu.ahs)));
    }
    if matches!(
        pdu.kind(),
        Some(Kind::LoginRequest | Kind::LoginResponse | Kind::TextRequest | Kind::TextResponse)
    ) {
        list.extend(text::pairs(&pdu.data).0);
    } else if !pdu.data.is_empty() {
        let shown = pdu.data.get(..DATA_SHOWN_MAX).unwrap_or(&pdu.data);
        let more = if shown.len() < pdu.data.len() { " ..." } else { "" };
        list.push(("data".to_owned(), format!("{}{more}", hex(shown))));
    }
    list
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}
