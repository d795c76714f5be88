//! Files whose change went by commands: HAProxy checks them after it, since they hold what gw has
//! written before in the same shapes, and a large configuration takes long to check. A refusal is an
//! alarm: the change is undone by a reload of what was before.

use crate::{
    diff::Held,
    plan::{Loading, Report},
    service::Service,
    store::Generation,
};

use super::super::{Disk, ReconcileError, Reconciler};

/// A generation that runs, which HAProxy has not checked yet.
pub(super) struct Unchecked {
    pub(super) service: Service,
    pub(super) next: Generation,
    /// What ran before.
    pub(super) before: Disk,
    /// What operators held when the plan was made.
    pub(super) held: Vec<Held>,
}

impl Reconciler {
    /// Checks a generation right after its commands.
    pub(super) async fn check_after(
        &self,
        unchecked: &Unchecked,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let said = match unchecked.service.check(&unchecked.next.path).await {
            Ok(Ok(())) => return Ok(()),
            Err(why) => {
                report.remarks.push(format!("the files could not be checked: {why}"));
                return Ok(());
            }
            Ok(Err(said)) => said,
        };
        let Some(previous) = &unchecked.before.current else {
            report.loading = Loading::Broken { message: said };
            return Ok(());
        };
        if let Ok(Err(_)) = unchecked.service.check(&previous.path).await {
            report.remarks.push(format!(
                "HAProxy refuses its configuration, with and without this change, so a restart \
                 would fail: {said}"
            ));
            return Ok(());
        }
        report.bytes_written += self.store.note_refusal(&unchecked.next, &said)?;
        report.generation = Some(previous.number);
        self.undo(unchecked, previous, said, report).await
    }
}
