//! How is a command block built from names, and how much data does it move? (SPC-4, SBC-3; RFC 7143 11.3.4, 11.3.5)
//!
//! ```
//! use initiator_sim::initiator::cdb::{self, Direction};
//!
//! let read = cdb::build("read10", &[("lba", 16), ("blocks", 8), ("fua", 1)])?;
//! assert_eq!(read, [0x28, 0x08, 0, 0, 0, 16, 0, 0, 8, 0]);
//! let transfer = cdb::transfer(&read, 512).expect("a command of the table");
//! assert_eq!((transfer.direction, transfer.bytes), (Direction::In, 4096));
//! assert_eq!(cdb::describe(&read), "read10 fua=1 lba=16 blocks=8");
//! # Ok::<(), cdb::CdbError>(())
//! ```

mod table;

use core::fmt;

use crate::codec::nearest;
use table::{ALIASES, COMMANDS};

/// A named field of a CDB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arg {
    /// The name scenarios use.
    pub name: &'static str,
    /// First bit, counted from the most significant of byte 0.
    at: u16,
    /// Width in bits.
    pub width: u8,
    /// The value when none is given.
    pub default: u64,
}

/// What a command moves, as a function of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Data {
    None,
    /// To the initiator: at most what this field says, bytes.
    In(&'static str),
    InFixed(u32),
    /// To the target: what this field says, bytes.
    Out(&'static str),
    ReadBlocks,
    WriteBlocks,
    /// Blocks to compare, if BYTCHK asks for it.
    Verify,
    /// One block, which the target repeats; none with NDOB.
    OneBlock,
    /// Blocks to compare and blocks to write.
    TwiceBlocks,
}

/// A command of the table.
#[derive(Debug)]
struct Command {
    name: &'static str,
    opcode: u8,
    action: Option<u8>,
    len: u8,
    data: Data,
    args: &'static [Arg],
}

/// Which way data goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// No data.
    None,
    /// To the initiator.
    In,
    /// To the target.
    Out,
}

/// What a command moves when its initiator expects exactly what the CDB says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Which way.
    pub direction: Direction,
    /// How much at most; the Expected Data Transfer Length.
    pub bytes: u32,
}

/// Why a CDB could not be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CdbError {
    /// No command of that name.
    UnknownCommand {
        /// The name.
        name: String,
        /// The closest there is.
        nearest: Option<&'static str>,
    },
    /// The command has no such argument.
    UnknownArg {
        /// The command.
        command: &'static str,
        /// The argument.
        name: String,
        /// The arguments it has.
        known: Vec<&'static str>,
    },
    /// The argument is too large for its field.
    TooWide {
        /// The argument.
        name: &'static str,
        /// What was given.
        value: u64,
        /// The field's width in bits.
        bits: u8,
    },
}

impl fmt::Display for CdbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CdbError::UnknownCommand { name, nearest } => {
                write!(f, "no command {name:?}")?;
                nearest.map_or(Ok(()), |near| write!(f, "; did you mean {near}?"))
            }
            CdbError::UnknownArg { command, name, known } => {
                write!(f, "{command} has no argument {name:?}; it has {}", known.join(", "))
            }
            CdbError::TooWide { name, value, bits } => {
                write!(f, "{value:#x} does not fit into {name}, which has {bits} bit(s)")
            }
        }
    }
}

impl std::error::Error for CdbError {}

/// The last byte of every CDB.
const CONTROL: &str = "control";

/// The CDB of a command. Arguments left out have their defaults: one block, the whole allocation length, no flags.
/// Every command takes `control` for its last byte.
pub fn build<S: AsRef<str>>(name: &str, args: &[(S, u64)]) -> Result<Vec<u8>, CdbError> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, full)| full);
    let Some(command) = COMMANDS.iter().find(|c| c.name == name) else {
        return Err(CdbError::UnknownCommand { name: name.to_owned(), nearest: nearest(name, names()) });
    };
    let mut cdb = vec![0; usize::from(command.len)];
    cdb[0] = command.opcode;
    if let Some(action) = command.action {
        cdb[1] = action;
    }
    for arg in command.args {
        put(&mut cdb, arg, arg.default);
    }
    for (name, value) in args {
        let (name, value) = (name.as_ref(), *value);
        let control = Arg { name: CONTROL, at: (u16::from(command.len) - 1) * 8, width: 8, default: 0 };
        let Some(arg) = command.args.iter().chain([&control]).find(|arg| arg.name == name) else {
            let known = command.args.iter().map(|arg| arg.name).chain([CONTROL]).collect();
            return Err(CdbError::UnknownArg { command: command.name, name: name.to_owned(), known });
        };
        if arg.width < 64 && value >> arg.width != 0 {
            return Err(CdbError::TooWide { name: arg.name, value, bits: arg.width });
        }
        put(&mut cdb, arg, value);
    }
    Ok(cdb)
}

/// The commands there are.
pub fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name)
}

/// The arguments of a command, without `control`; `None` if there is no such command.
pub fn args(name: &str) -> Option<&'static [Arg]> {
    COMMANDS.iter().find(|command| command.name == name).map(|command| command.args)
}

