//! A whole file: the scenario, and the library files it extends and uses.

use super::parts::fault_verbs;
use super::{Body, Checked, Library, Problem, Read, Reader, expr};
use crate::golden::{GoldenOptions, Probes, Wire};
use crate::scenario::expr::Expr;
use crate::scenario::keys::{LIBRARY, SCENARIO};
use crate::scenario::model::{
    Level, Matrix, NetSpec, OneTarget, PlannedFault, RunLimits, Scenario, Source, TargetSpec, Xfail,
};
use crate::scenario::shape::{Kind, check};
use crate::scenario::step::{Action, Step};
use crate::yaml::{Node, ReadError, Value, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Deepest nesting of library files.
const OPEN_MAX: usize = 8;
/// Most cases of a matrix, before and after choosing.
const VALUES_MAX: usize = 64;

/// What a library file holds.
pub(super) struct LibraryFile {
    pub(super) params: Vec<(String, Expr)>,
    pub(super) steps: Vec<Step>,
    needs: Vec<String>,
    target: TargetSpec,
    net: NetSpec,
    vars: Vec<(String, Expr)>,
}

/// Reads a scenario; `name` is `topic/name`.
pub(in crate::scenario) fn scenario(
    name: &str,
    source: Source,
    library: &dyn Library,
) -> Result<Scenario, ReadError> {
    let root = parse(&source.name, &source.text)?;
    let source = Arc::new(source);
    let mut reader = Reader {
        source: Arc::clone(&source),
        prefix: String::new(),
        ordinals: BTreeMap::new(),
        library,
        open: Vec::new(),
    };
    let read = check(&root, &Kind::Map(&SCENARIO)).and_then(|()| reader.scenario(name, &root));
    read.map_err(|problem| problem.in_file(&source.name, &source.text))
}

/// Reads a library file as far as that does not depend on who uses it.
pub(in crate::scenario) fn library(source: Source) -> Result<Checked, String> {
    let root = parse(&source.name, &source.text).map_err(|error| error.to_string())?;
    check(&root, &Kind::Map(&LIBRARY))
        .map_err(|problem| problem.in_file(&source.name, &source.text).to_string())?;
    Ok(Checked { source: Arc::new(source), root })
}

impl Reader<'_> {
    fn scenario(&mut self, name: &str, root: &Node) -> Read<Scenario> {
        let body = Body::new(root, &SCENARIO);
        let base = match body.node("extends") {
            Some(node) => {
                let file = node.scalar_text().unwrap_or_default();
                let stem = file.trim_start_matches("lib/").trim_end_matches(".yaml").to_owned();
                self.read_library(&file, &stem).map_err(|error| Problem::new(node.id, error))?
            }
            None => LibraryFile::empty(),
        };
        let mut steps = base.steps;
        steps.extend(self.steps(body.node("steps"))?);
        unique_ids(&steps, root)?;
        let mut vars = base.params;
        vars.extend(base.vars);
        vars.extend(body.exprs("vars")?);
        let mut needs = base.needs;
        needs.extend(body.texts("needs"));
        let faults =
            body.items("faults").iter().map(|node| self.planned_fault(node, &steps)).collect::<Read<_>>()?;
        Ok(Scenario {
            name: name.to_owned(),
            source: Arc::clone(&self.source),
            title: body.name("title", ""),
            req: body.texts("req"),
            level: body.text("level").and_then(|text| Level::from_name(&text)).unwrap_or_default(),
            tags: body.texts("tags"),
            needs,
            seed: body.int("seed", u64::MAX)?.unwrap_or(0),
            target: merge_target(base.target, self.target_spec(body.node("target"))?),
            net: merge_net(base.net, self.net_spec(body.node("net"))?),
            vars,
            matrix: matrix(body.node("matrix"))?,
            steps,
            faults,
            xfail: body
                .node("xfail")
                .map(Body::free)
                .map(|body| Xfail { reason: body.name("reason", ""), signature: body.text("signature") }),
            tolerate: body.texts("tolerate"),
            golden: golden(body.node("golden")),
            limits: run_limits(body.node("limits"))?,
        })
    }

    /// Reads `lib/NAME.yaml`; its step ids begin with `prefix`. Errors already carry their own place.
    pub(super) fn read_library(&mut self, file: &str, prefix: &str) -> Result<LibraryFile, String> {
        if self.open.iter().any(|open| open == file) || self.open.len() >= OPEN_MAX {
            return Err(format!("{file} uses itself: {} -> {file}", self.open.join(" -> ")));
        }
        let checked = self.library.file(file)?;
        let Checked { source, root } = &*checked;
        let mut open = self.open.clone();
        open.push(file.to_owned());
        let mut inner = Reader {
            source: Arc::clone(source),
            prefix: prefix.to_owned(),
            ordinals: BTreeMap::new(),
            library: self.library,
            open,
        };
        inner.library_file(root).map_err(|problem| problem.in_file(&source.name, &source.text).to_string())
    }

    fn library_file(&mut self, root: &Node) -> Read<LibraryFile> {
        let body = Body::new(root, &LIBRARY);
        Ok(LibraryFile {
            params: body.exprs("params")?,
            steps: self.steps(body.node("steps"))?,
            needs: body.texts("needs"),
            target: self.target_spec(body.node("target"))?,
            net: self.net_spec(body.node("net"))?,
            vars: body.exprs("vars")?,
        })
    }

    fn planned_fault(&self, node: &Node, steps: &[Step]) -> Read<PlannedFault> {
        let body = Body::free(node);
        let place = body.node("at").unwrap_or(node);
        let at = Body::free(place);
        let step = at.name("step", "");
        if !all_ids(steps).contains(&step) {
            let ids = all_ids(steps);
            return Err(Problem::new(
                place.id,
                crate::yaml::unknown("step", &step, ids.iter().map(String::as_str)),
            ));
        }
        Ok(PlannedFault {
            at: self.at(node.id),
            step,
            pdu: at.small("pdu", u32::MAX, 0)?,
            inward: at.text("dir").is_some_and(|dir| dir == "in"),
            on: at.on(),
            verbs: fault_verbs(body.items("do"))?,
            maybe: body.bool("maybe").unwrap_or(false),
        })
    }
}

