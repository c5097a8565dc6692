//! Planted violations of answer, abort, window, StatSN, limits and progress.

use super::*;

#[test]
fn a_correct_exchange_breaks_nothing() {
    let mut rig = Rig::new();
    rig.out(&test_unit_ready(7, 1));
    rig.back(&reply(Kind::ScsiResponse, 7, 2, 2));
    rig.out(&Pdu::new(Kind::NopOut).with("ITT", 8).with("CmdSN", 2));
    rig.back(&reply(Kind::NopIn, 8, 3, 3));
    rig.back(&reply(Kind::NopIn, 0xffff_ffff, 4, 3).with("TTT", 5));
    rig.back(&reply(Kind::NopIn, 0xffff_ffff, 4, 3).with("TTT", 6));
    rig.out(&Pdu::new(Kind::NopOut).with("ITT", 0xffff_ffff).with("TTT", 5).with("I", 1).with("CmdSN", 3));
    rig.out(&Pdu::new(Kind::LogoutRequest).with("ITT", 9).with("CmdSN", 3));
    rig.back(&reply(Kind::LogoutResponse, 9, 4, 4));
    assert_eq!(rig.found(), [""; 0]);
    rig.oracles.demand_progress(9);
    assert_eq!(rig.found(), [""; 0]);
}

#[test]
fn answers_nobody_asked_for() {
    let mut rig = Rig::new();
    rig.back(&reply(Kind::ScsiResponse, 7, 2, 1));
    assert_eq!(rig.found(), ["answer"]);

    rig.out(&test_unit_ready(7, 1));
    rig.back(&reply(Kind::ScsiResponse, 7, 3, 2));
    assert_eq!(rig.found(), [""; 0]);
    rig.back(&reply(Kind::ScsiResponse, 7, 4, 2));
    assert_eq!(rig.found(), ["answer"], "twice");

    rig.out(&test_unit_ready(8, 2));
    rig.back(&reply(Kind::TaskResponse, 8, 5, 3));
    assert_eq!(rig.found(), ["answer"], "by the wrong PDU");

    rig.back(&reply(Kind::NopIn, 9, 6, 3));
    assert_eq!(rig.found(), ["answer"], "no such ping");
    rig.back(&Pdu::new(Kind::ScsiCommand).with("CmdSN", 7));
    assert!(rig.found().contains(&"answer"), "an initiator's PDU");
}

#[test]
fn a_command_below_the_window_must_not_be_answered() {
    let mut rig = Rig::new();
    rig.out(&test_unit_ready(7, 1));
    rig.back(&reply(Kind::ScsiResponse, 7, 2, 2));
    rig.out(&test_unit_ready(8, 1));
    rig.back(&reply(Kind::ScsiResponse, 8, 3, 2));
    assert_eq!(rig.found(), ["answer"]);
}

#[test]
fn a_request_is_answered_once_by_status_data_or_reject() {
    let mut rig = Rig::new();
    rig.out(&command(7, 1, &["F", "R"], 512, &[0x12, 0, 0, 2, 0, 0]));
    let data = reply(Kind::DataIn, 7, 2, 2).with("F", 1).with("S", 1);
    rig.back(&data.clone().with_data(vec![0; 36]));
    assert_eq!(rig.found(), [""; 0]);
    rig.back(&reply(Kind::ScsiResponse, 7, 3, 2));
    assert_eq!(rig.found(), ["answer"]);

    let text = Pdu::new(Kind::TextRequest).with("ITT", 8).with("CmdSN", 2);
    rig.out(&text);
    rig.back(&reply(Kind::Reject, 0xffff_ffff, 4, 3).with("Reason", 4).with_data(text.bhs.to_vec()));
    rig.back(&reply(Kind::TextResponse, 8, 5, 3));
    assert_eq!(rig.found(), ["answer"], "it was rejected");
}

#[test]
fn a_repeated_request_may_be_answered_twice_but_a_repeated_command_may_not() {
    let mut rig = Rig::new();
    let ping = Pdu::new(Kind::NopOut).with("ITT", 7).with("I", 1).with("CmdSN", 1);
    rig.out(&ping);
    rig.out(&ping);
    rig.back(&reply(Kind::NopIn, 7, 2, 1));
    rig.back(&reply(Kind::NopIn, 7, 3, 1));
    assert_eq!(rig.found(), [""; 0]);
    rig.out(&test_unit_ready(8, 1));
    rig.out(&test_unit_ready(8, 1));
    rig.back(&reply(Kind::ScsiResponse, 8, 4, 2));
    rig.back(&reply(Kind::ScsiResponse, 8, 5, 2));
    assert_eq!(rig.found(), ["answer"]);
}

