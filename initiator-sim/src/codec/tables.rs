//! Which fields has each PDU, and where? The figures of RFC 7143 11.3 to 11.19, one table each.
//!
//! Bytes and bits are counted as the figures count them. Reserved areas have no entry: `Byte0` to `Byte47`
//! reach them. `F` is listed where the RFC draws the bit as a constant 1 too, so that it can be cleared.

use super::{Field, Kind};

const fn opcode(code: u64) -> Field {
    Field::bits("Opcode", 0, 2, 6, code)
}
const fn flag(name: &'static str, bit: u8, default: u64) -> Field {
    Field::bits(name, 1, bit, 1, default)
}
const fn long(name: &'static str, byte: usize) -> Field {
    Field::bytes(name, byte, 4, 0)
}
const fn tag(name: &'static str, byte: usize) -> Field {
    Field::bytes(name, byte, 4, 0xffff_ffff)
}

/// Drawn for requests in 11.2.1.1; Data-Out and SNACK have it reserved.
const I: Field = Field::bits("I", 0, 1, 1, 0);
const I_SET: Field = Field::bits("I", 0, 1, 1, 1);
const F: Field = flag("F", 0, 0);
const F_SET: Field = flag("F", 0, 1);
const T: Field = flag("T", 0, 0);
const C: Field = flag("C", 1, 0);
const CSG: Field = Field::bits("CSG", 1, 4, 2, 0);
const NSG: Field = Field::bits("NSG", 1, 6, 2, 0);
const AHS_LEN: Field = Field::bytes("TotalAHSLength", 4, 1, 0);
const DATA_LEN: Field = Field::bytes("DataSegmentLength", 5, 3, 0);
const LUN: Field = Field::bytes("LUN", 8, 8, 0);
const ISID: Field = Field::bytes("ISID", 8, 6, 0);
const TSIH: Field = Field::bytes("TSIH", 14, 2, 0);
const ITT: Field = tag("ITT", 16);
const TTT: Field = tag("TTT", 20);
const CID: Field = Field::bytes("CID", 20, 2, 0);
const CMD_SN: Field = long("CmdSN", 24);
const STAT_SN: Field = long("StatSN", 24);
const EXP_STAT_SN: Field = long("ExpStatSN", 28);
const EXP_CMD_SN: Field = long("ExpCmdSN", 28);
const MAX_CMD_SN: Field = long("MaxCmdSN", 32);

static NOP_OUT: [Field; 10] = [opcode(0x00), I, F_SET, AHS_LEN, DATA_LEN, LUN, ITT, TTT, CMD_SN, EXP_STAT_SN];

static SCSI_COMMAND: [Field; 15] = [
    opcode(0x01),
    I,
    F_SET,
    flag("R", 1, 0),
    flag("W", 2, 0),
    Field::bits("ATTR", 1, 5, 3, 1),
    // RFC 7144 5.1.1
    Field::bits("PRI", 2, 0, 4, 0),
    AHS_LEN,
    DATA_LEN,
    LUN,
    ITT,
    long("EDTL", 20),
    CMD_SN,
    EXP_STAT_SN,
    Field::bytes("CDB", 32, 16, 0),
];

static TASK_REQUEST: [Field; 13] = [
    opcode(0x02),
    I,
    F_SET,
    Field::bits("Function", 1, 1, 7, 0),
    AHS_LEN,
    DATA_LEN,
    LUN,
    ITT,
    tag("RefTaskTag", 20),
    CMD_SN,
    EXP_STAT_SN,
    long("RefCmdSN", 32),
    long("ExpDataSN", 36),
];

static LOGIN_REQUEST: [Field; 16] = [
    opcode(0x03),
    I_SET,
    T,
    C,
    CSG,
    NSG,
    Field::bytes("VersionMax", 2, 1, 0),
    Field::bytes("VersionMin", 3, 1, 0),
    AHS_LEN,
    DATA_LEN,
    ISID,
    TSIH,
    ITT,
    CID,
    CMD_SN,
    EXP_STAT_SN,
];

static TEXT_REQUEST: [Field; 11] =
    [opcode(0x04), I, F_SET, C, AHS_LEN, DATA_LEN, LUN, ITT, TTT, CMD_SN, EXP_STAT_SN];

static DATA_OUT: [Field; 11] = [
    opcode(0x05),
    I,
    F,
    AHS_LEN,
    DATA_LEN,
    LUN,
    ITT,
    TTT,
    EXP_STAT_SN,
    long("DataSN", 36),
    long("BufferOffset", 40),
];

static LOGOUT_REQUEST: [Field; 10] = [
    opcode(0x06),
    I,
    F_SET,
    Field::bits("Reason", 1, 1, 7, 0),
    AHS_LEN,
    DATA_LEN,
    ITT,
    CID,
    CMD_SN,
    EXP_STAT_SN,
];

/// TTT and SNACKTag are two names of the same word: which it is depends on Type (11.16.5).
static SNACK: [Field; 13] = [
    opcode(0x10),
    I,
    F_SET,
    Field::bits("Type", 1, 4, 4, 0),
    AHS_LEN,
    DATA_LEN,
    LUN,
    ITT,
    TTT,
    tag("SNACKTag", 20),
    EXP_STAT_SN,
    long("BegRun", 40),
    long("RunLength", 44),
];

