//! What does the initiator answer when the target proposes a key? (RFC 7143 6.2)

use super::keys::{KeyRule, key_rule, number};

/// The answer of an initiator that takes what it is offered where the rules admit it.
pub(super) fn answer_to(key: &str, offer: &str) -> String {
    let inside = |low: u64, high: u64| number(offer).is_some_and(|n| (low..=high).contains(&n));
    let answer = match key_rule(key) {
        None => "NotUnderstood",
        Some(KeyRule::Obsolete) => "Reject",
        Some(KeyRule::Minimum(low, high) | KeyRule::Maximum(low, high)) if inside(low, high) => offer,
        Some(KeyRule::And | KeyRule::Or) if matches!(offer, "Yes" | "No") => offer,
        Some(KeyRule::List) => {
            let known = |value: &&str| match key {
                "HeaderDigest" | "DataDigest" => matches!(*value, "CRC32C" | "None"),
                "TaskReporting" => matches!(*value, "RFC3720" | "ResponseFence" | "FastAbort"),
                _ => *value == "None",
            };
            offer.split(',').find(known).unwrap_or("Reject")
        }
        Some(_) => "Reject",
    };
    answer.to_owned()
}

#[cfg(test)]
mod tests {
    use super::answer_to;

    #[test]
    fn answers_are_admissible() {
        for (key, offer, answer) in [
            ("MaxBurstLength", "65536", "65536"),
            ("MaxBurstLength", "1", "Reject"),
            ("InitialR2T", "No", "No"),
            ("InitialR2T", "Maybe", "Reject"),
            ("HeaderDigest", "Y-x,CRC32C,None", "CRC32C"),
            ("AuthMethod", "KRB5", "Reject"),
            ("IFMarker", "Yes", "Reject"),
            ("X-org.example", "1", "NotUnderstood"),
        ] {
            assert_eq!(answer_to(key, offer), answer, "{key}={offer}");
        }
    }
}
