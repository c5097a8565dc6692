//! PERSISTENT RESERVE IN and OUT.

use super::harness::{A, B, Lab, READ_ONLY, SMALL, dump, hex};
use crate::config::Limits;
use crate::scsi::{DeviceServer, NexusId};
use crate::wire::Lun;
use std::format;
use std::string::String;
use std::vec;
use std::vec::Vec;

const REGISTER: u8 = 0;
const RESERVE: u8 = 1;
const RELEASE: u8 = 2;
const CLEAR: u8 = 3;
const PREEMPT: u8 = 4;
const PREEMPT_AND_ABORT: u8 = 5;
const IGNORE: u8 = 6;
const MOVE: u8 = 7;

const A_PORT: &str = "iqn.2026-01.x:a,i,0x00023d000001";
const B_PORT: &str = "iqn.2026-01.x:b,i,0x00023d000001";
const C_PORT: &str = "iqn.2026-01.x:c,i,0x00023d000001";
const READY: &str = "00 00 00 00 00 00";
const WRITE: &str = "2a 00 00000001 00 0001 00";
const READ: &str = "28 00 00000001 00 0000 00";

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Lab {
    /// PERSISTENT RESERVE OUT with `rest` after byte 20 of the list.
    fn out_with(&mut self, nexus: NexusId, action: u8, kind: u8, keys: [u64; 2], rest: &str) -> String {
        let list = format!("{:016x}{:016x}00000000 {rest}", keys[0], keys[1]);
        let cdb = format!("5f {action:02x} {kind:02x} 0000 {:08x} 00", hex(&list).len());
        self.run_as(nexus, SMALL, &cdb, &list)
    }

    fn out(&mut self, nexus: NexusId, action: u8, kind: u8, keys: [u64; 2], expected: &str) {
        assert_eq!(
            self.out_with(nexus, action, kind, keys, "00000000"),
            expected,
            "action {action} {keys:x?}"
        );
    }

    /// A is registered with a, B with b.
    fn registered() -> Self {
        let mut lab = Self::new();
        lab.out(A, REGISTER, 0, [0, 0xa], "GOOD");
        lab.out(B, REGISTER, 0, [0, 0xb], "GOOD");
        lab
    }

    /// READ KEYS: generation and keys.
    fn keys(&mut self) -> (u32, Vec<u64>) {
        let data = self.command(A, Lun(0), &hex("5e 00 0000000000 1000 00"), &[]).data_in.to_bytes();
        let length = u32::from_be_bytes(data[4..8].try_into().unwrap()) as usize;
        assert_eq!(length, data.len() - 8);
        let keys = data[8..].chunks(8).map(|key| u64::from_be_bytes(key.try_into().unwrap())).collect();
        (u32::from_be_bytes(data[..4].try_into().unwrap()), keys)
    }

    /// READ RESERVATION without the generation.
    fn held(&mut self) -> String {
        let data = self.command(B, Lun(0), &hex("5e 01 0000000000 1000 00"), &[]).data_in.to_bytes();
        dump(&data[4..])
    }
}

const NOBODY: &str = "00000000";

fn held_by(key: u64, kind: u8) -> String {
    dump(&hex(&format!("00000010 {key:016x} 00000000 00 {kind:02x} 0000")))
}

#[test]
fn registering() {
    let mut lab = Lab::new();
    assert_eq!(lab.keys(), (0, vec![]));
    // Who is not registered has the key 0.
    lab.out(A, REGISTER, 0, [1, 0xa], "18");
    lab.out(A, REGISTER, 0, [0, 0xa], "GOOD");
    assert_eq!(lab.keys(), (1, vec![0xa]));
    // Registered, the key must be right.
    lab.out(A, REGISTER, 0, [0, 0xc], "18");
    lab.out(A, REGISTER, 0, [0xa, 0xc], "GOOD");
    lab.out(B, IGNORE, 0, [0x77, 0xb], "GOOD");
    assert_eq!(lab.keys(), (3, vec![0xc, 0xb]));
    lab.out(B, IGNORE, 0, [0x77, 0xd], "GOOD");
    lab.out(A, REGISTER, 0, [0xc, 0], "GOOD");
    assert_eq!(lab.keys(), (5, vec![0xd]));
    lab.out(B, IGNORE, 0, [0x77, 0], "GOOD");
    assert_eq!(lab.keys(), (6, vec![]));
    // Another unit has registrations of its own.
    lab.out(A, REGISTER, 0, [0, 0xa], "GOOD");
    lab.expect(A, READ_ONLY, "5e 00 0000000000 1000 00", "", "GOOD 00*8");
}

