//! A look whether what was changed is so.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    diff::{Differences, Scope, diff_held},
    haproxy::{Capabilities, Connection},
    intent::Intent,
    model::Live,
    observe::observe,
    plan,
};

use super::super::{Pass, ReconcileError, Reconciler};

/// How often a change is read back before it counts as not made: `set server addr` takes effect a
/// moment after its reply from 3.0 on.
const READ_BACK: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(3),
    Duration::from_millis(20),
    Duration::from_millis(200),
];

impl Reconciler {
    /// Reads the process again, until nothing differs any more or it is no matter of time. Returns
    /// what was read last, and the objects that still differ.
    pub(super) async fn read_back(
        &self,
        connection: &mut Connection,
        intent: &Intent,
        pass: &Pass,
        scope: &Scope,
    ) -> Result<(Live, BTreeSet<String>), ReconcileError> {
        let capabilities = Capabilities::probe(connection).await?;
        let mut last = (Live::default(), BTreeSet::new());
        for pause in READ_BACK {
            tokio::time::sleep(pause).await;
            let live = observe(connection, scope, &intent.desired).await?;
            let structure = &intent.rendered.structure;
            let differences = diff_held(&intent.desired, structure, &live, scope, &pass.holds);
            let left = objects(&differences, intent, &live, &capabilities);
            let done = left.is_empty();
            last = (live, left);
            if done {
                break;
            }
        }
        Ok(last)
    }
}

/// The objects that differ, as a plan would name them; those that wait for their first good check
/// are on their way and do not count.
fn objects(
    differences: &Differences<'_>,
    intent: &Intent,
    live: &Live,
    capabilities: &Capabilities,
) -> BTreeSet<String> {
    let context = plan::Context {
        desired: &intent.desired,
        live,
        capabilities,
        loaded: &intent.rendered.files,
        rendered: &intent.rendered.files,
        revision: &intent.revision,
        files_differ: false,
    };
    plan::plan(differences, context)
        .steps
        .into_iter()
        .filter(|step| step.because != plan::Reason::AwaitsCheck)
        .map(|step| step.object.to_string())
        .collect()
}
