//! What systemd is told (`sd_notify(3)`): ready, status, that the loop is alive, and the end. Where
//! systemd did not start gw, nothing is sent; what can't be sent is nobody's loss.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::{
    report::{Board, WatchEvent, pass::PassCause},
    watch::Vitals,
};

/// The service manager.
#[derive(Debug)]
pub struct Systemd {
    watchdog: Option<JoinHandle<()>>,
    status: String,
    is_ready: bool,
    reloads: bool,
}

impl Systemd {
    /// Begins to feed the watchdog, where there is one (`WatchdogSec=`), for as long as the loop
    /// gives signs of life at least every `silence`.
    pub fn start(vitals: &Vitals, silence: Duration) -> Self {
        let watchdog = sd_notify::watchdog_enabled()
            .filter(|limit| !limit.is_zero())
            .map(|limit| tokio::spawn(feed(limit / 2, vitals.clone(), silence)));
        Self { watchdog, status: String::new(), is_ready: false, reloads: false }
    }

    /// Tells what follows from an event, and what is so by now.
    pub fn tell(&mut self, event: &WatchEvent<'_>, board: &Board) {
        match event {
            WatchEvent::Watching => {
                self.is_ready = true;
                let _ = sd_notify::notify(&[NotifyState::Ready]);
            }
            WatchEvent::PassBegun { causes, .. }
                if self.is_ready && causes.contains(&PassCause::Asked) =>
            {
                self.reloads = true;
                if let Ok(now) = NotifyState::monotonic_usec_now() {
                    let _ = sd_notify::notify(&[NotifyState::Reloading, now]);
                }
            }
            WatchEvent::PassEnded(_) if std::mem::take(&mut self.reloads) => {
                let _ = sd_notify::notify(&[NotifyState::Ready]);
            }
            _ => {}
        }
        let status = board.summary();
        if status != self.status {
            let _ = sd_notify::notify(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    /// Tells that gw ends.
    pub fn end(&mut self) {
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        if let Some(watchdog) = &self.watchdog {
            watchdog.abort();
        }
    }
}

async fn feed(every: Duration, vitals: Vitals, silence: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if vitals.silence() < silence {
            let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        }
    }
}
