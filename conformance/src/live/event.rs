//! How does one event lie in the ring, and what does it say?

use crate::trace::ProbeRecord;
use target_core::probe::Probe;

/// Offsets and sizes in a record of the ring; the program writes by them, [`Raw`] reads by them.
pub(super) mod layout {
    pub(in crate::live) const TIME: i16 = 0;
    pub(in crate::live) const THREAD: i16 = 8;
    pub(in crate::live) const PROBE: i16 = 16;
    /// A bit for each part that could not be read.
    pub(in crate::live) const FAULTS: i16 = 24;
    /// `conninfo_t`, as it was.
    pub(in crate::live) const CONN: i16 = 32;
    pub(in crate::live) const CONN_SIZE: i16 = 24;
    /// `iscsiinfo_t`, as it was.
    pub(in crate::live) const INFO: i16 = 56;
    pub(in crate::live) const INFO_SIZE: i16 = 56;
    const ADDRESS_SIZE: i16 = 48;
    const PROTOCOL_SIZE: i16 = 8;
    const NAME_SIZE: i16 = 224;
    pub(in crate::live) const LOCAL: i16 = 112;
    pub(in crate::live) const REMOTE: i16 = LOCAL + ADDRESS_SIZE;
    pub(in crate::live) const PROTOCOL: i16 = REMOTE + ADDRESS_SIZE;
    pub(in crate::live) const TARGET: i16 = PROTOCOL + PROTOCOL_SIZE;
    pub(in crate::live) const INITIATOR: i16 = TARGET + NAME_SIZE;
    /// An event without args\[2\] ends here.
    pub(in crate::live) const SIZE: i16 = INITIATOR + NAME_SIZE;
    /// `iscsicmd_t`, as it was.
    pub(in crate::live) const CMD: i16 = SIZE;
    pub(in crate::live) const CMD_SIZE: i16 = 16;
    /// The CDB: 16 bytes and what an AHS adds, at most 260 by SPC.
    pub(in crate::live) const CDB: i16 = CMD + CMD_SIZE;
    pub(in crate::live) const CDB_SIZE: i16 = 272;
    pub(in crate::live) const SIZE_WITH_CDB: i16 = CDB + CDB_SIZE;

    /// Of each string: where its pointer is in the record, where it goes, and how much room it has there.
    pub(in crate::live) const STRINGS: [(i16, i16, i16); 5] = [
        (CONN, LOCAL, ADDRESS_SIZE),
        (CONN + 8, REMOTE, ADDRESS_SIZE),
        (CONN + 16, PROTOCOL, PROTOCOL_SIZE),
        (INFO, TARGET, NAME_SIZE),
        (INFO + 8, INITIATOR, NAME_SIZE),
    ];
}

/// What a fault bit stands for, with and without args\[2\].
const PARTS_WITH_CDB: [&str; 9] = [
    "args[0]",
    "args[1]",
    "args[2]",
    "ci_local",
    "ci_remote",
    "ci_protocol",
    "ii_target",
    "ii_initiator",
    "ic_cdb",
];
const PARTS: [&str; 7] =
    ["args[0]", "args[1]", "ci_local", "ci_remote", "ci_protocol", "ii_target", "ii_initiator"];

/// One event as it came out of the ring.
#[derive(Debug)]
pub(super) struct Raw {
    /// Nanoseconds of the system's monotonic clock.
    pub(super) time_ns: u64,
    pub(super) pid: u32,
    /// Where the connection's strings are in the traced process: the same for all events of a connection.
    pub(super) strings: u64,
    /// Members that the kernel could not read, if any.
    pub(super) unreadable: Vec<&'static str>,
    pub(super) event: ProbeRecord,
}

