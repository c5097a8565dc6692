//! How does a command go on when its data or its storage operation is there?
//!
//! [`WithData`] and [`AfterIo`] are the only state a command keeps between steps: one variant for each thing that can be
//! waited for. Adding a command adds variants here and their functions in its family's file.

use super::cdb::Cdb;
use super::outcome::{Failure, NexusId};
use super::sense::{Sense, code};
use super::server::{DeviceServer, Nexus};
use super::unit::{Extent, LogicalUnit, UnitKey};
use super::{
    atomic, buffer, copy, diagnostic, format, identifying, keep, medium, mode_select, persist, port_groups,
    priority, provisioning, read, ready, same, sanitize, timestamp, upkeep, verify, write,
};
use crate::io::{IoOp, SgList};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// What a handler says is next.
pub(super) enum Next {
    /// GOOD, with this data for the initiator.
    Done(SgList),
    /// Wants `len` bytes (at least 1) of Data-Out.
    DataOut { len: u32, then: WithData },
    /// Waits for something that is the unit's business.
    Wait(Wait),
    /// Wants a storage operation on the unit's device.
    Io { op: IoOp, then: AfterIo },
    /// Wants one on the device of another unit.
    Elsewhere { unit: UnitKey, op: IoOp, then: AfterIo },
}

impl Next {
    /// GOOD without data.
    pub(super) const GOOD: Self = Self::Done(SgList::new());

    /// GOOD with the first `allocation` bytes of `data` (SPC-4 4.2.5.6).
    pub(super) fn data(mut data: alloc::vec::Vec<u8>, allocation: u32) -> Self {
        data.truncate(usize::try_from(allocation).unwrap_or(usize::MAX));
        Self::Done(data.into())
    }
}

/// What a handler comes to.
pub(super) type Handled = Result<Next, Failure>;

/// The first step of a command, called from the table.
pub(super) type Handler = fn(&mut Context<'_>, Cdb<'_>) -> Handled;

/// What a handler can reach.
pub(super) struct Context<'a> {
    pub(super) server: &'a mut DeviceServer,
    pub(super) unit: Option<usize>,
    pub(super) nexus: NexusId,
    /// Data-Out that the initiator has, at the first step.
    pub(super) data_out: u32,
}

impl Context<'_> {
    /// The addressed logical unit.
    pub(super) fn unit(&mut self) -> Result<&mut LogicalUnit, Failure> {
        let at = self.unit.ok_or(code::LUN_NOT_SUPPORTED)?;
        self.server.unit(at).ok_or_else(|| code::LUN_NOT_SUPPORTED.into())
    }

    /// The blocks that a CDB names in its usual place, checked.
    pub(super) fn extent(&mut self, cdb: Cdb<'_>) -> Result<Extent, Failure> {
        let transfer_bytes = self.server.transfer_bytes;
        self.unit()?.extent(cdb.span(), transfer_bytes)
    }

    /// The nexus's ports; `None` only if the engine forgot to announce it.
    pub(super) fn ports(&self) -> Option<&Nexus> {
        self.server.nexus(self.nexus)
    }
}

/// What goes on at a unit whether or not the command is still there.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Upkeep has begun, so that no crash can make it be forgotten.
    Begun,
    /// Upkeep is over.
    Over,
    /// A change of registrations is kept.
    Saved,
}

impl Wait {
    /// It may have come.
    pub(super) fn proceed(self, context: &mut Context<'_>) -> Handled {
        match self {
            Self::Begun => upkeep::begun(context),
            Self::Over => upkeep::over(context),
            Self::Saved => keep::saved(context),
        }
    }
}

/// Waiting for Data-Out.
#[derive(Clone, Debug)]
pub(super) enum WithData {
    /// WRITE, WRITE AND VERIFY.
    Write(write::Job),
    /// VERIFY with BYTCHK.
    Verify(verify::Job),
    /// MODE SELECT: which header the list has, and whether to save the pages.
    ModeSelect { long_form: bool, save: bool },
    /// COMPARE AND WRITE, ORWRITE, XDWRITEREAD.
    Atomic(atomic::Job),
    /// WRITE SAME.
    WriteSame(same::Job),
    /// UNMAP.
    Unmap(provisioning::Job),
    /// FORMAT UNIT.
    Format(format::Job),
    /// SANITIZE, OVERWRITE.
    Sanitize(sanitize::Job),
    /// WRITE BUFFER.
    Buffer(buffer::Job),
    /// SEND DIAGNOSTIC.
    Diagnostic,
    /// SET TIMESTAMP.
    Timestamp,
    /// EXTENDED COPY: which form it has, and the length of its list.
    ExtendedCopy { short: bool, len: u32 },
    /// POPULATE TOKEN, WRITE USING TOKEN.
    Token(copy::Wanted),
    /// SET TARGET PORT GROUPS: the length of its list.
    PortGroups { len: u32 },
    /// SET IDENTIFYING INFORMATION, and its length.
    Names(identifying::Kind, u32),
    /// SET PRIORITY, and the length of its list.
    Priority(priority::Whose, u32),
    /// PERSISTENT RESERVE OUT.
    PersistOut(persist::Job),
}

