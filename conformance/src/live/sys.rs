//! The system calls of a tracer, each as one function that can only be called rightly.

use super::error::{BPF, LiveError, PERFMON};
use std::ffi::CStr;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

const MAP_CREATE: libc::c_int = 0;
const MAP_LOOKUP_ELEM: libc::c_int = 1;
const PROG_LOAD: libc::c_int = 5;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const LINK_CREATE: libc::c_int = 28;

/// `BPF_MAP_TYPE_ARRAY` and `BPF_MAP_TYPE_RINGBUF`.
pub(super) const ARRAY: u32 = 2;
pub(super) const RING: u32 = 27;
/// `BPF_TRACE_UPROBE_MULTI`.
pub(super) const UPROBE_MULTI: u32 = 48;
/// `BPF_PROG_TYPE_KPROBE`, which uprobes use too.
const KPROBE: u32 = 2;
/// The helpers that read another address space are for programs under a licence compatible with the kernel's.
const LICENCE: &CStr = c"Dual MIT/GPL";
/// Room for what the verifier has to say.
const LOG_BYTES: usize = 1 << 16;

/// One BPF instruction as the kernel takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Insn {
    pub(super) code: u8,
    /// Destination in the low, source in the high half.
    pub(super) regs: u8,
    pub(super) off: i16,
    pub(super) imm: i32,
}

/// bpf(2). The attribute must be of the command's type, and all its addresses must be those of live memory of the size
/// that the command reads or writes; every caller is in this file.
fn bpf<T>(command: libc::c_int, attribute: &mut T) -> io::Result<i32> {
    // SAFETY: the kernel reads `size` bytes of the attribute and, as the command says, what its addresses point to; the
    // callers below keep that memory alive and large enough. No command used here writes to the attribute itself beyond
    // its size.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attribute), size_of::<T>() as u32)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { i32::try_from(result).map_err(io::Error::other) }
}

/// The descriptor that a call gave.
fn own(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// The size of a page.
pub(super) fn page_size() -> usize {
    // SAFETY: a question with a number for an answer.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Nanoseconds of the clock that programs read (`bpf_ktime_get_ns`).
pub(super) fn now_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills the structure, which is ours; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    u64::try_from(now.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0)
}

/// Makes a map of 32-bit keys (a ring has none) and 64-bit values.
pub(super) fn map(kind: u32, entries: u32) -> Result<OwnedFd, LiveError> {
    #[repr(C)]
    struct Attribute {
        kind: u32,
        key_size: u32,
        value_size: u32,
        entries: u32,
        flags: u32,
    }
    let (key_size, value_size) = if kind == RING { (0, 0) } else { (4, 8) };
    let mut attribute = Attribute { kind, key_size, value_size, entries, flags: 0 };
    let lacks = if kind == RING { "BPF ring buffer (Linux 5.8 or later has it)" } else { "BPF array" };
    bpf(MAP_CREATE, &mut attribute)
        .map(own)
        .map_err(|error| LiveError::of("bpf(BPF_MAP_CREATE)", error, lacks, &[BPF, PERFMON]))
}

/// One value of an array.
pub(super) fn lookup(map: BorrowedFd<'_>, key: u32) -> io::Result<u64> {
    #[repr(C)]
    struct Attribute {
        map: u64,
        key: u64,
        value: u64,
        flags: u64,
    }
    let mut value = 0_u64;
    let mut attribute = Attribute {
        map: u64::from(map.as_raw_fd().unsigned_abs()),
        key: std::ptr::from_ref(&key).addr() as u64,
        value: (&raw mut value).expose_provenance() as u64,
        flags: 0,
    };
    bpf(MAP_LOOKUP_ELEM, &mut attribute)?;
    Ok(value)
}

/// Loads a program for uprobes; `expected` is [`UPROBE_MULTI`] or 0.
pub(super) fn load(instructions: &[Insn], expected: u32) -> Result<OwnedFd, LiveError> {
    #[repr(C)]
    struct Attribute {
        kind: u32,
        count: u32,
        instructions: u64,
        licence: u64,
        log_level: u32,
        log_size: u32,
        log: u64,
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
        interface: u32,
        expected: u32,
    }
    let attribute = |log: &mut [u8]| Attribute {
        kind: KPROBE,
        count: u32::try_from(instructions.len()).unwrap_or(u32::MAX),
        instructions: instructions.as_ptr().expose_provenance() as u64,
        licence: LICENCE.as_ptr().expose_provenance() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).unwrap_or(0),
        log: if log.is_empty() { 0 } else { log.as_mut_ptr().expose_provenance() as u64 },
        kernel_version: 0,
        flags: 0,
        name: *b"iscsi_lab\0\0\0\0\0\0\0",
        interface: 0,
        expected,
    };
    let error = match bpf(PROG_LOAD, &mut attribute(&mut [])) {
        Ok(fd) => return Ok(own(fd)),
        Err(error) => error,
    };
    if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)) {
        return Err(LiveError::of("bpf(BPF_PROG_LOAD)", error, "bpf(2)", &[BPF, PERFMON]));
    }
    // Once more with a log: why was it refused?
    let mut log = vec![0; LOG_BYTES];
    match bpf(PROG_LOAD, &mut attribute(&mut log)) {
        Ok(fd) => Ok(own(fd)),
        Err(error) => {
            let text =
                String::from_utf8_lossy(log.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
            let last: Vec<&str> = text.lines().rev().take(3).collect();
            let last: Vec<&str> = last.into_iter().rev().collect();
            Err(LiveError::Verifier(format!("{error}; {}", last.join("; "))))
        }
    }
}

