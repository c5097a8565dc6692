//! Does firing a probe allocate? An allocator that counts, thread by thread, for the tests of this package.

use super::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use target_core::probe::{ConnInfo, IscsiInfo, ProbeName};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is handed to the system's allocator as it came; counting touches a thread's own number alone.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // A thread that is ending has no counter any more.
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn firing_a_probe_allocates_nothing() {
    let mut sink = UsdtSink::register().expect("Linux needs no registration");
    let name = ProbeName::new("iqn.2026-01.example.lab:disk");
    let event = ProbeEvent {
        probe: Probe::ScsiCommand,
        conn: ConnInfo { local: &name, remote: &name, protocol: &name },
        info: IscsiInfo {
            target: &name,
            initiator: &name,
            lun: 0,
            itt: 1,
            ttt: u32::MAX,
            cmd_sn: 1,
            stat_sn: 1,
            data_sn: 0,
            data_len: 0,
            flags: 0xc1,
        },
        cmd: Some(IscsiCmd { cdb: &[0; 16] }),
    };
    let count = || COUNT.with(Cell::get);
    let before = count();
    drop(std::hint::black_box(vec![0_u8; 32]));
    assert_eq!(count(), before + 1, "the allocator counts");
    let before = count();
    for probe in Probe::ALL {
        if std::hint::black_box(&sink).is_enabled(probe) {
            panic!("somebody traces this test");
        }
        sink.fire(&ProbeEvent { probe, ..event });
    }
    assert_eq!(count(), before);
}
