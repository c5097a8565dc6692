//! Where do the blocks live? Memory, a file or nowhere, behind one type that says whether an operation would block.
//!
//! An operation is first tried on the thread that wants it ([`Device::try_now`]), which never waits for a disk. What
//! would wait comes back and goes to the [`pool`], whose threads may block ([`Device::run`]).

mod aligned;
pub mod file;
pub mod journal;
pub mod memory;
pub mod null;
pub mod pool;
pub mod registry;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use target_core::io::{IoError, IoOp, Records, SgList};

pub use file::{FileDevice, FileId};
pub use memory::MemoryDevice;
pub use null::NullDevice;

/// What a device is made of, and what tells two devices apart when a configuration is read again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backing {
    /// Pages in this process; gone when it ends.
    Memory {
        /// Size in bytes.
        bytes: u64,
        /// Keeps the memory of different logical units apart: `IQN/LUN`.
        name: String,
    },
    /// A regular file or block device.
    File(FileBacking),
    /// Reads zeros, forgets writes: for measuring everything but the disk.
    Null {
        /// Size in bytes.
        bytes: u64,
    },
}

/// A file, and how it is used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileBacking {
    /// Where it is.
    pub path: PathBuf,
    /// Opened for reading only.
    pub read_only: bool,
    /// Without the page cache (O_DIRECT).
    pub direct: bool,
    /// Where its journal is. Without, it is beside a regular file, and a block device has none.
    pub journal: Option<PathBuf>,
    /// Every operation takes so much longer: for seeing what initiators make of slow disks.
    pub delay: Duration,
}

impl FileBacking {
    /// A file used in the usual way.
    pub fn new(path: impl Into<PathBuf>, read_only: bool) -> Self {
        Self { path: path.into(), read_only, direct: false, journal: None, delay: Duration::ZERO }
    }

    /// Where the journal of a regular file is.
    fn journal_path(&self) -> PathBuf {
        self.journal.clone().unwrap_or_else(|| {
            let mut name = self.path.clone().into_os_string();
            name.push(".journal");
            name.into()
        })
    }
}

impl Backing {
    /// A file used in the usual way.
    pub fn file(path: impl Into<PathBuf>, read_only: bool) -> Self {
        Self::File(FileBacking::new(path, read_only))
    }
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory { bytes, .. } => write!(f, "{bytes} bytes of memory"),
            Self::File(file) => write!(f, "file {}", file.path.display()),
            Self::Null { bytes } => write!(f, "null device of {bytes} bytes"),
        }
    }
}

/// A device that is open.
#[derive(Debug)]
pub enum Device {
    /// Memory.
    Memory(MemoryDevice),
    /// A file.
    File(FileDevice),
    /// Nothing.
    Null(NullDevice),
}

/// What came of trying an operation without waiting.
#[derive(Debug)]
pub enum Tried {
    /// It is complete.
    Done(Result<SgList, IoError>),
    /// It would wait: the operation comes back unchanged.
    WouldBlock(IoOp),
}

impl Device {
    /// Opens what `backing` names. `old` is a device of this process with the same file, in a form that this one is to replace.
    ///
    /// # Errors
    /// One sentence for people: what is wrong and with which file.
    pub fn open(backing: &Backing, block_size: u32, old: Option<&Self>) -> Result<Self, String> {
        Ok(match backing {
            Backing::Memory { bytes, .. } => {
                check_size(&backing.to_string(), *bytes, block_size)?;
                Self::Memory(MemoryDevice::new(*bytes, block_size)?)
            }
            Backing::Null { bytes } => {
                check_size(&backing.to_string(), *bytes, block_size)?;
                Self::Null(NullDevice::new(*bytes, block_size))
            }
            Backing::File(file) => {
                let old = old.and_then(|old| if let Self::File(old) = old { Some(old) } else { None });
                Self::File(FileDevice::open(file, block_size, old)?)
            }
        })
    }

    /// The device that this one replaces is closed: changes its lock into the kind that this one needs.
    pub(crate) fn settle(&self) {
        if let Self::File(device) = self {
            device.settle();
        }
    }

    /// Keeps no more records from now on; what is being kept is waited for.
    pub(crate) fn close_journal(&self) {
        if let Self::File(device) = self {
            device.close_journal();
        }
    }

    /// Which file it is, if it is one.
    pub(crate) fn file_id(&self) -> Option<FileId> {
        if let Self::File(device) = self { Some(device.id()) } else { None }
    }

    /// The records that it keeps, as they are now; `None` if it cannot keep any.
    pub fn kept(&self) -> Option<Records> {
        match self {
            Self::File(device) => device.kept(),
            Self::Memory(_) | Self::Null(_) => None,
        }
    }

    /// Size in logical blocks as it is now; a file may have grown or shrunk since it was opened.
    pub fn blocks(&self) -> u64 {
        match self {
            Self::Memory(device) => device.blocks(),
            Self::File(device) => device.blocks(),
            Self::Null(device) => device.blocks(),
        }
    }

    /// Does `op` if that takes no waiting.
    pub fn try_now(&self, op: IoOp) -> Tried {
        match self {
            Self::Memory(device) => Tried::Done(device.run(&op)),
            Self::Null(device) => Tried::Done(device.run(&op)),
            Self::File(device) => device.try_now(op),
        }
    }

    /// Does `op`, however long it takes.
    pub fn run(&self, op: &IoOp) -> Result<SgList, IoError> {
        match self {
            Self::Memory(device) => device.run(op),
            Self::Null(device) => device.run(op),
            Self::File(device) => device.run(op),
        }
    }
}

/// A device has at least one block and no part of one.
pub(crate) fn check_size(what: &str, bytes: u64, block_size: u32) -> Result<(), String> {
    if bytes == 0 {
        return Err(format!(
            "{what}: it is empty; a logical unit needs at least one block of {block_size} bytes"
        ));
    }
    if !bytes.is_multiple_of(u64::from(block_size)) {
        return Err(format!(
            "{what}: its size {bytes} is not a multiple of the block size {block_size}; {} bytes are too many",
            bytes % u64::from(block_size)
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_not_whole_blocks_are_refused_with_the_reason() {
        let memory = |bytes| Backing::Memory { bytes, name: String::new() };
        assert!(Device::open(&memory(0), 512, None).is_err_and(|e| e.contains("empty")));
        assert!(Device::open(&memory(1000), 512, None).is_err_and(|e| e.contains("488 bytes are too many")));
        assert!(Device::open(&Backing::Null { bytes: 4096 }, 4096, None).is_ok_and(|d| d.blocks() == 1));
    }
}
