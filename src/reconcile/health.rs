//! How well HAProxy serves, and what is not tried again since it served worse.

use std::collections::BTreeSet;

use crate::{
    diff::Scope,
    haproxy::{Connection, SocketError},
    health::{Census, Traffic},
    intent::Intent,
    model::{BackendName, Desired, Quarantine},
    observe::{answers, observe},
    plan::{Object, Plan},
};

use super::{ReconcileError, Reconciler};

impl Reconciler {
    /// How requests were answered until now.
    pub async fn traffic(&self) -> Result<Traffic, ReconcileError> {
        let mut connection = self.connected().await?;
        let (process, backends) = answers(&mut connection).await?;
        Ok(Traffic { process, backends })
    }

    /// How many servers are up now, of all backends or of these.
    pub async fn census(
        &self,
        backends: Option<&BTreeSet<BackendName>>,
    ) -> Result<Census, ReconcileError> {
        let mut connection = self.connected().await?;
        let scope = Scope { backends: backends.cloned(), limits: false, routing: false };
        let live = observe(&mut connection, &scope, &Desired::default()).await?;
        Ok(Census::of(&live, backends))
    }

    async fn connected(&self) -> Result<Connection, ReconcileError> {
        let none = || SocketError::Closed { answered: 0 };
        Ok(self.connect().await?.ok_or_else(none)?)
    }

    /// The number of the generation that is current on disk.
    pub fn current(&self) -> Result<Option<u64>, ReconcileError> {
        Ok(self.store.current()?.map(|current| current.number))
    }

    /// Why what an intent asks for is not tried again, if it is not.
    pub fn quarantined(&self, intent: &Intent) -> Result<Option<Quarantine>, ReconcileError> {
        let found = Quarantine::read(&self.store)?;
        Ok(found.filter(|found| found.is_about(&intent.rendered.files)))
    }

    /// Sees to it that something is not tried again.
    pub fn quarantine(&self, what: &Quarantine) -> Result<(), ReconcileError> {
        Ok(what.write(&self.store)?)
    }

    /// Forgets what was not to be tried again. Returns whether there was something.
    pub fn end_quarantine(&self) -> Result<bool, ReconcileError> {
        Ok(Quarantine::remove(&self.store)?)
    }
}

/// The backends that a plan touches; `None` where it may be all of them.
pub fn touched(plan: &Plan) -> Option<BTreeSet<BackendName>> {
    let names = plan.steps.iter().map(|step| match &step.object {
        Object::Backend(name) | Object::Server(name, _) => Some(name.clone()),
        Object::Settings
        | Object::Frontend(_)
        | Object::Certificate(_)
        | Object::Route(..)
        | Object::Files => None,
    });
    if plan.reload { None } else { names.collect() }
}
