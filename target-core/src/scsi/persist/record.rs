//! How do registrations look in the record that is kept over a loss of power?
//!
//! A number for the form, the type of the reservation (0 for none), and for each registration its key, its target port, whether
//! it holds the reservation, and its initiator port. PRGENERATION is not in it: it begins at 0 again (SPC-4 6.15.2).

use super::kind::Kind;
use super::registry::{Ports, Registration, Registry};
use crate::scsi::keep::Fields;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;

/// Form of the record.
const FORM: u8 = 1;

/// The record of these registrations; empty if none are to be kept.
pub(super) fn encode(registry: &Registry) -> Bytes {
    if !registry.is_kept || registry.registrations.is_empty() {
        return Bytes::new();
    }
    let mut out = Vec::from([FORM, registry.kind.map_or(0, |kind| kind as u8)]);
    for registration in &registry.registrations {
        let name = registration.ports.initiator.as_bytes();
        out.extend(registration.key.to_be_bytes());
        out.extend(registration.ports.group.to_be_bytes());
        out.push(u8::from(registration.holds));
        out.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(name);
    }
    out.into()
}

/// The registrations of a record, none of them a session yet; `None` if it makes no sense.
pub(in crate::scsi) fn decode(record: &[u8]) -> Option<Registry> {
    let mut fields = Fields(record);
    let mut registry = Registry { is_kept: true, ..Registry::default() };
    if fields.byte()? != FORM {
        return None;
    }
    let kind = fields.byte()?;
    registry.kind = Kind::of(kind);
    if registry.kind.is_none() && kind != 0 {
        return None;
    }
    while fields.end().is_none() {
        let (key, group, holds) = (fields.number::<8>()?, fields.be16()?, fields.byte()?);
        let len = usize::from(fields.be16()?);
        let initiator = String::from(core::str::from_utf8(fields.take(len)?).ok()?);
        let ports = Ports { initiator, group };
        registry.registrations.push(Registration { ports, key, nexus: None, holds: holds == 1 });
    }
    let holders = registry.registrations.iter().filter(|registration| registration.holds).count();
    let held_by_one = registry.kind.is_some_and(|kind| !kind.is_for_all());
    (!registry.registrations.is_empty() && holders == usize::from(held_by_one)).then_some(registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_and_no_other_bytes_do() {
        let ports = |initiator: &str, group| Ports { initiator: initiator.into(), group };
        let registration = |ports, key, holds| Registration { ports, key, nexus: None, holds };
        let mut registry = Registry {
            is_kept: true,
            generation: 9,
            kind: Some(Kind::WriteExclusive),
            registrations: Vec::from([
                registration(ports("iqn.a,i,0x00023d000001", 1), 7, false),
                registration(ports("iqn.b,i,0x00023d000001", 2), u64::MAX, true),
            ]),
        };
        let record = encode(&registry);
        let back = decode(&record).expect("a record");
        assert_eq!(encode(&back), record);
        assert_eq!((back.generation, back.holder_key()), (0, Some(u64::MAX)));
        for len in 0..record.len() {
            let cut = decode(&record[..len]);
            assert!(cut.is_none(), "{len} bytes: {cut:?}");
        }
        for (at, wrong) in [(0, 2), (1, 2), (1, 0), (1, 7)] {
            let mut other = record.to_vec();
            other[at] = wrong;
            assert!(decode(&other).is_none(), "byte {at} {wrong}");
        }
        registry.is_kept = false;
        assert!(encode(&registry).is_empty());
    }
}
