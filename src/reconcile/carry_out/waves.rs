//! A plan that needs no reload: its commands, and the check of the files after them.

use crate::{
    apply::{self, Progress},
    haproxy::{Capabilities, Connection},
    intent::Intent,
    model::Process,
    plan::{Loading, Outcome, Report},
    store::Generation,
};

use super::super::{Pass, ReconcileError, Reconciler, memory};

impl Reconciler {
    /// Carries out a plan without reload.
    pub(super) async fn run_commands(
        &self,
        intent: &Intent,
        pass: &Pass,
        connection: &mut Connection,
        next: &Generation,
        report: &mut Report,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Process>, ReconcileError> {
        let is_new = pass.disk.current.as_ref() != Some(next);
        if pass.plan.renews_certificates() && self.is_refused(pass, next, report).await? {
            return Ok(None);
        }
        if is_new {
            self.store.switch(next)?;
        }
        let process = self.run_waves(intent, pass, connection, report, progress).await?;
        if is_new {
            self.check_after(pass, next, report).await?;
        }
        Ok(process)
    }

    /// Sends the commands, and reads back what they touched.
    async fn run_waves(
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
            apply::run(&pass.plan, connection, &capabilities, self.patience, progress).await?;
        report.outcomes = run.outcomes;
        report.commands_sent = run.commands_sent;
        let scope = memory::touched(&pass.plan, &intent.desired);
        // On a connection of its own: the old one would lead to a worker that was replaced.
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        let (live, left) = self.read_back(&mut connection, intent, pass, &scope).await?;
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

    /// Checks the files after a change by commands. They hold what gw has written before in the
    /// same shapes, so a refusal is an alarm: the change is undone by a reload of what was before.
    async fn check_after(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        match pass.service.check(&next.path).await {
            Ok(Ok(())) => {}
            Err(why) => report.remarks.push(format!("the files could not be checked: {why}")),
            Ok(Err(said)) => {
                let Some(previous) = &pass.disk.current else {
                    report.loading = Loading::Broken { message: said };
                    return Ok(());
                };
                if let Ok(Err(_)) = pass.service.check(&previous.path).await {
                    report.remarks.push(format!(
                        "HAProxy refuses its configuration, with and without this change, so a \
                         restart would fail: {said}"
                    ));
                    return Ok(());
                }
                report.bytes_written += self.store.note_refusal(next, &said)?;
                report.generation = pass.generation;
                self.undo(pass, previous, next, said, report).await?;
            }
        }
        Ok(())
    }
}
