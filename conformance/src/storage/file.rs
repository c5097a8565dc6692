//! A disk in a file or on a block device, through the page cache or around it (O_DIRECT).
//!
//! What the page cache can answer is done at once (`RWF_NOWAIT`); the rest waits on a worker. A write is complete when
//! the page cache has it (the logical unit has a write cache), unless FUA asks for stable storage. After a flush has
//! failed every later flush fails too: the kernel forgets the pages it could not write, so a later success would be
//! a lie.

mod hold;

use self::hold::{Desk, Hold};
use super::aligned::Aligned;
use super::journal::Journal;
use super::{FileBacking, Tried, check_size};
use bytes::Bytes;
use rustix::fs::{FallocateFlags, Mode, OFlags, SeekFrom};
use rustix::io::{Errno, ReadWriteFlags};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use target_core::io::{IoError, IoOp, Provisioned, Records, Runs, SgList};

pub use self::hold::FileId;

/// The kernel takes no more pieces in one call (UIO_MAXIOV).
const PIECES_MAX: usize = 1024;

static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// What statfs says of a file system that lives in memory: nothing there ever waits for a disk.
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// An open file.
#[derive(Debug)]
pub struct FileDevice {
    fd: OwnedFd,
    path: PathBuf,
    block_size: u32,
    read_only: bool,
    /// The file system is memory: every call may be made at once.
    never_waits: bool,
    /// The file system knows no RWF_NOWAIT: every call goes to a worker.
    always_waits: AtomicBool,
    direct: bool,
    delay: Duration,
    /// What it shares with other forms of the same file.
    hold: Arc<Hold>,
    /// What is kept beside the blocks, if that can be.
    journal: Desk,
}

impl FileDevice {
    /// Opens a file and takes an advisory lock on it, shared for reading, exclusive for writing. `old` is a form of the same file
    /// that is open already and that this one replaces, or shares with if both are read-only: its lock and journal serve both.
    pub(crate) fn open(backing: &FileBacking, block_size: u32, old: Option<&Self>) -> Result<Self, String> {
        let FileBacking { path, read_only, direct, journal, delay } = backing;
        let (path, read_only, direct) = (path.as_path(), *read_only, *direct);
        let say = |what: &str| format!("file {}: {what}", path.display());
        let access = if read_only { OFlags::RDONLY } else { OFlags::RDWR };
        let access = if direct { access | OFlags::DIRECT } else { access };
        let fd = rustix::fs::open(path, access | OFlags::CLOEXEC, Mode::empty()).map_err(|error| {
            say(&match error {
                Errno::NOENT => "it does not exist; create it with `truncate -s 1G FILE`".to_owned(),
                Errno::ACCESS | Errno::PERM if !read_only => {
                    "no permission to write to it; give the permission or make the LUN read-only".to_owned()
                }
                Errno::ACCESS | Errno::PERM => "no permission to read it".to_owned(),
                Errno::ROFS => "it is on a read-only file system; make the LUN read-only".to_owned(),
                Errno::ISDIR => "it is a directory".to_owned(),
                Errno::INVAL if direct => "its file system has no direct I/O (O_DIRECT)".to_owned(),
                other => other.to_string(),
            })
        })?;
        let stat = rustix::fs::fstat(&fd).map_err(|error| say(&error.to_string()))?;
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        if !kind.is_file() && !kind.is_block_device() {
            return Err(say("it is neither a regular file nor a block device"));
        }
        let id = FileId::of(&stat);
        let old = old.filter(|old| old.hold.id == id);
        let hold = match old {
            Some(old) => (read_only || old.hold.relock(false)).then(|| Arc::clone(&old.hold)),
            None => {
                let copy = fd.try_clone().map_err(|error| say(&error.to_string()))?;
                Hold::take(copy, id, read_only).map(Arc::new)
            }
        };
        let hold = hold.ok_or_else(|| {
            say(if read_only {
                "another process has it open for writing"
            } else {
                "another process has it open; only readers can share a file"
            })
        })?;
        let journal = match (journal, kind.is_file()) {
            (None, false) => None,
            _ => {
                let path = backing.journal_path();
                let known = old.and_then(|old| old.journal.journal().clone());
                Some(match known.filter(|journal| journal.path() == path) {
                    Some(journal) => journal,
                    None => Arc::new(Journal::open(path).map_err(|error| say(&error))?),
                })
            }
        };
        let never_waits =
            delay.is_zero() && rustix::fs::fstatfs(&fd).is_ok_and(|fs| fs.f_type == TMPFS_MAGIC);
        let device = Self {
            fd,
            path: path.to_owned(),
            block_size,
            read_only,
            never_waits,
            always_waits: AtomicBool::new(false),
            direct,
            delay: *delay,
            hold,
            journal: Desk::new(journal),
        };
        let bytes = device.bytes().map_err(|error| say(&error.to_string()))?;
        check_size(&format!("file {}", path.display()), bytes, block_size)?;
        if direct && device.fetch(device.blocks() - 1, 1) == Err(Errno::INVAL) {
            return Err(say(&format!("direct I/O takes no blocks of {block_size} bytes there")));
        }
        Ok(device)
    }

