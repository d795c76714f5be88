//! What a plan was made from, for applying exactly the one that somebody approved.

use crate::{
    intent::Intent,
    model::Digest,
    report::json::{FingerprintDocument, StepDocument},
};

use super::Pass;

impl Pass {
    /// What the plan was made from: equal for two passes exactly where they would do the same.
    pub fn fingerprint(&self, intent: &Intent) -> FingerprintDocument {
        let files = intent.rendered.files.iter();
        let wanted =
            Digest::of_parts(files.flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]));
        let steps = self.plan.steps.iter().map(|step| {
            serde_json::to_string(&StepDocument::of(step))
                .expect("steps have string keys and no failing parts")
        });
        FingerprintDocument {
            gw: env!("CARGO_PKG_VERSION").to_owned(),
            revision: intent.revision.clone(),
            wanted: wanted.to_string(),
            generation: self.generation,
            haproxy: self.live.as_ref().map(|live| live.process.version.clone()),
            live: self.live.as_ref().map(|live| live.fingerprint().to_string()),
            steps: Digest::of_parts(steps).to_string(),
        }
    }
}
