//! The fuzz targets' bodies as properties, and what fuzzing has found worth keeping.

use super::*;
use proptest::prelude::*;

/// A login request with these keys, then any PDU headers: reaches far more than plain noise.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let keys = b"InitiatorName=iqn.2026-01.a:b\0TargetName=iqn.2026-01.example.fuzz:t\0SessionType=Normal\0";
    let mut login = vec![0; 48];
    login[..2].copy_from_slice(&[0x43, 0x87]);
    login[7] = u8::try_from(keys.len()).unwrap_or(0);
    login.extend_from_slice(keys);
    login.resize(login.len().next_multiple_of(4), 0);
    let opcodes = prop::sample::select(vec![0u8, 1, 2, 3, 4, 5, 6, 0x10, 0x41, 0x42, 0x44, 0x46, 0x3f]);
    let pdu = (opcodes, any::<[u8; 47]>(), prop::collection::vec(any::<u8>(), 0..64)).prop_map(
        |(opcode, rest, data)| {
            let mut pdu = vec![opcode];
            pdu.extend_from_slice(&rest);
            pdu[4..8].copy_from_slice(&[0, 0, 0, u8::try_from(data.len()).unwrap_or(0)]);
            pdu.extend_from_slice(&data);
            pdu.resize(pdu.len().next_multiple_of(4), 0);
            pdu
        },
    );
    (any::<u8>(), prop::collection::vec(pdu, 0..12)).prop_map(move |(piece, pdus)| {
        let mut out = vec![piece];
        out.extend_from_slice(&login);
        out.extend(pdus.concat());
        out
    })
}

/// What [`hostile`] reads: mostly PDUs that are nearly right.
fn records() -> impl Strategy<Value = Vec<u8>> {
    let pdu = (16u8..200, any::<u8>(), any::<[u8; 48]>(), prop::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(kind, mend, bhs, data)| {
            let mut record = vec![kind, mend & 0xef];
            record.extend_from_slice(&bhs);
            record.push(u8::try_from(data.len()).unwrap_or(0));
            record.extend_from_slice(&data);
            record
        });
    let other = prop_oneof![
        (200u8..220, any::<u8>()).prop_map(|(kind, tenths)| vec![kind, tenths]),
        (220u8..240).prop_map(|kind| vec![kind]),
        Just(vec![240]),
        prop::collection::vec(any::<u8>(), 0..60).prop_map(|bytes| {
            let mut record = vec![0, u8::try_from(bytes.len()).unwrap_or(0), 0];
            record.extend_from_slice(&bytes);
            record
        }),
    ];
    prop::collection::vec(prop_oneof![6 => pdu, 1 => other], 0..40).prop_map(|records| records.concat())
}

/// Inputs that fuzzing found, each of which reaches something that the others do not, or once broke something.
#[test]
fn the_kept_inputs_hold() {
    type Body = fn(&[u8]);
    let targets: [(&str, Body); 7] = [
        ("login", |input| hostile(Phase::Login, input)),
        ("full_feature", |input| hostile(Phase::FullFeature, input)),
        ("text", |input| hostile(Phase::Text, input)),
        ("pdu_stream", pdu_stream),
        ("text_keys", text_keys),
        ("scenario_file", scenario_file),
        ("config_file", config_file),
    ];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, run) in targets {
        let mut played = 0;
        for entry in std::fs::read_dir(root.join(name)).expect("each fuzz target has a corpus") {
            let path = entry.expect("can be read").path();
            println!("{}", path.display());
            run(&std::fs::read(&path).expect("can be read"));
            played += 1;
        }
        assert!(played > 0, "no input for {name}");
    }
}

proptest! {
    #[test]
    fn a_target_survives_any_stream(input in prop_oneof![stream(), prop::collection::vec(any::<u8>(), 0..400)]) {
        pdu_stream(&input);
    }

    #[test]
    fn a_login_survives_any_records(input in records()) {
        hostile(Phase::Login, &input);
    }

    #[test]
    fn a_session_survives_any_records(input in records()) {
        hostile(Phase::FullFeature, &input);
    }

    #[test]
    fn a_discovery_session_survives_any_records(input in records()) {
        hostile(Phase::Text, &input);
    }

    #[test]
    fn text_survives_any_bytes(input in prop::collection::vec(any::<u8>(), 0..300)) {
        text_keys(&input);
    }

    #[test]
    fn files_survive_any_bytes(input in prop::collection::vec(any::<u8>(), 0..300)) {
        scenario_file(&input);
        config_file(&input);
    }
}
