//! Which mode parameters can be changed? (SPC-4 7.5, SBC-3 6.4)

use crate::config::LunConfig;

/// Idle and standby conditions: idle_a, idle_b, idle_c, standby_y, standby_z, from the least to the most.
pub(super) const POWER_CONDITIONS: usize = 5;

/// Changeable mode parameters, shared by all nexuses. They live until a reset, which brings the saved ones back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ModeParameters {
    /// Caching page, WCE: a write may complete before it is on stable storage.
    pub(super) write_cache: bool,
    /// Control page, D_SENSE: sense data in descriptor format.
    pub(super) descriptor_sense: bool,
    /// Control page, SWP: refuse everything that would change the medium.
    pub(super) write_protect: bool,
    /// Control page, TST 001b: each nexus has a task set of its own.
    pub(super) set_per_nexus: bool,
    /// Control page, QERR: which commands end with one that ends with CHECK CONDITION.
    pub(super) q_err: u8,
    /// Control extension page: the priority of commands that come without one, until SET PRIORITY says otherwise.
    pub(super) initial_priority: u8,
    /// Power condition page.
    pub(super) power: Power,
    /// Informational exceptions page.
    pub(super) exceptions: Exceptions,
}

/// Timers of the power conditions, in tenths of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Power([(bool, u32); POWER_CONDITIONS]);

impl Power {
    pub(super) const fn new(timers: [(bool, u32); POWER_CONDITIONS]) -> Self {
        Self(timers)
    }

    /// Whether it is enabled, and its length.
    pub(super) const fn timers(self) -> [(bool, u32); POWER_CONDITIONS] {
        self.0
    }
}

/// How informational exceptions are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exceptions {
    /// DEXCPT: not at all.
    pub(super) disabled: bool,
    /// TEST: report a failure that there is none of.
    pub(super) test: bool,
    /// MRIE.
    pub(super) method: u8,
    /// INTERVAL TIMER: time between two reports; 0 and all ones stand for a single one.
    pub(super) interval_tenths: u32,
    /// REPORT COUNT: how many reports; 0 for no limit.
    pub(super) reports: u32,
}

impl Exceptions {
    /// MRIE: no reports.
    pub(super) const NEVER: u8 = 0;
    /// MRIE: a unit attention for every nexus.
    pub(super) const ATTENTION: u8 = 2;
    /// MRIE: only for REQUEST SENSE.
    pub(super) const ON_REQUEST: u8 = 6;
    /// The methods there are.
    pub(super) const METHODS: [u8; 3] = [Self::NEVER, Self::ATTENTION, Self::ON_REQUEST];
}

impl ModeParameters {
    /// The default values: what the configuration says.
    pub(super) const fn default_of(config: &LunConfig) -> Self {
        Self {
            write_cache: config.write_cache,
            exceptions: Exceptions { disabled: true, ..Self::ALL_ZEROS.exceptions },
            ..Self::ALL_ZEROS
        }
    }

    /// All bits of all parameters, for finding out where they stand.
    pub(super) const ALL_ONES: Self = Self {
        write_cache: true,
        descriptor_sense: true,
        write_protect: true,
        set_per_nexus: true,
        q_err: 0b11,
        initial_priority: 0x0f,
        power: Power([(true, u32::MAX); POWER_CONDITIONS]),
        exceptions: Exceptions {
            disabled: true,
            test: true,
            method: 0x0f,
            interval_tenths: u32::MAX,
            reports: u32::MAX,
        },
    };
    pub(super) const ALL_ZEROS: Self = Self {
        write_cache: false,
        descriptor_sense: false,
        write_protect: false,
        set_per_nexus: false,
        q_err: 0,
        initial_priority: 0,
        power: Power([(false, 0); POWER_CONDITIONS]),
        exceptions: Exceptions { disabled: false, test: false, method: 0, interval_tenths: 0, reports: 0 },
    };
}
