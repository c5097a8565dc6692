use super::*;
use proptest::prelude::*;

const RULES: WriteRules = WriteRules {
    initial_r2t: false,
    immediate_data: true,
    first_burst_length: 100,
    max_burst_length: 64,
    max_outstanding_r2t: 2,
    data_pdu_in_order: true,
    data_sequence_in_order: true,
    recover: false,
};

fn bytes(from: u32, len: u32) -> Bytes {
    (from..from + len).map(|at| (at % 251) as u8).collect()
}

fn info(ttt: u32, data_sn: u32, buffer_offset: u32, final_bit: bool) -> DataOutInfo {
    DataOutInfo { ttt, data_sn, buffer_offset, final_bit }
}

fn started(rules: WriteRules, expected: u32, immediate: u32, final_bit: bool) -> WriteTransfer {
    let (transfer, verdict) = WriteTransfer::start(rules, expected, bytes(0, immediate), final_bit);
    assert_eq!(verdict, Ok(()));
    transfer
}

#[test]
fn immediate_then_unsolicited_then_two_outstanding_r2ts() {
    let mut it = started(RULES, 260, 40, false);
    assert_eq!(it.next_r2t(1), None);
    assert_eq!(it.data_out(info(NO_TTT, 0, 40, false), bytes(40, 30)), Ok(()));
    assert_eq!(it.data_out(info(NO_TTT, 1, 70, true), bytes(70, 30)), Ok(()));
    let first = R2tSpec { ttt: 1, r2t_sn: 0, buffer_offset: 100, desired_length: 64 };
    let second = R2tSpec { ttt: 2, r2t_sn: 1, buffer_offset: 164, desired_length: 64 };
    assert_eq!((it.next_r2t(1), it.next_r2t(2), it.next_r2t(3)), (Some(first), Some(second), None));
    assert_eq!(it.data_out(info(2, 0, 164, true), bytes(164, 64)), Ok(()));
    assert_eq!(it.next_r2t(3).map(|r2t| (r2t.r2t_sn, r2t.desired_length)), Some((2, 32)));
    assert_eq!(it.data_out(info(1, 0, 100, true), bytes(100, 64)), Ok(()));
    assert!(!it.is_complete());
    assert_eq!(it.data_out(info(3, 0, 228, true), bytes(228, 32)), Ok(()));
    assert!(it.is_complete());
    assert_eq!(it.take().to_bytes(), bytes(0, 260));
}

#[test]
fn what_the_command_itself_may_bring() {
    let cases = [
        (RULES, 100, 100, true, Ok(())),
        (RULES, 200, 101, true, Err(WriteFault::TooMuchUnsolicited)),
        (RULES, 50, 51, true, Err(WriteFault::TooMuchUnsolicited)),
        (WriteRules { immediate_data: false, ..RULES }, 100, 1, true, Err(WriteFault::UnexpectedUnsolicited)),
        (WriteRules { initial_r2t: true, ..RULES }, 100, 10, false, Err(WriteFault::UnexpectedUnsolicited)),
        (WriteRules { initial_r2t: true, ..RULES }, 100, 10, true, Ok(())),
        (RULES, 0, 0, true, Ok(())),
    ];
    for (rules, expected, immediate, final_bit, want) in cases {
        let (transfer, verdict) = WriteTransfer::start(rules, expected, bytes(0, immediate), final_bit);
        assert_eq!(verdict, want);
        assert_eq!(transfer.is_sequence_open(), !final_bit);
    }
}

#[test]
fn each_rule_of_a_data_out_is_checked_and_the_sequence_still_ends_with_f() {
    let cases = [
        (info(9, 0, 0, true), 64, WriteFault::UnknownTtt),
        (info(1, 1, 0, true), 64, WriteFault::DataSn),
        (info(1, 0, 1, true), 63, WriteFault::BufferOffset),
        (info(1, 0, 0, true), 63, WriteFault::SequenceLength),
        (info(1, 0, 0, false), 64, WriteFault::SequenceLength),
        (info(1, 0, 0, true), 65, WriteFault::SequenceLength),
        (info(NO_TTT, 0, 0, true), 10, WriteFault::UnexpectedUnsolicited),
    ];
    for (info, len, fault) in cases {
        let mut it = started(RULES, 64, 0, true);
        assert!(it.next_r2t(1).is_some());
        assert_eq!(it.data_out(info, bytes(info.buffer_offset, len)), Err(fault), "{info:?}");
        assert_eq!((it.next_r2t_length(), it.held()), (None, 0));
        if it.is_sequence_open() {
            assert_eq!(it.data_out(DataOutInfo { ttt: 1, final_bit: true, ..info }, Bytes::new()), Ok(()));
        }
        assert!(it.is_complete());
    }
}

