//! What does a logical unit remember? (SPC-4, SBC-3)

use super::access::Access;
use super::access_state::AccessStates;
use super::attention::{Attention, Pending};
use super::cdb::{Cdb, Span};
use super::counters::Counters;
use super::exceptions::Reported;
use super::identifying::Names;
use super::keep::{self, Restored, Saving};
use super::mode_values::ModeParameters;
use super::outcome::{Failure, NexusId};
use super::persist::Registry;
use super::power::PowerState;
use super::self_test::SelfTest;
use super::sense::{Sense, code};
use super::timestamp::Clock;
use super::upkeep::Condition;
use crate::config::LunConfig;
use crate::io::IoError;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

/// Names one logical unit for good: a LUN that is taken away and comes back is another unit, so a command that was under
/// way cannot go on in the wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnitKey {
    pub(super) number: u16,
    pub(super) instance: u32,
}

/// What a logical unit keeps for one nexus.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) nexus: NexusId,
    pub(super) pending: Pending,
    /// PREVENT ALLOW MEDIUM REMOVAL.
    pub(super) prevents_removal: bool,
    /// What WRITE BUFFER left to be echoed.
    pub(super) echo: Option<Vec<u8>>,
    /// What SET PRIORITY said.
    pub(super) priority: Option<u8>,
}

/// Blocks checked against capacity and limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) lba: u64,
    pub(super) blocks: u32,
}

/// One logical unit.
#[derive(Clone, Debug)]
pub(super) struct LogicalUnit {
    pub(super) key: UnitKey,
    pub(super) config: LunConfig,
    pub(super) modes: ModeParameters,
    /// What MODE SELECT saved.
    pub(super) saved: Option<ModeParameters>,
    /// The MODE SELECT whose record is on its way, while there is one.
    pub(super) saving_modes: Weak<()>,
    pub(super) power: PowerState,
    /// Asymmetric access by target port group.
    pub(super) access: AccessStates,
    pub(super) names: Names,
    /// Reports of informational exceptions.
    pub(super) reported: Reported,
    /// Results of self-tests, the newest first.
    pub(super) self_tests: VecDeque<SelfTest>,
    /// START STOP UNIT stopped it.
    pub(super) stopped: bool,
    /// Holder of an SPC-2 reservation (RESERVE(6)).
    pub(super) reserved_by: Option<NexusId>,
    /// Persistent registrations and reservation; no reset touches them.
    pub(super) persistent: Registry,
    /// The data buffer; empty until it is written.
    pub(super) buffer: Vec<u8>,
    pub(super) counters: Counters,
    /// The clock, once it was set. It runs on over resets.
    pub(super) clock: Option<Clock>,
    /// The command that must have the unit for itself, while there is one.
    pub(super) atomic: Weak<()>,
    /// Whether it is being formatted or sanitized; no reset touches that.
    pub(super) condition: Condition,
    /// Why the last FORMAT UNIT or SANITIZE did not even begin, for the command that waits for its beginning.
    pub(super) begin_failed: Option<Sense>,
    /// Name of the record of its registrations.
    pub(super) record_name: String,
    /// A change of registrations that is not in force before its record is kept.
    pub(super) saving: Option<Saving>,
    /// Why the last one was not kept, for the command that waits for that.
    pub(super) save_failed: Option<Sense>,
    /// There is no medium in it; no reset brings it back.
    pub(super) ejected: bool,
    /// Third-party copies that read or write the unit now hold it too; they are in no task set of it.
    pub(super) visitors: Arc<()>,
    /// By nexus.
    sides: Vec<Side>,
}

