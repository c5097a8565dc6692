//! Who are you? INQUIRY, standard data (SPC-4 6.6)

use super::cdb::Cdb;
use super::next::{Context, Handled, Next};
use super::server::DEFAULT_PROTOCOL_LEVEL;
use super::unit::LogicalUnit;
use super::vpd;
use alloc::vec::Vec;

/// Peripheral qualifier 3, device type 1Fh: no logical unit has this number.
pub(super) const NO_DEVICE: u8 = 0x7f;
/// Peripheral qualifier 0, device type 0: a direct-access block device.
pub(super) const BLOCK_DEVICE: u8 = 0x00;

/// Length of the standard data: up to the last version descriptor.
const STANDARD_LEN: usize = 74;
/// SPC-4.
const VERSION: u8 = 0x06;
/// NORMACA (a CDB may ask for an ACA condition), HISUP and RESPONSE DATA FORMAT 2.
const NORMACA_HISUP_FORMAT: u8 = 0x32;
/// The medium can be taken out.
const RMB: u8 = 0x80;
/// TPGS, access states are changed by commands and by the operator; 3PC, third-party copies.
const TPGS_3PC: u8 = 0x38;
/// MULTIP: there may be several target ports (portal groups).
const MULTIP: u8 = 0x10;
/// CMDQUE: the SAM-5 command management model.
const CMDQUE: u8 = 0x02;
/// Without claiming a version: SAM-5, SPC-4, SBC-3 (SPC-4 6.6.2, table of version descriptors).
const SAM: u16 = 0x00a0;
const SPC: u16 = 0x0460;
const SBC: u16 = 0x04c0;
/// iSCSI, to which the negotiated iSCSIProtocolLevel is added (rfc7144/4.2-1).
const ISCSI: u16 = 0x0960;

pub(super) fn inquiry(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (page, allocation) = (cdb.byte(2), u32::from(cdb.be16(3)));
    if cdb.bit(1, 0) {
        return Ok(Next::data(vpd::page(context, page)?, allocation));
    }
    if page != 0 {
        return Err(Cdb::reject(2, None));
    }
    let level = context.ports().map_or(DEFAULT_PROTOCOL_LEVEL, |nexus| nexus.protocol_level);
    Ok(Next::data(standard(context.unit().ok(), level), allocation))
}

fn standard(unit: Option<&mut LogicalUnit>, protocol_level: u8) -> Vec<u8> {
    let mut data = Vec::with_capacity(STANDARD_LEN);
    let length = u8::try_from(STANDARD_LEN - 5).unwrap_or(u8::MAX);
    let kind = if unit.is_some() { BLOCK_DEVICE } else { NO_DEVICE };
    let removable = unit.as_ref().is_some_and(|unit| unit.config.policy.removable);
    data.extend([
        kind,
        if removable { RMB } else { 0 },
        VERSION,
        NORMACA_HISUP_FORMAT,
        length,
        TPGS_3PC,
        MULTIP,
        CMDQUE,
    ]);
    let (vendor, product, revision) = unit.map_or(("", "", ""), |unit| {
        let config = &unit.config;
        (config.vendor.as_str(), config.product.as_str(), config.revision.as_str())
    });
    ascii_field(&mut data, vendor, 8);
    ascii_field(&mut data, product, 16);
    ascii_field(&mut data, revision, 4);
    data.resize(58, 0);
    let versions = [SAM, ISCSI + u16::from(protocol_level), SPC, SBC];
    data.extend(versions.iter().flat_map(|descriptor| descriptor.to_be_bytes()));
    data.resize(STANDARD_LEN, 0);
    data
}

/// Left-aligned, padded with blanks, cut at `width` (SPC-4 4.3.1); what is not printable ASCII becomes a question mark.
pub(super) fn ascii_field(data: &mut Vec<u8>, text: &str, width: usize) {
    let printable = |byte: u8| if matches!(byte, 0x20..=0x7e) { byte } else { b'?' };
    data.extend(text.bytes().map(printable).chain(core::iter::repeat(b' ')).take(width));
}