impl WithData {
    pub(super) fn proceed(self, context: &mut Context<'_>, data: SgList) -> Handled {
        match self {
            Self::Write(job) => write::with_data(context, job, data),
            Self::Verify(job) => verify::with_data(context, job, data),
            Self::ModeSelect { long_form, save } => mode_select::with_data(context, long_form, save, &data),
            Self::Atomic(job) => atomic::with_data(context, job, data),
            Self::WriteSame(job) => same::with_data(context, job, &data),
            Self::Unmap(job) => provisioning::with_data(context, job, &data),
            Self::Format(job) => format::with_data(context, job, &data),
            Self::Sanitize(job) => sanitize::with_data(context, job, &data),
            Self::Buffer(job) => buffer::with_data(context, job, &data),
            Self::Diagnostic => diagnostic::with_data(&data),
            Self::ExtendedCopy { short, len } => copy::extended_with_data(context, short, len, &data),
            Self::Token(wanted) => copy::token_with_data(context, wanted, &data),
            Self::PortGroups { len } => port_groups::with_data(context, len, &data),
            Self::Names(kind, len) => identifying::with_data(context, kind, len, &data),
            Self::Priority(whose, len) => priority::with_data(context, whose, len, &data),
            Self::Timestamp => timestamp::with_data(context, &data),
            Self::PersistOut(job) => persist::with_data(context, job, &data),
        }
    }
}

/// Waiting for storage.
#[derive(Clone, Debug)]
pub(super) enum AfterIo {
    /// The operation was all there was to do.
    Good,
    /// The cache is flushed; now the blocks can be read from the medium.
    FlushedRead(Extent),
    /// The data read is the answer.
    Read(Extent),
    /// The medium is up to date; now check it.
    Check(verify::Check),
    /// The data read is to be held against what the initiator sent.
    Compare { extent: Extent, data: SgList, repeated: bool },
    /// The blocks that an atomic command is about.
    Judge { job: atomic::Job, data: SgList },
    /// An atomic command has written what it had to, and is under way until here; what it answers.
    Atomic { under_way: Arc<()>, answer: SgList },
    /// Blocks are unmapped; these are left.
    Unmapped(provisioning::Rest),
    /// Which blocks take space is the answer.
    Status { allocation: u32 },
    /// The cache is flushed; now the unit can stop.
    Stop,
    /// The cache is flushed; now the medium can be taken out.
    Eject,
    /// The cache is flushed; now the unit can go to that power condition.
    Standby(usize),
    /// A self-test of that code.
    SelfTest { code: u8 },
    /// Saved mode parameters are kept; now they are in force.
    ModesKept(Box<mode_select::Job>),
    /// A copy has read a piece.
    CopyRead(copy::Job),
    /// A copy has written a piece.
    CopyWritten(copy::Job),
}

impl AfterIo {
    pub(super) fn proceed(self, context: &mut Context<'_>, data: SgList) -> Handled {
        match self {
            Self::Good => Ok(Next::GOOD),
            Self::Atomic { under_way, answer } => {
                drop(under_way);
                Ok(Next::Done(answer))
            }
            Self::FlushedRead(extent) => {
                context.unit()?.still_there(extent)?;
                Ok(read::fetch(extent))
            }
            Self::Read(extent) => read::deliver(context, extent, data),
            Self::Check(check) => {
                context.unit()?.still_there(check.extent())?;
                Ok(check.begin())
            }
            Self::Compare { extent, data: expected, repeated } => {
                verify::compare(context, extent, &expected, repeated, &data)
            }
            Self::Judge { job, data: sent } => atomic::judge(context, job, &sent, &data),
            Self::Unmapped(rest) => provisioning::proceed(context, rest),
            Self::Status { allocation } => provisioning::deliver(context, allocation, &data),
            Self::Stop => ready::stop(context),
            Self::Eject => medium::eject(context),
            Self::Standby(condition) => ready::power_down(context, condition),
            Self::SelfTest { code } => diagnostic::self_test_done(context, code, None),
            Self::ModesKept(job) => mode_select::kept(context, *job),
            Self::CopyRead(job) => copy::read_done(context, job, data),
            Self::CopyWritten(job) => copy::written(context, job),
        }
    }

    /// The operation failed with that sense data.
    pub(super) fn failed(self, context: &mut Context<'_>, sense: Sense) -> Handled {
        match self {
            Self::SelfTest { code } => diagnostic::self_test_done(context, code, Some(sense)),
            Self::CopyRead(job) | Self::CopyWritten(job) => {
                copy::failed(context, &job, code::THIRD_PARTY_FAILURE.into())
            }
            _ => Err(sense.into()),
        }
    }
}