#[test]
fn what_cannot_be_done_is_refused() {
    let mut lab = Lab::new();
    // APTPL: nothing is kept.
    assert_eq!(lab.out_with(A, REGISTER, 0, [0, 1], "01000000"), "5/26/00 list 20.0");
    assert_eq!(lab.out_with(A, IGNORE, 0, [0, 1], "01000000"), "5/26/00 list 20.0");
    // SPEC_I_PT is for REGISTER alone.
    assert_eq!(lab.out_with(A, IGNORE, 0, [0, 1], "08000000"), "5/26/00 list 20.3");
    // Lists that are too short, too long, or shorter than they say.
    lab.expect(A, SMALL, "5f 00 00 0000 00000017 00", "", "5/1a/00");
    lab.expect(A, SMALL, "5f 00 00 0000 00000000 00", "", "5/1a/00");
    lab.expect(A, SMALL, "5f 00 00 0000 00010001 00", "", "5/1a/00");
    lab.expect(A, SMALL, "5f 00 00 0000 00000018 00", "00*23", "5/1a/00");
    lab.expect(A, SMALL, "5f 00 00 0000 00000019 00", "00*25", "5/1a/00");
    // No such service actions.
    lab.expect(A, SMALL, "5f 08 00 0000 00000018 00", "00*24", "5/24/00 cdb 1.4");
    lab.expect(A, SMALL, "5e 04 0000000000 1000 00", "", "5/24/00 cdb 1.4");
    assert_eq!(lab.keys(), (0, vec![]));
    for action in [RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT, MOVE] {
        lab.out(A, action, 1, [0, 1], "18");
    }
    lab.out(A, REGISTER, 0, [0, 0xa], "GOOD");
    for action in [RESERVE, RELEASE, CLEAR, PREEMPT, PREEMPT_AND_ABORT] {
        lab.out(A, action, 1, [0xb, 1], "18");
    }
    for kind in [0, 2, 4, 9, 0x11] {
        lab.out(A, RESERVE, kind, [0xa, 0], "5/24/00 cdb 2");
    }
    assert_eq!(lab.held(), NOBODY);
}

#[test]
fn reports() {
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "5e 02 0000000000 1000 00", "", "GOOD 0008 1c 80 ea01 0000");
    lab.expect(A, SMALL, "5e 02 0000000000 0002 00", "", "GOOD 0008");
    lab.expect(A, SMALL, "5e 01 0000000000 1000 00", "", "GOOD 00*8");
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 5, [0xa, 0], "GOOD");
    assert_eq!(lab.held(), held_by(0xa, 5));
    let id = |name: &str| format!("45 00 0024 {} 00*4", text(name.as_bytes()));
    let descriptor = |key: u64, flags: u8, kind: u8, group: u16, name: &str| {
        format!("{key:016x} 00000000 {flags:02x} {kind:02x} 00000000 {group:04x} 00000028 {}", id(name))
    };
    let both = [descriptor(0xa, 1, 5, 1, A_PORT), descriptor(0xb, 0, 0, 2, B_PORT)].join(" ");
    lab.expect(B, SMALL, "5e 03 0000000000 1000 00", "", &format!("GOOD 00000002 00000080 {both}"));
    lab.expect(B, SMALL, "5e 03 0000000000 0004 00", "", "GOOD 00000002");
    // All registrants hold it: it has no key.
    lab.out(A, RELEASE, 5, [0xa, 0], "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/04");
    lab.out(A, RESERVE, 8, [0xa, 0], "GOOD");
    assert_eq!(lab.held(), held_by(0, 8));
    let both = [descriptor(0xa, 1, 8, 1, A_PORT), descriptor(0xb, 1, 8, 2, B_PORT)].join(" ");
    lab.expect(B, SMALL, "5e 03 0000000000 1000 00", "", &format!("GOOD 00000002 00000080 {both}"));
}

