//! Which device has which number? Numbers are given once and never again, so a configuration that is read again keeps
//! the number (and the content) of every device that is still in it.

use super::{Backing, Device, FileId};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use target_core::io::{DeviceId, Records};

#[derive(Debug)]
struct Entry {
    backing: Backing,
    block_size: u32,
    /// `None` once nothing refers to it any more.
    device: Option<Arc<Device>>,
}

/// The devices that are open, by number.
#[derive(Debug, Default)]
pub struct Registry {
    entries: RwLock<Vec<Entry>>,
}

/// One device of a new configuration, opened or found open.
#[derive(Debug)]
pub struct Opened {
    /// Its number.
    pub id: DeviceId,
    /// Its size in logical blocks now.
    pub blocks: u64,
    /// The records that it keeps, if it can.
    pub kept: Option<Records>,
}

/// Devices opened for a configuration that is not in force yet. Dropping it closes those that were not open before.
///
/// The order of a change: open and check everything ([`Staged::open`]), close the journals of what goes and read the records of what
/// comes ([`Staged::take_over`]), number the new devices ([`Staged::commit`]), tell the core, close what goes.
#[derive(Debug)]
pub struct Staged<'a> {
    registry: &'a Registry,
    /// (number, device) of all that the new configuration uses.
    used: Vec<DeviceId>,
    fresh: Vec<Entry>,
    base: usize,
}

/// The devices in force, for a few look-ups in a row.
pub struct Open<'a>(RwLockReadGuard<'a, Vec<Entry>>);

impl Open<'_> {
    /// The device of that number, if it is (still) part of the configuration.
    pub fn get(&self, id: DeviceId) -> Option<&Arc<Device>> {
        self.0.get(usize::try_from(id.0).ok()?)?.device.as_ref()
    }
}

impl Registry {
    /// The devices in force. Do not keep it: a new configuration waits for it.
    pub fn open(&self) -> Open<'_> {
        Open(self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins a new configuration. Only one may be staged at a time.
    pub fn stage(&self) -> Staged<'_> {
        let base = self.entries.read().unwrap_or_else(PoisonError::into_inner).len();
        Staged { registry: self, used: Vec::new(), fresh: Vec::new(), base }
    }
}

