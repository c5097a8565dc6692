//! What does the kernel run when a probe fires? Programs assembled by hand: one copies an event into the ring, one counts.

use super::event::layout;
use super::sys::Insn;

/// Registers of a BPF program: r0 result, r1 to r5 arguments, r6 to r9 kept across calls, r10 the frame.
type Reg = u8;

/// Helpers, by their numbers in the kernel's ABI.
#[derive(Clone, Copy)]
enum Helper {
    MapLookup = 1,
    KtimeNs = 5,
    PidTgid = 14,
    ReadUser = 112,
    ReadUserStr = 114,
    RingReserve = 131,
    RingSubmit = 132,
    AttachCookie = 174,
}

/// Do not wake the reader: it looks by itself, which spares the traced process the interrupt.
const NO_WAKEUP: i32 = 1;

/// Where the arguments are: offsets into the processor's registers as the kernel saved them.
pub(super) type Arguments = Vec<i16>;

/// How a program learns which probe it runs for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// By the cookie of its place in a multi link.
    Cookie,
    /// It is for this one alone.
    Only(u32),
}

/// Builds up a program.
#[derive(Default)]
struct Assembler(Vec<Insn>);

impl Assembler {
    fn put(&mut self, code: u8, dst: Reg, src: Reg, off: i16, imm: i32) {
        self.0.push(Insn { code, regs: dst | src << 4, off, imm });
    }

    fn mov(&mut self, dst: Reg, src: Reg) {
        self.put(0xbf, dst, src, 0, 0);
    }

    fn set(&mut self, dst: Reg, value: i32) {
        self.put(0xb7, dst, 0, 0, value);
    }

    fn add(&mut self, dst: Reg, value: i32) {
        self.put(0x07, dst, 0, 0, value);
    }

    fn or(&mut self, dst: Reg, value: i32) {
        self.put(0x47, dst, 0, 0, value);
    }

    /// `dst = *(u64 *)(src + off)`.
    fn load(&mut self, dst: Reg, src: Reg, off: i16) {
        self.put(0x79, dst, src, off, 0);
    }

    /// `*(u64 *)(dst + off) = src`.
    fn store(&mut self, dst: Reg, off: i16, src: Reg) {
        self.put(0x7b, dst, src, off, 0);
    }

    /// `*(u64 *)(dst + off) += src`, atomically.
    fn add_shared(&mut self, dst: Reg, off: i16, src: Reg) {
        self.put(0xdb, dst, src, off, 0);
    }

    fn call(&mut self, helper: Helper) {
        self.put(0x85, 0, 0, 0, helper as i32);
    }

    /// The map itself, for helpers (`kind` 1), or the address of its first value (`kind` 2).
    fn map(&mut self, dst: Reg, kind: Reg, fd: i32) {
        self.put(0x18, dst, kind, 0, fd);
        self.put(0, 0, 0, 0, 0);
    }

    /// A jump whose goal is not known yet; [`Assembler::land`] makes it known.
    fn jump(&mut self, code: u8, dst: Reg, imm: i32) -> usize {
        self.put(code, dst, 0, 0, imm);
        self.0.len() - 1
    }

    /// Lets the jump at `from` go on here.
    fn land(&mut self, from: usize) {
        // Programs are far shorter than 2^15 instructions.
        self.0[from].off = (self.0.len() - from - 1) as i16;
    }

    fn exit(&mut self) {
        self.set(0, 0);
        self.put(0x95, 0, 0, 0, 0);
    }

    /// r0 = the probe.
    fn which(&mut self, which: Which, context: Reg) {
        match which {
            Which::Cookie => {
                self.mov(1, context);
                self.call(Helper::AttachCookie);
            }
            Which::Only(probe) => self.set(0, probe as i32),
        }
    }
}

const EQUAL: u8 = 0x15;
const NOT_EQUAL: u8 = 0x55;
const LESS_OR_EQUAL: u8 = 0xb5;
const NOT_NEGATIVE: u8 = 0x75;

/// r6 = the processor's registers, r7 = the record in the ring.
const CONTEXT: Reg = 6;
const RECORD: Reg = 7;

