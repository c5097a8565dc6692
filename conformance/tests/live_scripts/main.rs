//! Do the scripts of `conformance/probes` say what the clients did?
//!
//! Each runs against a server of its own under real initiators. Between them and the server stands a relay that reads
//! every PDU with the lab's own codec: the scripts' figures must be its figures, to the byte.
//!
//! `cargo test --release -p conformance --test live_scripts -- --ignored`

#[path = "../live/harness.rs"]
#[allow(dead_code, reason = "shared with the test program that uses all of it")]
mod harness;
mod load;
mod output;
mod relay;
#[path = "../common/serve.rs"]
mod serve;
#[path = "../live/tool.rs"]
#[allow(dead_code, reason = "shared with the test program that uses all of it")]
mod tool;
mod tracer;
mod truth;

use load::Load;
use output::{counts, histograms, lines, maps};
use std::collections::BTreeMap;

/// Sorted, so that lines of several processors compare.
fn sorted(mut lines: Vec<Vec<String>>) -> Vec<Vec<String>> {
    lines.sort();
    lines
}

#[track_caller]
fn same_lines(got: Vec<Vec<String>>, want: Vec<Vec<String>>) {
    let (got, want) = (sorted(got), sorted(want));
    for (got, want) in got.iter().zip(&want) {
        assert_eq!(got, want);
    }
    assert_eq!(got.len(), want.len(), "lines");
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsiwho_counts_each_event_of_each_client() {
    let load = Load::run("iscsiwho", |_, _| true);
    let want = counts(load.seen().map(|pdu| vec![pdu.client.clone(), pdu.probe.clone()]));
    assert!(want.len() > 20, "the load is too simple: {want:?}");
    assert_eq!(maps(&load.text, ""), want);
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsisnoop_shows_each_event() {
    let load = Load::run("iscsisnoop", |text, truth| lines(text).len() >= truth.pdus().len());
    let want = load.seen().map(|pdu| {
        let mut line =
            vec![pdu.client.clone(), pdu.probe.clone(), pdu.len.to_string(), format!("{:08x}", pdu.itt)];
        if let Some(opcode) = pdu.opcode {
            line.push(format!("{opcode:#04x}"));
            line.extend(load.name_of(opcode).split(' ').map(str::to_owned));
        }
        line
    });
    same_lines(lines(&load.text), want.collect());
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsiio_counts_transfers_and_bytes() {
    let rated = |text: &str| output::all(text, "kb_per_s").iter().any(|(_, rate)| *rate > 0);
    let load = Load::run("iscsiio", |text, _| rated(text));
    let (mut count, mut bytes) = (BTreeMap::new(), BTreeMap::new());
    for pdu in load.seen() {
        let Some(read) = pdu.moves() else { continue };
        let key = vec![pdu.client.clone(), if read { "read" } else { "write" }.to_owned()];
        *count.entry(key.clone()).or_insert(0) += 1;
        *bytes.entry(key).or_insert(0) += u64::from(pdu.len);
    }
    assert_eq!(count.len(), 4, "both clients read and write: {count:?}");
    assert_eq!(maps(&load.text, "count"), count);
    let kb: BTreeMap<_, _> = bytes.iter().map(|(key, bytes)| (key.clone(), bytes / 1024)).collect();
    assert_eq!(maps(&load.text, "kb"), kb);
    let rates = output::all(&load.text, "kb_per_s");
    for (key, bytes) in &bytes {
        let shown: u64 = rates.iter().filter(|(found, _)| found == key).map(|(_, rate)| rate).sum();
        assert!(shown * 1024 <= *bytes, "{key:?}: {shown} KB in all seconds together");
    }
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsirwsnoop_shows_each_transfer() {
    let enough = |text: &str, truth: &truth::Truth| {
        lines(text).len() >= truth.pdus().iter().filter(|pdu| pdu.moves().is_some()).count()
    };
    let load = Load::run("iscsirwsnoop", enough);
    let want = load.seen().filter_map(|pdu| {
        let kind = if pdu.moves()? { "R" } else { "W" };
        Some(vec![pdu.client.clone(), kind.to_owned(), pdu.len.to_string(), pdu.lun.to_string()])
    });
    let want: Vec<_> = want.collect();
    assert!(want.iter().any(|line| line[3] == "1"), "nothing went to LUN 1");
    same_lines(lines(&load.text), want);
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsirwlat_has_a_latency_for_each_command() {
    let load = Load::run("iscsirwlat", |_, _| true);
    let ends = load.truth.ends();
    let want = counts(ends.iter().map(|end| vec![end.client.clone(), end.dir().to_owned()]));
    assert_eq!(want.len(), 6, "both clients read, write and ask: {want:?}");
    assert_eq!(histograms(&load.text, "us"), want);
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsicmds_counts_commands() {
    let load = Load::run("iscsicmds", |_, _| true);
    let commands = load.seen().filter_map(|pdu| {
        let opcode = pdu.opcode?;
        Some(vec![pdu.client.clone(), opcode.to_string(), load.name_of(opcode)])
    });
    let want = counts(commands);
    assert!(want.keys().any(|key| key[2] == "INQUIRY"), "{want:?}");
    assert_eq!(maps(&load.text, ""), want);
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsiterr_shows_what_went_wrong() {
    let load = Load::run("iscsiterr", |text, truth| lines(text).len() >= truth.errors().len());
    let want: Vec<Vec<String>> = load.truth.errors();
    for part in ["sense", "underflow,", "refused,", "function"] {
        assert!(want.iter().flatten().any(|word| word == part), "the load has no {part}: {want:?}");
    }
    same_lines(lines(&load.text), want);
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn iscsitop_adds_up() {
    let load = Load::run("iscsitop", |text, _| !output::rows(text).is_empty());
    let ends = load.truth.ends();
    let by_client = |filter: &dyn Fn(&truth::End) -> bool| {
        counts(ends.iter().filter(|end| filter(end)).map(|end| vec![end.client.clone()]))
    };
    assert_eq!(maps(&load.text, "answered"), by_client(&|_| true));
    assert_eq!(maps(&load.text, "reads"), by_client(&|end| end.flags & 0x40 != 0));
    assert_eq!(maps(&load.text, "writes"), by_client(&|end| end.flags & 0x20 != 0));
    let mut bytes = BTreeMap::new();
    for pdu in load.seen().filter(|pdu| pdu.moves().is_some()) {
        *bytes.entry(vec![pdu.client.clone()]).or_insert(0) += u64::from(pdu.len);
    }
    let kb: BTreeMap<_, _> = bytes.into_iter().map(|(key, bytes)| (key, bytes / 1024)).collect();
    assert_eq!(maps(&load.text, "kb"), kb);
    // The rows of the seconds: none is empty, and together they are no more than there was.
    let rows = output::rows(&load.text);
    for (client, answered) in by_client(&|_| true) {
        let mine = rows.iter().filter(|(keys, _)| keys[0] == client[0]);
        let mine: Vec<_> = mine.map(|(_, row)| row.clone()).collect();
        assert!(
            mine.iter().all(|row| row.len() == 5 && row[0] > 0 && row[0] >= row[1].max(row[2])),
            "{mine:?}"
        );
        assert!(mine.iter().map(|row| row[0]).sum::<u64>() <= answered, "{mine:?}");
        assert!(mine.iter().map(|row| row[3]).sum::<u64>() <= kb[&client], "{mine:?}");
    }
}

#[test]
#[ignore = "needs root, bpftrace, libiscsi-bin and qemu-utils: run by CI"]
fn the_three_of_the_post() {
    let load = Load::run("events-by-remote", |_, _| true);
    assert_eq!(maps(&load.text, ""), counts(load.seen().map(|pdu| vec![pdu.client.clone()])));

    let load = Load::run("commands-by-target", |_, _| true);
    let commands = load.seen().filter(|pdu| pdu.opcode.is_some());
    let want = counts(commands.map(|pdu| vec![pdu.target.clone()]));
    assert_eq!(want.len(), 2, "{want:?}");
    assert_eq!(maps(&load.text, ""), want);

    let load = Load::run("bytes-sent", |_, _| true);
    let sent: u64 = load.seen().filter(|pdu| pdu.probe == "data-send").map(|pdu| u64::from(pdu.len)).sum();
    assert!(load.text.lines().any(|line| line == format!("@bytes: {sent}")), "{sent}, not {}", load.text);
}
