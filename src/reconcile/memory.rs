//! What a long-running gw remembers of its last pass, so that the next one can look at less. It is
//! never believed about the process: what a plan touches is read anew, and any sign of another
//! process or generation voids it.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    diff::Scope,
    intent::Intent,
    model::{BackendName, Desired, Live, Note, Process, ServerNote},
    plan::{Object, Plan},
};

use super::Disk;

/// The last state that was reached.
#[derive(Debug)]
pub(super) struct Memory {
    desired: Desired,
    process: Process,
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
        let changed = crate::diff::merge_join(&*old.backends, &*new.backends)
            .filter(|(_, old, new)| match (old, new) {
                (Some(old), Some(new)) => !Arc::ptr_eq(old, new),
                (_, _) => true,
            })
            .map(|(name, _, _)| name.clone())
            .collect();
        let routing =
            !Arc::ptr_eq(&old.routing, &new.routing) || old.certificates != new.certificates;
        Scope { backends: Some(changed), routing }
    }
}

/// What a plan touches, for reading back.
pub(super) fn touched(plan: &Plan) -> Scope {
    let mut backends: BTreeSet<BackendName> = BTreeSet::new();
    let mut routing = false;
    for step in &plan.steps {
        match &step.object {
            Object::Backend(name) | Object::Server(name, _) => {
                backends.insert(name.clone());
            }
            Object::Route(..) | Object::Certificate(_) => routing = true,
            Object::Settings | Object::Frontend(_) | Object::Files => {}
        }
    }
    Scope { backends: Some(backends), routing }
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