/// What a CDB moves on a unit of this block size; `None` if its opcode is not in the table or it is too short.
pub fn transfer(cdb: &[u8], block_bytes: u32) -> Option<Transfer> {
    let command = command_of(cdb)?;
    let field = |name| command.args.iter().find(|arg| arg.name == name).map_or(0, |arg| take(cdb, arg));
    // READ(6) and WRITE(6) mean 256 blocks by 0.
    let blocks = match field("blocks") {
        0 if command.len == 6 => 256,
        blocks => blocks,
    };
    let (direction, bytes) = match command.data {
        Data::None => (Direction::None, 0),
        Data::In(name) => (Direction::In, field(name)),
        Data::InFixed(bytes) => (Direction::In, bytes.into()),
        Data::Out(name) => (Direction::Out, field(name)),
        Data::ReadBlocks => (Direction::In, blocks.saturating_mul(block_bytes.into())),
        Data::WriteBlocks => (Direction::Out, blocks.saturating_mul(block_bytes.into())),
        Data::TwiceBlocks => (Direction::Out, blocks.saturating_mul(u64::from(block_bytes) * 2)),
        Data::OneBlock if field("ndob") == 1 => (Direction::None, 0),
        Data::OneBlock => (Direction::Out, block_bytes.into()),
        Data::Verify => match field("bytchk") {
            0 | 2 => (Direction::None, 0),
            1 => (Direction::Out, blocks.saturating_mul(block_bytes.into())),
            _ => (Direction::Out, block_bytes.into()),
        },
    };
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
    let direction = if bytes == 0 { Direction::None } else { direction };
    Some(Transfer { direction, bytes })
}

/// A CDB as text: its name and the arguments that are not 0, or its bytes if the table does not know it.
pub fn describe(cdb: &[u8]) -> String {
    let Some(command) = command_of(cdb) else {
        return cdb.iter().map(|byte| format!("{byte:02x}")).collect();
    };
    let mut text = command.name.to_owned();
    for arg in command.args {
        match take(cdb, arg) {
            0 if !matches!(arg.name, "lba" | "blocks" | "alloc" | "len") => {}
            value => text.push_str(&format!(" {}={value}", arg.name)),
        }
    }
    text
}

/// A named field of a CDB as a number.
pub fn field(cdb: &[u8], name: &str) -> Option<u64> {
    let arg = command_of(cdb)?.args.iter().find(|arg| arg.name == name)?;
    Some(take(cdb, arg))
}

fn command_of(cdb: &[u8]) -> Option<&'static Command> {
    let (opcode, action) = (*cdb.first()?, cdb.get(1)? & 0x1f);
    let fits = |c: &&Command| c.opcode == opcode && c.action.is_none_or(|a| a == action);
    COMMANDS.iter().find(fits).filter(|c| cdb.len() >= usize::from(c.len))
}

fn put(cdb: &mut [u8], arg: &Arg, value: u64) {
    for n in 0..u16::from(arg.width) {
        let bit = value >> (u16::from(arg.width) - 1 - n) & 1;
        let at = arg.at + n;
        let (byte, shift) = (usize::from(at / 8), 7 - at % 8);
        cdb[byte] = cdb[byte] & !(1 << shift) | (bit as u8) << shift;
    }
}

