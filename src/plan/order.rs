//! The order of steps: make before break, and no request without a target.

use std::{collections::BTreeMap, sync::Arc};

use crate::model::{BackendName, Live, MapName};

use super::step::{Action, Mechanism, Needs, Object, Step, Turn};

/// The steps that make whole backends, or the first servers of one, by backend: what turns requests
/// to it needs its step.
pub(super) fn makers(steps: &[Step], from: usize, live: &Live) -> BTreeMap<BackendName, usize> {
    let serves = |name: &BackendName| {
        let mut servers = live.backends.get(name.as_str()).into_iter().flat_map(BTreeMap::values);
        servers.any(|server| server.up && !server.maintenance)
    };
    steps
        .iter()
        .enumerate()
        .skip(from)
        .filter(|(_, step)| step.action == Action::Add)
        .filter_map(|(index, step)| match &step.object {
            Object::Backend(name) => Some((name.clone(), index)),
            Object::Server(name, _) if !serves(name) => Some((name.clone(), index)),
            Object::Settings
            | Object::Frontend(_)
            | Object::Certificate(_)
            | Object::Server(..)
            | Object::Route(..)
            | Object::Files => None,
        })
        .collect()
}

/// Keeps servers in place until all that are added to their backend are up: a backend is never
/// left without the old servers while the new ones are not there yet.
pub(super) fn hold_removals(steps: &mut [Step]) {
    let mut added: BTreeMap<BackendName, Vec<usize>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        if let (Object::Server(backend, _), Action::Add) = (&step.object, step.action) {
            added.entry(backend.clone()).or_default().push(index);
        }
    }
    let added: BTreeMap<BackendName, Arc<[usize]>> =
        added.into_iter().map(|(backend, indices)| (backend, indices.into())).collect();
    for step in steps {
        if let (Object::Server(backend, _), Action::Remove) = (&step.object, step.action)
            && let Some(indices) = added.get(backend)
        {
            step.needs.push(Needs::Steps(Arc::clone(indices)));
        }
    }
}

/// The order of the second wave: backends are published, then routes are added and changed from
/// the most specific to the least, then removed from the least specific to the most. See
/// [`Rank`](crate::model::Rank) for why no request is lost.
pub(super) fn switch_order(steps: &[Step]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..steps.len())
        .filter(|&index| {
            steps[index].mechanism == Mechanism::Runtime && !steps[index].switch.is_empty()
        })
        .collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&steps[a], &steps[b]);
        a.turn.cmp(&b.turn).then_with(|| match a.turn {
            // `None`, which is no routing entry, must come first here.
            Turn::Early => {
                a.rank.is_some().cmp(&b.rank.is_some()).then_with(|| b.rank.cmp(&a.rank))
            }
            Turn::Late => a.rank.cmp(&b.rank),
        })
    });
    order
}

/// Whether entries of this map are looked up by host.
pub(super) fn is_by_host(map: MapName) -> bool {
    match map {
        MapName::Exact | MapName::Prefix | MapName::Hosts => true,
        MapName::Splits | MapName::Methods => false,
    }
}

#[cfg(test)]
mod tests;
