//! What the model of a device believes, and what it does not.

use super::device::{Device, Ending};

const SIZE: u32 = 4;

fn device() -> Device {
    Device::new(SIZE)
}

/// A whole write of one block.
fn write(device: &mut Device, key: u64, lba: u64, bytes: &[u8]) {
    device.begin_write(key, lba, bytes.len() as u64 / u64::from(SIZE), false, bytes.len() as u32);
    device.data(key, 0, bytes);
    assert_eq!(device.end(key, Ending::Good), None);
}

/// Reads, and gives what the model has against it.
fn read(device: &mut Device, key: u64, lba: u64, bytes: &[u8]) -> Option<String> {
    device.begin_read(key, lba, bytes.len() as u64 / u64::from(SIZE), bytes.len() as u32);
    device.read_data(key, 0, bytes);
    device.end(key, Ending::Good)
}

fn compare(device: &mut Device, key: u64, expected: &[u8], new: &[u8], ending: Ending) -> Option<String> {
    let blocks = expected.len() as u64 / u64::from(SIZE);
    device.begin_compare(key, 1, blocks, false, 2 * expected.len() as u32);
    device.data(key, 0, expected);
    device.data(key, expected.len() as u32, new);
    device.end(key, ending)
}

#[test]
fn write_same_is_in_every_block() {
    let mut device = device();
    device.begin_same(1, 1, 3, false);
    device.data(1, 0, b"ab");
    device.data(1, 2, b"cd");
    assert_eq!(device.end(1, Ending::Good), None);
    assert_eq!(read(&mut device, 2, 0, b"\0\0\0\0abcdabcdabcd\0\0\0\0"), None);
    assert!(read(&mut device, 3, 3, b"abce").is_some());
    device.begin_same(4, 2, 1, true);
    assert_eq!(device.end(4, Ending::Good), None);
    assert_eq!(read(&mut device, 5, 1, b"abcd\0\0\0\0abcd"), None);
    assert!(read(&mut device, 6, 2, b"abcd").is_some());
}

#[test]
fn a_comparison_that_cannot_have_been_equal_is_found() {
    let mut device = device();
    write(&mut device, 1, 1, b"abcdefgh");
    assert_eq!(compare(&mut device, 2, b"abcdefgh", b"ABCDEFGH", Ending::Good), None);
    assert_eq!(read(&mut device, 3, 1, b"ABCDEFGH"), None);
    assert!(compare(&mut device, 4, b"abcdEFGH", b"12345678", Ending::Good).is_some());
}

#[test]
fn a_difference_writes_nothing_and_must_be_possible() {
    let mut device = device();
    write(&mut device, 1, 1, b"abcd");
    assert_eq!(compare(&mut device, 2, b"wxyz", b"1234", Ending::Miscompare), None);
    assert_eq!(read(&mut device, 3, 1, b"abcd"), None);
    assert!(read(&mut device, 4, 1, b"1234").is_some());
    assert!(compare(&mut device, 5, b"abcd", b"1234", Ending::Miscompare).is_some());
    // Another write was under way: it may have come before.
    device.begin_write(6, 1, 1, false, SIZE);
    device.data(6, 0, b"5678");
    assert_eq!(compare(&mut device, 7, b"abcd", b"1234", Ending::Miscompare), None);
    assert_eq!(compare(&mut device, 8, b"5678", b"1234", Ending::Good), None);
}

#[test]
fn what_or_makes_is_known_once_it_is_read() {
    let mut device = device();
    write(&mut device, 1, 1, b"abcd");
    device.begin_or(2, 1, 1, SIZE);
    assert_eq!(device.end(2, Ending::Good), None);
    assert_eq!(read(&mut device, 3, 1, b"cccc"), None);
    assert!(read(&mut device, 4, 1, b"abcd").is_some());
    assert_eq!(read(&mut device, 5, 0, b"\0\0\0\0"), None);
}

/// The list of an UNMAP.
fn list(ranges: &[(u64, u32)]) -> Vec<u8> {
    let mut list = vec![0, 0, 0, 16 * ranges.len() as u8, 0, 0, 0, 0];
    for (lba, blocks) in ranges {
        list.extend(lba.to_be_bytes());
        list.extend(blocks.to_be_bytes());
        list.extend([0; 4]);
    }
    list
}