#[test]
fn reserving_and_releasing() {
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 1, [0xa, 0], "GOOD");
    lab.out(A, RESERVE, 1, [0xa, 0], "GOOD");
    lab.out(A, RESERVE, 3, [0xa, 0], "18");
    lab.out(B, RESERVE, 1, [0xb, 0], "18");
    // Who does not hold it releases nothing.
    lab.out(B, RELEASE, 1, [0xb, 0], "GOOD");
    lab.out(A, RELEASE, 3, [0xa, 0], "5/26/04");
    lab.expect(B, SMALL, WRITE, "ab*512", "18");
    lab.expect(B, SMALL, READ, "", "GOOD");
    lab.out(A, RELEASE, 1, [0xa, 0], "GOOD");
    // Nobody could do more under it than without it, so nobody is told.
    lab.expect(B, SMALL, WRITE, "ab*512", "GOOD");
    assert_eq!((lab.held().as_str(), lab.keys().0), (NOBODY, 2));
    lab.out(A, RELEASE, 1, [0xa, 0], "GOOD");
    for kind in [7, 8] {
        lab.out(A, RESERVE, kind, [0xa, 0], "GOOD");
        lab.out(B, RESERVE, kind, [0xb, 0], "GOOD");
        lab.out(B, RELEASE, kind, [0xb, 0], "GOOD");
        lab.expect(A, SMALL, READY, "", "6/2a/04");
        assert_eq!(lab.held(), NOBODY);
    }
}

#[test]
fn the_holder_unregisters() {
    for (kind, told) in [(1, "GOOD"), (3, "GOOD"), (5, "6/2a/04"), (6, "6/2a/04")] {
        let mut lab = Lab::registered();
        lab.out(A, RESERVE, kind, [0xa, 0], "GOOD");
        lab.out(A, REGISTER, 0, [0xa, 0], "GOOD");
        lab.expect(B, SMALL, READY, "", told);
        assert_eq!((lab.held().as_str(), lab.keys().1), (NOBODY, vec![0xb]));
    }
    // Of several holders the last one ends it.
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 7, [0xa, 0], "GOOD");
    lab.out(A, REGISTER, 0, [0xa, 0], "GOOD");
    lab.expect(B, SMALL, READY, "", "GOOD");
    assert_eq!(lab.held(), held_by(0, 7));
    lab.out(B, REGISTER, 0, [0xb, 0], "GOOD");
    assert_eq!(lab.held(), NOBODY);
}

#[test]
fn clearing() {
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 3, [0xa, 0], "GOOD");
    lab.out(B, CLEAR, 0, [0xb, 0], "GOOD");
    lab.expect(A, SMALL, READY, "", "6/2a/03");
    lab.expect(B, SMALL, READY, "", "GOOD");
    assert_eq!((lab.keys(), lab.held().as_str()), ((3, vec![]), NOBODY));
}

