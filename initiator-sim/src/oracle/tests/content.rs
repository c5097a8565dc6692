//! Planted violations of what blocks can hold.

use super::*;

fn cdb(opcode: u8, lba: u8, blocks: u8) -> [u8; 10] {
    [opcode, 0, 0, 0, 0, lba, 0, 0, blocks, 0]
}

/// A rig with shorthand for whole commands; tags and CmdSNs are handed out in turn.
struct Disk {
    rig: Rig,
    next: u64,
    stat_sn: u64,
}

impl Disk {
    fn new() -> Self {
        Self { rig: Rig::new(), next: 1, stat_sn: 2 }
    }

    fn begin(&mut self, flags: &[&str], cdb: &[u8], data: &[u8], edtl: usize) -> u64 {
        let itt = self.next;
        self.next += 1;
        self.rig.out(&command(itt, itt, flags, edtl as u64, cdb).with_data(data.to_vec()));
        itt
    }

    fn begin_write(&mut self, lba: u8, fills: &[u8]) -> u64 {
        let data: Vec<u8> = fills.iter().flat_map(|fill| [*fill; 512]).collect();
        self.begin(&["F", "W"], &cdb(0x2a, lba, fills.len() as u8), &data, data.len())
    }

    fn begin_read(&mut self, lba: u8, blocks: u8) -> u64 {
        self.begin(&["F", "R"], &cdb(0x28, lba, blocks), &[], usize::from(blocks) * 512)
    }

    fn end(&mut self, itt: u64, status: u64) {
        let pdu = reply(Kind::ScsiResponse, itt, self.stat_sn, self.next).with("Status", status);
        self.stat_sn += 1;
        self.rig.back(&pdu);
    }

    /// Answers a read; the data comes in PDUs of `step` bytes.
    fn data(&mut self, itt: u64, fills: &[u8], step: usize) -> Vec<&'static str> {
        let data: Vec<u8> = fills.iter().flat_map(|fill| [*fill; 512]).collect();
        for (sn, chunk) in data.chunks(step).enumerate() {
            let pdu = reply(Kind::DataIn, itt, 0, self.next).with("DataSN", sn as u64);
            self.rig.back(&pdu.with("BufferOffset", (sn * step) as u64).with_data(chunk.to_vec()));
        }
        self.end(itt, 0);
        self.rig.found()
    }

    fn write(&mut self, lba: u8, fills: &[u8]) {
        let itt = self.begin_write(lba, fills);
        self.end(itt, 0);
    }

    /// The rules that break if a read returns these.
    fn read(&mut self, lba: u8, fills: &[u8]) -> Vec<&'static str> {
        let itt = self.begin_read(lba, fills.len() as u8);
        self.data(itt, fills, 1024)
    }
}

const FINE: [&str; 0] = [];

#[test]
fn reads_return_what_was_written() {
    let mut disk = Disk::new();
    assert_eq!(disk.read(0, &[0, 0]), FINE, "zeros at first");
    disk.write(1, &[7, 8]);
    assert_eq!(disk.read(0, &[0, 7, 8, 0]), FINE);
    assert_eq!(disk.read(1, &[7, 7]), ["content"]);
    assert_eq!(disk.read(1, &[0]), ["content"], "what was before is gone");
    let itt = disk.begin_read(1, 2);
    assert_eq!(disk.data(itt, &[7, 8], 300), FINE, "in odd pieces");
    let itt = disk.begin_read(1, 2);
    assert_eq!(disk.data(itt, &[8, 8], 300), ["content"]);
}

#[test]
fn data_that_comes_in_pieces_counts_once_it_is_whole() {
    let mut disk = Disk::new();
    let itt = disk.begin(&["W"], &cdb(0x2a, 0, 2), &[3; 700], 1024);
    let data = Pdu::new(Kind::DataOut).with("ITT", itt).with("F", 1).with("BufferOffset", 700);
    disk.rig.out(&data.with_data(vec![3; 324]));
    disk.end(itt, 0);
    assert_eq!(disk.read(0, &[3, 3]), FINE);
    assert_eq!(disk.read(0, &[3, 0]), ["content"]);
}

#[test]
fn a_write_under_way_may_or_may_not_show() {
    for seen in [0, 5] {
        let mut disk = Disk::new();
        let write = disk.begin_write(0, &[5]);
        assert_eq!(disk.read(0, &[seen]), FINE);
        disk.end(write, 0);
        assert_eq!(disk.read(0, &[5]), FINE);
        assert_eq!(disk.read(0, &[0]), ["content"]);
    }
}

#[test]
fn a_read_that_overlaps_a_write_may_see_either() {
    for seen in [0, 5] {
        let mut disk = Disk::new();
        let read = disk.begin_read(0, 1);
        disk.write(0, &[5]);
        assert_eq!(disk.data(read, &[seen], 512), FINE);
    }
    let mut disk = Disk::new();
    let read = disk.begin_read(0, 1);
    disk.write(0, &[5]);
    disk.write(0, &[6]);
    assert_eq!(disk.data(read, &[9], 512), ["content"]);
}

