//! TCP segments of a capture file: pcapng or pcap, over the usual links.

use etherparse::{EtherType, NetSlice, SlicedPacket, TransportSlice};
use pcap_file::DataLink;
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use std::net::{IpAddr, SocketAddr};

/// One TCP segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The packet's number in the file, from 1.
    pub number: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// To whom.
    pub to: SocketAddr,
    /// Sequence number.
    pub seq: u32,
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// What it carries.
    pub payload: Vec<u8>,
    /// Part of the packet is not in the file.
    pub is_cut: bool,
}

const PCAPNG: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The TCP segments of a file, in its order. What is no TCP is passed over.
///
/// # Errors
/// It is no capture, or damaged.
pub fn segments(bytes: &[u8]) -> Result<Vec<Segment>, String> {
    let mut segments = Vec::new();
    let mut number = 0;
    if bytes.starts_with(&PCAPNG) {
        let mut reader = PcapNgReader::new(bytes).map_err(|error| error.to_string())?;
        let mut links: Vec<DataLink> = Vec::new();
        while let Some(block) = reader.next_block() {
            match block.map_err(|error| format!("after packet {number}: {error}"))? {
                Block::SectionHeader(_) => links.clear(),
                Block::InterfaceDescription(interface) => links.push(interface.linktype),
                Block::EnhancedPacket(packet) => {
                    number += 1;
                    let link = links.get(packet.interface_id as usize).copied();
                    let cut = packet.data.len() < packet.original_len as usize;
                    segments.extend(link.and_then(|link| segment(link, &packet.data, number, cut)));
                }
                Block::SimplePacket(packet) => {
                    number += 1;
                    let cut = packet.data.len() < packet.original_len as usize;
                    let link = links.first().copied();
                    segments.extend(link.and_then(|link| segment(link, &packet.data, number, cut)));
                }
                _ => {}
            }
        }
    } else {
        let mut reader = PcapReader::new(bytes).map_err(|error| format!("this is no capture: {error}"))?;
        let link = reader.header().datalink;
        while let Some(packet) = reader.next_packet() {
            let packet = packet.map_err(|error| format!("after packet {number}: {error}"))?;
            number += 1;
            let cut = packet.data.len() < packet.orig_len as usize;
            segments.extend(segment(link, &packet.data, number, cut));
        }
    }
    Ok(segments)
}

fn segment(link: DataLink, data: &[u8], number: usize, is_cut: bool) -> Option<Segment> {
    let packet = match link {
        DataLink::ETHERNET => SlicedPacket::from_ethernet(data),
        DataLink::RAW | DataLink::IPV4 | DataLink::IPV6 => SlicedPacket::from_ip(data),
        DataLink::LINUX_SLL => SlicedPacket::from_linux_sll(data),
        // The family stands in four bytes, in the order of whoever wrote them.
        DataLink::NULL | DataLink::LOOP => SlicedPacket::from_ip(data.get(4..)?),
        DataLink::Unknown(LINUX_SLL2) => {
            let kind = EtherType(u16::from_be_bytes([*data.first()?, *data.get(1)?]));
            SlicedPacket::from_ether_type(kind, data.get(20..)?)
        }
        _ => return None,
    };
    let packet = packet.ok()?;
    let (from, to) = match packet.net? {
        NetSlice::Ipv4(ip) => {
            (IpAddr::V4(ip.header().source_addr()), IpAddr::V4(ip.header().destination_addr()))
        }
        NetSlice::Ipv6(ip) => {
            (IpAddr::V6(ip.header().source_addr()), IpAddr::V6(ip.header().destination_addr()))
        }
        NetSlice::Arp(_) => return None,
    };
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
    Some(Segment {
        number,
        from: SocketAddr::new(from, tcp.source_port()),
        to: SocketAddr::new(to, tcp.destination_port()),
        seq: tcp.sequence_number(),
        syn: tcp.syn(),
        ack: tcp.ack(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        payload: tcp.payload().to_vec(),
        is_cut,
    })
}

/// Link type of captures on Linux' "any" device.
const LINUX_SLL2: u32 = 276;
