//! What is a PDU here? 48 bytes of header whose fields are reached by name, AHS bytes and a data segment.

use bytes::Bytes;
use std::sync::LazyLock;

use super::error::{CodecError, nearest};
use super::tables::{common_fields, fields};
use super::{Field, Kind};

/// One PDU as values, without digests and padding. Nothing here checks that the parts agree: a tester must be
/// able to hold, send and show a PDU that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdu {
    /// The basic header segment.
    pub bhs: [u8; 48],
    /// The additional header segments as they are on the wire, padded to words (RFC 7143 11.2.2).
    pub ahs: Vec<u8>,
    /// The data segment without padding.
    pub data: Bytes,
}

impl Pdu {
    /// A PDU of this kind with every field at its default.
    pub fn new(kind: Kind) -> Pdu {
        let mut pdu = Pdu { bhs: [0; 48], ahs: Vec::new(), data: Bytes::new() };
        for field in fields(kind) {
            if field.width() <= 64 && field.default != 0 {
                // A default of the tables fits its field; a test walks all of them.
                let _ = field.put(&mut pdu.bhs, field.default);
            }
        }
        pdu
    }

    /// The kind, if the opcode is assigned.
    pub fn kind(&self) -> Option<Kind> {
        Kind::of(&self.bhs)
    }

    /// The kind's name, or the opcode in hex.
    pub fn kind_name(&self) -> String {
        self.kind()
            .map_or_else(|| format!("Opcode{:#04x}", self.bhs[0] & 0x3f), |kind| kind.name().to_owned())
    }

    /// The fields this PDU has by its opcode.
    pub fn fields(&self) -> &'static [Field] {
        self.kind().map_or(common_fields(), fields)
    }

    /// A field's number; `None` if there is no such field or it is wider than 64 bits.
    pub fn field(&self, name: &str) -> Option<u64> {
        find(self.kind(), name)?.value(&self.bhs)
    }

    /// A field's number as 32 bits, 0 when it has none: for fields the caller knows this kind has.
    pub fn word(&self, name: &str) -> u32 {
        self.field(name).unwrap_or(0) as u32
    }

    /// A one-bit field.
    pub fn flag(&self, name: &str) -> bool {
        self.field(name) == Some(1)
    }

    /// Initiator Task Tag, at the same place in every PDU (RFC 7143 11.2.1.8).
    pub fn itt(&self) -> u32 {
        be32(&self.bhs, 16)
    }

    /// The bytes of a field of whole bytes.
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        find(self.kind(), name)?.slice(&self.bhs)
    }

    /// Sets a field to a number.
    pub fn set(&mut self, name: &str, value: u64) -> Result<(), CodecError> {
        lookup(self.kind(), name)?.put(&mut self.bhs, value)
    }

    /// Sets a field to a string of bytes.
    pub fn set_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), CodecError> {
        lookup(self.kind(), name)?.put_slice(&mut self.bhs, bytes)
    }

    /// Makes TotalAHSLength and DataSegmentLength say what is there. Lengths beyond the fields are cut to their
    /// width: such a PDU cannot be described by its header anyway.
    pub fn fix_lengths(&mut self) {
        self.bhs[4] = self.ahs.len().div_ceil(4) as u8;
        let len = (self.data.len() as u32).to_be_bytes();
        self.bhs[5..8].copy_from_slice(&len[1..]);
    }

    /// DataSegmentLength as the header says it.
    pub fn data_segment_length(&self) -> usize {
        be32(&self.bhs, 4) as usize & 0x00ff_ffff
    }

    /// The same PDU with a field set; for tests and literals where the name is known to be right.
    ///
    /// # Panics
    /// If the field does not exist or the number does not fit.
    pub fn with(mut self, name: &str, value: u64) -> Pdu {
        if let Err(error) = self.set(name, value) {
            panic!("{error}");
        }
        self
    }

    /// The same PDU with this data segment and its length in the header.
    pub fn with_data(mut self, data: impl Into<Bytes>) -> Pdu {
        self.data = data.into();
        self.fix_lengths();
        self
    }
}

