//! How is one case run from end to end? Set up, needs, steps, what is left; in the simulator twice, to compare the hashes.

use super::failure::{Class, Failure};
use super::needs;
use super::offers::{self, Offers};
use super::scope::Outcome;
use super::setup::{self, Builtin, INITIATOR_NAME, Vars, builtin};
use super::sim::SimLab;
use super::state::{Defaults, State};
use super::tcp::TcpLab;
use crate::scenario::expr::Value;
use crate::scenario::units::Nanos;
use crate::scenario::{Case, Scenario};
use crate::trace::Record;
use initiator_sim::world::{Keep, Moment, World};
use std::cell::{OnceCell, RefCell};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};

/// Where scenarios run.
#[derive(Clone, Debug)]
pub enum Backend {
    /// The seeded world.
    Simulator,
    /// A target on the network.
    Tcp(TcpOptions),
}

/// A target on the network.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its name.
    pub target: String,
    /// CHAP name and secret of the initiator.
    pub chap: Option<(String, String)>,
    /// CHAP name and secret of the target.
    pub mutual: Option<(String, String)>,
    /// What it said when it was asked; asked once, also by clones.
    offers: Arc<OnceLock<Result<Offers, String>>>,
}

impl TcpOptions {
    /// A target that is reached without credentials.
    pub fn new(address: SocketAddr, target: impl Into<String>) -> Self {
        Self { address, target: target.into(), chap: None, mutual: None, offers: Arc::default() }
    }

    fn defaults(&self) -> Defaults {
        Defaults {
            initiator: INITIATOR_NAME.to_owned(),
            target: self.target.clone(),
            chap: self.chap.clone(),
        }
    }

    fn offers(&self) -> &Result<Offers, String> {
        self.offers.get_or_init(|| offers::ask(Box::new(TcpLab::new(self.address)), self.defaults()))
    }
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where.
    pub backend: Backend,
    /// Another seed than the scenario's.
    pub seed: Option<u64>,
    /// Run a second time and compare.
    pub twice: bool,
    /// Keep the simulator's moments, for captures and pages.
    pub moments: bool,
}

/// How it ended.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Everything held.
    Passed,
    /// Something did not.
    Failed(Box<Failure>),
    /// It could not be run here, for this reason.
    Skipped(String),
}

/// One case that ran.
#[derive(Clone, Debug)]
pub struct Report {
    /// Scenario.
    pub name: String,
    /// Case of the matrix, or empty.
    pub label: String,
    /// How it ended.
    pub verdict: Verdict,
    /// The seed.
    pub seed: u64,
    /// Time that passed, virtual in the simulator.
    pub time: Nanos,
    /// Hash of everything that happened in the simulator.
    pub hash: Option<u64>,
    /// What happened: PDUs, and in the simulator probe events.
    pub records: Vec<Record>,
    /// What happened in the simulator moment by moment, if that was asked for.
    pub moments: Vec<Moment>,
}

/// A run that came to an end, whichever.
struct Ran {
    verdict: Verdict,
    time: Nanos,
    hash: Option<u64>,
    records: Vec<Record>,
    moments: Vec<Moment>,
}

/// Runs a case.
pub fn run(scenario: &Scenario, case: &Case, options: &Options) -> Report {
    let seed = options.seed.unwrap_or(scenario.seed);
    let reseeded = (seed != scenario.seed).then(|| Scenario { seed, ..scenario.clone() });
    let scenario = reseeded.as_ref().unwrap_or(scenario);
    let lack = OnceCell::new();
    let mut ran = once(scenario, case, options, Turn { keep: true, lack: &lack });
    if options.twice && matches!(options.backend, Backend::Simulator) && ran.hash.is_some() {
        let second = once(scenario, case, options, Turn { keep: false, lack: &lack });
        if second.hash != ran.hash {
            let text =
                format!("two runs of seed {seed} differ: {:016x?} and {:016x?}", ran.hash, second.hash);
            ran.verdict = Verdict::Failed(Failure::new(Class::Diverged, "hash", text));
        }
    }
    Report {
        name: scenario.name.clone(),
        label: case.label.clone(),
        verdict: ran.verdict,
        seed,
        time: ran.time,
        hash: ran.hash,
        records: ran.records,
        moments: ran.moments,
    }
}

impl Ran {
    fn ended(verdict: Verdict) -> Self {
        Self { verdict, time: 0, hash: None, records: Vec::new(), moments: Vec::new() }
    }

    fn script(text: String) -> Self {
        Self::ended(Verdict::Failed(Failure::new(Class::Script, "setup", text)))
    }
}

/// One run of two.
#[derive(Clone, Copy)]
struct Turn<'a> {
    /// Keep what is needed for the golden trace.
    keep: bool,
    /// What the target lacks, once it was asked.
    lack: &'a OnceCell<Option<String>>,
}

/// A bug of the lab itself must not end the whole run.
fn once(scenario: &Scenario, case: &Case, options: &Options, turn: Turn<'_>) -> Ran {
    let run = || match &options.backend {
        Backend::Simulator => simulate(scenario, case, turn, options.moments && turn.keep),
        Backend::Tcp(tcp) => over_tcp(scenario, case, tcp),
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().cloned();
        let text =
            text.or_else(|| payload.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default();
        Ran::ended(Verdict::Failed(Failure::new(
            Class::Panic,
            "lab",
            format!("the lab itself panicked: {text}"),
        )))
    })
}

