//! Is a capture complete, and the same for the same seed?

use super::{Cutter, Ties, pcapng};
use crate::runner::definitions;
use initiator_sim::net::Dir;
use initiator_sim::workload::run_seed;
use initiator_sim::world::{Happened, Keep, Moment};
use pcap_file::pcapng::{Block, PcapNgReader};

fn moments(seed: u64) -> (Vec<Moment>, usize) {
    let keep = Keep { wire: true, probes: true, moments: true, ..Keep::default() };
    let definitions = definitions().expect("the definitions");
    let (_, mut world) = run_seed(seed, Some(definitions), keep).expect("a run");
    let wire = world.wire().len();
    (world.take_moments(), wire)
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_every_pdu_and_loss_a_packet() {
    let mut losses = 0;
    for seed in 0..30 {
        let (moments, wire) = moments(seed);
        let bytes = pcapng(&moments, "t").expect("a capture");
        assert_eq!(bytes, pcapng(&self::moments(seed).0, "t").expect("a capture"), "seed {seed}");
        let mut reader = PcapNgReader::new(bytes.as_slice()).expect("a pcapng file");
        let mut packets = [0; 3];
        let mut probes = 0;
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = block.expect("a block") {
                packets[packet.interface_id as usize] += 1;
                let said = format!("{:?}", packet.options);
                probes += said.matches("probe ").count() - said.matches("(no PDU passed)").count();
            }
        }
        let lost = moments.iter().filter(|moment| matches!(moment.what, Happened::Lost { .. })).count();
        assert_eq!(packets[2], lost, "seed {seed}");
        losses += lost;
        let ties = Ties::of(&moments);
        assert_eq!(packets[1], ties.pdus.len(), "seed {seed}");
        assert!(
            ties.pdus.len().abs_diff(wire) <= wire / 20 + 2,
            "seed {seed}: {} of {wire}",
            ties.pdus.len()
        );
        assert_eq!(probes, ties.pdus.iter().filter(|tied| tied.probe.is_some()).count(), "seed {seed}");
        assert!(probes * 10 > ties.pdus.len() * 8, "seed {seed}: {probes} of {} PDUs fired", ties.pdus.len());
    }
    assert!(losses > 0, "some seed drops a PDU");
}

#[test]
fn a_stream_is_cut_alike_in_any_pieces() {
    let of = |moments: &[Moment], size: usize| {
        let mut cutter = Cutter::default();
        let mut cuts = Vec::new();
        for moment in moments {
            let (dir, bytes) = match &moment.what {
                Happened::Received { conn: 0, dir: Dir::Out, bytes } => (Dir::Out, bytes),
                Happened::Sent { conn: 0, dir: Dir::In, bytes } => (Dir::In, bytes),
                _ => continue,
            };
            for piece in bytes.chunks(size) {
                cuts.extend(cutter.push(dir, piece));
            }
        }
        cuts
    };
    let runs: Vec<_> = (0..8).map(|seed| moments(seed).0).collect();
    assert!(runs.iter().any(|moments| of(moments, usize::MAX).len() > 5), "some connection says much");
    for moments in &runs {
        assert_eq!(of(moments, 1), of(moments, usize::MAX));
    }
}