    /// The records beside the blocks, as they are now; `None` if there can be none.
    pub(crate) fn kept(&self) -> Option<Records> {
        self.journal.journal().as_ref().map(|journal| journal.records())
    }

    fn keep(&self, name: &str, record: &Bytes) -> Result<SgList, IoError> {
        match &*self.journal.journal() {
            Some(_) if self.read_only => Err(IoError::WriteProtected),
            Some(journal) => journal.keep(name, record).map(|()| SgList::new()),
            // There is none, or a newer form of the file has it.
            None => Err(IoError::Hardware),
        }
    }

    /// Nothing is kept by way of this form from now on; what is being kept is waited for.
    pub(crate) fn close_journal(&self) {
        self.journal.close();
    }

    /// Gives the lock the kind that this form needs, once it is the only one.
    pub(crate) fn settle(&self) {
        self.hold.relock(self.read_only);
    }

    /// Which file it is.
    pub(crate) fn id(&self) -> FileId {
        self.hold.id
    }

    /// Size in bytes now; works for block devices too.
    fn bytes(&self) -> Result<u64, Errno> {
        rustix::fs::seek(&self.fd, SeekFrom::End(0))
    }

    /// Size in whole logical blocks now.
    pub fn blocks(&self) -> u64 {
        self.bytes().unwrap_or(0) / u64::from(self.block_size)
    }

    /// Does what the page cache can do without waiting.
    pub fn try_now(&self, op: IoOp) -> Tried {
        if self.never_waits && !matches!(op, IoOp::Keep { .. }) {
            return Tried::Done(self.run(&op));
        }
        if self.direct || !self.delay.is_zero() || self.always_waits.load(Ordering::Relaxed) {
            return Tried::WouldBlock(op);
        }
        let result = match &op {
            IoOp::Read { lba, blocks } => {
                let mut buffer = vec![0; self.length(*blocks)];
                let mut slices = [IoSliceMut::new(&mut buffer)];
                let at = self.offset(*lba);
                match rustix::io::preadv2(&self.fd, &mut slices, at, ReadWriteFlags::NOWAIT) {
                    Ok(n) if n == buffer.len() => Ok(buffer.into()),
                    // Part of it, or an error to look into: the worker finds out.
                    Ok(_) => Err(Errno::AGAIN),
                    Err(error) => Err(error),
                }
            }
            IoOp::Write { lba, data, fua: false } if data.pieces().count() <= PIECES_MAX => {
                let slices: Vec<_> = data.pieces().map(|piece| IoSlice::new(piece)).collect();
                match rustix::io::pwritev2(&self.fd, &slices, self.offset(*lba), ReadWriteFlags::NOWAIT) {
                    Ok(n) if n == data.len() => Ok(SgList::new()),
                    Ok(_) => Err(Errno::AGAIN),
                    Err(error) => Err(error),
                }
            }
            IoOp::Write { .. }
            | IoOp::Verify { .. }
            | IoOp::Unmap { .. }
            | IoOp::Status { .. }
            | IoOp::Flush
            | IoOp::Keep { .. } => Err(Errno::AGAIN),
        };
        match result {
            Ok(data) => Tried::Done(Ok(data)),
            Err(error) => {
                // A write may be unsupported where reads are not; then reads lose the short way too, which only
                // costs time.
                if matches!(error, Errno::OPNOTSUPP | Errno::INVAL) {
                    self.always_waits.store(true, Ordering::Relaxed);
                }
                Tried::WouldBlock(op)
            }
        }
    }

