//! What did a probe carry? An owned copy of every argument, under the provider's published names.

use super::hex;
use serde::{Deserialize, Serialize};
use target_core::probe::{Probe, ProbeEvent};

/// One probe event with all the members of its structs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeRecord {
    /// Which probe.
    #[serde(with = "probe_name")]
    pub probe: Probe,
    /// The target's address.
    pub ci_local: String,
    /// The initiator's address.
    pub ci_remote: String,
    /// `ipv4` or `ipv6`.
    pub ci_protocol: String,
    /// The target's name as far as the connection knew it.
    pub ii_target: String,
    /// The initiator's name as far as the connection knew it.
    pub ii_initiator: String,
    /// Logical unit.
    pub ii_lun: u64,
    /// Initiator Task Tag.
    pub ii_itt: u32,
    /// Target Transfer Tag; the Referenced Task Tag of task-command.
    pub ii_ttt: u32,
    /// CmdSN or ExpCmdSN.
    pub ii_cmdsn: u32,
    /// ExpStatSN or StatSN.
    pub ii_statsn: u32,
    /// DataSN, R2TSN or ExpDataSN.
    pub ii_datasn: u32,
    /// DataSegmentLength; 0 for R2T.
    pub ii_datalen: u32,
    /// Byte 1 of the basic header.
    pub ii_flags: u32,
    /// Length of the CDB in bytes; of scsi-command only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ic_len: Option<u64>,
    /// The CDB, in hexadecimal digits where it is text; of scsi-command only.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "hex::option")]
    pub ic_cdb: Option<Vec<u8>>,
}

impl From<&ProbeEvent<'_>> for ProbeRecord {
    fn from(event: &ProbeEvent<'_>) -> Self {
        Self {
            probe: event.probe,
            ci_local: event.conn.local.as_str().to_owned(),
            ci_remote: event.conn.remote.as_str().to_owned(),
            ci_protocol: event.conn.protocol.as_str().to_owned(),
            ii_target: event.info.target.as_str().to_owned(),
            ii_initiator: event.info.initiator.as_str().to_owned(),
            ii_lun: event.info.lun,
            ii_itt: event.info.itt,
            ii_ttt: event.info.ttt,
            ii_cmdsn: event.info.cmd_sn,
            ii_statsn: event.info.stat_sn,
            ii_datasn: event.info.data_sn,
            ii_datalen: event.info.data_len,
            ii_flags: event.info.flags,
            ic_len: event.cmd.map(|cmd| cmd.cdb.len() as u64),
            ic_cdb: event.cmd.map(|cmd| cmd.cdb.to_vec()),
        }
    }
}

mod probe_name {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use target_core::probe::Probe;

    pub(super) fn serialize<S: Serializer>(probe: &Probe, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(probe.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Probe, D::Error> {
        let name = String::deserialize(deserializer)?;
        Probe::from_name(&name).ok_or_else(|| D::Error::custom(format!("there is no probe {name:?}")))
    }
}
