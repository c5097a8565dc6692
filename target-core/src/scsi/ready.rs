//! Can the logical unit be used now? TEST UNIT READY (SPC-4 6.47)

use super::cdb::Cdb;
use super::next::{Context, Handled, Next};

/// The common checks have said all there is to say.
pub(super) fn test_unit_ready(_: &mut Context<'_>, _: Cdb<'_>) -> Handled {
    Ok(Next::GOOD)
}
