//! What can be wrong with a field somebody names? Errors of the table lookups, worded for a scenario's author.

use core::fmt;

use super::Kind;

/// Why a field could not be read or set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecError {
    /// No field of that name in that kind of PDU.
    UnknownField {
        /// The PDU, if its opcode is assigned.
        kind: Option<Kind>,
        /// The name as it was given.
        name: String,
        /// The closest name this kind of PDU has.
        nearest: Option<&'static str>,
    },
    /// The number needs more bits than the field has.
    TooWide {
        /// The field.
        field: &'static str,
        /// The number.
        value: u64,
        /// The field's width in bits.
        bits: u32,
    },
    /// The field is wider than a number can be.
    NeedsBytes {
        /// The field.
        field: &'static str,
        /// Its width in bytes.
        bytes: usize,
    },
    /// The field is part of a byte and takes a number.
    NotBytes {
        /// The field.
        field: &'static str,
    },
    /// A string of bytes of another length than the field's.
    WrongLength {
        /// The field.
        field: &'static str,
        /// The field's width in bytes.
        want: usize,
        /// What was given.
        got: usize,
    },
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::UnknownField { kind, name, nearest } => {
                let kind = kind.map_or("a PDU of unassigned opcode", Kind::name);
                write!(f, "{kind} has no field {name:?}")?;
                match nearest {
                    Some(near) => write!(f, "; did you mean {near}?"),
                    None => Ok(()),
                }
            }
            CodecError::TooWide { field, value, bits } => {
                write!(f, "{value:#x} does not fit into {field}, which has {bits} bit(s)")
            }
            CodecError::NeedsBytes { field, bytes } => write!(f, "{field} takes {bytes} bytes, not a number"),
            CodecError::NotBytes { field } => write!(f, "{field} is part of a byte and takes a number"),
            CodecError::WrongLength { field, want, got } => {
                write!(f, "{field} has {want} byte(s), not {got}")
            }
        }
    }
}

impl std::error::Error for CodecError {}

/// The candidate with the smallest edit distance to `name` (letter case does not count), if one is near enough
/// that a slip of the finger explains it.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let allowed = name.len().max(3) / 3 + 1;
    let near = |candidate: &'a str| (distance(&name, &candidate.to_ascii_lowercase()), candidate);
    let best = candidates.into_iter().map(near).min_by_key(|(d, _)| *d)?;
    (best.0 <= allowed).then_some(best.1)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["CmdSN", "ExpStatSN", "BufferOffset", "ITT"];
        assert_eq!(nearest("cmdsn", names), Some("CmdSN"));
        assert_eq!(nearest("BuferOfset", names), Some("BufferOffset"));
        assert_eq!(nearest("TotallyUnrelated", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
