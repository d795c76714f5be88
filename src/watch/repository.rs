//! The commits of a repository, as they come.

use std::{
    mem,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::spawn_blocking, time::sleep};

use crate::source::git::{BareClone, Fetched, GitError, Settings};

use super::{backoff::Backoff, vitals::Vitals};

/// What became of a fetch.
#[derive(Debug)]
pub(super) struct Fetch {
    /// What was found, and may be followed.
    pub(super) result: Result<Found, GitError>,
    /// When the server was asked,
    pub(super) begun: Instant,
    /// and how long that took.
    pub(super) duration: Duration,
}

/// What was found at the server.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) fetched: Fetched,
    /// What a person should know about it.
    pub(super) remarks: Vec<String>,
}

/// Asks the server each time that `poll` has passed, and tells each result. Ends when nobody listens any more.
pub(super) fn follow(
    settings: &Settings,
    clone: &BareClone,
    poll: Duration,
    vitals: &Vitals,
) -> mpsc::Receiver<Fetch> {
    // One that nobody has taken yet holds the next one back: the newest state is asked for then.
    let (sender, receiver) = mpsc::channel(1);
    let (settings, clone, vitals) = (settings.clone(), clone.clone(), vitals.clone());
    tokio::spawn(async move {
        let mut backoff = Backoff::default();
        while let Ok(place) = sender.reserve().await {
            let (clone, settings) = (clone.clone(), settings.clone());
            let begun = Instant::now();
            let fetched = spawn_blocking(move || {
                let fetched = clone.fetch()?;
                let remarks = fetched.judge(settings.forced_push)?;
                Ok(Found { fetched, remarks })
            });
            let result = match fetched.await {
                Ok(result) => result,
                Err(error) => {
                    // A mistake of gw's own, which must not end the following.
                    tracing::error!(%error, "a fetch broke off");
                    sleep(poll).await;
                    continue;
                }
            };
            let failure = result.as_ref().err().map(mem::discriminant);
            place.send(Fetch { result, begun, duration: begun.elapsed() });
            let wait = backoff.after(failure, fastrand::f64());
            let pause = wait.unwrap_or_else(|| poll.mul_f64(1.0 - 0.2 * fastrand::f64()));
            tokio::select! {
                () = sleep(pause) => {}
                () = vitals.haste() => {}
            }
        }
    });
    receiver
}