#[test]
fn preempting() {
    // Without a reservation registrations go.
    let mut lab = Lab::registered();
    lab.out(A, PREEMPT, 1, [0xa, 0xc], "18");
    lab.out(A, PREEMPT, 1, [0xa, 0], "5/26/00 list 8");
    lab.out(A, PREEMPT, 0x7f, [0xa, 0xb], "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/05");
    assert_eq!((lab.keys(), lab.held().as_str()), ((3, vec![0xa]), NOBODY));

    // The holder's key takes its reservation too, with another type.
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 1, [0xa, 0], "GOOD");
    lab.out(B, PREEMPT, 0x12, [0xb, 0xa], "5/24/00 cdb 2");
    lab.out(B, PREEMPT, 6, [0xb, 0xa], "GOOD");
    lab.expect(A, SMALL, READY, "", "6/2a/05");
    assert_eq!((lab.keys(), lab.held()), ((3, vec![0xb]), held_by(0xb, 6)));
    lab.expect(A, SMALL, READ, "", "18");

    // Another key than the holder's leaves the reservation alone.
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 1, [0xa, 0], "GOOD");
    lab.out(A, PREEMPT, 3, [0xa, 0xb], "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/05");
    assert_eq!((lab.keys().1, lab.held()), (vec![0xa], held_by(0xa, 1)));

    // Its own, to change the type: registrants are told.
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 5, [0xa, 0], "GOOD");
    lab.out(A, PREEMPT, 1, [0xa, 0xa], "GOOD");
    lab.expect(B, SMALL, READY, "", "6/2a/04");
    assert_eq!((lab.keys().1, lab.held()), (vec![0xa, 0xb], held_by(0xa, 1)));

    // Of a reservation for all, the key 0 takes all that others have.
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 8, [0xa, 0], "GOOD");
    lab.out(B, PREEMPT, 3, [0xb, 0], "GOOD");
    lab.expect(A, SMALL, READY, "", "6/2a/05");
    assert_eq!((lab.keys().1, lab.held()), (vec![0xb], held_by(0xb, 3)));
    // Another key takes registrations alone, and with the last one the reservation.
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 8, [0xa, 0], "GOOD");
    lab.out(B, PREEMPT, 3, [0xb, 0xa], "GOOD");
    lab.expect(A, SMALL, READY, "", "6/2a/05");
    assert_eq!((lab.keys().1, lab.held()), (vec![0xb], held_by(0, 8)));
    lab.out(B, PREEMPT, 3, [0xb, 0xb], "GOOD");
    assert_eq!((lab.keys().1, lab.held().as_str()), (vec![], NOBODY));
}

#[test]
fn preempting_with_abort_names_its_victims() {
    let mut lab = Lab::registered();
    lab.expect(A, SMALL, "1e 00 00 00 01 00", "", "GOOD");
    lab.out(A, RESERVE, 1, [0xa, 0], "GOOD");
    assert_eq!(lab.server.take_preempted(), []);
    lab.out(B, PREEMPT_AND_ABORT, 1, [0xb, 0xa], "GOOD");
    assert_eq!(lab.server.take_preempted(), [(Lun(0), A)]);
    assert_eq!(lab.server.take_preempted(), []);
    assert!(!lab.server.removal_prevented(Lun(0)));
    lab.expect(A, SMALL, READY, "", "6/2a/05");
}

#[test]
fn registrations_outlive_sessions_and_resets() {
    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 3, [0xa, 0], "GOOD");
    lab.server.lun_reset(Lun(0), B);
    lab.server.target_reset(B);
    lab.server.nexus_down(A);
    lab.expect(B, SMALL, READY, "", "6/29/03");
    lab.expect(B, SMALL, READ, "", "18");
    lab.server.nexus_up(NexusId(9), A_PORT, "iqn.2026-01.x:t,t,0x0001", 1);
    lab.expect(NexusId(9), SMALL, READY, "", "6/29/07");
    lab.expect(NexusId(9), SMALL, READ, "", "GOOD");
    // The same initiator port at another target port is somebody else.
    lab.server.nexus_up(NexusId(10), A_PORT, "iqn.2026-01.x:t,t,0x0002", 2);
    lab.expect(NexusId(10), SMALL, READY, "", "6/29/00");
    lab.expect(NexusId(10), SMALL, READ, "", "18");
    lab.out(NexusId(9), RELEASE, 3, [0xa, 0], "GOOD");
}

