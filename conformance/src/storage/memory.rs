//! A disk in memory: sparse pages that are never changed in place, so a read hands out shared bytes without a copy.
//!
//! Pages hang in chunks of 1 MiB, each with its own lock, so operations on different chunks run in parallel and reads
//! of one chunk do too. A page is replaced whole; a reader that still holds the old one keeps seeing the old bytes.
//! A page keeps, sector by sector, whether it was written, unmapped or anchored; one that holds nothing any more is given back.
//! One operation is not atomic over several chunks, which SBC-3 does not ask for; a single block always is.

use bytes::Bytes;
use std::sync::{PoisonError, RwLock};
use target_core::io::{IoError, IoOp, Provisioned, Runs, SgList};

const PAGE_BYTES: usize = 4096;
const CHUNK_PAGES: usize = 256;
const CHUNK_BYTES: u64 = (PAGE_BYTES * CHUNK_PAGES) as u64;
/// Bounds the table of chunks to some tens of MiB.
const BYTES_MAX: u64 = 1 << 40;

static ZERO_PAGE: [u8; PAGE_BYTES] = [0; PAGE_BYTES];

/// Blocks are whole numbers of these.
const SECTOR_BYTES: usize = 512;

/// How many empty chunks a status looks through before it answers with what it has.
const CHUNKS_SCANNED_MAX: u64 = 1 << 14;

/// A page, and which of its sectors (bit 0 for the first) are mapped or anchored; the others read as zeros. An empty
/// `bytes` is a page of which no sector is either.
#[derive(Clone, Debug, Default)]
struct Page {
    bytes: Bytes,
    mapped: u8,
    anchored: u8,
}

/// Pages of one chunk; none until the first write.
type Chunk = Vec<Page>;

/// Sparse memory of a fixed size.
#[derive(Debug)]
pub struct MemoryDevice {
    chunks: Box<[RwLock<Chunk>]>,
    bytes: u64,
    block_size: u32,
}

impl MemoryDevice {
    /// A device of `bytes` zeros, a whole number of blocks.
    pub(crate) fn new(bytes: u64, block_size: u32) -> Result<Self, String> {
        if bytes > BYTES_MAX {
            return Err(format!("{bytes} bytes of memory: at most {BYTES_MAX} (1 TiB) are allowed"));
        }
        let count = usize::try_from(bytes.div_ceil(CHUNK_BYTES)).map_err(|error| error.to_string())?;
        Ok(Self { chunks: (0..count).map(|_| RwLock::default()).collect(), bytes, block_size })
    }

    /// Size in logical blocks.
    pub const fn blocks(&self) -> u64 {
        self.bytes / self.block_size as u64
    }

    /// Does one operation; nothing here ever waits for more than another thread's copy of a page.
    pub fn run(&self, op: &IoOp) -> Result<SgList, IoError> {
        match op {
            IoOp::Read { lba, blocks } => {
                let len = u64::from(*blocks) * u64::from(self.block_size);
                let start = self.start(*lba, len).ok_or(IoError::Read { lba: *lba })?;
                Ok(self.read(start, len))
            }
            IoOp::Write { lba, data, .. } => {
                let start = self.start(*lba, data.len() as u64).ok_or(IoError::Write { lba: *lba })?;
                self.write(start, data);
                Ok(SgList::new())
            }
            IoOp::Unmap { lba, blocks, anchor } => {
                let len = u64::from(*blocks) * u64::from(self.block_size);
                let start = self.start(*lba, len).ok_or(IoError::Write { lba: *lba })?;
                self.unmap(start, len, *anchor);
                Ok(SgList::new())
            }
            IoOp::Status { lba, runs } => Ok(self.status(*lba, *runs)),
            IoOp::Verify { .. } | IoOp::Flush => Ok(SgList::new()),
            // It does not offer to.
            IoOp::Keep { .. } => Err(IoError::Hardware),
        }
    }

