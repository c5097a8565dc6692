//! Which numbers have names? Status codes, reasons, functions: readable in scenarios, shown in failure reports.

use initiator_sim::codec::Kind;

/// Names and their numbers.
pub type Names = &'static [(&'static str, u64)];

/// SCSI status (SAM-5 5.3.1).
pub static SCSI_STATUS: Names = &[
    ("GOOD", 0x00),
    ("CHECK_CONDITION", 0x02),
    ("CONDITION_MET", 0x04),
    ("BUSY", 0x08),
    ("RESERVATION_CONFLICT", 0x18),
    ("TASK_SET_FULL", 0x28),
    ("ACA_ACTIVE", 0x30),
    ("TASK_ABORTED", 0x40),
];

/// Response of a SCSI Response (RFC 7143 11.4.3).
static SCSI_RESPONSE: Names = &[("COMPLETED", 0), ("TARGET_FAILURE", 1)];

/// Reject reasons (RFC 7143 11.17.1).
static REJECT: Names = &[
    ("DATA_DIGEST_ERROR", 0x02),
    ("SNACK_REJECT", 0x03),
    ("PROTOCOL_ERROR", 0x04),
    ("COMMAND_NOT_SUPPORTED", 0x05),
    ("IMMEDIATE_COMMAND_REJECT", 0x06),
    ("TASK_IN_PROGRESS", 0x07),
    ("INVALID_DATA_ACK", 0x08),
    ("INVALID_PDU_FIELD", 0x09),
    ("LONG_OPERATION_REJECT", 0x0a),
    ("WAITING_FOR_LOGOUT", 0x0c),
];

/// Task management functions (RFC 7143 11.5.1, RFC 7144 6.3).
pub static TMF_FUNCTION: Names = &[
    ("ABORT_TASK", 1),
    ("ABORT_TASK_SET", 2),
    ("CLEAR_ACA", 3),
    ("CLEAR_TASK_SET", 4),
    ("LOGICAL_UNIT_RESET", 5),
    ("TARGET_WARM_RESET", 6),
    ("TARGET_COLD_RESET", 7),
    ("TASK_REASSIGN", 8),
    ("QUERY_TASK", 9),
    ("QUERY_TASK_SET", 10),
    ("I_T_NEXUS_RESET", 11),
    ("QUERY_ASYNC_EVENT", 12),
];

/// Task management responses (RFC 7143 11.6.1, RFC 7144 6.4.2).
pub static TMF_RESPONSE: Names = &[
    ("FUNCTION_COMPLETE", 0),
    ("TASK_DOES_NOT_EXIST", 1),
    ("LUN_DOES_NOT_EXIST", 2),
    ("TASK_STILL_ALLEGIANT", 3),
    ("REASSIGNMENT_NOT_SUPPORTED", 4),
    ("FUNCTION_NOT_SUPPORTED", 5),
    ("AUTHORIZATION_FAILED", 6),
    ("FUNCTION_SUCCEEDED", 7),
    ("FUNCTION_REJECTED", 255),
];

/// Logout reasons (RFC 7143 11.14.1).
pub static LOGOUT_REASON: Names =
    &[("CLOSE_SESSION", 0), ("CLOSE_CONNECTION", 1), ("REMOVE_FOR_RECOVERY", 2)];

/// Logout responses (RFC 7143 11.15.1).
pub static LOGOUT_RESPONSE: Names =
    &[("CLOSED", 0), ("CID_NOT_FOUND", 1), ("RECOVERY_NOT_SUPPORTED", 2), ("CLEANUP_FAILED", 3)];

/// Asynchronous events (RFC 7143 11.9.1).
static ASYNC_EVENT: Names = &[
    ("SCSI_ASYNC_EVENT", 0),
    ("REQUEST_LOGOUT", 1),
    ("DROP_CONNECTION", 2),
    ("DROP_SESSION", 3),
    ("REQUEST_NEGOTIATION", 4),
    ("TASKS_TERMINATED", 5),
];