static NOP_IN: [Field; 10] =
    [opcode(0x20), F_SET, AHS_LEN, DATA_LEN, LUN, ITT, TTT, STAT_SN, EXP_CMD_SN, MAX_CMD_SN];

static SCSI_RESPONSE: [Field; 19] = [
    opcode(0x21),
    F_SET,
    flag("o", 3, 0),
    flag("u", 4, 0),
    flag("O", 5, 0),
    flag("U", 6, 0),
    Field::bytes("Response", 2, 1, 0),
    Field::bytes("Status", 3, 1, 0),
    AHS_LEN,
    DATA_LEN,
    // RFC 7144 5.2.1
    Field::bytes("StatusQualifier", 8, 2, 0),
    ITT,
    long("SNACKTag", 20),
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
    long("ExpDataSN", 36),
    long("BidiResidualCount", 40),
    long("ResidualCount", 44),
];

static TASK_RESPONSE: [Field; 10] = [
    opcode(0x22),
    F_SET,
    Field::bytes("Response", 2, 1, 0),
    AHS_LEN,
    DATA_LEN,
    // RFC 7144 6.4.1
    Field::bytes("AdditionalInfo", 8, 3, 0),
    ITT,
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
];

static LOGIN_RESPONSE: [Field; 17] = [
    opcode(0x23),
    T,
    C,
    CSG,
    NSG,
    Field::bytes("VersionMax", 2, 1, 0),
    Field::bytes("VersionActive", 3, 1, 0),
    AHS_LEN,
    DATA_LEN,
    ISID,
    TSIH,
    ITT,
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
    Field::bytes("StatusClass", 36, 1, 0),
    Field::bytes("StatusDetail", 37, 1, 0),
];

static TEXT_RESPONSE: [Field; 11] =
    [opcode(0x24), F_SET, C, AHS_LEN, DATA_LEN, LUN, ITT, TTT, STAT_SN, EXP_CMD_SN, MAX_CMD_SN];

static DATA_IN: [Field; 18] = [
    opcode(0x25),
    F,
    flag("A", 1, 0),
    flag("O", 5, 0),
    flag("U", 6, 0),
    flag("S", 7, 0),
    Field::bytes("Status", 3, 1, 0),
    AHS_LEN,
    DATA_LEN,
    LUN,
    ITT,
    TTT,
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
    long("DataSN", 36),
    long("BufferOffset", 40),
    long("ResidualCount", 44),
];

static LOGOUT_RESPONSE: [Field; 11] = [
    opcode(0x26),
    F_SET,
    Field::bytes("Response", 2, 1, 0),
    AHS_LEN,
    DATA_LEN,
    ITT,
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
    Field::bytes("Time2Wait", 40, 2, 0),
    Field::bytes("Time2Retain", 42, 2, 0),
];

static R2T: [Field; 13] = [
    opcode(0x31),
    F_SET,
    AHS_LEN,
    DATA_LEN,
    LUN,
    ITT,
    TTT,
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
    long("R2TSN", 36),
    long("BufferOffset", 40),
    long("DesiredLen", 44),
];

static ASYNC_MESSAGE: [Field; 14] = [
    opcode(0x32),
    F_SET,
    AHS_LEN,
    DATA_LEN,
    LUN,
    ITT,
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
    Field::bytes("AsyncEvent", 36, 1, 0),
    Field::bytes("AsyncVCode", 37, 1, 0),
    Field::bytes("Parameter1", 38, 2, 0),
    Field::bytes("Parameter2", 40, 2, 0),
    Field::bytes("Parameter3", 42, 2, 0),
];

/// DataSN and R2TSN are two names of the same word (11.17.2).
static REJECT: [Field; 11] = [
    opcode(0x3f),
    F_SET,
    Field::bytes("Reason", 2, 1, 0),
    AHS_LEN,
    DATA_LEN,
    ITT,
    STAT_SN,
    EXP_CMD_SN,
    MAX_CMD_SN,
    long("DataSN", 36),
    long("R2TSN", 36),
];

/// What every basic header has (11.2.1), for a PDU whose opcode is not assigned.
static COMMON: [Field; 7] = [opcode(0), I, F, AHS_LEN, DATA_LEN, LUN, ITT];

/// The fields of a kind of PDU, in the order of the RFC's figure.
pub fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::NopOut => &NOP_OUT,
        Kind::ScsiCommand => &SCSI_COMMAND,
        Kind::TaskRequest => &TASK_REQUEST,
        Kind::LoginRequest => &LOGIN_REQUEST,
        Kind::TextRequest => &TEXT_REQUEST,
        Kind::DataOut => &DATA_OUT,
        Kind::LogoutRequest => &LOGOUT_REQUEST,
        Kind::Snack => &SNACK,
        Kind::NopIn => &NOP_IN,
        Kind::ScsiResponse => &SCSI_RESPONSE,
        Kind::TaskResponse => &TASK_RESPONSE,
        Kind::LoginResponse => &LOGIN_RESPONSE,
        Kind::TextResponse => &TEXT_RESPONSE,
        Kind::DataIn => &DATA_IN,
        Kind::LogoutResponse => &LOGOUT_RESPONSE,
        Kind::R2T => &R2T,
        Kind::AsyncMessage => &ASYNC_MESSAGE,
        Kind::Reject => &REJECT,
    }
}

/// The fields common to all PDUs.
pub fn common_fields() -> &'static [Field] {
    &COMMON
}