#[test]
fn registering_others() {
    let id = |kind: &str, name: &str| {
        let len = (name.len() + 1).next_multiple_of(4).max(20);
        format!("{kind} 00 {len:04x} {} 00*{}", text(name.as_bytes()), len - name.len())
    };
    let list = |ids: &str| format!("08000000 {:08x} {ids}", hex(ids).len());
    let mut lab = Lab::new();
    // Ports that are not here yet, and all that an initiator has here.
    let ids = [id("45", C_PORT), " ".into(), id("05", "iqn.2026-01.X:B")].concat();
    assert_eq!(lab.out_with(A, REGISTER, 0, [0, 7], &list(&ids)), "GOOD");
    assert_eq!(lab.keys(), (1, vec![7, 7, 7]));
    lab.out(A, RESERVE, 6, [7, 0], "GOOD");
    // B is at another target port, so what was registered is not B's.
    lab.expect(B, SMALL, READ, "", "18");
    lab.server.nexus_up(NexusId(3), C_PORT, "iqn.2026-01.x:t,t,0x0001", 1);
    lab.expect(NexusId(3), SMALL, READY, "", "6/29/00");
    lab.expect(NexusId(3), SMALL, READ, "", "GOOD");
    // Who is registered must not do that again.
    assert_eq!(lab.out_with(A, REGISTER, 0, [7, 8], &list(&id("45", C_PORT))), "5/26/00 list 20.3");

    // At all target ports.
    let mut lab = Lab::new();
    assert_eq!(lab.out_with(B, REGISTER, 0, [0, 7], "04000000"), "GOOD");
    assert_eq!(lab.keys().1, [7, 7]);
    let mut lab = Lab::new();
    let all = list(&id("05", "iqn.2026-01.x:b")).replacen("08", "0c", 1);
    assert_eq!(lab.out_with(A, REGISTER, 0, [0, 7], &all), "GOOD");
    assert_eq!(lab.keys().1, [7; 4]);
    lab.out(B, RESERVE, 1, [7, 0], "GOOD");

    // Mistakes in the list.
    let mut lab = Lab::new();
    for (rest, expected) in [
        ("08000000", "5/1a/00"),
        ("08000000 00000001", "5/1a/00"),
        ("08000000 00000004 45000000", "5/26/00 list 30"),
        ("08000000 00000018 46000014 61*20", "5/26/00 list 32"),
        ("08000000 00000018 45000014 61*20", "5/26/00 list 32"),
    ] {
        assert_eq!(lab.out_with(A, REGISTER, 0, [0, 7], rest), expected, "{rest}");
    }
    assert_eq!(lab.keys(), (0, vec![]));
}

#[test]
fn memory_is_bounded() {
    let limits = Limits { pr_registrations: 2, ..Limits::default() };
    let mut lab = Lab::new();
    lab.server = DeviceServer::new(&super::harness::target(), &limits);
    for (nexus, port, group) in [(A, A_PORT, 1), (B, B_PORT, 1), (NexusId(3), C_PORT, 1)] {
        lab.server.nexus_up(nexus, port, "t", group);
        lab.expect(nexus, SMALL, READY, "", "6/29/00");
    }
    lab.out(A, REGISTER, 0, [0, 0xa], "GOOD");
    lab.out(B, REGISTER, 0, [0, 0xb], "GOOD");
    lab.out(NexusId(3), REGISTER, 0, [0, 0xc], "5/55/04");
    lab.out(A, REGISTER, 0, [0xa, 0xd], "GOOD");
    assert_eq!(lab.keys(), (3, vec![0xd, 0xb]));
    // Who leaves makes room for whom it hands over to.
    lab.out(A, RESERVE, 3, [0xd, 0], "GOOD");
    let to = format!("45 00 0024 {} 00*4", text(C_PORT.as_bytes()));
    let moved = |flags: u8| format!("{:016x}{:016x} 00 {flags:02x} 0001 00000028 {to}", 0xd, 0xe);
    let cdb = "5f 07 00 0000 00000040 00";
    lab.expect(A, SMALL, cdb, &moved(0), "5/55/04");
    lab.expect(A, SMALL, cdb, &moved(2), "GOOD");
    assert_eq!((lab.keys().1, lab.held()), (vec![0xb, 0xe], held_by(0xe, 3)));
    lab.expect(NexusId(3), SMALL, WRITE, "01*512", "GOOD");
}

