//! RECEIVE COPY RESULTS and its kin, RECEIVE ROD TOKEN INFORMATION (SPC-4 6.23 to 6.29)

use super::lists::{End, ListKey, Record};
use super::{BLOCK_TO_BLOCK, CSCDS_MAX, DESCRIPTORS_LEN_MAX, IDENTIFICATION, LISTS_MAX, SEGMENTS_MAX};
use crate::scsi::cdb::Cdb;
use crate::scsi::next::{Context, Handled, Next};
use crate::scsi::outcome::Failure;
use crate::scsi::sense::Sense;
use alloc::vec::Vec;

/// COPY OPERATION STATUS of LID1.
const IN_PROGRESS: u8 = 0;
const WELL: u8 = 1;
const WITH_ERRORS: u8 = 2;
/// Of LID4, beside the two that are the same: in progress in the foreground; terminated.
const IN_FOREGROUND: u8 = 0x11;
const TERMINATED: u8 = 0x60;
/// TRANSFER COUNT UNITS: bytes; blocks.
const BYTES: u8 = 0x00;
const BLOCKS: u8 = 0xf1;

fn short_record<'a>(context: &'a mut Context<'_>, cdb: Cdb<'_>) -> Result<&'a mut Record, Failure> {
    let key = ListKey { nexus: context.nexus, id: u32::from(cdb.byte(2)), short: true };
    context.server.lists.find(key).ok_or_else(|| Cdb::reject(2, None))
}

fn long_record<'a>(context: &'a mut Context<'_>, cdb: Cdb<'_>) -> Result<&'a mut Record, Failure> {
    let key = ListKey { nexus: context.nexus, id: cdb.be32(2), short: false };
    context.server.lists.find(key).ok_or_else(|| Cdb::reject(2, None))
}

/// With the AVAILABLE DATA field before it.
fn available(body: Vec<u8>, cdb: Cdb<'_>) -> Next {
    let mut data = Vec::from(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    data.extend(body);
    Next::data(data, cdb.be32(10))
}

/// RECEIVE COPY STATUS(LID1).
pub(in crate::scsi) fn status_lid1(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let record = short_record(context, cdb)?;
    let status = match record.end {
        End::Well => WELL,
        End::UnderWay(_) if record.is_under_way() => IN_PROGRESS,
        End::UnderWay(_) | End::Failed(_) => WITH_ERRORS,
    };
    let mut body = Vec::from([status]);
    body.extend(record.segments.to_be_bytes());
    body.push(BYTES);
    body.extend(u32::try_from(record.bytes).unwrap_or(u32::MAX).to_be_bytes());
    Ok(available(body, cdb))
}

/// RECEIVE COPY DATA(LID1): nothing is held.
pub(in crate::scsi) fn data_lid1(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    short_record(context, cdb)?;
    Ok(available(Vec::new(), cdb))
}

/// RECEIVE COPY FAILURE DETAILS(LID1): nothing, unless it failed.
pub(in crate::scsi) fn details_lid1(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let record = short_record(context, cdb)?;
    let End::Failed(sense) = record.end else { return Ok(available(Vec::new(), cdb)) };
    let sense = sense.bytes();
    let mut body = Vec::from([0; 52]);
    body.extend([crate::scsi::status::CHECK_CONDITION, 0]);
    body.extend(u16::try_from(sense.len()).unwrap_or(u16::MAX).to_be_bytes());
    body.extend(sense.iter());
    Ok(available(body, cdb))
}

/// RECEIVE COPY OPERATING PARAMETERS: SNLID, no inline or held data, blocks of any length.
pub(in crate::scsi) fn operating_parameters(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let transfer_bytes = context.server.transfer_bytes;
    let granularity = context.unit()?.block_size().trailing_zeros();
    let mut body = Vec::from([0x01, 0, 0, 0]);
    body.extend(CSCDS_MAX.to_be_bytes());
    body.extend(SEGMENTS_MAX.to_be_bytes());
    body.extend(DESCRIPTORS_LEN_MAX.to_be_bytes());
    body.extend(transfer_bytes.to_be_bytes());
    body.resize(30, 0);
    body.extend(u16::from(LISTS_MAX).to_be_bytes());
    body.extend([LISTS_MAX, u8::try_from(granularity).unwrap_or(0), 0, 0, 0, 0, 0]);
    body.extend([2, BLOCK_TO_BLOCK, IDENTIFICATION]);
    Ok(available(body, cdb))
}

/// What RECEIVE COPY STATUS(LID4) and RECEIVE ROD TOKEN INFORMATION have in common.
fn long_status(record: &Record) -> Vec<u8> {
    let failure = match record.end {
        End::Failed(sense) => sense,
        End::UnderWay(_) | End::Well => Sense::NONE,
    };
    let status = match record.end {
        End::Well => WELL,
        End::UnderWay(_) if record.is_under_way() => IN_FOREGROUND,
        End::UnderWay(_) => TERMINATED,
        End::Failed(_) => WITH_ERRORS,
    };
    let sense = failure.bytes();
    let length = u8::try_from(sense.len()).unwrap_or(u8::MAX);
    let ended = if failure.is_none() { 0 } else { crate::scsi::status::CHECK_CONDITION };
    let (units, count) = if record.action == 0x01 { (BYTES, record.bytes) } else { (BLOCKS, record.blocks) };
    let mut body = Vec::from([record.action, status, 0, 0, 0, 0, 0, 0, ended, length, length, units]);
    body.extend(count.to_be_bytes());
    body.extend(record.segments.to_be_bytes());
    body.extend([0; 6]);
    body.extend(sense.iter());
    body
}

/// RECEIVE COPY STATUS(LID4).
pub(in crate::scsi) fn status_lid4(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let body = long_status(long_record(context, cdb)?);
    Ok(available(body, cdb))
}

/// RECEIVE ROD TOKEN INFORMATION: the same, and the token that was made.
pub(in crate::scsi) fn token_information(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let record = long_record(context, cdb)?;
    let mut body = long_status(record);
    let mut descriptor = Vec::new();
    if let Some(token) = &record.token {
        descriptor.extend([0, 0]);
        descriptor.extend(token);
    }
    body.extend(u32::try_from(descriptor.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend(descriptor);
    Ok(available(body, cdb))
}
