//! Following manifests: one pass after another, each for a reason, until gw is told to end.
//!
//! Level-triggered: a trigger only says that it is time to look; what is to be done follows from what
//! is found. While a pass is under way, what triggers meanwhile adds up to the next one, and a change
//! of the manifests ends its waits: the newest state wins.

mod backoff;
mod files;
mod follower;
mod history;
mod process;
mod repository;
mod triggers;
mod vitals;
mod work;

use std::{
    convert::Infallible,
    future::{self, Future},
    io,
    pin::{Pin, pin},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

use crate::{
    report::{WatchEvent, json::CauseWord},
    settings::Settings,
    source::Source,
    store::{FOLLOWER, Store, StoreError},
};

use self::{
    backoff::Backoff,
    follower::{Follower, Left},
    triggers::{Trigger, Triggers},
    work::{Cause, Work},
};
pub use self::{triggers::Signals, vitals::Vitals};

/// How long a burst of changes may go on until the first look: an editor writes, renames and
/// removes within a moment.
const BURST: Duration = Duration::from_millis(2);
/// How long an invalid state may be the middle of a longer write before it is reported.
const HALF_WRITTEN: Duration = Duration::from_millis(150);

/// For how long a good pass is fresh, at least: the next one may wait for servers.
const FRESH_MIN: Duration = Duration::from_secs(60);

/// For how long a good pass is fresh: some may fail for a moment.
pub fn fresh(settings: &Settings) -> Duration {
    (3 * settings.watch.resync).max(FRESH_MIN)
}

/// Why following can't begin.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The system tells no changes of files.
    #[error("can't watch the manifests")]
    Files(#[from] notify::Error),
    /// The state directory can't be used, or another gw follows already.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system tells no signals.
    #[error("can't listen for signals")]
    Signals(#[source] io::Error),
}

/// Keeps a HAProxy that runs as a service at what a source says, until SIGINT or SIGTERM.
pub async fn run(
    settings: &Settings,
    source: &Source,
    vitals: &Vitals,
    on_event: &mut dyn FnMut(WatchEvent<'_>),
) -> Result<(), WatchError> {
    let never = future::pending::<Infallible>();
    follow(settings, source, CauseWord::Watch, Signals::listen()?, never, vitals, on_event).await?;
    on_event(WatchEvent::Stopping);
    Ok(())
}

/// Follows a source until SIGINT or SIGTERM, then `Ok(None)`, or until `ended` ends,
/// then `Ok(Some(…))`. At a signal the pass under way is ended at its next safe point; at a second
/// one at once.
pub async fn follow<E>(
    settings: &Settings,
    source: &Source,
    command: CauseWord,
    signals: Signals,
    ended: impl Future<Output = E> + Send,
    vitals: &Vitals,
    on_event: &mut dyn FnMut(WatchEvent<'_>),
) -> Result<Option<E>, WatchError> {
    let store = Store::new(&settings.state);
    store.create()?;
    let _only = store.lock_as(FOLLOWER)?;
    let ended: Pin<&mut (dyn Future<Output = E> + Send)> = pin!(ended);
    let mut triggers = Triggers::new(settings, source, signals, ended, vitals)?;
    let mut follower = Follower::new(settings, source, command, vitals);
    let mut backoff = Backoff::default();
    let mut retry = None;
    let mut work = Work::default();
    if let Source::Paths(_) = source {
        work.add(Cause::Start);
    }
    let mut told = false;
    loop {
        while work.is_empty() {
            tokio::select! {
                trigger = triggers.next() => match trigger {
                    Trigger::Ended(what) => return Ok(Some(what)),
                    Trigger::Stop => return Ok(None),
                    Trigger::Pass(Cause::Process(Some(process))) if follower.knows(&process) => {}
                    Trigger::Pass(cause) => work.add(cause),
                },
                () = at(retry) => work.add(Cause::Retry),
                () = at(follower.next_look()) => work.add(Cause::Health),
            }
        }
        if work.files().is_some() {
            match triggers.rest_of_burst(BURST).await {
                Ok(changed) => work.add(Cause::Files(changed)),
                Err(ended) => return Ok(ended),
            }
            // Perhaps the middle of a longer write: what is missing may come in a moment.
            if work.files().is_some_and(|changed| follower.loses_something(changed)) {
                match triggers.rest_of_burst(HALF_WRITTEN).await {
                    Ok(changed) => work.add(Cause::Files(changed)),
                    Err(ended) => return Ok(ended),
                }
            }
        }
        // A look at a fetch without news, or at HAProxy's health, reads nothing of it.
        if work.is_whole() || work.files().is_some() {
            triggers.note_pass();
        }
        let commit = work.commit().or_else(|| follower.commit());
        let hurry = follower.hurry();
        let mut next = Work::default();
        let mut stop = false;
        let left = {
            let mut pass = Box::pin(follower.pass(work, on_event));
            loop {
                tokio::select! {
                    left = &mut pass => break left,
                    trigger = triggers.next() => match trigger {
                        Trigger::Ended(what) => return Ok(Some(what)),
                        Trigger::Stop if stop => return Ok(None),
                        Trigger::Stop => {
                            stop = true;
                            hurry.send_replace(true);
                        }
                        Trigger::Pass(cause) => {
                            if cause.is_newer_than(commit.as_ref()) {
                                hurry.send_replace(true);
                            }
                            next.add(cause);
                        }
                    },
                }
            }
        };
        if stop {
            return Ok(None);
        }
        if !std::mem::replace(&mut told, true) {
            on_event(WatchEvent::Watching);
        }
        if let Some(left) = left {
            if follower.had_news() {
                backoff.reset();
            }
            let (cause, due) = match left {
                Left::Nothing => (None, None),
                Left::Work(cause) => (Some(cause), None),
                Left::At(due) | Left::Behind(due) => (None, Some(due)),
            };
            let wait = backoff.after(cause, fastrand::f64());
            retry = wait.map(|wait| Instant::now() + wait).or(due);
        }
        work = next;
    }
}

/// Waits until a moment; for ever where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => future::pending().await,
    }
}
