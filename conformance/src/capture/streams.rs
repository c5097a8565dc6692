//! The byte streams of the connections in a capture: segments in order, repeated ones once, gaps told of.

use super::read::Segment;
use initiator_sim::net::Dir;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// It was opened.
    Opened,
    /// Bytes of one direction, in order.
    Bytes(Dir, Vec<u8>),
    /// One side sends no more, or reset it.
    Ended(Dir, bool),
}

/// A connection of the capture.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The initiator's end.
    pub initiator: SocketAddr,
    /// The target's end.
    pub target: SocketAddr,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<String>,
    halves: [Half; 2],
}

#[derive(Clone, Debug, Default)]
struct Half {
    next: Option<u32>,
    /// Came before something that is still missing.
    early: BTreeMap<u32, Segment>,
    ended: bool,
}

/// The connections and what happened on them, in the order of the capture.
pub fn streams(segments: Vec<Segment>) -> (Vec<Stream>, Vec<(usize, Piece)>) {
    let mut streams: Vec<Stream> = Vec::new();
    let mut pieces = Vec::new();
    for segment in segments {
        if segment.syn && !segment.ack {
            let known = streams.iter().rposition(|stream| stream.is_between(&segment) == Some(Dir::Out));
            // The same SYN again is a repetition, unless the connection got further.
            if known.is_none_or(|at| streams[at].halves[0].next != Some(segment.seq.wrapping_add(1))) {
                let half = Half { next: Some(segment.seq.wrapping_add(1)), ..Half::default() };
                let (initiator, target) = (segment.from, segment.to);
                streams.push(Stream { initiator, target, problem: None, halves: [half, Half::default()] });
                pieces.push((streams.len() - 1, Piece::Opened));
            }
            continue;
        }
        let found = streams.iter().rposition(|stream| stream.is_between(&segment).is_some());
        let at = found.unwrap_or_else(|| {
            let out = segment.to.port() == ISCSI_PORT || segment.from.port() != ISCSI_PORT;
            let (initiator, target) =
                if out { (segment.from, segment.to) } else { (segment.to, segment.from) };
            let problem = Some("it began before the capture, so its login is not there".to_owned());
            streams.push(Stream { initiator, target, problem, halves: [Half::default(), Half::default()] });
            streams.len() - 1
        });
        let stream = &mut streams[at];
        let Some(dir) = stream.is_between(&segment) else { continue };
        if segment.is_cut && !segment.payload.is_empty() && stream.problem.is_none() {
            stream.problem =
                Some(format!("packet {} is cut short; capture whole packets (-s 0)", segment.number));
        }
        let half = &mut stream.halves[dir as usize];
        if segment.syn {
            half.next.get_or_insert(segment.seq.wrapping_add(1));
            continue;
        }
        half.take(dir, segment, &mut |piece| pieces.push((at, piece)));
    }
    for stream in &mut streams {
        for dir in [Dir::Out, Dir::In] {
            let half = &stream.halves[dir as usize];
            if let (Some(next), Some(early), None) =
                (half.next, half.early.values().min_by_key(|early| early.number), &stream.problem)
            {
                let who = if dir == Dir::Out { "the initiator" } else { "the target" };
                let len = early.seq.wrapping_sub(next);
                stream.problem = Some(format!(
                    "{len} bytes of {who} are missing before packet {}: the capture lost a segment",
                    early.number
                ));
            }
        }
    }
    (streams, pieces)
}

const ISCSI_PORT: u16 = 3260;

impl Stream {
    fn is_between(&self, segment: &Segment) -> Option<Dir> {
        if (segment.from, segment.to) == (self.initiator, self.target) {
            return Some(Dir::Out);
        }
        ((segment.from, segment.to) == (self.target, self.initiator)).then_some(Dir::In)
    }
}

