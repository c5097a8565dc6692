//! Does a read return what the blocks can hold? A model of every device: for each block the set of contents that are possible,
//! given all writes that were sent, whatever became of them.
//!
//! A write is possible from the moment its data is known. Once it ends GOOD its content replaces what the block could hold, except
//! for what other writes may have put there while it ran. A write that failed or was aborted may or may not have happened. A
//! write whose command is gone while storage still works on it can happen until storage is idle. A crash brings back what was
//! possible since the last synchronisation. Contents are kept as hashes: what ORWRITE makes of a block is therefore unknown until
//! it is read. What was unmapped holds zeros. A COMPARE AND WRITE that ends GOOD must have found what it could find, and one that found a difference must not
//! have met blocks that can only have been equal; then it wrote nothing.

mod blocks;
mod device;
mod reads;
mod stored;
#[cfg(test)]
mod tests;
mod unmaps;
mod writes;

use super::content::{Effect, effect};
use super::fields::Fields;
use super::task::Task;
use super::{Sink, WirePdu};
use crate::codec::Kind;
use crate::world::tap::Track;
use device::{Device, Ending};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use target_core::config::Config;
use unmaps::KEYS_PER_COMMAND;

const GOOD: u32 = 0;

/// Sense key ABORTED COMMAND.
const ABORTED_COMMAND: u8 = 0xb;

/// Sense key MISCOMPARE.
const MISCOMPARE: u8 = 0xe;

/// The content check.
pub(super) struct LunModel {
    /// Where the blocks of a logical unit are: (target name in lower case, LUN) -> device.
    map: BTreeMap<(String, u16), u32>,
    devices: BTreeMap<u32, Device>,
    next: u64,
    /// Which device a command works on.
    commands: BTreeMap<u64, u32>,
    /// Third-party copies under way.
    copies: BTreeSet<u64>,
    /// Commands that are gone while storage may still work on them.
    ghosts: bool,
}

impl LunModel {
    pub(super) fn new(config: &Config) -> Self {
        let mut model = Self {
            map: BTreeMap::new(),
            devices: BTreeMap::new(),
            next: 0,
            commands: BTreeMap::new(),
            copies: BTreeSet::new(),
            ghosts: false,
        };
        model.reconfigured(config);
        model
    }

    pub(super) fn reconfigured(&mut self, config: &Config) {
        self.map.clear();
        for target in &config.targets {
            for lun in &target.luns {
                self.map.insert((target.name.to_ascii_lowercase(), lun.lun), lun.device.0);
                self.devices.entry(lun.device.0).or_insert_with(|| Device::new(lun.block_size));
            }
        }
    }

    /// Whether there is a logical unit.
    pub(super) fn is_there(&self, target: &str, lun: u64) -> bool {
        lun_number(lun).is_some_and(|lun| self.map.contains_key(&(target.to_ascii_lowercase(), lun)))
    }

    /// A SCSI command arrived.
    pub(super) fn command(&mut self, track: &Track, pdu: &WirePdu<'_>, task: &mut Task) {
        let Some(cdb) = pdu.view.bhs.last_chunk::<16>() else { return };
        let effect = effect(cdb);
        if effect == Effect::None || effect.wraps() || !track.full_feature {
            return;
        }
        let Some(lun) = lun_number(task.lun) else { return };
        let Some(device) = self.map.get(&(track.target.to_ascii_lowercase(), lun)).copied() else { return };
        let Some(model) = self.devices.get_mut(&device) else { return };
        self.next += KEYS_PER_COMMAND;
        let key = self.next;
        model.latest = key;
        match effect {
            Effect::Read { lba, blocks } => model.begin_read(key, lba, blocks, task.edtl),
            Effect::Write { lba, blocks, fua } => {
                model.begin_write(key, lba, blocks, fua, task.edtl);
                model.data(key, 0, pdu.view.data);
            }
            Effect::Same { lba, blocks, zeros } => {
                model.begin_same(key, lba, blocks, zeros);
                model.data(key, 0, pdu.view.data);
            }
            Effect::Unmap { len } => {
                model.begin_unmap(key, len);
                model.data(key, 0, pdu.view.data);
            }
            Effect::CompareAndWrite { lba, blocks, fua } => {
                model.begin_compare(key, lba, blocks, fua, task.edtl);
                model.data(key, 0, pdu.view.data);
            }
            Effect::Or { lba, blocks } => model.begin_or(key, lba, blocks, task.edtl),
            Effect::Sync => model.begin_sync(key),
            Effect::Unknown => model.begin_unknown(key),
            Effect::Anywhere => {
                model.begin_unknown(key);
                self.copies.insert(key);
                self.forget_all();
            }
            Effect::None => return,
        }
        self.commands.insert(key, device);
        task.content = Some(key);
    }

    /// Data for a write arrived.
    pub(super) fn data_out(&mut self, fields: &Fields, pdu: &WirePdu<'_>, task: &mut Task) {
        let offset = fields.out_offset.word(pdu.view.bhs);
        if let Some((key, device)) = self.of(task) {
            device.data(key, offset, pdu.view.data);
        }
    }

