//! What do all forms of one open file share? The lock, its journal, and that a flush has failed.
//!
//! A configuration that is read again may want a file in another form (read-only, around the page cache). For a while both forms
//! are open; the newer one takes over what this holds, so that nothing is read before the older one has written its last.

use super::super::journal::Journal;
use rustix::fs::{FlockOperation, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which file a path leads to: links of both kinds are one, and so are two nodes of one block device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileId {
    /// A block device by its number.
    Block(u64),
    /// A file by its file system and its number there.
    Inode(u64, u64),
}

impl FileId {
    /// Of the file at `path`; `None` if it cannot be told, for which opening it will give the reason.
    pub fn at(path: &Path) -> Option<Self> {
        rustix::fs::stat(path).ok().map(|stat| Self::of(&stat))
    }

    pub(super) fn of(stat: &Stat) -> Self {
        let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
        if kind.is_block_device() { Self::Block(stat.st_rdev) } else { Self::Inode(stat.st_dev, stat.st_ino) }
    }
}

/// Who has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Locked {
    Shared,
    Exclusive,
}

/// Shared by the devices that are one file.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) id: FileId,
    /// A copy of the first form's descriptor: the lock lasts as long as any form.
    fd: OwnedFd,
    locked: Mutex<Locked>,
    flush_failed: AtomicBool,
}

impl Hold {
    /// Takes an advisory lock, shared for reading, exclusive for writing; `None` if somebody else has it. A file system without
    /// locks is no reason not to serve.
    pub(super) fn take(fd: OwnedFd, id: FileId, read_only: bool) -> Option<Self> {
        let locked = if read_only { Locked::Shared } else { Locked::Exclusive };
        flock(&fd, locked).then(|| Self {
            id,
            fd,
            locked: Mutex::new(locked),
            flush_failed: AtomicBool::new(false),
        })
    }

    /// Changes the lock into the other kind; if somebody else reads the file it stays as it was. (flock(2) gives the old one up
    /// before it takes the new one.)
    pub(super) fn relock(&self, read_only: bool) -> bool {
        let wanted = if read_only { Locked::Shared } else { Locked::Exclusive };
        let mut locked = self.locked.lock().unwrap_or_else(PoisonError::into_inner);
        if *locked == wanted {
            return true;
        }
        let done = flock(&self.fd, wanted);
        if done {
            *locked = wanted;
        } else {
            flock(&self.fd, *locked);
        }
        done
    }

    /// Whether a flush has ever failed: what the kernel could not write it has forgotten, whatever form asks next.
    pub(super) fn flush_failed(&self) -> bool {
        self.flush_failed.load(Ordering::Acquire)
    }

    pub(super) fn fail_flushes(&self) {
        self.flush_failed.store(true, Ordering::Release);
    }
}

fn flock(fd: &OwnedFd, how: Locked) -> bool {
    let how = match how {
        Locked::Shared => FlockOperation::NonBlockingLockShared,
        Locked::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    rustix::fs::flock(fd, how) != Err(Errno::WOULDBLOCK)
}

/// A form's way to the journal, until a newer form has it.
#[derive(Debug)]
pub(super) struct Desk(Mutex<Option<Arc<Journal>>>);

impl Desk {
    pub(super) const fn new(journal: Option<Arc<Journal>>) -> Self {
        Self(Mutex::new(journal))
    }

    /// Hold it while something is being kept: [`Desk::close`] waits for that.
    pub(super) fn journal(&self) -> MutexGuard<'_, Option<Arc<Journal>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is being kept is kept, and nothing more will be.
    pub(super) fn close(&self) {
        *self.journal() = None;
    }
}
