//! Commands, management, text, logout and pings against the fake target.

use super::fake_target::{FakeTarget, deliver, feed, logged_in, to};
use super::*;
use crate::codec::{Digests, Kind, Pdu};

const UNIT: u64 = 0x0001_0000_0000_0000;

fn rules(session: &mut Session) -> Vec<&'static str> {
    session.take_violations().into_iter().map(|v| v.rule).collect()
}

fn begin(keys: &[(&str, &str)], plan: CommandPlan) -> (Session, FakeTarget, usize, CommandProgram, Vec<Pdu>) {
    let (mut session, mut target, conn) = logged_in(keys);
    let mut program = CommandProgram::new(conn, plan);
    let step = program.start(&mut session);
    let sent = deliver(&mut session, &mut target, conn, &step.send);
    (session, target, conn, program, sent)
}

fn write(len: u32) -> CommandPlan {
    let cdb = cdb::build("write10", &[("blocks", u64::from(len / 512))]).expect("fits");
    CommandPlan {
        lun: UNIT,
        cdb,
        write_len: len,
        data: pattern::pattern(1, len as usize).into(),
        ..CommandPlan::default()
    }
}

fn read(len: u32) -> CommandPlan {
    let cdb = cdb::build("read10", &[("blocks", u64::from(len / 512))]).expect("fits");
    CommandPlan { lun: UNIT, cdb, read_len: len, ..CommandPlan::default() }
}

/// Kind, F, DataSN, offset and length of the data that went out.
fn shapes(sent: &[Pdu]) -> Vec<(Kind, bool, u32, u32, usize)> {
    let shape = |p: &Pdu| {
        (p.kind().expect("known"), p.flag("F"), p.word("DataSN"), p.word("BufferOffset"), p.data.len())
    };
    sent.iter().map(shape).collect()
}

#[test]
fn writes_respect_every_combination_of_the_keys() {
    use Kind::{DataOut, ScsiCommand};
    let sizes =
        [("MaxRecvDataSegmentLength", "4096"), ("FirstBurstLength", "6144"), ("MaxBurstLength", "8192")];
    for (immediate, r2t, want) in [
        ("Yes", "Yes", vec![(ScsiCommand, true, 0, 0, 4096)]),
        ("Yes", "No", vec![(ScsiCommand, false, 0, 0, 4096), (DataOut, true, 0, 4096, 2048)]),
        ("No", "Yes", vec![(ScsiCommand, true, 0, 0, 0)]),
        (
            "No",
            "No",
            vec![(ScsiCommand, false, 0, 0, 0), (DataOut, false, 0, 0, 4096), (DataOut, true, 1, 4096, 2048)],
        ),
    ] {
        let keys: Vec<_> =
            sizes.into_iter().chain([("ImmediateData", immediate), ("InitialR2T", r2t)]).collect();
        let (.., sent) = begin(&keys, write(20480));
        assert_eq!(shapes(&sent), want, "ImmediateData={immediate} InitialR2T={r2t}");
        assert_eq!((sent[0].word("EDTL"), sent[0].flag("W"), sent[0].flag("R")), (20480, true, false));
    }
    // Everything fits into the command: F is set and nothing follows.
    let (.., sent) = begin(&[("InitialR2T", "No"), ("ImmediateData", "Yes")], write(512));
    assert_eq!(shapes(&sent), [(ScsiCommand, true, 0, 0, 512)]);
}

