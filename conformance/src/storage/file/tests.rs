//! Files that behave, and files that do not.

use super::*;
use std::path::Path;
use std::sync::atomic::AtomicU32;

/// A file of its own for each test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(bytes: u64) -> Self {
        Self::below(&std::env::temp_dir(), bytes)
    }

    /// On a disk, as likely as not: the folder for temporary files may be memory.
    fn beside_the_build(bytes: u64) -> Self {
        let built = std::env::current_exe().expect("a program");
        Self::below(built.parent().expect("its folder"), bytes)
    }

    fn below(folder: &Path, bytes: u64) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = folder.join(format!("iscsi-lab-file-{}-{n}", std::process::id()));
        let file = std::fs::File::create(&path).expect("a temporary file");
        file.set_len(bytes).expect("its size");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// As the server does it: at once if possible, else waiting.
fn go(device: &FileDevice, op: IoOp) -> Result<SgList, IoError> {
    match device.try_now(op) {
        Tried::Done(result) => result,
        Tried::WouldBlock(op) => device.run(&op),
    }
}

#[test]
fn what_is_written_is_read_back_and_in_the_file() {
    let scratch = Scratch::new(1 << 20);
    let device = FileDevice::open(&FileBacking::new(&scratch.0, false), 512, None).expect("opens");
    assert_eq!(device.blocks(), 2048);
    for fua in [false, true] {
        let mut data = SgList::from(vec![1; 700]);
        data.push(vec![2 + u8::from(fua); 324].into());
        assert_eq!(go(&device, IoOp::Write { lba: 5, data: data.clone(), fua }), Ok(SgList::new()));
        assert_eq!(go(&device, IoOp::Read { lba: 5, blocks: 2 }), Ok(data));
    }
    assert_eq!(go(&device, IoOp::Flush), Ok(SgList::new()));
    assert_eq!(go(&device, IoOp::Verify { lba: 0, blocks: 2048 }), Ok(SgList::new()));
    assert_eq!(std::fs::read(&scratch.0).expect("the file")[5 * 512], 1);
}

#[test]
fn a_file_that_shrank_fails_at_its_first_missing_block() {
    let scratch = Scratch::new(1 << 20);
    let device = FileDevice::open(&FileBacking::new(&scratch.0, false), 4096, None).expect("opens");
    std::fs::File::options().write(true).open(&scratch.0).expect("opens").set_len(8192).expect("shrinks");
    assert_eq!(go(&device, IoOp::Read { lba: 0, blocks: 4 }), Err(IoError::Read { lba: 2 }));
    assert_eq!(go(&device, IoOp::Verify { lba: 1, blocks: 9 }), Err(IoError::Read { lba: 2 }));
    assert_eq!(device.blocks(), 2);
}

#[test]
fn every_mistake_is_named_at_the_start() {
    let scratch = Scratch::new(1000);
    let open =
        |path: &Path| FileDevice::open(&FileBacking::new(path, false), 512, None).expect_err("refused");
    assert!(open(Path::new("/no/such/file")).contains("does not exist"));
    assert!(open(&std::env::temp_dir()).contains("directory"));
    assert!(open(Path::new("/dev/null")).contains("neither a regular file nor a block device"));
    assert!(open(&scratch.0).contains("not a multiple of the block size 512"));
    let empty = Scratch::new(0);
    assert!(open(&empty.0).contains("empty"));
    let good = Scratch::new(4096);
    let _held = FileDevice::open(&FileBacking::new(&good.0, false), 512, None).expect("opens");
    assert!(open(&good.0).contains("another process"));
}

#[test]
fn what_goes_around_the_page_cache_is_the_same() {
    let scratch = Scratch::beside_the_build(1 << 20);
    let direct = FileBacking { direct: true, ..FileBacking::new(&scratch.0, false) };
    let device = match FileDevice::open(&direct, 4096, None) {
        Ok(device) => device,
        // Not every file system can, and serving from one that cannot is refused with just that reason.
        Err(error) => {
            assert!(error.contains("direct I/O"), "{error}");
            return;
        }
    };
    for fua in [false, true] {
        let mut data = SgList::from(vec![1; 5000]);
        data.push(vec![2 + u8::from(fua); 3192].into());
        assert_eq!(go(&device, IoOp::Write { lba: 5, data: data.clone(), fua }), Ok(SgList::new()));
        assert_eq!(go(&device, IoOp::Read { lba: 5, blocks: 2 }), Ok(data));
    }
    assert_eq!(go(&device, IoOp::Unmap { lba: 5, blocks: 1, anchor: false }), Ok(SgList::new()));
    assert_eq!(go(&device, IoOp::Read { lba: 5, blocks: 1 }), Ok(vec![0; 4096].into()));
    assert_eq!(go(&device, IoOp::Flush), Ok(SgList::new()));
    let read = std::fs::read(&scratch.0).expect("the file");
    assert_eq!((read[6 * 4096], read[7 * 4096 - 1], read.len()), (1, 3, 1 << 20));
}

