//! The login program against a target that follows a list of answers, one per request.

use super::super::chap::{self, Encoding};
use super::super::fake_target::{FakeTarget, deliver, feed, to};
use super::*;

/// A target's answer: text, C, T with the next stage, and the status.
#[derive(Clone, Default)]
struct Answer {
    text: String,
    more: bool,
    next: Option<u64>,
    status: u64,
}

fn say(text: impl Into<String>) -> Answer {
    Answer { text: text.into(), ..Answer::default() }
}

fn pass(text: impl Into<String>, next: u64) -> Answer {
    Answer { next: Some(next), ..say(text) }
}

/// What the initiator sent: flags, stages and text with blanks for zeros.
type Heard = (bool, bool, u32, u32, String);

struct Run {
    session: Session,
    heard: Vec<Heard>,
    outcome: Option<LoginOutcome>,
    conn: usize,
}

/// Runs a login; `answer` gets the number of the request and the pairs in it.
fn run(plan: LoginPlan, mut answer: impl FnMut(usize, &[(String, String)]) -> Answer) -> Run {
    let mut session = Session::new("i", "t");
    let mut target = FakeTarget::new();
    let conn = session.open(1);
    let mut program = LoginProgram::new(conn, plan);
    let mut step = program.start(&mut session);
    let mut heard = Vec::new();
    while step.done.is_none() && heard.len() < 40 {
        let sent = deliver(&mut session, &mut target, conn, &step.send);
        let [request] = sent.as_slice() else { panic!("one request at a time: {sent:?}") };
        let text = String::from_utf8_lossy(&request.data).replace('\0', " ");
        heard.push((request.flag("T"), request.flag("C"), request.word("CSG"), request.word("NSG"), text));
        let now = answer(heard.len() - 1, &text::pairs(&request.data).0);
        let last = now.next == Some(FULL_FEATURE);
        let response = to(request, Kind::LoginResponse)
            .with("ISID", request.field("ISID").expect("a number"))
            .with("CSG", request.word("CSG").into())
            .with("NSG", now.next.unwrap_or(0))
            .with("T", now.next.is_some().into())
            .with("C", now.more.into())
            .with("TSIH", if last { 77 } else { 0 })
            .with("StatusClass", now.status >> 8)
            .with("StatusDetail", now.status & 0xff)
            .with_data(now.text.replace(' ', "\0").into_bytes());
        let wire = target.say(response);
        step = feed(&mut session, conn, &wire, |s, i| program.receive(s, i));
    }
    Run { session, heard, outcome: step.done, conn }
}

fn few_keys() -> LoginPlan {
    let keys = vec![("MaxBurstLength".to_owned(), "65536".to_owned())];
    LoginPlan { keys, ..LoginPlan::default() }
}

#[test]
fn both_stages_without_authentication() {
    let mut run = run(few_keys(), |n, _| match n {
        0 => pass("AuthMethod=None TargetPortalGroupTag=1 ", OPERATIONAL),
        _ => pass("MaxBurstLength=4096 ", FULL_FEATURE),
    });
    let first = "InitiatorName=i SessionType=Normal TargetName=t AuthMethod=None ";
    assert_eq!(run.heard[0], (true, false, 0, 1, first.to_owned()));
    assert_eq!(run.heard[1], (true, false, 1, 3, "MaxBurstLength=65536 ".to_owned()));
    assert_eq!(run.outcome, Some(LoginOutcome::LoggedIn));
    assert_eq!((run.session.params.max_burst, run.session.tsih), (4096, 77));
    assert_eq!(run.session.take_violations(), []);
}

#[test]
fn single_stages_and_discovery() {
    let direct = run(LoginPlan { stages: Stages::Operational, ..few_keys() }, |_, _| {
        pass("MaxBurstLength=65536 ", FULL_FEATURE)
    });
    assert_eq!((direct.heard.len(), direct.heard[0].2, direct.heard[0].3), (1, 1, 3));
    let security = run(LoginPlan { stages: Stages::Security, ..LoginPlan::discovery() }, |_, _| {
        pass("AuthMethod=None ", FULL_FEATURE)
    });
    assert_eq!(security.heard[0].4, "InitiatorName=i SessionType=Discovery AuthMethod=None ");
    assert_eq!((security.outcome, security.session.params.discovery), (Some(LoginOutcome::LoggedIn), true));
}

fn value<'a>(pairs: &'a [(String, String)], key: &str) -> &'a str {
    text::find(pairs, key).unwrap_or_else(|| panic!("{key} is missing in {pairs:?}"))
}

/// A target that demands CHAP with this algorithm and proves itself with `secret`.
fn chap_target(algorithm: u8, secret: &'static [u8]) -> impl FnMut(usize, &[(String, String)]) -> Answer {
    let challenge = b"the target's challenge".to_vec();
    move |n, pairs| match n {
        0 => say("AuthMethod=CHAP "),
        1 => {
            say(format!("CHAP_A={algorithm} CHAP_I=9 CHAP_C={} ", chap::encode(&challenge, Encoding::Base64)))
        }
        2 => {
            let want = chap::response(algorithm, 9, b"initiator's secret", &challenge);
            assert_eq!((value(pairs, "CHAP_N"), chap::decode(value(pairs, "CHAP_R"))), ("user", want));
            let Some(theirs) = text::find(pairs, "CHAP_C") else { return pass("", OPERATIONAL) };
            let theirs = chap::decode(theirs).expect("a binary value");
            let identifier = value(pairs, "CHAP_I").parse().expect("a number");
            let proof = chap::response(algorithm, identifier, secret, &theirs).expect("known");
            pass(format!("CHAP_N=target CHAP_R={} ", chap::encode(&proof, Encoding::Hex)), OPERATIONAL)
        }
        _ => pass("MaxBurstLength=65536 ", FULL_FEATURE),
    }
}