fn take(cdb: &[u8], arg: &Arg) -> u64 {
    let bits = arg.at..arg.at + u16::from(arg.width);
    bits.fold(0, |value, at| value << 1 | u64::from(cdb[usize::from(at / 8)] >> (7 - at % 8) & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, arguments, bytes, direction, and length with 512-byte blocks.
    type Line = (&'static str, &'static [(&'static str, u64)], &'static [u8], Direction, u32);

    #[rustfmt::skip]
    const LITERAL: &[Line] = &[
        ("tur", &[], &[0, 0, 0, 0, 0, 0], Direction::None, 0),
        ("request_sense", &[("desc", 1), ("alloc", 18)], &[3, 1, 0, 0, 18, 0], Direction::In, 18),
        ("read6", &[("lba", 0x1f_1234), ("blocks", 0)], &[8, 0x1f, 0x12, 0x34, 0, 0], Direction::In, 131_072),
        ("write6", &[("lba", 1), ("blocks", 2)], &[0x0a, 0, 0, 1, 2, 0], Direction::Out, 1024),
        ("inquiry", &[("evpd", 1), ("page", 0x83), ("alloc", 0x1234)], &[0x12, 1, 0x83, 0x12, 0x34, 0], Direction::In, 0x1234),
        ("mode_sense6", &[("dbd", 1), ("pc", 2), ("page", 8), ("alloc", 64)], &[0x1a, 8, 0x88, 0, 64, 0], Direction::In, 64),
        ("mode_select6", &[("len", 24)], &[0x15, 0x10, 0, 0, 24, 0], Direction::Out, 24),
        ("start_stop_unit", &[("start", 1), ("power_condition", 3)], &[0x1b, 0, 0, 0, 0x31, 0], Direction::None, 0),
        ("prevent_allow", &[("prevent", 3)], &[0x1e, 0, 0, 0, 3, 0], Direction::None, 0),
        ("read_capacity10", &[], &[0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0], Direction::In, 8),
        ("read10", &[("lba", 0x01020304), ("blocks", 0x0506), ("dpo", 1), ("fua", 1), ("group", 9)],
            &[0x28, 0x18, 1, 2, 3, 4, 9, 5, 6, 0], Direction::In, 0x0506 * 512),
        ("verify10", &[("bytchk", 1), ("blocks", 3)], &[0x2f, 2, 0, 0, 0, 0, 0, 0, 3, 0], Direction::Out, 1536),
        ("verify10", &[("blocks", 3)], &[0x2f, 0, 0, 0, 0, 0, 0, 0, 3, 0], Direction::None, 0),
        ("verify16", &[("bytchk", 3), ("blocks", 3)], &[0x8f, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0], Direction::Out, 512),
        ("sync_cache10", &[("immed", 1)], &[0x35, 2, 0, 0, 0, 0, 0, 0, 0, 0], Direction::None, 0),
        ("write_same16", &[("ndob", 1), ("unmap", 1)], &[0x93, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0], Direction::None, 0),
        ("write_same10", &[("unmap", 1), ("blocks", 64)], &[0x41, 8, 0, 0, 0, 0, 0, 0, 64, 0], Direction::Out, 512),
        ("compare_and_write", &[("lba", 5)], &[0x89, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0], Direction::Out, 1024),
        ("read16", &[("lba", 0x0102_0304_0506_0708), ("blocks", 0x0a0b_0c0d), ("protect", 5)],
            &[0x88, 0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 0x0a, 0x0b, 0x0c, 0x0d, 0, 0], Direction::In, u32::MAX),
        ("write12", &[("lba", 1), ("blocks", 2), ("group", 3)], &[0xaa, 0, 0, 0, 0, 1, 0, 0, 0, 2, 3, 0], Direction::Out, 1024),
        ("read_capacity16", &[], &[0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0], Direction::In, 32),
        ("report_luns", &[("select", 2), ("alloc", 16)], &[0xa0, 0, 2, 0, 0, 0, 0, 0, 0, 16, 0, 0], Direction::In, 16),
        ("report_supported_opcodes", &[("options", 2), ("opcode", 0x9e), ("action", 0x10), ("rctd", 1), ("alloc", 64)],
            &[0xa3, 0x0c, 0x82, 0x9e, 0, 0x10, 0, 0, 0, 64, 0, 0], Direction::In, 64),
        ("persistent_reserve_out", &[("action", 1), ("type", 3)], &[0x5f, 1, 3, 0, 0, 0, 0, 0, 24, 0], Direction::Out, 24),
        ("persistent_reserve_in", &[("action", 2), ("alloc", 8)], &[0x5e, 2, 0, 0, 0, 0, 0, 0, 8, 0], Direction::In, 8),
        ("unmap", &[("anchor", 1), ("len", 40)], &[0x42, 1, 0, 0, 0, 0, 0, 0, 40, 0], Direction::Out, 40),
        ("reserve6", &[("control", 4)], &[0x16, 0, 0, 0, 0, 4], Direction::None, 0),
    ];

    #[test]
    fn bytes_of_the_standards() {
        for (name, args, bytes, direction, len) in LITERAL {
            let cdb = build(name, args).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(&cdb, bytes, "{name}");
            let moved = transfer(&cdb, 512).expect("in the table");
            assert_eq!((moved.direction, moved.bytes), (*direction, *len), "{name}");
        }
    }

    #[test]
    fn every_command_is_found_again_and_its_fields_do_not_overlap() {
        for command in COMMANDS {
            let cdb = build::<&str>(command.name, &[]).expect("defaults fit");
            assert_eq!(command_of(&cdb).map(|c| c.name), Some(command.name));
            assert!(describe(&cdb).starts_with(command.name));
            let mut taken = vec![0u8; usize::from(command.len)];
            taken[0] = 0xff;
            for arg in command.args {
                assert_eq!(take(&taken, arg), 0, "{} {}", command.name, arg.name);
                put(&mut taken, arg, u64::MAX);
                assert!(arg.width == 64 || arg.default >> arg.width == 0);
            }
        }
    }

    #[test]
    fn mistakes_are_explained() {
        let text = |name: &str, args: &[(&str, u64)]| build(name, args).expect_err("refused").to_string();
        assert_eq!(text("raed10", &[]), "no command \"raed10\"; did you mean read10?");
        assert_eq!(
            text("read6", &[("fua", 1)]),
            "read6 has no argument \"fua\"; it has lba, blocks, control"
        );
        assert_eq!(text("read6", &[("lba", 1 << 21)]), "0x200000 does not fit into lba, which has 21 bit(s)");
        assert_eq!(transfer(&[0xee, 0], 512), None);
        assert_eq!(transfer(&[0x28, 0], 512), None);
        assert_eq!(describe(&[0xee, 1]), "ee01");
    }
}
