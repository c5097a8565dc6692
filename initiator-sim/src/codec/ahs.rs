//! Which additional header segments are there, and what do their bytes look like? (RFC 7143 11.2.2)

/// AHSType of an extended CDB (11.2.2.3).
pub const EXTENDED_CDB: u8 = 1;
/// AHSType of a bidirectional read expected data transfer length (11.2.2.4).
pub const BIDI_READ_LENGTH: u8 = 2;

/// One segment: its type and everything after it, byte 3 (reserved or specific) included, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ahs {
    /// AHSType, the whole byte.
    pub kind: u8,
    /// What AHSLength counts.
    pub specific: Vec<u8>,
}

impl Ahs {
    /// The part of a CDB that does not fit the basic header: everything from byte 16 on.
    pub fn extended_cdb(spill: &[u8]) -> Ahs {
        let mut specific = vec![0];
        specific.extend_from_slice(spill);
        Ahs { kind: EXTENDED_CDB, specific }
    }

    /// How many bytes the initiator expects to read in a bidirectional command.
    pub fn bidi_read_length(bytes: u32) -> Ahs {
        let mut specific = vec![0];
        specific.extend_from_slice(&bytes.to_be_bytes());
        Ahs { kind: BIDI_READ_LENGTH, specific }
    }

    /// Appends the wire form, padded with zeros to a word.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.specific.len() as u16).to_be_bytes());
        out.push(self.kind);
        out.extend_from_slice(&self.specific);
        out.resize(out.len().next_multiple_of(4), 0);
    }
}

/// Each segment's type and what its AHSLength counts; `None`, and nothing after it, where the lengths do not add up.
fn segments(bytes: &[u8]) -> impl Iterator<Item = Option<(u8, &[u8])>> {
    let mut left = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = left.take().filter(|bytes| !bytes.is_empty())?;
        let segment = bytes.split_first_chunk::<3>().and_then(|(head, rest)| {
            let len = usize::from(u16::from_be_bytes([head[0], head[1]]));
            let specific = rest.get(..len)?;
            left = bytes.get((len + 3).next_multiple_of(4)..);
            Some((head[2], specific))
        });
        Some(segment)
    })
}

/// The segments in the AHS bytes of a PDU; `None` if they do not add up.
pub fn parse(bytes: &[u8]) -> Option<Vec<Ahs>> {
    let own = |(kind, specific): (u8, &[u8])| Ahs { kind, specific: specific.to_vec() };
    segments(bytes).map(|segment| segment.map(own)).collect()
}

/// The first segment of this type that has a length its type can have, as far as the segments can be read: what comes behind
/// it does not count.
pub fn find(bytes: &[u8], kind: u8) -> Option<&[u8]> {
    let fits = |len| match kind {
        EXTENDED_CDB => len > 1,
        BIDI_READ_LENGTH => len == 5,
        _ => true,
    };
    // The two upper bits of a type are reserved (11.2.2.1).
    let wanted = |(found, specific): &(u8, &[u8])| found & 0x3f == kind && fits(specific.len());
    segments(bytes).map_while(|segment| segment).find(wanted).map(|(_, specific)| specific)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_bytes() {
        let mut wire = Vec::new();
        // A CDB of 18 bytes spills two: AHSLength is CDBLength - 15.
        Ahs::extended_cdb(&[0xaa, 0xbb]).emit(&mut wire);
        Ahs::bidi_read_length(0x0102_0304).emit(&mut wire);
        let want = [0, 3, 1, 0, 0xaa, 0xbb, 0, 0, 0, 5, 2, 0, 1, 2, 3, 4];
        assert_eq!(wire, want);
        let list = parse(&wire).expect("well formed");
        assert_eq!(list, [Ahs::extended_cdb(&[0xaa, 0xbb]), Ahs::bidi_read_length(0x0102_0304)]);
        assert_eq!(parse(&wire[..9]), None);
        assert_eq!(parse(&[0, 200, 1, 0]), None);
    }

    #[test]
    fn found_whatever_comes_behind() {
        let mut wire = vec![0, 1, 1, 0];
        assert_eq!(find(&wire, EXTENDED_CDB), None, "a CDB is not extended by nothing");
        wire.extend([0, 0, 4, 0, 0, 2, 0xc1, 0, 0xaa, 0, 0, 0, 0, 200, 1, 0]);
        assert_eq!(find(&wire, EXTENDED_CDB), Some(&[0, 0xaa][..]));
        assert_eq!(find(&wire, BIDI_READ_LENGTH), None);
    }
}
