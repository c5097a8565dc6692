//! What a disk keeps beside its blocks: a few records in a small file of their own, which is always replaced as a whole.
//!
//! A new version is written under another name, made durable, put in the place of the old one, and the folder made durable too;
//! so after a crash one of the two is there. A file that does not match its checksum is never ignored: what it said about
//! reservations, or about an unfinished SANITIZE, nobody knows.
//!
//! The file: a line that says so; for each record the length of its name in two bytes, the name, its own length in four and its bytes; in the
//! end the CRC-32C of all that. Numbers begin with their highest byte. Without records there is no file.

use bytes::Bytes;
use rustix::io::Errno;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use target_core::io::{IoError, Records};

const MAGIC: &[u8] = b"iscsi-lab journal 1\n";
/// Of the checksum.
const SUM_LEN: usize = 4;
/// A longer file is none of ours: more than all registrations that a configuration can allow.
const BYTES_MAX: u64 = 64 << 20;

/// The journal of one disk.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    records: Mutex<Records>,
}

impl Journal {
    /// Reads the journal at `path`; there may be none yet.
    ///
    /// # Errors
    /// One sentence for people: which file it is, what is wrong with it, and what can be done.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let records = read(&path)?;
        Ok(Self { path, records: Mutex::new(records) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept now.
    pub fn records(&self) -> Records {
        self.lock().clone()
    }

    /// Keeps a record in the place of the one of that name, or takes that away if it is empty. It is on stable storage then.
    ///
    /// # Errors
    /// Nothing has changed, as far as anybody can tell.
    pub fn keep(&self, name: &str, record: &Bytes) -> Result<(), IoError> {
        let mut records = self.lock();
        let mut next = records.clone();
        if record.is_empty() {
            next.remove(name);
        } else {
            next.insert(name.to_owned(), record.clone());
        }
        self.replace(&next).map_err(|error| {
            tracing::error!(journal = %self.path.display(), %error, "a record could not be kept");
            match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => IoError::NoSpace,
                Some(Errno::ROFS | Errno::PERM | Errno::ACCESS) => IoError::WriteProtected,
                _ => IoError::Hardware,
            }
        })?;
        *records = next;
        Ok(())
    }

    fn replace(&self, records: &Records) -> std::io::Result<()> {
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        if records.is_empty() {
            match std::fs::remove_file(&self.path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        } else {
            let mut file = File::create(&new)?;
            file.write_all(&encode(records))?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)?;
        }
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

fn read(path: &Path) -> Result<Records, String> {
    let say = |what: &str| format!("journal {}: {what}", path.display());
    let mut bytes = Vec::new();
    match File::open(path) {
        Ok(file) => {
            file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| say(&error.to_string()))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Records::new()),
        Err(error) => return Err(say(&error.to_string())),
    }
    decode(&bytes).map_err(|why| {
        say(&format!(
            "it is damaged: {why}. Put an undamaged copy there; without it, what it kept (persistent reservations, an \
             unfinished SANITIZE) is lost, and only removing the file says that this may be"
        ))
    })
}

fn encode(records: &Records) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    for (name, record) in records {
        out.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend(name.as_bytes());
        out.extend(u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend(record);
    }
    let sum = crc32c::crc32c(&out);
    out.extend(sum.to_be_bytes());
    out
}

fn decode(bytes: &[u8]) -> Result<Records, String> {
    if bytes.len() as u64 > BYTES_MAX {
        return Err(format!("it has more than {BYTES_MAX} bytes"));
    }
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(format!("it does not begin with {:?}", String::from_utf8_lossy(MAGIC).trim_end()));
    };
    let cut = || "it ends too early".to_owned();
    let (mut rest, sum) = rest.split_last_chunk::<SUM_LEN>().ok_or_else(cut)?;
    let computed = crc32c::crc32c(&bytes[..bytes.len() - SUM_LEN]);
    let stored = u32::from_be_bytes(*sum);
    if computed != stored {
        return Err(format!("its checksum is {computed:08x} and should be {stored:08x}"));
    }
    let mut records = Records::new();
    let mut take = |len: usize| {
        let (head, tail) = rest.split_at_checked(len)?;
        rest = tail;
        Some(head.to_vec())
    };
    while let Some(len) = take(2) {
        let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
        let name = take(len).and_then(|name| String::from_utf8(name).ok()).ok_or_else(cut)?;
        let len = take(4).ok_or_else(cut)?;
        let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize;
        records.insert(name, take(len).ok_or_else(cut)?.into());
    }
    if rest.is_empty() { Ok(records) } else { Err(cut()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let n = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("iscsi-lab-journal-{}-{n}", std::process::id()));
            std::fs::create_dir(&path).expect("a folder");
            Self(path)
        }

        fn journal(&self) -> PathBuf {
            self.0.join("disk.journal")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_kept_is_there_for_the_next_one() {
        let folder = Folder::new();
        let journal = Journal::open(folder.journal()).expect("none yet");
        assert!(journal.records().is_empty() && !folder.journal().exists());
        journal.keep("medium", &Bytes::from_static(b"one")).expect("kept");
        journal.keep("iqn.x/0", &Bytes::from_static(b"two")).expect("kept");
        journal.keep("medium", &Bytes::from_static(b"three")).expect("kept");
        let again = Journal::open(folder.journal()).expect("opens");
        assert_eq!(again.records(), journal.records());
        assert_eq!(again.records().len(), 2);
        assert_eq!(again.records()["medium"], Bytes::from_static(b"three"));
        for name in ["medium", "iqn.x/0", "never there"] {
            again.keep(name, &Bytes::new()).expect("taken away");
        }
        let left: Vec<_> = std::fs::read_dir(&folder.0).expect("a folder").collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn every_damage_is_found_and_the_file_is_named() {
        let folder = Folder::new();
        let journal = Journal::open(folder.journal()).expect("none yet");
        journal.keep("iqn.x/0", &Bytes::from_static(b"a record of some length")).expect("kept");
        let good = std::fs::read(folder.journal()).expect("it is there");
        let refused = |bytes: &[u8]| {
            std::fs::write(folder.journal(), bytes).expect("writable");
            let error = Journal::open(folder.journal()).expect_err("damaged");
            assert!(error.contains("disk.journal") && error.contains("damaged"), "{error}");
            error
        };
        for len in 0..good.len() {
            refused(&good[..len]);
        }
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            refused(&bytes);
        }
        assert!(refused(b"something else").contains("does not begin"));
        assert!(refused(&[&good[..], b"x"].concat()).contains("checksum"));
        std::fs::write(folder.journal(), &good).expect("writable");
        Journal::open(folder.journal()).expect("as good as before");
    }

    #[test]
    fn what_was_cut_short_is_overwritten_and_what_fails_changes_nothing() {
        let folder = Folder::new();
        std::fs::write(folder.0.join("disk.journal.new"), b"half a ver").expect("writable");
        let journal = Journal::open(folder.journal()).expect("opens");
        journal.keep("a", &Bytes::from_static(b"1")).expect("kept");
        // Something stands where the new version is to be written.
        std::fs::create_dir(folder.0.join("disk.journal.new")).expect("a folder");
        assert!(journal.keep("a", &Bytes::from_static(b"2")).is_err());
        assert_eq!(journal.records()["a"], Bytes::from_static(b"1"));
        assert_eq!(Journal::open(folder.journal()).expect("opens").records()["a"], Bytes::from_static(b"1"));
    }
}
