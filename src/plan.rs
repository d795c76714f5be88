//! What it takes to make the process equal to the intent: runtime commands where HAProxy allows
//! it, else one reload, with the reason in words. Pure. The plan that is shown is the plan that is
//! carried out: `apply` makes no decisions.

mod backend;
mod cause;
mod certificate;
mod chain;
mod limits;
mod notes;
mod order;
mod outcome;
mod reason;
mod route;
mod server;
mod step;
mod structure;

use std::collections::BTreeMap;

use crate::{
    diff::{Differences, Held},
    haproxy::{Capabilities, Command},
    model::{Desired, Live, MapName, Note},
};

pub(crate) use self::outcome::tolerates_waiting;
pub use self::{
    cause::{Cause, Goal, leave_drift},
    limits::{Limit, limits},
    outcome::{Loading, Outcome, Report},
    reason::Reason,
    step::{
        Action, Awaited, FieldChange, Instruction, Mechanism, Needs, Object, Step, Summary, Turn,
    },
    structure::{Section, sections},
};

/// An ordered list of steps, and what surrounds it.
#[derive(Clone, Debug, Default)]
#[must_use = "a plan that nobody shows or applies changes nothing"]
pub struct Plan {
    /// The steps, by kind of object, and last those about notes alone.
    pub steps: Vec<Step>,
    /// The order in which the steps' `switch` parts must run, as indices into `steps`.
    pub switch_order: Vec<usize>,
    /// Whether HAProxy must load its configuration anew. Then every step is carried by that.
    pub reload: bool,
    /// What is sent after all steps of a plan without reload: the revision, for the notebook.
    pub closing: Vec<Command>,
    /// What operators set by hand and gw leaves alone.
    pub held: Vec<Held>,
}

/// What the planner knows besides the differences.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What is wanted.
    pub desired: &'a Desired,
    /// What runs.
    pub live: &'a Live,
    /// What the running version can do.
    pub capabilities: &'a Capabilities,
    /// The files that the process loaded, by path, where gw still has them: for showing what of a
    /// structure changed.
    pub loaded: &'a BTreeMap<String, std::sync::Arc<str>>,
    /// The files that are wanted.
    pub rendered: &'a BTreeMap<String, std::sync::Arc<str>>,
    /// The revision of the manifests.
    pub revision: &'a str,
    /// Whether the files on disk say something else than what is wanted.
    pub files_differ: bool,
}

/// Plans all that removes `differences`.
pub fn plan(differences: &Differences<'_>, context: Context<'_>) -> Plan {
    let mut steps = Vec::new();
    steps.extend(structure::steps(differences, context));
    steps.extend(certificate::steps(differences, context));
    let backends = backend::steps(differences, context);
    let servers = server::steps(differences, context);
    let first_maker = steps.len();
    steps.extend(backends);
    steps.extend(servers);
    let makers = order::makers(&steps, first_maker, context.live);
    steps.extend(route::steps(differences, context, &makers));
    notes::add_to(&mut steps, differences, context);
    order::hold_removals(&mut steps);
    if steps.is_empty() && context.files_differ {
        steps.push(Step::files());
    }
    let reload = steps.iter().any(|step| step.mechanism == Mechanism::Reload);
    let mut closing = Vec::new();
    if reload {
        steps.iter_mut().for_each(Step::carry);
    } else if !steps.is_empty() {
        closing.extend(note_revision(context));
    }
    let switch_order = order::switch_order(&steps);
    Plan { steps, switch_order, reload, closing, held: differences.held.clone() }
}

/// The plan for an HAProxy that does not run: what it will find at its start.
pub fn plan_start(desired: &Desired) -> Plan {
    let mut steps = Vec::new();
    for (name, frontend) in &desired.frontends {
        let mut step =
            Step::new(Object::Frontend(name.to_string()), Action::Add, Reason::NotRunning);
        step.origin = frontend.origins.first().cloned();
        steps.push(step);
    }
    for (name, backend) in &*desired.backends {
        let mut step = Step::new(Object::Backend(name.clone()), Action::Add, Reason::NotRunning);
        step.origin = Some(backend.origin.clone());
        steps.push(step);
    }
    for map in [MapName::Exact, MapName::Prefix] {
        for (key, entry) in desired.routing.table(map) {
            let object = Object::Route(map, key.clone());
            let mut step = Step::new(object, Action::Add, Reason::NotRunning);
            step.origin.clone_from(&entry.origin);
            steps.push(step);
        }
    }
    if steps.is_empty() {
        steps.push(Step::files());
    }
    Plan { steps, reload: true, ..Plan::default() }
}

/// The command that notes the revision, where it is another one.
fn note_revision(context: Context<'_>) -> Option<Command> {
    note(context.live, &Note::Revision, Some(context.revision))
}

/// The command that makes a note say `value`, or nothing at all; `None` where it does already.
fn note(live: &Live, note: &Note, value: Option<&str>) -> Option<Command> {
    let key = note.to_string();
    let command = match (live.notes.get(note).map(String::as_str), value) {
        (present, wanted) if present == wanted => return None,
        (None, Some(value)) => Command::add_map(note.map(), &key, value),
        (Some(_), Some(value)) => Command::set_map(note.map(), &key, value),
        (Some(_), None) => Command::del_map(note.map(), &key),
        (None, None) => return None,
    };
    // Keys and values are names and digests; the revision is checked where it is read.
    command.ok()
}

/// The name that the runtime socket has for a routing map.
fn map_name(map: MapName) -> &'static str {
    map.file()
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether it gives certificates that are served another content, which gw can't judge itself.
    pub fn renews_certificates(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.object, Object::Certificate(_)))
    }

    /// The first reason for its reload; `None` where it takes none.
    pub fn reload_reason(&self) -> Option<&Reason> {
        let is_own = |reason: &&Reason| {
            reason.mechanism() == Mechanism::Reload && **reason != Reason::Carried
        };
        self.steps.iter().map(|step| &step.because).find(is_own)
    }

    /// How much is to be done.
    pub fn summary(&self) -> Summary {
        Summary::of(self.steps.iter())
    }
}
