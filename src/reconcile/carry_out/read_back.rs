//! A look whether what was changed is so.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    diff::{Differences, Scope, diff_held},
    haproxy::{Capabilities, Command, Connection},
    intent::Intent,
    model::Live,
    observe::observe,
    plan::{self, Cause, Report, Step},
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
    /// Reads the process again, until nothing differs any more or it is no matter of time. What is held of
    /// servers that were made just now is set meanwhile. Returns what was read last, and the objects that
    /// still differ.
    pub(super) async fn read_back(
        &self,
        connection: &mut Connection,
        intent: &Intent,
        pass: &Pass,
        scope: &Scope,
        report: &mut Report,
    ) -> Result<(Live, BTreeSet<String>), ReconcileError> {
        let capabilities = Capabilities::probe(connection).await?;
        let mut last = (Live::default(), BTreeSet::new());
        let mut are_holds_set = false;
        for pause in READ_BACK {
            tokio::time::sleep(pause).await;
            let live = observe(connection, scope, &intent.desired).await?;
            let structure = &intent.rendered.structure;
            let differences = diff_held(&intent.desired, structure, &live, scope, &pass.holds);
            let steps = steps(&differences, intent, &live, &capabilities);
            let holds = steps.iter().filter(|step| step.cause == Cause::Hold);
            let holds: Vec<Command> = holds.flat_map(Step::commands).cloned().collect();
            if !holds.is_empty() && !std::mem::replace(&mut are_holds_set, true) {
                // One that is refused still differs.
                report.commands_sent += holds.len();
                connection.run(&holds).await?;
            }
            let left: BTreeSet<String> = steps.iter().map(|step| step.object.to_string()).collect();
            let done = left.is_empty();
            last = (live, left);
            if done {
                break;
            }
        }
        Ok(last)
    }
}

/// What still differs, as a plan would change it; servers that wait for their first good check are on
/// their way and do not count.
fn steps(
    differences: &Differences<'_>,
    intent: &Intent,
    live: &Live,
    capabilities: &Capabilities,
) -> Vec<Step> {
    let context = plan::Context {
        desired: &intent.desired,
        live,
        capabilities,
        loaded: &intent.rendered.files,
        rendered: &intent.rendered.files,
        revision: &intent.revision,
        files_differ: false,
    };
    let mut steps = plan::plan(differences, context).steps;
    steps.retain(|step| step.because != plan::Reason::AwaitsCheck);
    steps
}
