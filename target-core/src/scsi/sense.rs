//! How does a device server say what went wrong? (SPC-4 4.5)
//!
//! [`Sense`] is the meaning; [`Sense::bytes`] lays it out in fixed (70h) or descriptor (72h) format.

/// Sense key, additional sense code and its qualifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SenseCode {
    /// SENSE KEY.
    pub key: u8,
    /// ADDITIONAL SENSE CODE.
    pub asc: u8,
    /// ADDITIONAL SENSE CODE QUALIFIER.
    pub ascq: u8,
}

/// Every code this target reports, with the key it goes with.
pub mod code {
    use super::SenseCode;

    const fn at(key: u8, asc: u8, ascq: u8) -> SenseCode {
        SenseCode { key, asc, ascq }
    }

    const NOT_READY: u8 = 0x2;
    const MEDIUM_ERROR: u8 = 0x3;
    const HARDWARE_ERROR: u8 = 0x4;
    const ILLEGAL_REQUEST: u8 = 0x5;
    const UNIT_ATTENTION: u8 = 0x6;
    const DATA_PROTECT: u8 = 0x7;
    const ABORTED_COMMAND: u8 = 0xb;
    const COPY_ABORTED_KEY: u8 = 0xa;
    const MISCOMPARE_KEY: u8 = 0xe;

