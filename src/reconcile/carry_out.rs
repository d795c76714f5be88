//! Carrying a plan out: files first, then commands or a reload, then a look whether it is so.

mod check_after;
mod read_back;
mod reload;
mod waves;

use crate::{
    apply::Progress,
    control::lock_soon,
    fault::{self, Point},
    haproxy::{Connection, SocketError},
    intent::Intent,
    model::Process,
    observe::identity,
    plan::{Loading, Outcome, Report},
    store::{self, Generation, Metadata},
};

use super::{Disk, Pass, ReconcileError, Reconciler, files_differ};

/// The level that a socket must have for changes (HAProxy manual, `stats socket`).
pub(super) const ADMIN: &str = "admin";

impl Reconciler {
    /// Carries out a plan that [`plan`](Self::plan) made for the same intent.
    pub async fn apply(
        &mut self,
        intent: &Intent,
        mut pass: Pass,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, ReconcileError> {
        if pass.plan.is_empty() && !self.is_refused_late(&mut pass).await? {
            self.forget_suspension(intent)?;
            let mut report =
                Report { remarks: pass.remarks.clone(), ..Report::nothing(pass.generation) };
            if pass.holds.iter().any(|(_, _, hold)| hold.is_over) {
                let lock = self.store.lock()?;
                report.bytes_written += self.forget_ended(&lock, &pass, &report)?;
            }
            let process = pass.live.map(|live| live.process);
            self.remember(intent, process, pass.disk, &report);
            self.scribe.all_is_well();
            return Ok(report);
        }
        if !pass.refusals.is_empty() {
            return Err(ReconcileError::Guarded(pass.refusals));
        }
        if pass.plan.reload && pass.live.is_some() && pass.service.has_no_reload() {
            return Err(ReconcileError::NoReload);
        }
        self.store.create()?;
        let lock =
            if self.waits_for_lock { lock_soon(&self.store).await? } else { self.store.lock()? };
        self.heed_suspension(intent)?;
        if self.disk()?.current != pass.disk.current {
            return Err(ReconcileError::Stale);
        }
        if !self.holds()?.has_same_acts(&pass.holds) {
            return Err(ReconcileError::Stale);
        }
        let connection = match &pass.live {
            Some(live) => Some(self.still(pass.connection.take(), &live.process).await?),
            None => None,
        };
        // Without a trace nothing is changed.
        let act = self.scribe.begin(&lock, intent, &pass)?;
        fault::at(Point::JournalBegun);
        let mut went = self.carry_out(intent, &mut pass, connection, progress).await;
        if let Ok((report, _)) = &mut went {
            match self.forget_ended(&lock, &pass, report) {
                Ok(written) => report.bytes_written += written,
                Err(error) => report
                    .remarks
                    .push(format!("a hold that is over could not be forgotten: {error}")),
            }
        }
        fault::at(Point::CarriedOut);
        let generation = self.store.current().ok().flatten().map(|current| current.number);
        let ended = went.as_ref().map(|(report, process)| (report, process.as_ref()));
        let ended = self.scribe.end(&lock, &act, &pass.plan, generation, ended);
        match (&mut went, ended) {
            (Ok((report, _)), Ok(written)) => report.bytes_written += act.written + written,
            (Ok((report, _)), Err(error)) => {
                report.bytes_written += act.written;
                report.remarks.push(format!("the journal does not tell the end of this: {error}"));
            }
            (Err(_), Ok(_)) => {}
            (Err(_), Err(error)) => tracing::warn!(%error, "the journal does not tell the end"),
        }
        went.map(|(report, _)| report)
    }

    /// Carries out a plan that is not empty. Returns what became of it, and the worker that was seen
    /// after it.
    async fn carry_out(
        &mut self,
        intent: &Intent,
        pass: &mut Pass,
        connection: Option<Connection>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Report, Option<Process>), ReconcileError> {
        let running = pass.live.as_ref().and_then(|live| live.structure.clone());
        self.store.prune(running.as_deref(), self.good)?;
        if !self.store.has_no_server_state() {
            // Left by a gw that was killed in the middle of a reload.
            self.store.write_server_state("")?;
        }
        let (next, written) = self.stage(intent, pass)?;
        let is_new = pass.disk.current.as_ref() != Some(&next);
        if !is_new {
            // The files keep the revision that they have, and so does the process.
            if next.metadata.revision != intent.revision {
                pass.plan.closing.clear();
            }
        }
        let pass = &*pass;
        let mut report = Report {
            outcomes: vec![Outcome::Done; pass.plan.steps.len()],
            bytes_written: written,
            remarks: pass.remarks.clone(),
            ..Report::nothing(Some(next.number))
        };
        let went = match (&pass.live, connection) {
            (Some(live), Some(connection)) if pass.plan.reload => {
                // A connection would keep the old worker alive.
                drop(connection);
                self.load_by_reload(intent, pass, live, &next, &mut report).await
            }
            (Some(_), Some(connection)) => {
                self.run_commands(intent, pass, connection, &next, &mut report, progress).await
            }
            (None, _) | (_, None) => self.load_at_start(pass, &next, &mut report).await,
        };
        let process = match went {
            Ok(process) => process,
            Err(error) => {
                if is_new && self.store.current().is_ok_and(|now| now.as_ref() != Some(&next)) {
                    self.store.discard(&next);
                }
                return Err(error);
            }
        };
        let disk = Disk { current: Some(next), files: intent.rendered.files.clone() };
        self.remember(intent, process.clone(), disk, &report);
        // What is left now is removed before the next one is written.
        let _ = self.store.prune(running.as_deref(), self.good);
        Ok((report, process))
    }

    /// Carries out a plan without reload.
    async fn run_commands(
        &mut self,
        intent: &Intent,
        pass: &Pass,
        mut connection: Connection,
        next: &Generation,
        report: &mut Report,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Option<Process>, ReconcileError> {
        if pass.plan.renews_certificates() && self.is_refused(pass, next, report).await? {
            return Ok(None);
        }
        let is_new = pass.disk.current.as_ref() != Some(next);
        if is_new {
            self.store.switch(next)?;
        }
        let process = self.run_waves(intent, pass, &mut connection, report, progress).await?;
        // Nobody waits on the old worker's account while the files are checked.
        drop(connection);
        fault::at(Point::CommandsDone);
        if !self.store.is_checked(next) {
            self.check_after(pass, next, report).await?;
        }
        Ok(process)
    }

    /// The generation with the wanted files, and the bytes written for it.
    fn stage(&self, intent: &Intent, pass: &Pass) -> Result<(Generation, u64), ReconcileError> {
        let files = &intent.rendered.files;
        if let Some(current) = &pass.disk.current
            && !files_differ(&pass.disk.files, files)
        {
            // A pass that finishes what an earlier one began has nothing to write.
            return Ok((current.clone(), 0));
        }
        let metadata = Metadata {
            revision: intent.revision.clone(),
            structure: intent.rendered.structure.clone(),
            created: store::now(),
            cause: pass.plan.summary().to_string(),
            contents: Some(intent.contents()),
        };
        let previous = pass.disk.current.as_ref().map(|current| (current, &pass.disk.files));
        Ok(self.store.stage(files, &metadata, previous)?)
    }

    /// The connection over which a plan was made, if it still leads to the worker that the plan is
    /// for; else a new one.
    async fn still(
        &self,
        connection: Option<Connection>,
        planned: &Process,
    ) -> Result<Connection, ReconcileError> {
        if let Some(mut connection) = connection
            && connection.level() == ADMIN
            && let Ok(now) = identity(&mut connection).await
            && now.process == *planned
        {
            return Ok(connection);
        }
        self.same_worker(planned).await
    }

    /// A connection to the worker that the plan was made for, or the news that it is another one.
    async fn same_worker(&self, planned: &Process) -> Result<Connection, ReconcileError> {
        let mut connection = self.connect().await?.ok_or(ReconcileError::Gone)?;
        if connection.level() != ADMIN {
            return Err(SocketError::Level { level: connection.level().to_owned() }.into());
        }
        if identity(&mut connection).await?.process == *planned {
            Ok(connection)
        } else {
            Err(ReconcileError::Stale)
        }
    }

    /// Whether HAProxy refuses the files: asked before anything is changed where they hold what gw
    /// can't judge itself. Where it can't be asked, the check after the change says so.
    async fn is_refused(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<bool, ReconcileError> {
        let message = match pass.service.check(&next.path).await {
            Ok(Err(message)) => message,
            Ok(Ok(())) => {
                self.store.note_checked(next);
                return Ok(false);
            }
            Err(_) => return Ok(false),
        };
        self.refuse(message, pass, next, report)?;
        Ok(true)
    }

    /// Gives a generation up that HAProxy does not take, or would not.
    fn refuse(
        &self,
        message: String,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<(), ReconcileError> {
        report.bytes_written += self.store.note_refusal(next, &message)?;
        report.generation = pass.generation;
        report.outcomes.fill(Outcome::Failed(message.clone()));
        let generation = next.path.display().to_string();
        report.loading = Loading::Refused { message, generation };
        Ok(())
    }

    async fn load_at_start(
        &self,
        pass: &Pass,
        next: &Generation,
        report: &mut Report,
    ) -> Result<Option<Process>, ReconcileError> {
        report.loading = match pass.service.check(&next.path).await {
            Ok(Ok(())) => {
                self.store.note_checked(next);
                self.store.switch(next)?;
                Loading::AtStart
            }
            Ok(Err(message)) => {
                report.bytes_written += self.store.note_refusal(next, &message)?;
                let generation = next.path.display().to_string();
                report.generation = self.leave_refused(pass, next)?;
                report.outcomes.fill(Outcome::Failed(message.clone()));
                Loading::Refused { message, generation }
            }
            Err(why) => return Err(ReconcileError::Check(why)),
        };
        Ok(None)
    }
}
