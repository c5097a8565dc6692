use super::*;
use crate::fault::plan::{Plan, Profile};
use crate::rng::Keyed;
use proptest::prelude::*;

fn calm() -> Planner {
    Planner::new(Keyed::new(1), Plan::None)
}

fn disk(latency: Latency) -> Disk {
    Disk::new(DiskConfig { latency, blocks: 64, ..DiskConfig::default() }, 0)
}

fn write(lba: u64, blocks: usize, fill: u8) -> IoOp {
    IoOp::Write { lba, data: vec![fill; blocks * 512].into(), fua: false }
}

/// Runs one operation to its end.
fn run(disk: &mut Disk, op: IoOp, planner: &mut Planner) -> Result<SgList, IoError> {
    match disk.start(0, IoId(1), op, planner) {
        Started::Done(done) => done.result,
        Started::Due(at) => disk.complete(at, IoId(1)).expect("it is due").result,
        Started::Stalled => panic!("stalled"),
    }
}

fn fills(disk: &Disk, lba: u64, blocks: u32) -> Vec<u8> {
    disk.image(lba, blocks).to_bytes().chunks(512).map(|block| block[0]).collect()
}

#[test]
fn operations_complete_once_and_in_the_order_of_their_latencies() {
    let mut planner = Planner::new(Keyed::new(4), Plan::None);
    let mut disk = disk(Latency::Uniform { low: 10, high: 10_000 });
    let mut due = Vec::new();
    for id in 0..8 {
        let Started::Due(at) = disk.start(5, IoId(id), write(id, 1, id as u8), &mut planner) else {
            panic!()
        };
        due.push((at, IoId(id)));
    }
    assert!(!due.is_sorted(), "reordered");
    due.sort();
    let (first, id) = due[0];
    assert_eq!(disk.complete(first - 1, id), None);
    for (at, id) in due {
        assert!(disk.complete(at, id).is_some());
        assert_eq!(disk.complete(at, id), None);
    }
    assert_eq!(disk.outstanding(), 0);
}

#[test]
fn a_disk_without_latency_answers_at_once_and_shares_its_pages() {
    let mut disk = disk(Latency::Fixed(0));
    assert!(run(&mut disk, write(3, 4, 9), &mut calm()).is_ok());
    let read = || disk.image(4, 2);
    assert_eq!(read().pieces().count(), 1);
    let (one, two) = (read(), read());
    let address = |list: &SgList| list.pieces().next().map(|piece| piece.as_ptr());
    assert_eq!(address(&one), address(&two), "no copy");
    assert_eq!(fills(&disk, 1, 8), [0, 0, 9, 9, 9, 9, 0, 0]);
}

#[test]
fn bad_ranges_name_their_first_bad_block() {
    let mut disk = disk(Latency::Fixed(0));
    let bad =
        BadRange { blocks: 10..12, read: true, write: false, flush: false, until_written: true, error: None };
    disk.add_bad(bad);
    let read = |disk: &mut Disk, lba, blocks| {
        run(disk, IoOp::Read { lba, blocks }, &mut calm()).map(|list| list.len())
    };
    assert_eq!(read(&mut disk, 8, 4), Err(IoError::Read { lba: 10 }));
    assert_eq!(read(&mut disk, 11, 4), Err(IoError::Read { lba: 11 }));
    assert_eq!(read(&mut disk, 12, 4), Ok(2048));
    assert_eq!(
        run(&mut disk, IoOp::Verify { lba: 9, blocks: 2 }, &mut calm()),
        Err(IoError::Read { lba: 10 })
    );
    assert!(run(&mut disk, write(10, 2, 1), &mut calm()).is_ok());
    assert_eq!(read(&mut disk, 8, 4), Ok(2048), "writing made it good");
}

#[test]
fn rot_spoils_reads_but_not_the_image_and_is_healed_by_a_write() {
    let mut disk = disk(Latency::Fixed(0));
    assert!(run(&mut disk, write(0, 2, 7), &mut calm()).is_ok());
    disk.rot(1, 3, 0);
    let read = run(&mut disk, IoOp::Read { lba: 0, blocks: 2 }, &mut calm()).expect("readable").to_bytes();
    assert_eq!((read[512 + 3], read[3]), (6, 7));
    assert_eq!(disk.image(1, 1).to_bytes()[3], 7);
    assert!(run(&mut disk, write(1, 1, 7), &mut calm()).is_ok());
    assert_eq!(
        run(&mut disk, IoOp::Read { lba: 1, blocks: 1 }, &mut calm()).expect("readable").to_bytes()[3],
        7
    );
}

#[test]
fn cancelled_operations_still_complete_once() {
    for (cancel, expected, fill) in
        [(CancelPolicy::Late, Ok(SgList::new()), 5), (CancelPolicy::Prompt(3), Err(IoError::Cancelled), 0)]
    {
        let mut disk =
            Disk::new(DiskConfig { cancel, latency: Latency::Fixed(100), ..DiskConfig::default() }, 0);
        assert_eq!(disk.start(0, IoId(1), write(0, 1, 5), &mut calm()), Started::Due(100));
        let due = disk.cancel(10, IoId(1));
        assert_eq!(due, (cancel != CancelPolicy::Late).then_some(13));
        let done = disk.complete(due.unwrap_or(100), IoId(1));
        assert_eq!(done, Some(IoDone { id: IoId(1), result: expected }));
        assert_eq!(disk.complete(100, IoId(1)), None);
        assert_eq!(fills(&disk, 0, 1), [fill]);
    }
}