    /// Nothing to report.
    pub const NO_SENSE: SenseCode = at(0, 0x00, 0x00);
    /// The storage is gone.
    pub const NOT_READY_CAUSE_UNKNOWN: SenseCode = at(NOT_READY, 0x04, 0x00);
    /// The access state of the target port is changing.
    pub const ACCESS_STATE_TRANSITION: SenseCode = at(NOT_READY, 0x04, 0x0a);
    /// The target port is in the standby state.
    pub const PORT_IN_STANDBY: SenseCode = at(NOT_READY, 0x04, 0x0b);
    /// The target port is in the unavailable state.
    pub const PORT_UNAVAILABLE: SenseCode = at(NOT_READY, 0x04, 0x0c);
    /// The target port is offline.
    pub const UNIT_OFFLINE: SenseCode = at(NOT_READY, 0x04, 0x12);
    /// FORMAT UNIT is at work.
    pub const FORMAT_IN_PROGRESS: SenseCode = at(NOT_READY, 0x04, 0x04);
    /// SANITIZE is at work.
    pub const SANITIZE_IN_PROGRESS: SenseCode = at(NOT_READY, 0x04, 0x1b);
    /// A FORMAT UNIT has failed, and none has succeeded since.
    pub const FORMAT_FAILED: SenseCode = at(MEDIUM_ERROR, 0x31, 0x01);
    /// A SANITIZE has failed, and nothing has ended that since.
    pub const SANITIZE_FAILED: SenseCode = at(MEDIUM_ERROR, 0x31, 0x03);
    /// The medium was taken out.
    pub const MEDIUM_NOT_PRESENT: SenseCode = at(NOT_READY, 0x3a, 0x00);
    /// PREVENT ALLOW MEDIUM REMOVAL is in effect.
    pub const MEDIUM_REMOVAL_PREVENTED: SenseCode = at(ILLEGAL_REQUEST, 0x53, 0x02);
    /// A medium was put in.
    pub const MEDIUM_MAY_HAVE_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x28, 0x00);
    /// The operator asks for the medium.
    pub const OPERATOR_ASKS_FOR_MEDIUM: SenseCode = at(UNIT_ATTENTION, 0x5a, 0x01);
    /// Stopped by START STOP UNIT.
    pub const START_REQUIRED: SenseCode = at(NOT_READY, 0x04, 0x02);
    /// A block could not be written.
    pub const WRITE_ERROR: SenseCode = at(MEDIUM_ERROR, 0x0c, 0x00);
    /// A block could not be read.
    pub const UNRECOVERED_READ_ERROR: SenseCode = at(MEDIUM_ERROR, 0x11, 0x00);
    /// Storage failed without a better reason, or did not keep its contract.
    pub const INTERNAL_TARGET_FAILURE: SenseCode = at(HARDWARE_ERROR, 0x44, 0x00);
    /// Blocks differ from what the initiator sent.
    pub const MISCOMPARE: SenseCode = at(MISCOMPARE_KEY, 0x1d, 0x00);
    /// The self-test found something.
    pub const SELF_TEST_FAILED: SenseCode = at(HARDWARE_ERROR, 0x3e, 0x03);
    /// Failures so far are a sign of more to come.
    pub const FAILURE_PREDICTED: SenseCode = at(UNIT_ATTENTION, 0x5d, 0x00);
    /// A failure was to be reported, though there is none (TEST of mode page 1Ch).
    pub const FAILURE_PREDICTION_TEST: SenseCode = at(UNIT_ATTENTION, 0x5d, 0xff);
    /// A third-party copy cannot go on, for a reason of its own.
    pub const COPY_ABORTED: SenseCode = at(COPY_ABORTED_KEY, 0x00, 0x00);
    /// A segment names a device that the list does not have.
    pub const UNREACHABLE_COPY_TARGET: SenseCode = at(COPY_ABORTED_KEY, 0x08, 0x04);
    /// Source or destination refused what the copy asked of it.
    pub const THIRD_PARTY_FAILURE: SenseCode = at(COPY_ABORTED_KEY, 0x0d, 0x01);
    /// There is no such device here.
    pub const COPY_TARGET_NOT_REACHABLE: SenseCode = at(COPY_ABORTED_KEY, 0x0d, 0x02);
    /// It is another kind of device than the list says.
    pub const INCORRECT_COPY_TARGET: SenseCode = at(COPY_ABORTED_KEY, 0x0d, 0x03);
    /// A list identifier stands for something that is still under way.
    pub const OPERATION_IN_PROGRESS: SenseCode = at(ILLEGAL_REQUEST, 0x00, 0x16);
    /// A token of another block length.
    pub const INVALID_TOKEN_OPERATION: SenseCode = at(ILLEGAL_REQUEST, 0x23, 0x00);
    /// A token of a type that is not known here.
    pub const UNSUPPORTED_TOKEN: SenseCode = at(ILLEGAL_REQUEST, 0x23, 0x01);
    /// A token that was never made here, or is forgotten.
    pub const TOKEN_UNKNOWN: SenseCode = at(ILLEGAL_REQUEST, 0x23, 0x04);
    /// The unit that a token stands for blocks of is gone.
    pub const TOKEN_REVOKED: SenseCode = at(ILLEGAL_REQUEST, 0x23, 0x06);
    /// More target (CSCD) descriptors than are taken.
    pub const TOO_MANY_CSCDS: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x06);
    /// A type of target (CSCD) descriptor that is not known here.
    pub const UNSUPPORTED_CSCD: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x07);
    /// More segment descriptors than are taken.
    pub const TOO_MANY_SEGMENTS: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x08);
    /// A type of segment descriptor that is not known here.
    pub const UNSUPPORTED_SEGMENT: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x09);
    /// Inline data, of which none is taken.
    pub const INLINE_DATA_EXCEEDED: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x0b);
    /// Too much to copy at once, or blocks of different lengths.
    pub const COPY_SEGMENT_GRANULARITY: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x0d);
    /// No room for one more copy.
    pub const INSUFFICIENT_RESOURCES: SenseCode = at(ILLEGAL_REQUEST, 0x55, 0x03);
    /// A parameter list ends in the middle of something.
    pub const PARAMETER_LIST_LENGTH: SenseCode = at(ILLEGAL_REQUEST, 0x1a, 0x00);
    /// No such command.
    pub const INVALID_OPCODE: SenseCode = at(ILLEGAL_REQUEST, 0x20, 0x00);
    /// Beyond the last block.
    pub const LBA_OUT_OF_RANGE: SenseCode = at(ILLEGAL_REQUEST, 0x21, 0x00);
    /// A field of the CDB has a value that is not allowed.
    pub const INVALID_FIELD_IN_CDB: SenseCode = at(ILLEGAL_REQUEST, 0x24, 0x00);
    /// No such logical unit.
    pub const LUN_NOT_SUPPORTED: SenseCode = at(ILLEGAL_REQUEST, 0x25, 0x00);
    /// A field of the parameter list has a value that is not allowed.
    pub const INVALID_FIELD_IN_PARAMETERS: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x00);
    /// RELEASE of a persistent reservation with another type than it has.
    pub const INVALID_RELEASE: SenseCode = at(ILLEGAL_REQUEST, 0x26, 0x04);
    /// Something must come first.
    pub const COMMAND_SEQUENCE: SenseCode = at(ILLEGAL_REQUEST, 0x2c, 0x00);
    /// No room for one more registration.
    pub const NO_REGISTRATION_RESOURCES: SenseCode = at(ILLEGAL_REQUEST, 0x55, 0x04);
    /// A task attribute that makes no sense here (SAM-5: ACA without an ACA condition).
    pub const INVALID_MESSAGE: SenseCode = at(ILLEGAL_REQUEST, 0x49, 0x00);
    /// A read-only logical unit.
    pub const WRITE_PROTECTED: SenseCode = at(DATA_PROTECT, 0x27, 0x00);
    /// SWP is set in the control mode page.
    pub const SOFTWARE_WRITE_PROTECTED: SenseCode = at(DATA_PROTECT, 0x27, 0x02);
    /// A thin device is full.
    pub const SPACE_ALLOCATION_FAILED: SenseCode = at(DATA_PROTECT, 0x27, 0x07);
    /// Given up on request, without a better reason.
    pub const ABORTED: SenseCode = at(ABORTED_COMMAND, 0x00, 0x00);
    /// Unsolicited data where none was agreed (RFC 7143 11.4.7.2).
    pub const UNEXPECTED_UNSOLICITED_DATA: SenseCode = at(ABORTED_COMMAND, 0x0c, 0x0c);
    /// The wrong amount of data (RFC 7143 11.4.7.2).
    pub const NOT_ENOUGH_UNSOLICITED_DATA: SenseCode = at(ABORTED_COMMAND, 0x0c, 0x0d);
    /// A digest error cost data (RFC 7143 11.4.7.2).
    pub const PROTOCOL_CRC_ERROR: SenseCode = at(ABORTED_COMMAND, 0x47, 0x05);
    /// A SNACK could not be served (RFC 7143 11.4.7.2).
    pub const SNACK_REJECTED: SenseCode = at(ABORTED_COMMAND, 0x11, 0x13);

    /// A nexus that is new to this logical unit.
    pub const POWER_ON_OR_RESET: SenseCode = at(UNIT_ATTENTION, 0x29, 0x00);
    /// LOGICAL UNIT RESET or a target reset.
    pub const BUS_DEVICE_RESET: SenseCode = at(UNIT_ATTENTION, 0x29, 0x03);
    /// The initiator port was here before and lost its session.
    pub const NEXUS_LOSS: SenseCode = at(UNIT_ATTENTION, 0x29, 0x07);
    /// Somebody else changed mode parameters.
    pub const MODE_PARAMETERS_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x01);
    /// Somebody else changed log parameters.
    pub const LOG_PARAMETERS_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x02);
    /// Somebody else cleared all registrations.
    pub const RESERVATIONS_PREEMPTED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x03);
    /// A reservation for registrants has ended.
    pub const RESERVATIONS_RELEASED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x04);
    /// Somebody else took the registration away.
    pub const REGISTRATIONS_PREEMPTED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x05);
    /// The access state of a target port group is another one now.
    pub const ACCESS_STATE_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x06);
    /// Somebody else set this nexus's priority.
    pub const PRIORITY_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x08);
    /// Somebody else set the identifying information.
    pub const IDENTIFIER_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x3f, 0x05);
    /// Somebody else set the clock.
    pub const TIMESTAMP_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x10);
    /// The device has another size now.
    pub const CAPACITY_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x2a, 0x09);
    /// Somebody else cleared this initiator's commands.
    pub const COMMANDS_CLEARED: SenseCode = at(UNIT_ATTENTION, 0x2f, 0x00);
    /// Commands were terminated by an iSCSI protocol event.
    pub const CLEARED_BY_PROTOCOL: SenseCode = at(UNIT_ATTENTION, 0x47, 0x7f);
    /// The list of logical units is another one now.
    pub const REPORTED_LUNS_CHANGED: SenseCode = at(UNIT_ATTENTION, 0x3f, 0x0e);
}

