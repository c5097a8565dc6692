//! What outlives the target? Records that storage keeps beside the blocks: one of the registrations at a unit, if APTPL asks
//! for that (SPC-4 5.12.3), one of its saved mode parameters, and one of the medium, while it is being formatted or sanitized
//! and after that has failed.
//!
//! A change of registrations takes effect when its record is on stable storage; until then the old ones are in force. Like
//! upkeep it belongs to the unit: aborts and resets do not stop it, and its command, if that is still there, is told.

use super::mode_record;
use super::mode_values::ModeParameters;
use super::next::{Context, Handled, Next, Wait};
use super::outcome::NexusId;
use super::persist::{self, Change};
use super::server::DeviceServer;
use super::unit::{LogicalUnit, UnitKey, io_sense};
use super::upkeep::{self, Condition};
use crate::config::LunConfig;
use crate::io::{DeviceId, IoError, IoOp, Records, SgList};
use alloc::format;
use alloc::string::String;
use bytes::Bytes;

/// Name of the record of the medium, which concerns all units on a device.
pub(super) const MEDIUM: &str = "medium";

/// Name of the record of the registrations at a unit.
pub(super) fn name_of(target: &str, number: u16) -> String {
    format!("{target}/{number}")
}

/// Name of the record of the saved mode parameters, beside that of the registrations.
pub(super) fn modes_name(record_name: &str) -> String {
    format!("{record_name}/modes")
}

/// A change of registrations whose record is on its way.
#[derive(Clone, Debug)]
pub(super) struct Saving {
    change: Change,
    record: Bytes,
    /// The operation is with storage.
    under_way: bool,
}

impl Saving {
    pub(super) const fn new(change: Change, record: Bytes) -> Self {
        Self { change, record, under_way: false }
    }
}

/// What a unit begins with.
#[derive(Debug, Default)]
pub(super) struct Restored {
    pub(super) persistent: persist::Registry,
    pub(super) condition: Condition,
    pub(super) modes: Option<ModeParameters>,
}

/// Reads what was kept; the error is the name of the record that makes no sense.
fn read(target: &str, lun: &LunConfig) -> Result<Restored, String> {
    let found = |name: &str| lun.kept.as_ref().and_then(|records: &Records| records.get(name));
    let mut restored = Restored::default();
    if let Some(record) = found(MEDIUM) {
        restored.condition = upkeep::decode(record).ok_or_else(|| String::from(MEDIUM))?;
    }
    let name = name_of(target, lun.lun);
    let modes = modes_name(&name);
    if let Some(record) = found(&modes) {
        restored.modes = Some(mode_record::decode(record, lun).ok_or(modes)?);
    }
    if let Some(record) = found(&name) {
        restored.persistent = persist::decode(record).ok_or(name)?;
    }
    Ok(restored)
}

/// Why the records of a logical unit cannot be taken over, for people.
pub(crate) fn kept_problem(target: &str, lun: &LunConfig) -> Option<String> {
    read(target, lun)
        .err()
        .map(|name| format!("the record {name:?} that storage has kept is of no known form"))
}

/// What a unit of that configuration, which was checked, begins with.
pub(super) fn restored(target: &str, lun: &LunConfig) -> Restored {
    read(target, lun).unwrap_or_default()
}

impl LogicalUnit {
    /// Whether records can be kept. A read-only medium may be shared with others, who would write them too.
    pub(super) const fn keeps_records(&self) -> bool {
        self.config.kept.is_some() && !self.config.read_only
    }
}

/// The record is kept, or could not be.
pub(super) fn saved(context: &mut Context<'_>) -> Handled {
    let unit = context.unit()?;
    if unit.saving.is_some() {
        return Ok(Next::Wait(Wait::Saved));
    }
    match unit.save_failed.take() {
        None => Ok(Next::GOOD),
        Some(sense) => Err(sense.into()),
    }
}

impl DeviceServer {
    /// The next record that is to be kept and is not on its way yet.
    pub(crate) fn save_op(&mut self) -> Option<(UnitKey, DeviceId, IoOp)> {
        for unit in self.units() {
            let name = unit.record_name.clone();
            let Some(saving) = unit.saving.as_mut().filter(|saving| !saving.under_way) else { continue };
            saving.under_way = true;
            let op = IoOp::Keep { name, record: saving.record.clone() };
            return Some((unit.key, unit.config.device, op));
        }
        None
    }

    /// What came of it. If the change is in force now, gives the nexus whose it was.
    pub(crate) fn saved(&mut self, key: UnitKey, result: Result<SgList, IoError>) -> Option<NexusId> {
        let at = self.find_key(key)?;
        let unit = self.unit(at)?;
        let saving = unit.saving.take()?;
        unit.save_failed = result.err().filter(|_| !planted!(RegisteredEarly)).map(io_sense);
        if unit.save_failed.is_some() {
            return None;
        }
        let by = saving.change.by;
        persist::install(self, at, saving.change);
        Some(by)
    }
}

/// Bytes of a record, taken one field after the other; `None` where there are too few.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    /// A number of `N` bytes, the highest first.
    pub(super) fn number<const N: usize>(&mut self) -> Option<u64> {
        let bytes = self.take(N)?;
        Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.number::<1>().and_then(|number| u8::try_from(number).ok())
    }

    pub(super) fn be16(&mut self) -> Option<u16> {
        self.number::<2>().and_then(|number| u16::try_from(number).ok())
    }

    /// All of it was taken.
    pub(super) const fn end(&self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }
}
