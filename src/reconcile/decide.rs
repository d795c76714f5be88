//! What of the differences is to be done, and whether that may be done.

use std::borrow::Cow;

use crate::{
    diff::Differences,
    guard::{self, Facts, Judgement, Limit},
    intent::Intent,
    model::{Contents, Desired, Live, Note},
    plan::{self, Cause, Goal, Plan, Step},
    render::read_back,
    service::Service,
    settings::DriftPolicy,
};

use super::{Disk, Reconciler};

/// How many objects a remark names.
const NAMED: usize = 5;

/// What the current generation asks for.
struct Before<'a> {
    desired: Cow<'a, Desired>,
    structure: String,
}

impl Before<'_> {
    fn goal<'a>(&'a self, disk: &'a Disk) -> Goal<'a> {
        Goal { desired: &self.desired, structure: &self.structure, files: &disk.files }
    }
}

impl Disk {
    /// How much the manifests of the current generation held.
    fn contents(&self) -> Option<Contents> {
        let current = self.current.as_ref()?;
        // An older gw did not count.
        Some(current.metadata.contents.unwrap_or_else(|| Contents::of(&read_back(&self.files), 0)))
    }
}

impl Reconciler {
    /// The plan, and the steps that would correct drift that is left alone.
    pub(super) fn decide(
        &self,
        mut differences: Differences<'_>,
        context: plan::Context<'_>,
        intent: &Intent,
        disk: &Disk,
        remarks: &mut Vec<String>,
    ) -> (Plan, Vec<Step>) {
        let live = context.live;
        let mut plan = plan::plan(&differences, context);
        let Some(before) = self.before(&plan, disk, live) else { return (plan, Vec::new()) };
        let (old, new) = (before.goal(disk), intent.goal());
        plan.attribute(old, new, live);
        let is_drift = |step: &&Step| step.cause == Cause::Drift;
        let drifted: Vec<Step> = plan.steps.iter().filter(is_drift).cloned().collect();
        if self.settings.drift == DriftPolicy::Correct || drifted.is_empty() {
            return (plan, Vec::new());
        }
        plan::leave_drift(&mut differences, old, new, live);
        let mut rest = plan::plan(&differences, context);
        if rest.reload {
            remarks.push(format!("the reload corrects what drifted: {}", named(&drifted)));
            return (plan, Vec::new());
        }
        rest.attribute(old, new, live);
        remarks.push(format!("drift is left alone: {}", named(&drifted)));
        (rest, drifted)
    }

    /// What the guards say about a plan, for HAProxy where it runs.
    pub(super) async fn judge(
        &self,
        plan: &Plan,
        intent: &Intent,
        disk: &Disk,
        running: Option<(&Live, &Service)>,
    ) -> Judgement {
        let old_workers = match (self.settings.guards.old_workers, running) {
            (Limit::At(_), Some((_, service))) if plan.reload => service.old_workers().await,
            (Limit::At(_) | Limit::Allow, _) => None,
        };
        let facts = Facts {
            plan,
            desired: &intent.desired,
            now: intent.contents(),
            before: disk.contents(),
            live: running.map(|(live, _)| live),
            old_workers,
        };
        guard::judge(&facts, &self.settings.guards)
    }

    /// What the current generation asks for, for telling drift from commits. `None` where there is
    /// none, or where the process has not come to it yet: then all is still to be done.
    fn before(&self, plan: &Plan, disk: &Disk, live: &Live) -> Option<Before<'_>> {
        let current = disk.current.as_ref()?;
        let is_there = live.notes.get(&Note::Revision) == Some(&current.metadata.revision);
        if plan.is_empty() || !is_there {
            return None;
        }
        let known = self.memory.as_ref().filter(|memory| memory.disk.current == disk.current);
        let desired = match known {
            Some(memory) => Cow::Borrowed(&memory.desired),
            None => Cow::Owned(read_back(&disk.files)),
        };
        Some(Before { desired, structure: current.metadata.structure.clone() })
    }
}

/// The objects of steps, the first few by name.
fn named(steps: &[Step]) -> String {
    let mut names: Vec<String> =
        steps.iter().take(NAMED).map(|step| step.object.to_string()).collect();
    match steps.len() - names.len() {
        0 => {}
        rest => names.push(format!("{rest} more")),
    }
    names.join(", ")
}
