//! How is a field of a passing PDU changed, with or without its digests?

use crate::codec::{Digests, Split, Splitter, encode};
use bytes::Bytes;

/// The wire bytes of a PDU with one field changed. `None` if there is no such field or the value does not fit; then the PDU is
/// better left alone than half changed.
///
/// Without `fix_digest` the digests stay what the sender computed, so they give the change away where they are in use.
pub fn corrupt(wire: &[u8], digests: Digests, field: &str, value: u64, fix_digest: bool) -> Option<Bytes> {
    let mut splitter = Splitter::new();
    splitter.set_digests(digests);
    splitter.push(wire);
    let mut pdu = match splitter.next_split()? {
        Split::Pdu(view) | Split::DataDigest { pdu: view, .. } => view.to_pdu(),
        Split::HeaderDigest { .. } => return None,
    };
    if field == "data" {
        let mut data = pdu.data.to_vec();
        let len = data.len().min(8);
        if len == 0 {
            return None;
        }
        data[..len].copy_from_slice(&value.to_be_bytes()[8 - len..]);
        pdu.data = data.into();
    } else {
        pdu.set(field, value).ok()?;
    }
    let mut out = encode(&pdu, digests);
    if !fix_digest {
        // Length fields do not change how many bytes the sender sent, so the digests lie where they lay.
        for at in digest_places(wire, digests) {
            out.get_mut(at..at + 4)?.copy_from_slice(wire.get(at..at + 4)?);
        }
    }
    Some(out.into())
}

fn digest_places(wire: &[u8], digests: Digests) -> impl Iterator<Item = usize> {
    let ahs_end = 48 + wire.get(4).map_or(0, |words| usize::from(*words) * 4);
    let header = (digests.header && wire.len() >= ahs_end + 4).then_some(ahs_end);
    let data_start = ahs_end + if digests.header { 4 } else { 0 };
    let data = (digests.data && wire.len() > data_start + 4).then(|| wire.len() - 4);
    header.into_iter().chain(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Kind, Pdu};

    fn pdu() -> Pdu {
        Pdu::new(Kind::DataOut).with("ITT", 7).with("DataSN", 1).with_data(vec![5; 10])
    }

    fn split(wire: &[u8]) -> (&'static str, Option<u64>, Vec<u8>) {
        let mut splitter = Splitter::new();
        splitter.set_digests(Digests::BOTH);
        splitter.push(wire);
        match splitter.next_split() {
            Some(Split::Pdu(view)) => {
                let pdu = view.to_pdu();
                ("good", pdu.field("DataSN"), pdu.data.to_vec())
            }
            Some(Split::DataDigest { pdu, .. }) => ("data", None, pdu.data.to_vec()),
            Some(Split::HeaderDigest { .. }) => ("header", None, vec![]),
            None => ("nothing", None, vec![]),
        }
    }

    #[test]
    fn a_changed_field_shows_in_the_digest_unless_that_is_fixed() {
        let wire = encode(&pdu(), Digests::BOTH);
        let changed = |field, fix| corrupt(&wire, Digests::BOTH, field, 27, fix).expect("the field is there");
        assert_eq!(split(&changed("DataSN", false)).0, "header");
        assert_eq!(split(&changed("DataSN", true)), ("good", Some(27), vec![5; 10]));
        assert_eq!(split(&changed("data", false)).0, "data");
        assert_eq!(split(&changed("data", true)), ("good", Some(1), vec![0, 0, 0, 0, 0, 0, 0, 27, 5, 5]));
    }

    #[test]
    fn what_cannot_be_changed_is_left_alone() {
        let wire = encode(&pdu(), Digests::NONE);
        assert_eq!(corrupt(&wire, Digests::NONE, "CmdSN", 1, true), None, "Data-Out has no CmdSN");
        assert_eq!(corrupt(&wire, Digests::NONE, "DataSN", 1 << 40, true), None, "too wide");
        let empty = encode(&Pdu::new(Kind::NopOut), Digests::NONE);
        assert_eq!(corrupt(&empty, Digests::NONE, "data", 1, true), None);
    }
}
