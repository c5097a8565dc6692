//! Tests of iscsi-test-cu that a correct target cannot pass: which, by what clause, and the PDUs that show it.
//!
//! An excuse is no comment. Each of these tests is run again under a capture, and the PDUs named here must be found in it,
//! in that order; the whole exchange stays in `target/live/excused-TEST.txt`. A test that passes needs no excuse, and
//! then the suite fails until the excuse is gone.

use crate::capture::Capture;
use crate::harness::{Serve, folder};
use crate::suite::run_test;
use crate::verdict::{Verdict, judge};
use std::fs;

/// One excuse.
pub struct Excuse {
    /// FAMILY.TEST.
    pub test: &'static str,
    /// What the standards say.
    pub clause: &'static str,
    /// What the test expects instead.
    pub expects: &'static str,
    /// The one assertion that fails; none other may.
    pub says: &'static str,
    /// Lines of Wireshark's rendering, to be found in this order.
    pub pdus: &'static [&'static str],
}

/// Those of libiscsi 1.19.
pub const EXCUSED: &[Excuse] = &[Excuse {
    test: "iSCSITMF.LUNResetSimpleAsync",
    clause: "RFC 7143 11.5 and 11.6: a task management response answers a request, so it comes after the request was sent",
    expects: "reconnect_succeeded == 1, which the response is to set, right after the request was queued: before anything is sent",
    says: "CU_ASSERT_EQUAL(reconnect_succeeded,1)",
    pdus: &[
        // The write may be done or be aborted by the reset; both are right.
        "SCSI CDB Write(10)",
        "iSCSI (Task Management Function)",
        "Function: Logical Unit Reset (0x05)",
        "iSCSI (Task Management Function Response)",
        "Response: Function complete (0x00)",
        "iSCSI (Logout Response)",
    ],
}];

#[test]
#[ignore = "needs libiscsi-bin, tshark and root: run by CI"]
fn every_excuse_shows_in_the_pdus() {
    for Excuse { test, clause, expects, says, pdus } in EXCUSED {
        let serve = Serve::luns(&format!("excused-{test}"), &["mem:128M"]);
        let capture = Capture::start(&format!("excused-{test}"), serve.address());
        let ran = run_test(&format!("ALL.{test}"), &[&serve.url(0)]);
        let (verdict, reason) = judge(&ran);
        serve.stop();
        let lines = capture.finish().pdus();
        let text = format!(
            "{test}: {verdict} {reason}\n{clause}\nThe test expects: {expects}\n\n{}\n",
            lines.join("\n")
        );
        let file = folder().join(format!("excused-{test}.txt"));
        fs::write(&file, text).expect("a report");
        assert_eq!(verdict, Verdict::Fail, "{test} is excused: {}", ran.text);
        let failed: Vec<_> = ran.text.lines().filter(|line| line.contains("CU_ASSERT")).collect();
        assert!(matches!(failed[..], [one] if one.contains(says)), "{test} fails otherwise: {}", ran.text);
        let mut rest = lines.iter();
        for wanted in *pdus {
            assert!(
                rest.any(|line| line.contains(wanted)),
                "{test}: {wanted:?} is not there, or not in that order; see {}",
                file.display()
            );
        }
    }
}