impl Raw {
    /// Reads a record; `None` if it is none of ours.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let at = |offset: i16| usize::try_from(offset).ok();
        let word = |offset: i16| {
            let from = at(offset)?;
            Some(u64::from_ne_bytes(bytes.get(from..from + 8)?.try_into().ok()?))
        };
        let half = |offset: i16| {
            let from = at(layout::INFO + offset)?;
            Some(u32::from_ne_bytes(bytes.get(from..from + 4)?.try_into().ok()?))
        };
        let faults = word(layout::FAULTS)?;
        let has_cdb = bytes.len() >= at(layout::SIZE_WITH_CDB)?;
        let names: &[&str] = if has_cdb { &PARTS_WITH_CDB } else { &PARTS };
        let unreadable: Vec<_> =
            (0..).zip(names).filter(|(bit, _)| faults >> bit & 1 == 1).map(|(_, name)| *name).collect();
        let text = |n: usize| {
            let (_, to, len) = layout::STRINGS[n];
            let bytes = bytes.get(at(to)?..at(to)? + at(len)?)?;
            let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
            Some(String::from_utf8_lossy(text).into_owned())
        };
        let probe = usize::try_from(word(layout::PROBE)?).ok().and_then(|n| Probe::ALL.get(n).copied())?;
        let (mut ic_len, mut ic_cdb) = (None, None);
        if has_cdb {
            let len = word(layout::CMD)?;
            let kept = usize::try_from(len).ok()?.min(at(layout::CDB_SIZE)?);
            ic_len = Some(len);
            ic_cdb = Some(bytes.get(at(layout::CDB)?..at(layout::CDB)? + kept)?.to_vec());
        }
        Some(Self {
            time_ns: word(layout::TIME)?,
            pid: u32::try_from(word(layout::THREAD)? >> 32).ok()?,
            strings: word(layout::CONN)?,
            unreadable,
            event: ProbeRecord {
                probe,
                ci_local: text(0)?,
                ci_remote: text(1)?,
                ci_protocol: text(2)?,
                ii_target: text(3)?,
                ii_initiator: text(4)?,
                ii_lun: word(layout::INFO + 16)?,
                ii_itt: half(24)?,
                ii_ttt: half(28)?,
                ii_cmdsn: half(32)?,
                ii_statsn: half(36)?,
                ii_datasn: half(40)?,
                ii_datalen: half(44)?,
                ii_flags: half(48)?,
                ic_len,
                ic_cdb,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: i16, probe: u64) -> Vec<u8> {
        let mut bytes = vec![0; size as usize];
        let mut put =
            |at: i16, value: &[u8]| bytes[at as usize..at as usize + value.len()].copy_from_slice(value);
        put(layout::TIME, &77_u64.to_ne_bytes());
        put(layout::THREAD, &((5_u64 << 32) | 6).to_ne_bytes());
        put(layout::PROBE, &probe.to_ne_bytes());
        put(layout::CONN, &0xabc_u64.to_ne_bytes());
        put(layout::REMOTE, b"192.0.2.9\0rest");
        put(layout::INITIATOR, &[b'i'; 223]);
        put(layout::INFO + 16, &(1_u64 << 40).to_ne_bytes());
        put(layout::INFO + 48, &0x81_u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_record_says_what_the_structs_said() {
        let mut bytes = record(layout::SIZE_WITH_CDB, 10);
        bytes[layout::CMD as usize] = 16;
        bytes[layout::CDB as usize] = 0x28;
        let raw = Raw::parse(&bytes).expect("is whole");
        assert_eq!((raw.time_ns, raw.pid, raw.strings), (77, 5, 0xabc));
        assert_eq!(raw.unreadable, [""; 0]);
        assert_eq!(
            (raw.event.probe, raw.event.ii_flags, raw.event.ii_lun),
            (Probe::ScsiCommand, 0x81, 1 << 40)
        );
        assert_eq!((raw.event.ci_remote.as_str(), raw.event.ii_initiator.len()), ("192.0.2.9", 223));
        assert_eq!(
            (raw.event.ic_len, raw.event.ic_cdb.map(|cdb| (cdb.len(), cdb[0]))),
            (Some(16), Some((16, 0x28)))
        );
        assert!(Raw::parse(&bytes[..20]).is_none());
        assert!(Raw::parse(&record(layout::SIZE, 16)).is_none(), "there are sixteen");
    }

    #[test]
    fn what_could_not_be_read_is_named() {
        let mut bytes = record(layout::SIZE, 0);
        bytes[layout::FAULTS as usize] = 0b110_0000;
        assert_eq!(Raw::parse(&bytes).expect("is whole").unreadable, ["ii_target", "ii_initiator"]);
        let mut bytes = record(layout::SIZE_WITH_CDB, 10);
        bytes[layout::FAULTS as usize + 1] = 1;
        assert_eq!(Raw::parse(&bytes).expect("is whole").unreadable, ["ic_cdb"]);
    }
}
