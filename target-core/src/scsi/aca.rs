//! Which commands ask for an auto contingent allegiance? (SAM-5 5.2, 5.9)
//!
//! The condition itself belongs to the task set ([`task::set`](crate::task)); here is only what a CDB says.

/// NACA, bit 2 of the CONTROL byte.
pub(super) const NACA: u8 = 0x04;

/// Whether CHECK CONDITION for this command establishes an ACA condition.
pub(crate) fn asks_for_aca(cdb: &[u8]) -> bool {
    let Some(opcode) = cdb.first() else { return false };
    // The place of the CONTROL byte follows from the group code; groups 6 and 7 are a vendor's own business.
    let at = match opcode >> 5 {
        0 => 5,
        1 | 2 => 9,
        3 if *opcode >= 0x7e => 1,
        4 => 15,
        5 => 11,
        _ => return false,
    };
    cdb.get(at).is_some_and(|control| control & NACA != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_control_byte_is_where_the_group_code_says() {
        for (opcode, at) in [(0x00, 5), (0x28, 9), (0x5a, 9), (0x7f, 1), (0x8a, 15), (0xa8, 11)] {
            let mut cdb = [0; 16];
            cdb[0] = opcode;
            assert!(!asks_for_aca(&cdb));
            cdb[at] = NACA;
            assert!(asks_for_aca(&cdb), "{opcode:#x}");
            assert!(!asks_for_aca(&cdb[..at]), "cut off");
        }
        assert!(!asks_for_aca(&[0xc0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]) && !asks_for_aca(&[]));
    }
}
