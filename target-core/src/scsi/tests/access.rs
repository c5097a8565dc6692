//! READ, WRITE, VERIFY, WRITE AND VERIFY, SYNCHRONIZE CACHE.

use super::harness::{A, HUGE, LARGE_BLOCKS, Lab, READ_ONLY, SMALL, hex};
use crate::scsi::status;
use crate::wire::Lun;

#[test]
fn reads() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("08 00 00 07 01 00", "", "GOOD 07*512"),
            ("28 00 00000007 00 0002 00", "", "GOOD 07*512 08*512"),
            ("a8 00 00000007 00000001 00 00", "", "GOOD 07*512"),
            ("88 00 00000000 00000007 00000001 00 00", "", "GOOD 07*512"),
            // The last block, and beyond it.
            ("28 00 000003e7 00 0001 00", "", "GOOD e7*512"),
            ("28 00 000003e7 00 0002 00", "", "5/21/00"),
            ("28 00 000003e8 00 0001 00", "", "5/21/00"),
            ("28 00 ffffffff 00 ffff 00", "", "5/21/00"),
            ("08 1f ff ff 01 00", "", "5/21/00"),
            ("88 00 ffffffff ffffffff ffffffff 00 00", "", "5/21/00"),
            // No blocks is no error, but the address must exist.
            ("28 00 000003e7 00 0000 00", "", "GOOD"),
            ("28 00 000003e8 00 0000 00", "", "5/21/00"),
            ("88 00 00000000 000003e8 00000000 00 00", "", "5/21/00"),
            ("a8 00 80000000 00000000 00 00", "", "5/21/00"),
            // 64 blocks are the limit.
            ("28 00 00000000 00 0041 00", "", "5/24/00 cdb 7"),
            ("08 00 00 00 41 00", "", "5/24/00 cdb 4"),
            ("08 00 00 00 00 00", "", "5/24/00 cdb 4"),
            ("a8 00 00000000 00000041 00 00", "", "5/24/00 cdb 6"),
            ("88 00 00000000 00000000 00000041 00 00", "", "5/24/00 cdb 10"),
        ],
    );
    lab.table(
        LARGE_BLOCKS,
        &[
            ("28 00 0000003f 00 0001 00", "", "GOOD 3f*4096"),
            ("28 00 00000000 00 0009 00", "", "5/24/00 cdb 7"),
            ("28 00 00000040 00 0001 00", "", "5/21/00"),
        ],
    );
    lab.table(HUGE, &[("88 00 00000001 ffffffff 00000001 00 00", "", "GOOD ff*512")]);
}

#[test]
fn reserved_bits_are_refused() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            // RDPROTECT, FUA_NV, RELADR, group number, LINK, vendor bits of the control byte.
            ("28 20 00000000 00 0001 00", "", "5/24/00 cdb 1.5"),
            ("28 e0 00000000 00 0001 00", "", "5/24/00 cdb 1.7"),
            ("28 02 00000000 00 0001 00", "", "5/24/00 cdb 1.1"),
            ("28 01 00000000 00 0001 00", "", "5/24/00 cdb 1.0"),
            ("28 00 00000000 01 0001 00", "", "5/24/00 cdb 6.0"),
            ("28 00 00000000 00 0001 01", "", "5/24/00 cdb 9.0"),
            ("28 00 00000000 00 0001 c0", "", "5/24/00 cdb 9.7"),
            ("2a 20 00000000 00 0001 00", "", "5/24/00 cdb 1.5"),
            ("08 20 0000 01 00", "", "5/24/00 cdb 1.5"),
            ("88 00 00000000 00000000 00000001 01 00", "", "5/24/00 cdb 14.0"),
            // What follows the CDB in its 16 bytes is no part of it; a CDB that ends too early is none.
            ("28 00 00000000 00 0000 00 ff ff", "", "GOOD"),
            ("28 00 00000000 00 0000", "", "5/24/00 cdb 9"),
            ("28", "", "5/24/00 cdb 1"),
            ("", "", "5/24/00 cdb 0"),
        ],
    );
}

