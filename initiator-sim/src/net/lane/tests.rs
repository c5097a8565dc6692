use super::*;
use crate::codec::{Digests, Kind, Pdu, encode};
use crate::fault::plan::Plan;
use crate::net::{Chunking, Latency};
use crate::rng::Keyed;

struct Rig {
    lane: Lane,
    planner: Planner,
    hits: Vec<FaultId>,
    operations: BTreeMap<u32, u64>,
    ending: Option<Ending>,
    now: Nanos,
}

impl Rig {
    fn new(config: LaneConfig) -> Self {
        Self {
            lane: Lane::new(config, Dir::Out, 1),
            planner: Planner::new(Keyed::new(1), Plan::None),
            hits: Vec::new(),
            operations: BTreeMap::new(),
            ending: None,
            now: 0,
        }
    }

    fn plain() -> Self {
        Self::new(LaneConfig { latency: Latency::Fixed(10), ..LaneConfig::default() })
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Lane, &mut LaneContext<'_>) -> T) -> T {
        let mut cx = LaneContext {
            now: self.now,
            planner: &mut self.planner,
            hits: &mut self.hits,
            operations: &self.operations,
            lost: Vec::new(),
            ending: None,
        };
        let out = act(&mut self.lane, &mut cx);
        self.ending = self.ending.or(cx.ending);
        out
    }

    fn send(&mut self, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        self.with(|lane, cx| lane.send(bytes, 1, cx));
    }

    fn arm(&mut self, opcode: Option<u8>, verbs: &[Verb]) {
        self.lane.arm_pdu(FaultId(0), opcode, 0, verbs.to_vec());
    }

    /// Everything that arrives from now on: (time, bytes).
    fn arrivals(&mut self) -> Vec<(Nanos, Vec<u8>)> {
        let mut all = Vec::new();
        while let Some(due) = self.lane.pipe.due() {
            self.now = self.now.max(due);
            match self.lane.pipe.arrive(self.now) {
                Some(Arrival::Bytes(bytes)) => all.push((self.now, bytes.to_vec())),
                Some(Arrival::Fin) => all.push((self.now, b"FIN".to_vec())),
                Some(Arrival::Reset) => all.push((self.now, b"RST".to_vec())),
                None => {}
            }
            let (lane, planner) = (&mut self.lane, &self.planner);
            lane.pump(self.now, planner);
        }
        all
    }

    fn stream(&mut self) -> Vec<u8> {
        self.arrivals().into_iter().flat_map(|(_, bytes)| bytes).collect()
    }
}

fn pdu(kind: Kind, itt: u64) -> Vec<u8> {
    encode(&Pdu::new(kind).with("ITT", itt).with_data(vec![itt as u8; 4]), Digests::NONE)
}

fn nop(itt: u64) -> Vec<u8> {
    pdu(Kind::NopOut, itt)
}

fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn a_plain_write_arrives_whole_after_the_latency() {
    let mut rig = Rig::plain();
    rig.send(&nop(1));
    rig.send(b"half a header");
    assert_eq!(rig.arrivals(), [(10, nop(1)), (10, b"half a header".to_vec())]);
}

#[test]
fn split_and_delay_concern_the_rest_of_the_pdu() {
    let mut rig = Rig::plain();
    rig.arm(Some(0x05), &[Verb::Split(20), Verb::Delay(250)]);
    let (first, data, last) = (nop(1), pdu(Kind::DataOut, 2), nop(3));
    rig.send(&joined(&[&first, &data, &last]));
    assert_eq!(
        rig.arrivals(),
        [(10, first), (10, data[..20].to_vec()), (260, data[20..].to_vec()), (260, last)],
        "what follows cannot overtake"
    );
    assert_eq!(rig.hits, [FaultId(0)]);
}

#[test]
fn the_middlebox_drops_repeats_and_swaps() {
    let (a, b, c) = (nop(1), nop(2), nop(3));
    for (verb, expected) in [
        (Verb::Drop, joined(&[&b, &c])),
        (Verb::Dup, joined(&[&a, &a, &b, &c])),
        (Verb::Swap, joined(&[&b, &a, &c])),
    ] {
        for step in [1, 7, 1000] {
            let mut rig = Rig::plain();
            rig.arm(None, std::slice::from_ref(&verb));
            for chunk in joined(&[&a, &b, &c]).chunks(step) {
                rig.send(chunk);
            }
            assert_eq!(rig.stream(), expected, "{verb:?} in steps of {step}");
        }
    }
}

#[test]
fn a_swapped_pdu_that_nothing_follows_is_not_lost() {
    let mut rig = Rig::plain();
    rig.arm(None, &[Verb::Swap]);
    rig.send(&nop(1));
    assert!(rig.arrivals().is_empty());
    rig.with(|lane, cx| lane.fin(cx));
    assert_eq!(rig.stream(), joined(&[&nop(1), b"FIN"]));
}

#[test]
fn fields_and_bits_are_corrupted() {
    let mut rig = Rig::plain();
    rig.arm(None, &[Verb::CorruptField { field: "CmdSN".into(), value: 9, fix_digest: true }]);
    rig.send(&nop(1));
    let changed = Pdu::new(Kind::NopOut).with("ITT", 1).with_data(vec![1; 4]).with("CmdSN", 9);
    assert_eq!(rig.stream(), encode(&changed, Digests::NONE));

    rig.arm(None, &[Verb::CorruptBit { byte: 16, bit: 7 }]);
    rig.send(&nop(1));
    assert_eq!(rig.stream()[16], 0x80);
}

