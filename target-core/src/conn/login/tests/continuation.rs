//! The C bit in both directions (RFC 7143 6.1, 6.2, 11.12.2, 11.13.7).

use super::*;

#[test]
fn text_may_be_cut_anywhere() {
    let text = [NAMES, "MaxBurstLength=8192\0X-com.example.key=1\0"].concat();
    let whole = bench().done(1, &text).0.text;
    for at in 0..text.len() {
        let (front, back) = text.split_at(at);
        let mut bench = bench();
        let reply = bench.reply("C", 1, 0, front);
        assert_eq!(reply, LoginReply { csg: 1, ..LoginReply::default() }, "answered with nothing");
        assert_eq!(bench.done(1, back).0.text, whole);
    }
}

#[test]
fn continued_text_belongs_to_one_stage() {
    let mut bench = bench();
    bench.reply("C", 0, 0, NAMES);
    assert_eq!(bench.refused("", 1, 0, ""), (0x0200, LoginFault::StageChanged));
}

/// Distinct keys that nobody understands: 60 bytes each go in, 71 come out.
fn many_keys(from: u32, count: u32) -> String {
    (from..from + count).map(|n| alloc::format!("X-{n:05}{}=1\0", "y".repeat(50))).collect()
}

#[test]
fn a_long_answer_comes_in_pieces_and_only_then_goes_on() {
    let mut bench = bench();
    bench.reply("", 1, 0, NAMES);
    bench.reply("C", 1, 0, many_keys(0, 100));
    bench.reply("C", 1, 0, many_keys(100, 100));
    let mut text = Vec::new();
    let mut reply = bench.reply("T", 1, 3, many_keys(200, 50));
    let mut pieces = 1;
    while reply.continue_bit {
        assert!(!reply.transit, "T and C exclude each other");
        assert_eq!(reply.text.len(), 8192);
        text.extend_from_slice(&reply.text);
        pieces += 1;
        reply = match bench.send("T", 1, 3, "") {
            LoginStep::Reply(reply) => reply,
            LoginStep::Done(reply, _) => {
                assert!(reply.transit);
                reply
            }
            other => panic!("{other:?}"),
        };
    }
    text.extend_from_slice(&reply.text);
    assert_eq!(pieces, 3);
    assert_eq!(
        crate::wire::text::pairs(&text).filter(|pair| pair.unwrap().1 == "NotUnderstood").count(),
        250
    );
}

#[test]
fn the_rest_of_an_answer_does_not_move_on_without_t() {
    let mut bench = bench();
    bench.reply("C", 1, 0, [NAMES, &many_keys(0, 100)].concat());
    let reply = bench.reply("", 1, 0, many_keys(100, 50));
    assert!(reply.continue_bit);
    let reply = bench.reply("", 1, 0, "");
    assert!(!reply.continue_bit && !reply.transit && !reply.text.is_empty());
    bench.done(1, "");
}

#[test]
fn only_an_empty_request_asks_for_the_rest() {
    for (flags, text) in [("T", "InitialR2T=No\0"), ("C", ""), ("C", "Initial")] {
        let mut bench = bench();
        bench.reply("C", 1, 0, [NAMES, &many_keys(0, 100)].concat());
        assert!(bench.reply("", 1, 0, many_keys(100, 50)).continue_bit);
        assert_eq!(bench.refused(flags, 1, 3, text), (0x0200, LoginFault::TextDuringContinuation));
    }
}
