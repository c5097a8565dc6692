//! Each rule finds what breaks it, and what the protocol allows is let pass. (Planted errors in every member of every probe:
//! `tests/planted.rs`; real runs: the tests below and those with a live target.)

use super::*;
use crate::golden::tests::probe;

fn event(which: Probe, itt: u32, cmd_sn: u32, stat_sn: u32, flags: u32) -> ProbeRecord {
    ProbeRecord {
        ci_local: "192.0.2.1".into(),
        ci_remote: "192.0.2.9".into(),
        ci_protocol: "ipv4".into(),
        ii_target: "iqn.2026-01.example.lab:disk".into(),
        ii_itt: itt,
        ii_cmdsn: cmd_sn,
        ii_statsn: stat_sn,
        ii_flags: flags,
        ii_lun: 0,
        ii_datasn: 0,
        ii_datalen: 0,
        ..probe(which)
    }
}

fn command(itt: u32, cmd_sn: u32, stat_sn: u32, cdb: &[u8]) -> ProbeRecord {
    let mut whole = vec![0; 16];
    whole[..cdb.len()].copy_from_slice(cdb);
    let flags = if cdb[0] == 0x28 { 0xc1 } else { 0x81 };
    ProbeRecord {
        ic_len: Some(16),
        ic_cdb: Some(whole),
        ..event(Probe::ScsiCommand, itt, cmd_sn, stat_sn, flags)
    }
}

/// A connection after its login; CmdSN 1 and StatSN 2 come next.
fn logged_in() -> Judge {
    let mut judge = Judge::new().expect("the definitions are right");
    let login = [event(Probe::LoginCommand, 1, 1, 0, 0x87), event(Probe::LoginResponse, 1, 1, 1, 0x87)];
    assert_eq!(found(&mut judge, &login), [""; 0]);
    judge
}

fn found(judge: &mut Judge, events: &[ProbeRecord]) -> Vec<String> {
    let record = |event: &ProbeRecord| Record { time_ns: 0, conn: 0, what: RecordKind::Probe(event.clone()) };
    events.iter().flat_map(|event| judge.record(&record(event))).map(|finding| finding.to_string()).collect()
}

#[test]
fn a_reject_leaves_a_gap_that_is_excused_once() {
    let mut judge = logged_in();
    // The first command is rejected, which no probe tells.
    let events = [
        command(2, 1, 2, &[0]),
        command(3, 2, 2, &[0]),
        event(Probe::ScsiResponse, 3, 3, 3, 0x80),
        command(4, 3, 4, &[0]),
        event(Probe::ScsiResponse, 4, 4, 4, 0x80),
    ];
    assert_eq!(found(&mut judge, &events), [""; 0]);
    let gap = [event(Probe::NopReceive, 9, 4, 5, 0x80), event(Probe::NopSend, 9, 5, 9, 0x80)];
    assert_eq!(
        found(&mut judge, &gap),
        ["nop-send: ii_statsn: 9, 5 comes next; Rejects take numbers and have no probe"]
    );
}

#[test]
fn a_retransmission_must_equal_what_it_repeats() {
    let mut judge = logged_in();
    let answer = ProbeRecord { ii_datalen: 20, ..event(Probe::ScsiResponse, 2, 2, 2, 0x80) };
    assert_eq!(found(&mut judge, &[command(2, 1, 2, &[0]), answer.clone(), answer.clone()]), [""; 0]);
    let other = found(&mut judge, &[ProbeRecord { ii_datalen: 0, ..answer }]);
    assert!(other.iter().any(|text| text.contains("ii_statsn: 2, 3 comes next")), "{other:?}");
}

