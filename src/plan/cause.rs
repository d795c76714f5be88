//! Whether a step follows from a commit, or from somebody who changed the process.

use std::{collections::BTreeMap, sync::Arc};

use crate::model::{Backend, Desired, Server};

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
    /// Tells drift from commits: `old` is what the current generation asks for, if there is one.
    pub fn attribute(&mut self, old: Option<Goal<'_>>, new: Goal<'_>) {
        for step in self.steps.iter_mut().filter(|step| step.cause != Cause::Hold) {
            step.cause = match old {
                Some(old) if is_same(step, old, new) => Cause::Drift,
                Some(_) | None => Cause::Commit,
            };
        }
    }
}

/// Whether both sides ask for the same of the step's object.
fn is_same(step: &Step, old: Goal<'_>, new: Goal<'_>) -> bool {
    match &step.object {
        // Which frontends there were the files tell, and the digest is over all of them.
        Object::Settings | Object::Frontend(_) => old.structure == new.structure,
        Object::Certificate(file) => old.files.get(file) == new.files.get(file),
        Object::Backend(name) => {
            let (old, new) = (old.desired.backends.get(name), new.desired.backends.get(name));
            match (old, new) {
                (Some(old), Some(new)) => {
                    let whole = step.action != Action::Change;
                    old.profile.name() == new.profile.name() && (!whole || have_same(old, new))
                }
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
        }
        Object::Server(backend, server) => {
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
