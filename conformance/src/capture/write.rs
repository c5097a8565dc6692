//! The pcapng file of a run.

use super::packet::Flow;
use super::{Ties, describe_fault, describe_probe};
use initiator_sim::clock::Nanos;
use initiator_sim::rng::Domain;
use initiator_sim::world::{Happened, Moment};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::{EnhancedPacketBlock, EnhancedPacketOption};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness, PcapError};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

const WIRE: u32 = 0;
const PDU: u32 = 1;
const LOST: u32 = 2;
/// Times are in nanoseconds.
const RESOLUTION: u8 = 9;
/// Readers refuse longer packets; only exported PDUs reach it, and lose the end of their data.
const PACKET_MAX: usize = 262_144;
/// What a comment can hold with room to spare.
const COMMENT_MAX: usize = 4096;

/// The capture of a run; `title` says which.
///
/// # Errors
/// The writer refuses, which is a mistake here.
pub fn pcapng(moments: &[Moment], title: &str) -> Result<Vec<u8>, String> {
    write(moments, title).map_err(|error| error.to_string())
}

fn write(moments: &[Moment], title: &str) -> Result<Vec<u8>, PcapError> {
    let mut section = SectionHeaderBlock { endianness: Endianness::Little, ..SectionHeaderBlock::default() };
    section.options.push(SectionHeaderOption::UserApplication("iscsi-lab".into()));
    section.options.push(SectionHeaderOption::Comment(title.to_owned().into()));
    let ends = moments.iter().filter_map(|moment| match &moment.what {
        Happened::Opened { conn, local, remote } => Some((*conn, (*local, *remote))),
        _ => None,
    });
    let mut file = File {
        writer: PcapNgWriter::with_section_header(Vec::new(), section)?,
        said: BTreeMap::new(),
        ends: ends.collect(),
    };
    file.interface("sim:wire", "what each side read, as TCP", DataLink::RAW)?;
    file.interface("sim:pdu", "PDUs at the target's socket", DataLink::WIRESHARK_UPPER_PDU)?;
    file.interface("sim:lost", "PDUs the middlebox dropped", DataLink::WIRESHARK_UPPER_PDU)?;
    let ties = Ties::of(moments);
    let mut pdus = ties.pdus.iter().peekable();
    let mut flows: BTreeMap<u32, Flow> = BTreeMap::new();
    for (at, moment) in moments.iter().enumerate() {
        file.moment(moment, &mut flows)?;
        while let Some(tied) = pdus.next_if(|tied| tied.moment == at) {
            if let Some((_, probe)) = tied.probe {
                file.say(Some(tied.conn), describe_probe(probe));
            }
            if let Some(flow) = flows.get(&tied.conn) {
                file.packet(PDU, Some(tied.conn), tied.at, &flow.exported(tied.cut.dir, &tied.cut.raw))?;
            }
        }
        for (_, probe) in ties.single.iter().filter(|(moment, _)| *moment == at) {
            file.say(Some(probe.conn), format!("{} (no PDU passed)", describe_probe(probe)));
        }
    }
    file.finish(moments.last().map_or(0, |moment| moment.at))
}

struct File {
    writer: PcapNgWriter<Vec<u8>>,
    /// Comments for the next packet of a connection, or of any.
    said: BTreeMap<Option<u32>, Vec<String>>,
    /// The target's and the initiator's address of each connection that was ever open.
    ends: BTreeMap<u32, (SocketAddr, SocketAddr)>,
}