#[test]
fn what_was_unmapped_is_zero() {
    let mut device = device();
    write(&mut device, 10_000, 1, b"abcdefghijkl");
    let list = list(&[(1, 1), (3, 1)]);
    device.begin_unmap(20_000, list.len() as u64);
    device.data(20_000, 0, &list[..20]);
    assert!(read(&mut device, 21_000, 1, b"\0\0\0\0").is_some(), "its list is not here yet");
    device.data(20_000, 20, &list[20..]);
    assert_eq!(read(&mut device, 30_000, 1, b"\0\0\0\0efgh\0\0\0\0"), None, "under way: may have happened");
    assert_eq!(read(&mut device, 31_000, 1, b"abcdefghijkl"), None, "or not");
    assert_eq!(device.end(20_000, Ending::Good), None);
    assert_eq!(read(&mut device, 40_000, 1, b"\0\0\0\0efgh\0\0\0\0"), None);
    assert!(read(&mut device, 50_000, 3, b"ijkl").is_some());
    device.crash();
    assert_eq!(read(&mut device, 60_000, 3, b"ijkl"), None, "it was not synchronised");
}

/// A read that began while nobody knew what the block holds may return that, also after a write that ended before its data came.
#[test]
fn what_was_unknown_when_a_read_began_may_come_back() {
    for spoil in [
        |device: &mut Device| device.taint(1..2),
        |device: &mut Device| {
            device.begin_or(1, 1, 1, SIZE);
            assert_eq!(device.end(1, Ending::Good), None);
        },
    ] {
        let mut device = device();
        spoil(&mut device);
        device.begin_read(2, 1, 1, SIZE);
        write(&mut device, 3, 1, b"new!");
        device.read_data(2, 0, b"odd!");
        assert_eq!(device.end(2, Ending::Good), None);
        assert!(read(&mut device, 4, 1, b"odd!").is_some(), "now it is known");
    }
}

/// A command that was given up with ABORTED COMMAND may still write until storage is idle.
#[test]
fn what_was_given_up_may_still_be_written() {
    let mut device = device();
    device.begin_write(1, 1, 1, false, SIZE);
    device.data(1, 0, b"late");
    assert_eq!(device.end(1, Ending::GivenUp), None);
    assert_eq!(read(&mut device, 2, 1, b"\0\0\0\0"), None, "not yet");
    device.settle();
    assert_eq!(read(&mut device, 3, 1, b"late"), None, "but now");
    assert!(read(&mut device, 4, 1, b"\0\0\0\0").is_some(), "and not back");
}

/// A crash brings back what was there before, also where ORWRITE came in between: the old content, or what nobody has seen.
#[test]
fn a_crash_brings_back_what_was_unknown() {
    let mut device = device();
    device.begin_or(1, 1, 1, SIZE);
    assert_eq!(device.end(1, Ending::Good), None);
    assert_eq!(read(&mut device, 2, 1, b"or'd"), None);
    device.crash();
    assert_eq!(read(&mut device, 3, 1, b"\0\0\0\0"), None, "as if it had not been written");
    device.begin_or(4, 1, 1, SIZE);
    assert_eq!(device.end(4, Ending::Good), None);
    write(&mut device, 5, 1, b"new!");
    assert!(read(&mut device, 6, 1, b"odd!").is_some());
    device.crash();
    assert_eq!(read(&mut device, 7, 1, b"odd!"), None);
}

#[test]
fn what_lies_on_a_disk_has_to_be_possible_block_by_block() {
    let mut device = device();
    write(&mut device, 1, 1, b"abcdefgh");
    assert_eq!(device.first_impossible(1, b"abcdefgh"), None);
    assert_eq!(device.first_impossible(1, b"abcdefgi"), Some(2), "not what was written");
    assert_eq!(device.first_impossible(0, b"\0\0\0\0abcdefgh\0\0\0\0"), None);
    assert_eq!(device.first_impossible(2, b"efghefgh"), Some(3), "one block too many");
    assert_eq!(device.first_lost(3..100), None);
    assert_eq!(device.first_lost(0..100), Some(1), "it is gone");
    // A write that may still happen, or has happened half.
    device.begin_write(2, 2, 2, false, 8);
    device.data(2, 0, b"ijkl");
    assert_eq!(device.first_impossible(2, b"ijklxxxx"), None);
    device.abandon(2);
    device.settle();
    assert_eq!(device.first_impossible(1, b"abcdijkl"), None);
    assert_eq!(device.first_impossible(1, b"abcdefgh"), None);
    assert_eq!(device.first_impossible(1, b"abcdxxxx"), Some(2));
    device.taint(1..2);
    assert_eq!(device.first_impossible(1, b"xxxx"), None, "the medium is bad");
}