impl LibraryFile {
    fn empty() -> Self {
        Self {
            params: Vec::new(),
            steps: Vec::new(),
            needs: Vec::new(),
            target: TargetSpec::default(),
            net: NetSpec::default(),
            vars: Vec::new(),
        }
    }
}

/// All steps with those inside them, outermost first.
pub(in crate::scenario) fn walk<'a>(steps: &'a [Step], visit: &mut dyn FnMut(&'a Step)) {
    for step in steps {
        visit(step);
        match &step.action {
            Action::Par(branches) => branches.iter().for_each(|(_, steps)| walk(steps, visit)),
            Action::Repeat(repeat) => walk(&repeat.steps, visit),
            Action::Use(_, steps) => walk(steps, visit),
            _ => {}
        }
    }
}

fn all_ids(steps: &[Step]) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    walk(steps, &mut |step| {
        ids.insert(step.id.clone());
    });
    ids
}

fn unique_ids(steps: &[Step], root: &Node) -> Read<()> {
    let mut seen = BTreeSet::new();
    let mut twice = None;
    walk(steps, &mut |step| {
        if !seen.insert(step.id.clone()) {
            twice.get_or_insert((step.id.clone(), step.at.node));
        }
    });
    match twice {
        Some((id, at)) => {
            Err(Problem::new(at.max(root.id), format!("there are two steps with the id `{id}`")))
        }
        None => Ok(()),
    }
}

fn matrix(node: Option<&Node>) -> Read<Matrix> {
    let Some(node) = node else { return Ok(Matrix::default()) };
    let body = Body::free(node);
    let mut matrix =
        Matrix { axes: Vec::new(), strength: body.text("strength").and_then(|text| text.parse().ok()) };
    for entry in body.entries().iter().filter(|entry| entry.key != "strength") {
        let Value::List(items) = &entry.node.value else {
            return Err(Problem::new(entry.node.id, "a matrix variable takes a list of values"));
        };
        if items.is_empty() || items.len() > VALUES_MAX {
            return Err(Problem::new(
                entry.node.id,
                format!("a matrix variable takes 1 to {VALUES_MAX} values"),
            ));
        }
        matrix.axes.push((entry.key.clone(), items.iter().map(expr).collect::<Read<_>>()?));
    }
    Ok(matrix)
}

fn golden(node: Option<&Node>) -> GoldenOptions {
    let mut options = GoldenOptions::default();
    let Some(body) = node.map(Body::free) else { return options };
    match body.node("probes").map(|node| &node.value) {
        Some(Value::List(_)) => options.probes = Probes::Names(body.texts("probes")),
        Some(_) if body.text("probes").is_some_and(|text| text == "off") => options.probes = Probes::Off,
        _ => {}
    }
    options.wire = match body.text("wire").as_deref() {
        Some("full") => Wire::Full,
        Some("off") => Wire::Off,
        _ => Wire::Digest,
    };
    options
}

fn run_limits(node: Option<&Node>) -> Read<RunLimits> {
    let default = RunLimits::default();
    let Some(body) = node.map(Body::free) else { return Ok(default) };
    Ok(RunLimits {
        virtual_time: body.time("virtual")?.unwrap_or(default.virtual_time),
        events: body.count("events")?.unwrap_or(default.events),
    })
}

/// What the scenario says comes before what it extends; lists replace, maps are merged by key.
fn merge_target(base: TargetSpec, over: TargetSpec) -> TargetSpec {
    let main = OneTarget {
        name: over.main.name.or(base.main.name),
        alias: over.main.alias.or(base.main.alias),
        luns: over.main.luns.or(base.main.luns),
        auth: over.main.auth.or(base.main.auth),
        initiators: if over.main.initiators.is_empty() { base.main.initiators } else { over.main.initiators },
        redirect: over.main.redirect.or(base.main.redirect),
        groups: if over.main.groups.is_empty() { base.main.groups } else { over.main.groups },
        refuse_resets: over.main.refuse_resets || base.main.refuse_resets,
    };
    TargetSpec {
        main,
        more: if over.more.is_empty() { base.more } else { over.more },
        discovery_auth: over.discovery_auth.or(base.discovery_auth),
        portals: if over.portals.is_empty() { base.portals } else { over.portals },
        params: chain(base.params, over.params),
        limits: chain(base.limits, over.limits),
        timers: chain(base.timers, over.timers),
        latency: over.latency.or(base.latency),
    }
}

fn chain<T>(mut base: Vec<T>, over: Vec<T>) -> Vec<T> {
    base.extend(over);
    base
}

fn merge_net(base: NetSpec, over: NetSpec) -> NetSpec {
    NetSpec {
        latency: over.latency.or(base.latency),
        mss: over.mss.or(base.mss),
        coalesce: over.coalesce.or(base.coalesce),
        buffer: over.buffer.or(base.buffer),
        loss: over.loss.or(base.loss),
    }
}