impl LogicalUnit {
    /// As after power on: with what was kept of it.
    pub(super) fn new(target: &str, config: &LunConfig, instance: u32) -> Self {
        let Restored { persistent, condition, modes: saved } = keep::restored(target, config);
        Self {
            key: UnitKey { number: config.lun, instance },
            config: config.clone(),
            modes: saved.unwrap_or(ModeParameters::default_of(config)),
            saved,
            saving_modes: Weak::new(),
            power: PowerState::default(),
            access: AccessStates::new(&config.policy.access),
            names: Names::default(),
            reported: Reported::default(),
            self_tests: VecDeque::new(),
            stopped: false,
            reserved_by: None,
            persistent,
            buffer: Vec::new(),
            counters: Counters::default(),
            clock: None,
            atomic: Weak::new(),
            condition,
            begin_failed: None,
            record_name: keep::name_of(target, config.lun),
            saving: None,
            save_failed: None,
            ejected: config.policy.ejected,
            visitors: Arc::new(()),
            sides: Vec::new(),
        }
    }

    /// Adds a nexus, which first hears of `attention`.
    pub(super) fn join(&mut self, nexus: NexusId, attention: Attention, limit: u32) {
        let mut pending = Pending::default();
        pending.establish(attention, limit);
        let side = Side { nexus, pending, prevents_removal: false, echo: None, priority: None };
        match self.position(nexus) {
            Ok(at) => {
                if let Some(old) = self.sides.get_mut(at) {
                    *old = side;
                }
            }
            Err(at) => self.sides.insert(at, side),
        }
    }

    /// Forgets a nexus and what it held.
    pub(super) fn leave(&mut self, nexus: NexusId) {
        self.sides.retain(|side| side.nexus != nexus);
        self.persistent.detach(nexus);
        if self.reserved_by == Some(nexus) && !planted!(StaleReservation) {
            self.reserved_by = None;
        }
    }

    /// Whether a reservation of either kind keeps a command of that class out.
    pub(super) fn conflicts(&self, nexus: NexusId, access: Access) -> bool {
        if self.saving.is_some() && matches!(access, Access::Reserve) {
            // Somebody may be registered any moment.
            return true;
        }
        match self.reserved_by {
            Some(holder) => !access.despite_reserve(holder == nexus),
            None => !self.persistent.permits(nexus, access),
        }
    }

    fn position(&self, nexus: NexusId) -> Result<usize, usize> {
        self.sides.binary_search_by_key(&nexus, |side| side.nexus)
    }

    /// What it keeps for a nexus.
    pub(super) fn side(&mut self, nexus: NexusId) -> Option<&mut Side> {
        let at = self.position(nexus).ok()?;
        self.sides.get_mut(at)
    }

    /// The priority of a nexus's commands that have none of their own.
    pub(super) fn priority_of(&self, nexus: NexusId) -> u8 {
        let side = self.position(nexus).ok().and_then(|at| self.sides.get(at));
        side.and_then(|side| side.priority).unwrap_or(self.modes.initial_priority)
    }

    /// The priorities that were set.
    pub(super) fn priorities(&self) -> impl Iterator<Item = (NexusId, u8)> {
        self.sides.iter().filter_map(|side| Some((side.nexus, side.priority?)))
    }

    /// Everybody has the initial priority again; gives those for whom that is a change.
    pub(super) fn forget_priorities(&mut self) -> Vec<NexusId> {
        let initial = self.modes.initial_priority;
        let set = self.sides.iter_mut().filter_map(|side| Some((side.nexus, side.priority.take()?)));
        set.filter(|(_, priority)| *priority != initial).map(|(nexus, _)| nexus).collect()
    }

    /// Whether any nexus prevents removal.
    pub(super) fn removal_prevented(&self) -> bool {
        self.sides.iter().any(|side| side.prevents_removal)
    }

    /// Establishes a unit attention for all nexuses but one.
    pub(super) fn attention(&mut self, attention: Attention, but: Option<NexusId>, limit: u32) {
        for side in self.sides.iter_mut().filter(|side| Some(side.nexus) != but) {
            side.pending.establish(attention, limit);
        }
    }

    /// The saved mode parameters; the default ones if nothing was saved.
    pub(super) fn saved(&self) -> ModeParameters {
        self.saved.unwrap_or(ModeParameters::default_of(&self.config))
    }