impl Staged<'_> {
    /// The number of the device behind `backing`, opened now if it is not open.
    ///
    /// # Errors
    /// One sentence for people.
    pub fn open(&mut self, backing: &Backing, block_size: u32) -> Result<Opened, String> {
        let entries = self.registry.entries.read().unwrap_or_else(PoisonError::into_inner);
        let same = |entry: &Entry| {
            entry.device.is_some() && entry.backing == *backing && entry.block_size == block_size
        };
        let found = (0..).map(DeviceId).zip(entries.iter().chain(&self.fresh)).find(|(_, entry)| same(entry));
        if let Some((id, entry)) = found {
            let blocks = entry.device.as_ref().map_or(0, |device| device.blocks());
            let kept = entry.device.as_ref().and_then(|device| device.kept());
            self.used.push(id);
            return Ok(Opened { id, blocks, kept });
        }
        let wanted = match backing {
            Backing::File(file) => FileId::at(&file.path),
            Backing::Memory { .. } | Backing::Null { .. } => None,
        };
        let open =
            || entries.iter().chain(&self.fresh).filter_map(|entry| Some((entry, entry.device.as_ref()?)));
        let same_file = |device: &Device| wanted.is_some() && device.file_id() == wanted;
        let old = open().find(|(_, device)| same_file(device)).map(|(_, device)| Arc::clone(device));
        if let Backing::File(file) = backing {
            let journal = file.journal_path();
            let other = open().find_map(|(entry, device)| match &entry.backing {
                Backing::File(other) if !same_file(device) => {
                    (other.journal_path() == journal).then_some(other)
                }
                _ => None,
            });
            if let Some(other) = other {
                let (path, journal, other) = (file.path.display(), journal.display(), other.path.display());
                return Err(format!("file {path}: its journal {journal} is that of file {other}"));
            }
        }
        drop(entries);
        let device = Device::open(backing, block_size, old.as_deref())?;
        let (blocks, kept) = (device.blocks(), device.kept());
        let id = DeviceId(u32::try_from(self.base + self.fresh.len()).map_err(|error| error.to_string())?);
        self.fresh.push(Entry { backing: backing.clone(), block_size, device: Some(Arc::new(device)) });
        self.used.push(id);
        Ok(Opened { id, blocks, kept })
    }

    /// Closes the journals of the devices that go, which waits for what they are keeping, and gives the records of those that come.
    /// Only now: until then the old form of a file could keep another one. There is no way back from here.
    pub fn take_over(&self) -> BTreeMap<DeviceId, Option<Records>> {
        let entries = self.registry.entries.read().unwrap_or_else(PoisonError::into_inner);
        for (id, entry) in (0..).map(DeviceId).zip(entries.iter()) {
            if let Some(device) = entry.device.as_ref().filter(|_| !self.used.contains(&id)) {
                device.close_journal();
            }
        }
        let fresh = (self.base..).zip(&self.fresh).filter_map(|(at, entry)| {
            let id = DeviceId(u32::try_from(at).ok()?);
            Some((id, entry.device.as_ref()?.kept()))
        });
        fresh.collect()
    }

    /// Puts the new devices in force. The answer closes the ones no longer used: call it when the core no longer
    /// refers to them.
    pub fn commit(mut self) -> impl FnOnce() {
        let (registry, used) = (self.registry, std::mem::take(&mut self.used));
        let fresh = std::mem::take(&mut self.fresh);
        let mut entries = registry.entries.write().unwrap_or_else(PoisonError::into_inner);
        entries.extend(fresh);
        drop(entries);
        move || {
            let mut entries = registry.entries.write().unwrap_or_else(PoisonError::into_inner);
            for (id, entry) in (0..).map(DeviceId).zip(entries.iter_mut()) {
                if !used.contains(&id) {
                    entry.device = None;
                }
            }
            settle(&entries);
        }
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        // It comes to nothing: locks that it changed are changed back.
        self.fresh.clear();
        settle(&self.registry.entries.read().unwrap_or_else(PoisonError::into_inner));
    }
}

