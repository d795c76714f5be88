//! A plan that needs no reload: its commands, and what they touched read back.

use crate::{
    apply::{self, Progress},
    haproxy::{Capabilities, Connection},
    intent::Intent,
    model::Process,
    plan::{Outcome, Report},
};

use super::super::{Pass, ReconcileError, Reconciler, memory};

impl Reconciler {
    /// Sends the commands, and reads back what they touched.
    pub(super) async fn run_waves(
        &self,
        intent: &Intent,
        pass: &Pass,
        connection: &mut Connection,
        report: &mut Report,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Process>, ReconcileError> {
        let planned = pass.live.as_ref().map(|live| live.process.clone());
        let does_nothing = pass.plan.steps.iter().all(|step| step.instructions().next().is_none());
        if does_nothing && pass.plan.closing.is_empty() {
            return Ok(planned);
        }
        let capabilities = Capabilities::probe(connection).await?;
        let run =
            apply::run(&pass.plan, connection, &capabilities, &self.patience, progress).await?;
        report.outcomes = run.outcomes;
        report.commands_sent = run.commands_sent;
        let scope = memory::touched(&pass.plan, &intent.desired);
        // On a connection of its own: the old one would lead to a worker that was replaced.
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        let (live, left) = self.read_back(&mut connection, intent, pass, &scope, report).await?;
        if Some(&live.process) != planned.as_ref() {
            report.remarks.push(
                "HAProxy was reloaded by somebody else meanwhile, and loaded the new files; apply \
                 again to be sure"
                    .to_owned(),
            );
        }
        for (step, outcome) in pass.plan.steps.iter().zip(&mut report.outcomes) {
            if *outcome == Outcome::Done && left.contains(&step.object.to_string()) {
                *outcome = Outcome::Failed(
                    "HAProxy took the commands, but reads back something else".to_owned(),
                );
            }
        }
        Ok(Some(live.process))
    }
}
