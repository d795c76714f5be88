//! From event to event.

use std::time::Duration;

use crate::{
    guard::Guard,
    plan::{Outcome, Plan},
    report::{
        pass::{Obstacle, PassCause, PassRecord, PassResult},
        text::{counted, utc},
        watch::{SourceAnswer, WatchEvent},
    },
};

use super::{About, Board, Moment, Revision, Truth};

impl Board {
    /// Takes an event in.
    pub fn fold(&mut self, event: &WatchEvent<'_>, now: Moment) {
        let wall = now.wall;
        match *event {
            WatchEvent::PassBegun { number, causes } => {
                self.pass = number;
                // A look once a minute is no news.
                if causes.iter().any(|cause| *cause != PassCause::Resync) {
                    let causes: Vec<&str> = causes.iter().map(|cause| cause.as_str()).collect();
                    let message = format!("pass {number}: {}", causes.join(", "));
                    self.set(About::Reconciling, Truth::True, ("Comparing", message), wall);
                }
            }
            WatchEvent::Planned(view) => {
                let message = format!("{} of revision {}", view.plan.summary(), view.revision);
                self.set(About::Reconciling, Truth::True, ("Applying", message), wall);
            }
            WatchEvent::PassEnded(pass) => self.end_pass(pass, now),
            WatchEvent::SourceFetched(fetch) => self.fetched(fetch.answer, now),
            WatchEvent::Staying { is_good: true, .. } => self.stay_at_last_good(wall),
            WatchEvent::RolledBack { revision, message, is_good } => {
                let reason = if is_good { "TakenBack" } else { "TakingBackFailed" };
                self.taken_back = revision.map(str::to_owned);
                let name = revision.unwrap_or("unknown");
                let told = format!("revision {name}: {message}");
                self.set(About::RolledBack, Truth::True, (reason, told.clone()), wall);
                self.set(About::Ready, Truth::False, (reason, told), wall);
                let why = if is_good { "waits for other manifests" } else { "act now" };
                self.set(About::Stalled, Truth::True, (reason, why), wall);
            }
            WatchEvent::Suspended { reason, by, since, until } => {
                let end = until.map_or_else(String::new, |until| format!(", until {}", utc(until)));
                let message = format!("{reason} (by {by}{end})");
                self.set(About::Suspended, Truth::True, ("Suspended", message.clone()), wall);
                self.conditions.date(About::Suspended, Duration::from_secs(since));
                self.set(About::Ready, Truth::False, ("Suspended", message), wall);
            }
            WatchEvent::Resumed => {
                self.set(About::Suspended, Truth::False, ("Following", ""), wall);
            }
            WatchEvent::Fetched { commit, .. } => {
                let made = u64::try_from(commit.committed).unwrap_or_default();
                self.wanted = Some((commit.short().to_owned(), Duration::from_secs(made)));
            }
            WatchEvent::Stopping => self.is_stopping = true,
            WatchEvent::Started { .. }
            | WatchEvent::SourceAnswers
            | WatchEvent::Haproxy { .. }
            | WatchEvent::Others { .. }
            | WatchEvent::Remark(_)
            | WatchEvent::Worse { .. }
            | WatchEvent::Judged { .. }
            | WatchEvent::Problems { .. }
            | WatchEvent::Kept { .. }
            | WatchEvent::Staying { .. }
            | WatchEvent::Applied { .. }
            | WatchEvent::Unchanged { .. }
            | WatchEvent::Failed { .. }
            | WatchEvent::Watching => {}
        }
    }

