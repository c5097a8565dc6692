//! What has happened so far? LOG SENSE, LOG SELECT (SPC-4 6.7, 6.8, 7.3)
//!
//! The pages count what storage did since the unit came or was told to forget; nothing is saved, nothing has a threshold that
//! could be set. Pages whose numbers would have to be invented (temperature, background scans) are not there.

use super::attention::Attention;
use super::cdb::Cdb;
use super::counters::{Counter, Counters};
use super::exceptions;
use super::next::{Context, Handled, Next};
use super::self_test;
use super::unit::LogicalUnit;
use alloc::vec::Vec;

/// Pages: the list of pages, the error counters of writing, reading and verifying, other errors, start-stop cycles, self-test
/// results, statistics, informational exceptions.
const PAGES: [u8; 9] = [0x00, 0x02, 0x03, 0x05, 0x06, 0x0e, 0x10, 0x19, 0x2f];
/// SUBPAGE CODE of the list of pages and subpages.
const ALL_SUBPAGES: u8 = 0xff;
/// SPF, in the page code byte of an answer.
const SPF: u8 = 0x40;
/// PC: current cumulative values.
const CUMULATIVE: u8 = 1;
/// Parameter control byte: a bounded data counter, not saved (DS is 1 for it); a binary list parameter.
const COUNTER: u8 = 0x42;
pub(super) const BINARY_LIST: u8 = 0x43;
/// MOST RECENT TEMPERATURE READING: not available.
const NO_TEMPERATURE: u8 = 0xff;

/// Parameters of a page: code, control byte, value.
pub(super) type Parameters = Vec<(u16, u8, Vec<u8>)>;

pub(super) fn sense(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    if cdb.byte(2) >> 6 != CUMULATIVE {
        return Err(Cdb::reject(2, Some(7)));
    }
    let (page, subpage) = (cdb.byte(2) & 0x3f, cdb.byte(3));
    let unit = context.unit()?;
    let parameters = match (page, subpage) {
        (0x00, 0 | ALL_SUBPAGES) => Vec::new(),
        (0x02, 0) => counter(unit.counters.write),
        (0x03, 0) => counter(unit.counters.read),
        (0x05, 0) => counter(unit.counters.verify),
        (0x06, 0) => Vec::from([(0_u16, COUNTER, Vec::from(unit.counters.other.to_be_bytes()))]),
        (0x0e, 0) => start_stop(unit),
        (0x10, 0) => self_test::results(&unit.self_tests),
        (0x19, 0) => statistics(unit),
        (0x2f, 0) => informational(unit),
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
fn counter(counter: Counter) -> Parameters {
    [(3_u16, 0), (5, counter.bytes), (6, counter.uncorrected)]
        .into_iter()
        .map(|(code, value): (u16, u64)| (code, COUNTER, Vec::from(value.to_be_bytes())))
        .collect()
}

/// Start-stop cycle counter (SPC-4 7.3.22): accumulated cycles, and loads where the medium can be taken out. What a maker
/// would have specified is left out.
fn start_stop(unit: &LogicalUnit) -> Parameters {
    Vec::from([(4, BINARY_LIST, Vec::from(unit.counters.starts.to_be_bytes()))])
}

/// General statistics and performance (SPC-4 7.3.8): commands, blocks, and the milliseconds that they took. Every command
/// weighs the same.
fn statistics(unit: &LogicalUnit) -> Parameters {
    let Counters { write, read, .. } = unit.counters;
    let block_size = u64::from(unit.block_size());
    let values = [
        read.commands,
        write.commands,
        write.bytes.checked_div(block_size).unwrap_or(0),
        read.bytes.checked_div(block_size).unwrap_or(0),
        read.millis(),
        write.millis(),
        read.commands.saturating_add(write.commands),
        read.millis().saturating_add(write.millis()),
    ];
    // EXPONENT 3, INTEGER 1: an interval is a millisecond.
    let interval = [0, 0, 0, 3, 0, 0, 0, 1];
    Vec::from([
        (1, BINARY_LIST, values.iter().flat_map(|value: &u64| value.to_be_bytes()).collect()),
        (3, BINARY_LIST, Vec::from(interval)),
    ])
}

/// Informational exceptions (SPC-4 7.3.10).
fn informational(unit: &LogicalUnit) -> Parameters {
    let (asc, ascq) = exceptions::exception(unit).map_or((0, 0), |attention| {
        let code = attention.code();
        (code.asc, code.ascq)
    });
    Vec::from([(0, BINARY_LIST, Vec::from([asc, ascq, NO_TEMPERATURE, 0]))])
}

/// PCR without a list takes the counters back to zero. Lists are refused: there is no parameter that can be set.
pub(super) fn select(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (nexus, limit) = (context.nexus, context.server.attentions_max);
    if cdb.be16(7) != 0 {
        return Err(Cdb::reject(7, None));
    }
    let unit = context.unit()?;
    if cdb.bit(1, 1) {
        unit.counters.forget();
        unit.self_tests.clear();
        unit.attention(Attention::LogChanged, Some(nexus), limit);
    }
    Ok(Next::GOOD)
}