fn simulate(scenario: &Scenario, case: &Case, turn: Turn<'_>, moments: bool) -> Ran {
    let made = variables(scenario, case, builtin(scenario)).and_then(|vars| {
        // Probe steps look at what is kept, so both runs keep it; the wire is for the trace alone.
        let keep = Keep { wire: turn.keep, probes: true, moments, ..Keep::default() };
        setup::setup(scenario, &vars, keep).map(|setup| (vars, setup))
    });
    let (vars, setup) = match made {
        Ok(made) => made,
        Err(error) => return Ran::script(error),
    };
    let world = || World::new(setup.world.clone()).map(|world| SimLab::new(world, setup.portal));
    let lab = match world() {
        Ok(lab) => lab,
        Err(error) => return Ran::script(format!("target.{error}")),
    };
    let defaults = Defaults { initiator: INITIATOR_NAME.to_owned(), target: setup.target_name, chap: None };
    if needs::needs_asking(scenario) {
        let lack = turn.lack.get_or_init(|| {
            let asked = world().map_err(|error| error.to_string());
            lacking(scenario, &asked.and_then(|lab| offers::ask(Box::new(lab), defaults.clone())))
        });
        if let Some(why) = lack {
            return Ran::ended(Verdict::Skipped(why.clone()));
        }
    }
    let mut state = State::new(Box::new(lab), scenario.limits);
    state.block_sizes = setup.block_sizes;
    carry_out(state, scenario, vars, defaults)
}

/// Why a scenario that has to ask cannot run.
fn lacking(scenario: &Scenario, offers: &Result<Offers, String>) -> Option<String> {
    match offers {
        Ok(offers) => needs::lacking(scenario, offers),
        Err(why) => {
            needs::needs_asking(scenario).then(|| format!("cannot ask the target what it offers: {why}"))
        }
    }
}

/// Runs over TCP so far: what keeps their sessions apart.
static RUNS: AtomicU16 = AtomicU16::new(1);

/// The matrix comes before what the files say.
fn variables(scenario: &Scenario, case: &Case, builtin: Builtin) -> Result<Vars, String> {
    let chosen = |name: &String| case.vars.iter().any(|(known, _)| known == name);
    let others: Vec<_> = scenario.vars.iter().filter(|(name, _)| !chosen(name)).cloned().collect();
    Vars::new(builtin, &[&case.vars, &others])
}

fn over_tcp(scenario: &Scenario, case: &Case, tcp: &TcpOptions) -> Ran {
    if let Some(why) = needs::unfit(scenario, tcp) {
        return Ran::ended(Verdict::Skipped(why));
    }
    // Where nothing can be asked, the scenario itself says best what is wrong.
    let offers = tcp.offers();
    let known = offers.as_ref().ok();
    if let Some(why) =
        lacking(scenario, offers).or_else(|| known.and_then(|offers| needs::at_odds(scenario, offers)))
    {
        return Ran::ended(Verdict::Skipped(why));
    }
    let mut builtin = Builtin::default();
    if let Some((block, capacity)) = known.and_then(|offers| offers.disk) {
        (builtin.block, builtin.capacity) = (block, capacity);
    }
    if let Some(chap) = &tcp.chap {
        builtin.chap.clone_from(chap);
    }
    if let Some(mutual) = &tcp.mutual {
        builtin.mutual.clone_from(mutual);
    }
    let block = builtin.block;
    let vars = match variables(scenario, case, builtin) {
        Ok(vars) => vars,
        Err(error) => return Ran::script(error),
    };
    let mut state = State::new(Box::new(TcpLab::new(tcp.address)), scenario.limits);
    state.patience = 5_000_000_000;
    state.silence_max = 1_000_000_000;
    state.isid_base = RUNS.fetch_add(1, Ordering::Relaxed);
    state.block_sizes.insert(0, block);
    // A scenario about CHAP says itself who presents what.
    let chap = tcp.chap.clone().filter(|_| !needs::is_about_chap(scenario));
    carry_out(state, scenario, vars, Defaults { chap, ..tcp.defaults() })
}

fn carry_out(mut state: State, scenario: &Scenario, vars: Vars, defaults: Defaults) -> Ran {
    state.tolerate.clone_from(&scenario.tolerate);
    state.vars = vars.0;
    state.vars.insert("target".to_owned(), Value::Text(defaults.target.clone()));
    state.vars.insert("initiator".to_owned(), Value::Text(defaults.initiator.clone()));
    state.defaults = defaults;
    let shared = RefCell::new(state);
    let outcome: Outcome<()> = super::finish::carry_out(&shared, scenario);
    let mut state = shared.into_inner();
    let time = state.now();
    let hash = state.lab.world().map(|world| world.trace_hash());
    let seen = std::mem::take(&mut state.records);
    let moments = state.lab.world().map(World::take_moments).unwrap_or_default();
    let records = match state.lab.world() {
        Some(world) => super::record::with_links(super::record::records(world), seen),
        None => seen,
    };
    Ran { verdict: outcome.map_or_else(Verdict::Failed, |()| Verdict::Passed), time, hash, records, moments }
}
