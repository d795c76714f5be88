//! How well HAProxy serves.

use std::collections::BTreeSet;

use crate::{
    diff::Scope,
    health::{Census, Traffic},
    model::{BackendName, Desired},
    observe::{answers, observe},
    plan::{Object, Plan},
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// How requests were answered until now.
    pub async fn traffic(&self) -> Result<Traffic, ReconcileError> {
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        let (process, backends) = answers(&mut connection).await?;
        Ok(Traffic { process, backends })
    }

    /// How many servers are up now, of all backends or of these.
    pub async fn census(
        &self,
        backends: Option<&BTreeSet<BackendName>>,
    ) -> Result<Census, ReconcileError> {
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        let scope = Scope { backends: backends.cloned(), limits: false, routing: false };
        let live = observe(&mut connection, &scope, &Desired::default()).await?;
        Ok(Census::of(&live, backends))
    }
}

/// The backends that a plan touches; `None` where it may be all of them. A reload loads all anew, as they
/// were.
pub fn touched(plan: &Plan) -> Option<BTreeSet<BackendName>> {
    let names = plan.steps.iter().map(|step| match &step.object {
        Object::Backend(name) | Object::Server(name, _) => Some(name.clone()),
        Object::Settings
        | Object::Frontend(_)
        | Object::Certificate(_)
        | Object::Route(..)
        | Object::Files => None,
    });
    names.collect()
}