#[test]
fn coalesce_waits_for_more_pdus_and_delivers_one_chunk() {
    let mut rig = Rig::plain();
    rig.arm(None, &[Verb::Coalesce(2)]);
    rig.send(&nop(1));
    rig.send(&nop(2));
    assert!(rig.arrivals().is_empty());
    rig.now = 100;
    rig.send(&nop(3));
    rig.send(&nop(4));
    assert_eq!(rig.arrivals(), [(110, joined(&[&nop(1), &nop(2), &nop(3)])), (110, nop(4))]);
}

#[test]
fn hold_keeps_everything_back_until_released() {
    let mut rig = Rig::plain();
    rig.arm(Some(0x05), &[Verb::Hold]);
    rig.send(&joined(&[&nop(1), &pdu(Kind::DataOut, 2), &nop(3)]));
    assert_eq!(rig.stream(), nop(1));
    assert!(rig.lane.is_waiting());
    rig.now = 500;
    rig.with(|lane, cx| lane.release(FaultId(0), cx));
    assert_eq!(rig.arrivals()[0].0, 510);
}

#[test]
fn stall_stops_what_is_under_way_too() {
    let mut rig = Rig::plain();
    rig.send(&nop(1));
    rig.arm(None, &[Verb::Stall(1000)]);
    rig.send(&nop(2));
    assert_eq!(rig.arrivals(), [(1000, nop(1)), (1000, nop(2))]);
}

#[test]
fn endings_replace_the_bytes_they_attach_to() {
    for (verb, ending) in
        [(Verb::Reset, Ending::Reset), (Verb::Close, Ending::Close), (Verb::HalfClose, Ending::HalfClose)]
    {
        let mut rig = Rig::plain();
        rig.arm(Some(0x05), &[Verb::Split(5), verb]);
        let data = pdu(Kind::DataOut, 2);
        rig.send(&joined(&[&nop(1), &data, &nop(3)]));
        assert_eq!(rig.ending, Some(ending));
        let mut expected = joined(&[&nop(1), &data[..5]]);
        if ending == Ending::HalfClose {
            expected.extend(b"FIN");
        }
        assert_eq!(rig.stream(), expected);
    }
}

#[test]
fn rules_skip_and_count_by_opcode() {
    let mut rig = Rig::plain();
    rig.lane.arm_pdu(FaultId(7), Some(0x00), 1, vec![Verb::Drop]);
    rig.send(&joined(&[&nop(1), &pdu(Kind::DataOut, 2), &nop(3), &nop(4)]));
    assert_eq!(rig.stream(), joined(&[&nop(1), &pdu(Kind::DataOut, 2), &nop(4)]));
    assert_eq!(rig.hits, [FaultId(7)]);
}

#[test]
fn a_fault_can_wait_for_a_byte() {
    let mut rig = Rig::plain();
    rig.lane.arm_byte(FaultId(1), 60, vec![Verb::CorruptBit { byte: 0, bit: 0 }, Verb::Delay(5)]);
    let stream = joined(&[&nop(0), &nop(0)]);
    for chunk in stream.chunks(25) {
        rig.send(chunk);
    }
    let mut expected = stream;
    expected[60] ^= 1;
    let arrivals = rig.arrivals();
    assert_eq!(arrivals.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>(), expected);
    assert_eq!(arrivals.iter().filter(|(at, _)| *at == 10).map(|(_, bytes)| bytes.len()).sum::<usize>(), 60);
}

#[test]
fn a_full_buffer_holds_the_sender_up() {
    let mut rig = Rig::new(LaneConfig { latency: Latency::Fixed(10), buffer: 60, ..LaneConfig::default() });
    rig.send(&joined(&[&nop(1), &nop(2)]));
    assert_eq!((rig.lane.pipe.held(), rig.lane.room()), (60, 0));
    rig.lane.pipe.set_reading(false);
    rig.now = 20;
    assert_eq!(rig.lane.pipe.arrive(20), None);
    rig.lane.pump(20, &rig.planner);
    assert_eq!(rig.lane.pipe.held(), 60, "unread bytes still fill the buffer");
    rig.lane.pipe.set_reading(true);
    assert!(rig.lane.pipe.read().is_some());
    rig.lane.pump(20, &rig.planner);
    assert_eq!(rig.lane.pipe.held(), 44);
}

#[test]
fn chunks_and_draws_keep_the_bytes() {
    let config = LaneConfig {
        latency: Latency::Uniform { low: 1, high: 1000 },
        chunk: Chunking::Random { min: 1, max: 30 },
        loss: 200_000,
        ..LaneConfig::default()
    };
    let stream: Vec<u8> = (0..20).flat_map(nop).collect();
    let run = || {
        let mut rig = Rig::new(config.clone());
        rig.send(&stream);
        rig.arrivals()
    };
    let arrivals = run();
    assert!(arrivals.len() > 30);
    assert_eq!(arrivals.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>(), stream);
    assert_eq!(arrivals, run());
}

#[test]
fn drawn_faults_are_recorded_and_play_back() {
    let stream: Vec<u8> = (0..200).flat_map(nop).collect();
    let run = |plan: Plan| {
        let mut rig = Rig::plain();
        rig.planner = Planner::new(Keyed::new(3), plan);
        rig.send(&stream);
        (rig.arrivals(), rig.planner.record().to_vec())
    };
    let profile = crate::fault::plan::Profile { drop: 50_000, dup: 50_000, ..Default::default() };
    let (first, record) = run(Plan::Drawn(profile));
    assert!(record.len() > 5);
    let (second, again) = run(Plan::explicit(record.clone()));
    assert_eq!((first, record), (second, again));
}
