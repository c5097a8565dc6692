//! Does the interpreter notice what it is there to notice? Scenarios that have to pass, and others that have to fail with exactly
//! this signature.

use conformance::runner::{Backend, Options, Report, Verdict, run};
use conformance::scenario::{cases, parse_text};
use std::path::Path;

fn reports(steps: &str) -> Vec<Report> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = if steps.starts_with("steps:") || steps.contains("\nsteps:") {
        steps.to_owned()
    } else {
        format!("steps:\n{steps}")
    };
    let text = format!("title: t\nextends: lib/one-session.yaml\n{text}");
    let scenario = parse_text(&root, "t/x", "x", text.clone())
        .unwrap_or_else(|error| panic!("{text}\n{}", error.message));
    let options = Options { backend: Backend::Simulator, seed: None, twice: true, moments: false };
    cases(&scenario).expect("few cases").iter().map(|case| run(&scenario, case, &options)).collect()
}

/// `pass`, `skip REASON`, or the signature.
fn outcome(steps: &str) -> String {
    match &reports(steps).first().expect("one case").verdict {
        Verdict::Passed => "pass".to_owned(),
        Verdict::Skipped(why) => format!("skip {why}"),
        Verdict::Failed(failure) => failure.signature(),
    }
}

fn all(cases: &[(&str, &str)]) {
    let wrong: Vec<_> = cases
        .iter()
        .map(|(steps, want)| (steps, want, outcome(steps)))
        .filter(|(_, want, got)| got != *want)
        .map(|(steps, want, got)| format!("{steps}\n  expected {want}\n  got      {got}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const SEND_PING: &str = "- send: {pdu: NopOut, as: p}";

#[test]
fn strictness() {
    all(&[
        (SEND_PING, "unexpected - NopIn"),
        (&format!("{SEND_PING}\n- expect: {{pdu: NopIn, ITT: $p.ITT}}"), "pass"),
        (&format!("{SEND_PING}\n- expect: {{pdu: NopIn, ITT: $p.ITT+1}}"), "mismatch expect-1 NopIn.ITT"),
        (&format!("{SEND_PING}\n- expect: {{pdu: R2T}}"), "unexpected expect-1 R2T"),
        (&format!("{SEND_PING}\n- expect: {{pdu: R2T, within: 1s, allow: [NopIn]}}"), "timeout expect-1 R2T"),
        (&format!("{SEND_PING}\n- expect_none: {{for: 1s}}"), "unexpected expect_none-1 NopIn"),
        (&format!("{SEND_PING}\n- expect_none: {{for: 1s, allow: [NopIn]}}"), "pass"),
        ("- expect: {pdu: NopIn, within: 1s}", "timeout expect-1 NopIn"),
        ("- expect_close: {within: 1s}", "timeout expect_close-1 close"),
        ("- send: {pdu: NopOut, bug: unknown_opcode}\n- expect_none: {for: 1s, allow: [Reject]}", "pass"),
    ]);
}

#[test]
fn groups_of_expectations() {
    let two = "- send: {pdu: NopOut, as: a}\n- send: {pdu: NopOut, as: b}\n";
    let (a, b) = ("{pdu: NopIn, ITT: $a.ITT}", "{pdu: NopIn, ITT: $b.ITT}");
    all(&[
        (&format!("{two}- expect: [{a}, {b}]"), "pass"),
        (&format!("{two}- expect: [{b}, {a}]"), "mismatch expect-1 NopIn.ITT"),
        (&format!("{two}- expect: {{any_order: [{b}, {a}]}}"), "pass"),
        (&format!("{two}- expect: {{one_of: [{b}, {a}]}}\n- expect: {b}"), "pass"),
        (&format!("{two}- expect: {{one_of: [{{pdu: R2T}}, {{all: [{a}, {b}]}}]}}"), "pass"),
        (&format!("{two}- expect: {{any_order: [{{all: [{a}]}}, {{one_of: [{{pdu: R2T}}, {b}]}}]}}"), "pass"),
        (
            &format!("{two}- expect: {{any_order: [{a}, {{pdu: R2T}}], within: 1s}}"),
            "unexpected expect-1 R2T",
        ),
    ]);
}

#[test]
fn silence_is_an_answer() {
    let two = "- send: {pdu: NopOut, as: a}\n- send: {pdu: NopOut, as: b}\n";
    let (a, b) = ("{pdu: NopIn, ITT: $a.ITT}", "{pdu: NopIn, ITT: $b.ITT}");
    all(&[
        ("- expect: {one_of: [{pdu: R2T}, {none: 2s}]}", "pass"),
        ("- expect: {one_of: [{pdu: R2T}, {none: 5s}], within: 1s}", "timeout expect-1 R2T"),
        (
            &format!("{SEND_PING}\n- expect: {{one_of: [{{pdu: R2T}}, {{none: 2s}}]}}"),
            "unexpected expect-1 R2T",
        ),
        (&format!("{two}- expect: {{one_of: [{{pdu: R2T}}, {{all: [{a}, {b}, {{none: 1s}}]}}]}}"), "pass"),
        (&format!("{two}- expect: {{all: [{a}, {{none: 1s}}]}}"), "unexpected expect-1 silence"),
    ]);
}

#[test]
fn the_disk_and_names_are_values_too() {
    let second = "- login: {on: c2}\n- scsi: {on: c2, op: tur, expect: {status: \"*\"}}\n";
    all(&[
        ("- scsi: {op: read10, lba: $capacity-1, expect: {data: \"zeros($block)\"}}", "pass"),
        ("- scsi: {op: read10, lba: $capacity}", "mismatch scsi-1 read10.status"),
        ("- repeat: {times: 2, steps: [{scsi: {op: read10, lba: 0x1+$i}}]}", "pass"),
        ("vars: {tur: \"000000000000\"}\nsteps:\n- scsi: {cdb: {hex: $tur}}", "pass"),
        (&format!("{second}- use: {{file: lib/write-read.yaml, on: c2}}"), "pass"),
        ("- use: {file: lib/write-read.yaml, on: c2}", "script use-1/scsi-1 value"),
        ("- nop: {data: hello, expect: {data: hello}}", "pass"),
        ("- nop: {data: hello, expect: {data: hullo}}", "mismatch nop-1 nop.data"),
    ]);
}

#[test]
fn values_and_control() {
    all(&[
        ("- let: {x: 5}\n- check: {value: $x*2, is: {ge: 10, le: 10}}", "pass"),
        ("- check: {value: $c1.CmdSN, is: 0x7fffffff}", "mismatch check-1 check"),
        ("- check: {value: $nobody, is: 1}", "script check-1 value"),
        ("- nop: {on: c9}", "script nop-1 value"),
        (
            "- repeat: {times: 3, steps: [{nop: {data: \"n${i}\"}}]}\n- check: {value: $c1.CmdSN, is: 5}",
            "pass",
        ),
        (
            "- repeat: {each: [1, 2], steps: [{check: {value: $item, is: {not: 2}}}]}",
            "mismatch check-1 check",
        ),
        ("- use: {file: lib/write-read.yaml, lba: 3, blocks: 1, bytes: 512}", "pass"),
        ("- use: {file: lib/write-read.yaml, blocks: 1, bytes: 511}", "mismatch use-1/scsi-2 read10.data"),
        (
            "- par: {a: [{nop: {data: x}}, {scsi: {op: tur}}], b: [{nop: {data: y}}, {scsi: {op: inquiry}}]}",
            "pass",
        ),
        (
            "- par: {a: [{clock: {advance: 2s}}], b: [{expect: {pdu: R2T, within: 1s}}]}",
            "timeout expect-1 R2T",
        ),
    ]);
}

#[test]
fn programs_are_judged() {
    all(&[
        // More than the allocation length allows is never right, less is.
        ("- scsi: {op: inquiry, alloc: 36, fields: {EDTL: 20}}", "mismatch scsi-1 inquiry.residual"),
        ("- scsi: {op: inquiry, alloc: 36, read: 20}", "pass"),
        ("- scsi: {op: inquiry, alloc: 255}", "pass"),
        ("- scsi: {op: tur, expect: {status: BUSY}}", "mismatch scsi-1 test_unit_ready.status"),
        ("- scsi: {op: read10, lba: 99999999}", "mismatch scsi-1 read10.status"),
        (
            "- scsi: {op: read10, lba: 99999999, expect: {status: CHECK_CONDITION, sense: {asc: 0x21}}}",
            "pass",
        ),
        ("- scsi: {op: read10, read: 100}", "pass"),
        ("- scsi: {op: read10, read: 100, expect: {residual: {over: 412}}}", "pass"),
        ("- scsi: {op: read10, read: 100, expect: {residual: {under: 412}}}", "mismatch scsi-1 read10.under"),
        ("- scsi: {op: inquiry, expect: {data: {slice: [8, 8], is: {text: \"LAB     \"}}}}", "pass"),
        (
            "- tmf: {function: LOGICAL_UNIT_RESET, expect: {Response: FUNCTION_REJECTED}}",
            "mismatch tmf-1 tmf.Response",
        ),
        ("- nop: {data: hello, expect: {data: olleh}}", "mismatch nop-1 nop.data"),
        (
            "- text: {keys: {SendTargets: All}, expect: {keys: {TargetName: nobody}}}",
            "mismatch text-1 text.TargetName",
        ),
        ("- text: {keys: {X-a.b: 1}, expect: {keys: {X-a.b: NotUnderstood}}}", "pass"),
        ("- logout: {expect: {Response: 3}}", "mismatch logout-1 logout.Response"),
        ("- login: {on: c2, target: iqn.2026-01.example:none}", "mismatch login-1 login.status"),
        ("- login: {on: c2, target: iqn.2026-01.example:none, expect: {status: NOT_FOUND}}", "pass"),
        (
            "- login: {on: c2, keys: {MaxBurstLength: 1000}, expect: {keys: {MaxBurstLength: 1001}}}",
            "mismatch login-1 login.MaxBurstLength",
        ),
        ("- net: {reset: c1}\n- nop: {within: 1s}", "timeout nop-1 answer"),
        ("- fault: {next: {pdu: NopOut}, do: {reset: true}}\n- nop: {}", "closed nop-1 answer"),
    ]);
}

#[test]
fn the_world_takes_part() {
    all(&[
        ("- fault: {next: {pdu: Snack}, do: {drop: true}}", "unused-fault fault-1 fault"),
        ("- fault: {next: {pdu: Snack}, do: {drop: true}, maybe: true}", "pass"),
        (
            "- fault: {dir: in, next: {pdu: NopIn}, do: {drop: true}}\n- nop: {within: 1s}",
            "timeout nop-1 answer",
        ),
        ("- fault: {next: {pdu: NopOut}, do: {delay: 2s}}\n- nop: {within: 1s}", "timeout nop-1 answer"),
        ("- fault: {next: {pdu: NopOut}, do: [{split: 3}, {delay: 2s}]}\n- nop: {}", "pass"),
        ("steps:\n- nop: {id: a}\nfaults: [{at: {step: a}, do: {reset: true}}]\n", "closed a answer"),
        (
            "- target: {crash: true}\n- expect_close: {how: reset}\n- target: {restart: true}\n- login: {on: c1}",
            "pass",
        ),
        (
            "- target: {admin: {request_logout: c1}}\n- expect: {pdu: AsyncMessage, AsyncEvent: REQUEST_LOGOUT}\n- logout: {}",
            "pass",
        ),
        (
            "- target: {storage: {fail: {lba: 5}}}\n- scsi: {op: read10, lba: 5, expect: {status: CHECK_CONDITION, sense: {key: MEDIUM_ERROR}}}",
            "pass",
        ),
        ("- target: {storage: {stall: true}}\n- scsi: {op: read10, within: 1s}", "timeout scsi-1 answer"),
        ("- net: {partition: c1}\n- nop: {within: 1s}", "timeout nop-1 answer"),
        ("- expect_probe: {probe: scsi-command, on: c1, cdb: {starts: {hex: \"00\"}}, len: 16}", "pass"),
        (
            "- expect_probe: {probe: scsi-command, flags: 0, within: 1s}",
            "mismatch expect_probe-1 scsi-command",
        ),
        ("- expect_probe: {probe: async-send, within: 1s}", "timeout expect_probe-1 async-send"),
        ("- forbid_probe: {probe: login-command}", "unexpected forbid_probe-1 login-command"),
        ("- forbid_probe: {probe: async-send}", "pass"),
        ("needs: [erl2]\nsteps: []\n", "skip needs erl2, which the target does not offer"),
        ("needs: [digests]\nsteps: []\n", "pass"),
        (
            "limits: {virtual: 5s}\nsteps:\n- expect_none: {for: 1h, allow: [NopIn]}\n- nop: {}\n",
            "liveness - limits",
        ),
    ]);
}

#[test]
fn a_matrix_makes_a_case_of_each_combination() {
    let reports = reports(
        "matrix: {size: [512, 1024]}\nsteps:\n- login: {on: c2, keys: {FirstBurstLength: $size}, expect: {keys: {FirstBurstLength: $size}}}\n",
    );
    let names: Vec<_> = reports.iter().map(Report::full_name).collect();
    assert_eq!(names, ["t/x[size=512]", "t/x[size=1024]"]);
    assert!(reports.iter().all(|report| matches!(report.verdict, Verdict::Passed)), "{reports:?}");
}

#[test]
fn a_failure_tells_where_what_and_what_came_before() {
    let reports = reports("steps:\n- nop: {data: hello}\n- scsi: {op: tur, expect: {status: BUSY}}\n");
    let Verdict::Failed(failure) = &reports[0].verdict else { panic!("it fails") };
    let text = failure.to_string();
    for part in [
        "x:5: test_unit_ready ended otherwise than expected",
        "- scsi: {op: tur, expect: {status: BUSY}}",
        "status: expected BUSY (0x08), got GOOD (0x00)",
        "c1 > NopOut",
        "c1 < ScsiResponse",
        "signature: mismatch scsi-1 test_unit_ready.status",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}
