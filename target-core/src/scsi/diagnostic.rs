//! Are you well? SEND DIAGNOSTIC, RECEIVE DIAGNOSTIC RESULTS (SPC-4 6.42, 6.32)
//!
//! The self-test reads the first blocks of the medium; log page 10h keeps its results. Background tests are refused, and so is the extended one: there is
//! nothing more to it than VERIFY of the whole medium, which an initiator can have.

use super::cdb::Cdb;
use super::next::{AfterIo, Context, Handled, Next, WithData};
use super::self_test;
use super::sense::{Sense, code};
use crate::io::{IoOp, SgList};
use crate::time::Instant;
use alloc::vec::Vec;

/// Length of the only page there is, 00h, as SEND DIAGNOSTIC has it.
const PAGE_LEN: u32 = 4;
/// Code of the foreground short self-test.
const SHORT: u8 = 5;

pub(super) fn send(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (code, page_format, default_test) = (cdb.byte(1) >> 5, cdb.bit(1, 4), cdb.bit(1, 2));
    let len = u32::from(cdb.be16(3));
    match (default_test, code) {
        (true, 0) | (false, SHORT) if len == 0 => self_test(context, code),
        (true, 0) | (false, SHORT) => Err(Cdb::reject(3, None)),
        (false, 0) if len == 0 => Ok(Next::GOOD),
        (false, 0) if !page_format => Err(Cdb::reject(1, Some(4))),
        (false, 0) if len != PAGE_LEN => Err(code::PARAMETER_LIST_LENGTH.into()),
        (false, 0) => Ok(Next::DataOut { len, then: WithData::Diagnostic }),
        _ => Err(Cdb::reject(1, Some(7))),
    }
}

fn self_test(context: &mut Context<'_>, code: u8) -> Handled {
    let transfer_bytes = context.server.transfer_bytes;
    let unit = context.unit()?;
    let most = unit.transfer_blocks_max(transfer_bytes);
    let blocks = u32::try_from(unit.config.blocks).unwrap_or(u32::MAX).min(most);
    Ok(Next::Io { op: IoOp::Verify { lba: 0, blocks }, then: AfterIo::SelfTest { code } })
}

/// A self-test has ended. That it failed is what the status says (SPC-4 5.15.2.3: HARDWARE ERROR).
pub(super) fn self_test_done(context: &mut Context<'_>, code: u8, failure: Option<Sense>) -> Handled {
    let hours = context.server.now.since(Instant::ZERO).as_secs().wrapping_div(3600);
    self_test::note(&mut context.unit()?.self_tests, code, hours, failure);
    match failure {
        None => Ok(Next::GOOD),
        Some(_) => Err(code::SELF_TEST_FAILED.into()),
    }
}

/// Page 00h asks for the list of pages, which RECEIVE DIAGNOSTIC RESULTS has anyway.
pub(super) fn with_data(data: &SgList) -> Handled {
    let page = data.to_bytes();
    if u32::try_from(page.len()).ok() != Some(PAGE_LEN) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    match page.iter().position(|byte| *byte != 0) {
        None => Ok(Next::GOOD),
        Some(at) => Err(Sense::parameter_field(u16::try_from(at).unwrap_or(0), None).into()),
    }
}

/// The list of pages: 00h.
pub(super) fn receive(_: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    if cdb.byte(2) != 0 {
        return Err(Cdb::reject(2, None));
    }
    Ok(Next::data(Vec::from([0, 0, 0, 1, 0]), u32::from(cdb.be16(3))))
}
