//! CHAP: algorithms, responses, and what makes one believable (RFC 7143 9.2.1 and 12.1.3, RFC 1994).

use super::challenge::{CHALLENGE_LEN, Challenges};
use super::fault::LoginFault;
use crate::config::{AuthConfig, ChapAlgorithm};
use crate::wire::text;
use alloc::string::String;
use alloc::vec::Vec;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use sha3::Sha3_256;
use subtle::{Choice, ConstantTimeEq};

/// Longest binary value of CHAP_C and CHAP_R in bytes.
pub(super) const BINARY_BYTES_MAX: usize = 1024;

/// All four, for a configuration that does not say.
const ALL: [ChapAlgorithm; 4] =
    [ChapAlgorithm::Sha3_256, ChapAlgorithm::Sha256, ChapAlgorithm::Sha1, ChapAlgorithm::Md5];

/// The first algorithm of the initiator's list that is accepted. Entries that are no number, or not one of ours, are
/// passed over; there is no matching by prefix.
pub(super) fn choose(list: &str, auth: &AuthConfig) -> Option<ChapAlgorithm> {
    let accepted = if auth.algorithms.is_empty() { &ALL[..] } else { &auth.algorithms };
    text::list(list).take(if planted!(ChapFirstOnly) { 1 } else { usize::MAX }).find_map(|entry| {
        let number = text::number(entry)?;
        accepted.iter().copied().find(|algorithm| u64::from(*algorithm as u8) == number)
    })
}

/// The response to a challenge: a hash over identifier, secret and challenge (RFC 1994 4.1).
pub(super) fn respond(algorithm: ChapAlgorithm, id: u8, secret: &[u8], challenge: &[u8]) -> Vec<u8> {
    fn hash<D: Digest>(id: u8, secret: &[u8], challenge: &[u8]) -> Vec<u8> {
        // Of a secret of any length (rfc7143/9.2.1-2).
        D::new().chain_update([id]).chain_update(secret).chain_update(challenge).finalize().to_vec()
    }
    match algorithm {
        ChapAlgorithm::Md5 => hash::<Md5>(id, secret, challenge),
        ChapAlgorithm::Sha1 => hash::<Sha1>(id, secret, challenge),
        ChapAlgorithm::Sha256 if planted!(ChapSha1As7) => hash::<Sha1>(id, secret, challenge),
        ChapAlgorithm::Sha256 => hash::<Sha256>(id, secret, challenge),
        ChapAlgorithm::Sha3_256 => hash::<Sha3_256>(id, secret, challenge),
    }
}

/// A challenge that was sent and awaits its response.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) algorithm: ChapAlgorithm,
    pub(super) id: u8,
    pub(super) challenge: [u8; CHALLENGE_LEN],
}

/// What the initiator says to it.
pub(super) struct Said<'a> {
    pub(super) name: &'a str,
    pub(super) response: Vec<u8>,
    /// Identifier and challenge, if it wants the target to authenticate too.
    pub(super) mutual: Option<(u8, Vec<u8>)>,
}

/// A name whose secret was proven.
#[derive(Debug)]
pub(in crate::conn::login) struct Verified {
    name: String,
}

impl Verified {
    pub(in crate::conn::login) fn into_name(self) -> String {
        self.name
    }
}

/// The target's own name and response, when it was asked to authenticate.
pub(super) type Own = Option<(String, Vec<u8>)>;

/// Judges a response. The name that was proven must be one that `initiator` may use (rfc7143/9.2-9).
pub(super) fn verify(
    asked: &Asked,
    said: &Said<'_>,
    auth: &AuthConfig,
    initiator: &str,
    ours: &Challenges,
) -> Result<(Verified, Own), LoginFault> {
    if !planted!(ChapReflection) && said.mutual.as_ref().is_some_and(|(_, challenge)| ours.is_ours(challenge))
    {
        // rfc7143/9.2.1-12.
        return Err(LoginFault::ChapReflected);
    }
    // Every credential is tried, so the time taken does not tell which name exists.
    let (mut good, mut own) = (Choice::from(0), Choice::from(0));
    for credential in &auth.credentials {
        let expected = respond(asked.algorithm, asked.id, &credential.secret, &asked.challenge);
        let proven = credential.name.as_bytes().ct_eq(said.name.as_bytes()) & expected.ct_eq(&said.response);
        // rfc7143/9.2-6, rfc7143/9.2-7, rfc7143/9.2-8.
        let owners = &credential.initiators;
        let is_own = owners.is_empty() || owners.iter().any(|owner| owner.eq_ignore_ascii_case(initiator));
        good |= proven;
        own |= proven & Choice::from(u8::from(is_own));
    }
    if !bool::from(good) {
        // rfc7143/9.2-5, rfc7143/12.1.3-4.
        return Err(LoginFault::ChapResponse);
    }
    if !bool::from(own) {
        return Err(LoginFault::ChapIdentity);
    }
    if let Some(own) = &auth.mutual {
        let same = respond(asked.algorithm, asked.id, &own.secret, &asked.challenge).ct_eq(&said.response);
        if same.into() {
            // rfc7143/9.2.1-9.
            return Err(LoginFault::ChapSameSecret);
        }
    }
    let own = match (&said.mutual, &auth.mutual) {
        (None, _) => None,
        // rfc7143/12.1.3-5.
        (Some(_), None) => return Err(LoginFault::ChapNoMutual),
        (Some((id, challenge)), Some(own)) => {
            let id = if planted!(ChapMutualId) { &asked.id } else { id };
            Some((own.name.clone(), respond(asked.algorithm, *id, &own.secret, challenge)))
        }
    };
    Ok((Verified { name: said.name.into() }, own))
}
