//! Files whose change went by commands: HAProxy checks them after it, since they hold what gw has
//! written before in the same shapes, and a large configuration takes long to check. A refusal is an
//! alarm: the change is undone by a reload of what was before.

use crate::{
    plan::{Loading, Report},
    store::Generation,
};

use super::super::{Pass, ReconcileError, Reconciler};

impl Reconciler {
    /// Checks a generation right after its commands.
    pub(super) async fn check_after(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let said = match pass.service.check(&next.path).await {
            Ok(Ok(())) => return Ok(()),
            Err(why) => {
                report.remarks.push(format!("the files could not be checked: {why}"));
                return Ok(());
            }
            Ok(Err(said)) => said,
        };
        let Some(previous) = &pass.disk.current else {
            report.loading = Loading::Broken { message: said };
            return Ok(());
        };
        if let Ok(Err(_)) = pass.service.check(&previous.path).await {
            report.remarks.push(format!(
                "HAProxy refuses its configuration, with and without this change, so a restart \
                 would fail: {said}"
            ));
            return Ok(());
        }
        report.bytes_written += self.store.note_refusal(next, &said)?;
        report.generation = Some(previous.number);
        self.undo(pass, next, previous, said, report).await
    }
}