#[test]
fn unsolicited_data_over_the_first_burst_is_a_fault() {
    let mut it = started(RULES, 260, 90, false);
    assert_eq!(it.data_out(info(NO_TTT, 0, 90, true), bytes(90, 11)), Err(WriteFault::TooMuchUnsolicited));
}

#[test]
fn unsolicited_data_is_all_of_the_first_burst_or_of_the_command() {
    // RFC 7143 11.4.7.2, "incorrect amount of data".
    for (expected, sent, want) in [
        (120, 60, Err(WriteFault::SequenceLength)),
        (120, 100, Ok(())),
        (80, 60, Err(WriteFault::SequenceLength)),
        (80, 80, Ok(())),
    ] {
        let mut it = started(RULES, expected, 0, false);
        assert_eq!(it.data_out(info(NO_TTT, 0, 0, true), bytes(0, sent)), want, "{sent} of {expected}");
        assert!(!it.is_sequence_open());
    }
}

#[test]
fn what_the_device_does_not_want_is_not_asked_for() {
    let mut it = started(RULES, 200, 50, true);
    it.want(80);
    assert_eq!(it.next_r2t(1).map(|r2t| r2t.desired_length), Some(30));
    assert_eq!(it.data_out(info(1, 0, 50, true), bytes(50, 30)), Ok(()));
    assert!(it.is_complete());
    let mut it = started(RULES, 200, 90, true);
    it.want(80);
    assert!(it.is_complete());
    assert_eq!(it.take().len(), 80);
}

proptest! {
    /// A correct initiator's data arrives whole whatever the parameters are.
    #[test]
    fn every_combination_delivers_the_data(
        initial_r2t: bool, immediate_data: bool, in_order: bool, sequence_in_order: bool,
        first_burst in 1u32..300, max_burst in 1u32..300, outstanding in 1u16..5,
        expected in 0u32..1500, immediate in 0u32..300, segment in 1u32..200, unsolicited: bool,
    ) {
        let rules = WriteRules {
            initial_r2t, immediate_data, first_burst_length: first_burst, max_burst_length: max_burst,
            max_outstanding_r2t: outstanding, data_pdu_in_order: in_order, data_sequence_in_order: sequence_in_order,
            recover: false,
        };
        let limit = first_burst.min(expected);
        let immediate = if immediate_data { immediate.min(limit) } else { 0 };
        let unsolicited = unsolicited && !initial_r2t && immediate < limit;
        let (mut it, verdict) = WriteTransfer::start(rules, expected, bytes(0, immediate), !unsolicited);
        prop_assert_eq!(verdict, Ok(()));
        let send = |it: &mut WriteTransfer, ttt, from: u32, len: u32| {
            let mut chunks: Vec<(u32, u32)> = (0..len.div_ceil(segment))
                .map(|at| (from + at * segment, segment.min(len - at * segment)))
                .collect();
            if !in_order {
                chunks.reverse();
            }
            let last = chunks.len() - 1;
            for (sn, (at, len)) in chunks.into_iter().enumerate() {
                assert_eq!(it.data_out(info(ttt, sn as u32, at, sn == last), bytes(at, len)), Ok(()));
            }
        };
        if unsolicited {
            send(&mut it, NO_TTT, immediate, limit - immediate);
        }
        let mut ttt = 0;
        while !it.is_complete() {
            let mut open = Vec::new();
            while let Some(r2t) = it.next_r2t(ttt) {
                prop_assert!(r2t.desired_length > 0 && r2t.desired_length <= max_burst);
                prop_assert_eq!(r2t.r2t_sn, ttt);
                ttt += 1;
                open.push(r2t);
            }
            prop_assert!(!open.is_empty() && open.len() <= usize::from(outstanding));
            for r2t in open {
                send(&mut it, r2t.ttt, r2t.buffer_offset, r2t.desired_length);
            }
        }
        prop_assert_eq!(it.take().to_bytes(), bytes(0, expected));
    }

    /// Whatever Data-Outs come, nothing panics and no more is held than was expected.
    #[test]
    fn anything_else_is_refused(moves in proptest::collection::vec((0u32..4, 0u32..3, 0u32..300, any::<bool>(), 0u32..120), 0..40)) {
        let (mut it, _) = WriteTransfer::start(RULES, 250, bytes(0, 20), false);
        for (ttt, sn, offset, final_bit, len) in moves {
            let ttt = if ttt == 0 { NO_TTT } else { ttt };
            let _ = it.data_out(info(ttt, sn, offset, final_bit), bytes(offset, len));
            let next = it.r2ts() + 1;
            it.next_r2t(next);
            prop_assert!(it.held() <= 250);
        }
    }
}

