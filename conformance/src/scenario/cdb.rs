//! Which SCSI commands have names, and how do their operands lie in the CDB? (SPC-4, SBC-3, SAM-5)
//!
//! A table: operation, opcode, operands by bit position. A scenario names the operation and its operands; anything that
//! has no name here is written as bytes.

/// Which way data goes, and how much by the CDB alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// None.
    None,
    /// To the initiator: as many blocks as this operand says.
    InBlocks(&'static str),
    /// To the target: as many blocks as this operand says.
    OutBlocks(&'static str),
    /// As [`Transfer::OutBlocks`], but only if BYTCHK is not 0.
    CheckBlocks(&'static str),
    /// To the initiator: at most as many bytes as this operand says.
    InBytes(&'static str),
    /// To the target: as many bytes as this operand says.
    OutBytes(&'static str),
    /// To the initiator: always as many bytes.
    InFixed(u32),
}

/// A field of a CDB: bits counted from the most significant one of byte 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Name in scenarios.
    pub name: &'static str,
    /// First byte.
    pub byte: usize,
    /// Least significant bit within the last byte, 0 to 7.
    pub shift: u32,
    /// Width in bits, at most 64.
    pub bits: u32,
    /// Value when it is not named.
    pub default: u64,
}

/// A SCSI command by name.
#[derive(Clone, Copy, Debug)]
pub struct Op {
    /// Name in scenarios.
    pub name: &'static str,
    /// Operation code.
    pub code: u8,
    /// Length of the CDB in bytes.
    pub len: usize,
    /// Data that goes with it.
    pub transfer: Transfer,
    /// What can be set.
    pub operands: &'static [Operand],
}

const fn whole(name: &'static str, byte: usize, bytes: u32, default: u64) -> Operand {
    Operand { name, byte, shift: 0, bits: bytes * 8, default }
}

const fn bits(name: &'static str, byte: usize, shift: u32, bits: u32, default: u64) -> Operand {
    Operand { name, byte, shift, bits, default }
}

const fn op(
    name: &'static str,
    code: u8,
    len: usize,
    transfer: Transfer,
    operands: &'static [Operand],
) -> Op {
    Op { name, code, len, transfer, operands }
}

const DPO: Operand = bits("dpo", 1, 4, 1, 0);
const FUA: Operand = bits("fua", 1, 3, 1, 0);
const PROTECT: Operand = bits("protect", 1, 5, 3, 0);
const BYTCHK: Operand = bits("bytchk", 1, 1, 2, 0);
const IMMED: Operand = bits("immed", 1, 1, 1, 0);

static RW6: &[Operand] = &[
    Operand { name: "lba", byte: 1, shift: 0, bits: 21, default: 0 },
    whole("blocks", 4, 1, 1),
    whole("control", 5, 1, 0),
];
static RW10: &[Operand] =
    &[PROTECT, DPO, FUA, whole("lba", 2, 4, 0), whole("blocks", 7, 2, 1), whole("control", 9, 1, 0)];
static RW12: &[Operand] =
    &[PROTECT, DPO, FUA, whole("lba", 2, 4, 0), whole("blocks", 6, 4, 1), whole("control", 11, 1, 0)];
static RW16: &[Operand] =
    &[PROTECT, DPO, FUA, whole("lba", 2, 8, 0), whole("blocks", 10, 4, 1), whole("control", 15, 1, 0)];
static CHECK10: &[Operand] =
    &[PROTECT, DPO, BYTCHK, whole("lba", 2, 4, 0), whole("blocks", 7, 2, 1), whole("control", 9, 1, 0)];
static CHECK12: &[Operand] =
    &[PROTECT, DPO, BYTCHK, whole("lba", 2, 4, 0), whole("blocks", 6, 4, 1), whole("control", 11, 1, 0)];
static CHECK16: &[Operand] =
    &[PROTECT, DPO, BYTCHK, whole("lba", 2, 8, 0), whole("blocks", 10, 4, 1), whole("control", 15, 1, 0)];
static SENSE6: &[Operand] = &[
    bits("dbd", 1, 3, 1, 0),
    bits("pc", 2, 6, 2, 0),
    bits("page", 2, 0, 6, 0x3f),
    whole("subpage", 3, 1, 0),
    whole("length", 4, 1, 255),
];
static SENSE10: &[Operand] = &[
    bits("llbaa", 1, 4, 1, 0),
    bits("dbd", 1, 3, 1, 0),
    bits("pc", 2, 6, 2, 0),
    bits("page", 2, 0, 6, 0x3f),
    whole("subpage", 3, 1, 0),
    whole("length", 7, 2, 512),
];
static SELECT6: &[Operand] = &[bits("pf", 1, 4, 1, 1), bits("sp", 1, 0, 1, 0), whole("length", 4, 1, 0)];
static SELECT10: &[Operand] = &[bits("pf", 1, 4, 1, 1), bits("sp", 1, 0, 1, 0), whole("length", 7, 2, 0)];
static INQUIRY: &[Operand] = &[
    bits("evpd", 1, 0, 1, 0),
    whole("page", 2, 1, 0),
    whole("length", 3, 2, 255),
    whole("control", 5, 1, 0),
];
static REPORT_OPCODES: &[Operand] = &[
    bits("action", 1, 0, 5, 0x0c),
    bits("rctd", 2, 7, 1, 0),
    bits("options", 2, 0, 3, 0),
    whole("opcode", 3, 1, 0),
    whole("service_action", 4, 2, 0),
    whole("length", 6, 4, 4096),
];

/// Every command that has a name, by opcode.
pub static OPS: &[Op] = &[
    op("test_unit_ready", 0x00, 6, Transfer::None, &[whole("control", 5, 1, 0)]),
    op(
        "request_sense",
        0x03,
        6,
        Transfer::InBytes("length"),
        &[bits("desc", 1, 0, 1, 0), whole("length", 4, 1, 252)],
    ),
    op("read6", 0x08, 6, Transfer::InBlocks("blocks"), RW6),
    op("write6", 0x0a, 6, Transfer::OutBlocks("blocks"), RW6),
    op("inquiry", 0x12, 6, Transfer::InBytes("length"), INQUIRY),
    op("mode_select6", 0x15, 6, Transfer::OutBytes("length"), SELECT6),
    op("reserve6", 0x16, 6, Transfer::None, &[]),
    op("release6", 0x17, 6, Transfer::None, &[]),
    op("mode_sense6", 0x1a, 6, Transfer::InBytes("length"), SENSE6),
    op(
        "start_stop_unit",
        0x1b,
        6,
        Transfer::None,
        &[IMMED_BIT0, bits("power", 4, 4, 4, 0), bits("loej", 4, 1, 1, 0), bits("start", 4, 0, 1, 1)],
    ),
    op("prevent_allow", 0x1e, 6, Transfer::None, &[bits("prevent", 4, 0, 2, 0)]),
    op("read_capacity10", 0x25, 10, Transfer::InFixed(8), &[whole("lba", 2, 4, 0), bits("pmi", 8, 0, 1, 0)]),
    op("read10", 0x28, 10, Transfer::InBlocks("blocks"), RW10),
    op("write10", 0x2a, 10, Transfer::OutBlocks("blocks"), RW10),
    op("write_and_verify10", 0x2e, 10, Transfer::OutBlocks("blocks"), CHECK10),
    op("verify10", 0x2f, 10, Transfer::CheckBlocks("blocks"), CHECK10),
    op(
        "synchronize_cache10",
        0x35,
        10,
        Transfer::None,
        &[IMMED, whole("lba", 2, 4, 0), whole("blocks", 7, 2, 0)],
    ),
    op("mode_select10", 0x55, 10, Transfer::OutBytes("length"), SELECT10),
    op("mode_sense10", 0x5a, 10, Transfer::InBytes("length"), SENSE10),
    op("read16", 0x88, 16, Transfer::InBlocks("blocks"), RW16),
    op("write16", 0x8a, 16, Transfer::OutBlocks("blocks"), RW16),
    op("write_and_verify16", 0x8e, 16, Transfer::OutBlocks("blocks"), CHECK16),
    op("verify16", 0x8f, 16, Transfer::CheckBlocks("blocks"), CHECK16),
    op(
        "synchronize_cache16",
        0x91,
        16,
        Transfer::None,
        &[IMMED, whole("lba", 2, 8, 0), whole("blocks", 10, 4, 0)],
    ),
    op(
        "read_capacity16",
        0x9e,
        16,
        Transfer::InBytes("length"),
        &[bits("action", 1, 0, 5, 0x10), whole("lba", 2, 8, 0), whole("length", 10, 4, 32)],
    ),
    op(
        "report_luns",
        0xa0,
        12,
        Transfer::InBytes("length"),
        &[whole("select", 2, 1, 0), whole("length", 6, 4, 4096)],
    ),
    op("report_supported_opcodes", 0xa3, 12, Transfer::InBytes("length"), REPORT_OPCODES),
    op("read12", 0xa8, 12, Transfer::InBlocks("blocks"), RW12),
    op("write12", 0xaa, 12, Transfer::OutBlocks("blocks"), RW12),
    op("write_and_verify12", 0xae, 12, Transfer::OutBlocks("blocks"), CHECK12),
    op("verify12", 0xaf, 12, Transfer::CheckBlocks("blocks"), CHECK12),
];

const IMMED_BIT0: Operand = bits("immed", 1, 0, 1, 0);

/// The command of that name; `tur` and `sync` style abbreviations of the two most frequent ones too.
pub fn find(name: &str) -> Option<&'static Op> {
    let name = match name {
        "tur" => "test_unit_ready",
        "report_opcodes" => "report_supported_opcodes",
        name => name,
    };
    OPS.iter().find(|op| op.name == name)
}

/// The names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    OPS.iter().map(|op| op.name)
}

impl Op {
    /// The operand of that name.
    pub fn operand(&self, name: &str) -> Option<&'static Operand> {
        self.operands.iter().find(|operand| operand.name == name)
    }

    /// The bytes, operands not given at their defaults. Errors name the operand that does not fit.
    pub fn encode(&self, given: &[(String, u64)]) -> Result<Vec<u8>, String> {
        let mut cdb = vec![0; self.len];
        cdb[0] = self.code;
        for operand in self.operands {
            let value = given
                .iter()
                .find(|(name, _)| name == operand.name)
                .map_or(operand.default, |(_, value)| *value);
            operand.put(&mut cdb, value)?;
        }
        match given.iter().find(|(name, _)| self.operand(name).is_none()) {
            Some((name, _)) => {
                Err(crate::yaml::unknown("operand", name, self.operands.iter().map(|operand| operand.name)))
            }
            None => Ok(cdb),
        }
    }

    /// Bytes that go to (`W`) or come from (`R`) the target by the CDB, for blocks of `block` bytes: `(read, write)`.
    pub fn transfer_bytes(&self, given: &[(String, u64)], block: u64) -> (u64, u64) {
        let value = |name: &str| {
            let set = given.iter().find(|(given, _)| given == name).map(|(_, value)| *value);
            set.or_else(|| self.operand(name).map(|operand| operand.default)).unwrap_or(0)
        };
        // READ(6) and WRITE(6) count 0 as 256 (SBC-3 5.9, 5.29).
        let blocks = |name: &str| match value(name) {
            0 if self.len == 6 => 256 * block,
            count => count.saturating_mul(block),
        };
        match self.transfer {
            Transfer::None => (0, 0),
            Transfer::InBlocks(name) => (blocks(name), 0),
            Transfer::OutBlocks(name) => (0, blocks(name)),
            Transfer::CheckBlocks(_) if value("bytchk") == 0 => (0, 0),
            Transfer::CheckBlocks(_) if value("bytchk") == 3 => (0, block),
            Transfer::CheckBlocks(name) => (0, blocks(name)),
            Transfer::InBytes(name) => (value(name), 0),
            Transfer::OutBytes(name) => (0, value(name)),
            Transfer::InFixed(bytes) => (bytes.into(), 0),
        }
    }
}

