//! Every combination of ImmediateData, InitialR2T and the lengths, with qemu as the initiator that has to live with it.
//! What went over the wire is read from the recorded probe events.

use crate::harness::{Scratch, Serve, TARGET};
use crate::tool::run;
use conformance::trace::{ProbeRecord, RecordKind, read_jsonl_file};
use std::path::Path;
use target_core::probe::Probe;

/// What the target offers, beside booleans.
#[derive(Clone, Copy)]
struct Lengths {
    segment: u32,
    first: u32,
    max: u32,
}

const SMALL: Lengths = Lengths { segment: 512, first: 512, max: 1024 };
const ODD: Lengths = Lengths { segment: 8196, first: 9000, max: 20_000 };
const LARGE: Lengths = Lengths { segment: 262_144, first: 65_536, max: 262_144 };

/// One write each of: less than a segment, more than FirstBurstLength, many bursts; several at a time; then what is there.
const WORK: [&str; 12] = [
    "write -P 0x11 0 512",
    "write -P 0x22 512 65536",
    "write -P 0x33 1M 1500k",
    "aio_write -P 0x44 4M 96k",
    "aio_write -P 0x55 5M 96k",
    "aio_write -P 0x66 6M 96k",
    "aio_flush",
    "read -P 0x11 0 512",
    "read -P 0x22 512 65536",
    "read -P 0x33 1M 1500k",
    "read -P 0x44 4M 96k",
    "read -P 0x66 6M 96k",
];

#[test]
#[ignore = "needs qemu-utils and qemu-block-extra: run by CI"]
fn writes_work_under_every_combination_of_what_is_negotiated() {
    for initial_r2t in [true, false] {
        for immediate_data in [true, false] {
            for (lengths, name) in [(SMALL, "small"), (ODD, "odd"), (LARGE, "large")] {
                let name = format!("offers-{initial_r2t}-{immediate_data}-{name}");
                combination(&name, initial_r2t, immediate_data, lengths);
            }
        }
    }
}

fn combination(name: &str, initial_r2t: bool, immediate_data: bool, lengths: Lengths) {
    let Lengths { segment, first, max } = lengths;
    let text = format!(
        "[offer]\ninitial_r2t = {initial_r2t}\nimmediate_data = {immediate_data}\nfirst_burst_length = {first}\n\
         max_burst_length = {max}\nmax_recv_data_segment_length = {segment}\n\
         [[target]]\nname = \"{TARGET}\"\n[[target.lun]]\nmemory = \"8M\"\n"
    );
    let record = Scratch::new(&format!("{name}.jsonl"));
    let serve = Serve::config(name, &text, &["--record", record.path()]);
    let url = serve.url(0);
    let mut args = vec!["-f", "raw"];
    args.extend(WORK.iter().flat_map(|step| ["-c", *step]));
    args.push(&url);
    run("qemu-io", &args).ok().never_says(&["failed", "error"]);
    serve.stop();

    let records = read_jsonl_file(Path::new(record.path())).expect("a trace");
    let events: Vec<ProbeRecord> = records
        .into_iter()
        .filter_map(|record| match record.what {
            RecordKind::Probe(event) => Some(event),
            _ => None,
        })
        .collect();
    let of = |probe| events.iter().filter(move |event| event.probe == probe).collect::<Vec<_>>();
    let sum = |events: &[&ProbeRecord]| events.iter().map(|event| u64::from(event.ii_datalen)).sum::<u64>();

    let immediate = sum(&of(Probe::ScsiCommand));
    assert_eq!(immediate > 0, immediate_data, "{name}: {immediate} bytes of immediate data");
    let (unsolicited, solicited): (Vec<_>, Vec<_>) =
        of(Probe::DataReceive).into_iter().partition(|event| event.ii_ttt == u32::MAX);
    // With immediate data the first segment may already be the whole first burst.
    let expected = !initial_r2t && (!immediate_data || first > segment);
    assert_eq!(!unsolicited.is_empty(), expected, "{name}: {} unsolicited PDUs", unsolicited.len());
    assert!(!solicited.is_empty() && !of(Probe::DataRequest).is_empty(), "{name}: no R2T");
    let written = immediate + sum(&unsolicited) + sum(&solicited);
    assert_eq!(written, 512 + 65536 + 1500 * 1024 + 3 * 96 * 1024, "{name}");
    for event in of(Probe::DataReceive).iter().chain(&of(Probe::ScsiCommand)) {
        assert!(event.ii_datalen <= segment, "{name}: {event:?}");
    }
}