#[test]
fn r2ts_are_answered_and_the_response_ends_the_write() {
    let (mut session, mut target, conn, mut program, sent) = begin(
        &[("ImmediateData", "No"), ("MaxRecvDataSegmentLength", "4096"), ("MaxOutstandingR2T", "2")],
        write(12288),
    );
    let mut all = Vec::new();
    for (n, (offset, len)) in [(0, 8192), (8192, 4096)].into_iter().enumerate() {
        let r2t = to(&sent[0], Kind::R2T)
            .with("LUN", UNIT)
            .with("TTT", 70 + n as u64)
            .with("R2TSN", n as u64)
            .with("BufferOffset", offset)
            .with("DesiredLen", len);
        let wire = target.say(r2t);
        let step = feed(&mut session, conn, &wire, |s, i| program.receive(s, i));
        let out = deliver(&mut session, &mut target, conn, &step.send);
        assert!(out.iter().all(|p| p.word("TTT") == 70 + n as u32 && p.field("LUN") == Some(UNIT)));
        all.extend(out);
    }
    let data: Vec<u8> = all.iter().flat_map(|p| p.data.to_vec()).collect();
    assert_eq!(data, pattern::pattern(1, 12288));
    assert_eq!(all.iter().map(|p| p.word("DataSN")).collect::<Vec<_>>(), [0, 1, 0]);
    let wire = target.say(to(&sent[0], Kind::ScsiResponse));
    let outcome = feed(&mut session, conn, &wire, |s, i| program.receive(s, i)).done.expect("ended");
    assert_eq!((outcome.status, outcome.r2ts, outcome.residual), (0, 2, Residual::None));
    assert_eq!(rules(&mut session), [""; 0]);
    assert!(session.outstanding().is_empty());
}

#[test]
fn a_read_is_assembled_with_the_status_in_its_last_data() {
    let (mut session, mut target, conn, mut program, sent) =
        begin(&[("HeaderDigest", "CRC32C"), ("DataDigest", "CRC32C")], read(8192));
    assert_eq!(target.digests, Digests::BOTH);
    let data = pattern::pattern(3, 6000);
    let piece = |sn: u64, at: usize, len: usize| {
        to(&sent[0], Kind::DataIn)
            .with("DataSN", sn)
            .with("BufferOffset", at as u64)
            .with_data(data[at..at + len].to_vec())
    };
    let mut wire = target.say(piece(0, 0, 4000));
    wire.extend(
        target.say(piece(1, 4000, 2000).with("F", 1).with("S", 1).with("U", 1).with("ResidualCount", 2192)),
    );
    let outcome = feed(&mut session, conn, &wire, |s, i| program.receive(s, i)).done.expect("ended");
    assert_eq!((outcome.status, outcome.residual, outcome.data_ins), (0, Residual::Underflow(2192), 2));
    assert_eq!(outcome.data, data);
    assert_eq!(rules(&mut session), [""; 0]);
}

#[test]
fn sense_data_and_rejects_come_out() {
    let (mut session, mut target, conn, mut program, sent) = begin(&[], read(512));
    let sense = [0, 18, 0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x24, 0, 0, 0, 0, 0];
    let response = to(&sent[0], Kind::ScsiResponse).with("Status", 2).with("U", 1).with("ResidualCount", 512);
    let wire = target.say(response.with_data(sense.to_vec()));
    let outcome = feed(&mut session, conn, &wire, |s, i| program.receive(s, i)).done.expect("ended");
    let sense = outcome.sense.expect("decoded");
    assert_eq!((outcome.status, sense.key, sense.asc, outcome.sense_bytes.len()), (2, 5, 0x24, 18));
    let (mut session, mut target, conn, mut program, sent) = begin(&[], read(512));
    let reject = Pdu::new(Kind::Reject).with("Reason", 9).with_data(sent[0].bhs.to_vec());
    let wire = target.say(reject);
    let outcome = feed(&mut session, conn, &wire, |s, i| program.receive(s, i)).done.expect("ended");
    assert_eq!(outcome.rejected, Some(9));
    assert_eq!(rules(&mut session), [""; 0]);
}

