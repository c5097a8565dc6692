//! Real initiators at work: what our tracer sees is what the core recorded, nothing of it is wrong, and `trace top` adds it up.

use super::*;
use conformance::trace::ProbeRecord;
use std::thread;
use target_core::probe::Probe;

/// Room for what a tracer that is not given a processor for a while has to catch up with.
const ROOM: [&str; 2] = ["--buffer", "256M"];

/// libiscsi and qemu: tests of the suite, then several at once with reads at depth 32, images and patterns. Reads a second that iscsi-perf
/// says it had.
fn initiators(folder: &Path, address: SocketAddr) -> f64 {
    let portal = format!("iscsi://{address}");
    let url = format!("{portal}/{TARGET}/0");
    let (image, back) = (folder.join("image"), folder.join("back"));
    let data: Vec<u8> = (0..4 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&image, &data).expect("writable");
    // Before the others, whose commands a reset of its would end: iscsi-perf then waits for ever.
    for test in ["ALL.Inquiry", "ALL.ModeSense6", "ALL.Read10", "ALL.Write16"] {
        run("iscsi-test-cu", &["-d", "-t", test, &url]);
    }
    thread::scope(|scope| {
        let perf = scope.spawn(|| run("iscsi-perf", &["-r", "-m", "32", "-b", "8", "-t", "1", &url]).stdout);
        scope.spawn(|| {
            run("iscsi-ls", &["-s", &portal]);
            run("iscsi-readcapacity16", &[&url]);
        });
        run("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", text(&image), &url]);
        run("qemu-img", &["convert", "-f", "raw", "-O", "raw", &url, text(&back)]);
        let io = [
            "-f",
            "raw",
            "-c",
            "aio_write -P 7 1M 1M",
            "-c",
            "aio_read 2M 1M",
            "-c",
            "aio_flush",
            "-c",
            "flush",
            &url,
        ];
        run("qemu-io", &io);
        let said = String::from_utf8_lossy(&perf.join().expect("it ran")).into_owned();
        let average =
            said.rsplit_once("iops average ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        average.unwrap_or_else(|| panic!("{said}"))
    })
}

#[test]
#[ignore = "needs root, libiscsi-bin and qemu-utils"]
fn real_initiators_pass_the_live_check() {
    let folder = folder("initiators");
    let serve = Serve::start(lab(), TARGET, &[]);
    let events = folder.join("events.jsonl");
    let tracer = Tracer::start(&["live", "--check", "--json", "-o", text(&events), "--pid", &serve.pid()]);
    let portal = format!("iscsi://{}", serve.address);
    let url = format!("{portal}/{TARGET}/0");
    run("iscsi-ls", &["-s", &portal]);
    run("iscsi-inq", &[&url]);
    run("iscsi-readcapacity16", &[&url]);
    let (image, back) = (folder.join("image"), folder.join("back"));
    let data: Vec<u8> = (0..4 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&image, &data).expect("writable");
    run("qemu-img", &["convert", "-n", "-f", "raw", "-O", "raw", text(&image), &url]);
    run("qemu-img", &["convert", "-f", "raw", "-O", "raw", &url, text(&back)]);
    assert_eq!(fs::read(&back).expect("the copy")[..data.len()], data);
    let (code, out, said) = tracer.end();
    assert_eq!(code, 0, "{out}{said}");
    let out = fs::read_to_string(&events).expect("the events");
    for probe in ["scsi-command", "data-send", "data-receive", "logout-response", "text-response"] {
        assert!(out.contains(&format!("\"probe\":\"{probe}\"")), "{probe} did not fire");
    }
}

/// Every member of every event, under the load of several initiators at once.
#[test]
#[ignore = "needs root, libiscsi-bin and qemu-utils"]
fn what_real_initiators_do_is_seen_as_it_was_recorded() {
    let scratch = folder("initiators-work");
    let live = recorded_and_live("initiators-recorded", &ROOM, |serve| {
        initiators(&scratch, serve.address);
    });
    let seen: BTreeSet<_> = events(&live).map(|event| event.probe.name()).collect();
    let names: BTreeSet<_> = events(&live).map(|event| event.ii_initiator.as_str()).collect();
    println!("{} events of {names:?}: {seen:?}", live.len());
    assert!(live.len() > 10_000 && names.len() >= 3, "{} events of {names:?}", live.len());
    for probe in
        [Probe::ScsiCommand, Probe::DataSend, Probe::DataReceive, Probe::DataRequest, Probe::ScsiResponse]
    {
        assert!(seen.contains(probe.name()), "{} did not fire", probe.name());
    }
}

/// The sums of `trace top`, against those of the core's own recording, and those against what the initiators say.
#[test]
#[ignore = "needs root, libiscsi-bin and qemu-utils"]
fn top_adds_up_what_real_initiators_do() {
    let folder = folder("initiators-top");
    let recorded = folder.join("recorded.jsonl");
    let serve = Serve::start(lab(), TARGET, &["--record", text(&recorded)]);
    let args = ["top", "--json", "--interval", "3600", "--pid", &serve.pid()];
    let top = Tracer::start(&[&args[..], &ROOM].concat());
    let iops = initiators(&folder, serve.address);
    let (code, out, said) = top.end();
    serve.stop();
    assert!(code == 0 && said.contains(" 0 lost"), "{said}");
    let recorded = read_jsonl_file(&recorded).expect("a trace");
    let of = |probe| events(&recorded).filter(move |event| event.probe == probe);
    let flagged = |flag| of(Probe::ScsiCommand).filter(|event| event.ii_flags & flag != 0).count() as u64;
    let carried = |event: &ProbeRecord| u64::from(event.ii_datalen);
    let bytes: u64 =
        [Probe::ScsiCommand, Probe::DataReceive, Probe::DataSend].into_iter().flat_map(of).map(carried).sum();
    let ended =
        of(Probe::ScsiResponse).count() + of(Probe::DataSend).filter(|event| event.ii_flags & 1 != 0).count();
    let rows: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let sum = |member: &str| rows.iter().map(|row| row[member].as_u64().expect("a number")).sum::<u64>();
    println!("{} rows, {iops} a second by iscsi-perf: {}", rows.len(), rows[0]);
    assert_eq!(sum("ops"), ended as u64, "commands that ended: {out}");
    assert_eq!((sum("reads"), sum("writes")), (flagged(0x40), flagged(0x20)), "{out}");
    assert_eq!(sum("bytes"), bytes, "{out}");
    // iscsi-perf ran for a second, a little more or less by its own clock; qemu wrote 5 MiB.
    assert!(sum("reads") as f64 > iops * 0.8, "{iops}: {out}");
    let written: u64 = [Probe::ScsiCommand, Probe::DataReceive].into_iter().flat_map(of).map(carried).sum();
    assert!(written >= 5 << 20, "{written}");
}
