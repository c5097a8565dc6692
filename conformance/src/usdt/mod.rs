//! The sixteen probes as USDT probes: what a tracer attached to this process reads.
//!
//! A tracer gets up to three addresses: of a [`ConnInfoRepr`], an [`IscsiInfoRepr`] and, for scsi-command, an
//! [`IscsiCmdRepr`]. Linux has no translators, so layout and order of the members are the interface.

#[cfg(test)]
mod allocations;
pub mod notes;
mod provider;
mod semaphore;

use std::ffi::c_char;
use target_core::probe::{IscsiCmd, Probe, ProbeEvent, ProbeSink};

/// `conninfo_t`.
#[derive(Debug)]
#[repr(C)]
pub struct ConnInfoRepr {
    /// The target's address.
    pub ci_local: *const c_char,
    /// The initiator's address.
    pub ci_remote: *const c_char,
    /// `ipv4` or `ipv6`.
    pub ci_protocol: *const c_char,
}

/// `iscsiinfo_t`.
#[derive(Debug)]
#[repr(C)]
pub struct IscsiInfoRepr {
    /// Target name.
    pub ii_target: *const c_char,
    /// Initiator name.
    pub ii_initiator: *const c_char,
    /// Logical unit number.
    pub ii_lun: u64,
    /// Initiator Task Tag.
    pub ii_itt: u32,
    /// Target Transfer Tag.
    pub ii_ttt: u32,
    /// CmdSN or ExpCmdSN.
    pub ii_cmdsn: u32,
    /// ExpStatSN or StatSN.
    pub ii_statsn: u32,
    /// DataSN, R2TSN or ExpDataSN.
    pub ii_datasn: u32,
    /// DataSegmentLength.
    pub ii_datalen: u32,
    /// Byte 1 of the basic header.
    pub ii_flags: u32,
}

/// `iscsicmd_t`.
#[derive(Debug)]
#[repr(C)]
pub struct IscsiCmdRepr {
    /// Length of the CDB.
    pub ic_len: u64,
    /// Its bytes.
    pub ic_cdb: *const u8,
}

/// Fires the USDT probes. A probe that nobody traces costs a load, a compare and a branch.
#[derive(Clone, Copy, Debug)]
pub struct UsdtSink(());

impl UsdtSink {
    /// Makes the probes known to the system where that takes a call (illumos, FreeBSD, macOS; nothing on Linux).
    ///
    /// # Errors
    /// What the system said, for people.
    pub fn register() -> Result<Self, String> {
        usdt::register_probes().map_err(|error| error.to_string())?;
        // The semaphores that `is_enabled` reads are defined by the firing sites, so whatever can ask must link them.
        std::hint::black_box(provider::fire as fn(_, _, _, _));
        Ok(Self(()))
    }
}

impl ProbeSink for UsdtSink {
    fn fire(&mut self, event: &ProbeEvent<'_>) {
        let conn = ConnInfoRepr {
            ci_local: event.conn.local.buffer().as_ptr().cast(),
            ci_remote: event.conn.remote.buffer().as_ptr().cast(),
            ci_protocol: event.conn.protocol.buffer().as_ptr().cast(),
        };
        let info = IscsiInfoRepr {
            ii_target: event.info.target.buffer().as_ptr().cast(),
            ii_initiator: event.info.initiator.buffer().as_ptr().cast(),
            ii_lun: event.info.lun,
            ii_itt: event.info.itt,
            ii_ttt: event.info.ttt,
            ii_cmdsn: event.info.cmd_sn,
            ii_statsn: event.info.stat_sn,
            ii_datasn: event.info.data_sn,
            ii_datalen: event.info.data_len,
            ii_flags: event.info.flags,
        };
        let cdb = event.cmd.map_or(&[][..], |IscsiCmd { cdb }| cdb);
        let cmd = IscsiCmdRepr { ic_len: cdb.len() as u64, ic_cdb: cdb.as_ptr() };
        provider::fire(event.probe, &conn, &info, &cmd);
    }

    #[inline]
    fn is_enabled(&self, probe: Probe) -> bool {
        semaphore::is_enabled(probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{offset_of, size_of};

    #[test]
    fn the_layout_is_the_published_one() {
        assert_eq!(size_of::<ConnInfoRepr>(), 24);
        assert_eq!(offset_of!(ConnInfoRepr, ci_local), 0);
        assert_eq!(offset_of!(ConnInfoRepr, ci_remote), 8);
        assert_eq!(offset_of!(ConnInfoRepr, ci_protocol), 16);
        assert_eq!(size_of::<IscsiInfoRepr>(), 56);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_target), 0);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_initiator), 8);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_lun), 16);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_itt), 24);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_ttt), 28);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_cmdsn), 32);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_statsn), 36);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_datasn), 40);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_datalen), 44);
        assert_eq!(offset_of!(IscsiInfoRepr, ii_flags), 48);
        assert_eq!(size_of::<IscsiCmdRepr>(), 16);
        assert_eq!(offset_of!(IscsiCmdRepr, ic_len), 0);
        assert_eq!(offset_of!(IscsiCmdRepr, ic_cdb), 8);
    }

    #[test]
    fn nothing_is_enabled_while_nobody_traces() {
        let sink = UsdtSink::register().expect("Linux needs no registration");
        assert!(Probe::ALL.into_iter().all(|probe| !sink.is_enabled(probe)));
    }
}