/// A SNACK has no probe, so nothing but the data says that it was asked for once more.
#[test]
fn data_comes_again_after_the_status_and_must_equal_what_it_was() {
    let mut judge = logged_in();
    let data = |sn, len, flags| ProbeRecord {
        ii_ttt: u32::MAX,
        ii_datasn: sn,
        ii_datalen: len,
        ..event(Probe::DataSend, 2, 2, 0, flags)
    };
    let read = [command(2, 1, 2, &[0x28, 0, 0, 0, 0, 0, 0, 0, 2]), data(0, 512, 0), data(1, 512, 0x80)];
    let status = ProbeRecord { ii_datasn: 2, ..event(Probe::ScsiResponse, 2, 2, 2, 0x80) };
    assert_eq!(found(&mut judge, &read), [""; 0]);
    assert_eq!(found(&mut judge, &[status, data(1, 512, 0x80), data(0, 512, 0)]), [""; 0]);
    for wrong in [data(0, 511, 0), data(2, 512, 0), ProbeRecord { ii_itt: 3, ..data(0, 512, 0) }] {
        let found = found(&mut judge, core::slice::from_ref(&wrong));
        assert!(found.iter().any(|text| text.contains("no scsi-command that waits")), "{wrong:?}: {found:?}");
    }
    let elsewhere = ProbeRecord { ii_lun: 1 << 48, ..data(0, 512, 0) };
    assert_eq!(found(&mut judge, &[elsewhere]), ["data-send: ii_lun: 0x1000000000000, the command's is 0x0"]);
}

#[test]
fn functions_for_one_task_name_it_and_no_others_do() {
    let mut judge = logged_in();
    let ask = |itt: u32, cmd_sn: u32, function: u32, task: u32| ProbeRecord {
        ii_ttt: task,
        ..event(Probe::TaskCommand, itt, cmd_sn, 2, 0x80 | function)
    };
    // ABORT TASK, QUERY TASK, QUERY TASK SET.
    let events = [command(2, 1, 2, &[0]), ask(3, 2, 1, 2), ask(4, 3, 9, 2), ask(5, 4, 10, u32::MAX)];
    assert_eq!(found(&mut judge, &events), [""; 0]);
    assert_eq!(
        found(&mut judge, &[ask(6, 5, 10, 2)]),
        ["task-command: ii_ttt: function 10 refers to no task"]
    );
    let elsewhere = ProbeRecord { ii_lun: 1 << 48, ..ask(7, 6, 9, 2) };
    assert_eq!(found(&mut judge, &[elsewhere]), ["task-command: ii_lun: 0x1000000000000, the task's is 0x0"]);
}

#[test]
fn a_read_that_is_too_long_for_its_blocks_is_seen() {
    let mut judge = logged_in();
    let read = |itt, cmd_sn, stat_sn, len| {
        let data = ProbeRecord {
            ii_ttt: u32::MAX,
            ii_datalen: len,
            ..event(Probe::DataSend, itt, cmd_sn + 1, stat_sn, 0x81)
        };
        [command(itt, cmd_sn, stat_sn, &[0x28, 0, 0, 0, 0, 0, 0, 0, 2]), data]
    };
    assert_eq!(found(&mut judge, &read(2, 1, 2, 1024)), [""; 0]);
    assert_eq!(
        found(&mut judge, &read(3, 2, 3, 1025)),
        ["data-send: ii_datalen: 1025 bytes in all for 2 block(s) of 512 bytes"]
    );
}

#[test]
fn after_lost_events_and_in_the_middle_nothing_is_held_against_the_rest() {
    let mut judge = logged_in();
    let lost = Record { time_ns: 0, conn: crate::trace::CONN_UNKNOWN, what: RecordKind::Lost(7) };
    assert_eq!(judge.record(&lost), []);
    let later = [
        event(Probe::ScsiResponse, 77, 50, 60, 0x80),
        command(78, 50, 61, &[0]),
        event(Probe::ScsiResponse, 78, 51, 61, 0x80),
    ];
    assert_eq!(found(&mut judge, &later), [""; 0]);
    assert_eq!(
        found(&mut judge, &[command(79, 49, 62, &[0])]),
        ["scsi-command: ii_cmdsn: CmdSN 49, the target expects 51"]
    );
    let mut middle = Judge::new().expect("the definitions are right");
    assert_eq!(found(&mut middle, &later), [""; 0]);
}