/// The field an ILLEGAL REQUEST is about (SPC-4 4.5.2.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// In the CDB; else in the parameter list.
    pub in_cdb: bool,
    /// Offset of its first byte.
    pub byte: u16,
    /// Its most significant bit in that byte, if it is smaller than the byte.
    pub bit: Option<u8>,
}

/// Sense data as meaning. [`Sense::NONE`] stands for no sense data at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sense {
    /// What happened.
    pub code: SenseCode,
    /// INFORMATION: an LBA or the offset of the first byte that differs.
    pub information: Option<u64>,
    /// Sense-key specific field pointer.
    pub field: Option<Field>,
    /// Sense-key specific progress indication, in 65536ths.
    pub progress: Option<u16>,
    /// Laid out in descriptor format (D_SENSE of the control mode page).
    pub descriptor: bool,
    present: bool,
}

impl Sense {
    /// No sense data.
    pub const NONE: Self = Self {
        code: code::NO_SENSE,
        information: None,
        field: None,
        progress: None,
        descriptor: false,
        present: false,
    };

    /// Sense data with that code and nothing more, in fixed format.
    pub const fn new(code: SenseCode) -> Self {
        Self { code, information: None, field: None, progress: None, descriptor: false, present: true }
    }

    /// INVALID FIELD IN CDB at `byte`, from `bit` downwards.
    pub const fn cdb_field(byte: u16, bit: Option<u8>) -> Self {
        Self { field: Some(Field { in_cdb: true, byte, bit }), ..Self::new(code::INVALID_FIELD_IN_CDB) }
    }