#[test]
fn records_are_kept_beside_the_file() {
    let scratch = Scratch::new(4096);
    let beside = FileBacking::new(&scratch.0, false).journal_path();
    let device = FileDevice::open(&FileBacking::new(&scratch.0, false), 512, None).expect("opens");
    assert_eq!(device.kept(), Some(Records::new()));
    let keep = |record: &'static [u8]| IoOp::Keep { name: "x".into(), record: Bytes::from_static(record) };
    assert_eq!(go(&device, keep(b"abc")), Ok(SgList::new()));
    assert!(beside.exists());
    drop(device);
    let device = FileDevice::open(&FileBacking::new(&scratch.0, true), 512, None).expect("opens");
    assert_eq!(device.kept().expect("it reads them")["x"], Bytes::from_static(b"abc"));
    assert_eq!(go(&device, keep(b"")), Err(IoError::WriteProtected));
    drop(device);
    std::fs::write(&beside, b"rubbish").expect("writable");
    let error = FileDevice::open(&FileBacking::new(&scratch.0, false), 512, None).expect_err("damaged");
    assert!(error.contains(".journal") && error.contains("damaged"), "{error}");
    std::fs::remove_file(&beside).expect("removable");
}

#[test]
fn a_read_only_file_refuses_writes_and_may_be_shared() {
    let scratch = Scratch::new(4096);
    let device = FileDevice::open(&FileBacking::new(&scratch.0, true), 512, None).expect("opens");
    let _other = FileDevice::open(&FileBacking::new(&scratch.0, true), 512, None).expect("opens twice");
    let write = IoOp::Write { lba: 0, data: vec![0; 512].into(), fua: false };
    assert_eq!(go(&device, write), Err(IoError::WriteProtected));
}

#[test]
fn a_full_disk_is_told_apart() {
    // /dev/full is a character device, so it is used below `open`.
    let fd = rustix::fs::open("/dev/full", OFlags::RDWR, Mode::empty()).expect("Linux has it");
    let copy = fd.try_clone().expect("a descriptor");
    let hold = Hold::take(copy, FileId::Inode(0, 0), false).expect("nobody locks it");
    let device = FileDevice {
        fd,
        path: "/dev/full".into(),
        block_size: 512,
        read_only: false,
        never_waits: false,
        always_waits: AtomicBool::new(true),
        direct: false,
        delay: Duration::ZERO,
        hold: Arc::new(hold),
        journal: Desk::new(None),
    };
    let write = IoOp::Write { lba: 0, data: vec![0; 512].into(), fua: false };
    assert_eq!(go(&device, write), Err(IoError::NoSpace));
    assert!(go(&device, IoOp::Flush).is_err(), "a character device cannot be synchronised");
    assert_eq!(go(&device, IoOp::Flush), Err(IoError::Hardware), "and stays that way");
}

#[test]
fn a_hole_is_punched_and_reads_as_zeros() {
    use target_core::io::{Provisioned, Run, Runs};
    let scratch = Scratch::new(1 << 20);
    let device = FileDevice::open(&FileBacking::new(&scratch.0, false), 512, None).expect("opens");
    let write = IoOp::Write { lba: 0, data: vec![7; 1 << 20].into(), fua: true };
    assert_eq!(go(&device, write), Ok(SgList::new()));
    // Not aligned to anything: what is outside stays.
    assert_eq!(go(&device, IoOp::Unmap { lba: 13, blocks: 1000, anchor: false }), Ok(SgList::new()));
    let read = go(&device, IoOp::Read { lba: 0, blocks: 2048 }).expect("reads").to_bytes();
    let zeros = 13 * 512..1013 * 512;
    assert!(read.iter().enumerate().all(|(at, byte)| *byte == if zeros.contains(&at) { 0 } else { 7 }));
    let status = |lba, runs| {
        let list = go(&device, IoOp::Status { lba, runs }).expect("is told");
        Runs::read(&list)
            .into_iter()
            .map(|Run { lba, blocks, state }| (lba, blocks, state))
            .collect::<Vec<_>>()
    };
    assert_eq!(device.blocks(), 2048, "the file keeps its length");
    let runs = status(0, 9);
    assert_eq!(runs.iter().map(|run| u64::from(run.1)).sum::<u64>(), 2048);
    if runs.len() > 1 {
        // The file system has holes, in units of its blocks.
        assert_eq!(
            runs.iter().map(|run| run.2).collect::<Vec<_>>(),
            [Provisioned::Mapped, Provisioned::Deallocated, Provisioned::Mapped]
        );
        assert!(runs[1].0 >= 13 && runs[2].0 <= 1013, "{runs:?}");
        assert_eq!(
            status(512, 1),
            [(512, u32::try_from(runs[2].0 - 512).expect("small"), Provisioned::Deallocated)]
        );
    }
}

#[test]
fn where_no_hole_can_be_punched_zeros_are_written() {
    let scratch = Scratch::new(1 << 20);
    let device = FileDevice::open(&FileBacking::new(&scratch.0, false), 4096, None).expect("opens");
    let write = IoOp::Write { lba: 0, data: vec![7; 1 << 20].into(), fua: false };
    assert_eq!(go(&device, write), Ok(SgList::new()));
    assert_eq!(device.write_zeros(3, 100), Ok(SgList::new()));
    let read = go(&device, IoOp::Read { lba: 2, blocks: 102 }).expect("reads").to_bytes();
    assert!(read[..4096].iter().chain(&read[101 * 4096..]).all(|byte| *byte == 7));
    assert!(read[4096..101 * 4096].iter().all(|byte| *byte == 0));
}
