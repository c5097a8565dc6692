//! What do the mode pages hold? (SPC-4 7.5, SBC-3 6.4)

use super::unit::ModeParameters;
use alloc::vec::Vec;

/// The pages there are, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModePage {
    /// 01h: no retries or limits to set.
    ErrorRecovery,
    /// 08h: WCE.
    Caching,
    /// 0Ah: D_SENSE, SWP; one task set for all nexuses (TST 0), free reordering of SIMPLE tasks, no TAS.
    Control,
    /// 1Ch: no informational exceptions (DEXCPT).
    Exceptions,
}

/// WCE: byte 2 of the caching page.
const WCE: (usize, u8) = (2, 0x04);
/// D_SENSE: byte 2 of the control page.
const D_SENSE: (usize, u8) = (2, 0x04);
/// QUEUE ALGORITHM MODIFIER 1, unrestricted reordering: byte 3 of the control page.
const REORDER: (usize, u8) = (3, 0x10);
/// SWP: byte 4 of the control page.
const SWP: (usize, u8) = (4, 0x08);
/// DEXCPT: byte 2 of the informational exceptions page.
const DEXCPT: (usize, u8) = (2, 0x08);

const ALL_ON: ModeParameters =
    ModeParameters { write_cache: true, descriptor_sense: true, write_protect: true };
const ALL_OFF: ModeParameters =
    ModeParameters { write_cache: false, descriptor_sense: false, write_protect: false };

impl ModePage {
    pub(super) const ALL: [Self; 4] = [Self::ErrorRecovery, Self::Caching, Self::Control, Self::Exceptions];

    pub(super) const fn code(self) -> u8 {
        match self {
            Self::ErrorRecovery => 0x01,
            Self::Caching => 0x08,
            Self::Control => 0x0a,
            Self::Exceptions => 0x1c,
        }
    }

    /// Bytes of the whole page, with the two of its header.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Caching => 20,
            Self::ErrorRecovery | Self::Control | Self::Exceptions => 12,
        }
    }

    pub(super) fn with_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.code() == code)
    }

    /// The page with those parameters. PS is 0: nothing is saved.
    pub(super) fn values(self, modes: &ModeParameters) -> Vec<u8> {
        let mut page = Vec::from([0; 20]);
        page.truncate(self.len());
        let length = u8::try_from(self.len().saturating_sub(2)).unwrap_or(0);
        let mut set = |(at, bits): (usize, u8), on: bool| {
            if let Some(byte) = page.get_mut(at).filter(|_| on) {
                *byte |= bits;
            }
        };
        set((0, self.code()), true);
        set((1, length), true);
        match self {
            Self::ErrorRecovery => {}
            Self::Caching => set(WCE, modes.write_cache),
            Self::Control => {
                set(D_SENSE, modes.descriptor_sense);
                set(REORDER, true);
                set(SWP, modes.write_protect);
            }
            Self::Exceptions => set(DEXCPT, true),
        }
        page
    }

    /// The page with a one for each bit that MODE SELECT may change: those that the parameters decide.
    pub(super) fn changeable(self) -> Vec<u8> {
        let (on, off) = (self.values(&ALL_ON), self.values(&ALL_OFF));
        let differ = |(at, (on, off)): (usize, (&u8, &u8))| if at < 2 { *on } else { on ^ off };
        on.iter().zip(&off).enumerate().map(differ).collect()
    }

    /// Takes over what the page says of the parameters.
    pub(super) fn absorb(self, page: &[u8], modes: &mut ModeParameters) {
        let has = |(at, bits): (usize, u8)| page.get(at).is_some_and(|byte| byte & bits != 0);
        match self {
            Self::ErrorRecovery | Self::Exceptions => {}
            Self::Caching => modes.write_cache = has(WCE),
            Self::Control => {
                modes.descriptor_sense = has(D_SENSE);
                modes.write_protect = has(SWP);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changeable_bits_are_those_that_are_absorbed() {
        assert_eq!(ModePage::Caching.changeable()[..4], [0x08, 18, 0x04, 0]);
        assert_eq!(ModePage::Control.changeable()[..5], [0x0a, 10, 0x04, 0, 0x08]);
        assert!(ModePage::ErrorRecovery.changeable()[2..].iter().all(|byte| *byte == 0));
        for page in ModePage::ALL {
            let mut modes = ALL_OFF;
            page.absorb(&page.values(&ALL_ON), &mut modes);
            assert_eq!(page.values(&modes), page.values(&ALL_ON));
            assert_eq!(page.values(&modes).len(), page.len());
            assert_eq!(ModePage::with_code(page.code()), Some(page));
        }
    }
}