#[test]
fn bad_data_of_a_read_is_found() {
    type Bend = fn(Pdu) -> Pdu;
    let cases: &[(Bend, &[&str])] = &[
        (|p| p.with("DataSN", 1), &["rfc7143/4.2.2.4-1"]),
        (|p| p.with("BufferOffset", 4), &["rfc7143/13.18"]),
        (|p| p.with("BufferOffset", 8190), &["rfc7143/11.7.6", "rfc7143/13.18"]),
        (|p| p.with("A", 1).with("TTT", 1).with("LUN", UNIT), &["rfc7143/11.7.2-2"]),
        (|p| p.with("TTT", 1), &["rfc7143/11.7.4-1"]),
        (|p| p.with("Byte2", 1), &["rfc7143/10.7-4"]),
        (|p| p.with("ITT", 99), &["rfc7143/11.2.1.8-1"]),
        (|p| p.with_data(vec![0; 8196]), &["rfc7143/11.7.1-2", "rfc7143/11.7.6"]),
        (|p| p.with_data(vec![0; 3]), &["rfc7143/11.7.7-2"]),
        (
            |p| p.with("S", 1).with("U", 1).with("ResidualCount", 4192),
            &["rfc7143/11.7.3-3", "rfc7143/11.4.2-1"],
        ),
        (|p| p.with("S", 1).with("F", 1).with("U", 1), &["rfc7143/11.4.5.2-4"]),
        (|p| p.with("S", 1).with("F", 1), &["rfc7143/11.4.5.2-3"]),
        (
            |p| p.with("S", 1).with("F", 1).with("O", 1).with("U", 1).with("ResidualCount", 4192),
            &["rfc7143/11.4.1"],
        ),
        (|p| p.with("S", 1).with("F", 1).with("Status", 2), &["rfc7143/11.7.3-1"]),
    ];
    for (n, (bend, want)) in cases.iter().enumerate() {
        let (mut session, mut target, conn, _, sent) = begin(&[], read(8192));
        let pdu = bend(to(&sent[0], Kind::DataIn).with_data(vec![0; 4000]));
        session.receive(conn, &target.say(pdu));
        assert_eq!(rules(&mut session), *want, "case {n}");
    }
}

#[test]
fn bad_r2ts_and_responses_of_a_write_are_found() {
    type Bend = fn(Pdu) -> Pdu;
    let keys = [("ImmediateData", "No"), ("MaxBurstLength", "8192"), ("FirstBurstLength", "8192")];
    let cases: &[(Bend, &[&str])] = &[
        (|p| p.with("R2TSN", 1), &["rfc7143/4.2.2.4-1"]),
        (|p| p.with("DesiredLen", 0), &["rfc7143/11.8.4-1"]),
        (|p| p.with("DesiredLen", 8193), &["rfc7143/11.8.4-1"]),
        (|p| p.with("BufferOffset", 16384), &["rfc7143/11.8.4", "rfc7143/11.8-9"]),
        (|p| p.with("BufferOffset", 4096), &["rfc7143/11.8-9"]),
        (|p| p.with("TTT", 0xffff_ffff), &["rfc7143/11.8.5-1"]),
        (|p| p.with("LUN", 0), &["rfc7143/11.8"]),
        (|p| p.with("F", 0), &["rfc7143/11.2.1.3"]),
        (|p| p.with_data(vec![0; 4]), &["rfc7143/11.8.1-1"]),
    ];
    for (n, (bend, want)) in cases.iter().enumerate() {
        let (mut session, mut target, conn, _, sent) = begin(&keys, write(20480));
        let r2t = to(&sent[0], Kind::R2T).with("LUN", UNIT).with("TTT", 1).with("DesiredLen", 8192);
        session.receive(conn, &target.say(bend(r2t)));
        assert_eq!(rules(&mut session), *want, "case {n}");
    }
    // Two at once where one was agreed, with the same tag; then the status before the data.
    let (mut session, mut target, conn, _, sent) = begin(&keys, write(20480));
    let r2t = |sn: u64| {
        to(&sent[0], Kind::R2T)
            .with("LUN", UNIT)
            .with("TTT", 1)
            .with("R2TSN", sn)
            .with("BufferOffset", sn * 8192)
            .with("DesiredLen", 8192)
    };
    session.receive(conn, &target.say(r2t(0)));
    session.receive(conn, &target.say(r2t(1)));
    assert_eq!(rules(&mut session), ["rfc7143/11.8.5", "rfc7143/13.17"]);
    let early = to(&sent[0], Kind::ScsiResponse).with("ExpDataSN", 2);
    session.receive(conn, &target.say(early));
    assert_eq!(rules(&mut session), ["rfc7143/11.4.8-1", "rfc7143/11.4.2-1", "rfc7143/11.4.5.2-3"]);
}

