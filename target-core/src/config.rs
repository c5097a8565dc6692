//! What a target is made of: names, logical units, credentials, what it offers in negotiation, limits and timers.
//!
//! Plain data without defaults that depend on the machine. [`Config::check`] says what is wrong with one.

mod check;

pub use check::{ConfigError, address_problem};

use crate::io::{DeviceId, Records};
use crate::session::params::TaskReporting;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

/// Most connections that a session may be configured to have.
pub const CONNECTIONS_MAX: u16 = 16;

/// Everything the core needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Config {
    /// The targets of this node, by distinct names.
    pub targets: Vec<TargetConfig>,
    /// Where initiators reach it; used for portal groups and for SendTargets answers.
    pub portals: Vec<PortalConfig>,
    /// Who may open a discovery session.
    pub discovery_auth: AuthConfig,
    /// What is offered or accepted at most in negotiation.
    pub offer: Offer,
    /// Bounds on memory and work.
    pub limits: Limits,
    /// Intervals and time-outs.
    pub timers: Timers,
}

/// One iSCSI target.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TargetConfig {
    /// iSCSI name (RFC 7143 4.2.7), normalised.
    pub name: String,
    /// TargetAlias; empty for none.
    pub alias: String,
    /// Its logical units, by distinct numbers.
    pub luns: Vec<LunConfig>,
    /// Who may log in.
    pub auth: AuthConfig,
    /// Names of initiators that may see it and log in; empty for all.
    pub initiators: Vec<String>,
    /// Send every login elsewhere (status 0101 or 0102).
    pub redirect: Option<Redirect>,
    /// Target Portal Group Tags of the portals it is reached through; empty for all.
    pub groups: Vec<u16>,
    /// Refuse TARGET WARM RESET and TARGET COLD RESET (response 6): they would hit everybody.
    pub refuse_resets: bool,
}

/// Target moved (RFC 7143 11.13.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Value of the TargetAddress key, `host[:port][,tag]`.
    pub address: String,
    /// Permanently (0102) or for now (0101).
    pub permanent: bool,
}

/// One portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortalConfig {
    /// Listening address; an unspecified IP stands for whichever address the initiator connected to.
    pub address: SocketAddr,
    /// Target Portal Group Tag.
    pub group: u16,
}

/// One logical unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LunConfig {
    /// Its number at the target, below 16384.
    pub lun: u16,
    /// The storage behind it.
    pub device: DeviceId,
    /// Logical block length in bytes: 512 or 4096.
    pub block_size: u32,
    /// Number of logical blocks, at least 1.
    pub blocks: u64,
    /// Refuse everything that would change the medium.
    pub read_only: bool,
    /// T10 vendor identification, at most 8 ASCII characters.
    pub vendor: String,
    /// Product identification, at most 16 ASCII characters.
    pub product: String,
    /// Product revision level, at most 4 ASCII characters.
    pub revision: String,
    /// Unit serial number (VPD 80, and the source of the designators of VPD 83), 1 to 36 ASCII characters.
    pub serial: String,
    /// The write-cache bit at start (mode page 08, WCE).
    pub write_cache: bool,
    /// How it differs from the usual disk.
    pub policy: UnitPolicy,
    /// Whether blocks that were never written take space, and can be let go of again.
    pub provisioning: Provisioning,
    /// The records that the device keeps, as they are now; `None` if it cannot keep any. They are looked at when the logical
    /// unit is new: what persistent reservations it comes with (APTPL), and whether its medium was being formatted or sanitized.
    pub kept: Option<Records>,
}

/// How a logical unit differs from the usual disk. The default is one that does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitPolicy {
    /// How many commands all nexuses together may have there at once; 0 for no limit but the window of each. More are told
    /// TASK SET FULL, or BUSY if their nexus has none there.
    pub queue_depth: u32,
    /// Access states of target port groups (portal groups) as the operator sets them; of those that are not named it is
    /// active/optimized. SET TARGET PORT GROUPS may say otherwise until this is changed.
    pub access: Vec<(u16, AccessState)>,
    /// How long a change of an access state takes.
    pub transition: Duration,
    /// The medium can be taken out (RMB), by START STOP UNIT with LOEJ and by the operator.
    pub removable: bool,
    /// The operator has taken the medium out, or asks for it where an initiator prevents that. Only of one that is removable.
    pub ejected: bool,
    /// Logical blocks of a physical block, as a power of two: 3 for 512-byte blocks on a medium of 4096; at most 7.
    pub physical_exponent: u8,
    /// What WRITE ATOMIC may write.
    pub atomic: AtomicWrites,
}

