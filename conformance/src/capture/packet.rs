//! Bytes of packets: IP and TCP with right checksums, and exported PDUs.

use etherparse::PacketBuilder;
use initiator_sim::net::Dir;
use std::net::{IpAddr, SocketAddr};

/// Longest piece of a stream in one packet: a jumbo frame's.
const SEGMENT_MAX: usize = 8960;
const WINDOW: u16 = u16::MAX;
const HOPS: u8 = 64;

/// What a packet says beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Syn,
    SynAck,
    Data,
    Fin,
    Reset,
}

/// One connection's numbers.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    /// The initiator's end, then the target's.
    ends: [SocketAddr; 2],
    /// Next sequence number of each direction.
    next: [u32; 2],
    ended: [bool; 2],
}

impl Flow {
    /// A connection; its first numbers depend on its ordinal alone.
    pub(super) fn new(conn: u32, local: SocketAddr, remote: SocketAddr) -> Self {
        let first = conn.wrapping_mul(0x0100_0000);
        Self {
            ends: [remote, local],
            next: [first.wrapping_add(1000), first.wrapping_add(2000)],
            ended: [false; 2],
        }
    }

    /// True if its ends are those of another connection.
    pub(super) fn is_between(&self, local: SocketAddr, remote: SocketAddr) -> bool {
        self.ends == [remote, local]
    }

    /// Nothing of it is shown any more: a later connection has its ports.
    pub(super) const fn give_way(&mut self) {
        self.ended = [true; 2];
    }

    /// The handshake.
    pub(super) fn open(&mut self) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        packets.extend(self.packet(Dir::Out, Sign::Syn, &[]));
        packets.extend(self.packet(Dir::In, Sign::SynAck, &[]));
        packets.extend(self.packet(Dir::Out, Sign::Data, &[]));
        packets
    }

    /// A piece of the stream.
    pub(super) fn data(&mut self, dir: Dir, bytes: &[u8]) -> Vec<Vec<u8>> {
        if self.ended[dir as usize] {
            return Vec::new();
        }
        bytes.chunks(SEGMENT_MAX).filter_map(|piece| self.packet(dir, Sign::Data, piece)).collect()
    }

    /// The end of one direction, once.
    pub(super) fn end(&mut self, dir: Dir, reset: bool) -> Option<Vec<u8>> {
        if std::mem::replace(&mut self.ended[dir as usize], true) {
            return None;
        }
        self.packet(dir, if reset { Sign::Reset } else { Sign::Fin }, &[])
    }

    fn packet(&mut self, dir: Dir, sign: Sign, payload: &[u8]) -> Option<Vec<u8>> {
        let (from, to) = self.sides(dir);
        let (seq, ack) = (self.next[dir as usize], self.next[1 - dir as usize]);
        let builder = match (from.ip(), to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS),
            (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), HOPS),
            _ => return None,
        };
        let tcp = builder.tcp(from.port(), to.port(), seq, WINDOW);
        let tcp = match sign {
            Sign::Syn => tcp.syn(),
            Sign::SynAck => tcp.syn().ack(ack),
            Sign::Data if payload.is_empty() => tcp.ack(ack),
            Sign::Data => tcp.psh().ack(ack),
            Sign::Fin => tcp.fin().ack(ack),
            Sign::Reset => tcp.rst().ack(ack),
        };
        let mut packet = Vec::with_capacity(tcp.size(payload.len()));
        tcp.write(&mut packet, payload).ok()?;
        let counts = u32::from(matches!(sign, Sign::Syn | Sign::SynAck | Sign::Fin));
        let len = u32::try_from(payload.len()).unwrap_or(0);
        self.next[dir as usize] = seq.wrapping_add(len).wrapping_add(counts);
        Some(packet)
    }

    const fn sides(&self, dir: Dir) -> (SocketAddr, SocketAddr) {
        match dir {
            Dir::Out => (self.ends[0], self.ends[1]),
            Dir::In => (self.ends[1], self.ends[0]),
        }
    }

    /// A PDU as an exported one: tags that say what it is and between whom, then its bytes.
    pub(super) fn exported(&self, dir: Dir, pdu: &[u8]) -> Vec<u8> {
        let (from, to) = self.sides(dir);
        let mut out = Vec::with_capacity(pdu.len() + 80);
        tag(&mut out, TAG_DISSECTOR, b"iscsi");
        for (end, v4, v6) in [(from, TAG_IPV4_SRC, TAG_IPV6_SRC), (to, TAG_IPV4_DST, TAG_IPV6_DST)] {
            match end.ip() {
                IpAddr::V4(ip) => tag(&mut out, v4, &ip.octets()),
                IpAddr::V6(ip) => tag(&mut out, v6, &ip.octets()),
            }
        }
        tag(&mut out, TAG_PORT_TYPE, &PORT_TYPE_TCP.to_be_bytes());
        tag(&mut out, TAG_SRC_PORT, &u32::from(from.port()).to_be_bytes());
        tag(&mut out, TAG_DST_PORT, &u32::from(to.port()).to_be_bytes());
        tag(&mut out, TAG_END, &[]);
        out.extend_from_slice(pdu);
        out
    }
}

const TAG_END: u16 = 0;
const TAG_DISSECTOR: u16 = 12;
const TAG_IPV4_SRC: u16 = 20;
const TAG_IPV4_DST: u16 = 21;
const TAG_IPV6_SRC: u16 = 22;
const TAG_IPV6_DST: u16 = 23;
const TAG_PORT_TYPE: u16 = 24;
const TAG_SRC_PORT: u16 = 25;
const TAG_DST_PORT: u16 = 26;
const PORT_TYPE_TCP: u32 = 2;

/// Tag, length, value; padded to words, the padding counted for strings.
fn tag(out: &mut Vec<u8>, tag: u16, value: &[u8]) {
    let padded = value.len().next_multiple_of(4);
    out.extend_from_slice(&tag.to_be_bytes());
    out.extend_from_slice(&u16::try_from(padded).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len() + padded - value.len(), 0);
}
