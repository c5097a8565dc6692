//! Copying without the initiator in between: EXTENDED COPY, RECEIVE COPY RESULTS, tokens (SPC-4 5.16, 5.17, 6.4, 6.23; SBC-3
//! 5.7, 5.47)
//!
//! Every copy is a list of runs of blocks ([`moves`]) that are read and written piece by piece, as one command that may be
//! aborted at any time. Sources and destinations are logical units of the same target, which are those that the nexus sees;
//! each is asked whether the nexus might read it or write it. How a copy ended is remembered for those who ask ([`results`]).

mod extended;
mod lists;
mod moves;
mod results;
mod rod;
mod token;

pub(super) use extended::{extended_lid1, extended_lid4, with_data as extended_with_data};
pub(super) use lists::Lists;
pub(super) use moves::{Job, failed, read_done, written};
pub(super) use results::{
    data_lid1, details_lid1, operating_parameters, status_lid1, status_lid4, token_information,
};
pub(super) use rod::{Wanted, populate, use_token, with_data as token_with_data};
pub(super) use token::Tokens;

use alloc::vec::Vec;

/// Descriptors in one EXTENDED COPY.
const CSCDS_MAX: u16 = 16;
const SEGMENTS_MAX: u16 = 16;
/// Lengths of the only ones there are.
const CSCD_LEN: u16 = 32;
const SEGMENT_LEN: u16 = 28;
/// All descriptors together.
const DESCRIPTORS_LEN_MAX: u32 = (CSCDS_MAX * CSCD_LEN + SEGMENTS_MAX * SEGMENT_LEN) as u32;
/// Copies that are remembered, those under way included.
const LISTS_MAX: u8 = 64;
/// Range descriptors in one list of POPULATE TOKEN or WRITE USING TOKEN.
const RANGES_MAX: u16 = 64;
/// INACTIVITY TIMEOUT of tokens in seconds.
const INACTIVITY_MAX: u32 = 600;
const INACTIVITY_DEFAULT: u32 = 60;

/// Segment descriptor type: from block device to block device. CSCD descriptor type: identification descriptor.
const BLOCK_TO_BLOCK: u8 = 0x02;
const IDENTIFICATION: u8 = 0xe4;

/// Third-party copy (vital product data page 8Fh, SPC-4 7.8.17). `transfer_bytes` bounds what one command copies.
pub(super) fn vital_product_data(transfer_bytes: u32, transfer_blocks: u32) -> Vec<u8> {
    let mut page = Vec::new();
    let mut descriptor = |kind: u16, mut body: Vec<u8>| {
        // Each begins at a multiple of four.
        body.resize(body.len().next_multiple_of(4), 0);
        page.extend(kind.to_be_bytes());
        page.extend(u16::try_from(body.len()).unwrap_or(u16::MAX).to_be_bytes());
        page.extend(body);
    };
    // Block device ROD token limits.
    let mut limits = Vec::from([0; 6]);
    limits.extend(RANGES_MAX.to_be_bytes());
    limits.extend(INACTIVITY_MAX.to_be_bytes());
    limits.extend(INACTIVITY_DEFAULT.to_be_bytes());
    limits.extend(u64::from(transfer_blocks).to_be_bytes());
    limits.extend(u64::from(transfer_blocks).to_be_bytes());
    descriptor(0x0000, limits);
    // Supported commands with their service actions.
    let commands: [u8; 15] =
        [14, 0x83, 4, 0x00, 0x01, 0x10, 0x11, 0x84, 6, 0x00, 0x01, 0x03, 0x04, 0x05, 0x07];
    descriptor(0x0001, commands.to_vec());
    // Parameter data.
    let mut parameters = Vec::from([0; 4]);
    parameters.extend(CSCDS_MAX.to_be_bytes());
    parameters.extend(SEGMENTS_MAX.to_be_bytes());
    parameters.extend(DESCRIPTORS_LEN_MAX.to_be_bytes());
    parameters.resize(28, 0);
    descriptor(0x0004, parameters);
    // Supported descriptors.
    descriptor(0x0008, Vec::from([2, BLOCK_TO_BLOCK, IDENTIFICATION]));
    // ROD token features: none of them remote; how long they live unused.
    let mut features = Vec::from([0; 12]);
    for seconds in [0, INACTIVITY_MAX, INACTIVITY_MAX] {
        features.extend(seconds.to_be_bytes());
    }
    features.resize(44, 0);
    descriptor(0x0106, features);
    // Supported ROD types: of both, tokens are taken; one is made.
    let mut types = Vec::from([0, 0, 0, 128]);
    for (kind, uses) in [(token::ZEROS, 0x02_u8), (token::ON_REFERENCE, 0x03)] {
        types.extend(kind.to_be_bytes());
        types.push(uses);
        types.extend([0; 59]);
    }
    descriptor(0x0108, types);
    // General copy operations.
    let mut general = Vec::new();
    for value in [u32::from(LISTS_MAX), u32::from(LISTS_MAX), transfer_bytes] {
        general.extend(value.to_be_bytes());
    }
    general.resize(32, 0);
    descriptor(0x8001, general);
    page
}
