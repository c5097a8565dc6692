//! Nothing that arrives can make the device server panic or go on for ever.

use super::harness::{A, B, Lab, SMALL};
use crate::io::{DeviceId, IoError};
use crate::scsi::table::TABLE;
use crate::scsi::{Sense, status};
use crate::wire::Lun;
use proptest::prelude::*;
use std::vec::Vec;

fn lun() -> impl Strategy<Value = Lun> {
    prop_oneof![
        8 => prop::sample::select(std::vec![0_u16, 1, 5, 300, 7]).prop_map(Lun::from_number),
        1 => any::<u64>().prop_map(Lun),
    ]
}

/// Any bytes; known opcodes more often, with small numbers in their fields so that many get through.
fn cdb() -> impl Strategy<Value = Vec<u8>> {
    let byte = || prop_oneof![6 => Just(0_u8), 2 => 0..16_u8, 1 => any::<u8>()];
    let known = (0..TABLE.len(), prop::collection::vec(byte(), 16)).prop_map(|(at, noise)| {
        let entry = &TABLE[at];
        let mut cdb: Vec<u8> = noise.iter().zip(entry.usage).map(|(noise, usage)| noise & usage).collect();
        cdb[0] = entry.opcode;
        if entry.action.is_some() {
            cdb[1] = entry.usage[1];
        }
        cdb
    });
    prop_oneof![3 => known, 1 => prop::collection::vec(any::<u8>(), 0..40)]
}

fn failure() -> impl Strategy<Value = Option<IoError>> {
    prop::option::weighted(
        0.2,
        prop_oneof![
            any::<u64>().prop_map(|lba| IoError::Read { lba }),
            any::<u64>().prop_map(|lba| IoError::Write { lba }),
            Just(IoError::NoSpace),
            Just(IoError::WriteProtected),
            Just(IoError::NotReady),
            Just(IoError::Hardware),
            Just(IoError::Cancelled),
        ],
    )
}

proptest! {
    #[test]
    fn every_command_ends(
        commands in prop::collection::vec(
            (any::<bool>(), lun(), cdb(), prop::collection::vec(any::<u8>(), 0..1100), failure(), 0..20_u8),
            1..30,
        ),
    ) {
        let mut lab = Lab::fresh();
        for (by_a, lun, cdb, data, failure, event) in commands {
            let nexus = if by_a { A } else { B };
            match event {
                0 => drop(lab.server.lun_reset(lun, nexus)),
                1 => lab.server.resized(DeviceId(u32::from(SMALL)), u64::from(event) + 1),
                2 => lab.server.nexus_down(nexus),
                3 => lab.server.nexus_up(nexus, "i", "t", 1),
                _ => {}
            }
            lab.fail = failure.into_iter().collect();
            let outcome = lab.command(nexus, lun, &cdb, &data);
            // Sense data if and only if CHECK CONDITION; data only with GOOD, and never more than the limit.
            prop_assert_eq!(outcome.status == status::CHECK_CONDITION, outcome.sense != Sense::NONE);
            prop_assert!(outcome.data_in.is_empty() || outcome.status == status::GOOD);
            prop_assert!(outcome.data_in.len() <= 65536);
            prop_assert!(matches!(outcome.status, status::GOOD | status::CHECK_CONDITION | status::RESERVATION_CONFLICT));
            prop_assert_eq!(outcome.sense.bytes().is_empty(), outcome.sense.is_none());
        }
    }
}