/// Big-endian word at a constant place.
pub(crate) fn be32(bhs: &[u8; 48], at: usize) -> u32 {
    u32::from_be_bytes([bhs[at], bhs[at + 1], bhs[at + 2], bhs[at + 3]])
}

/// The RFC's long names and usual abbreviations of the names in the tables.
const ALIASES: [(&str, &str); 15] = [
    ("InitiatorTaskTag", "ITT"),
    ("TargetTransferTag", "TTT"),
    ("ExpectedDataTransferLength", "EDTL"),
    ("DesiredDataTransferLength", "DesiredLen"),
    ("ReferencedTaskTag", "RefTaskTag"),
    ("RTT", "RefTaskTag"),
    ("ResidualLen", "ResidualCount"),
    ("BidirectionalReadResidualCount", "BidiResidualCount"),
    ("TaskAttributes", "ATTR"),
    ("ReasonCode", "Reason"),
    ("AHSLength", "TotalAHSLength"),
    ("DSL", "DataSegmentLength"),
    ("CurrentStage", "CSG"),
    ("NextStage", "NSG"),
    ("Immediate", "I"),
];

/// The field of that name in a kind of PDU. `Byte0` to `Byte47` name single bytes of any header, so that
/// reserved ones can be reached.
pub fn lookup(kind: Option<Kind>, name: &str) -> Result<Field, CodecError> {
    find(kind, name).ok_or_else(|| {
        // What was meant costs more than to look, and most who look and find nothing do not ask.
        let nearest = nearest(name, kind.map_or(common_fields(), fields).iter().map(|field| field.name));
        CodecError::UnknownField { kind, name: name.to_owned(), nearest }
    })
}

/// Where a table has a field, by a few bits of its name: nearly all look-ups compare one name.
struct Places(Vec<[u8; 64]>);

impl Places {
    const NONE: u8 = u8::MAX;

    fn shared() -> &'static Self {
        static SHARED: LazyLock<Places> = LazyLock::new(|| {
            let tables = Kind::all().map(fields).chain([common_fields()]);
            Places(tables.map(Places::of).collect())
        });
        &SHARED
    }

    fn of(table: &'static [Field]) -> [u8; 64] {
        let mut places = [Self::NONE; 64];
        for (at, field) in table.iter().enumerate().rev() {
            // Where two share a place the first is found at once and the other one by looking through.
            places[Self::bits(field.name)] = u8::try_from(at).unwrap_or(Self::NONE);
        }
        places
    }

    fn bits(name: &str) -> usize {
        let bytes = name.as_bytes();
        let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
        (bytes.len() + 5 * byte(0) + 11 * byte(3) + 3 * byte(bytes.len() / 2)) % 64
    }
}

fn find(kind: Option<Kind>, name: &str) -> Option<Field> {
    let table = kind.map_or(common_fields(), fields);
    let places = &Places::shared().0;
    let place = places[kind.map_or(places.len() - 1, |kind| kind as usize)][Places::bits(name)];
    // Where nothing is there is no such field: many are asked for that only other kinds have.
    if let Some(first) = table.get(usize::from(place)) {
        let mut found = [first].into_iter().chain(table);
        if let Some(field) = found.find(|field| field.name == name) {
            return Some(*field);
        }
    }
    if let Some(at) = name.strip_prefix("Byte").and_then(|n| n.parse::<usize>().ok()).filter(|n| *n < 48) {
        return Some(Field { name: "Byte", byte: at, shape: super::Shape::Bytes(1), default: 0 });
    }
    let alias = ALIASES.iter().find(|(long, _)| *long == name).map(|(_, short)| *short)?;
    table.iter().find(|field| field.name == alias).copied()
}