#[test]
fn nothing_of_an_aborted_task_is_sent_after_the_response() {
    let abort = |function: u64, rtt: u64| {
        let tmf = Pdu::new(Kind::TaskRequest).with("ITT", 20).with("I", 1).with("CmdSN", 3);
        tmf.with("Function", function).with("RefTaskTag", rtt)
    };
    for (function, rtt, response, expected) in [
        (1, 7, 0, "abort"),
        (2, 0xffff_ffff, 0, "abort"),
        (4, 0xffff_ffff, 0, "abort"),
        (5, 0xffff_ffff, 0, "abort"),
        (6, 0xffff_ffff, 0, "abort"),
        (1, 7, 5, ""),
    ] {
        let mut rig = Rig::new();
        rig.out(&command(7, 1, &["F", "R"], 512, &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]));
        rig.out(&test_unit_ready(8, 2));
        rig.out(&abort(function, rtt));
        rig.back(&reply(Kind::TaskResponse, 20, 2, 3).with("Response", response));
        assert_eq!(rig.found(), [""; 0], "function {function}");
        rig.back(&reply(Kind::DataIn, 7, 0, 3).with("F", 1).with_data(vec![0; 512]));
        let found = rig.found();
        assert_eq!(found, if expected.is_empty() { vec![] } else { vec![expected] }, "function {function}");
    }
}

#[test]
fn aborting_a_set_spares_what_came_later_and_other_units() {
    let mut rig = Rig::new();
    rig.out(&test_unit_ready(7, 1));
    rig.out(&test_unit_ready(8, 2).with("LUN", 1 << 48));
    rig.out(&Pdu::new(Kind::TaskRequest).with("ITT", 20).with("CmdSN", 3).with("Function", 5));
    rig.out(&test_unit_ready(9, 4));
    rig.back(&reply(Kind::TaskResponse, 20, 2, 5));
    rig.back(&reply(Kind::ScsiResponse, 8, 3, 5));
    rig.back(&reply(Kind::ScsiResponse, 9, 4, 5));
    assert_eq!(rig.found(), [""; 0]);
    rig.back(&reply(Kind::ScsiResponse, 7, 5, 5));
    assert_eq!(rig.found(), ["abort"]);
    rig.out(&test_unit_ready(7, 5));
    rig.back(&reply(Kind::ScsiResponse, 7, 6, 6));
    assert_eq!(rig.found(), [""; 0], "the tag is used anew");
}

#[test]
fn windows_that_move_back_or_are_upside_down() {
    let mut rig = Rig::new();
    let ping = |itt: u64| Pdu::new(Kind::NopOut).with("ITT", itt).with("I", 1).with("CmdSN", 1);
    rig.out(&ping(1));
    rig.back(&reply(Kind::NopIn, 1, 2, 0).with("MaxCmdSN", 40));
    assert_eq!(rig.found(), ["window"], "ExpCmdSN");
    rig.out(&ping(2));
    rig.back(&reply(Kind::NopIn, 2, 3, 1).with("MaxCmdSN", 39));
    assert_eq!(rig.found(), ["window"], "MaxCmdSN");
    rig.out(&ping(3));
    rig.back(&reply(Kind::NopIn, 3, 4, 42).with("MaxCmdSN", 40));
    assert_eq!(rig.found(), ["window"], "upside down");
    rig.out(&ping(5));
    rig.back(&reply(Kind::NopIn, 5, 5, 42).with("MaxCmdSN", 42 + 128));
    assert_eq!(rig.found(), ["window"], "larger than configured");
    rig.out(&ping(4));
    rig.back(&reply(Kind::NopIn, 4, 6, 171).with("MaxCmdSN", 170));
    assert_eq!(rig.found(), [""; 0], "closed is allowed");
}

#[test]
fn windows_wrap_and_belong_to_the_session() {
    let mut rig = Rig::new();
    for conn in [1, 2] {
        rig.open(conn);
        rig.login(conn, u64::from(conn)); // 1 joins the session of connection 0, 2 has its own
    }
    assert_eq!(rig.found(), [""; 0]);
    let ping = Pdu::new(Kind::NopOut).with("ITT", 1).with("I", 1).with("CmdSN", 1);
    rig.out(&ping);
    rig.back(&reply(Kind::NopIn, 1, 2, 9));
    for (conn, expected) in [(2, vec![]), (1, vec!["window", "window"])] {
        rig.pass(conn, Dir::Out, &ping);
        rig.pass(conn, Dir::In, &reply(Kind::NopIn, 1, 2, 8));
        assert_eq!(rig.found(), expected, "connection {conn}");
    }
    let mut window = window::Window::default();
    let mut sink = Sink { found: Vec::new(), at: 0, conn: 0 };
    let fields = Fields::shared();
    for exp in [0xffff_fff0_u64, 0xffff_ffff, 3] {
        let pdu = Pdu::new(Kind::NopIn).with("ExpCmdSN", exp).with("MaxCmdSN", (exp + 31) & 0xffff_ffff);
        let view = PduView { bhs: &pdu.bhs, ahs: &[], data: &[], padding: &[] };
        let wire = WirePdu { at: 0, conn: 0, dir: Dir::In, view, quality: Quality::Good };
        window.check(fields, &wire, Kind::NopIn, 32, &mut sink);
    }
    assert_eq!(sink.found, []);
}

