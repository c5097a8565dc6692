//! Credentials in the configuration file: `[discovery]` and `[target.auth]`. Who proves what with which secret is looked at
//! over the whole file.

use super::reader::{At, Report, Section};
use std::collections::BTreeMap;
use std::ops::Range;
use target_core::config::{AuthConfig, ChapAlgorithm, Credential};

const ALGORITHMS: [(&str, ChapAlgorithm); 4] = [
    ("md5", ChapAlgorithm::Md5),
    ("sha1", ChapAlgorithm::Sha1),
    ("sha256", ChapAlgorithm::Sha256),
    ("sha3-256", ChapAlgorithm::Sha3_256),
];

/// RFC 7143 9.2.1: a shorter secret can be found by trying.
const SECRET_BYTES_MIN: usize = 12;

/// The secrets of a file with their places.
#[derive(Default)]
pub(super) struct Secrets {
    /// Name and secret that an initiator proves.
    initiators: Vec<(Credential, Range<usize>)>,
    /// Name and secret that a target proves.
    targets: Vec<(Credential, Range<usize>)>,
}

impl Secrets {
    /// RFC 7143 9.2.1: no secret serves both directions, whichever target it is for: a challenge could be reflected. One that
    /// several peers share lets each of them pass for the others, which is allowed and told.
    pub(super) fn judge(&self, report: &Report<'_>) {
        for (mutual, span) in &self.targets {
            if self.initiators.iter().any(|(initiator, _)| initiator.secret == mutual.secret) {
                report.wrong(span, "the secrets of the two directions must differ");
            }
        }
        for (what, list) in [("initiators", &self.initiators), ("targets", &self.targets)] {
            let mut names: BTreeMap<&[u8], &str> = BTreeMap::new();
            for (Credential { name, secret, .. }, span) in list {
                let first = *names.entry(secret).or_insert(name);
                if first != name {
                    report
                        .unwise(span, format!("the {what} {first:?} and {name:?} have the same CHAP secret"));
                }
            }
        }
    }
}

/// Reads and finishes one section of credentials.
pub(super) fn read(section: Option<Section<'_, '_>>, secrets: &mut Secrets) -> AuthConfig {
    let Some(section) = section else { return AuthConfig::default() };
    let mut credentials = Vec::new();
    for inner in section.sections("chap") {
        let span = inner.span.clone();
        let initiators = initiators(&inner);
        if let Some(credential) = credential(inner) {
            let credential = Credential { initiators, ..credential };
            secrets.initiators.push((credential.clone(), span));
            credentials.push(credential);
        }
    }
    let mutual = section.section("mutual").map(|inner| (inner.span.clone(), credential(inner)));
    let algorithms = section
        .texts("algorithms")
        .iter()
        .filter_map(|word| section.chosen("algorithms", word, &ALGORITHMS))
        .collect();
    let mutual = mutual.and_then(|(span, mutual)| {
        if credentials.is_empty() {
            section.wrong(
                &span,
                "mutual CHAP needs at least one entry in chap: the initiator proves itself first",
            );
        }
        secrets.targets.extend(mutual.clone().map(|credential| (credential, span)));
        mutual
    });
    if credentials.is_empty() && mutual.is_none() {
        // Who writes the section wants somebody to be asked; without an entry nobody would be.
        section
            .wrong(&section.span, "chap has no entry: leave the section out if nobody has to prove anything");
    }
    section.finish();
    AuthConfig { credentials, mutual, algorithms }
}

/// The initiators that a CHAP name belongs to.
fn initiators(section: &Section<'_, '_>) -> Vec<String> {
    let names = section
        .texts("initiators")
        .into_iter()
        .filter_map(|at| super::target_name(&at.value).map_err(|error| section.wrong(&at.span, error)).ok());
    names.collect()
}

fn credential(section: Section<'_, '_>) -> Option<Credential> {
    let name = section.text("name");
    let plain = section.text("secret").map(|At { value, span }| At { value: value.into_bytes(), span });
    let hex = section.parsed("secret_hex", hex);
    if name.is_none() {
        section.wrong(&section.span, "name is missing: the CHAP name (CHAP_N)");
    }
    let secret = match (plain, hex) {
        (Some(secret), None) | (None, Some(secret)) => Some(secret),
        (Some(_), Some(hex)) => {
            section.wrong(&hex.span, "give either secret or secret_hex");
            None
        }
        (None, None) => {
            section.wrong(&section.span, "secret or secret_hex is missing");
            None
        }
    };
    if let Some(secret) = secret.as_ref().filter(|secret| secret.value.len() < SECRET_BYTES_MIN) {
        let found = secret.value.len();
        section.wrong(
            &secret.span,
            format!("a CHAP secret has at least {SECRET_BYTES_MIN} bytes (96 bits), this one has {found}"),
        );
    }
    section.finish();
    Some(Credential { name: name?.value, secret: secret?.value, ..Credential::default() })
}

fn hex(text: &str) -> Result<Vec<u8>, &'static str> {
    const WHAT: &str = "an even number of hexadecimal digits";
    let digits = text.strip_prefix("0x").unwrap_or(text);
    // from_str_radix takes a sign as well.
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(WHAT);
    }
    let byte = |at: usize| digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..digits.len()).step_by(2).map(|at| byte(at).ok_or(WHAT)).collect()
}