impl File {
    fn interface(
        &mut self,
        name: &'static str,
        what: &'static str,
        linktype: DataLink,
    ) -> Result<(), PcapError> {
        let options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
            InterfaceDescriptionOption::IfDescription(Cow::Borrowed(what)),
            InterfaceDescriptionOption::IfTsResol(RESOLUTION),
        ];
        self.writer.write_pcapng_block(InterfaceDescriptionBlock { linktype, snaplen: 0, options })?;
        Ok(())
    }

    fn say(&mut self, conn: Option<u32>, text: String) {
        self.said.entry(conn).or_default().push(text);
    }

    fn moment(&mut self, moment: &Moment, flows: &mut BTreeMap<u32, Flow>) -> Result<(), PcapError> {
        let at = moment.at;
        match &moment.what {
            Happened::Opened { conn, local, remote } => {
                // On a real network the end of the earlier one would have come before, or be taken for the later one's.
                let earlier = flows.values_mut().filter(|flow| flow.is_between(*local, *remote));
                earlier.for_each(Flow::give_way);
                let flow = flows.entry(*conn).or_insert_with(|| Flow::new(*conn, *local, *remote));
                for packet in flow.open() {
                    self.packet(WIRE, Some(*conn), at, &packet)?;
                }
            }
            Happened::Received { conn, dir, bytes } => {
                for packet in flows.get_mut(conn).map(|flow| flow.data(*dir, bytes)).unwrap_or_default() {
                    self.packet(WIRE, Some(*conn), at, &packet)?;
                }
            }
            Happened::Ended { conn, dir, reset } => {
                if let Some(packet) = flows.get_mut(conn).and_then(|flow| flow.end(*dir, *reset)) {
                    self.packet(WIRE, Some(*conn), at, &packet)?;
                }
            }
            Happened::Lost { conn, dir, bytes } => {
                self.say(Some(*conn), "dropped by the middlebox".to_owned());
                // What is sent before the target's side is open may be lost too, and the opening never come.
                let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
                let (local, remote) = self.ends.get(conn).copied().unwrap_or((nowhere, nowhere));
                let packet = Flow::new(*conn, local, remote).exported(*dir, bytes);
                self.packet(LOST, Some(*conn), at, &packet)?;
            }
            Happened::Fault(fault) => {
                let of_network = matches!(fault.domain, Domain::NetOut | Domain::NetIn);
                self.say(of_network.then_some(fault.site.conn), describe_fault(fault));
            }
            Happened::Act { conn, text } => self.say(*conn, text.clone()),
            Happened::Violation(violation) => self.say(None, format!("FAILED {violation}")),
            Happened::DiskEnded { device, error: Some(error), .. } => {
                self.say(None, format!("disk {device}: {error}"));
            }
            Happened::Sent { .. }
            | Happened::Probe(_)
            | Happened::DiskBegan { .. }
            | Happened::DiskCancelled { .. }
            | Happened::DiskEnded { .. }
            | Happened::News(_) => {}
        }
        Ok(())
    }

    fn packet(
        &mut self,
        interface_id: u32,
        conn: Option<u32>,
        at: Nanos,
        data: &[u8],
    ) -> Result<(), PcapError> {
        let mut said = self.said.remove(&None).unwrap_or_default();
        said.extend(conn.and_then(|conn| self.said.remove(&Some(conn))).unwrap_or_default());
        let options = said.into_iter().map(|text| EnhancedPacketOption::Comment(cut(text).into())).collect();
        let held = data.get(..PACKET_MAX).unwrap_or(data);
        self.writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id,
            timestamp: Duration::from_nanos(at),
            original_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
            data: Cow::Borrowed(held),
            options,
        })?;
        Ok(())
    }

    /// What was said after the last packet belongs to the interface.
    fn finish(mut self, at: Nanos) -> Result<Vec<u8>, PcapError> {
        let left = std::mem::take(&mut self.said).into_values().flatten();
        let options: Vec<_> = left.map(|text| InterfaceStatisticsOption::Comment(cut(text).into())).collect();
        if !options.is_empty() {
            // The format has the high word first.
            let timestamp = at.rotate_left(32);
            self.writer.write_pcapng_block(InterfaceStatisticsBlock {
                interface_id: WIRE,
                timestamp,
                options,
            })?;
        }
        Ok(self.writer.into_inner())
    }
}

fn cut(mut text: String) -> String {
    if text.len() > COMMENT_MAX {
        let at = (0..=COMMENT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(at);
        text.push_str("...");
    }
    text
}