fn settle(entries: &[Entry]) {
    entries.iter().filter_map(|entry| entry.device.as_ref()).for_each(|device| device.settle());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::FileBacking;
    use target_core::io::IoOp;

    fn memory(name: &str) -> Backing {
        Backing::Memory { bytes: 1 << 20, name: name.into() }
    }

    #[test]
    fn a_device_keeps_its_number_and_a_number_its_device() {
        let registry = Registry::default();
        let mut staged = registry.stage();
        let a = staged.open(&memory("a"), 512).expect("opens").id;
        let b = staged.open(&memory("b"), 512).expect("opens").id;
        assert_eq!(staged.open(&memory("a"), 512).expect("is open").id, a, "two LUNs may share a device");
        staged.commit()();
        let kept = registry.open().get(b).cloned().expect("in force");

        let mut staged = registry.stage();
        assert_eq!(staged.open(&memory("b"), 512).expect("is open").id, b);
        let c = staged.open(&memory("c"), 512).expect("opens").id;
        assert!(c != a && c != b);
        let retire = staged.commit();
        assert!(registry.open().get(a).is_some(), "until the core has let go of it");
        retire();
        assert!(registry.open().get(a).is_none());
        assert!(registry.open().get(b).is_some_and(|now| Arc::ptr_eq(now, &kept)));
    }

    #[test]
    fn a_file_may_change_its_form_and_stays_locked() {
        let path = std::env::temp_dir().join(format!("iscsi-lab-registry-{}", std::process::id()));
        std::fs::File::create(&path).and_then(|file| file.set_len(8192)).expect("a temporary file");
        let file = |read_only| Backing::file(&path, read_only);
        let registry = Registry::default();
        let mut staged = registry.stage();
        let before = staged.open(&file(true), 512).expect("opens").id;
        staged.commit()();
        let mut staged = registry.stage();
        let after = staged.open(&file(false), 4096).expect("we hold it ourselves").id;
        staged.commit()();
        assert!(registry.open().get(before).is_none() && registry.open().get(after).is_some());
        assert!(Device::open(&file(true), 512, None).is_err(), "the lock is exclusive now");
        std::fs::remove_file(&path).expect("removable");
    }

    /// The old form of a file keeps records up to the moment at which the new one has them, and none after that.
    #[test]
    fn the_last_record_of_the_old_form_is_there_for_the_new_one() {
        let path = std::env::temp_dir().join(format!("iscsi-lab-forms-{}", std::process::id()));
        std::fs::File::create(&path).and_then(|file| file.set_len(8192)).expect("a temporary file");
        let delay = std::time::Duration::from_millis(1);
        let forms = [FileBacking::new(&path, false), FileBacking { delay, ..FileBacking::new(&path, false) }];
        let forms = forms.map(Backing::File);
        let keep = |device: &Device, name: &str| {
            device.run(&IoOp::Keep { name: name.into(), record: bytes::Bytes::from_static(b"it") })
        };
        let registry = Registry::default();
        let mut staged = registry.stage();
        let old = staged.open(&forms[0], 512).expect("opens").id;
        staged.commit()();
        let old = registry.open().get(old).cloned().expect("in force");

        let mut staged = registry.stage();
        let new = staged.open(&forms[1], 512).expect("we hold it ourselves");
        assert_eq!(new.kept, Some(Records::new()));
        keep(&old, "late").expect("it is still in force");
        let kept = staged.take_over().remove(&new.id).flatten().expect("a file has a journal");
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["late"]);
        assert!(keep(&old, "too late").is_err(), "nobody would ever know of it");
        staged.commit()();
        let new = registry.open().get(new.id).cloned().expect("in force");
        keep(&new, "new").expect("it has the journal now");
        drop((old, new));
        let after = Device::open(&forms[0], 512, None);
        assert!(after.is_err(), "it is still locked");
        drop(registry);
        let after = Device::open(&forms[0], 512, None).expect("nobody has it");
        assert_eq!(after.kept().expect("a journal").into_keys().collect::<Vec<_>>(), ["late", "new"]);
        for path in [path.clone(), path.with_extension("journal")] {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Who fails to become the only one who may write is a reader as before.
    #[test]
    fn a_reader_that_may_not_write_stays_a_reader() {
        let path = std::env::temp_dir().join(format!("iscsi-lab-reader-{}", std::process::id()));
        std::fs::File::create(&path).and_then(|file| file.set_len(8192)).expect("a temporary file");
        let link = path.with_extension("link");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let registry = Registry::default();
        let mut staged = registry.stage();
        staged.open(&Backing::file(&path, true), 512).expect("opens");
        staged.commit()();
        let other = Device::open(&Backing::file(&path, true), 512, None).expect("readers share");
        let error = registry.stage().open(&Backing::file(&link, false), 512).expect_err("somebody reads it");
        assert!(error.contains("another process has it open"), "{error}");
        drop(other);
        assert!(Device::open(&Backing::file(&path, false), 512, None).is_err(), "it has its own lock still");
        let mut staged = registry.stage();
        staged.open(&Backing::file(&link, false), 512).expect("the same file by another name");
        assert!(Device::open(&Backing::file(&path, true), 512, None).is_err(), "locked for writing");
        drop(staged);
        Device::open(&Backing::file(&path, true), 512, None).expect("it came to nothing: readers share");
        for path in [path, link] {
            std::fs::remove_file(path).expect("removable");
        }
    }

    #[test]
    fn a_stage_that_is_dropped_changes_nothing() {
        let registry = Registry::default();
        let id = registry.stage().open(&memory("a"), 512).expect("opens").id;
        assert!(registry.open().get(id).is_none());
    }
}
