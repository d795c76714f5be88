//! Which steps may begin the next wave.

use crate::plan::{Needs, Object, Outcome, Step, tolerates_waiting};

use super::Runner;

impl Runner<'_> {
    /// Whether a step will not go on.
    pub(super) fn is_off(&self, index: usize) -> bool {
        self.outcomes[index] != Outcome::Done
    }

    /// Whether nothing of a step was done, or not all that was tried.
    pub(super) fn has_failed(&self, index: usize) -> bool {
        matches!(self.outcomes[index], Outcome::Failed(_) | Outcome::Skipped(_))
    }

    /// The steps among `indices` that may begin the next wave. The others are told why not.
    pub(super) fn admit(&mut self, indices: &[usize]) -> Vec<usize> {
        let failed = |(step, outcome): (&Step, &Outcome)| {
            matches!((&step.object, outcome), (Object::Route(..), Outcome::Failed(_)))
        };
        let routes_made = !self.steps.iter().zip(&self.outcomes).any(failed);
        let mut admitted = Vec::new();
        for &index in indices {
            // A backend is made known although its servers are not up yet.
            let begun = matches!(self.outcomes[index], Outcome::Pending(_))
                && tolerates_waiting(self.steps[index].action)
                && !self.steps[index].switch.is_empty();
            match self.obstacle(index, routes_made) {
                None if begun => admitted.push(index),
                None if self.is_off(index) => {}
                None => admitted.push(index),
                Some(why) if self.is_off(index) => drop(why),
                Some(why) => {
                    self.outcomes[index] = Outcome::Skipped(why);
                    self.switched &= self.steps[index].switch.is_empty();
                }
            }
        }
        admitted
    }

    /// Why a step can't go on.
    fn obstacle(&self, index: usize, routes_made: bool) -> Option<String> {
        let step = &self.steps[index];
        step.needs.iter().find_map(|need| match need {
            Needs::RoutesMade => {
                (!routes_made).then(|| "what it leads to could not be made".into())
            }
            Needs::AllSwitched => (!self.switched)
                .then(|| "requests may still come here, since a route could not be turned".into()),
            Needs::Steps(others) => others.iter().find_map(|&other| {
                let object = &self.steps[other].object;
                match &self.outcomes[other] {
                    Outcome::Done => None,
                    // Its servers had their time. Where they had not, it would take requests away from
                    // a wider route that has servers.
                    Outcome::Pending(_)
                        if tolerates_waiting(step.action) && !self.patience.is_over() =>
                    {
                        None
                    }
                    Outcome::Pending(_) => Some(format!("it stays until {object} is up")),
                    Outcome::Skipped(_) | Outcome::Failed(_) => {
                        Some(format!("it needs {object}, which was not done"))
                    }
                }
            }),
        })
    }
}