    fn set(
        &mut self,
        about: About,
        truth: Truth,
        why: (&'static str, impl Into<String>),
        now: Duration,
    ) {
        self.conditions.set(about, truth, why, now);
    }

    fn end_pass(&mut self, pass: &PassRecord, now: Moment) {
        let wall = now.wall;
        let known = self.applied.as_ref().map(|revision| revision.name.clone());
        if let Some(name) = &pass.revision {
            self.attempted = Some(Revision { name: name.clone(), at: wall });
        }
        self.plan = pass.plan.as_ref().map(Plan::summary).unwrap_or_default();
        self.pending = left(pass, |outcome| matches!(outcome, Outcome::Pending(_)));
        if let Some(plan) = pass.plan.as_ref().filter(|_| pass.is_whole) {
            self.held = plan.held.len();
            self.tell_held(wall);
        }
        self.tell_drift(pass, wall);
        self.note_standing(pass);
        self.locked_out = match pass.obstacle {
            Some(Obstacle::Lock) => self.locked_out.or(Some(now)),
            Some(Obstacle::Socket) | None => None,
        };
        let did_something = pass.plan.as_ref().is_some_and(|plan| !plan.is_empty());
        // At its start gw finds a commit that it applied long ago.
        if pass.result == PassResult::Done
            && known != pass.revision
            && (known.is_some() || did_something)
            && let Some((revision, made)) = &self.wanted
            && pass.revision.as_ref() == Some(revision)
        {
            self.commit_lag = Some(wall.saturating_sub(*made));
        }
        if let PassResult::TakenBack(why) = &pass.result {
            // As well where an earlier run of gw took it back.
            self.taken_back.clone_from(&pass.revision);
            self.set(About::RolledBack, Truth::True, ("TakenBack", why.clone()), wall);
        }
        self.judge(pass, now);
    }

    fn tell_held(&mut self, now: Duration) {
        match self.held {
            0 => self.set(About::Held, Truth::False, ("NothingHeld", ""), now),
            held => {
                let message = format!("{} by hand", counted(held, "field"));
                self.set(About::Held, Truth::True, ("HeldByOperator", message), now);
            }
        }
    }

    /// The planner tells what somebody else changed, however the passes before ended.
    fn tell_drift(&mut self, pass: &PassRecord, now: Duration) {
        let Some(found) = self.drift.take_in(pass) else { return };
        let (truth, reason, message) = match (found, self.drift.left()) {
            // A look at a part of HAProxy tells nothing about the rest.
            (0, _) if !pass.is_whole => return,
            (0, _) => (Truth::False, "InSync", String::new()),
            (found, 0) => (Truth::False, "Corrected", counted(found, "object") + " set back"),
            (_, left) => {
                let verb = if left == 1 { "differs" } else { "differ" };
                let message = format!("{} {verb} still", counted(left, "object"));
                (Truth::True, "NotCorrected", message)
            }
        };
        self.set(About::Drifted, truth, (reason, message), now);
    }

    /// Whether HAProxy is as it should be, and what that means for the other conditions.
    fn judge(&mut self, pass: &PassRecord, now: Moment) {
        let wall = now.wall;
        let revision = pass.revision.clone().unwrap_or_default();
        let why = |verb: &str| match pass.result.message() {
            Some(message) => format!("revision {revision} {verb}: {message}"),
            None => format!("revision {revision} {verb}"),
        };
        let (reason, message) = match &pass.result {
            // Nothing was done, as while following is suspended.
            PassResult::Ended => {
                self.set(About::Reconciling, Truth::False, ("AtRest", ""), wall);
                return;
            }
            PassResult::Done if pass.is_running == Some(false) => {
                ("HaproxyStopped", why("is in place for HAProxy's start"))
            }
            PassResult::Done => ("Applied", why("runs")),
            PassResult::Pending(_) => ("Pending", why("is not finished")),
            PassResult::Incomplete(_) => ("Incomplete", why("is not wholly applied")),
            PassResult::Refused(_) => ("Refused", why("was refused")),
            PassResult::Broken(_) => ("Broken", why("is broken")),
            PassResult::TakenBack(_) => ("TakenBack", why("was taken back")),
            PassResult::Partial(_) => ("InvalidObjects", why("runs but for what is wrong in it")),
            PassResult::Invalid(_) => ("InvalidManifests", why("is invalid")),
            PassResult::Failed(why) if !pass.refusals.is_empty() => ("GuardRefused", why.clone()),
            PassResult::Failed(why) => ("Failed", why.clone()),
        };
        let is_done = pass.result == PassResult::Done;
        let is_ready = is_done && pass.is_running != Some(false);
        let awaited = awaited(pass);
        let truth = |is: bool| if is { Truth::True } else { Truth::False };
        self.set(About::Ready, truth(is_ready), (reason, message), wall);
        let of_source = self.source.as_ref().and_then(|source| source.awaits.clone());
        match (awaited, of_source) {
            (Some(awaited), _) => self.set(About::Stalled, Truth::True, (reason, awaited), wall),
            (None, Some(why)) => self.set(About::Stalled, Truth::True, why, wall),
            (None, None) => self.set(About::Stalled, Truth::False, ("Progressing", ""), wall),
        }
        if is_done || awaited.is_some() {
            self.set(About::Reconciling, Truth::False, ("AtRest", ""), wall);
        } else {
            self.set(About::Reconciling, Truth::True, ("Retrying", "another pass follows"), wall);
        }
        let runs = is_done || matches!(pass.result, PassResult::Partial(_));
        if runs && self.conditions.get(About::RolledBack).truth == Truth::True {
            let (reason, message) = if self.taken_back.take() == pass.revision {
                ("Retried", format!("revision {revision} was tried again, and runs"))
            } else {
                ("Replaced", format!("revision {revision} took its place"))
            };
            self.set(About::RolledBack, Truth::False, (reason, message), wall);
        }
        if is_done {
            self.applied = pass.revision.clone().map(|name| Revision { name, at: wall });
        }
        if is_ready {
            self.last_success = Some(now);
        }
    }

    fn fetched(&mut self, answer: SourceAnswer<'_>, now: Moment) {
        let source = self.source.get_or_insert_default();
        source.failure = answer.failure().map(str::to_owned);
        match answer {
            SourceAnswer::Revision { name, is_verified } => {
                source.revision = Some(name.to_owned());
                source.answered = Some(now);
                if source.awaits.take().is_some() {
                    self.set(About::Stalled, Truth::False, ("Progressing", ""), now.wall);
                }
                if is_verified {
                    self.set(About::SourceVerified, Truth::True, ("Verified", ""), now.wall);
                }
            }
            SourceAnswer::Rewritten(why) => self.await_person("HistoryRewritten", why, now),
            SourceAnswer::Unverified(why) => {
                self.await_person("SourceUnverified", why, now);
                self.set(About::SourceVerified, Truth::False, ("Unverified", why), now.wall);
            }
            // It says nothing new.
            SourceAnswer::Nothing(_) => {}
        }
    }

    /// The source answered with what a person has to see to.
    fn await_person(&mut self, reason: &'static str, why: &str, now: Moment) {
        let source = self.source.get_or_insert_default();
        source.answered = Some(now);
        source.awaits = Some((reason, why.to_owned()));
        self.set(About::Stalled, Truth::True, (reason, why), now.wall);
    }

    /// What gw stays at without the server was verified as everything is.
    fn stay_at_last_good(&mut self, now: Duration) {
        let verified = self.conditions.get(About::SourceVerified);
        if self.is_verifying && verified.truth == Truth::Unknown {
            let message = "the last good commit is; the server tells no newer one";
            self.set(About::SourceVerified, Truth::True, ("LastGood", message), now);
        }
    }
}

/// What a pass waits for that no other pass brings about; `None` where trying again may help.
fn awaited(pass: &PassRecord) -> Option<&'static str> {
    match pass.result {
        PassResult::Refused(_)
        | PassResult::Broken(_)
        | PassResult::TakenBack(_)
        | PassResult::Partial(_)
        | PassResult::Invalid(_) => Some("waits for other manifests"),
        // Old workers end by themselves.
        PassResult::Failed(_) if pass.refusals.iter().any(|guard| *guard != Guard::OldWorkers) => {
            Some("waits for other manifests, or for somebody who says that it is meant")
        }
        PassResult::Ended
        | PassResult::Done
        | PassResult::Pending(_)
        | PassResult::Incomplete(_)
        | PassResult::Failed(_) => None,
    }
}

/// How many steps had an outcome.
fn left(pass: &PassRecord, is: impl Fn(&Outcome) -> bool) -> usize {
    let outcomes = pass.report.iter().flat_map(|report| &report.outcomes);
    outcomes.filter(|outcome| is(outcome)).count()
}