#[test]
fn nothing_may_come_after_the_response_of_an_abort() {
    let (mut session, mut target, conn, _, sent) = begin(&[], read(512));
    let mut abort = TmfProgram::new(conn, 1, UNIT, Some(sent[0].itt()), Vec::new());
    let step = abort.start(&mut session);
    let request = deliver(&mut session, &mut target, conn, &step.send).remove(0);
    assert_eq!(
        (request.word("RefTaskTag"), request.word("RefCmdSN"), request.flag("I")),
        (sent[0].itt(), 1, true)
    );
    let wire = target.say(to(&request, Kind::TaskResponse));
    assert_eq!(
        feed(&mut session, conn, &wire, |s, i| abort.receive(s, i)).done,
        Some(TmfOutcome::Response(0))
    );
    assert_eq!(rules(&mut session), [""; 0]);
    session
        .receive(conn, &target.say(to(&sent[0], Kind::ScsiResponse).with("U", 1).with("ResidualCount", 512)));
    assert_eq!(rules(&mut session), ["rfc7143/11.5.1-4"]);
}

#[test]
fn text_is_continued_in_both_directions() {
    let (mut session, mut target, conn) = logged_in(&[]);
    let mut program = TextProgram::send_targets(conn, "All").pdu_max(10);
    let mut step = program.start(&mut session);
    let mut said = Vec::new();
    for (answer, more, last) in
        [("", false, false), ("TargetName=a\0Targ", true, false), ("etAddress=x:1,1\0", false, true)]
    {
        let request = deliver(&mut session, &mut target, conn, &step.send).remove(0);
        said.push((request.data.len(), request.flag("C"), request.flag("F"), request.word("TTT")));
        let response = to(&request, Kind::TextResponse)
            .with("F", last.into())
            .with("C", more.into())
            .with("TTT", if last { 0xffff_ffff } else { 5 })
            .with_data(answer.as_bytes().to_vec());
        let wire = target.say(response);
        step = feed(&mut session, conn, &wire, |s, i| program.receive(s, i));
    }
    assert_eq!(said, [(10, true, false, 0xffff_ffff), (6, false, true, 5), (0, false, true, 5)]);
    let Some(TextOutcome::Pairs(pairs)) = step.done else { panic!("{step:?}") };
    assert_eq!(discovered(&pairs), [DiscoveredTarget { name: "a".into(), addresses: vec!["x:1,1".into()] }]);
    assert_eq!(rules(&mut session), [""; 0]);
}

#[test]
fn pings_and_logout() {
    let (mut session, mut target, conn) = logged_in(&[]);
    let mut ping = NopProgram::new(conn, b"abc".to_vec().into(), false, Vec::new());
    let step = ping.start(&mut session);
    let request = deliver(&mut session, &mut target, conn, &step.send).remove(0);
    let wire = target.say(to(&request, Kind::NopIn).with_data(b"abd".to_vec()));
    let outcome = feed(&mut session, conn, &wire, |s, i| ping.receive(s, i)).done;
    assert_eq!(outcome, Some(PingOutcome::Echo(b"abd".to_vec().into())));
    assert_eq!(rules(&mut session), ["rfc7143/11.19-2"]);
    // The target's own ping is answered with its tag and LUN, immediate, without a task tag.
    let wire = target.say(Pdu::new(Kind::NopIn).with("TTT", 9).with("LUN", UNIT));
    let incoming = session.receive(conn, &wire);
    let answer = automatic_answer(&incoming[0]).expect("owed");
    let answer = deliver(&mut session, &mut target, conn, &[answer]).remove(0);
    assert_eq!((answer.itt(), answer.word("TTT"), answer.field("LUN")), (0xffff_ffff, 9, Some(UNIT)));
    assert!(answer.flag("I"));
    let mut logout = LogoutProgram::new(conn, 0, None, Vec::new());
    let step = logout.start(&mut session);
    let request = deliver(&mut session, &mut target, conn, &step.send).remove(0);
    let wire = target.say(to(&request, Kind::LogoutResponse).with("Time2Wait", 2).with("Time2Retain", 20));
    let outcome = feed(&mut session, conn, &wire, |s, i| logout.receive(s, i)).done;
    assert_eq!(outcome, Some(LogoutOutcome::Response { response: 0, time2wait: 2, time2retain: 20 }));
    assert_eq!((rules(&mut session), session.connection(conn).phase), (vec![], Phase::Closed));
}