/// Status-Class and Status-Detail of a login, as one number (RFC 7143 11.13.5).
pub static LOGIN_STATUS: Names = &[
    ("SUCCESS", 0x0000),
    ("TARGET_MOVED_TEMPORARILY", 0x0101),
    ("TARGET_MOVED_PERMANENTLY", 0x0102),
    ("INITIATOR_ERROR", 0x0200),
    ("AUTHENTICATION_FAILURE", 0x0201),
    ("AUTHORIZATION_FAILURE", 0x0202),
    ("NOT_FOUND", 0x0203),
    ("TARGET_REMOVED", 0x0204),
    ("UNSUPPORTED_VERSION", 0x0205),
    ("TOO_MANY_CONNECTIONS", 0x0206),
    ("MISSING_PARAMETER", 0x0207),
    ("CANNOT_INCLUDE_IN_SESSION", 0x0208),
    ("SESSION_TYPE_NOT_SUPPORTED", 0x0209),
    ("SESSION_DOES_NOT_EXIST", 0x020a),
    ("INVALID_DURING_LOGIN", 0x020b),
    ("TARGET_ERROR", 0x0300),
    ("SERVICE_UNAVAILABLE", 0x0301),
    ("OUT_OF_RESOURCES", 0x0302),
];

/// Task attributes (RFC 7143 11.3.1).
pub static TASK_ATTRIBUTE: Names =
    &[("UNTAGGED", 0), ("SIMPLE", 1), ("ORDERED", 2), ("HEAD_OF_QUEUE", 3), ("ACA", 4)];

/// Login stages (RFC 7143 11.12.3).
static STAGE: Names = &[("SECURITY", 0), ("OPERATIONAL", 1), ("FULL_FEATURE", 3)];

/// CHAP algorithms (RFC 7143 12.1.3).
pub static CHAP_ALGORITHM: Names = &[("md5", 5), ("sha1", 6), ("sha256", 7), ("sha3-256", 8)];

/// Sense keys (SPC-4 4.5.6).
pub static SENSE_KEY: Names = &[
    ("NO_SENSE", 0x0),
    ("RECOVERED_ERROR", 0x1),
    ("NOT_READY", 0x2),
    ("MEDIUM_ERROR", 0x3),
    ("HARDWARE_ERROR", 0x4),
    ("ILLEGAL_REQUEST", 0x5),
    ("UNIT_ATTENTION", 0x6),
    ("DATA_PROTECT", 0x7),
    ("BLANK_CHECK", 0x8),
    ("COPY_ABORTED", 0xa),
    ("ABORTED_COMMAND", 0xb),
    ("VOLUME_OVERFLOW", 0xd),
    ("MISCOMPARE", 0xe),
];

/// SNACK types (RFC 7143 11.16.1).
static SNACK_TYPE: Names = &[("DATA_R2T", 0), ("STATUS", 1), ("DATA_ACK", 2), ("RDATA", 3)];

/// The names that a field of a PDU has for its numbers.
pub fn of_field(kind: Kind, field: &str) -> Names {
    match (kind, field) {
        (Kind::ScsiResponse | Kind::DataIn, "Status") => SCSI_STATUS,
        (Kind::ScsiResponse, "Response") => SCSI_RESPONSE,
        (Kind::Reject, "Reason") => REJECT,
        (Kind::TaskRequest, "Function") => TMF_FUNCTION,
        (Kind::TaskResponse, "Response") => TMF_RESPONSE,
        (Kind::LogoutRequest, "Reason") => LOGOUT_REASON,
        (Kind::LogoutResponse, "Response") => LOGOUT_RESPONSE,
        (Kind::AsyncMessage, "AsyncEvent") => ASYNC_EVENT,
        (Kind::LoginResponse, "Status") => LOGIN_STATUS,
        (Kind::LoginRequest | Kind::LoginResponse, "CSG" | "NSG") => STAGE,
        (Kind::ScsiCommand, "ATTR") => TASK_ATTRIBUTE,
        (Kind::Snack, "Type") => SNACK_TYPE,
        _ => &[],
    }
}

/// The number of a name.
pub fn number(names: Names, name: &str) -> Option<u64> {
    names.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// The name of a number, with the number.
pub fn show(names: Names, number: u64) -> String {
    match names.iter().find(|(_, known)| *known == number) {
        Some((name, _)) => format!("{name} ({number:#04x})"),
        None if number > 9 => format!("{number} ({number:#x})"),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        let status = of_field(Kind::ScsiResponse, "Status");
        assert_eq!(number(status, "CHECK_CONDITION"), Some(2));
        assert_eq!(show(status, 2), "CHECK_CONDITION (0x02)");
        assert_eq!(show(&[], 300), "300 (0x12c)");
        assert!(of_field(Kind::NopIn, "Status").is_empty());
    }
}
