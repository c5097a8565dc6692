//! Tests of iscsi-test-cu that a correct target cannot pass: which, by what clause, and the PDUs that show it.
//!
//! An excuse is no comment. Each of these tests is run again under a capture, and the PDUs named here must be found in it,
//! in that order; the whole exchange stays in `target/live/excused-TEST.txt`. A test that passes needs no excuse, and
//! then the suite fails until the excuse is gone.

use crate::capture::Capture;
use crate::harness::{Serve, TARGET, folder};
use crate::suite::run_test;
use crate::verdict::{Verdict, judge};
use std::fs;

/// One excuse.
pub struct Excuse {
    /// FAMILY.TEST.
    pub test: &'static str,
    /// Lines of the configuration for the unit that it is tried on.
    pub lun: &'static str,
    /// What the standards say.
    pub clause: &'static str,
    /// What the test expects instead.
    pub expects: &'static str,
    /// The assertions that fail, in their order; none other may.
    pub says: &'static [&'static str],
    /// Lines of Wireshark's rendering, to be found in this order.
    pub pdus: &'static [&'static str],
}

const MEMORY: &str = "memory = \"128M\"";
const REMOVABLE: &str = "memory = \"64M\"\nremovable = true";

/// Those of libiscsi 1.19.
pub const EXCUSED: &[Excuse] = &[
    Excuse {
        test: "iSCSITMF.LUNResetSimpleAsync",
        lun: MEMORY,
        clause: "RFC 7143 11.5 and 11.6: a task management response answers a request, so it comes after the request was sent",
        expects: "reconnect_succeeded == 1, which the response is to set, right after the request was queued: before anything is sent",
        says: &["CU_ASSERT_EQUAL(reconnect_succeeded,1)"],
        pdus: &[
            // The write may be done or be aborted by the reset; both are right.
            "SCSI CDB Write(10)",
            "iSCSI (Task Management Function)",
            "Function: Logical Unit Reset (0x05)",
            "iSCSI (Task Management Function Response)",
            "Response: Function complete (0x00)",
            "iSCSI (Logout Response)",
        ],
    },
    Excuse {
        test: "ReportSupportedOpcodes.OneCommand",
        lun: MEMORY,
        clause: "SPC-4 6.35.3: the CDB usage data is as long as the CDB, 32 bytes for opcode 7Fh, and begins with the opcode",
        expects: "at most 16 bytes: of longer usage data it copies none, and then finds 0 where the opcode should be",
        says: &["rsoc_one->cdb_usage_data[0]"; 6],
        pdus: &["Service Action: Report Supported Opcodes (0x0c)", "CDB Length: 32", "CDB Usage Data: 7f"],
    },
    Excuse {
        test: "ExtendedCopy.ValidTgtDescr",
        lun: MEMORY,
        clause: "SPC-4 4.5.6 and 6.4.5: LU ID TYPE is in the parameter list, so a reserved one is INVALID FIELD IN PARAMETER LIST (26/00)",
        expects: "INVALID FIELD IN CDB (24/00), though every field of the CDB is right",
        says: &["CU_ASSERT_EQUAL(_r,0)"],
        pdus: &[
            "SCSI CDB Extended Copy",
            "Service action: Extended Copy (LID1) (0x00)",
            "Parameter list length (bytes): 76",
            "SCSI Payload (Extended Copy Request Data)",
            "Invalid Field In Parameter List (0x2600)",
        ],
    },
    Excuse {
        test: "StartStopUnit.PwrCnd",
        lun: REMOVABLE,
        clause: "SBC-3 5.25, table of POWER CONDITION: 4h to 6h, 8h, 9h and Ch to Fh are reserved, and SPC-4 3.5.9: a reserved code value is an error",
        expects: "GOOD for every value of POWER CONDITION from 1h to Fh",
        says: &["CU_ASSERT_EQUAL(_r,0)"; 9],
        pdus: &[
            "SCSI CDB Start Stop Unit",
            "Pwr flags: 0x42, Power Conditions: Reserved, LOEJ",
            "Status: Check Condition (0x02)",
            "Invalid Field In Cdb (0x2400)",
            "Status: Good (0x00)",
        ],
    },
    Excuse {
        test: "StartStopUnit.NoLoej",
        lun: REMOVABLE,
        clause: "SBC-3 5.25 and SPC-4 5.12.8: START=0 takes the unit to the stopped power condition, where TEST UNIT READY ends with NOT READY (04/02)",
        expects: "GOOD for TEST UNIT READY after START STOP UNIT with START=0",
        says: &["CU_ASSERT_EQUAL(_r,0)"; 4],
        pdus: &[
            "SCSI CDB Start Stop Unit",
            "Pwr flags: 0x00, Power Conditions: No Change",
            "Status: Good (0x00)",
            "SCSI CDB Test Unit Ready",
            "Initializing Cmd. Required (0x0402)",
        ],
    },
    Excuse {
        test: "PreventAllow.Eject",
        lun: REMOVABLE,
        clause: "SBC-3 5.10 and 5.25: PREVENT prohibits the removal of the medium; loading one (LOEJ=1, START=1) removes nothing",
        expects: "MEDIUM REMOVAL PREVENTED (53/02) for loading the medium into an empty unit",
        says: &["CU_ASSERT_EQUAL(_r,0)"],
        pdus: &[
            "Pwr flags: 0x02, Power Conditions: No Change, LOEJ",
            "Status: Good (0x00)",
            "Medium Not Present (0x3a00)",
            "Prevent Allow Flags: 0x01, PREVENT",
            "Pwr flags: 0x03, Power Conditions: No Change, LOEJ, Start",
            "Status: Good (0x00)",
        ],
    },
    Excuse {
        test: "WriteSame10.UnmapUntilEnd",
        lun: MEMORY,
        clause: "SBC-3 5.42 and 4.7.3.4.3: with LBPRZ=1, UNMAP lets go of the blocks only if the data is what they would read as; other data is written",
        expects: "zeros where it sent blocks of FFh with UNMAP",
        says: &["Blocks did not read back"],
        pdus: &[
            "SCSI CDB Write(10)",
            "SCSI CDB Write Same(10)",
            ".... 1... = UNMAP: True",
            "SCSI CDB Read(10)",
        ],
    },
];

#[test]
#[ignore = "needs libiscsi-bin, tshark and root: run by CI"]
fn every_excuse_shows_in_the_pdus() {
    for Excuse { test, lun, clause, expects, says, pdus } in EXCUSED {
        let text = format!("[[target]]\nname = \"{TARGET}\"\n[[target.lun]]\n{lun}\n");
        let serve = Serve::config(&format!("excused-{test}"), &text, &[]);
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
        let failed: Vec<_> =
            ran.text.lines().filter(|line| line.contains("CU_ASSERT") || line.contains("CU_FAIL")).collect();
        let as_excused =
            failed.len() == says.len() && failed.iter().zip(*says).all(|(line, says)| line.contains(says));
        assert!(as_excused, "{test} fails otherwise: {}", ran.text);
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
