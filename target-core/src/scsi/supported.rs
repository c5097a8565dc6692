//! Which commands do you know? REPORT SUPPORTED OPERATION CODES, REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS
//! (SPC-4 6.35, 6.36)

use super::cdb::Cdb;
use super::next::{Context, Handled, Next};
use super::table::{Entry, TABLE, of_opcode};
use alloc::vec::Vec;

/// SUPPORT: not supported; supported as a standard says.
const NOT_SUPPORTED: u8 = 0b001;
const STANDARD: u8 = 0b011;

/// What REPORTING OPTIONS (byte 2, bits 2 to 0) and the requested command come to.
pub(super) fn report(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let unit = &*context.unit()?;
    let offered = |entry: &&Entry| entry.is_offered(unit);
    let timeouts = cdb.bit(2, 7);
    let (opcode, action) = (cdb.byte(3), cdb.be16(4));
    let has_actions = of_opcode(opcode).any(|entry| entry.action.is_some());
    let known = of_opcode(opcode).next().is_some();
    let data = match cdb.byte(2) & 0x07 {
        0 => all(TABLE.iter().filter(offered), timeouts),
        // By opcode alone: wrong to ask where there are service actions.
        1 if !has_actions => one(of_opcode(opcode).find(offered), timeouts),
        // By service action: wrong to ask where there are none.
        2 if has_actions || !known => one(with_action(opcode, action).filter(offered), timeouts),
        3 if has_actions => one(with_action(opcode, action).filter(offered), timeouts),
        3 => one(of_opcode(opcode).find(offered).filter(|_| action == 0), timeouts),
        _ => return Err(Cdb::reject(2, Some(2))),
    };
    Ok(Next::data(data, cdb.be32(6)))
}

fn with_action(opcode: u8, action: u16) -> Option<&'static Entry> {
    of_opcode(opcode).find(|entry| entry.action == Some(action))
}

fn all<'a>(entries: impl Iterator<Item = &'a Entry>, timeouts: bool) -> Vec<u8> {
    let mut list = Vec::new();
    for entry in entries {
        let [action_high, action_low] = entry.action.unwrap_or(0).to_be_bytes();
        let flags = u8::from(entry.action.is_some()) | (u8::from(timeouts) << 1);
        list.extend([entry.opcode, 0, action_high, action_low, 0, flags]);
        list.extend(cdb_len(entry));
        if timeouts {
            list.extend(timeouts_of(entry));
        }
    }
    let mut data = Vec::with_capacity(list.len().saturating_add(4));
    data.extend(u32::try_from(list.len()).unwrap_or(u32::MAX).to_be_bytes());
    data.extend(list);
    data
}

fn one(entry: Option<&Entry>, timeouts: bool) -> Vec<u8> {
    let Some(entry) = entry else {
        return Vec::from([0, NOT_SUPPORTED, 0, 0]);
    };
    let mut data = Vec::from([0, STANDARD | (u8::from(timeouts) << 7)]);
    data.extend(cdb_len(entry));
    data.extend(entry.bits());
    if timeouts {
        data.extend(timeouts_of(entry));
    }
    data
}

fn cdb_len(entry: &Entry) -> [u8; 2] {
    u16::try_from(entry.usage.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// Command timeouts descriptor: no nominal time is claimed, only the recommended timeout.
fn timeouts_of(entry: &Entry) -> [u8; 12] {
    let [a, b, c, d] = entry.timeout_secs.to_be_bytes();
    [0, 10, 0, 0, 0, 0, 0, 0, a, b, c, d]
}

/// ATS, ATSS, CACAS, CTSS, LURS and TRS: what the engine executes in every session. The queries and I_T NEXUS RESET need
/// iSCSIProtocolLevel 2, which the device server does not see, so they are not named here.
const FUNCTIONS: u8 = 0xfa;
/// Shortest ALLOCATION LENGTH that is allowed.
const FUNCTIONS_LEN: u32 = 4;

/// REPD asks for the extended form, which here has no timeouts to tell of (TMFTMOV 0).
pub(super) fn functions(_: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let allocation = cdb.be32(6);
    if allocation < FUNCTIONS_LEN {
        return Err(Cdb::reject(6, None));
    }
    let mut data = Vec::from([FUNCTIONS, 0, 0, 0]);
    if cdb.bit(2, 7) {
        data = Vec::from([FUNCTIONS, 0, 0, 12]);
        data.resize(16, 0);
    }
    Ok(Next::data(data, allocation))
}