const RECOVER: WriteRules = WriteRules { recover: true, max_outstanding_r2t: 1, ..RULES };

#[test]
fn what_is_lost_of_a_burst_is_asked_for_when_it_ends() {
    let mut it = started(RECOVER, 64, 0, true);
    assert!(it.next_r2t(1).is_some());
    assert_eq!(it.data_out(info(1, 0, 0, false), bytes(0, 16)), Ok(()));
    // The second is lost, the third damaged, the first comes once more.
    it.damaged(info(1, 2, 32, false));
    assert_eq!(it.data_out(info(1, 0, 0, false), bytes(0, 16)), Ok(()));
    assert_eq!(it.data_out(info(1, 3, 48, true), bytes(48, 16)), Ok(()));
    let again = R2tSpec { ttt: 2, r2t_sn: 1, buffer_offset: 16, desired_length: 32 };
    assert_eq!((it.is_complete(), it.next_r2t(2)), (false, Some(again)));
    // Late data of the first burst is no fault.
    assert_eq!(it.data_out(info(1, 1, 16, false), bytes(16, 16)), Ok(()));
    assert_eq!(it.data_out(info(2, 0, 16, true), bytes(16, 32)), Ok(()));
    assert!(it.is_complete());
    assert_eq!(it.take().to_bytes(), bytes(0, 64));
}

#[test]
fn what_came_behind_a_loss_goes_with_its_connection() {
    let mut it = started(RECOVER, 64, 0, true);
    let r2t = it.next_r2t(1).unwrap();
    assert_eq!((r2t.buffer_offset, r2t.desired_length), (0, 64));
    assert_eq!(it.data_out(info(1, 0, 0, false), bytes(0, 16)), Ok(()));
    assert_eq!(it.data_out(info(1, 2, 32, false), bytes(32, 16)), Ok(()));
    it.lose_connection();
    assert_eq!(it.held(), 16);
    let r2t = it.next_r2t(2).unwrap();
    assert_eq!((r2t.r2t_sn, r2t.buffer_offset, r2t.desired_length), (1, 16, 48));
    assert_eq!(it.data_out(info(2, 0, 16, true), bytes(16, 48)), Ok(()));
    assert!(it.is_complete());
    assert_eq!(it.take().to_bytes(), bytes(0, 64));
}

#[test]
fn lost_unsolicited_data_is_asked_for_like_any_other() {
    let mut it = started(RECOVER, 200, 20, false);
    assert_eq!(it.data_out(info(NO_TTT, 1, 60, false), bytes(60, 20)), Ok(()));
    it.give_up_sequences();
    let asked: Vec<_> = (1..)
        .map_while(|ttt| {
            let r2t = it.next_r2t(ttt)?;
            assert_eq!(
                it.data_out(
                    info(ttt, 0, r2t.buffer_offset, true),
                    bytes(r2t.buffer_offset, r2t.desired_length)
                ),
                Ok(())
            );
            Some((r2t.buffer_offset, r2t.desired_length))
        })
        .collect();
    assert_eq!(asked, [(20, 40), (80, 20), (100, 64), (164, 36)]);
    assert!(it.is_complete());
    assert_eq!(it.take().to_bytes(), bytes(0, 200));
}

