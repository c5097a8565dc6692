//! What shall be sent? A PDU by name, with whatever is to differ from the correct one.

use std::borrow::Cow;

use bytes::Bytes;

use crate::codec::ahs::Ahs;
use crate::codec::{DigestChoice, Kind, WireChoice};

/// The value of an overridden field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// A number, for fields up to 64 bits.
    Number(u64),
    /// Bytes, for the CDB and any field of whole bytes.
    Bytes(Vec<u8>),
}

impl From<u64> for FieldValue {
    fn from(value: u64) -> Self {
        FieldValue::Number(value)
    }
}

impl From<Vec<u8>> for FieldValue {
    fn from(value: Vec<u8>) -> Self {
        FieldValue::Bytes(value)
    }
}

/// A PDU before the session fills in tags, numbers, lengths and digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Which PDU.
    pub kind: Kind,
    /// Fields that shall hold something else than the session would put there; the last of a name counts.
    pub fields: Vec<(Cow<'static, str>, FieldValue)>,
    /// The data segment.
    pub data: Bytes,
    /// Additional header segments as bytes.
    pub ahs: Vec<u8>,
    /// Whether the session's CmdSN advances after this PDU. `None`: as RFC 7143 4.2.2.1 says, unless `CmdSN` is
    /// among the fields with another number than the session's.
    pub advance_cmd_sn: Option<bool>,
    /// Deviations of digests and padding.
    pub wire: WireChoice,
    /// These bytes instead of the whole PDU. Tags and numbers are still taken.
    pub raw: Option<Vec<u8>>,
}

impl Draft {
    /// A correct PDU of this kind.
    pub fn new(kind: Kind) -> Draft {
        Draft {
            kind,
            // A command has five to seven.
            fields: Vec::with_capacity(8),
            data: Bytes::new(),
            ahs: Vec::new(),
            advance_cmd_sn: None,
            wire: WireChoice::default(),
            raw: None,
        }
    }

    /// Overrides a field.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<FieldValue>) -> Draft {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// A SCSI Command with this CDB: 16 bytes in the header, the rest in an AHS (RFC 7143 11.2.2.3).
    pub fn with_cdb(mut self, cdb: &[u8]) -> Draft {
        let (head, spill) = cdb.split_at(cdb.len().min(16));
        if !spill.is_empty() {
            Ahs::extended_cdb(spill).emit(&mut self.ahs);
        }
        self.with("CDB", head.to_vec())
    }

    /// Marks it for immediate delivery.
    pub fn immediate(self) -> Draft {
        self.with("I", 1)
    }

    /// Gives it a data segment.
    pub fn with_data(mut self, data: impl Into<Bytes>) -> Draft {
        self.data = data.into();
        self
    }

    /// Says whether CmdSN advances.
    pub fn advance(mut self, advance: bool) -> Draft {
        self.advance_cmd_sn = Some(advance);
        self
    }

    /// Deviates in a digest.
    pub fn with_digests(mut self, header: DigestChoice, data: DigestChoice) -> Draft {
        (self.wire.header_digest, self.wire.data_digest) = (header, data);
        self
    }

    /// The override of a field as a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        let (_, value) = self.fields.iter().rev().find(|(n, _)| n == name)?;
        match value {
            FieldValue::Number(value) => Some(*value),
            FieldValue::Bytes(_) => None,
        }
    }
}
