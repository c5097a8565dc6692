//! CHAP responses against values from elsewhere, so that one wrong order of fields cannot cancel itself out.

use crate::config::ChapAlgorithm;
use crate::conn::login::chap::respond;
use crate::wire::binary::to_hex;

/// Hashes of `id || secret || challenge` made with another implementation (Python's hashlib).
#[test]
fn responses_of_all_algorithms() {
    let challenge: alloc::vec::Vec<u8> = (0..16).collect();
    for (algorithm, response) in [
        (ChapAlgorithm::Md5, "0xc0f6812de48f082f6b7b18c823bed99c"),
        (ChapAlgorithm::Sha1, "0x6da1a16071de4c062c1bbb99c30e332488493d54"),
        (ChapAlgorithm::Sha256, "0xf64dc064a97945a99b0bb60cf950963aa0ecf962c0818dcb9da7273c376bb659"),
        (ChapAlgorithm::Sha3_256, "0x6e26074bc16aa22c977cbeabc71371c94ed2a61417167c729ef86c2411e36638"),
    ] {
        assert_eq!(to_hex(&respond(algorithm, 0x17, b"0123456789ab", &challenge)), response, "{algorithm:?}");
    }
}
