//! Who is registered, who holds it, what can you do? PERSISTENT RESERVE IN (SPC-4 6.15)

use super::super::cdb::Cdb;
use super::super::next::{Context, Handled, Next};
use super::kind::Kind;
use super::transport_id;
use alloc::vec::Vec;

/// CRH, SIP_C, ATP_C.
const CAPABLE: u8 = 0x1c;
/// PTPL_C.
const KEEPS: u8 = 0x01;
/// TMV: the type mask is valid.
const TYPE_MASK_VALID: u8 = 0x80;
/// PTPL_A: the last registration asked for it.
const KEPT: u8 = 0x01;
/// R_HOLDER of a full status descriptor.
const HOLDER: u8 = 0x01;

/// PRGENERATION, length, and what the length counts.
fn report(generation: u32, body: &[u8], cdb: Cdb<'_>) -> Handled {
    let mut data = Vec::with_capacity(body.len().saturating_add(8));
    data.extend(generation.to_be_bytes());
    data.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    data.extend(body);
    Ok(Next::data(data, u32::from(cdb.be16(7))))
}

/// READ KEYS.
pub(in crate::scsi) fn keys(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let registry = &context.unit()?.persistent;
    let body: Vec<u8> = registry.registrations.iter().flat_map(|it| it.key.to_be_bytes()).collect();
    report(registry.generation, &body, cdb)
}

/// READ RESERVATION. One that all registrants hold has no key.
pub(in crate::scsi) fn reservation(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let registry = &context.unit()?.persistent;
    let mut body = Vec::new();
    if let Some(kind) = registry.kind {
        body.extend(registry.holder_key().unwrap_or(0).to_be_bytes());
        body.extend([0, 0, 0, 0, 0, kind as u8, 0, 0]);
    }
    report(registry.generation, &body, cdb)
}

/// REPORT CAPABILITIES: all types; kept over a loss of power where storage can.
pub(in crate::scsi) fn capabilities(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let unit = context.unit()?;
    let capable = if unit.keeps_records() { CAPABLE | KEEPS } else { CAPABLE };
    let active = if unit.persistent.is_kept { TYPE_MASK_VALID | KEPT } else { TYPE_MASK_VALID };
    let types = Kind::ALL.into_iter().fold(0_u16, |mask, kind| mask | mask_of(kind));
    let [high, low] = types.to_be_bytes();
    let data = Vec::from([0, 8, capable, active, high, low, 0, 0]);
    Ok(Next::data(data, u32::from(cdb.be16(7))))
}

/// Its bit in PERSISTENT RESERVATION TYPE MASK.
const fn mask_of(kind: Kind) -> u16 {
    match kind {
        Kind::WriteExclusiveAll => 0x8000,
        Kind::ExclusiveAccessRegistrants => 0x4000,
        Kind::WriteExclusiveRegistrants => 0x2000,
        Kind::ExclusiveAccess => 0x0800,
        Kind::WriteExclusive => 0x0200,
        Kind::ExclusiveAccessAll => 0x0001,
    }
}

/// READ FULL STATUS: a descriptor for each I_T nexus, so ALL_TG_PT is 0 in all of them.
pub(in crate::scsi) fn full_status(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let registry = &context.unit()?.persistent;
    let mut body = Vec::new();
    for registration in &registry.registrations {
        let (flags, scope_type) = match registry.kind {
            Some(kind) if registry.is_holder(registration) => (HOLDER, kind as u8),
            _ => (0, 0),
        };
        let name = transport_id::of_port(&registration.ports.initiator);
        body.extend(registration.key.to_be_bytes());
        body.extend([0, 0, 0, 0, flags, scope_type, 0, 0, 0, 0]);
        body.extend(registration.ports.group.to_be_bytes());
        body.extend(u32::try_from(name.len()).unwrap_or(u32::MAX).to_be_bytes());
        body.extend(name);
    }
    report(registry.generation, &body, cdb)
}