#[test]
fn writes_that_overlap_end_in_any_order() {
    for last in [5, 6] {
        let mut disk = Disk::new();
        let (one, two) = (disk.begin_write(0, &[5]), disk.begin_write(0, &[6]));
        disk.end(one, 0);
        disk.end(two, 0);
        assert_eq!(disk.read(0, &[last]), FINE);
        assert_eq!(disk.read(0, &[11 - last]), ["content"], "once seen it is settled");
    }
    let mut disk = Disk::new();
    let (one, two) = (disk.begin_write(0, &[5]), disk.begin_write(0, &[6]));
    disk.end(one, 0);
    disk.end(two, 0);
    assert_eq!(disk.read(0, &[0]), ["content"]);
}

#[test]
fn a_failed_write_may_have_happened() {
    for seen in [0, 5] {
        let mut disk = Disk::new();
        let write = disk.begin_write(0, &[5]);
        disk.end(write, 2);
        assert_eq!(disk.read(0, &[seen]), FINE);
    }
    let mut disk = Disk::new();
    let write = disk.begin_write(0, &[5]);
    disk.end(write, 2);
    assert_eq!(disk.read(0, &[6]), ["content"]);
}

#[test]
fn a_failed_read_proves_nothing() {
    let mut disk = Disk::new();
    let itt = disk.begin_read(0, 1);
    disk.rig.back(&reply(Kind::DataIn, itt, 0, disk.next).with_data(vec![9; 512]));
    disk.end(itt, 2);
    assert_eq!(disk.rig.found(), FINE);
}

#[test]
fn an_abandoned_write_can_happen_until_storage_is_idle() {
    let mut disk = Disk::new();
    disk.begin_write(0, &[5]);
    disk.rig.oracles.closed(1, 0);
    disk.rig.open(1);
    disk.rig.login(1, 2);
    let mut itt = 100;
    let mut read = |disk: &mut Disk, fill: u8| {
        itt += 1;
        let ask = command(itt, itt - 100, &["F", "R"], 512, &cdb(0x28, 0, 1));
        disk.rig.pass(1, Dir::Out, &ask);
        let data = reply(Kind::DataIn, itt, itt - 99, itt - 99).with("F", 1).with("S", 1);
        disk.rig.pass(1, Dir::In, &data.with_data(vec![fill; 512]));
        disk.rig.found()
    };
    assert_eq!(read(&mut disk, 0), FINE);
    assert_eq!(read(&mut disk, 5), FINE, "late");
    assert_eq!(read(&mut disk, 0), FINE, "nothing is settled while storage works");
    disk.rig.oracles.after_event(1, true, &|_| false);
    assert_eq!(read(&mut disk, 5), FINE);
    assert_eq!(read(&mut disk, 0), ["content"], "now it is");
}

#[test]
fn a_crash_brings_back_only_what_was_not_synchronised() {
    let sync = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let fua = |lba: u8| [0x2a, 8, 0, 0, 0, lba, 0, 0, 1, 0];
    for (seen, expected) in
        [([5, 8, 1], FINE.to_vec()), ([7, 8, 1], FINE.to_vec()), ([0, 8, 1], vec!["content"])]
    {
        let mut disk = Disk::new();
        disk.write(0, &[5]);
        let flush = disk.begin(&["F"], &sync, &[], 0);
        disk.end(flush, 0);
        disk.write(0, &[7]);
        for (lba, fill) in [(1, 8), (2, 1)] {
            let itt = disk.begin(&["F", "W"], &fua(lba), &[fill; 512], 512);
            disk.end(itt, 0);
        }
        disk.rig.oracles.closed(1, 0);
        disk.rig.oracles.crashed();
        let mut after = Disk { rig: disk.rig, next: 1, stat_sn: 2 };
        after.rig.open(0);
        after.rig.taps.insert(0, Tap::default());
        after.rig.login(0, 3);
        assert_eq!(after.read(0, &seen), expected, "{seen:?}");
    }
}

#[test]
fn bad_media_and_unknown_commands_are_not_blamed_on_the_target() {
    let mut disk = Disk::new();
    disk.rig.oracles.tainted(0, 3..4);
    assert_eq!(disk.read(3, &[9]), FINE);
    disk.write(3, &[4]);
    assert_eq!(disk.read(3, &[9]), ["content"], "writing healed it");
    let unknown = disk.begin(&["F", "W"], &[0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[], 0);
    disk.end(unknown, 0);
    assert_eq!(disk.read(3, &[9]), FINE);
    assert_eq!(disk.read(3, &[4]), ["content"], "a read has told");
}