#[test]
fn a_stalled_disk_completes_nothing_and_loses_nothing() {
    let mut disk = disk(Latency::Fixed(10));
    assert_eq!(disk.start(0, IoId(1), IoOp::Flush, &mut calm()), Started::Due(10));
    disk.stall(true);
    assert_eq!(disk.start(0, IoId(2), IoOp::Flush, &mut calm()), Started::Stalled);
    assert_eq!(disk.complete(50, IoId(1)), None);
    assert_eq!(disk.stall(false), [(IoId(1), 10), (IoId(2), 10)]);
    assert!(disk.complete(50, IoId(1)).is_some() && disk.complete(50, IoId(2)).is_some());
}

#[test]
fn a_crash_loses_or_tears_unsynced_writes_only() {
    let profile = Profile { crash_lost: 400_000, crash_torn: 500_000, ..Profile::default() };
    let (mut lost, mut torn, mut kept) = (0, 0, 0);
    for seed in 0..60 {
        let mut planner = Planner::new(Keyed::new(seed), Plan::Drawn(profile.clone()));
        let mut disk = disk(Latency::Fixed(0));
        let mut go = |disk: &mut Disk, op| assert!(run(disk, op, &mut planner).is_ok());
        go(&mut disk, write(0, 4, 1));
        go(&mut disk, IoOp::Flush);
        go(&mut disk, IoOp::Write { lba: 8, data: vec![2; 1024].into(), fua: true });
        go(&mut disk, write(0, 4, 3));
        disk.pending.insert(IoId(9), Pending { op: write(20, 1, 9), due: 0, verb: None, cancelled: false });
        let changed = disk.crash(0, &mut planner);
        assert_eq!(fills(&disk, 8, 2), [2, 2], "FUA is durable");
        assert_eq!((fills(&disk, 20, 1), disk.outstanding()), (vec![0], 0), "what was under way is gone");
        match fills(&disk, 0, 4)[..] {
            [1, 1, 1, 1] => lost += 1,
            [3, 3, 3, 3] => kept += 1,
            [3, .., 1] => torn += 1,
            ref other => panic!("{other:?}"),
        }
        let differs = fills(&disk, 0, 4).iter().filter(|fill| **fill == 1).count() as u64;
        assert_eq!(changed.iter().map(|range| range.end - range.start).sum::<u64>(), differs);
    }
    assert!(lost > 5 && torn > 5 && kept > 0, "{lost} {torn} {kept}");
}

#[test]
fn drawn_faults_are_at_the_operation_not_at_its_turn() {
    let profile = Profile { disk_fail: 300_000, ..Profile::default() };
    let outcomes = |lbas: &[u64]| {
        let mut planner = Planner::new(Keyed::new(2), Plan::Drawn(profile.clone()));
        let mut disk = disk(Latency::Fixed(0));
        lbas.iter()
            .map(|lba| (*lba, run(&mut disk, write(*lba, 1, 1), &mut planner).is_ok()))
            .collect::<Vec<_>>()
    };
    let mut all = outcomes(&[0, 1, 2, 3, 4, 5, 6, 7]);
    all.remove(2);
    assert_eq!(outcomes(&[0, 1, 3, 4, 5, 6, 7]), all);
    assert!(all.iter().any(|(_, ok)| !ok) && all.iter().any(|(_, ok)| *ok));
}

proptest! {
    /// Against the plainest possible model: an array of blocks.
    #[test]
    fn content_is_that_of_an_array(ops in prop::collection::vec((0_u64..60, 1_usize..5, 1_u8.., 0_u8..8), 1..40)) {
        let mut disk = disk(Latency::Fixed(0));
        let mut model = [0_u8; 64];
        for (lba, blocks, fill, what) in ops {
            let op = match what {
                0 => IoOp::Flush,
                _ => {
                    model[lba as usize..lba as usize + blocks].fill(fill);
                    IoOp::Write { lba, data: vec![fill; blocks * 512].into(), fua: what == 1 }
                }
            };
            prop_assert!(run(&mut disk, op, &mut calm()).is_ok());
            prop_assert_eq!(fills(&disk, 0, 64), model.to_vec());
            prop_assert_eq!(disk.image(3, 7).len(), 7 * 512);
        }
    }
}

#[test]
fn a_disk_that_grew_has_its_new_blocks() {
    let mut planner = calm();
    let mut disk = disk(Latency::Fixed(0));
    assert_eq!(run(&mut disk, write(64, 1, 1), &mut planner), Err(IoError::Hardware));
    disk.resize(65);
    assert!(run(&mut disk, write(64, 1, 1), &mut planner).is_ok());
    disk.resize(64);
    assert_eq!(run(&mut disk, write(64, 1, 1), &mut planner), Err(IoError::Hardware));
}

#[test]
fn runs_show_the_cache_over_what_is_durable() {
    let mut planner = calm();
    let mut disk = disk(Latency::Fixed(0));
    run(&mut disk, write(3, 4, 7), &mut planner).expect("it works");
    run(&mut disk, IoOp::Flush, &mut planner).expect("it works");
    run(&mut disk, write(4, 1, 8), &mut planner).expect("it works");
    let mut seen = Vec::new();
    disk.runs(2..10, &mut |at, run| {
        seen.push(match run {
            Run::Data(bytes) => (at, bytes.len() as u64 / 512, bytes[0]),
            Run::Zeros(blocks) => (at, blocks, 0),
        });
    });
    assert_eq!(seen, [(2, 1, 0), (3, 1, 7), (4, 1, 8), (5, 2, 7), (7, 3, 0)]);
}
