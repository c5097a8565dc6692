//! What do the bytes of a PDU mean? The PDUs of RFC 7143 section 11 as values. Knows nothing of state.
//!
//! Each PDU has a file of the same shape: what it is and its RFC section, its value with the place of each
//! field in the Basic Header Segment, the bits the RFC fixes, the codes only it uses, tests on literal bytes.
//! Three rules hold for all:
//!
//! * `parse` is total: any 48 bytes give a value. Reserved bits are ignored; whether a value is allowed is the
//!   judgement of whoever has the state to judge it.
//! * `emit` sets the opcode and the fixed bits, and leaves reserved bits 0.
//! * `parse(&x.emit()) == x`.
//!
//! Data segments are not part of these values: text is in [`text`], additional headers in [`ahs`].

pub mod ahs;
pub mod binary;
pub mod digest;
pub mod serial;
pub mod text;

mod async_message;
mod data_in;
mod data_out;
mod field;
mod login_request;
mod login_response;
mod logout_request;
mod logout_response;
mod lun;
mod nop_in;
mod nop_out;
mod opcode;
mod pdu;
mod r2t;
mod reject;
mod scsi_command;
mod scsi_response;
mod snack;
mod task_request;
mod task_response;
mod text_request;
mod text_response;

pub use async_message::{AsyncEvent, AsyncMessage};
pub use data_in::DataIn;
pub use data_out::DataOut;
pub use login_request::LoginRequest;
pub use login_response::{LoginResponse, LoginStatus};
pub use logout_request::{LogoutReason, LogoutRequest};
pub use logout_response::{LogoutResponse, LogoutResult};
pub use lun::Lun;
pub use nop_in::NopIn;
pub use nop_out::NopOut;
pub use opcode::{Opcode, data_segment_length, immediate, itt, total_ahs_length};
pub use r2t::R2t;
pub use reject::{Reject, RejectReason};
pub use scsi_command::{ScsiCommand, TaskAttribute};
pub use scsi_response::{ScsiResponse, ServiceResponse};
pub use snack::{Snack, SnackType};
pub use task_request::{TaskRequest, TmfFunction};
pub use task_response::{TaskResponse, TmfResponse};
pub use text_request::TextRequest;
pub use text_response::TextResponse;

pub(crate) use opcode::{set_data_segment_length, set_total_ahs_length, set_window};

/// Length of a Basic Header Segment.
pub const BHS_LEN: usize = 48;

/// The tag that stands for "none", as Initiator Task Tag (RFC 7143 11.2.1.8) and as Target Transfer Tag.
pub const RESERVED_TAG: u32 = 0xffff_ffff;

/// Longest data segment a header can announce, in bytes.
pub const DATA_SEGMENT_MAX: u32 = 0x00ff_ffff;

/// Which digests a PDU carries (RFC 7143 11.2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// CRC32C after the header segments.
    pub header: bool,
    /// CRC32C after a data segment that is not empty.
    pub data: bool,
}

/// Extends a CRC32C over more bytes: `(crc so far, bytes) -> crc`, starting with 0. Given by the driver, so
/// that it can use the processor's instruction.
pub type Crc32c = fn(u32, &[u8]) -> u32;

/// How many bytes of padding follow `len` bytes, so that what comes next starts at a 4-byte word (RFC 7143
/// 11.1).
pub const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

#[cfg(test)]
mod tests {
    #[test]
    fn padding_fills_the_word() {
        assert_eq!([0, 1, 2, 3, 4, 5].map(super::padding), [0, 3, 2, 1, 0, 3]);
    }
}
