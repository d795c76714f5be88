//! Whether a step follows from a commit, or from somebody who changed the process.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    diff::{BackendChange, Differences},
    model::{Backend, Desired, Live, Note, Server, ServerNote},
};

use super::{
    Plan,
    step::{Action, Object, Step},
};

/// Where the need for a step comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The manifests ask for something else than the generation that gw made last.
    #[default]
    Commit,
    /// They ask for the same as that, and the process differs.
    Drift,
    /// An operator's hold is to be set again, or is over.
    Hold,
    /// gw's own notes in the process are brought in line with it.
    Note,
}

/// What is, or was, to be reached.
#[derive(Clone, Copy, Debug)]
pub struct Goal<'a> {
    /// The intent.
    pub desired: &'a Desired,
    /// Its structure digest.
    pub structure: &'a str,
    /// Its files, by path.
    pub files: &'a BTreeMap<String, Arc<str>>,
}

impl Plan {
    /// Tells drift from commits: `old` is what the current generation asks for.
    pub fn attribute(&mut self, old: Goal<'_>, new: Goal<'_>, live: &Live) {
        let is_open = |step: &&mut Step| !matches!(step.cause, Cause::Hold | Cause::Note);
        for step in self.steps.iter_mut().filter(is_open) {
            let is_drift = is_drift(&step.object, step.action, (old, new), live);
            step.cause = if is_drift { Cause::Drift } else { Cause::Commit };
        }
    }
}

/// Leaves only the differences that a commit or a hold made: what remains to be done where drift is
/// left alone.
pub fn leave_drift(differences: &mut Differences<'_>, old: Goal<'_>, new: Goal<'_>, live: &Live) {
    let goals = (old, new);
    let is_drift = |object: Object, action| is_drift(&object, action, goals, live);
    if is_drift(Object::Settings, Action::Change) {
        differences.structure = None;
    }
    differences.backends.retain(|(name, change)| {
        let action = match change {
            BackendChange::Add(_) | BackendChange::Publish(_) => Action::Add,
            BackendChange::Remove(_) => Action::Remove,
            BackendChange::Profile { .. } => Action::Change,
        };
        !is_drift(Object::Backend(name.clone()), action)
    });
    differences.servers.retain_mut(|one| {
        let object = Object::Server(one.backend.clone(), one.server.clone());
        !is_drift(object, Action::Change) || one.change.keep_holds()
    });
    differences
        .entries
        .retain(|(map, key, _)| !is_drift(Object::Route(*map, (*key).to_owned()), Action::Change));
    differences
        .certificates
        .retain(|(file, _)| !is_drift(Object::Certificate((*file).to_owned()), Action::Change));
}

/// Whether both sides ask for the same of an object, and nothing of it is under way.
fn is_drift(
    object: &Object,
    action: Action,
    (old, new): (Goal<'_>, Goal<'_>),
    live: &Live,
) -> bool {
    match object {
        // Which frontends there were the files tell, and the digest is over all of them.
        Object::Settings | Object::Frontend(_) => old.structure == new.structure,
        Object::Certificate(file) => old.files.get(file) == new.files.get(file),
        Object::Backend(name) => {
            if live.unpublished.contains(name.as_str()) {
                return false;
            }
            let (old, new) = (old.desired.backends.get(name), new.desired.backends.get(name));
            match (old, new) {
                (Some(old), Some(new)) => {
                    let whole = action != Action::Change;
                    old.profile.name() == new.profile.name() && (!whole || have_same(old, new))
                }
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
        }
        Object::Server(backend, server) => {
            let note = live.notes.get(&Note::server(backend, server));
            let note = note.and_then(|note| note.parse().ok());
            if matches!(note, Some(ServerNote::Adding | ServerNote::Removing)) {
                return false;
            }
            let of = |goal: Goal<'_>| {
                goal.desired.backends.get(backend)?.servers.get(server).map(essence)
            };
            of(old) == of(new)
        }
        Object::Route(map, key) => {
            let of = |goal: Goal<'_>| {
                goal.desired.routing.table(*map).get(key).map(|entry| entry.value.clone())
            };
            of(old) == of(new)
        }
        Object::Files => false,
    }
}

fn have_same(old: &Backend, new: &Backend) -> bool {
    let both = old.servers.iter().zip(&new.servers);
    old.servers.len() == new.servers.len()
        && both.into_iter().all(|((a, old), (b, new))| a == b && essence(old) == essence(new))
}

/// What of a server a generation read back and a manifest have in common: files say `weight 0`
/// where a manifest says `drain`.
fn essence(server: &Server) -> impl PartialEq + use<> {
    (
        (server.address, server.port),
        (server.effective_weight(), server.names_weight()),
        (server.maxconn, server.backup),
        (server.in_maintenance(), server.state.is_some()),
    )
}

#[cfg(test)]
mod tests;
