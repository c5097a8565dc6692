//! What has happened so far? LOG SENSE, LOG SELECT (SPC-4 6.7, 6.8, 7.3)
//!
//! The error counter pages count what storage did since the unit came or was told to forget; nothing is saved, nothing has
//! a threshold. Informational exceptions: there are none.

use super::attention::Attention;
use super::cdb::Cdb;
use super::next::{Context, Handled, Next};
use crate::io::{IoError, IoOp};
use alloc::vec::Vec;

/// Pages: the list of pages, the three error counters, informational exceptions.
const PAGES: [u8; 5] = [0x00, 0x02, 0x03, 0x05, 0x2f];
/// SUBPAGE CODE of the list of pages and subpages.
const ALL_SUBPAGES: u8 = 0xff;
/// SPF, in the page code byte of an answer.
const SPF: u8 = 0x40;
/// PC: current cumulative values.
const CUMULATIVE: u8 = 1;
/// Parameter control byte: a bounded data counter, not saved (DS is 1 for it); a binary list parameter.
const COUNTER: u8 = 0x42;
const BINARY_LIST: u8 = 0x43;
/// MOST RECENT TEMPERATURE READING: not available.
const NO_TEMPERATURE: u8 = 0xff;

/// What one kind of operation came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter {
    bytes: u64,
    uncorrected: u64,
}

/// The error counters of a logical unit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counters {
    write: Counter,
    read: Counter,
    verify: Counter,
}

/// An operation that will be counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    Write(u64),
    Read(u64),
    Verify(u64),
}

impl Counted {
    /// What an operation counts as; `block_size` in bytes.
    pub(super) fn of(op: &IoOp, block_size: u32) -> Option<Self> {
        let bytes = |blocks: u32| u64::from(blocks).saturating_mul(u64::from(block_size));
        match op {
            IoOp::Read { blocks, .. } => Some(Self::Read(bytes(*blocks))),
            IoOp::Verify { blocks, .. } => Some(Self::Verify(bytes(*blocks))),
            IoOp::Write { data, .. } => Some(Self::Write(u64::try_from(data.len()).unwrap_or(0))),
            IoOp::Flush => None,
        }
    }
}

impl Counters {
    /// An operation completed.
    pub(super) fn note(&mut self, what: Counted, failed: Option<IoError>) {
        let (counter, bytes) = match what {
            Counted::Write(bytes) => (&mut self.write, bytes),
            Counted::Read(bytes) => (&mut self.read, bytes),
            Counted::Verify(bytes) => (&mut self.verify, bytes),
        };
        match failed {
            None => counter.bytes = counter.bytes.saturating_add(bytes),
            Some(IoError::Read { .. } | IoError::Write { .. }) => {
                counter.uncorrected = counter.uncorrected.saturating_add(1);
            }
            Some(_) => {}
        }
    }
}

pub(super) fn sense(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    if cdb.byte(2) >> 6 != CUMULATIVE {
        return Err(Cdb::reject(2, Some(7)));
    }
    let (page, subpage) = (cdb.byte(2) & 0x3f, cdb.byte(3));
    let counters = context.unit()?.counters;
    let parameters = match (page, subpage) {
        (0x00, 0 | ALL_SUBPAGES) => Vec::new(),
        (0x02, 0) => counter(counters.write),
        (0x03, 0) => counter(counters.read),
        (0x05, 0) => counter(counters.verify),
        (0x2f, 0) => Vec::from([(0_u16, BINARY_LIST, Vec::from([0, 0, NO_TEMPERATURE, 0]))]),
        (page, 0) if !PAGES.contains(&page) => return Err(Cdb::reject(2, Some(5))),
        _ => return Err(Cdb::reject(3, None)),
    };
    let first = cdb.be16(5);
    let last = parameters.iter().map(|(code, ..)| *code).max().unwrap_or(0);
    if first > last {
        return Err(Cdb::reject(5, None));
    }
    let mut body = Vec::new();
    match (page, subpage) {
        (0x00, 0) => body.extend(PAGES),
        (0x00, _) => body.extend(PAGES.iter().flat_map(|page| [*page, 0]).chain([0x00, ALL_SUBPAGES])),
        _ => {}
    }
    for (code, control, value) in parameters.iter().filter(|(code, ..)| *code >= first) {
        body.extend(code.to_be_bytes());
        body.extend([*control, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
        body.extend(value);
    }
    let [high, low] = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    let head = if subpage == 0 { page } else { page | SPF };
    let mut data = Vec::from([head, subpage, high, low]);
    data.extend(body);
    Ok(Next::data(data, u32::from(cdb.be16(7))))
}

/// Total errors corrected (0003h: storage corrects none that it tells of), bytes processed, uncorrected errors.
fn counter(counter: Counter) -> Vec<(u16, u8, Vec<u8>)> {
    [(3_u16, 0), (5, counter.bytes), (6, counter.uncorrected)]
        .into_iter()
        .map(|(code, value): (u16, u64)| (code, COUNTER, Vec::from(value.to_be_bytes())))
        .collect()
}

/// PCR without a list takes the counters back to zero. Lists are refused: there is no parameter that can be set.
pub(super) fn select(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (nexus, limit) = (context.nexus, context.server.attentions_max);
    if cdb.be16(7) != 0 {
        return Err(Cdb::reject(7, None));
    }
    let unit = context.unit()?;
    if cdb.bit(1, 1) {
        unit.counters = Counters::default();
        unit.attention(Attention::LogChanged, Some(nexus), limit);
    }
    Ok(Next::GOOD)
}