    /// INVALID FIELD IN PARAMETER LIST at `byte`, from `bit` downwards.
    pub const fn parameter_field(byte: u16, bit: Option<u8>) -> Self {
        Self {
            field: Some(Field { in_cdb: false, byte, bit }),
            ..Self::new(code::INVALID_FIELD_IN_PARAMETERS)
        }
    }

    /// The same with INFORMATION.
    pub const fn with_information(self, information: u64) -> Self {
        Self { information: Some(information), ..self }
    }

    /// The same with a progress indication.
    pub const fn with_progress(self, progress: u16) -> Self {
        Self { progress: Some(progress), ..self }
    }

    /// Sense-key specific bytes: a field pointer (SPC-4 4.5.2.4.2) or a progress indication (4.5.2.4.4).
    fn specific(&self) -> Option<[u8; 3]> {
        let progress = || {
            let [high, low] = self.progress?.to_be_bytes();
            Some([0x80, high, low])
        };
        self.field.map(Field::specific).or_else(progress)
    }

    /// The same in descriptor (`true`) or fixed format.
    pub const fn in_format(self, descriptor: bool) -> Self {
        Self { descriptor, ..self }
    }

    /// True if there is no sense data.
    pub const fn is_none(&self) -> bool {
        !self.present
    }

    /// The sense data as it goes on the wire (without the transport's SenseLength); empty for [`Sense::NONE`].
    pub fn bytes(&self) -> SenseBytes {
        let mut out = SenseBytes { buffer: [0; SenseBytes::LEN_MAX], len: 0 };
        if self.present {
            if self.descriptor { self.descriptors(&mut out) } else { self.fixed(&mut out) }
        }
        out
    }