    /// Does one operation to its end.
    pub fn run(&self, op: &IoOp) -> Result<SgList, IoError> {
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        match op {
            IoOp::Read { lba, blocks } => self.read(*lba, *blocks).map(SgList::from),
            IoOp::Verify { lba, blocks } => self.verify(*lba, *blocks),
            IoOp::Write { lba, data, fua } => self.write(*lba, data, *fua),
            // A file cannot keep space in a way that it could tell from holes, so its units do not offer to.
            IoOp::Unmap { lba, blocks, anchor: _ } => self.unmap(*lba, *blocks),
            IoOp::Status { lba, runs } => self.status(*lba, *runs),
            IoOp::Flush => self.flush(),
            IoOp::Keep { name, record } => self.keep(name, record),
        }
        .inspect_err(|error| tracing::warn!(file = %self.path.display(), ?error, "storage error"))
    }

    fn read(&self, lba: u64, blocks: u32) -> Result<Bytes, IoError> {
        if self.direct {
            let mut buffer = Aligned::new(self.length(blocks));
            self.read_into(buffer.get(), lba, blocks)?;
            return Ok(buffer.into_bytes());
        }
        let mut buffer = vec![0; self.length(blocks)];
        self.read_into(&mut buffer, lba, blocks)?;
        Ok(buffer.into())
    }

    fn read_into(&self, buffer: &mut [u8], lba: u64, blocks: u32) -> Result<(), IoError> {
        let (mut done, start) = (0, self.offset(lba));
        while done < buffer.len() {
            match rustix::io::pread(&self.fd, &mut buffer[done..], start + done as u64) {
                // The file has become shorter than the logical unit.
                Ok(0) => return Err(IoError::Read { lba: self.block_at(lba, done) }),
                Ok(n) => done += n,
                Err(Errno::INTR) => {}
                Err(Errno::IO) => return Err(IoError::Read { lba: self.first_bad(lba, blocks) }),
                Err(error) => return Err(general(error)),
            }
        }
        Ok(())
    }

    /// One call, wherever its bytes may go.
    fn fetch(&self, lba: u64, blocks: u32) -> Result<usize, Errno> {
        rustix::io::pread(&self.fd, Aligned::new(self.length(blocks)).get(), self.offset(lba))
    }

    /// Reads in pieces of bounded size and throws the bytes away.
    fn verify(&self, lba: u64, blocks: u32) -> Result<SgList, IoError> {
        let step = (1 << 20) / self.block_size;
        let (mut at, mut left) = (lba, blocks);
        while left > 0 {
            let now = left.min(step);
            self.read(at, now)?;
            at += u64::from(now);
            left -= now;
        }
        Ok(SgList::new())
    }

    fn write(&self, lba: u64, data: &SgList, fua: bool) -> Result<SgList, IoError> {
        let mut copy = if self.direct { Some(Aligned::of(data)) } else { None };
        let mut slices: Vec<_> = match &mut copy {
            Some(copy) => vec![IoSlice::new(copy.get())],
            None => data.pieces().map(|piece| IoSlice::new(piece)).collect(),
        };
        let mut rest = &mut slices[..];
        let (mut done, start) = (0, self.offset(lba));
        let flags = if fua { ReadWriteFlags::DSYNC } else { ReadWriteFlags::empty() };
        while !rest.is_empty() {
            let count = rest.len().min(PIECES_MAX);
            match rustix::io::pwritev2(&self.fd, &rest[..count], start + done as u64, flags) {
                Ok(0) => return Err(IoError::Write { lba: self.block_at(lba, done) }),
                Ok(n) => {
                    done += n;
                    IoSlice::advance_slices(&mut rest, n);
                }
                Err(Errno::INTR) => {}
                Err(Errno::IO) => return Err(IoError::Write { lba: self.block_at(lba, done) }),
                Err(error) => return Err(general(error)),
            }
        }
        Ok(SgList::new())
    }