    /// Byte offset of `lba` if `len` bytes from there exist.
    fn start(&self, lba: u64, len: u64) -> Option<u64> {
        let start = lba.checked_mul(u64::from(self.block_size))?;
        (start.checked_add(len)? <= self.bytes).then_some(start)
    }

    fn read(&self, start: u64, len: u64) -> SgList {
        let mut out = SgList::new();
        let mut at = start;
        let end = start + len;
        while at < end {
            let chunk =
                self.chunks[(at / CHUNK_BYTES) as usize].read().unwrap_or_else(PoisonError::into_inner);
            let chunk_end = end.min((at / CHUNK_BYTES + 1) * CHUNK_BYTES);
            while at < chunk_end {
                let (page, from) = place(at);
                let take = (PAGE_BYTES - from).min((chunk_end - at) as usize);
                out.push(match chunk.get(page).map(|page| &page.bytes).filter(|bytes| !bytes.is_empty()) {
                    Some(page) if take == PAGE_BYTES => page.clone(),
                    Some(page) => page.slice(from..from + take),
                    None => Bytes::from_static(&ZERO_PAGE[from..from + take]),
                });
                at += take as u64;
            }
        }
        out
    }

    fn write(&self, start: u64, data: &SgList) {
        let end = start + data.len() as u64;
        let mut source = Source::new(data);
        let mut at = start;
        while at < end {
            let (page, from) = place(at);
            let take = (PAGE_BYTES - from).min((end - at) as usize);
            let chunk = &self.chunks[(at / CHUNK_BYTES) as usize];
            if take == PAGE_BYTES {
                // Copied before the lock is taken. Sharing the received bytes instead would keep whole receive
                // buffers alive for one page each.
                let mut fresh = Vec::with_capacity(PAGE_BYTES);
                source.append_to(&mut fresh, take);
                let mut chunk = chunk.write().unwrap_or_else(PoisonError::into_inner);
                let fresh = Page { bytes: fresh.into(), mapped: u8::MAX, anchored: 0 };
                let old = std::mem::replace(slot(&mut chunk, page), fresh);
                drop(chunk);
                drop(old);
            } else {
                let mut chunk = chunk.write().unwrap_or_else(PoisonError::into_inner);
                let slot = slot(&mut chunk, page);
                let mut fresh = Vec::with_capacity(PAGE_BYTES);
                let old: &[u8] = if slot.bytes.is_empty() { &ZERO_PAGE } else { &slot.bytes };
                fresh.extend_from_slice(&old[..from]);
                source.append_to(&mut fresh, take);
                fresh.extend_from_slice(&old[from + take..]);
                slot.bytes = fresh.into();
                slot.mapped |= sectors(from, take);
                slot.anchored &= !sectors(from, take);
            }
            at += take as u64;
        }
    }

    fn unmap(&self, start: u64, len: u64, anchor: bool) {
        let end = start + len;
        let mut at = start;
        while at < end {
            let mut chunk =
                self.chunks[(at / CHUNK_BYTES) as usize].write().unwrap_or_else(PoisonError::into_inner);
            let chunk_end = end.min((at / CHUNK_BYTES + 1) * CHUNK_BYTES);
            if chunk.is_empty() && !anchor {
                at = chunk_end;
                continue;
            }
            while at < chunk_end {
                let (page, from) = place(at);
                let take = (PAGE_BYTES - from).min((chunk_end - at) as usize);
                slot(&mut chunk, page).unmap(from, take, anchor);
                at += take as u64;
            }
            if chunk.iter().all(|page| page.bytes.is_empty()) {
                *chunk = Chunk::new();
            }
        }
    }

