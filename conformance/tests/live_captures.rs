//! Do captures and pages of runs hold what they promise to those who open them: Wireshark and a browser?

#[path = "common/lab.rs"]
mod lab;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of the test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("captures").join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn lab(args: &[&str]) -> Output {
    lab::lab(&root(), args)
}

#[track_caller]
fn replayed(args: &[&str]) {
    let output = lab(&[&["replay"], args].concat());
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn a_failing_case_leaves_a_capture_and_the_same_bytes_each_time() {
    let dir = folder("fails");
    let scenarios = dir.join("scenarios/t");
    std::fs::create_dir_all(&scenarios).expect("a folder");
    let write = |name: &str, text: &str| std::fs::write(scenarios.join(name), text).expect("a file");
    write("good.scn.yaml", "title: t\nsteps:\n  - login: {on: c1}\n");
    write(
        "bad.scn.yaml",
        "title: t\nmatrix: {a: [x, y]}\nsteps:\n  - login: {on: c1}\n  - nop: {data: $a, expect: {data: x}}\n",
    );
    let root = text(&dir);
    let run = |which: &str, to: &str| {
        let to = text(&dir.join(to));
        lab(&["--root", &root, "run", "--pcap", which, &to]).status.code()
    };
    let captures = |of: &str| {
        let names = std::fs::read_dir(dir.join(of).join("t")).expect("a folder").flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    };
    let accepted = lab(&["--root", &root, "accept", "t/good"]);
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    assert_eq!((run("fail", "one"), run("fail", "two"), run("all", "all")), (Some(1), Some(1), Some(1)));
    assert_eq!(captures("one"), ["bad[a=y].pcapng"]);
    assert_eq!(captures("all"), ["bad[a=x].pcapng", "bad[a=y].pcapng", "good.pcapng"]);
    let bytes = |of: &str| std::fs::read(dir.join(of).join("t/bad[a=y].pcapng")).expect("a capture");
    assert_eq!(bytes("one"), bytes("two"));
    assert_eq!(run("some", "x"), Some(2), "there is no such choice");
}

/// What tshark says of a capture.
fn tshark(file: &Path, args: &[&str]) -> String {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-d", "tcp.port==3260,iscsi", "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"])
        .args(args)
        .output()
        .expect("tshark");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "needs tshark"]
fn wireshark_reads_every_packet_of_what_is_sent_rightly() {
    let dir = folder("tshark");
    let files = [
        "data/wrong-datasn-split",
        "login/digest-choice",
        "mcs/order-across-connections",
        "erl1/lost-data-in",
    ];
    let mut lost = 0;
    let mut captures = Vec::new();
    for name in files {
        let scenario = format!("scenarios/{name}.scn.yaml");
        if !root().join(&scenario).exists() {
            continue;
        }
        let file = dir.join(format!("{}.pcapng", name.replace('/', "-")));
        replayed(&[&scenario, "--log", "probes", "--pcap", &text(&file)]);
        let many = std::fs::read_dir(&dir).expect("a folder").flatten().map(|entry| entry.path());
        captures.extend(many.filter(|path| !captures.contains(path)).collect::<Vec<_>>());
    }
    for seed in 1..=20 {
        let file = dir.join(format!("seed-{seed}.pcapng"));
        replayed(&["--seed", &seed.to_string(), "--pcap", &text(&file)]);
        captures.push(file);
    }
    assert!(captures.len() > 22, "{captures:?}");
    for file in &captures {
        let count = |filter: &str| tshark(file, &["-Y", filter]).lines().count();
        let shown = file.display();
        // With a residual overflow (O) the data ends early because the initiator expected less, which no dissector of SCSI likes.
        assert_eq!(count("_ws.malformed && !(iscsi.scsidata.O == 1)"), 0, "{shown}: malformed");
        assert_eq!(count("tcp.checksum.status == 0 || ip.checksum.status == 0"), 0, "{shown}: checksums");
        let analysis =
            "tcp.analysis.lost_segment || tcp.analysis.retransmission || tcp.analysis.out_of_order";
        assert_eq!(count(analysis), 0, "{shown}: the streams have no gaps");
        assert!(
            count("frame.interface_name == \"sim:wire\" && iscsi") > 0,
            "{shown}: no iSCSI in the streams"
        );
        assert!(count("frame.interface_name == \"sim:pdu\" && iscsi") > 0, "{shown}: no exported PDUs");
        // Drawn runs send bytes that are no PDUs, too.
        let drawn = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seed-"));
        let not = count("frame.interface_name == \"sim:pdu\" && !iscsi");
        assert!(drawn || not == 0, "{shown}: {not} exported PDUs are not taken for iSCSI");
        let comments =
            tshark(file, &["-Y", "frame.comment contains \"probe \"", "-T", "fields", "-e", "frame.comment"]);
        assert!(comments.contains("probe login-command itt="), "{shown}: {comments}");
        lost += count("frame.interface_name == \"sim:lost\"");
    }
    assert!(lost > 0, "no capture has a lost PDU");
}

/// The page after its script ran.
fn browsed(page: &Path, state: &str) -> String {
    let chromium = ["chromium", "google-chrome", "chromium-browser"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok())
        .expect("chromium");
    let profile = page.with_extension("profile");
    let output = Command::new(chromium)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1400,900",
            "--virtual-time-budget=5000",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}{state}", page.display()))
        .output()
        .expect("chromium runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "needs chromium"]
fn a_browser_draws_filters_and_chooses() {
    let dir = folder("page");
    let file = dir.join("run.html");
    replayed(&["scenarios/data/wrong-datasn-split.scn.yaml", "--log", "probes", "--html", &text(&file)]);
    let whole = browsed(&file, "");
    let count = |dom: &str, what: &str| dom.matches(what).count();
    assert!(count(&whole, "class=\"ev pdu out") >= 4 && count(&whole, "class=\"ev pdu in") >= 4, "{whole}");
    assert!(count(&whole, "class=\"ev probe") >= 8 && count(&whole, "class=\"ev fault") == 1);
    assert!(whole.contains("ScsiCommand write10 itt=3") && whole.contains("\u{26a1} fault"), "labels");
    let filtered = browsed(&file, "#find=r2t+desiredlen&kinds=pdu.probe");
    assert_eq!(count(&filtered, "class=\"ev "), 1, "{filtered}");
    assert!(filtered.contains(">1 of "), "the count says how many are left");
    let chosen = browsed(&file, "#event=3&by=time&zoom=2");
    assert!(chosen.contains("aria-activedescendant=\"e3\"") && count(&chosen, "aria-selected=\"true\"") == 1);
    assert!(
        chosen.contains("<td>ii_initiator</td>") || chosen.contains("<td>Opcode</td>"),
        "the fields are shown"
    );
}

#[test]
#[ignore = "needs chromium"]
fn a_long_run_stays_quick_and_a_failure_is_marked() {
    let dir = folder("long");
    let scenarios = dir.join("scenarios/t");
    std::fs::create_dir_all(&scenarios).expect("a folder");
    std::fs::write(
        scenarios.join("bad.scn.yaml"),
        "title: Long and bad\nsteps:\n  - login: {on: c1}\n  - repeat: {times: 300, steps: [{nop: {data: x}}]}\n  - nop: {data: a, expect: {data: b}}\n",
    )
    .expect("a file");
    let page = dir.join("bad.html");
    let file = text(&scenarios.join("bad.scn.yaml"));
    let output = lab(&["--root", &text(&dir), "replay", &file, "--log", "probes", "--html", &text(&page)]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let dom = browsed(&page, "");
    assert!(dom.contains(">1211 events<") || dom.contains(" events<"), "the count");
    let drawn = dom.matches("class=\"ev ").count();
    assert!((20..400).contains(&drawn), "only what is in view is drawn, not {drawn}");
    assert!(dom.contains("class=\"failure\"") && dom.contains("mismatch nop-"), "the failure is in the head");
    let last =
        dom.split("<output id=\"count\">").nth(1).and_then(|rest| rest.split(' ').next()).expect("a count");
    let at = last.parse::<usize>().expect("a number") - 1;
    let end = browsed(&page, &format!("#event={at}"));
    assert!(end.contains("\u{2717} "), "the failing check is drawn when it is gone to");
}

#[test]
#[ignore = "needs chromium"]
fn reports_and_coverage_are_pages_too() {
    let dir = folder("reports");
    let report = dir.join("run.html");
    let output = lab(&["run", "login/*", "--report", &format!("html={}", report.display())]);
    assert!(output.status.success());
    let dom = browsed(&report, "");
    let rows = dom.matches("<tr class=").count();
    assert!(rows > 50 && dom.contains(&format!("{rows} of {rows}")), "{rows} rows");
    let coverage = dir.join("coverage.html");
    assert!(lab(&["coverage", "--html", &text(&coverage)]).status.success());
    assert!(browsed(&coverage, "").contains("id=\"rfc7143/"));
}
