//! What somebody else changed in the process, from pass to pass: found, set back, or left.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    plan::{Cause, Loading, Object, Outcome},
    report::{kind::Kind, pass::PassRecord},
};

/// Why an object differs still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Drift is only reported.
    Reported,
    /// It could not be set back, or not yet.
    Uncorrected,
}

impl Class {
    const ALL: [Self; 2] = [Self::Reported, Self::Uncorrected];

    fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Uncorrected => "uncorrected",
        }
    }
}

/// What is known of drift.
#[derive(Clone, Debug, Default)]
pub struct Drifting {
    /// How many objects were found to be changed by somebody else, since gw began. What differs still
    /// at the next look is no new one.
    pub found: u64,
    left: BTreeMap<Object, Class>,
    /// What gw's own changes left to do. The planner can't tell that from drift where the process has
    /// come to the revision nevertheless, as after a reload.
    unfinished: BTreeSet<Object>,
}

impl Drifting {
    /// How many objects differ still.
    pub fn left(&self) -> usize {
        self.left.len()
    }

    /// The same for each kind of object and each reason why: their words, and how many.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, &'static str, usize)> {
        let pairs = Kind::ALL.iter().flat_map(|kind| Class::ALL.map(|class| (*kind, class)));
        pairs.map(|(kind, class)| {
            let is = |(object, why): &(&Object, &Class)| Kind::of(object) == kind && **why == class;
            (kind.as_str(), class.as_str(), self.left.iter().filter(is).count())
        })
    }

    /// Takes in what a pass found. Returns how many objects that were; `None` where nothing was
    /// compared.
    pub(super) fn take_in(&mut self, pass: &PassRecord) -> Option<usize> {
        let plan = pass.plan.as_ref()?;
        let left_alone = pass.drift_left.iter().map(|object| (object, Some(Class::Reported)));
        let mut found: BTreeMap<&Object, Option<Class>> = left_alone.collect();
        let mut unfinished = BTreeSet::new();
        for (index, step) in plan.steps.iter().enumerate() {
            let outcome = pass.report.as_ref().and_then(|report| report.outcomes.get(index));
            let is_done = outcome == Some(&Outcome::Done);
            if step.cause == Cause::Drift && !self.unfinished.contains(&step.object) {
                found.insert(&step.object, (!is_done).then_some(Class::Uncorrected));
            } else if !is_done {
                unfinished.insert(step.object.clone());
            }
        }
        let news = found.keys().filter(|object| !self.left.contains_key(**object));
        self.found += news.count() as u64;
        if pass.is_whole {
            self.left.clear();
        }
        for (object, class) in &found {
            match class {
                Some(class) => self.left.insert((*object).clone(), *class),
                None => self.left.remove(*object),
            };
        }
        // Where HAProxy refused the files, all is as before, and nothing is left to do.
        let is_begun = pass.report.as_ref().is_some_and(|report| match report.loading {
            Loading::Running | Loading::Reloaded { .. } | Loading::AtStart => true,
            Loading::Refused { .. } | Loading::Broken { .. } => false,
        });
        if is_begun {
            self.unfinished = unfinished;
        }
        Some(found.len())
    }
}
