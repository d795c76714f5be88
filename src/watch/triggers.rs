//! What makes gw look again.

use std::{future::Future, path::PathBuf, pin::Pin, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Interval, MissedTickBehavior, interval},
};

use crate::{model::Process, settings::Settings};

use super::{
    WatchError,
    files::{Changed, Watcher},
    vitals::{BEAT, Vitals},
    work::Cause,
};

/// How often everything is compared, whether or not something changed.
pub(super) const RESYNC: Duration = Duration::from_secs(60);

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
}

/// Where triggers come from.
pub(super) struct Triggers<'a, E> {
    signals: Signals,
    files: Watcher,
    process: watch::Receiver<Option<Process>>,
    resync: Interval,
    beats: Interval,
    vitals: Vitals,
    ended: Pin<&'a mut (dyn Future<Output = E> + Send)>,
}

impl<'a, E> Triggers<'a, E> {
    /// Begins to listen. `ended` ends where there is no reason to go on.
    pub(super) fn new(
        settings: &Settings,
        paths: &[PathBuf],
        signals: Signals,
        ended: Pin<&'a mut (dyn Future<Output = E> + Send)>,
        vitals: &Vitals,
    ) -> Result<Self, WatchError> {
        let mut resync = interval(RESYNC);
        resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once, and the first pass without it.
        resync.reset();
        Ok(Self {
            signals,
            files: Watcher::new(paths, &settings.state)?,
            process: super::process::observe(settings, vitals),
            resync,
            beats: interval(BEAT),
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
                _ = self.signals.hangup.recv() => Trigger::Pass(Cause::Asked),
                changed = self.files.changed() => Trigger::Pass(Cause::Files(changed)),
                process = another(&mut self.process) => Trigger::Pass(Cause::Process(process)),
                _ = self.resync.tick() => Trigger::Pass(Cause::Resync),
                _ = self.beats.tick() => {
                    self.vitals.beat();
                    continue;
                }
            };
        }
    }

    /// The files that change until nothing did for a `moment`.
    pub(super) async fn rest_of_burst(&mut self, moment: Duration) -> Changed {
        self.files.rest_of_burst(Changed::Paths(Vec::new()), moment).await
    }
}

/// Waits for another process than the last one. Cancel-safe.
async fn another(process: &mut watch::Receiver<Option<Process>>) -> Process {
    loop {
        if process.changed().await.is_err() {
            // Whoever looks for it is gone, which only happens at the end.
            std::future::pending::<()>().await;
        }
        if let Some(process) = process.borrow_and_update().clone() {
            return process;
        }
    }
}