/// Runs of a program that the kernel left out because another one was running on that processor.
pub(super) fn missed_runs(program: BorrowedFd<'_>) -> io::Result<u64> {
    #[repr(C)]
    struct Attribute {
        fd: u32,
        len: u32,
        info: u64,
    }
    // `struct bpf_prog_info` up to and with `recursion_misses`, its 27th 64-bit word.
    let mut info = [0_u64; 27];
    let mut attribute = Attribute {
        fd: program.as_raw_fd().unsigned_abs(),
        len: u32::try_from(size_of_val(&info)).unwrap_or(0),
        info: info.as_mut_ptr().expose_provenance() as u64,
    };
    bpf(OBJ_GET_INFO_BY_FD, &mut attribute)?;
    // A kernel that knows less says so by writing less.
    let known = attribute.len as usize >= size_of_val(&info);
    Ok(if known { info[26] } else { 0 })
}

/// One place of a file to attach to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Of the site, in the file.
    pub(super) offset: u64,
    /// Of its semaphore, in the file; 0 if it has none.
    pub(super) semaphore: u64,
    /// What the program gets as its cookie.
    pub(super) cookie: u64,
}

/// Attaches a program to many places of a file at once; it stays attached as long as the descriptor lives.
pub(super) fn attach_multi(
    program: BorrowedFd<'_>,
    file: &CStr,
    places: &[Place],
    pid: u32,
) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attribute {
        program: u32,
        target: u32,
        kind: u32,
        flags: u32,
        path: u64,
        offsets: u64,
        semaphores: u64,
        cookies: u64,
        count: u32,
        multi_flags: u32,
        pid: u32,
        padding: u32,
    }
    let offsets: Vec<u64> = places.iter().map(|place| place.offset).collect();
    let semaphores: Vec<u64> = places.iter().map(|place| place.semaphore).collect();
    let cookies: Vec<u64> = places.iter().map(|place| place.cookie).collect();
    let address = |list: &[u64]| list.as_ptr().expose_provenance() as u64;
    let mut attribute = Attribute {
        program: program.as_raw_fd().unsigned_abs(),
        target: 0,
        kind: UPROBE_MULTI,
        flags: 0,
        path: file.as_ptr().expose_provenance() as u64,
        offsets: address(&offsets),
        semaphores: address(&semaphores),
        cookies: address(&cookies),
        count: u32::try_from(places.len()).unwrap_or(u32::MAX),
        multi_flags: 0,
        pid,
        padding: 0,
    };
    bpf(LINK_CREATE, &mut attribute).map(own)
}

