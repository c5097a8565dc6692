//! What do people call it? REPORT IDENTIFYING INFORMATION, SET IDENTIFYING INFORMATION (SPC-4 6.32, 6.43)

use super::attention::Attention;
use super::cdb::Cdb;
use super::next::{Context, Handled, Next, WithData};
use super::outcome::Failure;
use super::sense::{Sense, code};
use crate::io::SgList;
use alloc::vec::Vec;

/// What an initiator has called the unit: bytes, and text. No reset touches it.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    bytes: Vec<u8>,
    text: Vec<u8>,
}

/// INFORMATION TYPE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bytes,
    Text,
}

/// INFORMATION TYPE that asks which types there are.
const SUPPORTED: u8 = 0x7f;
/// Where the CDB has the type, above bit 0.
const TYPE_AT: usize = 10;

impl Kind {
    const ALL: [Self; 2] = [Self::Bytes, Self::Text];

    const fn number(self) -> u8 {
        match self {
            Self::Bytes => 0x00,
            Self::Text => 0x02,
        }
    }

    /// The longest information of that type.
    const fn max(self) -> u16 {
        match self {
            Self::Bytes => 64,
            Self::Text => 256,
        }
    }

    fn of(cdb: Cdb<'_>) -> Result<Self, Failure> {
        let number = cdb.byte(TYPE_AT) >> 1;
        Self::ALL.into_iter().find(|kind| kind.number() == number).ok_or_else(|| Cdb::reject(10, Some(7)))
    }
}

impl Names {
    const fn place(&mut self, kind: Kind) -> &mut Vec<u8> {
        match kind {
            Kind::Bytes => &mut self.bytes,
            Kind::Text => &mut self.text,
        }
    }
}

pub(super) fn report(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let allocation = cdb.be32(6);
    let names = &mut context.unit()?.names;
    let information: Vec<u8> = if cdb.byte(TYPE_AT) >> 1 == SUPPORTED {
        let entry = |kind: Kind| {
            let [high, low] = kind.max().to_be_bytes();
            [kind.number() << 1, 0, high, low]
        };
        Kind::ALL.into_iter().flat_map(entry).collect()
    } else {
        names.place(Kind::of(cdb)?).clone()
    };
    let [high, low] = u16::try_from(information.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut data = Vec::from([0, 0, high, low]);
    data.extend(information);
    Ok(Next::data(data, allocation))
}

/// A length of zero takes the information away.
pub(super) fn set(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let (kind, len) = (Kind::of(cdb)?, cdb.be32(6));
    context.unit()?;
    if len > u32::from(kind.max()) {
        return Err(Cdb::reject(6, None));
    }
    if len == 0 {
        take(context, kind, Vec::new())
    } else {
        Ok(Next::DataOut { len, then: WithData::Names(kind, len) })
    }
}

/// Text ends with a NUL, and has no other.
pub(super) fn with_data(context: &mut Context<'_>, kind: Kind, len: u32, data: &SgList) -> Handled {
    let information = data.to_bytes();
    if u32::try_from(information.len()).ok() != Some(len) {
        return Err(code::PARAMETER_LIST_LENGTH.into());
    }
    let end = information.iter().position(|byte| *byte == 0);
    if kind == Kind::Text && end.and_then(|at| at.checked_add(1)) != Some(information.len()) {
        let at = end.unwrap_or(information.len().saturating_sub(1));
        return Err(Sense::parameter_field(u16::try_from(at).unwrap_or(u16::MAX), None).into());
    }
    take(context, kind, information.to_vec())
}

fn take(context: &mut Context<'_>, kind: Kind, information: Vec<u8>) -> Handled {
    let (nexus, limit) = (context.nexus, context.server.attentions_max);
    let unit = context.unit()?;
    let place = unit.names.place(kind);
    if *place != information {
        *place = information;
        unit.attention(Attention::IdentifierChanged, Some(nexus), limit);
    }
    Ok(Next::GOOD)
}