    fn status(&self, lba: u64, runs: u32) -> SgList {
        let mut list = Runs::new(lba, runs);
        let size = u64::from(self.block_size);
        let first = lba * size / CHUNK_BYTES;
        let mut at = lba * size;
        while at < self.bytes && at / CHUNK_BYTES - first < CHUNKS_SCANNED_MAX {
            let chunk =
                self.chunks[(at / CHUNK_BYTES) as usize].read().unwrap_or_else(PoisonError::into_inner);
            let chunk_end = self.bytes.min((at / CHUNK_BYTES + 1) * CHUNK_BYTES);
            if chunk.is_empty() {
                if !list.add((chunk_end - at) / size, Provisioned::Deallocated) {
                    break;
                }
                at = chunk_end;
            }
            while at < chunk_end {
                let (page, from) = place(at);
                if !list.add(1, chunk[page].state(from)) {
                    return list.finish();
                }
                at += size;
            }
        }
        list.finish()
    }
}

/// Page within its chunk, and offset within the page.
const fn place(at: u64) -> (usize, usize) {
    let in_chunk = (at % CHUNK_BYTES) as usize;
    (in_chunk / PAGE_BYTES, in_chunk % PAGE_BYTES)
}

/// The bits of the sectors in `len` bytes at `from` of a page.
const fn sectors(from: usize, len: usize) -> u8 {
    let (first, count) = (from / SECTOR_BYTES, len / SECTOR_BYTES);
    (((1_u16 << count) - 1) << first) as u8
}

fn slot(chunk: &mut Chunk, page: usize) -> &mut Page {
    if chunk.is_empty() {
        chunk.resize(CHUNK_PAGES, Page::default());
    }
    &mut chunk[page]
}

impl Page {
    fn unmap(&mut self, from: usize, len: usize, anchor: bool) {
        let gone = sectors(from, len);
        self.mapped &= !gone;
        self.anchored = if anchor { self.anchored | gone } else { self.anchored & !gone };
        if self.mapped | self.anchored == 0 {
            self.bytes = Bytes::new();
        } else if len == PAGE_BYTES || self.bytes.is_empty() {
            // A page of its own: space is kept for what comes.
            self.bytes = vec![0; PAGE_BYTES].into();
        } else {
            let mut fresh = self.bytes.to_vec();
            fresh[from..from + len].fill(0);
            self.bytes = fresh.into();
        }
    }

    const fn state(&self, from: usize) -> Provisioned {
        let bit = sectors(from, SECTOR_BYTES);
        if self.mapped & bit != 0 {
            Provisioned::Mapped
        } else if self.anchored & bit != 0 {
            Provisioned::Anchored
        } else {
            Provisioned::Deallocated
        }
    }
}

/// Reads a list of pieces front to back.
struct Source<'a, I: Iterator<Item = &'a Bytes>> {
    pieces: I,
    current: &'a [u8],
}

impl<'a> Source<'a, std::iter::Empty<&'a Bytes>> {
    fn new(data: &'a SgList) -> Source<'a, impl Iterator<Item = &'a Bytes>> {
        Source { pieces: data.pieces(), current: &[] }
    }
}

