//! What do the definitions alone say of an event?

use super::Findings;
use crate::trace::ProbeRecord;
use initiator_sim::codec::{Field, Kind, Shape, fields, lookup};
use initiator_sim::oracle::{ProbeDefinition, ProbeDefinitions};
use target_core::probe::{NAME_BYTES_MAX, Probe};

/// The numbers of `iscsiinfo_t`, in their order.
const MEMBERS: [&str; 8] =
    ["ii_lun", "ii_itt", "ii_ttt", "ii_cmdsn", "ii_statsn", "ii_datasn", "ii_datalen", "ii_flags"];

/// A CDB without an AHS.
const CDB_BYTES: u64 = 16;

/// What the definitions say of one member.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// Always this.
    Fixed(u64),
    /// Of the PDU; what it is only the wire knows.
    Wire,
    /// The LUN of the command.
    CommandLun,
    /// One of the two, decided by a bit of ii_flags.
    If { bit: Field, then: Option<u64>, otherwise: Option<u64> },
}

/// What is fixed for one probe.
#[derive(Clone, Debug)]
struct Rule {
    sources: [Source; 8],
    /// Bits of byte 1 that have a name in this PDU.
    named: u32,
    /// Bits that are always set.
    set: u32,
    cmd: bool,
}

/// The rules of all probes.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn new(definitions: &ProbeDefinitions) -> Result<Self, String> {
        definitions.check().map_err(|error| error.to_string())?;
        let rule = |probe: Probe| {
            let definition = definitions.probes.iter().find(|definition| definition.name == probe.name());
            definition.ok_or_else(|| probe.name().to_owned()).and_then(Rule::new)
        };
        Probe::ALL.into_iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    fn of(&self, probe: Probe) -> Option<&Rule> {
        self.0.get(probe as usize)
    }

    /// True if the probe carries the LUN of the command it belongs to.
    pub(super) fn has_command_lun(&self, probe: Probe) -> bool {
        self.of(probe).is_some_and(|rule| matches!(rule.sources[0], Source::CommandLun))
    }

    pub(super) fn check(&self, event: &ProbeRecord, found: &mut Findings) {
        let Some(rule) = self.of(event.probe) else { return };
        for ((member, source), value) in MEMBERS.into_iter().zip(rule.sources).zip(numbers(event)) {
            let fixed = match source {
                Source::Fixed(value) => Some(value),
                Source::If { bit, then, otherwise } => {
                    if bit.value(&header(event.ii_flags)).unwrap_or(0) != 0 { then } else { otherwise }
                }
                Source::Wire | Source::CommandLun => None,
            };
            if let Some(fixed) = fixed {
                found.want(value == fixed, member, || {
                    format!("{value:#x}, by the definitions it is {fixed:#x}")
                });
            }
        }
        let flags = event.ii_flags;
        found.want(flags & !rule.named == 0, "ii_flags", || {
            format!("{flags:#x} has bits that this PDU has not ({:#x})", flags & !rule.named)
        });
        found
            .want(flags & rule.set == rule.set, "ii_flags", || format!("{flags:#x} without {:#x}", rule.set));
        cdb(rule, event, found);
        strings(event, found);
    }
}

impl Rule {
    fn new(definition: &ProbeDefinition) -> Result<Self, String> {
        let kind = Kind::of_opcode(definition.opcode).ok_or_else(|| definition.name.clone())?;
        let mut sources = [Source::Wire; 8];
        for (source, member) in sources.iter_mut().zip(MEMBERS) {
            *source = Source::new(kind, definition.info.get(member).map_or("", String::as_str));
        }
        let bits = |field: &Field| match field.shape {
            Shape::Bits { first, len } if field.byte == 1 => {
                Some((0xff_u32 >> (8 - len)) << (8 - first - len))
            }
            _ => None,
        };
        let named = fields(kind).iter().filter_map(bits).fold(0, |all, bits| all | bits);
        // Bit 0 is 1 in these, whether or not it has a name (RFC 7143 11).
        let set = match kind {
            Kind::AsyncMessage | Kind::R2T | Kind::NopIn | Kind::NopOut | Kind::LogoutRequest => 0x80,
            Kind::LogoutResponse | Kind::ScsiResponse | Kind::TaskRequest | Kind::TaskResponse => 0x80,
            _ => 0,
        };
        Ok(Self { sources, named: named | set, set, cmd: definition.cmd.is_some() })
    }
}

impl Source {
    /// The definitions were checked before: what is not understood here comes from the wire.
    fn new(kind: Kind, text: &str) -> Self {
        if let Some((condition, branches)) = text.split_once('?') {
            let bit = lookup(Some(kind), condition.trim()).ok().filter(|field| field.byte == 1);
            return match (bit, branches.split_once(':')) {
                (Some(bit), Some((then, otherwise))) => {
                    Self::If { bit, then: number(then), otherwise: number(otherwise) }
                }
                _ => Self::Wire,
            };
        }
        match number(text) {
            Some(value) => Self::Fixed(value),
            None if text.trim() == "command.lun" => Self::CommandLun,
            None => Self::Wire,
        }
    }
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |digits| u64::from_str_radix(digits, 16).ok())
}

fn numbers(event: &ProbeRecord) -> [u64; 8] {
    [
        event.ii_lun,
        event.ii_itt.into(),
        event.ii_ttt.into(),
        event.ii_cmdsn.into(),
        event.ii_statsn.into(),
        event.ii_datasn.into(),
        event.ii_datalen.into(),
        event.ii_flags.into(),
    ]
}

/// A header of which only byte 1 is known.
fn header(flags: u32) -> [u8; 48] {
    let mut bhs = [0; 48];
    bhs[1] = flags.to_le_bytes()[0];
    bhs
}

fn cdb(rule: &Rule, event: &ProbeRecord, found: &mut Findings) {
    match (rule.cmd, event.ic_len, &event.ic_cdb) {
        (false, None, None) => {}
        (true, Some(len), Some(cdb)) => {
            found.want(len == cdb.len() as u64, "ic_len", || {
                format!("{len}, but there are {} bytes", cdb.len())
            });
            found.want((CDB_BYTES..=CDB_BYTES + 244).contains(&len), "ic_len", || {
                format!("{len} bytes are no CDB")
            });
        }
        _ => found.add("ic_cdb", "args[2] is there for scsi-command and for nothing else"),
    }
}

/// What holds for strings at any time.
fn strings(event: &ProbeRecord, found: &mut Findings) {
    use std::net::IpAddr;
    let mut protocols = Vec::new();
    for (member, text) in [("ci_local", &event.ci_local), ("ci_remote", &event.ci_remote)] {
        match text.parse::<IpAddr>() {
            Ok(ip) if ip.to_canonical() == ip => protocols.push(if ip.is_ipv4() { "ipv4" } else { "ipv6" }),
            Ok(_) => found.add(member, format!("{text:?} is an IPv4 address in IPv6 form")),
            Err(_) => found.add(member, format!("{text:?} is not a numeric address")),
        }
    }
    if protocols.iter().any(|protocol| event.ci_protocol != *protocol) {
        found.add(
            "ci_protocol",
            format!("{:?}, the addresses are of {}", event.ci_protocol, protocols.join(" and ")),
        );
    }
    for (member, name) in [("ii_target", &event.ii_target), ("ii_initiator", &event.ii_initiator)] {
        found.want(name.len() <= NAME_BYTES_MAX, member, || {
            format!("{} bytes are too many for a name", name.len())
        });
    }
}
