//! The sixteen probes of the `iscsi` provider: what fires and what it carries.
//!
//! The rules (which PDU is which probe, what each field holds) are those of the project's probe definitions, shipped as
//! data with the conformance crate. An event borrows everything, so firing one allocates nothing; with [`NullSink`] the
//! whole call compiles away.

use crate::wire::RESERVED_TAG;
use core::ffi::CStr;

/// One of the sixteen probes. A PDU's opcode alone decides which; Reject, SNACK and unknown opcodes have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the probe of that name")]
pub enum Probe {
    AsyncSend,
    LoginCommand,
    LoginResponse,
    LogoutCommand,
    LogoutResponse,
    DataReceive,
    DataRequest,
    DataSend,
    NopReceive,
    NopSend,
    ScsiCommand,
    ScsiResponse,
    TaskCommand,
    TaskResponse,
    TextCommand,
    TextResponse,
}

impl Probe {
    /// All sixteen, in the order of the definitions.
    pub const ALL: [Self; 16] = [
        Self::AsyncSend,
        Self::LoginCommand,
        Self::LoginResponse,
        Self::LogoutCommand,
        Self::LogoutResponse,
        Self::DataReceive,
        Self::DataRequest,
        Self::DataSend,
        Self::NopReceive,
        Self::NopSend,
        Self::ScsiCommand,
        Self::ScsiResponse,
        Self::TaskCommand,
        Self::TaskResponse,
        Self::TextCommand,
        Self::TextResponse,
    ];

    /// The probe's name as tracers see it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AsyncSend => "async-send",
            Self::LoginCommand => "login-command",
            Self::LoginResponse => "login-response",
            Self::LogoutCommand => "logout-command",
            Self::LogoutResponse => "logout-response",
            Self::DataReceive => "data-receive",
            Self::DataRequest => "data-request",
            Self::DataSend => "data-send",
            Self::NopReceive => "nop-receive",
            Self::NopSend => "nop-send",
            Self::ScsiCommand => "scsi-command",
            Self::ScsiResponse => "scsi-response",
            Self::TaskCommand => "task-command",
            Self::TaskResponse => "task-response",
            Self::TextCommand => "text-command",
            Self::TextResponse => "text-response",
        }
    }

    /// The probe of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|probe| probe.name() == name)
    }
}

/// Longest string a probe carries: an iSCSI name of 223 bytes (RFC 7143 4.2.7.1).
pub const NAME_BYTES_MAX: usize = 223;

/// A NUL-terminated, zero-padded string, made once (at login), so that a tracer may read the whole buffer.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeName([u8; NAME_BYTES_MAX + 1]);

impl ProbeName {
    /// The empty string: not known.
    pub const EMPTY: Self = Self([0; NAME_BYTES_MAX + 1]);

    /// `text` up to its first NUL, cut at a character boundary to 223 bytes.
    pub fn new(text: &str) -> Self {
        let text = text.split('\0').next().unwrap_or_default();
        let mut end = text.len().min(NAME_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut buffer = [0; NAME_BYTES_MAX + 1];
        if let (Some(to), Some(from)) = (buffer.get_mut(..end), text.as_bytes().get(..end)) {
            to.copy_from_slice(from);
        }
        Self(buffer)
    }

    /// The string. Never fails: the last byte of the buffer is always NUL.
    pub fn as_cstr(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or(c"")
    }

    /// The string as text.
    pub fn as_str(&self) -> &str {
        self.as_cstr().to_str().unwrap_or_default()
    }

    /// The whole buffer, zero-padded.
    pub const fn buffer(&self) -> &[u8; NAME_BYTES_MAX + 1] {
        &self.0
    }
}

impl core::fmt::Debug for ProbeName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// `args[0]`: the two ends of the connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnInfo<'a> {
    /// The target's address: numeric, no port, no brackets; a v4-mapped address is shown as IPv4.
    pub local: &'a ProbeName,
    /// The initiator's address, in the same form.
    pub remote: &'a ProbeName,
    /// `ipv4` or `ipv6`.
    pub protocol: &'a ProbeName,
}

