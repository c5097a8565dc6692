//! What is a scenario, once read? Plain values with their places in the file.

use super::data::Data;
use super::expr::Expr;
use super::matcher::Matcher;
use super::step::Step;
use super::units::Nanos;
use crate::golden::GoldenOptions;
use crate::yaml::{NodeId, Place};
use std::sync::Arc;
use target_core::config::AtomicWrites;

/// A text that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The file, from the root: `scenarios/ffp/x.scn.yaml`.
    pub name: String,
    /// Its text, to find places and to show lines.
    pub text: String,
}

/// A place in a source.
#[derive(Clone, Debug)]
pub struct At {
    /// Which text.
    pub source: Arc<Source>,
    /// Which node.
    pub node: NodeId,
}

impl At {
    /// Line and column.
    pub fn place(&self) -> Place {
        crate::yaml::place(&self.source.text, self.node)
    }

    /// `file:line`.
    pub fn show(&self) -> String {
        format!("{}:{}", self.source.name, self.place().line)
    }

    /// The line of the file, without its indentation.
    pub fn line(&self) -> &str {
        self.source.text.lines().nth(self.place().line - 1).unwrap_or_default().trim()
    }
}

/// How binding a scenario's clauses are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// MUST.
    #[default]
    Must,
    /// SHOULD.
    Should,
    /// MAY.
    May,
    /// Beyond the RFC: the implementation should survive it.
    Robust,
}

impl Level {
    /// All, by name.
    pub const ALL: [(&'static str, Self); 4] =
        [("must", Self::Must), ("should", Self::Should), ("may", Self::May), ("robust", Self::Robust)];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, level)| *level == self).map_or("must", |(name, _)| name)
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, level)| *level)
    }
}

/// A scenario with everything it extends and uses.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `topic/name`.
    pub name: String,
    /// The file.
    pub source: Arc<Source>,
    /// What is checked.
    pub title: String,
    /// Clauses.
    pub req: Vec<String>,
    /// How binding they are.
    pub level: Level,
    /// Words to select by.
    pub tags: Vec<String>,
    /// What the implementation has to have.
    pub needs: Vec<String>,
    /// Seed of the world.
    pub seed: u64,
    /// The target in the simulator.
    pub target: TargetSpec,
    /// The network in the simulator.
    pub net: NetSpec,
    /// Variables in the order of the files.
    pub vars: Vec<(String, Expr)>,
    /// Variables that take several values.
    pub matrix: Matrix,
    /// What happens.
    pub steps: Vec<Step>,
    /// Faults attached to steps.
    pub faults: Vec<PlannedFault>,
    /// A known failure.
    pub xfail: Option<Xfail>,
    /// Rules of findings that it provokes.
    pub tolerate: Vec<String>,
    /// What the golden trace shows.
    pub golden: GoldenOptions,
    /// Where a run is given up.
    pub limits: RunLimits,
}

/// A known failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xfail {
    /// Why.
    pub reason: String,
    /// Which failure.
    pub signature: Option<String>,
}

/// Where a run is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Virtual time.
    pub virtual_time: Nanos,
    /// Events of the world.
    pub events: u64,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self { virtual_time: 3_600_000_000_000, events: 1_000_000 }
    }
}

/// Variables and the values they take.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// In the order of the file.
    pub axes: Vec<(String, Vec<Expr>)>,
    /// Any so many values meet in some case; `None` for all combinations.
    pub strength: Option<usize>,
}

