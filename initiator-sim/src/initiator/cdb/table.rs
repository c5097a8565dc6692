//! Which commands have a name here, and what is where in their CDBs? (SPC-4, SBC-3)

use super::{Arg, Command, Data};

/// `bit` is SCSI's number of the field's highest bit in its first byte: 7 is the most significant.
const fn arg(name: &'static str, byte: u8, bit: u8, width: u8, default: u64) -> Arg {
    Arg { name, at: byte as u16 * 8 + (7 - bit) as u16, width, default }
}
const fn byte(name: &'static str, at: u8, default: u64) -> Arg {
    arg(name, at, 7, 8, default)
}
const fn flag(name: &'static str, at: u8, bit: u8) -> Arg {
    arg(name, at, bit, 1, 0)
}
const fn short(name: &'static str, at: u8, default: u64) -> Arg {
    arg(name, at, 7, 16, default)
}
const fn long(name: &'static str, at: u8, default: u64) -> Arg {
    arg(name, at, 7, 32, default)
}
const fn cmd(name: &'static str, opcode: u8, len: u8, data: Data, args: &'static [Arg]) -> Command {
    Command { name, opcode, action: None, len, data, args }
}
const fn sub(
    name: &'static str,
    opcode: u8,
    action: u8,
    len: u8,
    data: Data,
    args: &'static [Arg],
) -> Command {
    Command { name, opcode, action: Some(action), len, data, args }
}

const DPO: Arg = flag("dpo", 1, 4);
const FUA: Arg = flag("fua", 1, 3);
const PROTECT: Arg = arg("protect", 1, 7, 3, 0);
const BYTCHK: Arg = arg("bytchk", 1, 2, 2, 0);
const IMMED: Arg = flag("immed", 1, 1);
const LBA10: Arg = long("lba", 2, 0);
const LBA16: Arg = arg("lba", 2, 7, 64, 0);
const GROUP10: Arg = arg("group", 6, 4, 5, 0);
const GROUP12: Arg = arg("group", 10, 4, 5, 0);
const GROUP16: Arg = arg("group", 14, 4, 5, 0);
const BLOCKS10: Arg = short("blocks", 7, 1);
const BLOCKS12: Arg = long("blocks", 6, 1);
const BLOCKS16: Arg = long("blocks", 10, 1);

/// Reads and writes of 10, 12 and 16 bytes share their layouts.
const RW10: &[Arg] = &[PROTECT, DPO, FUA, LBA10, GROUP10, BLOCKS10];
const RW12: &[Arg] = &[PROTECT, DPO, FUA, LBA10, BLOCKS12, GROUP12];
const RW16: &[Arg] = &[PROTECT, DPO, FUA, LBA16, BLOCKS16, GROUP16];
const VERIFY10: &[Arg] = &[PROTECT, DPO, BYTCHK, LBA10, GROUP10, BLOCKS10];
const VERIFY12: &[Arg] = &[PROTECT, DPO, BYTCHK, LBA10, BLOCKS12, GROUP12];
const VERIFY16: &[Arg] = &[PROTECT, DPO, BYTCHK, LBA16, BLOCKS16, GROUP16];
/// 21 bits of address; a block count of 0 means 256.
const RW6: &[Arg] = &[arg("lba", 1, 4, 21, 0), byte("blocks", 4, 1)];
const SYNC10: &[Arg] = &[IMMED, LBA10, GROUP10, short("blocks", 7, 0)];
const SYNC16: &[Arg] = &[IMMED, LBA16, long("blocks", 10, 0), GROUP16];