/// What the storage writes as a whole or not at all, also when the machine loses power (SBC-4 4.29). In logical blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtomicWrites {
    /// At most so many with one command; at least 1, which all storage must be able to.
    pub blocks: u32,
    /// The first one must be a multiple of this; at least 1.
    pub alignment: u32,
    /// Their number must be a multiple of this; at least 1.
    pub granularity: u32,
}

impl Default for AtomicWrites {
    fn default() -> Self {
        Self { blocks: 1, alignment: 1, granularity: 1 }
    }
}

impl AccessState {
    /// The states that can be set, by name.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("optimized", Self::ActiveOptimized),
        ("non_optimized", Self::ActiveNonOptimized),
        ("standby", Self::Standby),
        ("unavailable", Self::Unavailable),
        ("offline", Self::Offline),
    ];

    /// The state of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, state)| *state)
    }
}

/// How a logical unit can be used through a target port group (SPC-4 5.15.2.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum AccessState {
    /// 0h: the best way.
    #[default]
    ActiveOptimized = 0x0,
    /// 1h: a way.
    ActiveNonOptimized = 0x1,
    /// 2h: only what needs no medium.
    Standby = 0x2,
    /// 3h: hardly anything.
    Unavailable = 0x3,
    /// Eh: likewise, for longer.
    Offline = 0xe,
    /// Fh: on the way from one state to another; cannot be set.
    Transitioning = 0xf,
}

/// How a logical unit provides space for its blocks (SBC-3 4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Provisioning {
    /// Fully provisioned: every block has its place for good.
    Full,
    /// Thin: blocks take space when they are written, until they are unmapped; unmapped blocks read as zeros.
    #[default]
    Thin,
    /// Thin, and space can be kept for blocks that hold nothing.
    ThinAnchored,
}

/// How initiators prove who they are. Without credentials no proof is asked (AuthMethod=None).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AuthConfig {
    /// What an initiator may present with CHAP.
    pub credentials: Vec<Credential>,
    /// What the target presents if the initiator asks it to (mutual CHAP).
    pub mutual: Option<Credential>,
    /// Accepted CHAP algorithms in order of preference; empty stands for all four, strongest first.
    pub algorithms: Vec<ChapAlgorithm>,
}

/// A CHAP name and secret.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credential {
    /// CHAP_N.
    pub name: String,
    /// The shared secret.
    pub secret: Vec<u8>,
    /// Names of the initiators that may present it; empty for all (RFC 7143 9.2). Means nothing for the target's own.
    pub initiators: Vec<String>,
}

impl core::fmt::Debug for Credential {
    /// Shows the name, never the secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credential").field("name", &self.name).finish_non_exhaustive()
    }
}

/// CHAP algorithms by their IANA numbers (RFC 7143 12.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ChapAlgorithm {
    /// 5
    Md5 = 5,
    /// 6
    Sha1 = 6,
    /// 7
    Sha256 = 7,
    /// 8
    Sha3_256 = 8,
}

/// What the target offers or accepts at most for each key of RFC 7143 section 13.
///
/// The target answers proposals and makes none of its own: a key that the initiator does not bring up keeps the RFC's
/// default, except that a required digest is insisted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// HeaderDigest: accept CRC32C if the initiator prefers it; `false` answers None only.
    pub header_digest: DigestPolicy,
    /// DataDigest.
    pub data_digest: DigestPolicy,
    /// MaxConnections at most: 1 to [`CONNECTIONS_MAX`].
    pub max_connections: u16,
    /// InitialR2T: `true` insists.
    pub initial_r2t: bool,
    /// ImmediateData: `false` refuses.
    pub immediate_data: bool,
    /// MaxRecvDataSegmentLength that the target declares, 512 to 2^24-1.
    pub max_recv_data_segment_length: u32,
    /// How much X#NodeArchitecture tells, if it is declared.
    pub node_architecture: NodeArchitecture,
    /// MaxBurstLength at most.
    pub max_burst_length: u32,
    /// FirstBurstLength at most.
    pub first_burst_length: u32,
    /// DefaultTime2Wait at least.
    pub time2wait: u16,
    /// DefaultTime2Retain at most.
    pub time2retain: u16,
    /// MaxOutstandingR2T at most.
    pub max_outstanding_r2t: u16,
    /// DataPDUInOrder: `true` insists.
    pub data_pdu_in_order: bool,
    /// DataSequenceInOrder: `true` insists.
    pub data_sequence_in_order: bool,
    /// ErrorRecoveryLevel at most.
    pub error_recovery_level: u8,
    /// TaskReporting: this one and those that promise less.
    pub task_reporting: TaskReporting,
    /// iSCSIProtocolLevel at most: 1, or 2 for RFC 7144.
    pub protocol_level: u8,
}