/// Attaches a program to one place of a file through a perf event of the uprobe kind.
pub(super) fn attach_perf(
    program: BorrowedFd<'_>,
    kind: u32,
    file: &CStr,
    place: Place,
    pid: u32,
) -> io::Result<OwnedFd> {
    /// `struct perf_event_attr`, version 1.
    #[repr(C)]
    struct Attribute {
        kind: u32,
        size: u32,
        config: u64,
        period: u64,
        sample_type: u64,
        read_format: u64,
        flags: u64,
        wakeup: u32,
        breakpoint: u32,
        path: u64,
        offset: u64,
    }
    let attribute = Attribute {
        kind,
        size: u32::try_from(size_of::<Attribute>()).unwrap_or(0),
        // The semaphore's offset is in the top half (format/ref_ctr_offset).
        config: place.semaphore << 32,
        period: 1,
        sample_type: 0,
        read_format: 0,
        flags: 0,
        wakeup: 1,
        breakpoint: 0,
        path: file.as_ptr().expose_provenance() as u64,
        offset: place.offset,
    };
    // A uprobe needs one processor when it is for all processes, and any when it is for one.
    let (pid, cpu) = if pid == 0 { (-1, 0) } else { (i32::try_from(pid).unwrap_or(-1), -1) };
    const CLOSE_ON_EXEC: libc::c_ulong = 8;
    // SAFETY: the kernel reads `size` bytes of the attribute and the path, a C string that the caller keeps.
    let fd = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attribute, pid, cpu, -1_i32, CLOSE_ON_EXEC)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let event = own(i32::try_from(fd).map_err(io::Error::other)?);
    /// `PERF_EVENT_IOC_SET_BPF`, `PERF_EVENT_IOC_ENABLE`.
    const SET_PROGRAM: libc::c_ulong = 0x4004_2408;
    const ENABLE: libc::c_ulong = 0x2400;
    for (request, value) in [(SET_PROGRAM, program.as_raw_fd()), (ENABLE, 0)] {
        // SAFETY: both requests take a number, not an address.
        if unsafe { libc::ioctl(event.as_raw_fd(), request, value) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(event)
}

/// Pages of a map, in our address space until dropped.
pub(super) struct Pages {
    start: *mut u8,
    len: usize,
}

impl Pages {
    /// Maps `len` bytes from `offset` on.
    pub(super) fn map(fd: BorrowedFd<'_>, offset: usize, len: usize, writable: bool) -> io::Result<Self> {
        let protection = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        let offset = libc::off_t::try_from(offset).map_err(io::Error::other)?;
        // SAFETY: a new mapping at an address of the kernel's choice touches no memory of ours.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, fd.as_raw_fd(), offset)
        };
        if start == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(Self { start: start.cast(), len })
        }
    }

    /// The number at `at`, which the kernel may write at any time.
    pub(super) fn word<T>(&self, at: usize) -> &T
    where
        T: Shared,
    {
        assert!(at.is_multiple_of(size_of::<T>()) && at + size_of::<T>() <= self.len, "within the mapping");
        // SAFETY: inside the mapping and aligned (checked above), mapped as long as `self` lives, and atomic, so a writer
        // beside us is no data race.
        unsafe { &*self.start.add(at).cast::<T>() }
    }

    /// Bytes that the kernel has finished writing; the caller has seen that by an acquiring load.
    pub(super) fn bytes(&self, at: usize, len: usize) -> &[u8] {
        assert!(at.checked_add(len).is_some_and(|end| end <= self.len), "within the mapping");
        // SAFETY: inside the mapping (checked above); the kernel leaves a committed record alone until the consumer's
        // position has passed it, which only happens after this borrow has ended (`Ring::drain`).
        unsafe { std::slice::from_raw_parts(self.start.add(at), len) }
    }
}

/// Numbers that two sides may look at together.
pub(super) trait Shared {}
impl Shared for std::sync::atomic::AtomicU32 {}
impl Shared for std::sync::atomic::AtomicU64 {}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and every borrow of it has ended.
        unsafe { libc::munmap(self.start.cast(), self.len) };
    }
}
