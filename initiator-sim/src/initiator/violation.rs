//! What did the target do that it may not? A finding, with the clause that forbids it.

use core::fmt;

/// How binding the clause is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// A MUST, or something without which the protocol makes no sense.
    Must,
    /// A SHOULD.
    Should,
}

/// One breach, seen by the initiator in what it received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The clause: `rfc7143/SECTION-N` as the clause list numbers them, or `rfc7143/SECTION` where the rule is in
    /// the section's text or figure without being a numbered clause.
    pub rule: &'static str,
    /// How binding it is.
    pub strength: Strength,
    /// What was seen and what was expected, with the numbers.
    pub text: String,
}

impl Violation {
    pub(super) fn must(rule: &'static str, text: impl Into<String>) -> Violation {
        Violation { rule, strength: Strength::Must, text: text.into() }
    }

    pub(super) fn should(rule: &'static str, text: impl Into<String>) -> Violation {
        Violation { rule, strength: Strength::Should, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}