impl Operand {
    fn put(&self, cdb: &mut [u8], value: u64) -> Result<(), String> {
        if self.bits < 64 && value >> self.bits != 0 {
            return Err(format!("{}: {value} does not fit into {} bits", self.name, self.bits));
        }
        let bytes = ((self.bits + self.shift) as usize).div_ceil(8);
        let shifted = u128::from(value) << self.shift;
        for (at, byte) in cdb.iter_mut().skip(self.byte).take(bytes).enumerate() {
            *byte |= (shifted >> (8 * (bytes - 1 - at))) as u8;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_standards() {
        let encode = |name: &str, given: &[(&str, u64)]| {
            let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            find(name).expect(name).encode(&given)
        };
        let read6 = encode("read6", &[("lba", 0x1f_1234), ("blocks", 8)]);
        assert_eq!(read6, Ok(vec![0x08, 0x1f, 0x12, 0x34, 8, 0]));
        let write10 = encode("write10", &[("lba", 0x0102_0304), ("blocks", 0x0506), ("fua", 1)]);
        assert_eq!(write10, Ok(vec![0x2a, 8, 1, 2, 3, 4, 0, 5, 6, 0]));
        let capacity = encode("read_capacity16", &[]);
        assert_eq!(capacity, Ok(vec![0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0]));
        let vpd = encode("inquiry", &[("evpd", 1), ("page", 0x83), ("length", 256)]);
        assert_eq!(vpd, Ok(vec![0x12, 1, 0x83, 1, 0, 0]));
        let sense = encode("mode_sense6", &[("page", 8), ("pc", 1), ("dbd", 1)]);
        assert_eq!(sense, Ok(vec![0x1a, 8, 0x48, 0, 255, 0]));
        assert!(encode("read10", &[("blocks", 65536)]).is_err());
        assert!(encode("read10", &[("lbaa", 1)]).is_err_and(|error| error.contains("did you mean `lba`")));
    }

    #[test]
    fn no_operand_leaves_its_cdb_and_no_two_overlap() {
        for op in OPS {
            let mut used = vec![0_u8; op.len];
            used[0] = 0xff;
            for operand in op.operands {
                let mut mine = vec![0; op.len];
                let all = if operand.bits == 64 { u64::MAX } else { (1 << operand.bits) - 1 };
                operand.put(&mut mine, all).expect("fits");
                assert_eq!(
                    mine.iter().map(|byte| byte.count_ones()).sum::<u32>(),
                    operand.bits,
                    "{}",
                    op.name
                );
                for (used, mine) in used.iter_mut().zip(&mine) {
                    assert_eq!(*used & mine, 0, "{} {}", op.name, operand.name);
                    *used |= mine;
                }
            }
        }
    }

    #[test]
    fn the_length_follows_from_the_operands() {
        let len = |name: &str, given: &[(&str, u64)]| {
            let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            find(name).expect(name).transfer_bytes(&given, 512)
        };
        assert_eq!(len("read10", &[("blocks", 3)]), (1536, 0));
        assert_eq!(len("write6", &[("blocks", 0)]), (0, 256 * 512));
        assert_eq!(len("write16", &[("blocks", 0)]), (0, 0));
        assert_eq!(len("verify10", &[("blocks", 4)]), (0, 0));
        assert_eq!(len("verify10", &[("blocks", 4), ("bytchk", 1)]), (0, 2048));
        assert_eq!(len("inquiry", &[]), (255, 0));
        assert_eq!(len("tur", &[]), (0, 0));
    }
}