#[test]
fn chap_one_way_and_mutual_with_all_algorithms() {
    for algorithm in chap::ALGORITHMS {
        for encoding in [Encoding::Hex, Encoding::Base64] {
            let chap = ChapPlan { encoding, ..ChapPlan::new("user", *b"initiator's secret") };
            let one_way = run(few_keys().with_chap(chap.clone()), chap_target(algorithm, b""));
            assert_eq!(one_way.outcome, Some(LoginOutcome::LoggedIn), "CHAP_A={algorithm}");
            assert_eq!(one_way.heard[1].4, "CHAP_A=7,8,6,5 ");
            assert_eq!((one_way.heard[1].0, one_way.heard[2].0), (false, true));
            let mutual = chap.mutual(*b"target's secret", 33, vec![5; 24]);
            let good = run(few_keys().with_chap(mutual.clone()), chap_target(algorithm, b"target's secret"));
            assert_eq!(good.outcome, Some(LoginOutcome::LoggedIn));
            let bad = run(few_keys().with_chap(mutual), chap_target(algorithm, b"another secret"));
            assert_eq!(bad.outcome, Some(LoginOutcome::Broken(LoginBreak::TargetNotAuthenticated)));
            assert_eq!(bad.session.connection(bad.conn).phase, Phase::Closed);
        }
    }
}

#[test]
fn a_target_cannot_skip_its_proof() {
    let chap = ChapPlan::new("user", *b"secret").mutual(*b"target's secret", 33, vec![5; 24]);
    let plan = few_keys().with_chap(chap);
    let silent = run(plan.clone(), |n, _| match n {
        0 => say("AuthMethod=CHAP "),
        1 => say("CHAP_A=5 CHAP_I=9 CHAP_C=0x0102 "),
        _ => pass("", FULL_FEATURE),
    });
    assert_eq!(silent.outcome, Some(LoginOutcome::Broken(LoginBreak::TargetNotAuthenticated)));
    for (answer, what) in [
        ("CHAP_A=9 CHAP_I=9 CHAP_C=0x0102 ", "CHAP_A"),
        ("CHAP_A=5 CHAP_I=256 CHAP_C=0x0102 ", "CHAP_I"),
        ("CHAP_A=5 CHAP_I=9 CHAP_C=zz ", "CHAP_C"),
        ("", "CHAP_A"),
    ] {
        let run = run(plan.clone(), |n, _| if n == 0 { say("AuthMethod=CHAP ") } else { say(answer) });
        let Some(LoginOutcome::Broken(LoginBreak::Authentication(why))) = run.outcome else {
            panic!("{what}")
        };
        assert!(why.starts_with(what), "{why}");
    }
}

#[test]
fn text_is_continued_in_both_directions() {
    let plan = LoginPlan { text_max: 40, ..few_keys() };
    let mut run = run(plan, |n, _| match n {
        0 => say(""),
        1 => Answer { more: true, ..say("AuthMethod=No") },
        2 => say("ne "),
        3 => pass("", OPERATIONAL),
        4 => say(""),
        _ => pass("MaxBurstLength=65536 ", FULL_FEATURE),
    });
    let shape: Vec<_> = run.heard.iter().map(|(t, c, csg, _, text)| (*t, *c, *csg, text.len())).collect();
    // Two pieces, an empty one to hear the rest, an empty one to agree; then the stage where the target hesitates.
    assert_eq!(
        shape,
        [
            (false, true, 0, 40),
            (true, false, 0, 24),
            (false, false, 0, 0),
            (true, false, 0, 0),
            (true, false, 1, 21),
            (true, false, 1, 0)
        ]
    );
    assert_eq!(run.outcome, Some(LoginOutcome::LoggedIn));
    assert_eq!(run.session.take_violations(), []);
}

#[test]
fn proposals_of_the_target_are_answered() {
    let run = run(few_keys(), |n, _| match n {
        0 => pass("AuthMethod=None ", OPERATIONAL),
        1 => say("MaxBurstLength=65536 FirstBurstLength=8192 X-com.example=1 "),
        _ => pass("", FULL_FEATURE),
    });
    assert_eq!(run.heard[2].4, "FirstBurstLength=8192 X-com.example=NotUnderstood ");
    assert_eq!((run.outcome, run.session.params.first_burst), (Some(LoginOutcome::LoggedIn), 8192));
}

#[test]
fn refusals_redirections_and_broken_rules_end_it() {
    let refused = run(few_keys(), |_, _| Answer { status: 0x0203, ..say("") });
    let outcome = LoginOutcome::Refused { class: 2, detail: 3, addresses: Vec::new() };
    assert_eq!(refused.outcome, Some(outcome));
    let moved = run(few_keys(), |_, _| Answer { status: 0x0101, ..say("TargetAddress=10.0.0.1:3260 ") });
    let outcome = LoginOutcome::Refused { class: 1, detail: 1, addresses: vec!["10.0.0.1:3260".to_owned()] };
    assert_eq!(moved.outcome, Some(outcome));
    let greedy = run(few_keys(), |n, _| match n {
        0 => pass("AuthMethod=None ", OPERATIONAL),
        _ => pass("MaxBurstLength=65537 ", FULL_FEATURE),
    });
    assert!(matches!(greedy.outcome, Some(LoginOutcome::Broken(LoginBreak::Negotiation(_)))));
    let endless =
        run(few_keys(), |n, _| if n == 0 { pass("AuthMethod=None ", OPERATIONAL) } else { say("") });
    assert_eq!((endless.outcome, endless.heard.len()), (None, 40));
}
