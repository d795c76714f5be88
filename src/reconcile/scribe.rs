//! What passes leave in the journal.

use std::{
    collections::BTreeSet,
    time::{Instant, SystemTime},
};

use crate::{
    intent::Intent,
    journal::{Journal, rfc3339, who},
    model::Process,
    plan::{Plan, Report},
    report::json::{
        BegunDocument, CauseWord, CommitDocument, EndedDocument, LeftDocument, ProcessDocument,
        ResultWord,
    },
    store::{Lock, Store, StoreError},
};

use super::{Pass, ReconcileError, Reconciler, files_differ};

/// Writes the journal for one [`Reconciler`].
#[derive(Debug)]
pub(super) struct Scribe {
    journal: Journal,
    /// The command of gw that it is about.
    command: CauseWord,
    about: Option<String>,
    /// The last pass that is in the journal.
    told: Option<Told>,
    /// The failure that was told last, while it lasts.
    failure: Option<String>,
}

/// What the journal tells of a pass.
#[derive(Debug)]
struct Told {
    number: u64,
    revision: String,
    generation: Option<u64>,
    steps: BTreeSet<String>,
    end: End,
}

/// How a pass ended, as far as it is worth a line of its own.
#[derive(Debug, PartialEq, Eq)]
struct End {
    result: ResultWord,
    message: Option<String>,
    left: Vec<LeftDocument>,
}

/// Something that the journal tells the beginning of.
#[derive(Debug)]
pub(super) struct Act {
    /// How many bytes that took.
    pub(super) written: u64,
    number: u64,
    revision: String,
    begin: Instant,
    /// Whether it goes on with what an earlier pass began.
    is_continued: bool,
}

impl Scribe {
    pub(super) fn new(store: &Store) -> Self {
        Self {
            journal: Journal::of(store),
            command: CauseWord::Apply,
            about: None,
            told: None,
            failure: None,
        }
    }

    /// Hears that there is nothing to do: a failure after this is news.
    pub(super) fn all_is_well(&mut self) {
        self.failure = None;
    }

    /// Writes what is going to be done. A pass that only goes on with what an earlier one of ours
    /// left is part of that one: it adds nothing but another end, and only where that is news.
    pub(super) fn begin(
        &self,
        lock: &Lock,
        intent: &Intent,
        pass: &Pass,
    ) -> Result<Act, StoreError> {
        let (begin, revision) = (Instant::now(), intent.revision.clone());
        if let Some(told) = self.told.as_ref().filter(|told| told.is_left(intent, pass))
            && self.journal.last()? == (told.number, true)
        {
            return Ok(Act {
                written: 0,
                number: told.number,
                revision,
                begin,
                is_continued: true,
            });
        }
        let process = pass.live.as_ref().map(|live| ProcessDocument::of(&live.process));
        let begun = BegunDocument {
            about: self.about.clone(),
            revision: Some(revision.clone()),
            commit: intent.commit.as_ref().map(CommitDocument::of),
            generation: pass.generation,
            haproxy: process,
            remarks: pass.remarks.clone(),
            ..BegunDocument::new(rfc3339(SystemTime::now()), who(self.command))
        }
        .of_plan(&pass.plan);
        let (number, written) = self.journal.begin(lock, begun)?;
        Ok(Act { written, number, revision, begin, is_continued: false })
    }

    /// Writes what became of it. `generation` is the one after it. Returns how many bytes it took.
    pub(super) fn end(
        &mut self,
        lock: &Lock,
        act: &Act,
        plan: &Plan,
        generation: Option<u64>,
        went: Result<(&Report, Option<&Process>), &ReconcileError>,
    ) -> Result<u64, StoreError> {
        let now = rfc3339(SystemTime::now());
        let mut ended = match went {
            Ok((report, process)) => EndedDocument {
                haproxy: process.map(ProcessDocument::of),
                ..EndedDocument::of_report(now, plan, report)
            },
            Err(error) => EndedDocument::new(now, ResultWord::Failed, Some(error.in_full())),
        };
        ended.generation = generation;
        ended.milliseconds = u64::try_from(act.begin.elapsed().as_millis()).unwrap_or(u64::MAX);
        let end =
            End { result: ended.result, message: ended.message.clone(), left: ended.left.clone() };
        let earlier = self.told.take().filter(|_| act.is_continued);
        let is_news = earlier.as_ref().is_none_or(|told| told.end != end);
        let steps = match earlier {
            Some(told) => told.steps,
            None => plan.steps.iter().map(|step| step.object.to_string()).collect(),
        };
        self.failure.clone_from(&end.message);
        let revision = act.revision.clone();
        self.told = Some(Told { number: act.number, revision, generation, steps, end });
        if !is_news {
            return Ok(0);
        }
        Ok(self.journal.end(lock, act.number, ended)?.unwrap_or(0))
    }
}

impl Told {
    /// Whether a pass only goes on with what this one left.
    fn is_left(&self, intent: &Intent, pass: &Pass) -> bool {
        self.end.result != ResultWord::Done
            && pass.live.is_some()
            && !pass.plan.reload
            && self.revision == intent.revision
            && self.generation == pass.generation
            && pass.plan.steps.iter().all(|step| self.steps.contains(&step.object.to_string()))
            && !files_differ(&pass.disk.files, &intent.rendered.files)
    }
}

impl Reconciler {
    /// Says which command of gw makes the passes to come: for the journal.
    pub fn act_as(&mut self, command: CauseWord) {
        self.scribe.command = command;
    }

    /// Says what the passes to come are about, where that is not the manifests: for the journal.
    pub fn tell_about(&mut self, about: Option<String>) {
        self.scribe.about = about;
    }

    /// Notes in the journal that a pass failed before it could begin. For loops that nobody watches;
    /// a failure that lasts is noted once. That it can't be noted is no second failure.
    pub fn note_failure(&mut self, revision: Option<&str>, message: &str) {
        if self.scribe.failure.as_deref() == Some(message) {
            return;
        }
        let noted = self.store.lock().and_then(|lock| {
            let now = rfc3339(SystemTime::now());
            let begun = BegunDocument {
                revision: revision.map(str::to_owned),
                ..BegunDocument::new(now.clone(), who(self.scribe.command))
            };
            let ended = EndedDocument::new(now, ResultWord::Failed, Some(message.to_owned()));
            self.scribe.journal.note(&lock, begun, ended)
        });
        match noted {
            Ok(_) => self.scribe.failure = Some(message.to_owned()),
            Err(error) => tracing::debug!(%error, "a failed pass is not in the journal"),
        }
    }
}