/// Copies the structs, and what their pointers point to, into a record of the ring; counts in `lost` if there is no room.
pub(super) fn record(ring: i32, lost: i32, arguments: &[i16], which: Which) -> Vec<Insn> {
    let mut a = Assembler::default();
    let with_cdb = arguments.len() > 2;
    let size = if with_cdb { layout::SIZE_WITH_CDB } else { layout::SIZE };
    a.mov(CONTEXT, 1);
    a.map(1, 1, ring);
    a.set(2, i32::from(size));
    a.set(3, 0);
    a.call(Helper::RingReserve);
    let no_room = a.jump(EQUAL, 0, 0);
    a.mov(RECORD, 0);
    a.call(Helper::KtimeNs);
    a.store(RECORD, layout::TIME, 0);
    a.call(Helper::PidTgid);
    a.store(RECORD, layout::THREAD, 0);
    a.which(which, CONTEXT);
    a.store(RECORD, layout::PROBE, 0);
    a.set(1, 0);
    a.store(RECORD, layout::FAULTS, 1);
    // The structs themselves, then the strings that they point to.
    let mut part = 0;
    let structs = [
        (layout::CONN, layout::CONN_SIZE),
        (layout::INFO, layout::INFO_SIZE),
        (layout::CMD, layout::CMD_SIZE),
    ];
    for (argument, (to, len)) in arguments.iter().zip(structs) {
        a.load(3, CONTEXT, *argument);
        copy(&mut a, Helper::ReadUser, to, len, &mut part);
    }
    for (pointer, to, len) in layout::STRINGS {
        a.load(3, RECORD, pointer);
        copy(&mut a, Helper::ReadUserStr, to, len, &mut part);
    }
    if with_cdb {
        a.load(8, RECORD, layout::CMD);
        let fits = a.jump(LESS_OR_EQUAL, 8, i32::from(layout::CDB_SIZE));
        a.set(8, i32::from(layout::CDB_SIZE));
        a.land(fits);
        a.load(3, RECORD, layout::CMD + 8);
        a.mov(2, 8);
        a.mov(1, RECORD);
        a.add(1, i32::from(layout::CDB));
        a.call(Helper::ReadUser);
        fault(&mut a, &mut part);
    }
    a.mov(1, RECORD);
    a.set(2, NO_WAKEUP);
    a.call(Helper::RingSubmit);
    a.exit();
    a.land(no_room);
    a.map(1, 2, lost);
    a.set(2, 1);
    a.add_shared(1, 0, 2);
    a.exit();
    a.0
}

/// Copies from the traced process, whose address is in r3, into the record.
fn copy(a: &mut Assembler, helper: Helper, to: i16, len: i16, part: &mut u32) {
    a.mov(1, RECORD);
    a.add(1, i32::from(to));
    a.set(2, i32::from(len));
    a.call(helper);
    fault(a, part);
}

/// Marks the part that could not be read.
fn fault(a: &mut Assembler, part: &mut u32) {
    let fine = a.jump(NOT_NEGATIVE, 0, 0);
    a.load(1, RECORD, layout::FAULTS);
    a.or(1, 1 << *part);
    a.store(RECORD, layout::FAULTS, 1);
    a.land(fine);
    *part += 1;
}

/// Adds one to the count of the probe.
pub(super) fn count(counts: i32, which: Which) -> Vec<Insn> {
    let mut a = Assembler::default();
    a.which(which, 1);
    // The key: four bytes on the stack.
    a.put(0x63, 10, 0, -4, 0);
    a.mov(2, 10);
    a.add(2, -4);
    a.map(1, 1, counts);
    a.call(Helper::MapLookup);
    let found = a.jump(NOT_EQUAL, 0, 0);
    a.exit();
    a.land(found);
    a.set(1, 1);
    a.add_shared(0, 0, 1);
    a.exit();
    a.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_land_where_they_should() {
        let mut a = Assembler::default();
        let over = a.jump(EQUAL, 0, 0);
        a.set(1, 7);
        a.land(over);
        a.exit();
        let [jump, set, ..] = a.0[..] else { panic!("two instructions at least") };
        assert_eq!((jump.code, jump.off), (0x15, 1));
        assert_eq!((set.code, set.regs, set.imm), (0xb7, 1, 7));
        assert_eq!(a.0.last().map(|insn| insn.code), Some(0x95));
    }

    #[test]
    fn a_program_for_scsi_command_copies_one_more_struct_and_the_cdb() {
        let helpers = |program: Vec<Insn>| -> Vec<i32> {
            program.iter().filter(|insn| insn.code == 0x85).map(|insn| insn.imm).collect()
        };
        let two = helpers(record(3, 4, &[112, 104], Which::Cookie));
        assert_eq!(two, [131, 5, 14, 174, 112, 112, 114, 114, 114, 114, 114, 132]);
        let three = helpers(record(3, 4, &[112, 104, 96], Which::Only(10)));
        assert_eq!(three, [131, 5, 14, 112, 112, 112, 114, 114, 114, 114, 114, 112, 132]);
    }
}