#[test]
fn writes() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("0a 00 00 02 01 00", "a2*512", "GOOD"),
            ("2a 00 00000003 00 0001 00", "a3*512", "GOOD"),
            ("aa 00 00000004 00000001 00 00", "a4*512", "GOOD"),
            ("8a 00 00000000 00000005 00000002 00 00", "a5*1024", "GOOD"),
            ("28 00 00000001 00 0006 00", "", "GOOD 01*512 a2*512 a3*512 a4*512 a5*1024"),
            ("2a 00 000003e7 00 0002 00", "", "5/21/00"),
            ("2a 00 00000000 00 0041 00", "", "5/24/00 cdb 7"),
            ("2a 00 000003e8 00 0000 00", "", "5/21/00"),
            ("2a 00 000003e7 00 0000 00", "", "GOOD"),
        ],
    );
    assert_eq!(
        lab.io(),
        "write 2 512 bytes, write 3 512 bytes, write 4 512 bytes, write 5 1024 bytes, read 1+6"
    );
    lab.table(LARGE_BLOCKS, &[("2a 00 00000003 00 0002 00", "cc*8192", "GOOD")]);
    assert_eq!(lab.io(), "write 3 8192 bytes fua");
}

#[test]
fn a_write_takes_the_whole_blocks_that_arrive() {
    let mut lab = Lab::new();
    let cases = [(1024, "write 0 1024 bytes"), (1023, "write 0 512 bytes"), (511, ""), (0, "")];
    for (len, io) in cases {
        let cdb = hex("2a 00 00000000 00 0002 00");
        let outcome = lab.command(A, Lun(0), &cdb, &hex("ee*1024")[..len]);
        assert_eq!((outcome.status, outcome.data_out_expected), (status::GOOD, 1024));
        assert_eq!(lab.io(), io);
    }
    // Data beyond what the CDB says never reaches the disk.
    let outcome = lab.command(A, Lun(0), &hex("2a 00 00000009 00 0001 00"), &hex("ee*2048"));
    assert_eq!((outcome.data_out_expected, lab.io().as_str()), (512, "write 9 512 bytes"));
}

#[test]
fn force_unit_access() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("2a 18 00000003 00 0001 00", "a3*512", "GOOD"),
            ("28 08 00000003 00 0001 00", "", "GOOD a3*512"),
            ("28 10 00000003 00 0001 00", "", "GOOD a3*512"),
            ("aa 08 00000003 00000001 00 00", "a3*512", "GOOD"),
            ("8a 08 00000000 00000003 00000001 00 00", "a3*512", "GOOD"),
            // Bit 3 of byte 1 is a bit of the address here.
            ("0a 00 00 03 01 00", "a3*512", "GOOD"),
        ],
    );
    assert_eq!(
        lab.io(),
        "write 3 512 bytes fua, flush, read 3+1, read 3+1, write 3 512 bytes fua, write 3 512 bytes fua, write 3 512 bytes"
    );
    // Nothing is cached, so there is nothing to flush.
    lab.run(LARGE_BLOCKS, "28 08 00000003 00 0001 00", "");
    assert_eq!(lab.io(), "read 3+1");
}

