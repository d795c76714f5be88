//! What makes gw look again.

use std::{
    future::{self, Future},
    pin::Pin,
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{
    control::Acts,
    model::Process,
    settings::Settings,
    source::{Source, git::BareClone},
    store::Store,
};

use super::{
    WatchError,
    files::{Changed, Watcher},
    repository::{self, Fetch},
    vitals::{BEAT, Vitals},
    work::Cause,
};

/// Something to do.
#[derive(Debug)]
pub(super) enum Trigger<E> {
    /// A pass is to be made.
    Pass(Cause),
    /// gw is to end: SIGINT or SIGTERM.
    Stop,
    /// What gw watches for ended.
    Ended(E),
}

/// The signals that gw listens to. From when they are made on, none of them ends gw by itself.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Begins to listen.
    pub fn listen() -> Result<Self, WatchError> {
        let listen = |kind| signal(kind).map_err(WatchError::Signals);
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits until gw is to end. Cancel-safe.
    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Where triggers come from.
pub(super) struct Triggers<'a, E> {
    signals: Signals,
    files: Option<Watcher>,
    fetches: Option<mpsc::Receiver<Fetch>>,
    process: watch::Receiver<Option<Process>>,
    resync: Interval,
    beats: Interval,
    acts: Acts,
    vitals: Vitals,
    ended: Pin<&'a mut (dyn Future<Output = E> + Send)>,
}

impl<'a, E> Triggers<'a, E> {
    /// Begins to listen. `ended` ends where there is no reason to go on.
    pub(super) fn new(
        settings: &Settings,
        source: &Source,
        signals: Signals,
        ended: Pin<&'a mut (dyn Future<Output = E> + Send)>,
        vitals: &Vitals,
    ) -> Result<Self, WatchError> {
        let (files, fetches) = match source {
            Source::Paths(paths) => (Some(Watcher::new(paths, &settings.state)?), None),
            Source::Git(git) => {
                let clone = BareClone::new(git, &settings.state);
                (None, Some(repository::follow(git, &clone, settings.watch.poll, vitals)))
            }
        };
        let mut resync = interval(settings.watch.resync);
        resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once, and the first pass without it.
        resync.reset();
        Ok(Self {
            signals,
            files,
            fetches,
            process: super::process::observe(settings, vitals),
            resync,
            beats: interval(BEAT),
            acts: Acts::of(&Store::new(&settings.state)),
            vitals: vitals.clone(),
            ended,
        })
    }

    /// Waits for the next one. Cancel-safe: every arm only waits.
    pub(super) async fn next(&mut self) -> Trigger<E> {
        loop {
            return tokio::select! {
                ended = &mut self.ended => Trigger::Ended(ended),
                _ = self.signals.interrupt.recv() => Trigger::Stop,
                _ = self.signals.terminate.recv() => Trigger::Stop,
                _ = self.signals.hangup.recv() => {
                    // Nobody asks for a pass on what was fetched half a minute ago.
                    self.vitals.hasten();
                    self.listen_anew();
                    Trigger::Pass(Cause::Asked)
                }
                changed = changed(self.files.as_mut()) => Trigger::Pass(Cause::Files(changed)),
                fetch = fetched(self.fetches.as_mut()) => {
                    Trigger::Pass(Cause::Fetched(Box::new(fetch)))
                }
                process = another(&mut self.process) => Trigger::Pass(Cause::Process(process)),
                _ = self.resync.tick() => {
                    self.listen_anew();
                    Trigger::Pass(Cause::Resync)
                }
                _ = self.beats.tick() => {
                    self.vitals.beat();
                    if !self.acts.are_new() {
                        continue;
                    }
                    Trigger::Pass(Cause::Operator)
                }
            };
        }
    }

    /// Watches anew what files there are. Whoever looks at everything finds what was missed so far, and
    /// must not miss what comes.
    fn listen_anew(&mut self) {
        if let Some(files) = &mut self.files {
            files.rearm();
        }
    }

    /// Notes that a pass begins, which reads what people told gw so far.
    pub(super) fn note_pass(&mut self) {
        self.acts.note();
    }

    /// The files that change until nothing did for a `moment`. An error where following is to end
    /// meanwhile: what ended, or `None` at a signal.
    pub(super) async fn rest_of_burst(&mut self, moment: Duration) -> Result<Changed, Option<E>> {
        let nothing = Changed::Paths(Vec::new());
        let Some(files) = &mut self.files else { return Ok(nothing) };
        tokio::select! {
            changed = files.rest_of_burst(nothing, moment) => Ok(changed),
            ended = &mut self.ended => Err(Some(ended)),
            () = self.signals.stop() => Err(None),
        }
    }
}

/// Waits for a change of files, where files are followed. Cancel-safe.
async fn changed(files: Option<&mut Watcher>) -> Changed {
    match files {
        Some(files) => files.changed().await,
        None => future::pending().await,
    }
}

/// Waits for the next fetch, where a repository is followed. Cancel-safe.
async fn fetched(fetches: Option<&mut mpsc::Receiver<Fetch>>) -> Fetch {
    let Some(fetches) = fetches else { return future::pending().await };
    match fetches.recv().await {
        Some(fetch) => fetch,
        // Whoever fetches is gone, which only happens at the end.
        None => future::pending().await,
    }
}

/// Waits for another process than the last one, or for none. Cancel-safe.
async fn another(process: &mut watch::Receiver<Option<Process>>) -> Option<Process> {
    if process.changed().await.is_err() {
        // Whoever looks for it is gone, which only happens at the end.
        future::pending::<()>().await;
    }
    process.borrow_and_update().clone()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use crate::settings::{Given, Runs};

    use super::*;

    #[tokio::test]
    async fn whoever_looks_at_everything_listens_anew() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("manifests");
        fs::create_dir(&folder).unwrap();
        let given = Given { state: Some(root.path().join("state")), ..Given::default() };
        let nothing = Some(Path::new("/dev/null"));
        let mut settings = Settings::load(nothing, given, Runs::Service).unwrap();
        settings.watch.resync = Duration::from_millis(100);
        let source = Source::Paths(vec![folder.clone()]);
        let never = std::pin::pin!(future::pending::<()>());
        let signals = Signals::listen().unwrap();
        let vitals = Vitals::default();
        let mut triggers = Triggers::new(&settings, &source, signals, never, &vitals).unwrap();
        triggers.files.as_mut().unwrap().deafen();
        assert!(matches!(triggers.next().await, Trigger::Pass(Cause::Resync)));
        fs::write(folder.join("all.yaml"), "1").unwrap();
        for _ in 0..100 {
            if let Trigger::Pass(Cause::Files(_)) = triggers.next().await {
                return;
            }
        }
        panic!("the change was not told");
    }
}