/// `args[1]`: the PDU.
#[derive(Clone, Copy, Debug)]
pub struct IscsiInfo<'a> {
    /// Target name known to the connection at this moment; empty in a discovery session.
    pub target: &'a ProbeName,
    /// Initiator name known to the connection at this moment.
    pub initiator: &'a ProbeName,
    /// Logical unit, as [`Lun::probe_number`](crate::wire::Lun::probe_number) gives it.
    pub lun: u64,
    /// Initiator Task Tag.
    pub itt: u32,
    /// Target Transfer Tag; 0xffffffff where the PDU has none; the Referenced Task Tag of task-command.
    pub ttt: u32,
    /// CmdSN of an initiator PDU (0 for data-receive), ExpCmdSN of a target PDU.
    pub cmd_sn: u32,
    /// ExpStatSN of an initiator PDU, StatSN of a target PDU (0 for data-send without S).
    pub stat_sn: u32,
    /// DataSN, R2TSN or ExpDataSN, else 0.
    pub data_sn: u32,
    /// DataSegmentLength, without padding; 0 for R2T.
    pub data_len: u32,
    /// Byte 1 of the basic header.
    pub flags: u32,
}

/// `args[2]` of scsi-command: the whole CDB (16 bytes, or 16 and what an extended-CDB AHS adds).
#[derive(Clone, Copy, Debug)]
pub struct IscsiCmd<'a> {
    /// The bytes.
    pub cdb: &'a [u8],
}

/// One event: a PDU that came in whole and verified, or was serialised to go out.
#[derive(Clone, Copy, Debug)]
pub struct ProbeEvent<'a> {
    /// Which probe.
    pub probe: Probe,
    /// `args[0]`.
    pub conn: ConnInfo<'a>,
    /// `args[1]`.
    pub info: IscsiInfo<'a>,
    /// `args[2]`, of scsi-command only.
    pub cmd: Option<IscsiCmd<'a>>,
}

/// Where events go; called inline, so it must be quick and must not call back into the target.
pub trait ProbeSink {
    /// Takes one event.
    fn fire(&mut self, event: &ProbeEvent<'_>);

    /// False lets the core skip gathering the arguments.
    fn is_enabled(&self, probe: Probe) -> bool {
        let _ = probe;
        true
    }
}

/// No sink: costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl ProbeSink for NullSink {
    #[inline(always)]
    fn fire(&mut self, _: &ProbeEvent<'_>) {}

    #[inline(always)]
    fn is_enabled(&self, _: Probe) -> bool {
        false
    }
}

/// Two sinks in turn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tee<A, B>(pub A, pub B);

impl<A: ProbeSink, B: ProbeSink> ProbeSink for Tee<A, B> {
    fn fire(&mut self, event: &ProbeEvent<'_>) {
        if self.0.is_enabled(event.probe) {
            self.0.fire(event);
        }
        if self.1.is_enabled(event.probe) {
            self.1.fire(event);
        }
    }

    fn is_enabled(&self, probe: Probe) -> bool {
        self.0.is_enabled(probe) || self.1.is_enabled(probe)
    }
}

/// The members of an event that differ from PDU to PDU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    pub(crate) lun: u64,
    pub(crate) itt: u32,
    pub(crate) ttt: u32,
    pub(crate) cmd_sn: u32,
    pub(crate) stat_sn: u32,
    pub(crate) data_sn: u32,
    pub(crate) data_len: u32,
}

impl Default for Fields {
    fn default() -> Self {
        Self { lun: 0, itt: RESERVED_TAG, ttt: RESERVED_TAG, cmd_sn: 0, stat_sn: 0, data_sn: 0, data_len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for probe in Probe::ALL {
            assert_eq!(Probe::from_name(probe.name()), Some(probe));
        }
        assert_eq!(Probe::from_name("scsi__command"), None);
    }

    #[test]
    fn a_long_name_is_cut_between_characters_and_padded() {
        let long = "é".repeat(112);
        let name = ProbeName::new(&long);
        assert_eq!(name.as_str().len(), 222);
        assert_eq!(name.buffer()[222..], [0, 0]);
        assert_eq!(ProbeName::new("a\0b").as_str(), "a");
    }
}
