//! What else is to be known of you? INQUIRY, vital product data (SPC-4 7.8, SBC-3 6.5)

use super::cdb::Cdb;
use super::copy;
use super::inquiry::{BLOCK_DEVICE, NO_DEVICE, ascii_field};
use super::limits;
use super::next::Context;
use super::outcome::Failure;
use super::sense::SenseBytes;
use super::server::Nexus;
use super::unit::LogicalUnit;
use alloc::format;
use alloc::vec::Vec;
use sha2::{Digest, Sha256};

/// The pages there are, in ascending order as page 00h must list them.
const PAGES: [u8; 11] = [0x00, 0x80, 0x83, 0x86, 0x87, 0x88, 0x8a, 0x8f, 0xb0, 0xb1, 0xb2];

/// Mode page policy (SPC-4 7.8.11): all pages and subpages are shared by all ports.
const MODE_PAGE_POLICY: [u8; 4] = [0x3f, 0xff, 0x00, 0];
/// Power condition (SPC-4 7.8.12): STANDBY_Y and STANDBY_Z, IDLE_A to IDLE_C; each is left at once.
const POWER_CONDITIONS: [u8; 14] = [0x03, 0x07, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Designator code sets and types (SPC-4 7.8.6.1).
const BINARY: u8 = 1;
const ASCII: u8 = 2;
const UTF8: u8 = 3;
/// Protocol identifier iSCSI, to be reported where PIV is set.
const ISCSI: u8 = 0x50;
/// PIV and association: with the logical unit, its target port, its target device.
const OF_UNIT: u8 = 0x00;
const OF_PORT: u8 = 0x90;
const OF_TARGET: u8 = 0xa0;

/// A whole page. Where there is no logical unit, page 00h says that there are no others.
pub(super) fn page(context: &mut Context<'_>, code: u8) -> Result<Vec<u8>, Failure> {
    let unknown = Cdb::reject(2, None);
    let kind = if context.unit().is_ok() { BLOCK_DEVICE } else { NO_DEVICE };
    let body = match (code, kind) {
        (0x00, NO_DEVICE) => Vec::from([0x00]),
        (_, NO_DEVICE) => return Err(unknown),
        (0x00, _) => PAGES.to_vec(),
        (0x80, _) => context.unit()?.config.serial.bytes().collect(),
        (0x83, _) => identification(context)?,
        (0x86, _) => extended_inquiry(),
        (0x87, _) => Vec::from(MODE_PAGE_POLICY),
        (0x88, _) => ports(context),
        (0x8a, _) => Vec::from(POWER_CONDITIONS),
        (0x8f, _) => {
            let transfer_bytes = context.server.transfer_bytes;
            let blocks = context.unit()?.transfer_blocks_max(transfer_bytes);
            copy::vital_product_data(transfer_bytes, blocks)
        }
        (0xb0, _) => {
            let transfer_bytes = context.server.transfer_bytes;
            limits::block_limits(context.unit()?, transfer_bytes)
        }
        (0xb1, _) => characteristics(),
        (0xb2, _) => limits::provisioning(context.unit()?),
        _ => return Err(unknown),
    };
    let [high, low] = u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut page = Vec::with_capacity(body.len().saturating_add(4));
    page.extend([kind, code, high, low]);
    page.extend(body);
    Ok(page)
}

/// Device identification (SPC-4 7.8.6).
fn identification(context: &mut Context<'_>) -> Result<Vec<u8>, Failure> {
    let target = context.server.target.clone();
    let mut out = Vec::new();
    let unit = context.unit()?;
    for (set, kind, value) in unit_designators(unit) {
        designator(&mut out, OF_UNIT | set, kind, &value);
    }
    if let Some(Nexus { target_port, group, .. }) = context.ports() {
        let group = [[0, 0], group.to_be_bytes()].concat();
        // Both number spaces begin at 1; there is one port to a portal group.
        if group != [0; 4] {
            designator(&mut out, OF_PORT | BINARY, 4, &group);
            designator(&mut out, OF_PORT | BINARY, 5, &group);
        }
        designator(&mut out, OF_PORT | UTF8, 8, &name_string(target_port));
    }
    // rfc7143/4.4.2-1.
    designator(&mut out, OF_TARGET | UTF8, 8, &name_string(&target));
    Ok(out)
}

/// SCSI ports (SPC-4 7.8.14): one to a portal group. The initiator ports are nobody's business.
fn ports(context: &mut Context<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    for group in &context.server.groups {
        let mut designators = Vec::new();
        let name = format!("{},t,0x{group:04x}", context.server.target);
        designator(&mut designators, OF_PORT | UTF8, 8, &name_string(&name));
        out.extend([0, 0]);
        out.extend(group.to_be_bytes());
        out.extend([0; 6]);
        out.extend(u16::try_from(designators.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(designators);
    }
    out
}

/// The names of a logical unit itself: code set, type, value.
pub(super) fn unit_designators(unit: &LogicalUnit) -> [(u8, u8, Vec<u8>); 2] {
    let mut vendor_specific = Vec::new();
    ascii_field(&mut vendor_specific, &unit.config.vendor, 8);
    ascii_field(&mut vendor_specific, &unit.config.product, 16);
    vendor_specific.extend(unit.config.serial.bytes());
    [(BINARY, 3, naa_of(unit).to_vec()), (ASCII, 1, vendor_specific)]
}

/// `set` is PIV, association and, in its low bits, the code set.
fn designator(out: &mut Vec<u8>, set: u8, kind: u8, value: &[u8]) {
    let piv = set & 0x80;
    let protocol = if piv == 0 { 0 } else { ISCSI };
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    out.extend([protocol | (set & 0x0f), piv | (set & 0x30) | kind, 0, length]);
    out.extend(value.iter().take(usize::from(length)));
}

/// NAA 3h, locally assigned: 60 bits of a hash over what names the unit, so it is the same in every run and for every
/// target that offers the same unit.
fn naa_of(unit: &LogicalUnit) -> [u8; 8] {
    let config = &unit.config;
    let mut hash = Sha256::new();
    for part in [&config.vendor, &config.product, &config.serial] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut naa: [u8; 8] = hash.finalize().first_chunk().copied().unwrap_or_default();
    if let Some(first) = naa.first_mut() {
        *first = 0x30 | (*first & 0x0f);
    }
    naa
}

/// A SCSI name string: ended by a NUL, padded with more to a multiple of four (SPC-4 7.8.6.11).
fn name_string(name: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.bytes().take(251).collect();
    // rfc7143/4.4.2-3.
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Extended INQUIRY data (SPC-4 7.8.7): three task attributes, a volatile cache, no protection information.
fn extended_inquiry() -> Vec<u8> {
    let mut body = Vec::from([0_u8; 60]);
    // After the four bytes of the header: byte 5 PRIOR_SUP, HEADSUP, ORDSUP, SIMPSUP; byte 6 V_SUP; byte 13 longest sense data.
    for (at, value) in [(1, 0x0f), (2, 0x01), (9, u8::try_from(SenseBytes::LEN_MAX).unwrap_or(0))] {
        if let Some(byte) = body.get_mut(at) {
            *byte = value;
        }
    }
    body
}

/// Block device characteristics (SBC-3 6.5.2): a medium that does not rotate.
fn characteristics() -> Vec<u8> {
    // WABEREQ and WACEREQ 01b: after SANITIZE, blocks can be read without being written first.
    let mut body = Vec::from([0x00, 0x01, 0x00, 0x50]);
    body.resize(0x3c, 0);
    body
}