/// How much the target tells of itself with X#NodeArchitecture (rfc7143/9.4-1, rfc7143/9.4-2): never anything that somebody
/// wrote (RFC 7143 13.26.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeArchitecture {
    /// Nothing: the key is not sent.
    Off,
    /// The name of this software.
    Name,
    /// Its name and version.
    NameAndVersion,
}

impl NodeArchitecture {
    /// Each with its name in configurations, from the one that tells least.
    pub const ALL: [(&str, Self); 3] =
        [("off", Self::Off), ("name", Self::Name), ("name-and-version", Self::NameAndVersion)];
}

/// Which values of a digest key the target takes, in the initiator's order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestPolicy {
    /// None and CRC32C.
    Either,
    /// Only CRC32C.
    Required,
    /// Only None.
    Refused,
}

impl Default for Offer {
    fn default() -> Self {
        Self {
            header_digest: DigestPolicy::Either,
            data_digest: DigestPolicy::Either,
            max_connections: 1,
            initial_r2t: false,
            immediate_data: true,
            max_recv_data_segment_length: 262_144,
            node_architecture: NodeArchitecture::Off,
            max_burst_length: 1_048_576,
            first_burst_length: 262_144,
            time2wait: 2,
            time2retain: 0,
            max_outstanding_r2t: 8,
            data_pdu_in_order: true,
            data_sequence_in_order: true,
            error_recovery_level: 0,
            task_reporting: TaskReporting::FastAbort,
            protocol_level: 2,
        }
    }
}

/// Bounds on what peers can make the target hold. Reaching one is answered, never ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections, logged in or not.
    pub connections: u32,
    /// Connections that have not finished their login; as many more may wait to be told that there is no room.
    pub half_open: u32,
    /// Sessions in all.
    pub sessions: u32,
    /// Sessions of one initiator name.
    pub sessions_per_initiator: u32,
    /// Non-immediate commands a session may have outstanding: the size of the CmdSN window.
    pub commands: u32,
    /// Immediate requests a connection may have outstanding.
    pub immediate: u32,
    /// Bytes of write data, read data and text a session may make the target hold; R2Ts wait, then reading pauses.
    pub held_bytes: u64,
    /// The same for all sessions together: each has an equal share of it, if that is less.
    pub memory_bytes: u64,
    /// Longest transfer of one command in bytes (VPD B0 MAXIMUM TRANSFER LENGTH follows from it).
    pub transfer_bytes: u32,
    /// Text bytes one negotiation may send, all PDUs together.
    pub text_bytes: u32,
    /// Keys one negotiation may send.
    pub text_keys: u32,
    /// Requests one negotiation may take.
    pub text_rounds: u32,
    /// Text bytes of one answer, all PDUs together; a longer SendTargets answer is refused, not cut.
    pub text_answer_bytes: u32,
    /// Unit attentions queued for one nexus and LUN.
    pub unit_attentions: u32,
    /// Persistent registrations at one logical unit.
    pub pr_registrations: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            half_open: 128,
            sessions: 512,
            sessions_per_initiator: 64,
            commands: 128,
            immediate: 32,
            held_bytes: 64 << 20,
            memory_bytes: 1 << 30,
            transfer_bytes: 16 << 20,
            text_bytes: 64 << 10,
            text_keys: 256,
            text_rounds: 64,
            text_answer_bytes: 4 << 20,
            unit_attentions: 32,
            pr_registrations: 128,
        }
    }
}

/// Intervals and time-outs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// From accepting a connection to the end of its login.
    pub login: Duration,
    /// Idle time after which the target sends a NOP-In ping; zero for never.
    pub nop_interval: Duration,
    /// Time the answer to a ping may take before the connection is dropped.
    pub nop_timeout: Duration,
    /// Time an initiator has to act on a logout request or to close after a logout response.
    pub logout: Duration,
    /// Time write data may fail to arrive before the task is terminated.
    pub data_out: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            login: Duration::from_secs(15),
            nop_interval: Duration::from_secs(30),
            nop_timeout: Duration::from_secs(30),
            logout: Duration::from_secs(15),
            data_out: Duration::from_secs(60),
        }
    }
}