#[test]
fn moving() {
    let to = |name: &str| format!("45 00 0024 {} 00*4", text(name.as_bytes()));
    let list = |key: u64, new: u64, flags: &str, group: u16, id: &str| {
        format!("{key:016x}{new:016x} 00 {flags} {group:04x} {:08x} {id}", hex(id).len())
    };
    let run = |lab: &mut Lab, nexus, list: &str, expected: &str| {
        let cdb = format!("5f 07 00 0000 {:08x} 00", hex(list).len());
        lab.expect(nexus, SMALL, &cdb, list, expected);
    };
    let mut lab = Lab::registered();
    run(&mut lab, A, &list(0xa, 0xc, "00", 2, &to(B_PORT)), "5/24/00 cdb 1.4");
    lab.out(A, RESERVE, 1, [0xa, 0], "GOOD");
    for (by, bad, expected) in [
        (B, list(0xb, 0xc, "00", 2, &to(A_PORT)), "18"),
        (A, list(0xc, 0xc, "00", 2, &to(B_PORT)), "18"),
        (A, list(0xa, 0, "00", 2, &to(B_PORT)), "5/26/00 list 8"),
        (A, list(0xa, 0xc, "01", 2, &to(B_PORT)), "5/26/00 list 17.0"),
        (A, list(0xa, 0xc, "00", 3, &to(B_PORT)), "5/26/00 list 18"),
        (A, list(0xa, 0xc, "00", 1, &to(A_PORT)), "5/26/00 list 24"),
        (A, list(0xa, 0xc, "00", 2, "05 00 0014 6161 00*18"), "5/26/00 list 24"),
        (A, list(0xa, 0xc, "00", 2, &[to(B_PORT), to(A_PORT)].join(" ")), "5/26/00 list 20"),
        (A, list(0xa, 0xc, "00", 2, "").replace(" 00000000 ", " 00000001 "), "5/1a/00"),
    ] {
        run(&mut lab, by, &bad, expected);
    }
    assert_eq!((lab.keys(), lab.held()), ((2, vec![0xa, 0xb]), held_by(0xa, 1)));
    run(&mut lab, A, &list(0xa, 0xc, "02", 2, &to(B_PORT)), "GOOD");
    assert_eq!((lab.keys(), lab.held()), ((3, vec![0xc]), held_by(0xc, 1)));
    lab.expect(B, SMALL, WRITE, "01*512", "GOOD");
    lab.expect(A, SMALL, WRITE, "01*512", "18");

    let mut lab = Lab::registered();
    lab.out(A, RESERVE, 7, [0xa, 0], "GOOD");
    run(&mut lab, A, &list(0xa, 0xc, "00", 2, &to(B_PORT)), "18");
}

#[test]
fn the_two_kinds_of_reservation_exclude_each_other() {
    let (reserve, release) = ("16 00 00 00 00 00", "57 00 00 00 00 00 00 00 00 00");
    // Under RESERVE nothing persistent goes, even for the holder (SPC-2 5.5.1).
    let mut lab = Lab::new();
    lab.expect(A, SMALL, "56 00 00 00 00 00 00 00 00 00", "", "GOOD");
    for nexus in [A, B] {
        lab.out(nexus, REGISTER, 0, [0, 1], "18");
        lab.expect(nexus, SMALL, "5e 00 0000000000 1000 00", "", "18");
    }
    lab.expect(A, SMALL, release, "", "GOOD");
    // With registrations RESERVE is for nobody, until there is a reservation that lets the nexus in (CRH).
    let mut lab = Lab::registered();
    for cdb in [reserve, release] {
        lab.expect(A, SMALL, cdb, "", "18");
    }
    for (kind, registrant) in [(1, "18"), (3, "18"), (5, "GOOD"), (6, "GOOD"), (7, "GOOD"), (8, "GOOD")] {
        let mut lab = Lab::registered();
        lab.out(A, RESERVE, kind, [0xa, 0], "GOOD");
        for cdb in [reserve, release] {
            lab.expect(A, SMALL, cdb, "", "GOOD");
            lab.expect(B, SMALL, cdb, "", registrant);
        }
        // It did nothing.
        lab.expect(B, SMALL, "2a 00 00000001 00 0000 00", "", registrant);
        let key = if kind > 6 { 0 } else { 0xa };
        assert_eq!(lab.held(), held_by(key, kind));
    }
}
