//! How is an initiator port named in parameter data? iSCSI TransportIDs (SPC-4 7.6.4.6)

use alloc::string::String;
use alloc::vec::Vec;

/// PROTOCOL IDENTIFIER iSCSI with TPID FORMAT 00b, an initiator device, and 01b, an initiator port.
const DEVICE: u8 = 0x05;
const PORT: u8 = 0x45;
/// What is before the name.
const HEADER: usize = 4;
/// Shortest ADDITIONAL LENGTH.
const NAME_MIN: usize = 20;

/// Whom a TransportID names; names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::scsi) enum TransportId {
    /// All ports of an initiator.
    Device(String),
    /// One port, `iqn...,i,0x<isid>`.
    Port(String),
}

/// Takes the TransportID at the start of `bytes`; gives it and how many bytes it takes, or the place of what is wrong.
pub(in crate::scsi) fn parse(bytes: &[u8]) -> Result<(TransportId, usize), usize> {
    let Some((&[kind, _, high, low], rest)) = bytes.split_first_chunk::<HEADER>() else { return Err(0) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < NAME_MIN || !length.is_multiple_of(4) {
        return Err(2);
    }
    let name = rest.get(..length).ok_or(2_usize)?;
    let end = name.iter().position(|byte| *byte == 0).ok_or(HEADER)?;
    let name = name.get(..end).and_then(|name| core::str::from_utf8(name).ok()).ok_or(HEADER)?;
    let name = name.to_ascii_lowercase();
    let id = match (kind, name.split_once(",i,0x")) {
        (DEVICE, None) if !name.is_empty() => TransportId::Device(name),
        (PORT, Some((device, isid))) if !device.is_empty() && is_isid(isid) => TransportId::Port(name),
        (DEVICE | PORT, _) => return Err(HEADER),
        _ => return Err(0),
    };
    Ok((id, length.saturating_add(HEADER)))
}

fn is_isid(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The TransportID of an initiator port.
pub(in crate::scsi) fn of_port(name: &str) -> Vec<u8> {
    let length = name.len().saturating_add(1).next_multiple_of(4).max(NAME_MIN);
    let [.., high, low] = length.to_be_bytes();
    let mut out = Vec::with_capacity(length.saturating_add(HEADER));
    out.extend([PORT, 0, high, low]);
    out.extend(name.bytes());
    out.resize(length.saturating_add(HEADER), 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "iqn.2026-01.x:a,i,0x00023d000001";

    #[test]
    fn a_port_comes_back() {
        let bytes = of_port(NAME);
        assert_eq!((bytes.len(), bytes[0], bytes[3]), (40, 0x45, 36));
        assert_eq!(parse(&bytes), Ok((TransportId::Port(NAME.into()), 40)));
        assert_eq!(of_port("a").len(), 24);
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        let device = |name: &str| {
            let mut bytes = of_port(name);
            bytes[0] = DEVICE;
            bytes
        };
        assert_eq!(
            parse(&device("iqn.2026-01.X:A")),
            Ok((TransportId::Device("iqn.2026-01.x:a".into()), 24))
        );
        assert_eq!(parse(&[0x45, 0, 0]), Err(0));
        assert_eq!(parse(&[0x45, 0, 0, 4, 0, 0, 0, 0]), Err(2));
        assert_eq!(parse(&device(NAME)), Err(4));
        assert_eq!(parse(&of_port("iqn.2026-01.x:a")), Err(4));
        assert_eq!(parse(&of_port("iqn.2026-01.x:a,i,0x00023d00000")), Err(4));
        let mut other = of_port(NAME);
        other[0] = 0x46;
        assert_eq!(parse(&other), Err(0));
        let mut endless = of_port("iqn.2026-01.x:a,i,0x000");
        endless.truncate(24);
        endless[3] = 20;
        assert_eq!(parse(&endless), Err(4));
        assert_eq!(parse(&of_port(NAME)[..39]), Err(2));
    }
}
