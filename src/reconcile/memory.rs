//! What a long-running gw remembers of its last pass, so that the next one can look at less. It is
//! never believed about the process: what a plan touches is read anew, and any sign of another
//! process or generation voids it.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    diff::{Scope, merge_join},
    intent::Intent,
    model::{BackendName, Desired, Live, Note, Process, ServerNote},
    plan::{Object, Plan},
};

use super::Disk;

/// The fields that a dear command reads back.
const LIMITS: [&str; 2] = ["maxconn", "backup"];
/// Of so many backends the limits are read one by one. HAProxy looks each up among all, so that a
/// few hundred cost as much as a dump of everything.
const LIMITS_MAX: usize = 200;

/// The last state that was reached.
pub(super) struct Memory {
    pub(super) desired: Desired,
    pub(super) process: Process,
    pub(super) disk: Disk,
}

impl Memory {
    pub(super) fn new(intent: &Intent, process: Process, disk: Disk) -> Self {
        Self { desired: intent.desired.clone(), process, disk }
    }

    /// Whether what was read is of the same process and disk.
    pub(super) fn is_about(&self, live: &Live, disk: &Disk) -> bool {
        self.process == live.process && self.disk.current == disk.current
    }

    /// What differs between the remembered intent and this one: what has to be read.
    pub(super) fn scope(&self, intent: &Intent) -> Scope {
        let (old, new) = (&self.desired, &intent.desired);
        let mut changed = BTreeSet::new();
        let mut limits = false;
        for (name, old, new) in merge_join(&*old.backends, &*new.backends) {
            let same = matches!((old, new), (Some(old), Some(new)) if Arc::ptr_eq(old, new));
            if !same {
                limits |= old.into_iter().chain(new).any(|backend| backend.has_limits());
                changed.insert(name.clone());
            }
        }
        let routing =
            !Arc::ptr_eq(&old.routing, &new.routing) || old.certificates != new.certificates;
        narrow(changed, limits, routing)
    }
}

/// What a plan touches, for reading back.
pub(super) fn touched(plan: &Plan, desired: &Desired) -> Scope {
    let mut backends: BTreeSet<BackendName> = BTreeSet::new();
    let mut limits = false;
    let mut routing = false;
    for step in &plan.steps {
        match &step.object {
            Object::Backend(name) | Object::Server(name, _) => {
                let wanted = desired.backends.get(name);
                limits |= step.fields.iter().any(|field| LIMITS.contains(&field.name.as_str()))
                    || wanted.is_some_and(|backend| backend.has_limits());
                backends.insert(name.clone());
            }
            Object::Route(..) | Object::Certificate(_) => routing = true,
            Object::Settings | Object::Frontend(_) | Object::Files => {}
        }
    }
    narrow(backends, limits, routing)
}

/// These backends, unless it is cheaper to read all.
fn narrow(backends: BTreeSet<BackendName>, limits: bool, routing: bool) -> Scope {
    if limits && backends.len() > LIMITS_MAX {
        Scope::WHOLE
    } else {
        Scope { backends: Some(backends), limits, routing }
    }
}

/// The servers, as `backend/server`, that wait for their first good check.
pub(super) fn adding(live: &Live) -> BTreeSet<String> {
    live.notes
        .iter()
        .filter_map(|(note, value)| match note {
            Note::Server(backend, server) if value == ServerNote::Adding.as_str() => {
                Some(format!("{backend}/{server}"))
            }
            Note::Server(..)
            | Note::Revision
            | Note::Profile(_)
            | Note::Backend(_)
            | Note::Certificate(_)
            | Note::Weight(..) => None,
        })
        .collect()
}
