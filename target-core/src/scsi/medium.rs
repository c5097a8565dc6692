//! Is the medium in, and may it be taken out? (SPC-4 6.16, SBC-3 5.10, 5.20)

use super::attention::Attention;
use super::next::{Context, Handled, Next};
use super::outcome::Failure;
use super::sense::code;
use super::unit::LogicalUnit;

/// START STOP UNIT with LOEJ and without START; the cache is flushed, or need not be.
pub(super) fn eject(context: &mut Context<'_>) -> Handled {
    let unit = context.unit()?;
    unit.may_eject()?;
    unit.ejected = true;
    unit.stopped = false;
    Ok(Next::GOOD)
}

/// START STOP UNIT with LOEJ and START: everybody else is told that another medium may be in.
pub(super) fn load(context: &mut Context<'_>) -> Handled {
    let (nexus, limit) = (context.nexus, context.server.attentions_max);
    let unit = context.unit()?;
    if core::mem::take(&mut unit.ejected) && !planted!(LoadedUntold) {
        unit.attention(Attention::MediumMayHaveChanged, Some(nexus), limit);
    }
    Ok(Next::GOOD)
}

impl LogicalUnit {
    /// Refuses to give the medium out while a nexus prevents that.
    pub(super) fn may_eject(&self) -> Result<(), Failure> {
        if self.removal_prevented() && !planted!(EjectPrevented) {
            Err(code::MEDIUM_REMOVAL_PREVENTED.into())
        } else {
            Ok(())
        }
    }

    /// The operator takes the medium out or brings it back. Where somebody prevents the first, everybody is told that it
    /// is asked for, and it stays in.
    pub(super) fn operated(&mut self, eject: bool, limit: u32) {
        if eject && self.removal_prevented() {
            self.attention(Attention::OperatorAsksForMedium, None, limit);
            return;
        }
        if self.ejected && !eject {
            self.attention(Attention::MediumMayHaveChanged, None, limit);
        }
        self.ejected = eject;
    }
}
