//! Files whose change went by commands: HAProxy checks them after it, since they hold what gw has
//! written before in the same shapes, and a large configuration takes long to check. A refusal is an
//! alarm: the change is undone by a reload of what was before.

use std::future;

use crate::{
    diff::Held,
    plan::{Loading, Plan, Report},
    service::Service,
    store::Generation,
};

use super::super::{Disk, ReconcileError, Reconciler};

/// A generation that runs, which HAProxy has not checked yet.
pub(crate) struct Unchecked {
    pub(super) service: Service,
    pub(super) next: Generation,
    /// The last state that was checked.
    pub(super) before: Disk,
    /// What operators held when the plan was made.
    pub(super) held: Vec<Held>,
}

/// HAProxy's answer to a check: the inner error is its refusal, the outer one that it could not be
/// asked.
pub type CheckResult = Result<Result<(), String>, String>;

impl Reconciler {
    /// Leaves the check of files whose change goes by commands to [`check`](Self::check) and
    /// [`conclude`](Self::conclude), for whoever makes many passes.
    pub fn check_later(&mut self) {
        self.checks_later = true;
    }

    /// Checks the files that were left unchecked; waits for ever where there are none. May be
    /// dropped and called again.
    pub async fn check(&self) -> CheckResult {
        match &self.unchecked {
            Some(unchecked) => unchecked.service.check(&unchecked.next.path).await,
            None => future::pending().await,
        }
    }

    /// Acts on the result of a [`check`](Self::check). `Some` where files were refused.
    pub async fn conclude(
        &mut self,
        result: CheckResult,
    ) -> Result<Option<Report>, ReconcileError> {
        let Some(unchecked) = self.unchecked.take() else { return Ok(None) };
        if matches!(result, Ok(Ok(()))) {
            return Ok(None);
        }
        let lock = self.store.lock()?;
        if self.store.current()?.as_ref() != Some(&unchecked.next) {
            return Ok(None);
        }
        let mut report = Report::nothing(Some(unchecked.next.number));
        self.memory = None;
        let act = match &result {
            // What runs must not stay because nothing can be written about it.
            Ok(Err(_)) => self.scribe.begin_undoing(&lock, &unchecked.next).ok(),
            Ok(Ok(())) | Err(_) => None,
        };
        let went = self.act_on(&unchecked, result, &mut report).await;
        if let Some(act) = act {
            let ended = went.as_ref().map(|()| (&report, None));
            let generation = self.store.current().ok().flatten().map(|current| current.number);
            let ended = self.scribe.end(&lock, &act, &Plan::default(), generation, ended);
            if let Err(error) = ended {
                tracing::warn!(%error, "the journal does not tell the end");
            }
        }
        went?;
        Ok(Some(report))
    }

    /// Checks a generation right after its commands, or leaves that for later.
    pub(super) async fn check_or_leave(
        &mut self,
        mut unchecked: Unchecked,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        if self.checks_later {
            if let Some(earlier) = self.unchecked.take() {
                unchecked.before = earlier.before;
            }
            self.unchecked = Some(unchecked);
            return Ok(());
        }
        let result = unchecked.service.check(&unchecked.next.path).await;
        self.act_on(&unchecked, result, report).await
    }

    async fn act_on(
        &self,
        unchecked: &Unchecked,
        result: CheckResult,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        let said = match result {
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
