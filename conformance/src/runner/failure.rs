//! What went wrong, and how does one see that it is the same failure as yesterday's?
//!
//! The signature is class, step and site, never text, numbers or times: minimising and `xfail` compare it.

use crate::scenario::At;
use std::fmt;

/// What kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Something else came than was expected.
    Mismatch,
    /// Nothing came in time.
    Timeout,
    /// A PDU that no step expected.
    Unexpected,
    /// The connection ended while something was expected.
    Closed,
    /// The initiator found a clause broken in what it received.
    Finding,
    /// A check of the simulated world found something.
    Oracle,
    /// The core panicked.
    Panic,
    /// No progress, or the limits of the run were reached.
    Liveness,
    /// The scenario itself cannot be carried out.
    Script,
    /// A fault that never hit.
    UnusedFault,
    /// Two runs of the same seed were different.
    Diverged,
    /// The golden trace is another one.
    Golden,
    /// An expectation that nothing needs any more: an xfail that passes, a golden trace that is missing.
    Stale,
}

impl Class {
    /// Its name in signatures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mismatch => "mismatch",
            Self::Timeout => "timeout",
            Self::Unexpected => "unexpected",
            Self::Closed => "closed",
            Self::Finding => "finding",
            Self::Oracle => "oracle",
            Self::Panic => "panic",
            Self::Liveness => "liveness",
            Self::Script => "script",
            Self::UnusedFault => "unused-fault",
            Self::Diverged => "diverged",
            Self::Golden => "golden",
            Self::Stale => "stale",
        }
    }
}

/// A failure and everything a reader needs to understand it.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What kind.
    pub class: Class,
    /// Id of the step; empty if it belongs to none.
    pub step: String,
    /// The stable part of what went wrong: a PDU and a field, a rule, a verb.
    pub site: String,
    /// Where the step stands.
    pub at: Option<At>,
    /// One sentence.
    pub headline: String,
    /// Differences and the like, a line each.
    pub details: Vec<String>,
    /// What passed last on the wire, oldest first.
    pub last: Vec<String>,
    /// Virtual or real time since the start, ready to be read.
    pub time: String,
}

impl Failure {
    /// A failure, before it is known where and when.
    pub fn new(class: Class, site: impl Into<String>, headline: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            class,
            step: String::new(),
            site: site.into(),
            at: None,
            headline: headline.into(),
            details: Vec::new(),
            last: Vec::new(),
            time: String::new(),
        })
    }

    /// What `xfail` and the minimiser compare.
    pub fn signature(&self) -> String {
        format!("{} {} {}", self.class.name(), if self.step.is_empty() { "-" } else { &self.step }, self.site)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => {
                writeln!(f, "{}: {}", at.show(), self.headline)?;
                writeln!(f, "    {}", at.line())?;
            }
            None => writeln!(f, "{}", self.headline)?,
        }
        for line in &self.details {
            writeln!(f, "  {line}")?;
        }
        if !self.last.is_empty() {
            writeln!(f, "  the last PDUs:")?;
            for line in &self.last {
                writeln!(f, "    {line}")?;
            }
        }
        if !self.time.is_empty() {
            writeln!(f, "  at {}", self.time)?;
        }
        write!(f, "  signature: {}", self.signature())
    }
}