    /// Punches a hole; where the file system cannot, the blocks get zeros and keep their place.
    fn unmap(&self, lba: u64, blocks: u32) -> Result<SgList, IoError> {
        let (offset, len) = (self.offset(lba), self.length(blocks) as u64);
        if offset.saturating_add(len) > self.bytes().map_err(general)? {
            return Err(IoError::Write { lba });
        }
        loop {
            let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            return match rustix::fs::fallocate(&self.fd, how, offset, len) {
                Ok(()) => Ok(SgList::new()),
                Err(Errno::INTR) => continue,
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.write_zeros(lba, blocks),
                Err(Errno::IO) => Err(IoError::Write { lba }),
                Err(error) => Err(general(error)),
            };
        }
    }

    fn write_zeros(&self, lba: u64, blocks: u32) -> Result<SgList, IoError> {
        let step = ZEROS.len() as u64 / u64::from(self.block_size);
        let end = lba + u64::from(blocks);
        let mut at = lba;
        while at < end {
            let now = step.min(end - at);
            let zeros = Bytes::from_static(&ZEROS[..(now * u64::from(self.block_size)) as usize]);
            self.write(at, &zeros.into(), false)?;
            at += now;
        }
        Ok(SgList::new())
    }

    /// A block counts as mapped if the file system keeps any part of it.
    fn status(&self, lba: u64, runs: u32) -> Result<SgList, IoError> {
        let size = u64::from(self.block_size);
        let blocks = self.blocks();
        let mut list = Runs::new(lba, runs);
        let mut at = lba;
        while at < blocks {
            let data = match rustix::fs::seek(&self.fd, SeekFrom::Data(self.offset(at))) {
                Ok(offset) => (offset / size).clamp(at, blocks),
                Err(Errno::NXIO) => blocks,
                // It does not tell: everything is mapped.
                Err(Errno::INVAL | Errno::OPNOTSUPP) => at,
                Err(error) => return Err(general(error)),
            };
            let hole = match rustix::fs::seek(&self.fd, SeekFrom::Hole(self.offset(data))) {
                Ok(offset) if data < blocks => offset.div_ceil(size).clamp(data + 1, blocks),
                _ => blocks,
            };
            if !list.add(data - at, Provisioned::Deallocated) || !list.add(hole - data, Provisioned::Mapped) {
                break;
            }
            at = hole;
        }
        Ok(list.finish())
    }

    fn flush(&self) -> Result<SgList, IoError> {
        if self.hold.flush_failed() {
            return Err(IoError::Hardware);
        }
        match rustix::fs::fdatasync(&self.fd) {
            Ok(()) => Ok(SgList::new()),
            Err(error) => {
                self.hold.fail_flushes();
                Err(general(error))
            }
        }
    }

    /// After EIO: which block it was, by reading one at a time.
    fn first_bad(&self, lba: u64, blocks: u32) -> u64 {
        let bad = |at: &u64| self.fetch(*at, 1).is_err();
        (lba..lba.saturating_add(u64::from(blocks))).find(bad).unwrap_or(lba)
    }

    fn block_at(&self, lba: u64, done: usize) -> u64 {
        lba + done as u64 / u64::from(self.block_size)
    }

    const fn offset(&self, lba: u64) -> u64 {
        lba.saturating_mul(self.block_size as u64)
    }

    const fn length(&self, blocks: u32) -> usize {
        blocks as usize * self.block_size as usize
    }
}

/// What an error means wherever it happens.
const fn general(error: Errno) -> IoError {
    match error {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => IoError::NoSpace,
        Errno::ROFS | Errno::PERM | Errno::BADF => IoError::WriteProtected,
        Errno::NODEV | Errno::NXIO | Errno::NOMEDIUM | Errno::STALE => IoError::NotReady,
        _ => IoError::Hardware,
    }
}

#[cfg(test)]
mod tests;
