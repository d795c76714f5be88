//! The files of a change by commands are checked after it: what it wrote are lines that gw has
//! written before in the same shapes, and a large configuration takes long to check. A refusal is an
//! alarm: the change is undone by a reload of what was before. A gw that is ended before the check
//! leaves a generation without its mark, which the next pass checks.

use crate::{
    fault::{self, Point},
    plan::{Loading, Report},
    store::{Generation, StoreError},
};

use super::super::{Pass, ReconcileError, Reconciler};

impl Reconciler {
    /// Checks a generation right after its commands, or in the pass after.
    pub(super) async fn check_after(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let said = match pass.service.check(&next.path).await {
            Ok(Ok(())) => {
                self.store.note_checked(next);
                fault::at(Point::CheckedAfter);
                return Ok(());
            }
            Err(why) => {
                report.remarks.push(format!("the files could not be checked: {why}"));
                return Ok(());
            }
            Ok(Err(said)) => said,
        };
        let Some(previous) = self.good_before(pass, next)? else {
            report.loading = Loading::Broken { message: said };
            return Ok(());
        };
        if let Ok(Err(_)) = pass.service.check(&previous.path).await {
            report.remarks.push(refused_anyway(&said));
            return Ok(());
        }
        report.bytes_written += self.store.note_refusal(next, &said)?;
        report.generation = Some(previous.number);
        fault::at(Point::UndoDue);
        self.undo(pass, next, &previous, said, report).await
    }

    /// Whether HAProxy refuses the current generation, which nobody checked, and has a better one to
    /// go back to: a plan without steps has something to do then. That gw can't help it, or that the
    /// files can't be checked, is a remark.
    pub(super) async fn is_refused_late(&self, pass: &mut Pass) -> Result<bool, ReconcileError> {
        let Some(current) = &pass.disk.current else { return Ok(false) };
        if self.store.is_checked(current) {
            return Ok(false);
        }
        let said = match pass.service.check(&current.path).await {
            Ok(Ok(())) => {
                self.store.note_checked(current);
                return Ok(false);
            }
            Err(why) => {
                tracing::debug!(why, "the current generation can't be checked");
                return Ok(false);
            }
            Ok(Err(said)) => said,
        };
        if let Some(previous) = self.good_before(pass, current)?
            && pass.service.check(&previous.path).await == Ok(Ok(()))
        {
            return Ok(true);
        }
        pass.remarks.push(refused_anyway(&said));
        Ok(false)
    }

    /// Whether HAProxy, whose worker has this process id where it runs, would refuse the current
    /// generation as well: then the fault is in none of gw's files.
    pub async fn refuses_current(&self, pid: Option<u32>) -> bool {
        let (Ok(Some(current)), Ok(service)) = (self.store.current(), self.service(pid)) else {
            return false;
        };
        matches!(service.check(&current.path).await, Ok(Err(_)))
    }

    /// What to go back to from a generation that HAProxy refuses.
    fn good_before(
        &self,
        pass: &Pass,
        refused: &Generation,
    ) -> Result<Option<Generation>, StoreError> {
        let current = pass.disk.current.as_ref().filter(|current| *current != refused);
        match current {
            Some(current) if self.store.is_checked(current) => Ok(Some(current.clone())),
            // Whatever left it unchecked may have left it unfit.
            _ => Ok(self.store.last_checked(refused)?.or_else(|| current.cloned())),
        }
    }

    /// Leaves a generation that HAProxy would not start with. Returns the number of the current one.
    pub(super) fn leave_refused(
        &self,
        pass: &Pass,
        refused: &Generation,
    ) -> Result<Option<u64>, StoreError> {
        if pass.disk.current.as_ref() != Some(refused) {
            return Ok(pass.generation);
        }
        let Some(previous) = self.good_before(pass, refused)? else { return Ok(pass.generation) };
        self.store.switch(&previous)?;
        Ok(Some(previous.number))
    }
}

fn refused_anyway(said: &str) -> String {
    format!(
        "HAProxy refuses its configuration, with and without this change, so a restart would fail: \
         {said}"
    )
}