    /// SPC-4 4.5.3: an INFORMATION that does not fit into 32 bits is left out, with VALID zero.
    fn fixed(&self, out: &mut SenseBytes) {
        let information = self.information.and_then(|value| u32::try_from(value).ok());
        out.push(&[0x70 | if information.is_some() { 0x80 } else { 0 }, 0, self.code.key]);
        out.push(&information.unwrap_or(0).to_be_bytes());
        out.push(&[10, 0, 0, 0, 0, self.code.asc, self.code.ascq, 0]);
        out.push(&self.specific().unwrap_or_default());
    }

    /// SPC-4 4.5.2: information descriptor (type 00h), sense key specific descriptor (type 02h).
    fn descriptors(&self, out: &mut SenseBytes) {
        let length =
            if self.information.is_some() { 12 } else { 0 } + if self.specific().is_some() { 8 } else { 0 };
        out.push(&[0x72, self.code.key, self.code.asc, self.code.ascq, 0, 0, 0, length]);
        if let Some(information) = self.information {
            out.push(&[0x00, 0x0a, 0x80, 0]);
            out.push(&information.to_be_bytes());
        }
        if let Some(specific) = self.specific() {
            out.push(&[0x02, 0x06, 0, 0]);
            out.push(&specific);
            out.push(&[0]);
        }
    }
}

impl From<SenseCode> for Sense {
    fn from(code: SenseCode) -> Self {
        Self::new(code)
    }
}

impl Field {
    /// SKSV, C/D, BPV, BIT POINTER and FIELD POINTER.
    const fn specific(self) -> [u8; 3] {
        let bit = match self.bit {
            Some(bit) => 0x08 | (bit & 0x07),
            None => 0,
        };
        let [high, low] = self.byte.to_be_bytes();
        [0x80 | if self.in_cdb { 0x40 } else { 0 } | bit, high, low]
    }
}

/// Sense data laid out; kept inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenseBytes {
    buffer: [u8; Self::LEN_MAX],
    len: usize,
}

impl SenseBytes {
    /// The longest there is: header and two descriptors.
    pub const LEN_MAX: usize = 28;

    fn push(&mut self, bytes: &[u8]) {
        for (to, from) in self.buffer.iter_mut().skip(self.len).zip(bytes) {
            *to = *from;
        }
        self.len = (self.len + bytes.len()).min(Self::LEN_MAX);
    }
}

impl core::ops::Deref for SenseBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_format_is_18_bytes() {
        let sense = Sense::new(code::UNRECOVERED_READ_ERROR).with_information(0x1234);
        assert_eq!(sense.bytes()[..], [0xf0, 0, 3, 0, 0, 0x12, 0x34, 10, 0, 0, 0, 0, 0x11, 0, 0, 0, 0, 0]);
        let far = Sense::new(code::UNRECOVERED_READ_ERROR).with_information(1 << 32);
        assert_eq!(far.bytes()[..8], [0x70, 0, 3, 0, 0, 0, 0, 10]);
        let field = Sense::cdb_field(7, Some(5));
        assert_eq!(field.bytes()[12..], [0x24, 0, 0, 0xcd, 0, 7]);
    }

    #[test]
    fn descriptor_format_holds_64_bits() {
        let sense = Sense::new(code::MISCOMPARE).with_information(1 << 40).in_format(true);
        assert_eq!(
            sense.bytes()[..],
            [0x72, 0xe, 0x1d, 0, 0, 0, 0, 12, 0, 0x0a, 0x80, 0, 0, 0, 1, 0, 0, 0, 0, 0]
        );
        let field = Sense::parameter_field(0x102, None).in_format(true);
        assert_eq!(field.bytes()[..], [0x72, 5, 0x26, 0, 0, 0, 0, 8, 2, 6, 0, 0, 0x80, 1, 2, 0]);
        let both = Sense::cdb_field(1, Some(0)).with_information(9).in_format(true);
        assert_eq!(both.bytes().len(), SenseBytes::LEN_MAX);
        assert!(Sense::NONE.bytes().is_empty());
    }
}