/// All commands by name. Two with the same opcode differ in their service action.
pub(super) static COMMANDS: &[Command] = &[
    cmd("test_unit_ready", 0x00, 6, Data::None, &[]),
    cmd("request_sense", 0x03, 6, Data::In("alloc"), &[flag("desc", 1, 0), byte("alloc", 4, 252)]),
    cmd("read6", 0x08, 6, Data::ReadBlocks, RW6),
    cmd("write6", 0x0a, 6, Data::WriteBlocks, RW6),
    cmd(
        "inquiry",
        0x12,
        6,
        Data::In("alloc"),
        &[flag("evpd", 1, 0), byte("page", 2, 0), short("alloc", 3, 252)],
    ),
    cmd(
        "mode_select6",
        0x15,
        6,
        Data::Out("len"),
        &[arg("pf", 1, 4, 1, 1), flag("sp", 1, 0), byte("len", 4, 0)],
    ),
    cmd("reserve6", 0x16, 6, Data::None, &[]),
    cmd("release6", 0x17, 6, Data::None, &[]),
    cmd(
        "mode_sense6",
        0x1a,
        6,
        Data::In("alloc"),
        &[
            flag("dbd", 1, 3),
            arg("pc", 2, 7, 2, 0),
            arg("page", 2, 5, 6, 0x3f),
            byte("subpage", 3, 0),
            byte("alloc", 4, 252),
        ],
    ),
    cmd(
        "start_stop_unit",
        0x1b,
        6,
        Data::None,
        &[
            flag("immed", 1, 0),
            arg("modifier", 3, 3, 4, 0),
            arg("power_condition", 4, 7, 4, 0),
            flag("no_flush", 4, 2),
            flag("loej", 4, 1),
            flag("start", 4, 0),
        ],
    ),
    cmd(
        "receive_diagnostic",
        0x1c,
        6,
        Data::In("alloc"),
        &[flag("pcv", 1, 0), byte("page", 2, 0), short("alloc", 3, 252)],
    ),
    cmd(
        "send_diagnostic",
        0x1d,
        6,
        Data::Out("len"),
        &[arg("self_test_code", 1, 7, 3, 0), flag("pf", 1, 4), flag("self_test", 1, 2), short("len", 3, 0)],
    ),
    cmd("prevent_allow", 0x1e, 6, Data::None, &[arg("prevent", 4, 1, 2, 0)]),
    cmd("read_capacity10", 0x25, 10, Data::InFixed(8), &[LBA10, flag("pmi", 8, 0)]),
    cmd("read10", 0x28, 10, Data::ReadBlocks, RW10),
    cmd("write10", 0x2a, 10, Data::WriteBlocks, RW10),
    cmd("write_verify10", 0x2e, 10, Data::WriteBlocks, VERIFY10),
    cmd("verify10", 0x2f, 10, Data::Verify, VERIFY10),
    cmd("prefetch10", 0x34, 10, Data::None, SYNC10),
    cmd(
        "read_defect_data10",
        0x37,
        10,
        Data::In("alloc"),
        &[flag("plist", 2, 4), flag("glist", 2, 3), arg("format", 2, 2, 3, 0), short("alloc", 7, 4)],
    ),
    cmd("sync_cache10", 0x35, 10, Data::None, SYNC10),
    cmd(
        "write_buffer",
        0x3b,
        10,
        Data::Out("len"),
        &[arg("mode", 1, 4, 5, 2), byte("buffer", 2, 0), arg("offset", 3, 7, 24, 0), arg("len", 6, 7, 24, 0)],
    ),
    cmd(
        "read_buffer",
        0x3c,
        10,
        Data::In("alloc"),
        &[
            arg("mode", 1, 4, 5, 2),
            byte("buffer", 2, 0),
            arg("offset", 3, 7, 24, 0),
            arg("alloc", 6, 7, 24, 512),
        ],
    ),
    cmd(
        "write_same10",
        0x41,
        10,
        Data::OneBlock,
        &[PROTECT, flag("anchor", 1, 4), flag("unmap", 1, 3), LBA10, GROUP10, BLOCKS10],
    ),
    cmd("unmap", 0x42, 10, Data::Out("len"), &[flag("anchor", 1, 0), GROUP10, short("len", 7, 24)]),
    cmd(
        "log_select",
        0x4c,
        10,
        Data::Out("len"),
        &[flag("pcr", 1, 1), flag("sp", 1, 0), arg("pc", 2, 7, 2, 0), short("len", 7, 0)],
    ),
    cmd(
        "log_sense",
        0x4d,
        10,
        Data::In("alloc"),
        &[
            flag("sp", 1, 0),
            arg("pc", 2, 7, 2, 1),
            arg("page", 2, 5, 6, 0),
            byte("subpage", 3, 0),
            short("parameter", 5, 0),
            short("alloc", 7, 512),
        ],
    ),
    cmd(
        "mode_select10",
        0x55,
        10,
        Data::Out("len"),
        &[arg("pf", 1, 4, 1, 1), flag("sp", 1, 0), short("len", 7, 0)],
    ),
    cmd("reserve10", 0x56, 10, Data::None, &[]),
    cmd("release10", 0x57, 10, Data::None, &[]),
    cmd(
        "mode_sense10",
        0x5a,
        10,
        Data::In("alloc"),
        &[
            flag("llbaa", 1, 4),
            flag("dbd", 1, 3),
            arg("pc", 2, 7, 2, 0),
            arg("page", 2, 5, 6, 0x3f),
            byte("subpage", 3, 0),
            short("alloc", 7, 512),
        ],
    ),
    cmd(
        "persistent_reserve_in",
        0x5e,
        10,
        Data::In("alloc"),
        &[arg("action", 1, 4, 5, 0), short("alloc", 7, 1024)],
    ),
    cmd(
        "persistent_reserve_out",
        0x5f,
        10,
        Data::Out("len"),
        &[arg("action", 1, 4, 5, 0), arg("scope", 2, 7, 4, 0), arg("type", 2, 3, 4, 0), long("len", 5, 24)],
    ),
    cmd("read16", 0x88, 16, Data::ReadBlocks, RW16),
    cmd(
        "compare_and_write",
        0x89,
        16,
        Data::TwiceBlocks,
        &[PROTECT, DPO, FUA, LBA16, byte("blocks", 13, 1), GROUP16],
    ),
    cmd("write16", 0x8a, 16, Data::WriteBlocks, RW16),
    cmd("orwrite16", 0x8b, 16, Data::WriteBlocks, RW16),
    cmd("write_verify16", 0x8e, 16, Data::WriteBlocks, VERIFY16),
    cmd("verify16", 0x8f, 16, Data::Verify, VERIFY16),
    cmd("prefetch16", 0x90, 16, Data::None, SYNC16),
    cmd("sync_cache16", 0x91, 16, Data::None, SYNC16),
    cmd(
        "write_same16",
        0x93,
        16,
        Data::OneBlock,
        &[PROTECT, flag("anchor", 1, 4), flag("unmap", 1, 3), flag("ndob", 1, 0), LBA16, BLOCKS16, GROUP16],
    ),
    cmd(
        "write_atomic16",
        0x9c,
        16,
        Data::WriteBlocks,
        &[PROTECT, DPO, FUA, LBA16, short("boundary", 10, 0), short("blocks", 12, 1), GROUP16],
    ),
    sub(
        "read_capacity16",
        0x9e,
        0x10,
        16,
        Data::In("alloc"),
        &[LBA16, long("alloc", 10, 32), flag("pmi", 14, 0)],
    ),
    sub("get_lba_status", 0x9e, 0x12, 16, Data::In("alloc"), &[LBA16, long("alloc", 10, 512)]),
    cmd("report_luns", 0xa0, 12, Data::In("alloc"), &[byte("select", 2, 0), long("alloc", 6, 4096)]),
    sub("extended_copy_lid1", 0x83, 0x00, 16, Data::Out("len"), &[long("len", 10, 0)]),
    sub("extended_copy_lid4", 0x83, 0x01, 16, Data::Out("len"), &[long("len", 10, 0)]),
    sub("populate_token", 0x83, 0x10, 16, Data::Out("len"), &[long("list_id", 6, 0), long("len", 10, 32)]),
    sub(
        "write_using_token",
        0x83,
        0x11,
        16,
        Data::Out("len"),
        &[long("list_id", 6, 0), long("len", 10, 552)],
    ),
    sub(
        "receive_copy_status_lid1",
        0x84,
        0x00,
        16,
        Data::In("alloc"),
        &[byte("list_id", 2, 0), long("alloc", 10, 12)],
    ),
    sub(
        "receive_copy_data_lid1",
        0x84,
        0x01,
        16,
        Data::In("alloc"),
        &[byte("list_id", 2, 0), long("alloc", 10, 4)],
    ),
    sub("receive_copy_operating_parameters", 0x84, 0x03, 16, Data::In("alloc"), &[long("alloc", 10, 46)]),
    sub(
        "receive_copy_failure_details",
        0x84,
        0x04,
        16,
        Data::In("alloc"),
        &[byte("list_id", 2, 0), long("alloc", 10, 80)],
    ),
    sub(
        "receive_copy_status_lid4",
        0x84,
        0x05,
        16,
        Data::In("alloc"),
        &[long("list_id", 2, 0), long("alloc", 10, 36)],
    ),
    sub(
        "receive_rod_token_information",
        0x84,
        0x07,
        16,
        Data::In("alloc"),
        &[long("list_id", 2, 0), long("alloc", 10, 554)],
    ),
    sub(
        "report_target_port_groups",
        0xa3,
        0x0a,
        12,
        Data::In("alloc"),
        &[arg("format", 1, 7, 3, 0), long("alloc", 6, 1024)],
    ),
    sub(
        "report_supported_opcodes",
        0xa3,
        0x0c,
        12,
        Data::In("alloc"),
        &[
            flag("rctd", 2, 7),
            arg("options", 2, 2, 3, 0),
            byte("opcode", 3, 0),
            short("action", 4, 0),
            long("alloc", 6, 4096),
        ],
    ),
    sub(
        "report_supported_tmf",
        0xa3,
        0x0d,
        12,
        Data::In("alloc"),
        &[flag("repd", 2, 7), long("alloc", 6, 16)],
    ),
    sub(
        "report_identifying_information",
        0xa3,
        0x05,
        12,
        Data::In("alloc"),
        &[long("alloc", 6, 260), arg("type", 10, 7, 7, 0)],
    ),
    sub(
        "report_priority",
        0xa3,
        0x0e,
        12,
        Data::In("alloc"),
        &[arg("reported", 2, 7, 2, 0), long("alloc", 6, 256)],
    ),
    sub(
        "set_identifying_information",
        0xa4,
        0x06,
        12,
        Data::Out("len"),
        &[long("len", 6, 0), arg("type", 10, 7, 7, 0)],
    ),
    sub("set_target_port_groups", 0xa4, 0x0a, 12, Data::Out("len"), &[long("len", 6, 8)]),
    sub("set_priority", 0xa4, 0x0e, 12, Data::Out("len"), &[arg("whose", 2, 7, 2, 0), long("len", 6, 8)]),
    sub("report_timestamp", 0xa3, 0x0f, 12, Data::In("alloc"), &[long("alloc", 6, 12)]),
    sub("set_timestamp", 0xa4, 0x0f, 12, Data::Out("len"), &[long("len", 6, 12)]),
    cmd("read12", 0xa8, 12, Data::ReadBlocks, RW12),
    cmd("write12", 0xaa, 12, Data::WriteBlocks, RW12),
    cmd("write_verify12", 0xae, 12, Data::WriteBlocks, VERIFY12),
    cmd("verify12", 0xaf, 12, Data::Verify, VERIFY12),
    cmd(
        "read_defect_data12",
        0xb7,
        12,
        Data::In("alloc"),
        &[flag("plist", 1, 4), flag("glist", 1, 3), arg("format", 1, 2, 3, 0), long("alloc", 6, 8)],
    ),
];

/// Other names of the same commands.
pub(super) const ALIASES: [(&str, &str); 8] = [
    ("tur", "test_unit_ready"),
    ("prefetch", "prefetch10"),
    ("orwrite", "orwrite16"),
    ("write_and_verify10", "write_verify10"),
    ("write_and_verify12", "write_verify12"),
    ("write_and_verify16", "write_verify16"),
    ("synchronize_cache10", "sync_cache10"),
    ("synchronize_cache16", "sync_cache16"),
];
