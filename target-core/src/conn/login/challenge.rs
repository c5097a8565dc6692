//! CHAP challenges that are never repeated and that we know again (RFC 7143 9.2.1).
//!
//! A responder must refuse a challenge that it sent itself, on this connection or any other. Remembering every
//! challenge would cost memory that a flood of logins could exhaust, and forgetting old ones would let such a flood
//! reopen the attack. So a challenge carries its own mark: 16 unpredictable bytes, and 16 bytes of a hash over a key that only
//! this node knows and those bytes. Every challenge ever issued is recognised, with no memory at all.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Bytes of a challenge that are fresh.
const NONCE: usize = 16;
/// Length of a challenge in bytes.
pub(crate) const CHALLENGE_LEN: usize = 32;

/// Makes challenges and recognises them.
#[derive(Clone)]
pub(crate) struct Challenges {
    key: [u8; 32],
}

impl core::fmt::Debug for Challenges {
    /// Never shows the key.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Challenges").finish_non_exhaustive()
    }
}

impl Challenges {
    /// With a key of 32 random bytes, drawn once for the node.
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// A challenge out of fresh random bytes.
    pub(crate) fn issue(&self, rng: &mut dyn FnMut(&mut [u8])) -> [u8; CHALLENGE_LEN] {
        let mut challenge = [0; CHALLENGE_LEN];
        let (nonce, mark) = challenge.split_at_mut(NONCE);
        rng(nonce);
        mark.copy_from_slice(&self.mark(nonce));
        challenge
    }

    /// Whether a challenge was issued here, on whatever connection.
    pub(crate) fn is_ours(&self, challenge: &[u8]) -> bool {
        challenge.len() == CHALLENGE_LEN && {
            let (nonce, mark) = challenge.split_at(NONCE);
            self.mark(nonce).ct_eq(mark).into()
        }
    }

    fn mark(&self, nonce: &[u8]) -> [u8; CHALLENGE_LEN - NONCE] {
        // The key and the nonce have fixed lengths, so a plain prefix hash cannot be extended into another mark.
        let hash =
            Sha256::new().chain_update(self.key).chain_update(b"iscsi chap").chain_update(nonce).finalize();
        let mut mark = [0; CHALLENGE_LEN - NONCE];
        for (to, from) in mark.iter_mut().zip(hash.iter()) {
            *to = *from;
        }
        mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> impl FnMut(&mut [u8]) {
        let mut n = 0_u8;
        move |out: &mut [u8]| {
            n += 1;
            out.fill(n);
        }
    }

    #[test]
    fn every_challenge_ever_issued_is_recognised() {
        let (ours, theirs) = (Challenges::new([7; 32]), Challenges::new([8; 32]));
        let mut rng = counter();
        let first = ours.issue(&mut rng);
        for _ in 0..200 {
            assert_ne!(ours.issue(&mut rng), first);
        }
        assert!(ours.is_ours(&first));
        assert!(!theirs.is_ours(&first));
        for bit in 0..8 * CHALLENGE_LEN {
            let mut other = first;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!ours.is_ours(&other));
        }
        assert!(!ours.is_ours(&first[..31]));
        assert!(!ours.is_ours(&[]));
    }
}
