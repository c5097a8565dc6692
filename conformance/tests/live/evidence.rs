//! Tests of iscsi-test-cu that a correct target cannot pass: which, by what clause, and the PDUs that show it.
//!
//! What each rests on was looked up, and is named: the RFC, the source of the test, and where the texts of T10 could not be had, manuals
//! of drives that follow them.
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
    /// What the standards say, and where that was read.
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
        expects: "test_async_lu_reset_simple.c: reconnect_succeeded == 1, which only the response sets, right after iscsi_task_mgmt_async() queued the request",
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
        clause: "REPORT SUPPORTED OPERATION CODES, one_command format (as in the Ultrastar 15K450 specification, 19.32.2): CDB SIZE is the length of the usage data and of the CDB, 32 bytes for opcode 7Fh, and the usage data begins with the opcode",
        expects: "at most 16 bytes: of longer usage data it copies none, and then finds 0 where the opcode should be",
        says: &["rsoc_one->cdb_usage_data[0]"; 6],
        pdus: &["Service Action: Report Supported Opcodes (0x0c)", "CDB Length: 32", "CDB Usage Data: 7f"],
    },
    Excuse {
        test: "ExtendedCopy.ValidTgtDescr",
        lun: MEMORY,
        clause: "LU ID TYPE is in the parameter list, where no error can be one of the CDB; a later version of this test (test_extendedcopy_validate_tgt_descr.c) expects of a target that says it is of SPC-4, as this one does, that it ignores the field, and not 24/00",
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
        clause: "4h to 6h, 8h, 9h and Ch to Fh are reserved values of POWER CONDITION, as Wireshark decodes them too; what is reserved and not zero is answered INVALID FIELD IN CDB here",
        expects: "test_startstopunit_pwrcnd.c: GOOD for every value of POWER CONDITION from 1h to Fh",
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
        clause: "START=0 takes the unit to the stopped power condition (Seagate's SCSI Commands Reference Manual rev. J, 3.49, after SBC-4), in which it is not ready: 04/02, initializing command required",
        expects: "test_startstopunit_noloej.c: GOOD for TEST UNIT READY after START STOP UNIT with START=0, to see that nothing was ejected",
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
        clause: "PREVENT prohibits the removal of the medium; loading one (LOEJ=1, START=1) removes nothing. Manuals of removable media name the unload alone (IBM T200, table 47: Unload commands are refused with 53/02; PowerVault TL2000, 1Eh: loading is not inhibited)",
        expects: "test_preventallow_eject.c: MEDIUM REMOVAL PREVENTED (53/02) for loading the medium into an empty unit",
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
        clause: "WRITE SAME, also where it may unmap: reads that follow find the block that was sent (Seagate's SCSI Commands Reference Manual rev. J, 3.73, after SBC-4). With LBPRZ=1 that can be so by unmapping only if it is zeros",
        expects: "test_writesame10_unmap_until_end.c: zeros where it sent blocks of FFh with UNMAP",
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