    /// What the write's data is cannot be told any more.
    pub(super) fn tangled(&mut self, task: &Task) {
        if let Some((key, device)) = self.of(task) {
            device.tangle(key);
        }
    }

    /// Another command has the tag of this one, or of a request that is none: what it does is not known.
    pub(super) fn doubled(&mut self, task: Option<&mut Task>) {
        self.forget_all();
        let Some(task) = task else { return };
        if task.content.is_none()
            && let Some((device, model)) = self
                .devices
                .first_key_value()
                .map(|(at, _)| *at)
                .and_then(|at| Some((at, self.devices.get_mut(&at)?)))
        {
            self.next += KEYS_PER_COMMAND;
            model.latest = self.next;
            model.begin_unknown(self.next);
            self.commands.insert(self.next, device);
            task.content = Some(self.next);
        }
        self.copies.extend(task.content);
    }

    /// Data of a read was sent.
    pub(super) fn data_in(&mut self, fields: &Fields, pdu: &WirePdu<'_>, task: &mut Task) {
        let offset = fields.data_in_offset.word(pdu.view.bhs);
        if let Some((key, device)) = self.of(task) {
            device.read_data(key, offset, pdu.view.data);
        }
    }

    /// The command was answered.
    pub(super) fn done(
        &mut self,
        fields: &Fields,
        pdu: &WirePdu<'_>,
        kind: Kind,
        task: &Task,
        sink: &mut Sink,
    ) {
        let bhs = pdu.view.bhs;
        let good = match kind {
            Kind::DataIn => fields.data_in_status.word(bhs) == GOOD,
            Kind::ScsiResponse => fields.response.word(bhs) == 0 && fields.status.word(bhs) == GOOD,
            _ => false,
        };
        let Some(key) = task.content else { return };
        if self.copies.remove(&key) {
            self.forget_all();
        }
        let Some(device) = self.commands.remove(&key).and_then(|device| self.devices.get_mut(&device)) else {
            return;
        };
        let ending = match (good, sense_key(pdu.view.data)) {
            (true, _) => Ending::Good,
            (false, Some(MISCOMPARE)) if kind == Kind::ScsiResponse => Ending::Miscompare,
            (false, Some(ABORTED_COMMAND)) if kind == Kind::ScsiResponse => Ending::GivenUp,
            (false, _) => Ending::Failed,
        };
        self.ghosts |= ending == Ending::GivenUp;
        if let Some(text) = device.end(key, ending) {
            sink.add("content", "sbc3/4.4", format!("task {:#x}: {text}", task.itt));
        }
    }

    /// A copy may have written anywhere.
    fn forget_all(&mut self) {
        for device in self.devices.values_mut() {
            device.forget_all();
        }
    }

    /// The command is gone without an answer: aborted, or its connection ended.
    pub(super) fn abandoned(&mut self, task: &Task) {
        let Some(key) = task.content else { return };
        if let Some(device) = self.commands.remove(&key).and_then(|device| self.devices.get_mut(&device)) {
            device.abandon(key);
            self.ghosts = true;
        }
    }

    /// Storage is idle: what is gone happened or did not, but will not happen later.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.ghosts) {
            self.devices.values_mut().for_each(Device::settle);
        }
    }

    pub(super) fn crashed(&mut self) {
        self.commands.clear();
        self.ghosts = false;
        self.devices.values_mut().for_each(Device::crash);
    }

    pub(super) fn tainted(&mut self, device: u32, blocks: Range<u64>) {
        if let Some(device) = self.devices.get_mut(&device) {
            device.taint(blocks);
        }
    }

    fn of(&mut self, task: &Task) -> Option<(u64, &mut Device)> {
        let key = task.content?;
        let device = self.commands.get(&key)?;
        Some((key, self.devices.get_mut(device)?))
    }
}

/// The sense key in the data segment of a SCSI response, after the two bytes of its length (RFC 7143 11.4.7; SPC-4 4.5).
fn sense_key(data: &[u8]) -> Option<u8> {
    let sense = data.get(2..)?;
    let at = match sense.first()? & 0x7f {
        0x70 | 0x71 => 2,
        0x72 | 0x73 => 1,
        _ => return None,
    };
    sense.get(at).map(|byte| byte & 0x0f)
}

/// The number a LUN stands for: peripheral and flat addressing, single level (SAM-5 4.7).
fn lun_number(lun: u64) -> Option<u16> {
    let single_level = lun & 0x0000_ffff_ffff_ffff == 0 && lun >> 62 <= 1;
    single_level.then(|| u16::try_from(lun >> 48 & 0x3fff).unwrap_or(0))
}

/// True if the sequence number `a` is before `b`; here for the order of commands, which never wraps in a run.
const fn earlier(a: u64, b: u64) -> bool {
    a < b
}
