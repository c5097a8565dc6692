//! What do the mode pages hold? (SPC-4 7.5, SBC-3 6.4)

use super::cdb::Cdb;
use super::mode_values::{Exceptions, ModeParameters, POWER_CONDITIONS, Power};
use alloc::vec::Vec;

/// The pages there are, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModePage {
    /// 01h: no retries or limits to set.
    ErrorRecovery,
    /// 02h: iSCSI negotiates what this page would limit, so it limits nothing.
    Disconnect,
    /// 08h: WCE.
    Caching,
    /// 0Ah: TST, D_SENSE, QERR, SWP; free reordering of SIMPLE tasks, no TAS.
    Control,
    /// 0Ah, subpage 01h: INITIAL COMMAND PRIORITY; sense data of any length.
    ControlExtension,
    /// 1Ah: the power condition timers.
    Power,
    /// 1Ch: which informational exceptions are reported, and how.
    Exceptions,
}

/// A bit: byte and mask.
type Bit = (usize, u8);
/// Several bits of a byte: byte, lowest bit, mask before it is shifted there.
type Bits = (usize, u32, u8);

/// PS of a page in MODE SENSE; reserved in MODE SELECT.
pub(super) const PS: u8 = 0x80;
/// SPF: the page has a header of four bytes with a subpage code.
pub(super) const SPF: u8 = 0x40;

/// WCE of the caching page.
const WCE: Bit = (2, 0x04);
/// TST of the control page: 000b or 001b.
const TST: Bit = (2, 0x20);
const D_SENSE: Bit = (2, 0x04);
/// QUEUE ALGORITHM MODIFIER 1, unrestricted reordering.
const REORDER: Bit = (3, 0x10);
const Q_ERR: Bits = (3, 1, 0x03);
const SWP: Bit = (4, 0x08);
/// IALUAE of the control extension page: an operator may change access states.
const IALUAE: Bit = (4, 0x01);
const INITIAL_PRIORITY: Bits = (5, 0, 0x0f);
/// Enable bit and place of the timer of each power condition, in the order of [`POWER_CONDITIONS`].
const POWER: [(Bit, usize); 5] =
    [((3, 0x02), 4), ((3, 0x04), 12), ((3, 0x08), 16), ((2, 0x01), 20), ((3, 0x01), 8)];
const _: () = assert!(POWER.len() == POWER_CONDITIONS);
/// DEXCPT and TEST of the informational exceptions page.
const DEXCPT: Bit = (2, 0x08);
const TEST: Bit = (2, 0x04);
const MRIE: Bits = (3, 0, 0x0f);
const INTERVAL: usize = 4;
const REPORTS: usize = 8;

impl ModePage {
    pub(super) const ALL: [Self; 7] = [
        Self::ErrorRecovery,
        Self::Disconnect,
        Self::Caching,
        Self::Control,
        Self::ControlExtension,
        Self::Power,
        Self::Exceptions,
    ];

    /// PAGE CODE and SUBPAGE CODE.
    pub(super) const fn code(self) -> (u8, u8) {
        match self {
            Self::ErrorRecovery => (0x01, 0),
            Self::Disconnect => (0x02, 0),
            Self::Caching => (0x08, 0),
            Self::Control => (0x0a, 0),
            Self::ControlExtension => (0x0a, 0x01),
            Self::Power => (0x1a, 0),
            Self::Exceptions => (0x1c, 0),
        }
    }