    /// LOGICAL UNIT RESET (SAM-5 6.3.3): everything volatile goes back to what was saved or to its default; every nexus is told.
    pub(super) fn reset(&mut self, limit: u32) {
        self.modes = self.saved();
        self.power = PowerState::default();
        self.reported = Reported::default();
        self.stopped = false;
        if !planted!(ResetKeepsReservation) {
            self.reserved_by = None;
        }
        self.buffer = Vec::new();
        for side in &mut self.sides {
            side.prevents_removal = false;
            side.echo = None;
            side.priority = None;
            side.pending.establish(Attention::Reset, limit);
        }
    }

    /// Logical block length in bytes, never 0.
    pub(super) fn block_size(&self) -> u32 {
        self.config.block_size.max(1)
    }

    /// `blocks` in bytes; the caller has bounded it with [`LogicalUnit::extent`].
    pub(super) fn bytes(&self, blocks: u32) -> u32 {
        blocks.saturating_mul(self.block_size())
    }

    /// How many blocks one command may move.
    pub(super) fn transfer_blocks_max(&self, transfer_bytes: u32) -> u32 {
        (transfer_bytes / self.block_size()).max(1)
    }

    /// How many blocks one COMPARE AND WRITE may compare; its field has eight bits, and there is as much to write.
    pub(super) fn compare_blocks_max(&self, transfer_bytes: u32) -> u8 {
        u8::try_from(self.transfer_blocks_max(transfer_bytes) / 2).unwrap_or(u8::MAX)
    }

    /// Checks that blocks exist. An empty range must begin at one that does.
    pub(super) fn in_range(&self, span: Span) -> Result<(), Failure> {
        let left = self.config.blocks.saturating_sub(span.lba);
        if planted!(RangeWraps) && span.lba.wrapping_add(span.blocks.into()) <= self.config.blocks {
            return Ok(());
        }
        if (left == 0 && !planted!(EmptyRange)) || u64::from(span.blocks) > left {
            Err(code::LBA_OUT_OF_RANGE.into())
        } else {
            Ok(())
        }
    }

    /// Checks that blocks exist and are not more than one command may transfer.
    pub(super) fn extent(&self, span: Span, transfer_bytes: u32) -> Result<Extent, Failure> {
        self.in_range(span)?;
        let Span { lba, blocks, length_at } = span;
        if blocks > self.transfer_blocks_max(transfer_bytes) {
            return Err(Cdb::reject(length_at, None));
        }
        Ok(Extent { lba, blocks })
    }

    /// Checks blocks again after waiting: the device may have been resized.
    pub(super) fn still_there(&self, extent: Extent) -> Result<(), Failure> {
        self.in_range(Span { lba: extent.lba, blocks: extent.blocks, length_at: 0 })
    }

    /// Whether writes are refused, and how it is reported.
    pub(super) fn write_protection(&self) -> Option<Sense> {
        if self.config.read_only {
            Some(code::WRITE_PROTECTED.into())
        } else if self.modes.write_protect {
            Some(code::SOFTWARE_WRITE_PROTECTED.into())
        } else {
            None
        }
    }
}

/// What a failure of storage means to an initiator.
pub(super) fn io_sense(error: IoError) -> Sense {
    match error {
        IoError::Read { lba } => Sense::new(code::UNRECOVERED_READ_ERROR).with_information(lba),
        IoError::Write { lba } => Sense::new(code::WRITE_ERROR).with_information(lba),
        IoError::NoSpace => code::SPACE_ALLOCATION_FAILED.into(),
        IoError::WriteProtected => code::WRITE_PROTECTED.into(),
        IoError::NotReady => code::NOT_READY_CAUSE_UNKNOWN.into(),
        IoError::Hardware => code::INTERNAL_TARGET_FAILURE.into(),
        IoError::Cancelled => code::ABORTED.into(),
    }
}
