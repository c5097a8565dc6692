//! Does a CDB ask for an auto contingent allegiance? (SAM-5 5.2: NACA, bit 2 of CONTROL, whose place the group code tells)

/// NACA of a CDB.
pub fn asks_for_aca(cdb: &[u8]) -> bool {
    let Some(opcode) = cdb.first() else { return false };
    let control = match opcode {
        0x00..=0x1f => cdb.get(5),
        0x20..=0x5f => cdb.get(9),
        0x7e | 0x7f => cdb.get(1),
        0x80..=0x9f => cdb.get(15),
        0xa0..=0xbf => cdb.get(11),
        _ => None,
    };
    control.is_some_and(|control| control & 4 != 0)
}