#[test]
fn recovery_forgives_losses_and_nothing_else() {
    for (info, len, fault) in [
        (info(9, 0, 0, true), 64, WriteFault::UnknownTtt),
        (info(1, 0, 1, true), 63, WriteFault::BufferOffset),
        (info(1, 0, 0, true), 63, WriteFault::SequenceLength),
        (info(1, 0, 0, false), 64, WriteFault::SequenceLength),
        (info(1, 1, 32, true), 64, WriteFault::BufferOffset),
    ] {
        let mut it = started(RECOVER, 64, 0, true);
        assert!(it.next_r2t(1).is_some());
        assert_eq!(it.data_out(info, bytes(info.buffer_offset, len)), Err(fault), "{info:?}");
    }
}

#[test]
fn where_sequences_are_free_the_last_is_asked_for_first() {
    let mut it = started(WriteRules { data_sequence_in_order: false, ..RULES }, 200, 10, true);
    let spec =
        |it: &mut WriteTransfer, ttt| it.next_r2t(ttt).map(|r2t| (r2t.buffer_offset, r2t.desired_length));
    assert_eq!(
        (spec(&mut it, 1), spec(&mut it, 2), spec(&mut it, 3)),
        (Some((138, 62)), Some((74, 64)), None)
    );
    assert_eq!(it.data_out(info(1, 0, 138, true), bytes(138, 62)), Ok(()));
    assert_eq!(spec(&mut it, 3), Some((10, 64)));
}

proptest! {
    /// Data-Outs may get lost, be damaged or come twice: in the end the data is right.
    #[test]
    fn losses_are_recovered(
        in_order: bool, sequence_in_order: bool, first_burst in 1u32..200, max_burst in 1u32..200, outstanding in 1u16..4,
        expected in 1u32..1000, segment in 1u32..100, unsolicited: bool,
        fates in proptest::collection::vec(0u8..6, 0..60),
    ) {
        let rules = WriteRules {
            initial_r2t: false, immediate_data: true, first_burst_length: first_burst, max_burst_length: max_burst,
            max_outstanding_r2t: outstanding, data_pdu_in_order: in_order, data_sequence_in_order: sequence_in_order,
            recover: true,
        };
        let (mut it, verdict) = WriteTransfer::start(rules, expected, Bytes::new(), !unsolicited);
        prop_assert_eq!(verdict, Ok(()));
        let mut fates = fates.into_iter();
        let mut send = |it: &mut WriteTransfer, ttt, from: u32, len: u32| {
            let mut chunks: Vec<(u32, u32)> = (0..len.div_ceil(segment))
                .map(|at| (from + at * segment, segment.min(len - at * segment)))
                .collect();
            if !in_order {
                chunks.reverse();
            }
            let last = chunks.len() - 1;
            for (sn, (at, len)) in chunks.into_iter().enumerate() {
                let info = info(ttt, sn as u32, at, sn == last);
                let times = match fates.next() {
                    Some(0) => 0,
                    Some(1) => { it.damaged(info); 0 }
                    Some(2) => 2,
                    _ => 1,
                };
                for _ in 0..times {
                    assert_eq!(it.data_out(info, bytes(at, len)), Ok(()));
                }
            }
        };
        if unsolicited {
            send(&mut it, NO_TTT, 0, first_burst.min(expected));
        }
        let mut ttt = 0;
        for _ in 0..1000 {
            if it.is_complete() { break; }
            let mut open = Vec::new();
            while let Some(r2t) = it.next_r2t(ttt) {
                prop_assert!(r2t.desired_length > 0 && r2t.desired_length <= max_burst && r2t.r2t_sn == ttt);
                ttt += 1;
                open.push(r2t);
            }
            prop_assert!(open.len() <= usize::from(outstanding));
            for r2t in open {
                send(&mut it, r2t.ttt, r2t.buffer_offset, r2t.desired_length);
            }
            // Those whose end was lost time out.
            it.give_up_sequences();
        }
        prop_assert!(it.is_complete());
        prop_assert_eq!(it.take().to_bytes(), bytes(0, expected));
    }
}
