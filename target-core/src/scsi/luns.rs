//! Which logical units are there? REPORT LUNS (SPC-4 6.33)

use super::attention::Attention;
use super::cdb::Cdb;
use super::next::{Context, Handled, Next};
use crate::wire::Lun;
use alloc::vec::Vec;

/// Shortest ALLOCATION LENGTH that is allowed.
const ALLOCATION_MIN: u32 = 16;

/// SELECT REPORT: 0 all but well-known logical units, 1 only those (there are none), 2 all. It has seen the list, so the
/// nexus need not be told any more that the list changed.
pub(super) fn report_luns(context: &mut Context<'_>, cdb: Cdb<'_>) -> Handled {
    let listed = match cdb.byte(2) {
        0 | 2 => true,
        1 => false,
        _ => return Err(Cdb::reject(2, None)),
    };
    let allocation = cdb.be32(6);
    if allocation < ALLOCATION_MIN {
        return Err(Cdb::reject(6, None));
    }
    let nexus = context.nexus;
    let units = context.server.units();
    let mut list = Vec::with_capacity(units.len().saturating_mul(8));
    for unit in units {
        if listed {
            let lun = Lun::from_number(unit.key.number).0;
            let lun = if planted!(LunFormat) { u64::from(unit.key.number) << 48 } else { lun };
            list.extend(lun.to_be_bytes());
        }
        if let Some(side) = unit.side(nexus) {
            side.pending.clear(Attention::LunsChanged);
        }
    }
    let mut data = Vec::with_capacity(list.len().saturating_add(8));
    data.extend(u32::try_from(list.len()).unwrap_or(u32::MAX).to_be_bytes());
    data.extend([0; 4]);
    data.extend(list);
    Ok(Next::data(data, allocation))
}