#[test]
fn stat_sn_that_skips_or_stays() {
    for (second, expected) in [(3, vec![]), (2, vec!["stat_sn"]), (4, vec!["stat_sn"])] {
        let mut rig = Rig::new();
        rig.out(&test_unit_ready(7, 1));
        rig.out(&test_unit_ready(8, 2));
        rig.back(&reply(Kind::ScsiResponse, 7, 2, 3));
        rig.back(&reply(Kind::ScsiResponse, 8, second, 3));
        assert_eq!(rig.found(), expected);
    }
}

#[test]
fn r2t_and_pings_show_the_next_stat_sn_without_using_it() {
    let mut rig = Rig::new();
    rig.out(&command(7, 1, &["F", "W"], 512, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]));
    let r2t = |sn: u64| reply(Kind::R2T, 7, sn, 2).with("TTT", 1).with("DesiredLen", 512);
    rig.back(&r2t(2));
    rig.back(&reply(Kind::NopIn, 0xffff_ffff, 2, 2).with("TTT", 9));
    rig.back(&reply(Kind::ScsiResponse, 7, 2, 2));
    assert_eq!(rig.found(), [""; 0]);
    rig.out(&command(8, 2, &["F", "W"], 512, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]));
    rig.back(&reply(Kind::R2T, 8, 9, 3).with("TTT", 1).with("DesiredLen", 512));
    assert_eq!(rig.found(), ["stat_sn"]);
}

#[test]
fn limits_of_data_in() {
    let read =
        |rig: &mut Rig, itt: u64| rig.out(&command(itt, 1, &["F", "R"], 400_000, &[0x12, 0, 0, 0, 0, 0]));
    let data = |itt: u64, sn: u64, offset: u64, len: usize| {
        let pdu = reply(Kind::DataIn, itt, 0, 2).with("DataSN", sn).with("BufferOffset", offset);
        pdu.with_data(vec![0; len])
    };
    for (pdus, clause) in [
        (vec![data(7, 0, 0, 8192), data(7, 1, 8192, 100)], None),
        (vec![data(7, 0, 0, 8196)], Some("rfc7143/13.12")),
        (vec![data(7, 0, 0, 100), data(7, 2, 100, 100)], Some("rfc7143/11.7.5")),
        (vec![data(7, 0, 0, 100), data(7, 1, 104, 100)], Some("rfc7143/13.18")),
        (vec![data(7, 0, 0, 100).with("S", 1).with("StatSN", 2)], Some("rfc7143/11.7.3")),
    ] {
        let mut rig = Rig::new();
        read(&mut rig, 7);
        pdus.iter().for_each(|pdu| rig.back(pdu));
        let found: Vec<_> = rig.texts().into_iter().map(|violation| violation.clause).collect();
        assert_eq!(found, clause.into_iter().collect::<Vec<_>>());
    }
    let mut rig = Rig::new();
    read(&mut rig, 7);
    for sn in 0..33 {
        rig.back(&data(7, sn, sn * 8192, 8192));
    }
    let clauses: Vec<_> = rig.texts().into_iter().map(|violation| violation.clause).collect();
    assert_eq!(clauses, ["rfc7143/13.13"], "more than MaxBurstLength without F");
}

