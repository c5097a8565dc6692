//! Does the target keep the rules of the login phase? (RFC 7143 6.3, 11.13)

use super::super::{Phase, Session};
use super::Violation;
use crate::codec::{Kind, Pdu};

/// What the audit remembers of a connection's login.
#[derive(Debug, Default)]
pub(in crate::initiator) struct LoginSeen {
    /// VersionMax and VersionActive of the first response.
    versions: Option<(u32, u32)>,
}

impl Session {
    /// Login PDUs and only those come during login (4.2.3.6-4).
    pub(super) fn phase_check(&self, conn: usize, kind: Kind, found: &mut Vec<Violation>) {
        let login = self.connections[conn].phase == Phase::Login;
        if login != (kind == Kind::LoginResponse) {
            let when = if login { "during" } else { "after" };
            found.push(Violation::must("rfc7143/4.2.3.6-4", format!("{kind} {when} the login")));
        }
    }

    pub(super) fn audit_login(&mut self, conn: usize, pdu: &Pdu, found: &mut Vec<Violation>) {
        let mut wrong = |rule, text: String| found.push(Violation::must(rule, text));
        let refused = pdu.word("StatusClass") != 0;
        let versions = (pdu.word("VersionMax"), pdu.word("VersionActive"));
        let first = *self.connections[conn].audit_login.versions.get_or_insert(versions);
        if !refused && first != versions {
            wrong("rfc7143/11.13.1-1", format!("versions {versions:?} after {first:?}"));
        }
        if pdu.flag("C") && pdu.flag("T") {
            wrong("rfc7143/11.13.7-1", "LoginResponse with C and T".to_owned());
        }
        let request = self.audit.headers.iter().rev().find(|bhs| Kind::of(bhs) == Some(Kind::LoginRequest));
        let Some(request) = request.map(|bhs| Pdu { bhs: *bhs, ahs: Vec::new(), data: bytes::Bytes::new() })
        else {
            return wrong("rfc7143/6.3-1", "LoginResponse without a request".to_owned());
        };
        if self.audit.tasks.remove(&request.itt()).is_none() {
            wrong("rfc7143/6.3-1", "LoginResponse, and no request is unanswered".to_owned());
        }
        for name in ["ITT", "ISID"] {
            let (asked, got) = (request.field(name), pdu.field(name));
            if asked != got {
                wrong("rfc7143/11.13", format!("{name} is {got:x?}, the request has {asked:x?}"));
            }
        }
        if refused {
            if pdu.word("StatusClass") == 1 && !pdu.data.windows(14).any(|w| w == b"TargetAddress=") {
                wrong("rfc7143/11.13.5-1", "redirected without a TargetAddress".to_owned());
            }
            return;
        }
        if pdu.field("CSG") != request.field("CSG") {
            wrong(
                "rfc7143/6.3",
                format!("CSG is {}, the request has {}", pdu.word("CSG"), request.word("CSG")),
            );
        }
        let (asked, granted) = (request.word("NSG"), pdu.word("NSG"));
        if pdu.flag("T") {
            if !request.flag("T") {
                wrong("rfc7143/11.13.6-2", "T is set and the request has it clear".to_owned());
            } else if granted > asked {
                wrong("rfc7143/6.3-9", format!("NSG is {granted}, the request has {asked}"));
            }
        } else if granted != 0 {
            wrong("rfc7143/10.7-4", format!("NSG is {granted} without T"));
        }
        if request.flag("C") && pdu.data_segment_length() != 0 {
            wrong("rfc7143/6.2-2", "a request with C was answered with text".to_owned());
        }
        let (tsih, asked) = (pdu.word("TSIH"), request.word("TSIH"));
        let last = pdu.flag("T") && granted == 3;
        if asked != 0 && tsih != asked {
            wrong("rfc7143/11.13.3", format!("TSIH is {tsih}, the request has {asked}"));
        } else if asked == 0 && last && tsih == 0 {
            wrong("rfc7143/11.13.3-1", "the final response of a new session has TSIH 0".to_owned());
        } else if asked == 0 && !last && tsih != 0 {
            wrong("rfc7143/11.13.3-1", format!("TSIH is {tsih} before the final response"));
        }
    }
}