/// A fault at the PDUs of a step.
#[derive(Clone, Debug)]
pub struct PlannedFault {
    /// Where it stands.
    pub at: At,
    /// The step's id.
    pub step: String,
    /// Which of its PDUs.
    pub pdu: u32,
    /// From the target.
    pub inward: bool,
    /// Which connection.
    pub on: String,
    /// What.
    pub verbs: Vec<FaultVerb>,
    /// No error if it never hits.
    pub maybe: bool,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the key of its name in the fault table")]
pub enum FaultVerb {
    Split(u32),
    Coalesce(u32),
    Delay(Nanos),
    Hold,
    Stall(Nanos),
    Reset,
    HalfClose,
    Close,
    CorruptBit { byte: u32, bit: u8 },
    Drop,
    Dup,
    Swap,
    CorruptField { field: String, value: u64, fix_digest: bool },
}

/// The simulated target; what is `None` or empty has its default.
#[derive(Clone, Debug, Default)]
pub struct TargetSpec {
    /// The target that logins go to.
    pub main: OneTarget,
    /// Further targets.
    pub more: Vec<OneTarget>,
    /// Who may open a discovery session.
    pub discovery_auth: Option<AuthSpec>,
    /// Address and group.
    pub portals: Vec<(std::net::SocketAddr, u16)>,
    /// What is offered, by key.
    pub params: Vec<(String, Expr, At)>,
    /// Bounds by name.
    pub limits: Vec<(String, u64, At)>,
    /// Times by name.
    pub timers: Vec<(String, Nanos, At)>,
    /// Time of a storage operation.
    pub latency: Option<LatencySpec>,
}

/// One target of the node.
#[derive(Clone, Debug, Default)]
pub struct OneTarget {
    /// Its name.
    pub name: Option<Expr>,
    /// Its alias.
    pub alias: Option<Expr>,
    /// Its logical units.
    pub luns: Option<Vec<LunSpec>>,
    /// Who may log in.
    pub auth: Option<AuthSpec>,
    /// Initiators that may log in.
    pub initiators: Vec<Expr>,
    /// Where logins are sent, and whether for good.
    pub redirect: Option<(Expr, bool)>,
    /// Portal groups it is reached through; empty for all.
    pub groups: Vec<u16>,
    /// Target resets are refused.
    pub refuse_resets: bool,
}

/// CHAP secrets.
#[derive(Clone, Debug, Default)]
pub struct AuthSpec {
    /// Names and secrets of initiators.
    pub users: Vec<(Expr, Expr)>,
    /// Names of users, and of the initiator each belongs to.
    pub initiators: Vec<(Expr, Expr)>,
    /// Name and secret of the target.
    pub mutual: Option<(Expr, Expr)>,
    /// Algorithms by name.
    pub algorithms: Vec<String>,
}

/// A disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LunSpec {
    /// Its number.
    pub lun: u16,
    /// Blocks.
    pub blocks: u64,
    /// Bytes of a block.
    pub block_size: u32,
    /// Refuse writes.
    pub read_only: bool,
    /// WCE.
    pub write_cache: bool,
    /// Commands at once; 0 for no limit.
    pub queue_depth: u32,
    /// Seconds that a change of an access state takes.
    pub transition: u32,
    /// Blocks can be unmapped.
    pub thin: bool,
    /// Keeps records over a crash.
    pub keeps: bool,
    /// The medium can be taken out.
    pub removable: bool,
    /// Logical blocks of a physical block, as a power of two.
    pub physical_exponent: u8,
    /// What WRITE ATOMIC may write.
    pub atomic: AtomicWrites,
    /// Texts of INQUIRY: vendor, product, revision, serial.
    pub texts: [Option<String>; 4],
}

/// A distribution of times.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the key of its name in the latency table")]
pub enum LatencySpec {
    Fixed(Nanos),
    Uniform(Nanos, Nanos),
    Exp(Nanos, Nanos),
    /// Usual, slow, and how often slow in a million.
    Bimodal(Nanos, Nanos, u32),
    PerPair(Nanos, Nanos),
}

/// The simulated network.
#[derive(Clone, Debug, Default)]
pub struct NetSpec {
    /// Time from sending to arriving.
    pub latency: Option<LatencySpec>,
    /// Bytes of a segment.
    pub mss: Option<u64>,
    /// What is sent within this time arrives together.
    pub coalesce: Option<Nanos>,
    /// Bytes under way.
    pub buffer: Option<u64>,
    /// Lost segments in a million.
    pub loss: Option<u32>,
}

/// A CDB.
#[derive(Clone, Debug)]
pub enum Cdb {
    /// By name, with operands.
    Op(String, Vec<(String, Expr)>),
    /// As bytes.
    Bytes(Data),
}

/// Sense data.
#[derive(Clone, Debug, Default)]
pub struct SenseMatch {
    /// Member and matcher.
    pub members: Vec<(String, Matcher)>,
}