#[test]
fn verifies() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("2f 00 00000007 00 0002 00", "", "GOOD"),
            ("2f 10 00000007 00 0000 00", "", "GOOD"),
            ("af 02 00000007 00000002 00 00", "07*512 08*512", "GOOD"),
            ("8f 02 00000000 00000007 00000002 00 00", "07*512 08*511 09", "e/1d/00 information 1023"),
            ("2f 02 00000007 00 0001 00", "06*512", "e/1d/00 information 0"),
            // BYTCHK 3: one block against all.
            ("2f 06 00000007 00 0001 00", "07*512", "GOOD"),
            ("2f 06 00000007 00 0003 00", "07*512", "e/1d/00 information 512"),
            ("2f 04 00000007 00 0001 00", "07*512", "5/24/00 cdb 1.2"),
            ("2f 20 00000007 00 0001 00", "", "5/24/00 cdb 1.5"),
            ("2f 02 000003e7 00 0002 00", "", "5/21/00"),
            ("af 00 000003e8 00000000 00 00", "", "5/21/00"),
            ("2f 00 00000000 00 0041 00", "", "5/24/00 cdb 7"),
            // Fewer data than blocks: what is there is compared.
            ("2f 02 00000007 00 0002 00", "07*600", "GOOD"),
            ("2f 06 00000007 00 0003 00", "07*300", "GOOD"),
        ],
    );
    assert_eq!(
        lab.io(),
        "flush, verify 7+2, flush, read 7+2, flush, read 7+2, flush, read 7+1, flush, read 7+1, flush, read 7+3, flush, read 7+1"
    );
    lab.table(LARGE_BLOCKS, &[("2f 02 00000007 00 0001 00", "07*4096", "GOOD")]);
    assert_eq!(lab.io(), "read 7+1");
}

#[test]
fn writes_and_verifies() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("2e 00 00000003 00 0001 00", "b3*512", "GOOD"),
            ("ae 12 00000004 00000001 00 00", "b4*512", "GOOD"),
            ("8e 02 00000000 00000005 00000002 00 00", "b5*1000", "GOOD"),
            ("28 00 00000003 00 0004 00", "", "GOOD b3*512 b4*512 b5*512 06*512"),
            ("2e 04 00000003 00 0001 00", "b3*512", "5/24/00 cdb 1.2"),
            ("2e 08 00000003 00 0001 00", "b3*512", "5/24/00 cdb 1.3"),
            ("2e 00 000003e8 00 0001 00", "", "5/21/00"),
            ("2e 00 000003e7 00 0000 00", "", "GOOD"),
        ],
    );
    assert_eq!(
        lab.io(),
        "write 3 512 bytes fua, verify 3+1, write 4 512 bytes fua, read 4+1, write 5 512 bytes fua, read 5+1, read 3+4"
    );
}

#[test]
fn synchronizes() {
    let mut lab = Lab::new();
    lab.table(
        SMALL,
        &[
            ("35 00 00000000 00 0000 00", "", "GOOD"),
            ("35 02 00000000 00 03e8 00", "", "GOOD"),
            ("91 00 00000000 00000000 000003e8 00 00", "", "GOOD"),
            ("35 00 00000000 00 03e9 00", "", "5/21/00"),
            ("91 00 00000000 000003e8 00000000 00 00", "", "5/21/00"),
            ("35 04 00000000 00 0000 00", "", "5/24/00 cdb 1.2"),
        ],
    );
    assert_eq!(lab.io(), "flush, flush, flush");
}

#[test]
fn a_read_only_unit_refuses_what_would_change_it() {
    let mut lab = Lab::new();
    lab.table(
        READ_ONLY,
        &[
            ("0a 00 00 02 01 00", "a2*512", "7/27/00"),
            ("2a 00 00000003 00 0001 00", "a3*512", "7/27/00"),
            ("aa 00 00000004 00000001 00 00", "", "7/27/00"),
            ("8a 00 00000000 00000005 00000002 00 00", "", "7/27/00"),
            ("2e 00 00000003 00 0001 00", "", "7/27/00"),
            ("ae 00 00000003 00000001 00 00", "", "7/27/00"),
            ("8e 00 00000000 00000003 00000001 00 00", "", "7/27/00"),
            ("28 00 00000003 00 0001 00", "", "GOOD 03*512"),
            ("2f 00 00000003 00 0001 00", "", "GOOD"),
            ("35 00 00000000 00 0000 00", "", "GOOD"),
        ],
    );
}
