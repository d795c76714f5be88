//! Guards: what gw doesn't do unless somebody says that it is meant. Pure.
//!
//! Each guard has a name, a setting, and one flag that overrides it and nothing else. There is no
//! way to override all of them at once.

mod policy;
mod refusal;

use crate::{
    model::{BackendName, Contents, Desired, Live, MapName, NO_BACKEND},
    plan::{Action, Mechanism, Object, Plan, Reason},
};

pub use self::{
    policy::{Limit, Policy, Stance},
    refusal::{Deletion, Guard, Refusal},
};

/// Below this number of objects a share says nothing: one of three is a third.
pub const COUNTS_MIN: usize = 10;

/// What a plan is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What is wanted.
    pub desired: &'a Desired,
    /// How much the source holds.
    pub now: Contents,
    /// How much it held when the current generation was made; `None` where there is none.
    pub before: Option<Contents>,
    /// What runs; `None` where HAProxy does not.
    pub live: Option<&'a Live>,
    /// How many workers of earlier configurations live; `None` where nobody can tell.
    pub old_workers: Option<usize>,
}

/// What the guards say about a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why it is not carried out.
    pub refusals: Vec<Refusal>,
    /// What only deserves a remark.
    pub warnings: Vec<Refusal>,
}

/// Judges a plan. One without steps does nothing, so that there is nothing to refuse.
pub fn judge(facts: &Facts<'_>, policy: &Policy) -> Judgement {
    let mut judgement = Judgement::default();
    if facts.plan.is_empty() {
        return judgement;
    }
    let mut add = |stance: Stance, refusal: Option<Refusal>| match stance {
        Stance::Refuse => judgement.refusals.extend(refusal),
        Stance::Warn => judgement.warnings.extend(refusal),
        Stance::Allow => {}
    };
    add(Stance::Refuse, mass_delete(facts, policy));
    add(policy.empty_backend, empty_backend(facts));
    add(Stance::Refuse, shrunk_source(facts, policy));
    if facts.plan.reload && facts.live.is_some() {
        add(policy.reload, Some(Refusal::Reload { reasons: reload_reasons(facts.plan) }));
        add(Stance::Refuse, old_workers(facts, policy));
    }
    judgement
}

/// A greater share of the servers, backends or routes is deleted than is allowed.
fn mass_delete(facts: &Facts<'_>, policy: &Policy) -> Option<Refusal> {
    let (Limit::At(percent), Some(live)) = (policy.mass_delete, facts.live) else { return None };
    let before = facts.before.unwrap_or_default();
    let gone = removed(facts.plan, live);
    let servers = live.backends.values().map(std::collections::BTreeMap::len).sum::<usize>();
    let routes = live.map(MapName::Exact).len() + live.map(MapName::Prefix).len();
    // Where only a part of the process was read, the generation tells how much there is.
    let deletions: Vec<Deletion> = [
        ("server", gone.servers, before.servers.max(servers)),
        ("backend", gone.backends, before.backends.max(live.backends.len())),
        ("route", gone.routes, before.routes.max(routes)),
    ]
    .into_iter()
    .map(|(kind, deleted, of)| Deletion { kind, deleted, of })
    .filter(|one| one.of >= COUNTS_MIN && one.deleted * 100 > one.of * percent)
    .filter(|one| one.deleted > policy.deletes)
    .collect();
    (!deletions.is_empty()).then_some(Refusal::MassDelete { deletions, percent })
}

/// How much a plan takes away.
fn removed(plan: &Plan, live: &Live) -> Contents {
    let mut gone = Contents::default();
    for step in plan.steps.iter().filter(|step| step.action == Action::Remove) {
        match &step.object {
            Object::Backend(name) => {
                gone.backends += 1;
                gone.servers +=
                    live.backends.get(name.as_str()).map_or(0, std::collections::BTreeMap::len);
            }
            Object::Server(..) => gone.servers += 1,
            Object::Route(MapName::Exact | MapName::Prefix, _) => gone.routes += 1,
            Object::Route(..)
            | Object::Settings
            | Object::Frontend(_)
            | Object::Certificate(_)
            | Object::Files => {}
        }
    }
    gone
}

/// Backends that stay and lose their last server, and routes that stay and lose their backend: requests
/// that were answered would not be any more.
fn empty_backend(facts: &Facts<'_>) -> Option<Refusal> {
    let steps = facts.plan.steps.iter();
    let mut backends: Vec<BackendName> = steps
        .clone()
        .filter(|step| step.action == Action::Remove)
        .filter_map(|step| match &step.object {
            Object::Server(backend, _) => Some(backend),
            Object::Settings
            | Object::Frontend(_)
            | Object::Certificate(_)
            | Object::Backend(_)
            | Object::Route(..)
            | Object::Files => None,
        })
        .filter(|name| {
            facts.desired.backends.get(*name).is_some_and(|backend| backend.servers.is_empty())
        })
        .cloned()
        .collect();
    backends.dedup();
    let loses_backend = |map: MapName, key: &str| {
        let wanted = facts.desired.routing.table(map).get(key);
        let running = facts.live.and_then(|live| live.map(map).get(key));
        wanted.zip(running).is_some_and(|(wanted, running)| {
            &*wanted.value == NO_BACKEND && running.value != NO_BACKEND
        })
    };
    let routes: Vec<String> = steps
        .filter(|step| match &step.object {
            Object::Route(map, key) => loses_backend(*map, key),
            _ => false,
        })
        .map(|step| step.object.to_string())
        .collect();
    let is_fine = backends.is_empty() && routes.is_empty();
    (!is_fine).then_some(Refusal::EmptyBackend { backends, routes })
}

/// The source lost much of what it held. Fewer files alone are no loss: they may have been merged.
/// An earlier generation has none at all.
fn shrunk_source(facts: &Facts<'_>, policy: &Policy) -> Option<Refusal> {
    let (Limit::At(percent), Some(before)) = (policy.shrunk_source, facts.before) else {
        return None;
    };
    let now = facts.now;
    let shrank = |before: usize, now: usize| {
        before >= COUNTS_MIN && before.saturating_sub(now) * 100 >= before * percent
    };
    let (was, is) = (before.objects(), now.objects());
    let emptied = was > 0 && is == 0;
    if emptied || shrank(was, is) {
        Some(Refusal::ShrunkSource { what: "object", before: was, now: is })
    } else if is < was && now.files > 0 && shrank(before.files, now.files) {
        Some(Refusal::ShrunkSource { what: "file", before: before.files, now: now.files })
    } else {
        None
    }
}

fn old_workers(facts: &Facts<'_>, policy: &Policy) -> Option<Refusal> {
    match (policy.old_workers, facts.old_workers) {
        (Limit::At(max), Some(alive)) if alive > max => Some(Refusal::OldWorkers { alive, max }),
        (Limit::At(_) | Limit::Allow, _) => None,
    }
}

/// Why a plan needs a reload, each reason once.
fn reload_reasons(plan: &Plan) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for step in &plan.steps {
        let reason = step.because.to_string();
        let is_own =
            step.because.mechanism() == Mechanism::Reload && step.because != Reason::Carried;
        if is_own && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

#[cfg(test)]
mod tests;