impl Half {
    fn take(&mut self, dir: Dir, segment: Segment, tell: &mut dyn FnMut(Piece)) {
        if segment.rst {
            if !std::mem::replace(&mut self.ended, true) {
                tell(Piece::Ended(dir, true));
            }
            return;
        }
        let next = *self.next.get_or_insert(segment.seq);
        // Serial numbers: what is more than half the circle ahead is behind.
        if segment.seq.wrapping_sub(next) as i32 > 0 {
            if !segment.payload.is_empty() || segment.fin {
                self.early.insert(segment.seq, segment);
            }
            return;
        }
        self.deliver(dir, segment, tell);
        while let Some(next) = self.next {
            let ready = self.early.values().find(|early| early.seq.wrapping_sub(next) as i32 <= 0);
            let Some(seq) = ready.map(|early| early.seq) else { return };
            if let Some(segment) = self.early.remove(&seq) {
                self.deliver(dir, segment, tell);
            }
        }
    }

    fn deliver(&mut self, dir: Dir, segment: Segment, tell: &mut dyn FnMut(Piece)) {
        let Some(next) = self.next else { return };
        let known = next.wrapping_sub(segment.seq) as usize;
        if let Some(new) = segment.payload.get(known..).filter(|new| !new.is_empty()) {
            self.next = Some(next.wrapping_add(u32::try_from(new.len()).unwrap_or(0)));
            tell(Piece::Bytes(dir, new.to_vec()));
        }
        if segment.fin && known <= segment.payload.len() && !std::mem::replace(&mut self.ended, true) {
            tell(Piece::Ended(dir, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: usize, out: bool, seq: u32, payload: &[u8]) -> Segment {
        let (one, other) =
            ("192.0.2.1:5000".parse().expect("an end"), "192.0.2.2:3260".parse().expect("an end"));
        let (from, to) = if out { (one, other) } else { (other, one) };
        let payload = payload.to_vec();
        Segment {
            number,
            from,
            to,
            seq,
            syn: false,
            ack: true,
            fin: false,
            rst: false,
            payload,
            is_cut: false,
        }
    }

    fn opened(first: u32) -> Vec<Segment> {
        let syn = Segment { syn: true, ack: false, ..segment(1, true, first, b"") };
        vec![syn, Segment { syn: true, ..segment(2, false, 9, b"") }]
    }

    fn out(pieces: &[(usize, Piece)]) -> Vec<u8> {
        let bytes = pieces.iter().filter_map(|(_, piece)| match piece {
            Piece::Bytes(Dir::Out, bytes) => Some(bytes.clone()),
            _ => None,
        });
        bytes.flatten().collect()
    }

    #[test]
    fn segments_out_of_order_and_repeated_make_one_stream_across_the_wrap() {
        let first = u32::MAX - 2; // The data begins two bytes before the wrap.
        let at = |offset: u32| first.wrapping_add(1).wrapping_add(offset);
        let mut all = opened(first);
        all.extend([
            segment(3, true, at(3), b"def"),
            segment(4, true, at(0), b"abc"),
            segment(5, true, at(1), b"bcd"),
            segment(6, true, at(6), b"gh"),
            Segment { fin: true, ..segment(7, true, at(8), b"") },
        ]);
        let (streams, pieces) = streams(all);
        assert_eq!((streams.len(), streams[0].problem.clone()), (1, None));
        assert_eq!(out(&pieces), b"abcdefgh");
        assert_eq!(pieces.last(), Some(&(0, Piece::Ended(Dir::Out, false))));
    }

    #[test]
    fn a_gap_and_a_late_beginning_are_told() {
        let mut all = opened(99);
        all.extend([segment(3, true, 100, b"abc"), segment(4, true, 110, b"xyz")]);
        let (found, _) = streams(all);
        let problem = found[0].problem.clone().expect("a problem");
        assert_eq!(
            problem,
            "7 bytes of the initiator are missing before packet 4: the capture lost a segment"
        );
        let (found, _) = streams(vec![segment(1, false, 5, b"x")]);
        assert!(found[0].problem.as_ref().is_some_and(|problem| problem.contains("began before")));
    }
}