#[test]
fn a_bidirectional_read_is_bounded_by_its_own_length() {
    for (len, clause) in [(512, None), (516, Some("rfc7143/11.7.6"))] {
        let mut rig = Rig::new();
        let mut both = command(7, 1, &["F", "R", "W"], 0, &[0x28, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
        crate::codec::ahs::Ahs::bidi_read_length(512).emit(&mut both.ahs);
        both.fix_lengths();
        rig.out(&both);
        rig.back(&reply(Kind::DataIn, 7, 0, 2).with("F", 1).with_data(vec![0; len]));
        let found: Vec<_> = rig.texts().into_iter().map(|violation| violation.clause).collect();
        assert_eq!(found, clause.into_iter().collect::<Vec<_>>(), "{len}");
    }
}

#[test]
fn limits_of_r2t() {
    let r2t = |sn: u64, ttt: u64, offset: u64, len: u64| {
        let pdu = reply(Kind::R2T, 7, 2, 2).with("R2TSN", sn).with("TTT", ttt);
        pdu.with("BufferOffset", offset).with("DesiredLen", len)
    };
    for (pdus, clause) in [
        (vec![r2t(0, 1, 0, 262_144)], None),
        (vec![r2t(0, 1, 0, 0)], Some("rfc7143/11.8.4")),
        (vec![r2t(0, 1, 0, 262_145)], Some("rfc7143/11.8.4")),
        (vec![r2t(0, 1, 299_999, 2)], Some("rfc7143/11.8.4")),
        (vec![r2t(1, 1, 0, 512)], Some("rfc7143/11.8.1")),
        (vec![r2t(0, 0xffff_ffff, 0, 512)], Some("rfc7143/11.8.4")),
        (vec![r2t(0, 1, 0, 512), r2t(1, 2, 512, 512)], Some("rfc7143/13.17")),
    ] {
        let mut rig = Rig::new();
        rig.out(&command(7, 1, &["F", "W"], 300_000, &[0x2a, 0, 0, 0, 0, 0, 0, 2, 0, 0]));
        pdus.iter().for_each(|pdu| rig.back(pdu));
        let found: Vec<_> = rig.texts().into_iter().map(|violation| violation.clause).collect();
        assert_eq!(found, clause.into_iter().collect::<Vec<_>>());
    }
    let mut rig = Rig::new();
    rig.out(&command(7, 1, &["F", "W"], 1024, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0]));
    rig.back(&r2t(0, 1, 0, 512));
    rig.out(&Pdu::new(Kind::DataOut).with("ITT", 7).with("TTT", 1).with("F", 1).with_data(vec![0; 512]));
    rig.back(&r2t(1, 2, 512, 512));
    assert_eq!(rig.found(), [""; 0], "the first one was answered");
}

#[test]
fn what_was_accepted_must_be_answered_once_faults_stop() {
    let due = |rig: &mut Rig| {
        rig.oracles.demand_progress(99);
        rig.found()
    };
    let mut rig = Rig::new();
    rig.out(&test_unit_ready(7, 2));
    assert_eq!(due(&mut rig), [""; 0], "a command before it is missing");
    rig.out(&test_unit_ready(8, 1));
    assert_eq!(due(&mut rig), ["progress", "progress"]);

    let mut rig = Rig::new();
    rig.out(&command(7, 1, &["F", "W"], 512, &[0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]));
    rig.back(&reply(Kind::R2T, 7, 2, 2).with("TTT", 1).with("DesiredLen", 512));
    assert_eq!(due(&mut rig), [""; 0], "the initiator owes data");
    rig.out(&Pdu::new(Kind::DataOut).with("ITT", 7).with("TTT", 1).with("F", 1).with_data(vec![0; 512]));
    assert_eq!(due(&mut rig), ["progress"]);
    rig.oracles.closed(100, 0);
    assert_eq!(due(&mut rig), [""; 0], "the connection is gone");
}

#[test]
fn bad_digests_of_the_target_are_seen() {
    let mut rig = Rig::new();
    let pdu = reply(Kind::NopIn, 0xffff_ffff, 2, 1);
    let view = PduView { bhs: &pdu.bhs, ahs: &[], data: &[], padding: &[] };
    let wire = WirePdu { at: 0, conn: 0, dir: Dir::In, view, quality: Quality::DataDigest };
    rig.oracles.pdu(&Track::default(), &wire);
    assert_eq!(rig.found(), ["digest"]);
}

#[test]
fn a_target_that_holds_more_than_its_limits_is_found_out() {
    let mut rig = Rig::new();
    let limits = config().limits;
    let within = Usage {
        connections: 1,
        half_open: limits.half_open as usize,
        sessions: 1,
        tasks_of_one_session: limits.commands as usize,
        held_bytes: limits.held_bytes,
        unsent: limits.commands as usize,
        orphans: 8 * limits.commands as usize,
        ..Usage::default()
    };
    rig.oracles.held(1, &within);
    assert_eq!(rig.found(), [""; 0]);
    for beyond in [
        Usage { half_open: limits.half_open as usize + 1, ..within },
        Usage { sessions: limits.sessions as usize + 1, ..within },
        Usage { tasks_of_one_session: 1000, ..within },
        Usage { held_bytes: u64::MAX, ..within },
        Usage { unsent: 100_000, ..within },
        Usage { orphans: 100_000, ..within },
    ] {
        rig.oracles.held(1, &beyond);
        assert_eq!(rig.found(), ["held"], "{beyond:?}");
    }
}