impl<'a, I: Iterator<Item = &'a Bytes>> Source<'a, I> {
    fn append_to(&mut self, out: &mut Vec<u8>, mut len: usize) {
        while len > 0 {
            if self.current.is_empty() {
                let Some(piece) = self.pieces.next() else { return };
                self.current = piece;
            }
            let (now, later) = self.current.split_at(len.min(self.current.len()));
            out.extend_from_slice(now);
            self.current = later;
            len -= now.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn device(bytes: u64) -> MemoryDevice {
        MemoryDevice::new(bytes, 512).expect("a small device")
    }

    #[test]
    fn a_page_is_shared_with_its_reader_and_never_changes_under_it() {
        let device = device(1 << 20);
        let data = SgList::from(vec![7; PAGE_BYTES]);
        device.run(&IoOp::Write { lba: 8, data, fua: false }).expect("a write");
        let read = || device.run(&IoOp::Read { lba: 8, blocks: 8 }).expect("a read");
        let (one, two) = (read(), read());
        assert_eq!(one.to_bytes().as_ptr(), two.to_bytes().as_ptr(), "both are the page itself");
        let data = SgList::from(vec![9; 512]);
        device.run(&IoOp::Write { lba: 9, data, fua: false }).expect("a write");
        assert!(one.to_bytes().iter().all(|byte| *byte == 7));
        assert_eq!(read().to_bytes()[512..1024], [9; 512]);
    }

    #[test]
    fn outside_is_an_error_with_the_block() {
        let device = device(1 << 20);
        assert_eq!(device.run(&IoOp::Read { lba: 2047, blocks: 2 }), Err(IoError::Read { lba: 2047 }));
        let op = IoOp::Write { lba: u64::MAX, data: vec![0; 512].into(), fua: false };
        assert_eq!(device.run(&op), Err(IoError::Write { lba: u64::MAX }));
    }

    #[test]
    fn untouched_memory_is_sparse() {
        let device = device(1 << 40);
        let read = device.run(&IoOp::Read { lba: 1 << 30, blocks: 16 }).expect("a read");
        assert!(read.len() == 8192 && read.pieces().all(|piece| piece.iter().all(|byte| *byte == 0)));
        assert!(MemoryDevice::new((1 << 40) + 512, 512).is_err());
    }

    #[test]
    fn what_is_unmapped_is_given_back_block_by_block() {
        let device = device(3 << 20);
        let data = SgList::from(vec![7; 2 << 20]);
        device.run(&IoOp::Write { lba: 1024, data, fua: false }).expect("a write");
        let unmap = |lba, blocks, anchor| device.run(&IoOp::Unmap { lba, blocks, anchor }).expect("goes");
        unmap(2048, 1001, false);
        unmap(3060, 8, true);
        unmap(6000, 3, true);
        let list = device.run(&IoOp::Status { lba: 0, runs: 99 }).expect("is told");
        let runs: Vec<_> = Runs::read(&list).iter().map(|run| (run.lba, run.blocks, run.state)).collect();
        assert_eq!(
            runs,
            [
                (0, 1024, Provisioned::Deallocated),
                (1024, 1024, Provisioned::Mapped),
                (2048, 1001, Provisioned::Deallocated),
                (3049, 11, Provisioned::Mapped),
                (3060, 8, Provisioned::Anchored),
                (3068, 2052, Provisioned::Mapped),
                (5120, 880, Provisioned::Deallocated),
                (6000, 3, Provisioned::Anchored),
                (6003, 141, Provisioned::Deallocated),
            ]
        );
        unmap(1024, 4096, false);
        unmap(6000, 3, false);
        assert!(device.chunks.iter().all(|chunk| chunk.read().is_ok_and(|chunk| chunk.is_empty())));
        let beyond = IoOp::Unmap { lba: 6143, blocks: 2, anchor: false };
        assert_eq!(device.run(&beyond), Err(IoError::Write { lba: 6143 }));
    }

    proptest! {
        #[test]
        fn behaves_like_an_array(ops in prop::collection::vec((0u64..4096, 1u32..40, any::<u8>()), 1..40)) {
            let bytes = 4136 * 512;
            let device = device(bytes);
            let mut model = vec![0u8; bytes as usize];
            for (lba, blocks, fill) in ops {
                let (start, len) = (lba as usize * 512, blocks as usize * 512);
                // Two uneven pieces, so that pieces and pages never line up.
                let mut data = SgList::from(vec![fill; 100]);
                data.push(vec![fill.wrapping_add(1); len - 100].into());
                if fill.is_multiple_of(4) {
                    device.run(&IoOp::Unmap { lba, blocks, anchor: fill == 4 }).unwrap();
                    model[start..start + len].fill(0);
                    continue;
                }
                device.run(&IoOp::Write { lba, data: data.clone(), fua: false }).unwrap();
                model[start..start + len].copy_from_slice(&data.to_bytes());
            }
            for lba in (0..4136).step_by(47) {
                let read = device.run(&IoOp::Read { lba, blocks: 40.min(4136 - lba as u32) }).unwrap();
                let start = lba as usize * 512;
                prop_assert_eq!(&read.to_bytes()[..], &model[start..start + read.len()]);
            }
        }
    }
}
