//! UNMAP: each range of its list is a write of zeros, from the moment the list is here.

use super::device::Device;

/// Numbers that a command has for itself and its ranges: more than UNMAP may have.
pub(super) const KEYS_PER_COMMAND: u64 = 1 << 12;

/// An UNMAP under way.
#[derive(Clone, Debug)]
pub(super) struct Unmapping {
    list: Vec<u8>,
    /// How much of the list is here.
    have: usize,
    /// How many ranges are under way, as writes with the numbers after that of the command.
    ranges: u64,
    /// Its data is not sure.
    tangled: bool,
}

impl Device {
    /// An UNMAP whose list has so many bytes.
    pub(super) fn begin_unmap(&mut self, key: u64, len: u64) {
        let list = vec![0; usize::try_from(len).unwrap_or(0)];
        self.unmapping.insert(key, Unmapping { list, have: 0, ranges: 0, tangled: false });
    }

    /// Bytes of its list arrived.
    pub(super) fn unmap_list(&mut self, key: u64, offset: u32, bytes: &[u8]) {
        let Some(unmap) = self.unmapping.get_mut(&key) else { return };
        let start = (offset as usize).min(unmap.list.len());
        let bytes = &bytes[..bytes.len().min(unmap.list.len() - start)];
        unmap.list[start..start + bytes.len()].copy_from_slice(bytes);
        unmap.have += bytes.len();
        unmap.tangled |= unmap.have > unmap.list.len();
        if bytes.is_empty() || unmap.have != unmap.list.len() || unmap.list.len() < 8 {
            return;
        }
        let length = usize::from(u16::from_be_bytes([unmap.list[2], unmap.list[3]]));
        let descriptors = &unmap.list[8..(8 + length).min(unmap.list.len())];
        let mut ranges = Vec::new();
        for descriptor in descriptors.chunks_exact(16).take(KEYS_PER_COMMAND as usize - 1) {
            let (lba, rest) = descriptor.split_first_chunk().expect("sixteen bytes");
            let (blocks, _) = rest.split_first_chunk().expect("eight bytes");
            let (lba, blocks) = (u64::from_be_bytes(*lba), u64::from(u32::from_be_bytes(*blocks)));
            if lba.checked_add(blocks).is_some() && blocks > 0 {
                ranges.push((lba, blocks));
            }
        }
        unmap.ranges = ranges.len() as u64;
        for ((lba, blocks), key) in ranges.into_iter().zip(key + 1..) {
            self.begin_same(key, lba, blocks, true);
        }
    }

    pub(super) fn tangle_unmap(&mut self, key: u64) {
        if let Some(unmap) = self.unmapping.get_mut(&key) {
            unmap.tangled = true;
        }
    }

    /// Whether that command was one.
    pub(super) fn end_unmap(&mut self, key: u64, good: bool) -> bool {
        let Some(unmap) = self.unmapping.remove(&key) else { return false };
        for key in key + 1..=key + unmap.ranges {
            if let Some(write) = self.writing.remove(&key) {
                self.finish_write(key, &write, good);
            }
        }
        if unmap.tangled {
            self.forget_all();
        }
        true
    }

    /// It may happen until storage is idle.
    pub(super) fn abandon_unmap(&mut self, key: u64) {
        let Some(unmap) = self.unmapping.remove(&key) else { return };
        for key in key + 1..=key + unmap.ranges {
            if let Some(write) = self.writing.get_mut(&key) {
                write.ghost = true;
            }
        }
        if unmap.tangled {
            self.forget_all();
        }
    }
}