    /// Bytes of the whole page with its header.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::ErrorRecovery | Self::Control | Self::Exceptions => 12,
            Self::Disconnect => 16,
            Self::Caching => 20,
            Self::ControlExtension => 32,
            Self::Power => 40,
        }
    }

    /// Bytes of its header.
    pub(super) const fn header_len(self) -> usize {
        if self.code().1 == 0 { 2 } else { 4 }
    }

    pub(super) fn with_code(code: u8, subpage: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.code() == (code, subpage))
    }

    /// The page with those parameters, as MODE SELECT has it.
    pub(super) fn values(self, modes: &ModeParameters) -> Vec<u8> {
        let mut page = Writer(Vec::from([0; 40]));
        page.0.truncate(self.len());
        let (code, subpage) = self.code();
        let length = u8::try_from(self.len().saturating_sub(self.header_len())).unwrap_or(0);
        page.or(0, code);
        if subpage == 0 {
            page.or(1, length);
        } else {
            page.or(0, SPF);
            page.or(1, subpage);
            page.or(3, length);
        }
        match self {
            Self::ErrorRecovery | Self::Disconnect => {}
            Self::Caching => page.bit(WCE, modes.write_cache),
            Self::Control => {
                page.bit(TST, modes.set_per_nexus);
                page.bit(D_SENSE, modes.descriptor_sense);
                page.bit(REORDER, true);
                page.bits(Q_ERR, modes.q_err);
                page.bit(SWP, modes.write_protect);
            }
            Self::ControlExtension => {
                page.bit(IALUAE, true);
                page.bits(INITIAL_PRIORITY, modes.initial_priority);
            }
            Self::Power => {
                for ((enable, timer_at), (on, tenths)) in POWER.into_iter().zip(modes.power.timers()) {
                    page.bit(enable, on);
                    page.be32(timer_at, tenths);
                }
            }
            Self::Exceptions => {
                page.bit(DEXCPT, modes.exceptions.disabled);
                page.bit(TEST, modes.exceptions.test);
                page.bits(MRIE, modes.exceptions.method);
                page.be32(INTERVAL, modes.exceptions.interval_tenths);
                page.be32(REPORTS, modes.exceptions.reports);
            }
        }
        page.0
    }

    /// The page with a one for each bit that MODE SELECT may change: those that the parameters decide.
    pub(super) fn changeable(self) -> Vec<u8> {
        let (on, off) = (self.values(&ModeParameters::ALL_ONES), self.values(&ModeParameters::ALL_ZEROS));
        let header = self.header_len();
        let differ = |(at, (on, off)): (usize, (&u8, &u8))| if at < header { *on } else { on ^ off };
        on.iter().zip(&off).enumerate().map(differ).collect()
    }

    /// Whether any of it can be changed, and so be saved.
    pub(super) fn is_savable(self) -> bool {
        !matches!(self, Self::ErrorRecovery | Self::Disconnect)
    }

    /// Takes over what the page says of the parameters, or gives byte and bit of a value that is not allowed.
    pub(super) fn absorb(self, page: &[u8], modes: &mut ModeParameters) -> Result<(), (usize, u8)> {
        let fields = Cdb(page);
        let has = |(at, mask): Bit| fields.byte(at) & mask != 0;
        let bits = |(at, shift, mask): Bits| (fields.byte(at) >> shift) & mask;
        match self {
            Self::ErrorRecovery | Self::Disconnect => {}
            Self::Caching => modes.write_cache = has(WCE),
            Self::Control => {
                modes.set_per_nexus = has(TST);
                modes.descriptor_sense = has(D_SENSE);
                modes.write_protect = has(SWP);
                modes.q_err = bits(Q_ERR);
                if modes.q_err == 0b10 {
                    return Err((Q_ERR.0, 2));
                }
            }
            Self::ControlExtension => modes.initial_priority = bits(INITIAL_PRIORITY),
            Self::Power => {
                let timers = POWER.map(|(enable, timer_at)| (has(enable), fields.be32(timer_at)));
                modes.power = Power::new(timers);
            }
            Self::Exceptions => {
                modes.exceptions = Exceptions {
                    disabled: has(DEXCPT),
                    test: has(TEST),
                    method: bits(MRIE),
                    interval_tenths: fields.be32(INTERVAL),
                    reports: fields.be32(REPORTS),
                };
                if !Exceptions::METHODS.contains(&modes.exceptions.method) {
                    return Err((MRIE.0, 3));
                }
                if modes.exceptions.test && modes.exceptions.disabled {
                    // SPC-4 7.5.12: a test of what is disabled.
                    return Err((TEST.0, 2));
                }
            }
        }
        Ok(())
    }
}

/// A page that is being filled in.
struct Writer(Vec<u8>);

impl Writer {
    fn or(&mut self, at: usize, bits: u8) {
        if let Some(byte) = self.0.get_mut(at) {
            *byte |= bits;
        }
    }

    fn bit(&mut self, (at, mask): Bit, on: bool) {
        if on {
            self.or(at, mask);
        }
    }

    fn bits(&mut self, (at, shift, mask): Bits, value: u8) {
        self.or(at, (value & mask) << shift);
    }

    fn be32(&mut self, at: usize, value: u32) {
        for (offset, byte) in value.to_be_bytes().into_iter().enumerate() {
            self.or(at.saturating_add(offset), byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changeable_bits_are_those_that_are_absorbed() {
        assert_eq!(ModePage::Caching.changeable()[..4], [0x08, 18, 0x04, 0]);
        assert_eq!(ModePage::Control.changeable()[..5], [0x0a, 10, 0x24, 0x06, 0x08]);
        assert_eq!(ModePage::ControlExtension.changeable()[..8], [0x4a, 1, 0, 28, 0, 0x0f, 0, 0]);
        assert_eq!(ModePage::Exceptions.changeable()[..5], [0x1c, 10, 0x0c, 0x0f, 0xff]);
        let power = ModePage::Power.changeable();
        assert_eq!((power[2], power[3], &power[24..]), (1, 0x0f, &[0; 16][..]));
        assert!(power[4..24].iter().all(|byte| *byte == 0xff));
        for page in ModePage::ALL {
            let fixed = page.changeable()[page.header_len()..].iter().all(|byte| *byte == 0);
            assert_eq!(fixed, !page.is_savable());
            let mut modes = ModeParameters::ALL_ZEROS;
            let allowed = ModeParameters {
                exceptions: Exceptions { disabled: false, method: 6, ..ModeParameters::ALL_ONES.exceptions },
                ..ModeParameters::ALL_ONES
            };
            assert_eq!(page.absorb(&page.values(&allowed), &mut modes), Ok(()));
            assert_eq!(page.values(&modes), page.values(&allowed));
            assert_eq!(page.values(&modes).len(), page.len());
            let (code, subpage) = page.code();
            assert_eq!(ModePage::with_code(code, subpage), Some(page));
        }
    }
}
